"""Which events of a sampled kind are kept: the same answer for the same trace, in every process."""

from hashlib import blake2b

_SPACE = 2**64


def kept(rate: float, trace: str) -> bool:
    """Whether an event that belongs to `trace` is among the share of `rate` (0 to 1) that is kept.

    The answer depends on nothing else, so a whole trace stays together, and what a lower rate keeps is a part of what
    a higher one keeps.
    """
    if rate >= 1.0:
        return True
    digest = blake2b(trace.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < rate * _SPACE
