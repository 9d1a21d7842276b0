"""How an embedded broker is found by its address alone."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_kafka_events.embedded.rendezvous import Broker
from flask_kafka_events.embedded.signposts import broker_at, put_up, take_down

BROKER = Broker(address="127.0.0.1:4711", pid=1, control="/somewhere/control.sock")
LATER = Broker(address="127.0.0.1:4711", pid=2, control="/elsewhere/control.sock")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for temporary files, empty."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def folder(temporary: Path) -> Path:
    """The folder of the signposts."""
    put_up(BROKER)
    (found,) = temporary.iterdir()
    return found


def test_a_broker_is_found_by_its_address(temporary: Path) -> None:
    """From its announcement to its end, and at its own address only."""
    assert broker_at("127.0.0.1:4711") is None
    put_up(BROKER)
    assert broker_at("127.0.0.1:4711") == BROKER
    assert broker_at("127.0.0.1:4712") is None
    assert broker_at("kafka.example:4711") is None
    take_down(BROKER)
    assert broker_at("127.0.0.1:4711") is None
    assert list(folder(temporary).glob("*.tmp")) == []


def test_a_later_broker_keeps_its_signpost(temporary: Path) -> None:
    """One that took over the port of a broker that ends late is still found."""
    put_up(BROKER)
    put_up(LATER)
    take_down(BROKER)
    assert broker_at("127.0.0.1:4711") == LATER


def test_the_signposts_are_this_users_alone(temporary: Path) -> None:
    """Nobody else can write there, nor read which broker is where."""
    found = folder(temporary)
    assert found.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in found.iterdir()} == {0o600}


def test_a_folder_of_somebody_else_is_not_believed(
    temporary: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Where the folder is a link, as anybody can put into /tmp, nothing is read or written behind it."""
    found = folder(temporary)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "signposts"
    found.rename(elsewhere)
    found.symlink_to(elsewhere)
    before = [each.read_bytes() for each in elsewhere.iterdir()]
    put_up(LATER)
    assert broker_at("127.0.0.1:4711") is None
    take_down(BROKER)
    assert [each.read_bytes() for each in elsewhere.iterdir()] == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary())
def test_a_damaged_signpost_leads_nowhere(temporary: Path, content: bytes) -> None:
    """Whatever is in the file, it tells of a broker at this address or of none."""
    put_up(BROKER)
    (signpost,) = next(temporary.iterdir()).iterdir()
    signpost.write_bytes(content)
    found = broker_at("127.0.0.1:4711")
    assert found is None or found.address == "127.0.0.1:4711"
