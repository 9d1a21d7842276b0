"""Something that happens at one step of some code, wherever that is: a death, a signal handler."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from traceback import walk_stack
from types import FrameType, ModuleType
from typing import Any, Literal, TypeAlias

#: A bytecode, or a line.
Step: TypeAlias = Literal["opcode", "line"]


class Walk:
    """Has something done before one step of this thread's way through some modules.

    Args:
        act: what is done, once.
        at: before which step, from 0 on.
        modules: those whose steps count.
        step: what one is.
        but: names of functions whose steps don't count.

    Attributes:
        is_over: whether it was done; else there are not so many steps.
    """

    def __init__(
        self,
        act: Callable[[], object],
        *,
        at: int,
        modules: tuple[ModuleType, ...],
        step: Step,
        but: frozenset[str] = frozenset(),
    ) -> None:
        self.is_over = False
        self._act = act
        self._left = at
        self._files = {module.__file__ for module in modules}
        self._step = step
        self._but = but

    @contextmanager
    def going(self) -> Iterator[None]:
        """The way."""
        before = sys.gettrace()
        # The frames that coverage follows would call it back, and in a forked child it ends all tracing then.
        followed = [(frame, frame.f_trace) for frame, _ in walk_stack(None) if frame.f_trace is not None]
        for frame, _ in followed:
            frame.f_trace = None
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(before)
            for frame, trace in followed:
                frame.f_trace = trace

    def _enter(self, frame: FrameType, _what: str, _more: Any) -> Any:
        code = frame.f_code
        if code.co_filename not in self._files or code.co_name in self._but:
            return None
        if self._step == "opcode":
            # Python 3.12 and 3.13 look at this only as tracing begins, so it begins anew (0 of 12 steps without).
            frame.f_trace_opcodes, frame.f_trace = True, self._go
            sys.settrace(self._enter)
        return self._go

    def _go(self, _frame: FrameType, what: str, _more: Any) -> Any:
        if what == self._step and not self.is_over:
            self._left -= 1
            if self._left < 0:
                self.is_over = True
                self._act()
        return self._go
