"""The rows can be measured: with few operations, which say nothing of time, on the embedded broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, TopicPartition

from benchmarks import rows
from benchmarks.backlog import backlog
from benchmarks.blocks import Variant, take_turns
from benchmarks.brokers import embedded
from benchmarks.drained import drained_by_two
from benchmarks.inserted import latencies, power
from benchmarks.page import refresh
from benchmarks.peers import TOPIC, all_peers
from benchmarks.sheets import Report
from benchmarks.starting import apps, imports
from benchmarks.tables import table_of
from benchmarks.wire import on_the_wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    """A broker."""
    with embedded() as address:
        yield address


def stored(servers: str) -> int:
    """How many records the topic has."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "benchmarks"})
    try:
        return consumer.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=10)[1]
    finally:
        consumer.close()


def test_every_row_has_a_figure_of_each_variant_in_each_round(servers: str) -> None:
    """Ours check for themselves that the broker has all that they emitted."""
    for sheets in (
        rows.an_event(servers, operations=3, rounds=2),
        rows.a_request(servers, operations=3, rounds=2),
        rows.growth(servers, operations=3, rounds=2, waiting=10),
        rows.threads(servers, operations=rows.THREADS, rounds=2),
        latencies(servers, rate=500, rounds=2, seconds=0.1),
        {"fsync": power(servers, rounds=2, seconds=0.1)},
        {"import": imports(rounds=2)},
        apps(rounds=2),
        rows.packages(servers, operations=3, rounds=2),
        backlog(servers, events=50, rounds=2),
    ):
        for sheet in sheets.values():
            assert {len(figures) for figures in sheet.figures.values()} == {2}


def test_other_packages_have_no_trouble_that_would_cost_time(
    servers: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """None of them prints anything in a request: a traceback takes longer than all that is measured."""
    rows.packages(servers, operations=3, rounds=2)
    assert capfd.readouterr().err == ""


def test_two_processes_and_every_compression_have_a_figure(servers: str) -> None:
    """What needs Apache Kafka where it counts can be measured on any broker."""
    assert {len(each) for each in drained_by_two(servers, events=20, rounds=2).figures.values()} == {2}
    found = on_the_wire(servers, events=500).figures
    assert found["cloudevents, none"][0] > found["cloudevents, zstd"][0] > 0


def test_the_peers_deliver_what_they_send(servers: str) -> None:
    """A peer that loses is no peer."""
    with all_peers(servers) as peers:
        before = stored(servers)
        for peer in peers.values():
            for _ in range(5):
                peer.send()
            peer.settle()
        assert stored(servers) - before == 5 * len(peers)


def test_what_a_variant_leaves_to_be_done_is_no_part_of_the_next_one() -> None:
    """Each settles before the next one's turn, and each round begins with another."""
    turns: list[str] = []

    def variant(name: str) -> Variant:
        return Variant(lambda _: turns.append(name), lambda: turns.append(f"{name} settled"))

    take_turns({name: variant(name) for name in "ab"}, operations=1, rounds=2)
    assert turns[1::2] == [f"{name} settled" for name in turns[::2]]
    assert turns[::2] == ["a", "b", "b", "a", "b", "a", "b", "a"]


def test_a_page_gets_the_new_figures(tmp_path: Path) -> None:
    """Table, goals and machine are replaced; what stands around them stays."""
    report = Report.begin()
    report.sheets["import, wall"] = imports(rounds=1)
    page = tmp_path / "page.md"
    page.write_text("Taken at -\n\nBefore\n\n```\nimport, wall  old\n```\n\n```\nmet old\n```\nafter\n")
    refresh(page, report)
    text = page.read_text()
    assert report.taken in text
    assert table_of("import, wall", report.sheets["import, wall"]) in text
    assert "old" not in text
    assert text.endswith("```\nafter\n")
