"""Whether a streamed body reached its end, for `at="close"`."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Response


class BodyBroken(Exception):
    """The body's iteration stopped before its end: the client went away, or the server gave up."""


class WatchedBody:
    """A response's iterable that remembers how it ended.

    Args:
        body: what the view streams.
        tell: called with what broke the body, at most once; never called for one that reached its end.
    """

    def __init__(self, body: Iterable[Any], tell: Callable[[BaseException], None]) -> None:
        self._body = body
        self._iterator = iter(body)
        self._tell = tell
        self._over = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._iterator)
        except StopIteration:
            self._over = True
            raise
        except BaseException as error:
            self._break(error)
            raise

    def close(self) -> None:
        """Close the view's own iterable; one that isn't over is broken."""
        self._break(BodyBroken("the body was closed before its end"))
        close = getattr(self._body, "close", None)
        if close is not None:
            close()

    def _break(self, error: BaseException) -> None:
        if not self._over:
            self._over = True
            self._tell(error)


def watch(response: Response, tell: Callable[[BaseException], None], *, method: str) -> None:
    """Have `tell` called with what breaks the body of `response`, if anything does.

    A body that is complete already can't break, and one that HTTP forbids to send (HEAD, 204, 304) isn't iterated.
    """
    bodiless = method == "HEAD" or response.status_code in (204, 304) or response.status_code < 200  # noqa: PLR2004
    if response.is_streamed and not bodiless:
        response.response = WatchedBody(response.response, tell)
