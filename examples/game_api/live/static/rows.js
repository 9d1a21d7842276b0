// The stream's table: the latest events, the newest first, and never more than so many.

import { byId, clock, element, number } from "./elements.js";

const MOST = 100;

export class Rows {
  #body = byId("rows");
  #kept = []; // the newest first: { row, lines }
  #waiting = [];
  #held = false;
  #heldBack = 0;
  #onChosen;
  #isMine;

  // `onChosen` gets a row that a person asks about, `isMine` says which ones were caused on this page.
  constructor(onChosen, isMine) {
    this.#onChosen = onChosen;
    this.#isMine = isMine;
  }

  replace(rows) {
    this.#body.replaceChildren();
    this.#kept = [];
    this.#waiting = rows.slice();
    this.#heldBack = 0;
    this.draw({ calm: true, held: false });
  }

  add(row) {
    this.#waiting.push(row);
    if (this.#held) this.#heldBack += 1;
    if (this.#waiting.length > MOST) this.#waiting.shift();
  }

  find(id) {
    return this.#waiting.find((row) => row.id === id) ?? this.#kept.find(({ row }) => row.id === id)?.row;
  }

  hold(held) {
    this.#held = held;
    this.#heldBack = 0;
    this.draw();
  }

  draw({ calm = this.#waiting.length > 20, held = this.#held } = {}) {
    const text = this.#heldBack === 1 ? "1 more event" : `${number(this.#heldBack)} more events`;
    byId("held").hidden = !this.#held;
    byId("held").textContent = `The stream is held; ${text} since.`;
    if (held) return;
    for (const row of this.#waiting) this.#draw(row, calm);
    this.#waiting = [];
    for (const { lines } of this.#kept.splice(MOST)) lines.forEach((line) => line.remove());
    byId("empty").hidden = this.#kept.length > 0;
  }

  #draw(row, calm) {
    const line = element("tr", undefined, { "data-place": `${row.partition}:${row.offset}` });
    if (!calm) line.classList.add("new");
    if (this.#isMine(row)) line.classList.add("mine");
    const entry = { row, lines: [line] };
    const cell = element("td");
    const button = element("button", row.type, { type: "button", "aria-expanded": "false" });
    button.addEventListener("click", () => this.#toggle(entry, button));
    cell.append(button);
    const player = element("td", row.player ?? "nobody");
    if (row.player === null) player.className = "nobody";
    const time = element("td");
    if (row.time !== null) {
      time.append(element("time", clock(row.time), { datetime: new Date(row.time * 1000).toISOString() }));
    }
    line.append(cell, player, time, ...[row.partition, row.offset].map((value) => element("td", value, { class: "number" })));
    this.#body.prepend(line);
    this.#kept.unshift(entry);
  }

  #toggle(entry, button) {
    const isOpen = entry.lines.length > 1;
    button.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) {
      entry.lines.pop().remove();
      return;
    }
    const more = element("tr", undefined, { class: "more" });
    const cell = element("td", undefined, { colspan: "5" });
    const list = element("dl");
    const shown = { ...entry.row.attributes, ...(entry.row.data === null ? {} : { data: entry.row.data }) };
    for (const [name, value] of Object.entries(shown)) list.append(element("dt", name), element("dd", value));
    cell.append(list);
    more.append(cell);
    entry.lines[0].after(more);
    entry.lines.push(more);
    this.#onChosen(entry.row);
  }
}
