"""Every setting with its type, default and unit, as `settings.py` itself has them."""

import re
from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any

from flask_kafka_events import ConfigurationError
from flask_kafka_events.request_rules import RequestRules
from flask_kafka_events.settings import PREFIX, Settings, default_source, read_settings
from flask_kafka_events.type_rules import TypeRules


def markdown() -> str:
    """A section for each setting, in the order of `Settings`."""
    return "\n\n".join(_section(setting) for setting in fields(Settings))


def wanted(setting: "Field[Any]") -> str:
    """What the setting's own reader says that a value must be: it is given one that it can't take."""
    key = PREFIX + setting.name.upper()
    try:
        read_settings({key: object()}, "shop")
    except ConfigurationError as error:
        said = str(error)
    else:
        said = ""
    words = re.search(r" must be (.+?),? got ", said)
    if words is None:
        raise ValueError(
            f"{key} doesn't say what it must be, but {said!r}. Let its reader raise `wrong(...)`."
        )
    with_commas = re.sub(r"\d{5,}", lambda digits: f"{int(digits[0]):,}", words[1])
    return re.sub(r"'([^']+)'", r"`\1`", with_commas)


def shown_default(setting: "Field[Any]") -> str:
    """The default as a person would write it into the config."""
    value = setting.default
    if setting.name == "source":
        return f"`/` and the app's name, `{default_source('shop')}`"
    if value is None:
        return "not set"
    if isinstance(value, RequestRules):
        value = value.enabled
    elif isinstance(value, TypeRules):
        value = dict(value.rules)
    elif isinstance(value, Mapping):
        value = dict(value)
    elif isinstance(value, tuple | frozenset):
        value = list(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"`{value!r}`"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _section(setting: "Field[Any]") -> str:
    name = PREFIX + setting.name.upper()
    unit = setting.metadata["unit"]
    lines = [
        f"## `{name}`",
        "",
        _linked(setting.metadata["doc"]),
        "",
        f"- must be: {wanted(setting)}",
        f"- default: {shown_default(setting)}",
    ]
    if unit:
        lines.append(f"- unit: {unit}")
    if _is_function(setting):
        lines.append("- from the environment: not, it is a function")
    else:
        lines.append(f"- from the environment: `FLASK_{name}`")
    return "\n".join(lines)


def _linked(doc: str) -> str:
    # The docs of one setting name the others without the prefix.
    names = {each.name.upper() for each in fields(Settings)}
    return re.sub(r"`([A-Z_]+)`", lambda name: f"`{PREFIX}{name[1]}`" if name[1] in names else name[0], doc)


def _is_function(setting: "Field[Any]") -> bool:
    return "Callable" in str(setting.type)
