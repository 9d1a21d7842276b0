"""The live page's stream, read as a browser reads it, and a game in this process to read it from."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.serving import make_server

from examples.game_api.app import TOPIC, create_app
from examples.game_api.app import events as game_events
from examples.game_api.live.feed import LiveFeed
from examples.game_api.live.routes import feed_of
from flask_kafka_events import AppEvents
from flask_kafka_events.embedded import Lease


@dataclass(frozen=True, kw_only=True)
class Sse:
    """One message of a stream; a comment has no name."""

    name: str
    id: str
    data: Any


class Stream:
    """One reader's connection.

    Args:
        address: the game's.
        last: the id of the last message that was read; empty where it begins.
        after: the same, in the address.
        timeout: seconds until a read gives up.
    """

    def __init__(self, address: str, *, last: str = "", after: str = "", timeout: float = 10.0) -> None:
        self._connection = http.client.HTTPConnection(urllib.parse.urlsplit(address).netloc, timeout=timeout)
        headers = {"Last-Event-ID": last} if last else {}
        query = f"?after={urllib.parse.quote(after)}" if after else ""
        self._connection.request("GET", f"/live/stream{query}", headers=headers)
        self.response = self._connection.getresponse()
        self.last = last

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()
        self._connection.close()

    def messages(self) -> Iterator[Sse]:
        """What comes, until the server ends it."""
        fields: dict[str, str] = {}
        for line in iter(self.response.readline, b""):
            text = line.decode().rstrip("\n")
            if text:
                name, _, value = text.partition(":")
                fields[name] = value.strip()
                continue
            self.last = fields.get("id", self.last)
            yield Sse(name=fields.get("event", ""), id=self.last, data=json.loads(fields.get("data", "null")))
            fields = {}

    def until(self, name: str) -> Sse:
        """The next message of this name."""
        for message in self.messages():
            if message.name == name:
                return message
        raise AssertionError(f"The stream ended without {name!r}.")

    def rows(self, count: int) -> list[dict[str, Any]]:
        """The next so many events."""
        return [self.until("event").data for _ in range(count)]


@dataclass(frozen=True, kw_only=True)
class Playing:
    """A game that is served in this process."""

    app: Flask
    address: str

    @property
    def events(self) -> AppEvents:
        """The app's events."""
        return game_events.for_app(self.app)

    @property
    def feed(self) -> LiveFeed:
        """The app's feed."""
        return feed_of(self.app)

    def get(self, path: str, **query: str) -> bytes:
        """The answer to a request."""
        url = f"{self.address}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own http address
            return bytes(answer.read())

    def stream(self, *, last: str = "", after: str = "", timeout: float = 10.0) -> Stream:
        """A reader."""
        return Stream(self.address, last=last, after=after, timeout=timeout)


@contextmanager
def playing(broker: Lease, folder: Path | None = None, **config: object) -> Iterator[Playing]:
    """The game on this embedded broker, which has its topic; its instance folder, and config on top of its own."""
    broker.create_topic(TOPIC)
    with playing_on(broker.address, folder, **config) as game:
        yield game


@contextmanager
def playing_on(servers: str, folder: Path | None = None, **config: object) -> Iterator[Playing]:
    """The game on any broker, served with threads."""
    app = create_app(
        None if folder is None else str(folder), {"KAFKA_EVENTS_BOOTSTRAP_SERVERS": servers, **config}
    )
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Playing(app=app, address=f"http://127.0.0.1:{server.server_port}")
    finally:
        feed_of(app).close()
        server.shutdown()
        server.server_close()
        thread.join()
        game_events.for_app(app).close(1)
