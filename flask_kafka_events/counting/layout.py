"""What is in a counter file: who wrote it, when, and the ledger."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from flask_kafka_events.errors import KafkaEventsError
from flask_kafka_events.ledger import Stats

#: Of the layout; a file with a higher one was written by a newer version of this package.
VERSION: Final = 1

#: Above every figure: what a damaged file holds may have more digits than Python prints (4,300).
_TOO_MANY: Final = 2**63

_Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class CountersUnreadable(KafkaEventsError):
    """A counter file is damaged, or isn't one."""


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """One process's ledger as it was at one moment.

    Attributes:
        version: of the layout.
        app: the app's name.
        pid: the process's, on its host.
        host: the name that its host has.
        boot: the host's boot id; empty where it has none. A pid means nothing after another boot.
        started: when the process's ledger began.
        written: when these were its figures.
        is_closed: whether `KafkaEvents` was closed by then, so that no others follow.
        stats: the ledger.
    """

    version: int = VERSION
    app: str
    pid: Annotated[int, msgspec.Meta(lt=_TOO_MANY - 1)]
    host: str
    boot: str
    started: _Moment
    written: _Moment
    is_closed: bool = False
    stats: Stats


class _Versioned(msgspec.Struct):
    version: int


def encode(counters: Counters) -> bytes:
    """A file's content."""
    known = {name: getattr(counters, name) for name in Counters.__struct_fields__}
    return msgspec.json.encode({**known, "stats": counters.stats.as_dict()}) + b"\n"


def decode(content: bytes) -> Counters:
    """Read a file's content.

    Raises:
        CountersUnreadable: it was written by a newer version, breaks the ledger's law, or isn't one.
    """
    try:
        if (version := msgspec.json.decode(content, type=_Versioned).version) > VERSION:
            raise CountersUnreadable(f"It is of version {version}, written by a newer flask_kafka_events.")
        counters = msgspec.json.decode(content, type=Counters)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CountersUnreadable(f"It is damaged, or no counter file: {error}.") from None
    if not _is_lawful(counters.stats):
        raise CountersUnreadable("It is damaged: its figures don't add up.")
    return counters


def total(all_stats: Iterable[Stats]) -> Stats:
    """The sum of several ledgers, for which their law holds too."""
    sums = Stats().as_dict()
    for each in map(Stats.as_dict, all_stats):
        sums = {name: _added(value, each[name]) for name, value in sums.items()}
    return Stats(**sums)


def _added(left: Any, right: Any) -> Any:
    if isinstance(left, int):
        return left + right
    return {name: left.get(name, 0) + right.get(name, 0) for name in {**left, **right}}


def _is_lawful(stats: Stats) -> bool:
    numbers = [
        number
        for value in stats.as_dict().values()
        for number in ([value] if isinstance(value, int) else value.values())
    ]
    ends = stats.delivered + stats.failed + stats.dropped + stats.dead + stats.pending
    return 0 <= min(numbers) <= max(numbers) < _TOO_MANY and stats.emitted + stats.adopted == ends
