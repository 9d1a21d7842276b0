// What is done on this page: each click is a request with a trace of its own, by which its event is known again.

import { byId, duration, show } from "./elements.js";

const REMEMBERED = 50;

export class Clicks {
  #open = new Map(); // by trace: { clicked, answer, took }
  #latest = null;

  constructor() {
    byId("player").value = sessionStorage.getItem("player") ?? "";
    byId("play").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask(event.submitter?.formAction ?? event.target.action);
    });
  }

  // Whether an event was caused by a click here.
  has(row) {
    return this.#open.has(row.attributes.traceparent);
  }

  // An event of ours has come; gives what to say of its way.
  arrived(row) {
    const click = this.#open.get(row.attributes.traceparent);
    click.took ??= duration(performance.now() - click.clicked);
    this.#tell(click);
    return `From the click to its row on this page: ${click.took}.`;
  }

  async #ask(address) {
    const player = byId("player").value;
    sessionStorage.setItem("player", player);
    const url = new URL(address);
    if (player) url.searchParams.set("player", player);
    const trace = newTrace();
    const click = { clicked: performance.now(), answer: "", took: null };
    this.#latest = click;
    this.#open.set(trace, click);
    if (this.#open.size > REMEMBERED) this.#open.delete(this.#open.keys().next().value);
    try {
      const response = await fetch(url, { headers: { traceparent: trace }, cache: "no-store" });
      click.answer = response.ok ? (await response.text()).trim() : `The game answered with ${response.status}.`;
    } catch {
      click.answer = "The game didn’t answer.";
    }
    this.#tell(click);
  }

  // Of the latest click alone: an older one's event may come last.
  #tell(click) {
    if (click !== this.#latest) return;
    show("answer", [click.answer, click.took && `Its event came after ${click.took}.`].filter(Boolean).join(" "));
  }
}

// https://www.w3.org/TR/trace-context/
function newTrace() {
  const hex = [...crypto.getRandomValues(new Uint8Array(24))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `00-${hex.slice(0, 32)}-${hex.slice(32)}-01`;
}
