"""Runs one member of the speed layer: `make speed-layer`, or `python -m examples.game_api.speed_layer --help`."""

import os
import signal
import sys
import time
from typing import Final

from confluent_kafka import KafkaException
from quixstreams.exceptions import QuixException

from examples.game_api.speed_layer.alerts import Alerts, create_app
from examples.game_api.speed_layer.database import open_database
from examples.game_api.speed_layer.options import Options, read_options
from examples.game_api.speed_layer.results import Results
from examples.game_api.speed_layer.seat import taken_seat
from examples.game_api.speed_layer.windows import build, make_application

AGAIN_SECONDS: Final = 2.0


def main() -> None:
    """Run until SIGTERM or Ctrl-C.

    Quix Streams gives up where Kafka is away for longer than a transaction may last. What it had not committed is read
    again by whoever comes next: here the same process, begun anew.
    """
    options = read_options(sys.argv[1:])
    try:
        run(options)
    except (KafkaException, QuixException) as error:
        signal.signal(
            signal.SIGTERM, signal.SIG_DFL
        )  # Quix Streams' own handler would only tell its ended program
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        print(f"the speed layer begins anew in {AGAIN_SECONDS:g} s: {error}", file=sys.stderr, flush=True)
        time.sleep(AGAIN_SECONDS)
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - our own command line


def run(options: Options) -> None:
    """Run one member."""
    engine = open_database(options.database)
    alerts = Alerts(create_app(options), engine)
    try:
        with taken_seat(options.state) as seat:
            application = make_application(options, seat)
            build(application, options, Results(engine, alerts, alert_swords=options.alert_swords))
            print(f"the speed layer counts {options.topic} into {engine.url!r} as {seat.name}", flush=True)
            application.run()
    finally:
        alerts.close()
        engine.dispose()


if __name__ == "__main__":
    main()
