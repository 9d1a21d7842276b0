"""`KAFKA_EVENTS_REQUESTS`: which requests emit an event of their own, with no decorator at all."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

import msgspec

from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.setting_values import Place, mapping, nearest, number, texts, wrong


class RequestRules(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests emit `http.request`.

    Attributes:
        enabled: whether any does.
        include: globs of endpoints, `"shop.*"`; where any is given, only these match.
        exclude: globs of endpoints that don't match, included or not.
        sample: the share of the matching requests that emit, from 0 to 1.

    .. versionadded:: 0.1
    """

    enabled: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sample: float = 1.0

    def matches(self, endpoint: str | None) -> bool:
        """Whether requests of this endpoint emit, before sampling.

        Args:
            endpoint: Flask's name of it; None where no route was found, which matches unless `include` is given.
        """
        if not self.enabled:
            return False
        if endpoint is None:
            return not self.include
        if any(fnmatchcase(endpoint, glob) for glob in self.exclude):
            return False
        return not self.include or any(fnmatchcase(endpoint, glob) for glob in self.include)


_READERS = {"include": texts("shop.*"), "exclude": texts("shop.*"), "sample": number(0, 1, 0.1)}


def read_request_rules(value: object, place: Place) -> RequestRules:
    """Read True, False, or a mapping of `include`, `exclude` and `sample`, which switches them on.

    Raises:
        ConfigurationError: it is neither, or an entry is unknown or of the wrong type.
    """
    if isinstance(value, bool):
        return RequestRules(enabled=value)
    if not isinstance(value, Mapping):
        hint = f"From the environment: {place.exported(value=True)}" if isinstance(value, str) else ""
        raise wrong(place, "True, False or a mapping of 'include', 'exclude' and 'sample'", value, hint=hint)
    entries = mapping(value, place)
    for name in entries:
        if name not in _READERS:
            raise ConfigurationError(f"Unknown entry {place.entry(name)}. {nearest(name, _READERS)}")
    read = {name: _READERS[name](entry, place.entry(name)) for name, entry in entries.items()}
    return RequestRules(enabled=True, **read)  # type: ignore[arg-type]  # each reader gives its field's type
