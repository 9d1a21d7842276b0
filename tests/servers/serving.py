"""Starts a server on a free port, asks it, ends it, and reads what arrived."""

import http.client
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, TopicPartition

from tests.leash import leashed
from tests.processes import losses_told, wait_until
from tests.servers.kinds import Kind

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sys.executable).parent


class Server:
    """A server in a process of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self.address = f"http://127.0.0.1:{port}"

    def get(self, path: str, method: str = "GET") -> str:
        """The answer to a request, once the server listens."""
        request = urllib.request.Request(self.address + path, method=method)  # noqa: S310 - our own address
        deadline = time.monotonic() + 20
        while True:
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own address
                    return str(answer.read().decode())
            except urllib.error.HTTPError:
                raise
            except OSError:
                assert self.process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server doesn't listen"
                time.sleep(0.05)

    def end(self, signum: int) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(signum)
        return self.process.wait(20)


@contextmanager
def serving(broker: str, folder: Path, *command: str, **environment: str) -> Iterator[Server]:
    """A server started by this command, in which PORT stands for a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = [str(SCRIPTS / command[0]), *(word.replace("PORT", str(port)) for word in command[1:])]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            leashed(*program),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", "SERVED_BROKER": broker, **environment},
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield Server(process, port)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # its workers too
            process.wait(20)


@contextmanager
def serving_kind(broker: str, folder: Path, kind: Kind, **environment: str) -> Iterator[Server]:
    """A server of this kind, once it handles its signal."""
    with serving(broker, folder, *kind.command, **environment) as server:
        server.get("/pid")
        log = folder / "server.log"
        wait_until(lambda: re.search(kind.ready, log.read_text(), re.DOTALL) is not None, "it is ready")
        yield server


@contextmanager
def clients(server: Server, *, count: int = 3) -> Iterator[dict[int, str]]:
    """That many clients that buy until the server is gone: the numbers that were answered, and by which process."""
    answers: dict[int, str] = {}
    numbers = itertools.count()

    def ask() -> None:
        with suppress(OSError, AssertionError):
            while True:
                number = next(numbers)
                with suppress(http.client.HTTPException):  # half an answer, of a worker that was killed
                    answers[number] = server.get(f"/buy/{number}")

    server.get("/pid")
    asking = [threading.Thread(target=ask) for _ in range(count)]
    for client in asking:
        client.start()
    try:
        yield answers
    finally:
        for client in asking:
            client.join(30)


def told(folder: Path) -> int:
    """How many lost events the server's log tells."""
    return losses_told((folder / "server.log").read_text())


def arrived(broker: str, topic: str) -> list[bytes]:
    """The ids of all events on a topic."""
    config = {"bootstrap.servers": broker, "group.id": str(uuid.uuid4()), "enable.partition.eof": True}
    consumer = Consumer(
        {**config, "fetch.wait.max.ms": 10}
    )  # by default the end of the topic is told after 500
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        ids: list[bytes] = []
        while (message := consumer.poll(10)) is not None:
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error  # noqa: SLF001 - a public name
                return ids
            ids.append(message.value() or b"")
        raise AssertionError("the broker doesn't answer")
    finally:
        consumer.close()
