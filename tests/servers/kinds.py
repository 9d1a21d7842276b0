"""The servers, each with the one line it needs where it needs one: the table in README.md."""

import signal
from dataclasses import dataclass

import pytest

APP = "tests.servers.served:create_app()"
_GUNICORN = ("gunicorn", "-b", "127.0.0.1:PORT")
# Without its hook uWSGI skips atexit in a worker that is in a request at that moment (54 of 110 events were lost).
_UWSGI = (
    "uwsgi", "--http-socket", "127.0.0.1:PORT", "--module", APP, "--master", "-p", "2",
    "--hook-master-start", "unix_signal:15 gracefully_kill_them_all",
)  # fmt: skip
# After a SIGTERM it ends by the signal's default action, past atexit (20 of 20 events were lost).
_UVICORN = ("uvicorn", "--factory", "tests.servers.served:create_asgi", "--port", "PORT")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A server as it is started and ended.

    Attributes:
        command: starts it; PORT stands for a free port.
        signum: the signal that ends it.
        status: its exit status then.
        ready: a pattern in its log once it handles that signal, where it serves before (a worker of uWSGI that still
            loads its app forgets it).
        workers: how many processes answer.
    """

    command: tuple[str, ...]
    signum: signal.Signals = signal.SIGTERM
    status: int = 0
    ready: str = ""
    workers: int = 1


KINDS = {
    "sync": Kind(command=(*_GUNICORN, APP)),
    "gthread": Kind(command=(*_GUNICORN, "-k", "gthread", "--threads", "4", APP)),
    "gevent": Kind(command=(*_GUNICORN, "-k", "gevent", APP)),
    "preload": Kind(command=(*_GUNICORN, "--preload", "-w", "2", APP), workers=2),
    "sync-interrupted": Kind(command=(*_GUNICORN, APP), signum=signal.SIGINT),
    "waitress": Kind(
        command=("waitress-serve", "--listen=127.0.0.1:PORT", "--call", "tests.servers.served:create_app"),
        status=-signal.SIGTERM,
    ),
    "flask-run": Kind(
        command=("flask", "--app", "tests.servers.served", "run", "-p", "PORT"), status=-signal.SIGTERM
    ),
    "flask-run-interrupted": Kind(
        command=("flask", "--app", "tests.servers.served", "run", "-p", "PORT"), signum=signal.SIGINT
    ),
    "uwsgi": Kind(command=_UWSGI, ready="master-start", workers=2),
    "uwsgi-lazy-threads": Kind(
        command=(*_UWSGI, "--lazy-apps", "--threads", "4"), ready="(WSGI app 0.*){2}", workers=2
    ),
    "uvicorn": Kind(command=_UVICORN, signum=signal.SIGINT),
    "hypercorn": Kind(command=("hypercorn", "-b", "127.0.0.1:PORT", "tests.servers.served:create_asgi()")),
}


def each(*names: str) -> pytest.MarkDecorator:
    """Run a test for these servers, in its parameter `kind`."""
    return pytest.mark.parametrize("kind", [KINDS[name] for name in names], ids=names)
