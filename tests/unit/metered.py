"""`python -m tests.unit.metered`: workers of a preloaded app that share their metrics; what each does is given as JSON.

Each prints its ledger once all is at rest, and its last one when its input ends.
"""

import json
import os
import sys
from typing import Any

from confluent_kafka import KafkaError
from flask import Flask
from prometheus_client import generate_latest

from flask_kafka_events import current_event, emit_event
from flask_kafka_events.contrib.prometheus import export_metrics
from tests.scrapes import as_ledger
from tests.sending import Shop, shop

from .obedient_broker import Broker, ObedientProducer


def work(broker: Broker, held: Shop, actions: list[list[Any]]) -> None:
    """Do one worker's actions, and tell its ledger before and after the end."""
    for action, *how in actions:
        if action == "emit":
            held.mine.emit(*how)
        elif action == "answer":
            broker.answers.extend(None if code is None else KafkaError(code) for code in how[0])
            if broker.producers:
                broker.rest()
            broker.answers.clear()
        else:
            call_decorated(held.app, how[0])
    tell(held)
    sys.stdin.read()
    held.mine.close(0.02)
    tell(held)


def call_decorated(app: Flask, end: str) -> None:
    """A function whose event comes to something or not."""

    @emit_event("called")
    def function() -> None:
        if end == "discard":
            current_event.discard()
        if end == "mistake":
            current_event["price"] = float("nan")
        if end == "raise":
            raise EOFError

    with app.app_context():
        try:
            function()
        except EOFError:
            return


def tell(held: Shop) -> None:
    """Print this process's ledger; a scrape of it shows what came to nothing before there was a poller."""
    generate_latest()
    line = json.dumps([os.getpid(), as_ledger(held.mine.stats())]) + "\n"
    os.write(sys.stdout.fileno(), line.encode())  # in one piece: the others write to the same pipe


def main() -> None:
    """Make the app, fork the workers and wait for them."""
    broker = Broker()
    with shop(testing=False, make=lambda *_, **__: ObedientProducer(broker), patience=0) as held:
        export_metrics(held.app)
        children = []
        for actions in json.loads(sys.argv[1]):
            child = os.fork()
            if child == 0:
                work(broker, held, actions)
                os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)


if __name__ == "__main__":
    main()
