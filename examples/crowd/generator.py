"""Locust, as a program that tells each half second how far it is, and at its end what was answered: one JSON a line.

It runs in an environment of its own and imports nothing but Locust. SIGTERM ends it early; it lets each player have the
answer that is on its way.
"""

# Locust patches the standard library, so it comes first.
from examples.crowd.habits import PLAYERS  # isort: skip

import json
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from typing import Any, Final

import gevent
from gevent.event import Event
from locust.env import Environment

REPORT_SECONDS: Final = 0.5
#: How long an answer may be on its way when the time is over; as long as the players themselves would wait.
ANSWER_SECONDS: Final = 30
#: Locust warns of more than a hundred new players a second.
MOST_ARRIVALS: Final = 100.0
#: All are there after so much of the time.
ARRIVAL: Final = 1 / 6


def main() -> None:
    """Play, and report on standard output."""
    options = options_of(sys.argv[1:])
    environment = Environment(
        user_classes=list(PLAYERS), host=options.host, stop_timeout=ANSWER_SECONDS, parsed_options=options
    )
    answered: Counter[tuple[str, str]] = Counter()

    def count(*, name: str, exception: object, context: dict[str, str], **_: object) -> None:
        answered[context["player"], name] += exception is None

    environment.events.request.add_listener(count)
    is_over = Event()
    gevent.signal_handler(signal.SIGTERM, is_over.set)
    runner = environment.create_local_runner()
    began = time.monotonic()
    runner.start(options.players, min(MOST_ARRIVALS, options.players / (ARRIVAL * options.seconds)))
    while not is_over.wait(REPORT_SECONDS) and time.monotonic() - began < options.seconds:
        tell("progress", numbers(environment, began))
    lasted = time.monotonic() - began
    runner.quit()
    tell("played", {**numbers(environment, began), "seconds": lasted, **outcome(environment, answered)})


def options_of(words: list[str]) -> Namespace:
    """What the command line says."""
    parser = ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--players", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--crowd", required=True)
    return parser.parse_args(words)


def numbers(environment: Any, began: float) -> dict[str, float]:
    """How far it is."""
    total = environment.stats.total
    return {
        "seconds": time.monotonic() - began,
        "players": environment.runner.user_count,
        "requests": total.num_requests,
        "refused": total.num_failures,
    }


def outcome(environment: Any, answered: Counter[tuple[str, str]]) -> dict[str, object]:
    """What a report has at the end alone."""
    total = environment.stats.total
    return {
        "answered": [[player, route, number] for (player, route), number in answered.items()],
        "refusals": {str(each.error): each.occurrences for each in environment.stats.errors.values()},
        "p50": total.get_response_time_percentile(0.5),
        "p99": total.get_response_time_percentile(0.99),
        "slowest": total.max_response_time,
    }


def tell(kind: str, content: dict[str, Any]) -> None:
    """Write one report."""
    sys.stdout.write(json.dumps({"type": kind, **content}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
