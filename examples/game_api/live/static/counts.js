// How many events there are of each type and of each player.

import { byId, element, number } from "./elements.js";

const SHOWN = 8;
const MOST_NAMES = 1000; // as many as the server counts by name

export class Counts {
  #total = 0;
  #types = new Map();
  #players = new Map();
  #unnamed = { types: 0, players: 0, nobody: 0 };
  #since = [];

  replace({ tally, since }) {
    this.#total = tally.total;
    this.#types = new Map(tally.types);
    this.#players = new Map(tally.players);
    this.#unnamed = { ...tally.unnamed };
    this.#since = since;
  }

  add(row) {
    this.#total += 1;
    this.#count(this.#types, "types", row.type);
    if (row.player === null) this.#unnamed.nobody += 1;
    else this.#count(this.#players, "players", row.player);
  }

  draw() {
    drawCounts(byId("types"), this.#types, [["others", this.#unnamed.types]]);
    drawCounts(byId("players"), this.#players, [["others", this.#unnamed.players], ["nobody", this.#unnamed.nobody]]);
    const from = this.#since.every(([, offset]) => offset === 0)
      ? "from the beginning of the topic"
      : `from offset ${this.#since.map(([partition, offset]) => `${number(offset)} of partition ${partition}`).join(", ")}`;
    byId("since").textContent = `${number(this.#total)} ${this.#total === 1 ? "event" : "events"}, ${from}.`;
  }

  #count(counts, kind, name) {
    if (counts.has(name) || counts.size < MOST_NAMES) counts.set(name, (counts.get(name) ?? 0) + 1);
    else this.#unnamed[kind] += 1;
  }
}

function drawCounts(body, counts, unnamed) {
  const sorted = [...counts].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));
  const rest = sorted.slice(SHOWN).reduce((sum, [, count]) => sum + count, 0);
  const shown = sorted.slice(0, SHOWN);
  const more = unnamed.map(([name, count]) => [name, count + (name === "others" ? rest : 0)]).filter(([, count]) => count);
  const most = Math.max(1, ...shown.map(([, count]) => count));
  body.replaceChildren(
    ...shown.map(([name, count]) => line(name, count, count / most)),
    ...more.map(([name, count]) => line(name, count, 0, "nobody")),
  );
}

function line(name, count, share, kind = "") {
  const made = element("tr");
  const cell = element("td");
  const bar = element("i", undefined, { "aria-hidden": "true" });
  bar.style.width = `${share * 3}rem`;
  cell.append(bar, number(count));
  made.append(element("th", name, { scope: "row", class: kind }), cell);
  return made;
}
