"""What was found where in a text, and what stands in its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class Kind(StrEnum):
    """What a placeholder says was there; a reader may not rely on more than that it was."""

    PERSON = "PERSON"
    ORGANISATION = "ORGANISATION"
    ADDRESS = "ADDRESS"
    PHONE = "PHONE"
    EMAIL = "EMAIL"
    HANDLE = "HANDLE"
    VEHICLE = "VEHICLE"
    ACCOUNT = "ACCOUNT"
    IDENTIFIER = "IDENTIFIER"
    PLACE = "PLACE"
    LINK = "LINK"
    DATE = "DATE"
    TIME = "TIME"
    AGE = "AGE"
    NUMBER = "NUMBER"
    WORD = "WORD"


#: Kinds that are told apart within a text: the same one gets the same number.
NUMBERED: Final = frozenset(
    {
        Kind.PERSON,
        Kind.ORGANISATION,
        Kind.ADDRESS,
        Kind.PHONE,
        Kind.EMAIL,
        Kind.HANDLE,
        Kind.VEHICLE,
        Kind.ACCOUNT,
        Kind.IDENTIFIER,
    }
)


class Layer(StrEnum):
    """Who found it; where several did, the first of these decides what it is called."""

    KNOWN = "known"
    PATTERN = "pattern"
    RECOGNISER = "recogniser"
    WORDS = "words"


_RANK: Final = {layer: rank for rank, layer in enumerate(Layer)}


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text that may not stay. `node` is the subject it belongs to, if it is known."""

    start: int
    end: int
    kind: Kind
    layer: Layer
    node: int | None = None


def merged(spans: Iterable[Span]) -> list[Span]:
    """Join what overlaps, in the order of the text; the surest finding names the whole."""
    joined: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        if joined and span.start < joined[-1].end:
            joined[-1] = _union(joined[-1], span)
        else:
            joined.append(span)
    return joined


def _union(left: Span, right: Span) -> Span:
    """The finding of the surer layer names both; within a layer the longer one."""
    namer = min(left, right, key=lambda one: (_RANK[one.layer], one.start - one.end))
    start, end = min(left.start, right.start), max(left.end, right.end)
    return Span(start, end, namer.kind, namer.layer, namer.node)
