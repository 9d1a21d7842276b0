"""Runs the Python blocks of one page, in order and in one namespace, and asks the apps that they make.

Started by `test_docs_blocks.py` in a process of its own, with the blocks as JSON on standard input: `{"page": ...,
"blocks": [[line, text], ...]}`. Each route of each app is asked once, and each event that comes of it must be
acknowledged by the broker.
"""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

from flask import Flask

from flask_kafka_events import KafkaEvents

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SAMPLES = {
    "IntegerConverter": "1",
    "FloatConverter": "1.0",
    "UUIDConverter": "0198c2f0-0000-7000-8000-000000000000",
}


def stage() -> dict[str, Any]:
    """What a page may take as given: an app that has its events."""
    app = Flask("shop")
    app.config.from_prefixed_env()
    return {"__name__": "page", "app": app, "events": KafkaEvents(app)}


def main() -> None:
    """Run them."""
    given = json.load(sys.stdin)
    namespace = stage()
    apps: list[Flask] = []
    for line, text in given["blocks"]:
        # So that a traceback has the page's own line.
        exec(compile("\n" * (line - 1) + text, given["page"], "exec"), namespace)  # noqa: S102 - the docs' own
        apps += [app for app in made_in(namespace) if app not in apps]
    for app in apps:
        ask(app)


def made_in(namespace: dict[str, Any]) -> list[Flask]:
    """The apps in the namespace; a factory's is put there, in its place."""
    factory = namespace.get("create_app")
    if callable(factory) and not inspect.signature(factory).parameters:
        namespace["create_app"] = factory()
    return [value for value in namespace.values() if isinstance(value, Flask)]


def ask(app: Flask) -> None:
    """Ask each of an app's routes, and see each event acknowledged."""
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static":
            continue
        converters = rule._converters  # noqa: SLF001 - there is no public way to them
        values: dict[str, Any] = {
            name: SAMPLES.get(type(each).__name__, "ana") for name, each in converters.items()
        }
        with app.test_request_context():
            path = app.url_for(rule.endpoint, **values)
        (method, *_) = (each for each in METHODS if each in (rule.methods or ()))
        form = {"player": "ana", "price": "12"} if method in {"POST", "PUT", "PATCH"} else None
        with client.open(path, method=method, data=form) as answer:
            assert answer.status_code < 400, f"{method} {path}: {answer.status}"
            answer.get_data()
    if "kafka_events" in app.extensions:
        mine = KafkaEvents().for_app(app)
        assert mine.flush(20), "events are still pending"
        stats = mine.stats()
        mine.close()
        assert stats.delivered == stats.emitted, stats


if __name__ == "__main__":
    main()
