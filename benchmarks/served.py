"""Requests a second under gunicorn and their latency: the servers of all variants run, and wrk asks one after the other."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.request import urlopen

from benchmarks.served_app import ENDS
from benchmarks.sheets import Sheet
from tests.kafka.apache_kafka import free_port
from tests.leash import leashed
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SCRIPT: Final = Path(__file__).with_name("latency.lua")
#: Of wrk; as many as the server has threads.
_CONNECTIONS: Final = 4
_PERCENTILES: Final = ("p50", "p99", "p99.9")


def why_not() -> str:
    """Why this can't be measured here, and what helps; empty where it can."""
    return "" if shutil.which("wrk") else "wrk is missing. To get it: apt-get install wrk"


def served(servers: str, variants: Sequence[str], *, rounds: int, seconds: int) -> dict[str, Sheet]:
    """What wrk finds of each variant.

    Args:
        servers: a broker's address.
        variants: by their names.
        rounds: of all variants.
        seconds: of each turn.
    """
    units = {"requests/s": "1/s", **dict.fromkeys(_PERCENTILES, "ms")}
    sheets = {name: Sheet(unit=unit, figures={each: [] for each in variants}) for name, unit in units.items()}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        addresses = {
            name: stack.enter_context(_server(name, servers, folder / str(number)))
            for number, name in enumerate(variants)
        }
        for address in addresses.values():
            _asked(address, 1)
        for _ in range(rounds):
            for name, address in addresses.items():
                for sheet, figure in zip(sheets.values(), _asked(address, seconds), strict=True):
                    sheet.figures[name].append(figure)
        for name in ENDS.keys() & addresses.keys():
            _check(addresses[name], ENDS[name])
    return sheets


def _check(address: str, end: str) -> None:
    """A fast way to lose events is no way."""
    with urlopen(f"http://{address}/ledger", timeout=30) as answer:
        ledger = json.load(answer)
    if not ledger["emitted"] or ledger["emitted"] != ledger[end]:
        raise AssertionError(ledger)


def _asked(address: str, seconds: int) -> list[float]:
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "-s", str(_SCRIPT), f"http://{address}/"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise AssertionError(printed)
    requests, duration, *latencies = map(int, printed.splitlines()[-1].split())
    return [1e6 * requests / duration, *(latency / 1000 for latency in latencies)]


@contextmanager
def _server(name: str, servers: str, folder: Path) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    environment = {**os.environ, "BENCH_VARIANT": name, "BENCH_SERVERS": servers, "BENCH_FOLDER": str(folder)}
    command = [
        sys.executable, "-m", "gunicorn", "-k", "gthread", "--threads", str(_CONNECTIONS), "--bind", address,
        "--log-level", "error", "benchmarks.served_app:make()",
    ]  # fmt: skip
    process = subprocess.Popen(leashed(*command), env=environment, start_new_session=True)
    try:
        wait_until(lambda: process.poll() is not None or _answers(address), f"{name} is served")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # what it holds still is no matter here
        process.wait()


def _answers(address: str) -> bool:
    host, port = address.split(":")
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False
