"""When a response's body has ended, and how, for `at="close"`."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Response


class BodyBroken(Exception):
    """The body stopped before its end: the client went away, the server gave up, or nobody ever closed it."""


class BodyEnd:
    """The end of one response's body; it is told once, however often the response is closed, and also if it never is."""

    def __init__(self) -> None:
        self._is_told = False
        self._error: BaseException | None = None
        self._then: list[Callable[[BaseException | None], None]] = []

    def __del__(self) -> None:
        # The response held it, and nobody closed that one, or an earlier `call_on_close` of its own raised.
        self.tell(BodyBroken("nobody closed the response"))

    def tell(self, error: BaseException | None = None) -> None:
        """The body has ended, by `error` or well; what is told later doesn't count."""
        if self._is_told:
            return
        self._is_told, self._error = True, error
        then, self._then = self._then, []
        for what in then:
            what(error)

    def then(self, what: Callable[[BaseException | None], None]) -> None:
        """Have `what` called with the error, or None, at the end; at once where that is past."""
        if self._is_told:
            what(self._error)
        else:
            self._then.append(what)


class WatchedBody:
    """A response's iterable that tells, as it is closed, how it ended."""

    def __init__(self, body: Iterable[Any], end: BodyEnd) -> None:
        self._body = body
        self._iterator = iter(body)
        self._end = end
        self._error: BaseException | None = BodyBroken("the body was closed before its end")

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._iterator)
        except StopIteration:
            self._error = None
            raise
        except BaseException as error:
            self._error = error
            raise

    def close(self) -> None:
        """Close the view's own iterable; the end is told even where that raises."""
        close = getattr(self._body, "close", None)
        try:
            if close is not None:
                close()
        finally:
            self._end.tell(self._error)


def end_of(response: Response, *, method: str) -> BodyEnd:
    """The end of a response's body: at its close or, where nobody closes it, when it is thrown away.

    A body that is complete already can't break, and one that HTTP forbids to send (HEAD, 204, 304) isn't iterated.
    """
    end = BodyEnd()
    bodiless = method == "HEAD" or response.status_code in (204, 304) or response.status_code < 200  # noqa: PLR2004
    if response.is_streamed and not bodiless:
        response.response = WatchedBody(response.response, end)
    response.call_on_close(end.tell)
    return end
