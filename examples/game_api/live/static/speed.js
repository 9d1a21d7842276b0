// What the speed layer counted, and whom it raised an alert about. The panel is there as long as its database is.

import { byId, element, minute, number } from "./elements.js";

let drawn = "";

export function drawSpeedLayer(results) {
  const now = JSON.stringify(results);
  if (now === drawn) return; // what stands there already isn't read aloud again
  drawn = now;
  byId("speed-layer").hidden = results === null;
  byId("totals").replaceChildren(...(results?.totals ?? []).map(totalLine));
  byId("alerts").replaceChildren(...(results?.alerts ?? []).map(alertLine));
}

function totalLine({ window_start: start, player, type, purchases }) {
  const line = element("tr");
  const cells = [minute(start), player, type].map((text) => element("td", text));
  line.append(...cells, element("td", number(purchases), { class: "number" }));
  return line;
}

function alertLine({ window_start: start, player, swords, cause_id: cause, announced }) {
  const line = element("li");
  const where = announced === null ? "It waits for Kafka" : "It is an event in the stream";
  line.append(
    element("b", `${player} bought ${number(swords)} swords in the minute from ${minute(start)}`),
    element("span", `${where}; its cause is ${cause}`),
  );
  return line;
}
