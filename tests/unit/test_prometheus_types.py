"""The label `type`, of which there are never too many."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.contrib.prometheus.event_types import LONGEST, MOST, OTHER, EventTypes


@given(st.lists(st.text(alphabet=st.characters()) | st.integers() | st.none(), max_size=MOST + 50))
def test_types_are_bounded_whatever_they_are(types: list[object]) -> None:
    """Anything given for a type has a label that a scrape can carry, and there are never more than so many."""
    labels = EventTypes(None, None)
    found = [labels.label_of(each) for each in types]
    assert len({*found} - {OTHER}) <= MOST
    for each, label in zip(types, found, strict=True):
        assert label in (each, OTHER)
        label.encode()


def test_types_behind_the_bound_are_other() -> None:
    """The first hundred keep their own value, later ones and those that are too long share one."""
    labels = EventTypes(None, None)
    assert labels.label_of("x" * (LONGEST + 1)) == OTHER
    names = [f"type{number}" for number in range(MOST + 2)]
    assert [labels.label_of(name) for name in names] == [*names[:MOST], OTHER, OTHER]
    assert labels.label_of("type0") == "type0"


def test_named_types_are_the_only_ones() -> None:
    """Where the app names its types all others are other."""
    labels = EventTypes(["sold"], None)
    assert [labels.label_of(each) for each in ("sold", "bought", None)] == ["sold", OTHER, OTHER]


def test_processes_share_one_bound(tmp_path: Path) -> None:
    """All that share their metrics have the same hundred types, whoever came with them; half a line is passed over."""
    shared = tmp_path / "types"
    shared.write_bytes(b'"by a dead process"\n"half\n')
    one, two = EventTypes(None, shared), EventTypes(None, shared)
    for number in range(MOST):
        (one, two)[number % 2].label_of(f"type{number}")
    found = {labels.label_of(f"type{number}") for labels in (one, two) for number in range(MOST)}
    assert found == {*(f"type{number}" for number in range(MOST - 1)), OTHER}
    assert one.label_of("by a dead process") == two.label_of("by a dead process") == "by a dead process"
    size = shared.stat().st_size
    assert two.label_of("one more") == OTHER
    assert shared.stat().st_size == size, "one that knows enough doesn't write"


def test_types_are_other_where_nothing_can_be_written(tmp_path: Path) -> None:
    """Without the folder they can't be agreed on."""
    assert EventTypes(None, tmp_path / "gone" / "types").label_of("sold") == OTHER
