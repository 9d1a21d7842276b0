"""The page `/live`: the game's events as Kafka has them, while they happen."""

from examples.game_api.live.routes import init_live

__all__ = ["init_live"]
