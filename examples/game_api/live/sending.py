"""How long a server may take to hand a reader what it gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: Where servers put a request's connection.
_CONNECTION: Final = ("gunicorn.socket", "werkzeug.socket")


def limit_sending(environ: Mapping[str, Any], seconds: float) -> None:
    """Have the connection of a client that takes nothing for so long given up.

    Without it a browser that stopped reading would hold a thread of the server for ever: the stream waits in `send`, where
    nobody can drop it.
    """
    for name in _CONNECTION:
        connection = environ.get(name)
        if connection is not None:
            connection.settimeout(seconds)
