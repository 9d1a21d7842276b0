"""Plays the game: `make game`, or `PORT=8000 python -m examples.game_api`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from werkzeug.serving import make_server

from examples.game_api.app import create_app, events
from flask_kafka_events import embedded

HOST = "127.0.0.1"
HIGHEST_PORT = 65_535


def main() -> None:
    """Serve until Ctrl-C."""
    port = read_port(os.environ.get("PORT", "5000"))
    app = create_app(os.environ.get("GAME_INSTANCE_PATH"))
    try:
        server = make_server(HOST, port, app, threaded=True)
    except SystemExit:  # werkzeug has said that the port is taken
        sys.exit(f"Choose another port: make game PORT={port + 1}")
    topic = app.config["KAFKA_EVENTS_TOPIC"]
    with broker_of(app) as broker:
        print(f"the game is at http://{HOST}:{port}/")
        print(f"read its events: kcat -C -b {broker} -t {topic} -o beginning -e -q")
        print(f"watch them: http://{HOST}:{port}/live", flush=True)
        try:
            server.serve_forever()  # Ctrl-C is its end, and no exception
            print("\nthe game is over")
        finally:
            server.server_close()
            events.for_app(app).close()


def read_port(text: str) -> int:
    """The port that PORT names."""
    if not text.isdecimal() or not 0 < int(text) <= HIGHEST_PORT:
        sys.exit(f"PORT must be a number from 1 to {HIGHEST_PORT}, got {text!r}. Try: make game PORT=8000")
    return int(text)


@contextmanager
def broker_of(app: Flask) -> Iterator[str]:
    """Where the events go: the embedded broker, with the topic on it, or the one that the environment names."""
    servers: str = app.config["KAFKA_EVENTS_BOOTSTRAP_SERVERS"]
    if servers != "embedded":
        yield servers
        return
    # Joined here first, so that it stands before the first event, and ends as soon as the game is over.
    with embedded.join(Path(app.instance_path), log=app.logger, linger=0.5) as lease:
        lease.create_topic(app.config["KAFKA_EVENTS_TOPIC"])
        yield lease.address


if __name__ == "__main__":
    main()
