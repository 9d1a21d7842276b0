"""Whether this process's threads are gevent's greenlets, without importing gevent."""

import sys
from typing import Any


def is_patched() -> bool:
    """Whether gevent has made greenlets of this process's threads."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def original(module: str, name: str) -> Any:
    """What a loaded module of the standard library has by this name, as it was before gevent put its own there."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return getattr(sys.modules[module], name) if monkey is None else monkey.get_original(module, name)
