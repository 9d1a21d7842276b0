"""A check, and what one finds."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "note"]

#: The worst first.
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        check: the name of the check that found it, stable between versions: `"topic-missing"`.
        severity: `error` (events are lost, or the app doesn't start), `warning` (they are in some circumstances) or `note`.
        problem: what is wrong.
        where: the setting, route, file, topic or broker that it is about.
        next_step: what to do.
    """

    check: str
    severity: Severity
    problem: str
    where: str
    next_step: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that is looked at.

    Attributes:
        name: its findings' `check`.
        severity: theirs, unless one is milder.
        finds: what it finds, in a sentence.
        next_step: theirs, unless one has a better one.
    """

    name: str
    severity: Severity
    finds: str
    next_step: str

    def found(
        self, problem: str, *, where: str, next_step: str | None = None, severity: Severity | None = None
    ) -> Finding:
        """What it found."""
        return Finding(
            check=self.name,
            severity=severity or self.severity,
            problem=problem,
            where=where,
            next_step=next_step or self.next_step,
        )
