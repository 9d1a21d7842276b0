"""The four routes of the game, a fifth that asks whether it is up, and the live page."""

from collections.abc import Mapping

from flask import Blueprint, Flask, request

from examples.game_api.live import init_live
from flask_kafka_events import KafkaEvents, current_event, emit_event

TOPIC = "game_users_events"

events = KafkaEvents()
game = Blueprint("game", __name__)


def create_app(instance_path: str | None = None, config: Mapping[str, object] | None = None) -> Flask:
    """Make the app.

    Args:
        instance_path: where the embedded broker leaves its address; None for Flask's own choice.
        config: settings that go before those of the environment, for tests.
    """
    app = Flask(__name__, instance_path=instance_path)
    app.config["KAFKA_EVENTS_BOOTSTRAP_SERVERS"] = "embedded"
    app.config["KAFKA_EVENTS_TOPIC"] = TOPIC
    app.config["KAFKA_EVENTS_FORMAT"] = "plain"
    app.config.from_prefixed_env()
    app.config.update(config or {})
    events.init_app(app)
    app.register_blueprint(game)
    init_live(app, events)
    return app


@game.get("/")
@emit_event("default")
def default() -> str:
    """Whoever comes by."""
    name_player()
    return "\nThis is the default response!\n"


@game.get("/purchase_a_sword")
@emit_event("purchased_sword")
def purchase_a_sword() -> str:
    """Sell a sword."""
    name_player()
    return "\nSword Purchased!\n"


@game.get("/purchase_a_knife")
@emit_event("purchased_knife")
def purchase_a_knife() -> str:
    """Sell a knife."""
    name_player()
    return "\nKnife Purchased!\n"


@game.get("/join_guild")
@emit_event("joined_guild")
def join_guild() -> str:
    """Take a player into the guild."""
    name_player()
    return "\nGuild Joined!\n"


@game.get("/health")
def health() -> str:
    """For start-up checks: it emits nothing."""
    return "ok\n"


def name_player() -> None:
    """Put the player into the event, where one is named: the key keeps one player's events in order."""
    player = request.args.get("player")
    if player is not None:
        current_event.update(player=player)
        current_event.key = player
