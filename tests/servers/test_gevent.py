"""Under gunicorn's gevent worker nothing is lost, and no greenlet waits because of us."""

from pathlib import Path

import pytest

from flask_kafka_events.embedded import Lease
from tests.servers.served import TOPIC
from tests.servers.serving import arrived, told
from tests.servers.stalls import CLOSE_SECONDS, LARGE, NOWHERE, REQUESTS, Run, make_large, run
from tests.servers.test_journal import rows

RUNS = 3


def check(runs: list[Run]) -> None:
    """The longest pause of the best run is below 20 ms.

    What we do on the hub we do in every run: a poll would be 100 ms, the check of a large file 50. What a busy machine
    does meets one or another.
    """
    assert min(each.serving for each in runs) < 20, runs
    assert min(each.closing for each in runs) < 20, runs


@pytest.mark.parametrize("mode", ["memory", "journal"])
@pytest.mark.parametrize("is_alive", [True, False], ids=["broker", "no-broker"])
def test_hub_never_stalls(broker: Lease, tmp_path: Path, *, is_alive: bool, mode: str) -> None:
    """We make no ticking greenlet 20 ms late: serving, waiting, closing, with or without a broker; in the best run."""
    address = broker.address if is_alive else NOWHERE
    folders = [tmp_path / str(number) for number in range(RUNS)]
    runs = [run(address, folder, journal=mode == "journal") for folder in folders]
    check(runs)
    if is_alive:
        assert len(set(arrived(address, TOPIC))) == RUNS * REQUESTS
    else:
        kept = [rows(folder) for folder in folders] if mode == "journal" else map(told, folders)
        assert list(kept) == [REQUESTS] * RUNS
        assert min(each.ending for each in runs) < (CLOSE_SECONDS + 0.5) * 1000 + 1000, (
            "a second for gunicorn"
        )


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A large journal file of a dead process."""
    return make_large(tmp_path_factory.mktemp("large") / "0.journal")


@pytest.mark.parametrize("is_alive", [True, False], ids=["broker", "no-broker"])
def test_hub_never_stalls_while_a_large_file_is_adopted(
    broker: Lease, tmp_path: Path, large: Path, *, is_alive: bool
) -> None:
    """Checking, counting, sending and giving up the file of a dead process leaves the other greenlets their turns."""
    address = broker.address if is_alive else NOWHERE
    folders = [tmp_path / str(number) for number in range(RUNS)]
    check([run(address, folder, journal=True, large=large) for folder in folders])
    assert [rows(folder) for folder in folders] == [0 if is_alive else LARGE + REQUESTS] * RUNS
