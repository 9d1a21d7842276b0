"""The game's API: each route is an event on the topic `game_users_events`.

`python -m examples.game_api` plays it on the embedded broker; `gunicorn "examples.game_api:create_app()"` serves it.
"""

from examples.game_api.app import create_app

__all__ = ["create_app"]
