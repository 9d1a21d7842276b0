"""The load generator's own environment: made by uv from `requirements/crowd.txt`, then kept in `.cache/`."""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import click

ROOT: Final = Path(__file__).resolve().parents[2]
LOCK: Final = ROOT / "requirements" / "crowd.txt"
CACHE: Final = ROOT / ".cache" / "crowd"


def python_of_the_generator() -> Path:
    """The interpreter that has Locust; 45 MB, made in 2 to 20 s where it isn't there yet."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = CACHE / f"{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}-{version}"
    if not wanted.is_dir():
        click.echo(f"installing the load generator into {wanted.relative_to(ROOT)} ...", err=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as making:
            _make(Path(making) / "environment")
            _move(Path(making) / "environment", wanted)
    return wanted / "bin" / "python"


def _make(environment: Path) -> None:
    # It is moved afterwards, so that one whose making was broken off never gets the final name.
    _uv("venv", "--quiet", "--no-project", "--relocatable", "--python", sys.executable, str(environment))
    interpreter = str(environment / "bin" / "python")
    _uv("pip", "install", "--quiet", "--require-hashes", "--python", interpreter, "--requirement", str(LOCK))


def _move(made: Path, wanted: Path) -> None:
    try:
        made.rename(wanted)
    except OSError:
        if not wanted.is_dir():  # else another run was quicker
            raise


def _uv(*words: str) -> None:
    command = [str(Path(sys.executable).with_name("uv")), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise click.ClickException(f"The load generator could not be installed: {done.stderr.strip()}")
