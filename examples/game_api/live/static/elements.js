// Elements made by hand: what players are called is set as text, never read as HTML.

export const byId = (id) => document.getElementById(id);

export function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export function show(id, text) {
  const found = byId(id);
  found.hidden = !text;
  if (found.textContent !== text) found.textContent = text;
}

export const number = (value) => value.toLocaleString("en");

export function clock(seconds) {
  const moment = new Date(seconds * 1000);
  const two = (value) => String(value).padStart(2, "0");
  const milliseconds = String(moment.getMilliseconds()).padStart(3, "0");
  return `${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}.${milliseconds}`;
}

export function minute(time) {
  const moment = new Date(time);
  if (Number.isNaN(moment.getTime())) return time;
  const second = moment.getSeconds() ? { second: "2-digit" } : {};
  return moment.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", ...second });
}

export function duration(milliseconds) {
  if (milliseconds >= 10_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}
