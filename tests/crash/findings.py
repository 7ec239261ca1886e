"""What a check is given and what it finds, and how two lists of names are compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from streams.values import (
        Audience,
    )
    from tests.crash import ledger as ledgers
    from tests.crash.reading import Told
    from tests.crash.story import (
        Story,
    )


#: How long before a kill of the broker a commit may have been answered and not yet be marked.
WINDOW = timedelta(seconds=3)
ADR_0011 = "ADR 0011: the broker was killed between the answer to a commit and its markers"
_IDS_TOLD = 12

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant. `records` are ids of records; never anything that identifies."""

    invariant: str
    what: str
    where: str
    records: tuple[str, ...]
    note: str | None = None

    def __str__(self) -> str:
        told = ", ".join(self.records[:_IDS_TOLD])
        left = len(self.records) - _IDS_TOLD
        more = f" and {left} more" if left > 0 else ""
        note = f" [{self.note}]" if self.note else ""
        return f"{self.invariant} {self.what} at {self.where}: {told}{more}{note}"


@dataclass(slots=True)
class Run:
    """Everything that is known after a run.

    `replayed` has for each projection whether live and replayed store are equal; `positions`
    for each group the committed offset of each topic; `waiting` names what had not come to rest
    within the bound; `leaking` names files outside the enclave that hold a canary.
    """

    story: Story
    entries: Mapping[int, ledgers.Entry]
    topics: dict[str, list[Told]]
    audience_keys: Mapping[Audience, bytes] = field(repr=False)
    broker_kills: tuple[float, ...] = ()
    replayed: Mapping[str, bool] = field(default_factory=dict)
    positions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    leaking: tuple[str, ...] = ()


def is_explained(violation: Violation) -> bool:
    """Tell whether the violation is the known one of ADR 0011."""
    return violation.note == ADR_0011


def compare(
    where: str, expected: Sequence[Key], actual: Sequence[tuple[Key, Told]], *, ordered: bool = True
) -> Iterator[Violation]:
    """Tell what is lost, twice, of nobody, or out of order at one place."""
    wanted, seen = Counter(expected), Counter(key for key, _ in actual)
    copies: dict[Key, list[Told]] = defaultdict(list)
    for key, record in actual:
        copies[key].append(record)
    for key in wanted - seen:
        yield Violation("I1", "lost", where, (named(key), *(one.name for one in copies[key])))
    for key in seen - wanted:
        what = "twice" if key in wanted else "of nobody"
        yield Violation("I1", what, where, (named(key), *(one.name for one in copies[key])))
    if ordered and wanted == seen:
        yield from _order(where, expected, actual)


def _order(
    where: str, expected: Sequence[Key], actual: Sequence[tuple[Key, Told]]
) -> Iterator[Violation]:
    for want, (got, record) in zip(expected, actual, strict=True):
        if want != got:
            names = (named(want), named(got), record.name)
            yield Violation("I5", "out of order", where, names)
            return


def named(key: Key) -> str:
    """Write the name of something as ids of records."""
    return " ".join("-" if part is None else str(part) for part in key)


def explained(run: Run, violation: Violation, records: Iterable[Told]) -> Violation:
    """Tell what ADR 0011 explains: one copy from just before a kill of the broker, one after."""
    times = sorted(record.at.timestamp() for record in records)
    if len(times) < 2:
        return violation
    first, last = times[0], times[-1]
    for kill in run.broker_kills:
        if kill - WINDOW.total_seconds() <= first <= kill + 1 and last > kill:
            return replace(violation, note=ADR_0011)
    return violation


def compared(
    run: Run,
    where: str,
    expected: Sequence[Key],
    actual: Sequence[tuple[Key, Told]],
    *,
    ordered: bool = True,
) -> Iterator[Violation]:
    copies: dict[str, list[Told]] = defaultdict(list)
    for key, record in actual:
        copies[named(key)].append(record)
    for found in compare(where, expected, actual, ordered=ordered):
        yield explained(run, found, copies[found.records[0]]) if found.what == "twice" else found
