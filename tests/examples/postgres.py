"""A PostgreSQL of one test's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.kafka.apache_kafka import free_port
from tests.parts import path_of
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

#: It refuses to run as root.
USER: Final = "postgres" if os.geteuid() == 0 else None


@contextmanager
def postgres() -> Iterator[str]:
    """A server with an empty database; gives SQLAlchemy's URL of it: 3 s."""
    programs = Path(path_of("postgresql") or "").parent
    port = free_port()
    # Not pytest's directory, which is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="postgres"))
    if USER is not None:
        shutil.chown(folder, USER)
    data = str(folder / "data")
    try:
        make = [str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "game", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, timeout=60, user=USER, cwd=folder)
        options = ["-p", str(port), "-k", str(folder), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        # Not on tests.leash: another user may not be allowed to run our Python.
        leash = ["setpriv", "--pdeathsig", "KILL"]
        server = subprocess.Popen(
            [*leash, str(programs / "postgres"), "-D", data, *options],
            stderr=subprocess.PIPE,
            user=USER,
            cwd=folder,
        )
        try:
            wait_until((folder / f".s.PGSQL.{port}").is_socket, "PostgreSQL listens", seconds=30)
            yield f"postgresql+psycopg://game@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.communicate(timeout=30)
    finally:
        shutil.rmtree(folder)


def ask_postgres(url: str, query: str) -> list[tuple[Any, ...]]:
    """What a query gives; nothing while there are no totals yet."""
    psql = [str(Path(path_of("postgresql") or "").with_name("psql")), "-At", url.replace("+psycopg", "")]
    rows = f"SELECT COALESCE(json_agg(row), '[]') FROM ({query}) AS row"  # noqa: S608 - the test's own
    done = subprocess.run([*psql, "-c", rows], capture_output=True, text=True, timeout=30, check=False)
    if "does not exist" in done.stderr:
        return []
    assert done.returncode == 0, done.stderr
    # As pairs, because columns without a name share one.
    return json.loads(done.stdout, object_pairs_hook=lambda pairs: tuple(value for _, value in pairs))  # type: ignore[no-any-return]
