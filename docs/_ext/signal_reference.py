"""The signals, with what `signals.py` says of each."""

import inspect

from blinker import NamedSignal

from flask_kafka_events import signals


def markdown() -> str:
    """An entry for each signal, in the order of the module."""
    entries = (
        f".. py:data:: flask_kafka_events.{name}\n\n{_indented(signal)}"
        for name, signal in all_signals().items()
    )
    return "```{eval-rst}\n" + "\n\n".join(entries) + "\n```"


def all_signals() -> dict[str, NamedSignal]:
    """The signals by the name an app imports."""
    return {name: value for name, value in vars(signals).items() if isinstance(value, NamedSignal)}


def _indented(signal: NamedSignal) -> str:
    return "\n".join(f"   {line}".rstrip() for line in inspect.cleandoc(signal.__doc__ or "").splitlines())
