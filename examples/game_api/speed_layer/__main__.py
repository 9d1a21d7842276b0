"""Runs one member of the speed layer: `make speed-layer`, or `python -m examples.game_api.speed_layer --help`."""

import sys

from examples.game_api.speed_layer.alerts import Alerts, create_app
from examples.game_api.speed_layer.database import open_database
from examples.game_api.speed_layer.options import Options, read_options
from examples.game_api.speed_layer.results import Results
from examples.game_api.speed_layer.seat import taken_seat
from examples.game_api.speed_layer.windows import build, make_application


def main() -> None:
    """Run until SIGTERM or Ctrl-C."""
    run(read_options(sys.argv[1:]))


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
