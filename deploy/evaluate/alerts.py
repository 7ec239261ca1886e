"""`rivelin evaluate alerts`: the rule of what is begun and not ended in time, on files of events.

The judging is `consumers.safeguarding.unanswered`, which the safeguarding rule UNANSWERED uses
too; here every event carries its own instant.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import MAXYEAR, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from consumers.safeguarding.rules import read_strictly
from consumers.safeguarding.unanswered import Moment, judge
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

EVENT_FIELDS: Final = ("person_id", "event_name", "timestamp")
_MINUTES_MAX: Final = 525_600  # a year


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Violation(_Part):
    """Which events begin it and which end it; `escalation_only` do neither."""

    threshold_minutes: Annotated[float, Field(gt=0, le=_MINUTES_MAX, allow_inf_nan=False)]
    start: Annotated[tuple[str, ...], Field(min_length=1)]
    end: tuple[str, ...]
    escalation_only: tuple[str, ...] = ()

    @property
    def within(self) -> timedelta:
        """Return the time that an ending event has."""
        return timedelta(minutes=self.threshold_minutes)

    @model_validator(mode="after")
    def _starts_end(self) -> Violation:
        lists = (set(self.start), set(self.end), set(self.escalation_only))
        if sum(map(len, lists)) != len(set().union(*lists)):
            raise ValueError("no event stands in two of start, end and escalation_only")
        return self


class ViolationRules(_Part):
    """The rule file: violations by name, and where they come from."""

    violations: Annotated[dict[str, Violation], Field(min_length=1)]
    source: str = ""
    licence: str = ""
    rule: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Return the names of every event that a violation knows."""
        every = ((*one.start, *one.end, *one.escalation_only) for one in self.violations.values())
        return frozenset(name for names in every for name in names)


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the events; stateless, and placed by its instant alone."""

    person: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """A notification that is due: the instant, the violation and the person."""

    at: datetime
    rule: str
    person: str


@dataclass(frozen=True, slots=True)
class AlertsEvaluation:
    """What is due, what may still become due, and what the files do not know of each other."""

    alerts: tuple[Due, ...]
    pending: int
    events: int
    unknown_names: int
    unknown_persons: int

    def as_dict(self) -> Mapping[str, Any]:
        """Return the answer for programs."""
        alerts = [
            {"rule": one.rule, "person": one.person, "at": one.at.isoformat()}
            for one in self.alerts
        ]
        return {"alerts": alerts, "pending": self.pending}


def evaluate(
    events: Sequence[Event],
    persons: frozenset[str],
    rules: ViolationRules,
    *,
    continuing: bool = False,
) -> AlertsEvaluation:
    """Judge the events, in whatever order they come, up to the instant of the last one.

    Each starting event is judged on its own. With `continuing` those that follow another start
    without an end between belong to one violation, and the first of them is judged for all.
    """
    due: set[Due] = set()
    pending = 0
    last = max((one.at for one in events), default=datetime.min)  # noqa: DTZ901 - of nothing
    for name, violation in rules.violations.items():
        for person, (starts, ends) in _by_person(events, violation).items():
            if continuing:
                starts = _first_of_each(starts, ends)  # noqa: PLW2901 - narrowed
            verdict = judge(_moments(starts), _moments(ends), violation.within, last.__ge__)
            pending += len(verdict.pending)
            due.update(Due(one.at + violation.within, name, person) for one in verdict.unanswered)
    return AlertsEvaluation(
        tuple(sorted(due)),
        pending,
        len(events),
        sum(one.name not in rules.names for one in events),
        sum(one.person not in persons for one in events),
    )


def _by_person(
    events: Iterable[Event], violation: Violation
) -> Mapping[str, tuple[list[datetime], list[datetime]]]:
    found: dict[str, tuple[list[datetime], list[datetime]]] = {}
    starts, ends = frozenset(violation.start), frozenset(violation.end)
    for one in events:
        if one.name in starts:
            found.setdefault(one.person, ([], []))[0].append(one.at)
        elif one.name in ends:
            found.setdefault(one.person, ([], []))[1].append(one.at)
    return found


def _moments(instants: Iterable[datetime]) -> Iterator[Moment[datetime]]:
    return (Moment(at, at) for at in instants)


def _first_of_each(starts: Iterable[datetime], ends: Iterable[datetime]) -> list[datetime]:
    """Keep a start only if an end stands between it and the one before."""
    closing = sorted(ends)
    kept: list[datetime] = []
    before: datetime | None = None
    for start in sorted(starts):
        if before is None or any(before <= end <= start for end in closing):
            kept.append(start)
        before = start
    return kept


# --- reading -----------------------------------------------------------------------------


def read_rules(path: Path) -> ViolationRules:
    """Read the rule file.

    Raises: InvalidInputError that names the first place that does not hold.
    """
    try:
        return read_strictly(ViolationRules, path.read_text("utf-8-sig"), path.name)
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path.name}: not UTF-8") from None


def read_events(path: Path) -> list[Event]:
    """Read the events; the columns person_id, event_name and timestamp count.

    Raises: InvalidInputError that names line and field, and repeats no value.
    """
    found: list[Event] = []
    for line, row in _rows(path, EVENT_FIELDS):
        at = _instant(row["timestamp"], f"{path.name} line {line}, timestamp")
        if found and (found[0].at.tzinfo is None) != (at.tzinfo is None):
            raise InvalidInputError(
                f"{path.name} line {line}, timestamp: some name a time zone and some do not"
            )
        found.append(Event(row["person_id"], row["event_name"], at))
    return found


def read_persons(path: Path) -> frozenset[str]:
    """Read who is known; the column person_id counts.

    Raises: InvalidInputError that names line and field, and repeats no value.
    """
    return frozenset(row["person_id"] for _, row in _rows(path, ("person_id",)))


def _rows(path: Path, wanted: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield line number and row; each wanted field is there and not empty."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _require_columns(path, reader.fieldnames, wanted)
            for row in reader:
                yield reader.line_num, _checked(path, reader.line_num, row, wanted)
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path.name}: not UTF-8") from None
    except csv.Error as error:
        raise InvalidInputError(f"{path.name}: no CSV ({error})") from None


def _require_columns(path: Path, names: Sequence[str] | None, wanted: Sequence[str]) -> None:
    for name in wanted:
        if (names or ()).count(name) != 1:
            raise InvalidInputError(
                f"{path.name} line 1: one column is called {name}; there are"
                f" {(names or ()).count(name)}"
            )


def _checked(
    path: Path, line: int, row: Mapping[str | None, Any], wanted: Sequence[str]
) -> Mapping[str, str]:
    if None in row:
        raise InvalidInputError(f"{path.name} line {line}: more fields than columns")
    for name in wanted:
        if not (row[name] or "").strip():
            raise InvalidInputError(f"{path.name} line {line}, {name}: the field is empty")
    return {name: row[name].strip() for name in wanted}


def _instant(text: str, where: str) -> datetime:
    try:
        at = datetime.fromisoformat(text) if len(text) > len("2025-08-06") else None
    except ValueError:
        at = None
    if at is None or at.year == MAXYEAR:  # the threshold, a year at most, is added to it
        raise InvalidInputError(f"{where}: no instant such as 2025-08-06T00:00:00.1813")
    return at
