"""The page's routes: `/live`, its stream, and its own files."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from flask import Blueprint, Flask, Response, current_app, render_template, request

from examples.game_api.live.feed import LiveFeed, NoPlaceLeft
from examples.game_api.live.position import read_position
from examples.game_api.live.sending import limit_sending
from examples.game_api.live.stream import Pace, stream
from flask_kafka_events import KafkaEvents

EXTENSION: Final = "game_live"
# How many streams one process serves: each holds a thread of the server, so it must have more than these.
READERS: Final = 16
#: Seconds in which a reader must take what it is sent.
SENDING: Final = 10.0

#: Nothing from elsewhere, nothing inline: what a player is called can't become a script.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

live = Blueprint(
    "live",
    __name__,
    url_prefix="/live",
    static_folder="static",
    static_url_path="/static",
    template_folder="templates",
)


def init_live(app: Flask, events: KafkaEvents) -> None:
    """Give an app the page; opens nothing and starts nothing.

    Settings: `GAME_LIVE_READERS` (16), how many streams a process serves at a time; `GAME_LIVE_SECONDS` (25), how long one
    lasts before the browser comes again; `GAME_LIVE_HEARTBEAT` (10), seconds between two signs of life; `GAME_LIVE_SENDING`
    (10), seconds in which a reader must take what it is sent. The environment variable `GAME_SPEED_LAYER_DB` names the
    speed layer's database.
    """
    app.config.setdefault("GAME_LIVE_READERS", READERS)
    app.config.setdefault("GAME_LIVE_SECONDS", Pace().life)
    app.config.setdefault("GAME_LIVE_HEARTBEAT", Pace().heartbeat)
    app.config.setdefault("GAME_LIVE_SENDING", SENDING)
    app.config.setdefault("GAME_SPEED_LAYER_DB", os.environ.get("GAME_SPEED_LAYER_DB"))
    app.extensions[EXTENSION] = LiveFeed(app, events, most_readers=app.config["GAME_LIVE_READERS"])
    app.register_blueprint(live)


def feed_of(app: Flask) -> LiveFeed:
    """The app's feed."""
    feed: LiveFeed = app.extensions[EXTENSION]
    return feed


@live.after_request
def add_headers(response: Response) -> Response:
    """Say what the page may load: its own files."""
    response.headers.update(HEADERS)
    return response


@live.get("")
def page() -> str:
    """The page itself."""
    return render_template("live.html")


@live.get("/stream")
def events() -> Response:
    """The events, as they come: from where the reader was, or from now with what is needed to begin."""
    if not request.environ["wsgi.multithread"]:
        return _text(
            "The live page needs a server with threads or greenlets: a stream would be all that this one serves.",
            501,
        )
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # the app itself, for the stream outlives its context
    feed = feed_of(app)
    try:
        backlog = feed.join()
    except NoPlaceLeft:
        return _text("There are too many readers just now. Try again.", 503)
    after = read_position(request.headers.get("Last-Event-ID") or request.args.get("after", ""))
    limit_sending(request.environ, app.config["GAME_LIVE_SENDING"])
    pace = Pace(life=app.config["GAME_LIVE_SECONDS"], heartbeat=app.config["GAME_LIVE_HEARTBEAT"])
    response = Response(stream(backlog, after, pace), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep the events until it has a page of them
    response.call_on_close(_once(feed.leave))
    return response


def _text(text: str, status: int) -> Response:
    return Response(f"{text}\n", status, mimetype="text/plain", headers={"Retry-After": "2"})


def _once(function: Callable[[], object]) -> Callable[[], None]:
    """A function that does it the first time only: servers may close a response twice."""
    left = [function]

    def call() -> None:
        if left:
            left.pop()()

    return call
