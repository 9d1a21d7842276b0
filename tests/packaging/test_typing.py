"""Typed user code stays typed."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

GOOD = """
from flask_kafka_events import Delivery, KafkaEvents, Outcome, current_event, emit_event

events = KafkaEvents()


@emit_event("bought", key="player", data=lambda number: {"number": number})
def buy(number: int) -> str:
    current_event.update(player="ana")
    current_event["price"] = 12
    return "sold"


@emit_event("asked", on=lambda outcome: outcome.status == 200)
async def ask(name: str, *, loud: bool = False) -> dict[str, str]:
    return {"name": name}


def on(outcome: Outcome) -> bool:
    return outcome.error is None


reveal_type(buy)
reveal_type(ask)
reveal_type(events.emit("tick", wait=2))
"""

BAD = """
from flask_kafka_events import emit_event


@emit_event("bought", on="sometimes")
def buy(number: int) -> str:
    return "sold"


buy("one")
"""


def mypy(folder: Path, code: str) -> "subprocess.CompletedProcess[str]":
    """What strict mypy says of a module of a user's."""
    module = folder / "users_module.py"
    module.write_text(code)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--cache-dir",
        str(folder),
        str(module),
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_decorated_views_keep_their_types(tmp_path: Path) -> None:
    """Strict mypy accepts a typed module, and a decorated view has the type it had."""
    said = mypy(tmp_path, GOOD)
    assert said.returncode == 0, said.stdout
    assert 'Revealed type is "def (number: int) -> str"' in said.stdout.replace("builtins.", "")
    assert (
        'Revealed type is "def (name: str, *, loud: bool =) -> typing.Coroutine[Any, Any, dict[str, str]]"'
        in said.stdout.replace("builtins.", "").replace("types.CoroutineType", "typing.Coroutine")
    )
    assert "flask_kafka_events.outcomes.Delivery | None" in said.stdout


def test_wrong_use_is_found(tmp_path: Path) -> None:
    """An outcome that doesn't exist and a wrong argument are type errors."""
    said = mypy(tmp_path, BAD)
    assert said.returncode == 1
    assert 'Argument "on" to "emit_event"' in said.stdout
    assert 'Argument 1 to "buy" has incompatible type "str"; expected "int"' in said.stdout
