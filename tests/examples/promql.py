"""As much of PromQL as our dashboard uses; what is anything else is refused."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<text>"[^"\\]*")|(?P<number>\d+(?:\.\d+)?[smhd]?)|(?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)"""
    r"""|(?P<sign>=~|!~|!=|[-+*/(){}\[\],=<>]))"""
)
_FUNCTIONS: Final = frozenset({"rate", "increase", "histogram_quantile"})
_AGGREGATIONS: Final = frozenset({"sum", "min", "max", "avg", "count", "topk"})
_MATCHES: Final = frozenset({"=", "!=", "=~", "!~"})
_BRACKETS: Final = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, kw_only=True)
class Query:
    """What a query asks for.

    Attributes:
        selectors: each metric's name, with the labels that its braces name.
        groupings: the labels in its `by` clauses.
    """

    selectors: list[tuple[str, set[str]]] = field(default_factory=list)
    groupings: set[str] = field(default_factory=set)


class _Words:
    """A query's tokens, one after the other."""

    def __init__(self, query: str) -> None:
        self._left = list(_tokens(query))

    def take(self, *wanted: str) -> str:
        """The next one; if any are wanted, one of those."""
        if not self._left or (wanted and self._left[0] not in wanted):
            raise ValueError(f"Wanted {wanted or 'more'}, got {self._left[:3]}.")
        return self._left.pop(0)

    def next(self) -> str:
        """What comes next; empty at the end."""
        return self._left[0] if self._left else ""


def parsed(query: str) -> Query:
    """What a query asks for, Grafana's `$__rate_interval` in it or not.

    Raises:
        ValueError: it isn't what is understood here.
    """
    found, words, closing = Query(), _Words(query.replace("$__rate_interval", "5m")), [""]
    while words.next():
        word = words.take()
        if word in _BRACKETS:
            closing.append(_BRACKETS[word])
        elif word in _BRACKETS.values():
            if closing.pop() != word:
                raise ValueError(f"{query!r}: {word!r} closes nothing.")
        else:
            _take_in(word, words, found)
    if closing != [""]:
        raise ValueError(f"{query!r}: {closing[1:]} is missing.")
    return found


def _take_in(word: str, words: _Words, found: Query) -> None:
    if word == "by":
        found.groupings.update(_names(words))
    elif word in _FUNCTIONS | _AGGREGATIONS:
        if words.next() != "(" and not (word in _AGGREGATIONS and words.next() == "by"):
            raise ValueError(f"{word} of nothing.")
    elif word[0].isalpha():
        found.selectors.append((word, _matched(words)))


def _names(words: _Words) -> Iterator[str]:
    words.take("(")
    while True:
        yield words.take()
        if words.take(",", ")") == ")":
            return


def _matched(words: _Words) -> set[str]:
    labels: set[str] = set()
    if words.next() != "{":
        return labels
    words.take("{")
    while True:
        labels.add(words.take())
        words.take(*_MATCHES)
        if not words.take().startswith('"'):
            raise ValueError("A label is compared with a text.")
        if words.take(",", "}") == "}":
            return labels


def _tokens(query: str) -> Iterator[str]:
    place = 0
    while query[place:].strip():
        found = _TOKEN.match(query, place)
        if found is None:
            raise ValueError(f"{query!r}: what is {query[place:]!r}?")
        yield found[0].strip()
        place = found.end()
