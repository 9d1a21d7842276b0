"""What is remembered of each player: which purchases were seen, and when the latest was. By it each counts once, in time.

The state is Quix Streams', as that of the windows is: kept by the record's key, committed with the offsets.
"""

from typing import Any, Final, Protocol

from examples.game_api.speed_layer.reading import Fact

_LATEST: Final = "latest"
_QUEUE: Final = "queue"


class State(Protocol):
    """One player's, by text."""

    def get(self, key: str, default: Any = None) -> Any:
        """What is there."""

    def set(self, key: str, value: Any) -> None:
        """Put something there."""

    def exists(self, key: str) -> bool:
        """Whether there is something."""

    def delete(self, key: str) -> None:
        """Put nothing there."""


class Memory:
    """Tells new purchases from those that were seen, or that come too late.

    An id is known for as long as the window of its event can be open: whatever time a copy claims, it counts once.

    Args:
        late_seconds: how much older than the player's latest a purchase may be.
        window_seconds: how long a window is.
    """

    def __init__(self, *, late_seconds: int, window_seconds: int) -> None:
        self._late = late_seconds * 1000
        self._known = (late_seconds + window_seconds) * 1000

    def judge(self, purchase: Fact, state: State) -> Fact:
        """A purchase as it is where it counts; else of the kind `duplicate` or `late`, with `late_by` in milliseconds."""
        if state.exists(_seen(purchase["identity"])):
            return {**purchase, "kind": "duplicate"}
        latest = state.get(_LATEST, purchase["at"])
        late_by = latest - purchase["at"] - self._late
        if late_by > 0:
            return {**purchase, "kind": "late", "late_by": late_by}
        latest = max(latest, purchase["at"])
        state.set(_LATEST, latest)
        self._remember(purchase, latest, state)
        return purchase

    def _remember(self, purchase: Fact, latest: int, state: State) -> None:
        # A queue whose places are keys of their own: each purchase reads and writes few bytes, however many came before.
        first, end = state.get(_QUEUE, (0, 0))
        while first < end:
            identity, at = state.get(_place(first))
            if at >= latest - self._known:
                break
            state.delete(_seen(identity))
            state.delete(_place(first))
            first += 1
        state.set(_seen(purchase["identity"]), 1)
        state.set(_place(end), (purchase["identity"], purchase["at"]))
        state.set(_QUEUE, (first, end + 1))


def _seen(identity: str) -> str:
    return f"seen {identity}"


def _place(number: int) -> str:
    return f"place {number}"
