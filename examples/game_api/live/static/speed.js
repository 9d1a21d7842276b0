// What the speed layer counted, and whom it raised an alert about. The panel is there as long as its database is.

import { byId, element, minute, number } from "./elements.js";

const drawn = new Map();

export function drawSpeedLayer(results) {
  byId("speed-layer").hidden = results === null;
  draw("totals", results?.totals ?? [], totalLine);
  draw("alerts", results?.alerts ?? [], alertLine);
}

// What stands there already isn't drawn, and read aloud, again.
function draw(id, rows, line) {
  const now = JSON.stringify(rows);
  if (drawn.get(id) === now) return;
  drawn.set(id, now);
  byId(id).replaceChildren(...rows.map(line));
}

function totalLine({ window_start: start, player, type, purchases }) {
  const line = element("tr");
  const cells = [minute(start), player, type].map((text) => element("td", text));
  line.append(...cells, element("td", number(purchases), { class: "number" }));
  return line;
}

function alertLine({ window_start: start, window_end: end, player, swords, cause_id: cause, announced }) {
  const line = element("li");
  const where = announced === null ? "It waits for Kafka" : "It is an event in the stream";
  line.append(
    element("b", `${player} bought ${number(swords)} swords between ${minute(start)} and ${minute(end)}`),
    element("span", `${where}; its cause is ${cause}`),
  );
  return line;
}
