"""W3C trace context as it arrives in requests: https://www.w3.org/TR/trace-context/.

The CloudEvents extension "Distributed Tracing" carries both values as Strings, unchanged: so what isn't valid is
left out, never mended.
"""

import re
from typing import Final

_CHARACTERS: Final = 512
_MEMBERS: Final = 32
_TRACEPARENT: Final = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?P<more>-[ -~]*)?"
)
_MEMBER: Final = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]")


def valid_traceparent(text: str) -> bool:
    """Whether `text` is a traceparent ("traceparent Header"; "Versioning of traceparent").

    Version `ff` and ids of zeros alone are invalid. Version `00` is 55 characters; a higher one may carry more after
    a further dash, here up to 512 characters of printable ASCII.
    """
    match = _TRACEPARENT.fullmatch(text) if len(text) <= _CHARACTERS else None
    return match is not None and (match["version"] != "00" or match["more"] is None)


def valid_tracestate(text: str) -> bool:
    """Whether `text` is a tracestate ("tracestate Header") of 1 to 32 members and at most 512 characters.

    A tab between members is allowed there but forbidden in a CloudEvents String, so it counts as invalid here.
    """
    if len(text) > _CHARACTERS:
        return False
    members = [member for part in text.split(",") if (member := part.strip(" "))]
    return 0 < len(members) <= _MEMBERS and all(_MEMBER.fullmatch(member) for member in members)
