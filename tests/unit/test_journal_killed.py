"""A process that is killed at any step of what it does with a journal: what it had accepted is found, once.

Each step is tried in a child of its own, and another process's part is then taken by this one.
"""

import logging
import os
import signal
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

import pytest

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.delivery import hot_end, settled, source
from flask_kafka_events.delivery.admission import Admission
from flask_kafka_events.delivery.lanes import Window
from flask_kafka_events.delivery.shipment import TOO_LARGE, Shipment
from flask_kafka_events.delivery.source import Source
from flask_kafka_events.event import Record
from flask_kafka_events.journal import directory as directories
from flask_kafka_events.journal import file, owned, salvage, slots
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.long_work import at_once
from flask_kafka_events.journal.owned import OwnedJournal
from flask_kafka_events.journal.slots import SLOT, slots_beside

from .forked import PATIENCE, fork
from .steps import Step, Walk

#: Where the steps of an emit and of an acknowledgement are.
EMITS: Final = (hot_end, slots)
#: Of all the functions walked through the ones that read each slot, and change nothing.
READING: Final = frozenset({"_entry_in", "_checked", "<lambda>"})
ALL: Final = {"first", "second", "large"}


class Shop(NamedTuple):
    """An owner with two records in slots and one in its file."""

    source: Source
    first: Shipment
    second: Shipment


def directory_in(folder: Path) -> JournalDirectory:
    """The shop's directory."""
    return JournalDirectory(folder, "shop", sync="process", log=AppLog(logging.getLogger))


def shipment(name: str, size: int = 1) -> Shipment:
    """A shipment by its id."""
    return Shipment(record=Record(id=name, type="sold", topic="t", key=None, value=b"v" * size, headers=()))


def source_of(journal: OwnedJournal) -> Source:
    """What an owner adds to."""
    return Source(
        journal,
        memory=Admission(events=10, size=100_000),
        windows=defaultdict(Window),
        tell=lambda _: None,
        make_slots=slots_beside,
    )


def shop_in(folder: Path) -> Shop:
    """A new one."""
    made = source_of(directory_in(folder).create())
    made.tidy(at_once)
    first, second, large = shipment("first"), shipment("second"), shipment("large", SLOT)
    assert [made.keep(each) for each in (first, second, large)] == [True] * 3
    assert [each.kept_in for each in (first, second, large)] == ["slot", "slot", "file"]
    return Shop(made, first, second)


def found_in(folder: Path) -> tuple[list[str], list[str]]:
    """The ids that whoever adopts all finds waiting, and dead; then they are gone."""
    waiting: list[str] = []
    dead: list[str] = []
    for orphan in directory_in(folder).orphans():
        waiting += [entry.record.id for entry in orphan.file.records()]
        dead += [letter.entry.record.id for letter in orphan.file.dead_letters()]
        orphan.file.remove()
        orphan.claim.release(remove=True)
    return waiting, dead


def killed(
    prepare: Callable[[], Callable[[], object]], *, at: int, modules: tuple[ModuleType, ...], step: Step
) -> bool:
    """Do in a child what `prepare` gives, and kill it before one of its steps.

    Returns:
        False where it was killed on its way, True at its end: then there are not so many steps.
    """
    child = fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(PATIENCE)
            work = prepare()
            walk = Walk(
                lambda: os.kill(os.getpid(), signal.SIGKILL), at=at, modules=modules, step=step, but=READING
            )
            with walk.going():
                work()
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), "it has failed, or hung"
    return status == 0


def each_step(
    folder: Path,
    prepare: Callable[[], Callable[[], object]],
    look: Callable[[bool, list[str], list[str]], None],
    *,
    modules: tuple[ModuleType, ...],
    step: Step = "line",
) -> int:
    """Kill a child at each step in turn, and look at what is found; returns how many there are."""
    at = 0
    while True:
        is_done = killed(prepare, at=at, modules=modules, step=step)
        look(is_done, *found_in(folder))
        if is_done:
            return at
        at += 1


