"""What RFC 3986 calls a URI-reference: the form CloudEvents 1.0 asks of `source`."""

import re
from ipaddress import AddressValueError, IPv6Address

_UNRESERVED = r"A-Za-z0-9\-._~"
_SUB_DELIMS = r"!$&'()*+,;="
_ESCAPED = r"%[0-9A-Fa-f]{2}"
_NO_COLON = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}@]|{_ESCAPED})"
_PCHAR = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}:@]|{_ESCAPED})"
_USERINFO = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}:]|{_ESCAPED})*@"
_NAMED_HOST = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}]|{_ESCAPED})*"
_BRACKETED = rf"\[(?:(?P<ipv6>[0-9A-Fa-f:.]+)|v[0-9A-Fa-f]+\.[{_UNRESERVED}{_SUB_DELIMS}:]+)\]"
_AUTHORITY = rf"(?:{_USERINFO})?(?:{_BRACKETED}|{_NAMED_HOST})(?::[0-9]*)?"
_SEGMENTS = rf"(?:/{_PCHAR}*)*"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_WITH_AUTHORITY = re.compile(rf"//{_AUTHORITY}{_SEGMENTS}")
_WITHOUT_AUTHORITY = re.compile(rf"(?:/(?:{_PCHAR}+{_SEGMENTS})?|{_PCHAR}+{_SEGMENTS})?")
_RELATIVE = re.compile(rf"(?:/(?:{_PCHAR}+{_SEGMENTS})?|{_NO_COLON}+{_SEGMENTS})?")
_TAIL = re.compile(rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?")


def is_uri_reference(text: str) -> bool:
    """Whether RFC 3986 allows the text as a URI or as a reference relative to one; the empty text it does."""
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    end = min((at for at in (rest.find("?"), rest.find("#")) if at >= 0), default=len(rest))
    path = rest[:end]
    if not _TAIL.fullmatch(rest, end):
        return False
    if path.startswith("//"):
        return _is_authority_and_path(path)
    return bool((_WITHOUT_AUTHORITY if scheme else _RELATIVE).fullmatch(path))


def _is_authority_and_path(text: str) -> bool:
    found = _WITH_AUTHORITY.fullmatch(text)
    if not found:
        return False
    if found["ipv6"] is None:
        return True
    try:
        IPv6Address(found["ipv6"])
    except AddressValueError:
        return False
    return True
