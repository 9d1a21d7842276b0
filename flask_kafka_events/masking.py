"""Takes secrets out of texts that others wrote, an error of librdkafka for example."""

import re
from collections.abc import Iterable

# Several, because a secret may be a part of one of them; no secret is a part of the last.
_MASKS = ("***", "[hidden]", "")


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Give the text without any of the secrets in it.

    Args:
        text: what is to be shown or logged.
        secrets: the texts that must not be in it; empty ones are passed over.

    Returns:
        The text with a mask in place of each secret; the mask alone where masking makes a secret anew.

    .. versionadded:: 0.1
    """
    hidden = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
    if not _holds_any(text, hidden):
        return text
    mask = next(mask for mask in _MASKS if not _holds_any(mask, hidden))
    masked = re.sub("|".join(re.escape(secret) for secret in hidden), lambda _: mask, text)
    return mask if _holds_any(masked, hidden) else masked


def _holds_any(text: str, secrets: Iterable[str]) -> bool:
    return any(secret in text for secret in secrets)
