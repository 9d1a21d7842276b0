// The line to the game: server-sent events that miss nothing and repeat nothing, however often the line drops.

const AGAIN = 2000; // ms until a refused line is tried again: EventSource itself gives up at a 503
const QUIET = 1500; // ms that a line may be gone before anybody is told: a stream ends every 25 s by design

export class Connection {
  #url;
  #receivers;
  #onLine;
  #source = null;
  #position = "";
  #timers = {};

  // `receivers` by the message's name; `onLine` gets whether the line stands.
  constructor(url, receivers, onLine) {
    this.#url = url;
    this.#receivers = receivers;
    this.#onLine = onLine;
    // A browser has six connections to one server: a page that nobody sees keeps none of them.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
  }

  open() {
    if (this.#source) return;
    clearTimeout(this.#timers.again);
    const url = this.#position ? `${this.#url}?after=${encodeURIComponent(this.#position)}` : this.#url;
    this.#source = new EventSource(url);
    this.#source.onopen = () => this.#stands();
    this.#source.onerror = () => this.#dropped();
    for (const [name, receive] of Object.entries(this.#receivers)) {
      this.#source.addEventListener(name, (message) => {
        if (message.lastEventId) this.#position = message.lastEventId;
        receive(JSON.parse(message.data));
      });
    }
  }

  close() {
    clearTimeout(this.#timers.again);
    clearTimeout(this.#timers.quiet);
    this.#source?.close();
    this.#source = null;
  }

  #stands() {
    clearTimeout(this.#timers.quiet);
    this.#timers.quiet = null;
    this.#onLine(true);
  }

  #dropped() {
    this.#timers.quiet ??= setTimeout(() => this.#onLine(false), QUIET);
    if (this.#source.readyState !== EventSource.CLOSED) return; // it comes again by itself
    this.#source = null;
    this.#timers.again = setTimeout(() => this.open(), AGAIN);
  }
}
