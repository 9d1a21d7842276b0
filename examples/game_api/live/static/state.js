// What the server says beside the events: broker, ledger, and the speed layer's results where there is one.

import { byId, element, number, show } from "./elements.js";
import { drawSpeedLayer } from "./speed.js";

const LEDGER = ["emitted", "adopted", "delivered", "failed", "dropped", "dead", "pending"];
const ALWAYS = new Set(["emitted", "delivered", "pending"]);
const LOSSES = new Set(["failed", "dropped", "dead", "pending"]);

export function drawState({ broker, ledger, process, speed_layer: results }) {
  const before = byId("broker").dataset.answers;
  byId("broker").dataset.answers = broker.answers;
  // Said aloud only when it is another thing: under load the words change five times a second.
  if (before !== String(broker.answers)) show("announced", broker.words);
  show("broker-words", broker.words);
  show("trouble", broker.trouble);
  const lines = LEDGER.filter((name) => ALWAYS.has(name) || ledger[name] > 0);
  byId("ledger").replaceChildren(...lines.map((name) => ledgerLine(name, ledger[name])));
  const parts = ["delivered", "failed", "dropped", "dead", "pending"].map((name) => ledger[name]);
  const isSum = ledger.emitted + ledger.adopted === parts.reduce((sum, part) => sum + part, 0);
  show("sum", `${isSum ? "It adds up" : "It doesn’t add up"}: what process ${process} sent, and what became of it.`);
  drawSpeedLayer(results);
}

function ledgerLine(name, count) {
  const line = element("tr");
  const kind = LOSSES.has(name) && count > 0 ? "owed" : "";
  line.append(element("th", name, { scope: "row" }), element("td", number(count), { class: kind }));
  return line;
}