def test_killed_at_any_bytecode_of_an_emit(tmp_path: Path) -> None:
    """The record is there whole or not at all, and is there once the emit has returned; the others are untouched."""

    def prepare() -> Callable[[], object]:
        shop = shop_in(tmp_path)
        shop.source.settle(shop.second)  # its slot is the next one's
        return lambda: shop.source.keep(shipment("new"))

    def look(is_done: bool, waiting: list[str], dead: list[str]) -> None:
        assert (sorted(waiting), dead) in (
            [(["first", "large", "new"], [])]
            if is_done
            else [(["first", "large", "new"], []), (["first", "large"], [])]
        )

    assert each_step(tmp_path, prepare, look, modules=EMITS, step="opcode") > 50


def test_killed_at_any_bytecode_of_an_acknowledgement(tmp_path: Path) -> None:
    """The record is sent once more or not, and not once that has returned."""

    def prepare() -> Callable[[], object]:
        shop = shop_in(tmp_path)
        return lambda: shop.source.settle(shop.second)

    def look(is_done: bool, waiting: list[str], dead: list[str]) -> None:
        assert set(waiting) in ([{"first", "large"}] if is_done else [ALL, {"first", "large"}])
        assert (len(waiting), dead) == (len(set(waiting)), [])

    assert each_step(tmp_path, prepare, look, modules=EMITS, step="opcode") > 20


def test_killed_at_any_step_of_a_burial(tmp_path: Path) -> None:
    """The record waits or is a dead letter, never both; the others wait."""

    def prepare() -> Callable[[], object]:
        shop = shop_in(tmp_path)

        def bury() -> None:
            shop.source.bury(shop.second, TOO_LARGE)
            shop.source.flush()

        return bury

    def look(is_done: bool, waiting: list[str], dead: list[str]) -> None:
        assert sorted([*waiting, *dead]) == sorted(ALL)
        assert dead in ([["second"]] if is_done else [[], ["second"]])

    assert each_step(tmp_path, prepare, look, modules=(source, settled, hot_end, file)) > 20


@pytest.mark.parametrize("is_end", [True, False])
def test_killed_at_any_step_of_the_move_into_the_file(tmp_path: Path, is_end: bool) -> None:
    """At the end, or where the slots are retired: all wait, each once."""

    def prepare() -> Callable[[], object]:
        shop = shop_in(tmp_path)
        if is_end:
            return shop.source.close
        shop.source._hot_end.retire()  # noqa: SLF001 - as mending does
        return lambda: shop.source.tidy(at_once)

    def look(_is_done: bool, waiting: list[str], dead: list[str]) -> None:
        assert (sorted(waiting), dead) == (sorted(ALL), [])

    modules = (source, hot_end, slots, owned) if is_end else (hot_end, slots)
    assert each_step(tmp_path, prepare, look, modules=modules) > 20


def test_killed_at_any_step_of_an_adoption(tmp_path: Path) -> None:
    """Who adopts what a dead owner left in slots may die of it too: the next one finds all, each once."""

    def prepare() -> Callable[[], object]:
        leave_to_others(tmp_path)
        return lambda: next(directory_in(tmp_path).orphans()).leave()

    def look(_is_done: bool, waiting: list[str], dead: list[str]) -> None:
        assert (sorted(waiting), dead) == (sorted(ALL), [])
        assert not list((tmp_path / "shop").glob("*-slots"))

    assert each_step(tmp_path, prepare, look, modules=(slots, file, directories)) > 40


def test_killed_at_any_step_of_a_rescue(tmp_path: Path) -> None:
    """What was in the slots of a damaged file is found, at least once."""

    def prepare() -> Callable[[], object]:
        leave_to_others(tmp_path)
        (path,) = (tmp_path / "shop").glob("*.journal")
        path.write_bytes(b"no journal" * 1_000)
        return lambda: next(directory_in(tmp_path).orphans()).leave()

    def look(_is_done: bool, waiting: list[str], dead: list[str]) -> None:
        assert {"first", "second"} <= set(
            waiting
        )  # the large one is in what SQLite has beside the file, or isn't
        assert dead == []

    assert each_step(tmp_path, prepare, look, modules=(slots, salvage, directories)) > 40


def leave_to_others(folder: Path) -> None:
    """A shop whose owner was killed."""
    assert killed(lambda: lambda: die(shop_in(folder)), at=10**9, modules=(), step="line") is False


def die(_: object) -> None:
    """As at the hands of the kernel."""
    os.kill(os.getpid(), signal.SIGKILL)
