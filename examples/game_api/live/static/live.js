// The live page: what comes over the line goes to whoever draws it.

import { Clicks } from "./clicks.js";
import { Connection } from "./connection.js";
import { Counts } from "./counts.js";
import { byId, show } from "./elements.js";
import { Rows } from "./rows.js";
import { drawState } from "./state.js";
import { Way } from "./way.js";

const clicks = new Clicks();
const counts = new Counts();
const way = new Way();
const rows = new Rows((row) => way.of(row), (row) => clicks.has(row));

// However many events come between two pictures, they are drawn once.
let isDue = false;
function drawSoon() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    rows.draw();
    counts.draw();
  });
}

const receivers = {
  snapshot(all) {
    counts.replace(all);
    rows.replace(all.rows);
    drawSoon();
  },
  event(row) {
    counts.add(row);
    rows.add(row);
    if (clicks.has(row)) way.of(row, clicks.arrived(row));
    drawSoon();
  },
  acknowledged(moments) {
    for (const [id, moment] of Object.entries(moments)) {
      const row = rows.find(id);
      if (row) row.acknowledged = moment;
      if (row && way.isOf(id)) way.draw();
    }
  },
  state: drawState,
};

const line = new Connection(document.body.dataset.stream, receivers, (stands) =>
  show("line", stands ? "" : "The line to the game is down. The page goes on where it was as soon as it is back."),
);
line.open();

byId("hold").addEventListener("click", ({ target }) => {
  const held = target.getAttribute("aria-pressed") !== "true";
  target.setAttribute("aria-pressed", String(held));
  target.textContent = held ? "Go on" : "Hold";
  rows.hold(held);
});
