"""What is uploaded holds what it should and nothing else."""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tests.packaging.conftest import ROOT, make_environment

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

    from tests.packaging.conftest import Distribution

PACKAGE = "flask_kafka_events"


def metadata_file(distribution: Distribution, name: str) -> bytes:
    """One file of the wheel's metadata."""
    with zipfile.ZipFile(distribution.wheel) as wheel:
        (path,) = (path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
        return wheel.read(path)


def metadata(distribution: Distribution) -> Message:
    """The wheel's METADATA."""
    return message_from_bytes(metadata_file(distribution, "METADATA"))


def test_the_wheel_holds_the_package_alone(distribution: Distribution) -> None:
    """In the wheel is every module of the package, its mark of being typed, pytest's fixtures, and the metadata."""
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / PACKAGE).rglob("*.py")}

    with zipfile.ZipFile(distribution.wheel) as wheel:
        files = {path for path in wheel.namelist() if ".dist-info/" not in path}

    assert files == sources | {f"{PACKAGE}/py.typed", "pytest_flask_kafka_events.py"}


def test_the_sdist_can_be_tested(distribution: Distribution) -> None:
    """In the sdist are the package, the tests, the examples, the locks and the texts."""
    with tarfile.open(distribution.sdist) as sdist:
        tops = {PurePosixPath(name).parts[1] for name in sdist.getnames() if "/" in name}

    wanted = {
        PACKAGE,
        "tests",
        "examples",
        "requirements",
        "Makefile",
        "LICENSE",
        "CHANGELOG.md",
        "README.md",
    }
    assert wanted <= tops
    assert not {".venv", ".cache", ".git"} & tops


def test_the_metadata_says_who_may_use_it(distribution: Distribution) -> None:
    """Python's range, the licence and its text, and that it is typed and made for Flask."""
    said = metadata(distribution)

    assert said["Requires-Python"] == ">=3.10"
    assert said["License-Expression"] == "MIT"
    assert said["License-File"] == "LICENSE"
    assert {"Framework :: Flask", "Typing :: Typed"} <= set(said.get_all("Classifier", []))


def test_users_get_ranges(distribution: Distribution) -> None:
    """What the package needs is open at the top and few in number."""
    needed = [line for line in metadata(distribution).get_all("Requires-Dist", []) if "extra ==" not in line]

    assert len(needed) == 5
    assert all(">=" in line and "<" not in line for line in needed)


def test_flask_finds_the_commands(distribution: Distribution) -> None:
    """The entry point that `flask` looks for is there."""
    entry_points = metadata_file(distribution, "entry_points.txt").decode()

    assert "[flask.commands]\nkafka-events = flask_kafka_events.cli:kafka_events" in entry_points


def test_pytest_finds_the_fixtures(distribution: Distribution) -> None:
    """So is the one that pytest looks for, and the sdist has its module too."""
    entry_points = metadata_file(distribution, "entry_points.txt").decode()

    assert "[pytest11]\nflask_kafka_events = pytest_flask_kafka_events" in entry_points
    with tarfile.open(distribution.sdist) as sdist:
        assert [name for name in sdist.getnames() if name.endswith("/pytest_flask_kafka_events.py")]


def test_the_wheel_works_in_an_empty_environment(distribution: Distribution, tmp_path: Path) -> None:
    """Installed with nothing but its own dependencies, a decorated route's event is acknowledged."""
    environment = make_environment(tmp_path / "venv")
    environment.install(distribution.wheel, "--constraint", ROOT / "requirements" / "game.txt")

    program = f"""
import flask, flask_kafka_events as library, pathlib
from flask_kafka_events import embedded
app = flask.Flask("shop", instance_path={str(tmp_path)!r})
app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS="embedded", KAFKA_EVENTS_TOPIC="t")
events = library.KafkaEvents(app).for_app(app)
app.get("/")(library.emit_event("came")(lambda: "ok"))
with embedded.join(pathlib.Path({str(tmp_path)!r}), linger=0.3):
    assert app.test_client().get("/").text == "ok"
    assert events.flush(10) and events.stats().delivered == 1
    events.close()
print(library.__file__)
"""
    done = subprocess.run(
        [environment.python, "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))
