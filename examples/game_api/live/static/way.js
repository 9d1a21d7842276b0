// The way of one event, by the server's clock: the view returned, the client was answered, the broker acknowledged, the
// page's consumer saw it.

import { byId, duration, element, show } from "./elements.js";

export class Way {
  #row = null;
  #note = "";

  of(row, note = "") {
    this.#row = row;
    this.#note = note;
    this.draw();
  }

  isOf(id) {
    return this.#row !== null && this.#row.id === id;
  }

  draw() {
    const row = this.#row;
    const stations = [
      ["happened", row.time],
      ["answered", row.answered],
      ["acknowledged", row.acknowledged],
      ["seen", row.seen],
    ].filter(([name, moment]) => name === "acknowledged" || moment);
    // What hasn't happened yet, or is known to another process, stands last.
    stations.sort(([, a], [, b]) => (a ?? Infinity) - (b ?? Infinity));
    show("way-of", `${row.type}, ${row.player ?? "nobody"}: partition ${row.partition}, offset ${row.offset}`);
    byId("way-stations").replaceChildren(...stations.map(([name, moment]) => station(name, moment, row.time)));
    byId("way-stations").hidden = false;
    byId("way-bar").replaceChildren(...parts(stations.filter(([, moment]) => moment)));
    byId("way-bar").hidden = false;
    show("way-note", this.#note);
  }
}

function station(name, moment, start) {
  const made = element("li", undefined, moment ? {} : { class: "waits" });
  const isFirst = moment === start;
  const when = moment ? (isFirst ? "0 ms" : `after ${duration((moment - start) * 1000)}`) : "only its sender knows when";
  made.append(element("b", name), " ", element("span", when));
  return made;
}

function parts(stations) {
  return stations.slice(1).map(([, moment], index) => {
    const part = element("i");
    part.style.flexGrow = String(Math.max(moment - stations[index][1], 1e-6) * 1e6);
    return part;
  });
}
