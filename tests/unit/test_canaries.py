"""Secrets of a request, of the settings and of exceptions are in nothing that we write, unless the user put them there."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from flask_kafka_events import (
    current_event,
    emit_event,
    event_created,
    event_delivered,
    event_dropped,
    event_failed,
)
from tests.log_lines import ours
from tests.processes import wait_until
from tests.sending import KeepingProducer, Shop, shop

#: What each secret begins with, whatever it is the secret of.
CANARY = "c4nary"
#: Where a proxy, a browser or an attacker puts one.
HEADERS = {
    "Authorization": f"Bearer {CANARY}-authorization",
    "Proxy-Authorization": f"Basic {CANARY}-proxy",
    "Cookie": f"session={CANARY}-cookie",
    "Referer": f"https://ana:{CANARY}-referer@shop/",
    "Idempotency-Key": f"{CANARY}-idempotency",
    "User-Agent": f"{CANARY}-agent",
    "X-Request-ID": f"{CANARY}-request",
    "traceparent": f"{CANARY}-trace",
    "X-Forwarded-For": f"{CANARY}-forwarded",
}


def fail(*_: Any, **__: Any) -> Any:
    """Any function of the app's, with a secret in what it raises."""
    raise LookupError(f"{CANARY}-exception")


class Telling(KeepingProducer):
    """A producer whose library quotes its configuration wherever it can, and whose broker refuses some events."""

    def __init__(self, config: dict[str, Any], *, logger: Any) -> None:
        super().__init__(config)
        self.said = " ".join(str(value) for name, value in config.items() if "password" in name)
        logger.log(logging.ERROR, "%s [%s] %s", "FAIL", "rdkafka#1", f"login with {self.said}")
        config["error_cb"](KafkaError(KafkaError._AUTHENTICATION, f"login with {self.said}"))  # noqa: SLF001

    def produce(self, topic: str, value: bytes, key: bytes | None, *, headers: Any, on_delivery: Any) -> None:
        """Keep a message, and refuse it where it is one of a request."""
        refusal = (
            KafkaError(KafkaError.INVALID_RECORD, f"of {self.said}") if b"http.request" in value else None
        )

        def report(error: KafkaError | None, message: object) -> None:
            on_delivery(refusal if error is None else error, message)

        super().produce(topic, value, key, headers=headers, on_delivery=report)


@contextmanager
def secretive(folder: Path, **settings: Any) -> Iterator[Shop]:
    """A shop that is full of secrets."""
    key, password = folder / "key-password", folder / "password"
    key.write_text(f"{CANARY}-key")
    password.write_text(f"{CANARY}-file")
    producer = {"ssl.key.password_FILE": str(key), "sasl.username": "shop"}
    if "CREDENTIALS" not in settings:
        producer["sasl.password_FILE"] = str(password)
    with shop(make=Telling, testing=False, PRODUCER=producer, **settings) as here:
        here.app.config["SHOP_PASSWORD"] = f"{CANARY}-config"
        for number, how in enumerate(hows()):
            view = emit_event(f"seen{number}", **how)(sell if how else fail)
            here.app.add_url_rule(f"/<path>/{number}", f"view{number}", view, methods=["POST"])
        yield here


def hows() -> list[dict[str, Any]]:
    """The decorator with callables that do well, and with one of each that doesn't."""
    fine: dict[str, Any] = {"key": lambda data: data["player"], "data": lambda path: {"n": len(path)}}
    return [
        {**fine, **other} for other in ({}, {"data": fail}, {"key": fail}, {"on": fail}, {"on": "always"})
    ] + [{}]


def sell(path: str) -> str:
    """A view."""
    current_event.update(player="ana")
    return path


def visit(here: Shop) -> None:
    """Ask for each view, with a secret in every place."""
    client = here.app.test_client()
    for number in range(len(hows())):
        client.post(
            f"/{CANARY}-path/{number}?token={CANARY}-query",
            headers=HEADERS,
            data={"password": f"{CANARY}-body"},
            base_url=f"http://ana:{CANARY}-userinfo@shop/",
            environ_overrides={"REMOTE_USER": f"{CANARY}-user"},
        )


def written(folder: Path) -> bytes:
    """Every byte of every file of the journal, and their names."""
    files = [each for each in (folder / "journal").rglob("*") if each.is_file()]
    return b"\n".join(str(each).encode() + each.read_bytes() for each in files)


def is_silent(caplog: pytest.LogCaptureFixture) -> bool:
    """Whether no line of ours holds a secret."""
    return not any(CANARY in line for line in ours(caplog))


@pytest.mark.parametrize("mode", ["memory", "journal"])
@pytest.mark.parametrize(
    "credentials", [None, lambda: ("shop", f"{CANARY}-credentials")], ids=["file", "callable"]
)
def test_no_secret_is_written(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    mode: str,
    credentials: Callable[[], tuple[str, str]] | None,
) -> None:
    """Not to the topic, not to the journal and its dead letters, not to the log, and no repr or count shows one."""
    caplog.set_level(logging.DEBUG)
    settings: dict[str, Any] = {"USERID": fail, "IDEMPOTENCY": lambda: f"{CANARY}-scope", "REQUESTS": True}
    settings |= {"JOURNAL": str(tmp_path / "journal")} if mode == "journal" else {}
    settings |= {"CREDENTIALS": credentials} if credentials else {}
    seen: list[object] = []
    with secretive(tmp_path, **settings) as here:
        for signal in (event_created, event_delivered, event_failed, event_dropped):
            here.app.extensions.setdefault("kept", []).append(receiver := note(seen))
            signal.connect(receiver, sender=here.app)
            signal.connect(fail, sender=here.app)
        visit(here)
        wait_until(lambda: here.mine.stats().pending == 0, "all have their end")
        written_while_open = written(tmp_path) if mode == "journal" else b""
        here.mine.close(0.1)
        visit(here)
        pipeline = here.app.extensions["kafka_events"]
        shown = [
            here.events,
            here.mine,
            here.mine.stats(),
            pipeline,
            pipeline.settings,
            pipeline.process,
            *seen,
        ]
        assert here.mine.stats().delivered == 3
        assert here.mine.stats().dead + here.mine.stats().failed > 5
    assert seen
    assert CANARY not in repr([(event, event.context()) for event in here.producers[0].sent])
    assert CANARY not in repr(here.producers[0].headers)
    assert CANARY not in repr(shown)
    assert CANARY.encode() not in written_while_open + written(tmp_path)
    assert (b"INVALID_RECORD" in written(tmp_path)) is (mode == "journal")
    assert is_silent(caplog)


def note(seen: list[object]) -> Callable[..., None]:
    """A receiver that keeps what it is told."""

    def receiver(_: object, **what: object) -> None:
        seen.append(what)

    return receiver
