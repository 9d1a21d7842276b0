"""Requests a second under gunicorn and their latency: the servers of all variants run, and wrk asks one after the other."""

from __future__ import annotations

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

from benchmarks.served_app import VARIANTS
from benchmarks.sheets import Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRIPT: Final = Path(__file__).with_name("latency.lua")
#: Of wrk; as many as the server has threads.
_CONNECTIONS: Final = 4
_PERCENTILES: Final = ("p50", "p99", "p99.9")


def why_not() -> str:
    """Why this can't be measured here, and what helps; empty where it can."""
    return "" if shutil.which("wrk") else "wrk is missing. To get it: apt-get install wrk"


def served(servers: str, *, rounds: int, seconds: int) -> dict[str, Sheet]:
    """What wrk finds of each variant.

    Args:
        servers: a broker's address.
        rounds: of all variants.
        seconds: of each turn.
    """
    sheets = {"requests/s": _sheet("1/s"), **{name: _sheet("ms") for name in _PERCENTILES}}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        addresses = {
            name: stack.enter_context(_server(name, servers, folder / str(number)))
            for number, name in enumerate(VARIANTS)
        }
        for address in addresses.values():
            _asked(address, 1)
        for _ in range(rounds):
            for name, address in addresses.items():
                for sheet, figure in zip(sheets.values(), _asked(address, seconds), strict=True):
                    sheet.figures[name].append(figure)
    return sheets


def _sheet(unit: str) -> Sheet:
    return Sheet(unit=unit, figures={name: [] for name in VARIANTS})


def _asked(address: str, seconds: int) -> list[float]:
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "-s", str(_SCRIPT), f"http://{address}/"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise AssertionError(printed)
    requests, duration, *latencies = map(int, printed.splitlines()[-1].split())
    return [1e6 * requests / duration, *(latency / 1000 for latency in latencies)]


@contextmanager
def _server(name: str, servers: str, folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {**os.environ, "BENCH_VARIANT": name, "BENCH_SERVERS": servers, "BENCH_FOLDER": str(folder)}
    command = [
        sys.executable, "-m", "gunicorn", "-k", "gthread", "--threads", str(_CONNECTIONS), "--bind", address,
        "--log-level", "error", "benchmarks.served_app:make()",
    ]  # fmt: skip
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        _await(address)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # what it holds still is no matter here
        process.wait()


def _await(address: str) -> None:
    host, port = address.split(":")
    for _ in range(200):
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return
        subprocess.run(["sleep", "0.05"], check=True)
    raise TimeoutError(address)
