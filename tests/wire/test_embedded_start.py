"""Starting the embedded broker's process, and what can be in the way."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from flask_kafka_events import embedded
from flask_kafka_events.embedded.rendezvous import Rendezvous
from flask_kafka_events.errors import EmbeddedBrokerError
from tests.wire.embedded_broker import LINGER

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mock import MockerFixture


def test_without_fcntl_the_error_says_what_next(tmp_path: Path, mocker: MockerFixture) -> None:
    """On a platform without fcntl joining is an error that names the alternative."""
    mocker.patch.dict(sys.modules, {"fcntl": None})
    with pytest.raises(EmbeddedBrokerError, match=r"no module fcntl.*Set KAFKA_EVENTS_BOOTSTRAP_SERVERS to"):
        embedded.join(tmp_path, linger=LINGER)


def test_a_broker_that_dies_at_its_start_is_quoted(tmp_path: Path, mocker: MockerFixture) -> None:
    """Where the broker's process ends before it is up, the error has its last words, and no lock is kept."""
    mocker.patch.object(sys, "executable", program(tmp_path, "echo cannot go on >&2"))
    with pytest.raises(EmbeddedBrokerError, match=r"didn't come up and ended\. It said: cannot go on"):
        embedded.join(tmp_path, linger=LINGER)
    assert not Rendezvous(tmp_path / "embedded-broker").in_use()


def test_a_broker_that_takes_too_long_is_an_error(tmp_path: Path, mocker: MockerFixture) -> None:
    """Where the broker's process is not up in time, the error says how long it had."""
    mocker.patch.object(sys, "executable", program(tmp_path, "exec sleep 60"))
    with pytest.raises(EmbeddedBrokerError, match=r"didn't come up in 0\.2 s. It said: nothing"):
        embedded.join(tmp_path, start_seconds=0.2)


def program(directory: Path, script: str) -> str:
    """A program that calls itself Python and is none."""
    path = directory / "python-of-sorts"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


def test_an_embedding_server_is_not_taken_for_python(tmp_path: Path, mocker: MockerFixture) -> None:
    """Where `sys.executable` is a server, as under uWSGI, the broker runs on the Python of its environment."""
    mocker.patch.object(sys, "executable", "/usr/bin/uwsgi")
    with embedded.join(tmp_path, linger=LINGER) as lease:
        assert lease.create_topic("orders")
