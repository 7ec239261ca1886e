"""Deadlines: a projection says which are open, and its runner tells once when one has passed.

What has passed is an event (`DeadlinePassed`) on the topic of the decisions that it is about. So
state never asks a clock: it changes when the event comes back, in a replay as it did live.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, runtime_checkable
from uuid import UUID, uuid5

from sqlalchemy import Column, MetaData, String, Table

from consumers.projection import Notice, Publication, Rewrite
from streams.codec import decode, encode
from streams.codes import DeadlineKind
from streams.errors import DecodeError
from streams.ocg import DeadlinePassed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consumers.projection import Read

_NAMESPACE: Final = UUID("5d0c61f3-1f0e-5b0a-8a51-7c8d7a1f2b64")
_Matter: TypeAlias = tuple[DeadlineKind, UUID, UUID | None]

DEADLINES_PASSED: Final = Table(
    "deadlines_passed",
    MetaData(),
    Column("deadline_id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("subject_id", String, nullable=False),
    Column("person_id", String, nullable=True),
    Column("due_at", String, nullable=False),
    Column("passed_at", String, nullable=False),
    sqlite_with_rowid=False,
)
"""Each deadline that was told as passed; instants are ISO 8601 in UTC."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """Something is due: of which kind, about what, perhaps about whom, and when.

    Put off or renewed it is another deadline, since `due_at` is part of its id.
    """

    kind: DeadlineKind
    subject_id: UUID
    person_id: UUID | None
    due_at: datetime

    @property
    def deadline_id(self) -> UUID:
        """The same in every rebuild, so that none is told twice."""
        person = "-" if self.person_id is None else str(self.person_id)
        due = self.due_at.astimezone(UTC).isoformat()
        return uuid5(_NAMESPACE, f"{self.kind.value} {self.subject_id} {person} {due}")

    def passed(self, at: datetime) -> DeadlinePassed:
        """Return the event that tells that it has passed, said at `at`."""
        return DeadlinePassed(
            deadline_id=self.deadline_id,
            kind=self.kind,
            subject_id=self.subject_id,
            person_id=self.person_id,
            due_at=self.due_at.astimezone(UTC),
            passed_at=at,
        )


class Deadlines:
    """The open deadlines of a projection, and those told as passed on `topic`.

    Open ones follow from the rest of the state, which offers them anew when it is restored; what
    was told is kept in rows (`DEADLINES_PASSED`).
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._open: dict[str, frozenset[Deadline]] = {}
        self._owners: defaultdict[UUID, set[str]] = defaultdict(set)
        self._queue: list[tuple[datetime, int, str, Deadline]] = []
        self._told: set[UUID] = set()
        self._last: defaultdict[_Matter, list[datetime]] = defaultdict(list)
        self._rewrites: list[Rewrite] = []

    def offer(self, owner: str, *deadlines: Deadline) -> None:
        """From now on these are open of this owner, and no others; what was told is not offered.

        `owner` is any name for what offers: the alert, or the OCG and person of a role.
        """
        fresh = frozenset(one for one in deadlines if one.deadline_id not in self._told)
        before = self._open.get(owner, frozenset())
        for one in before - fresh:
            self._disown(one.deadline_id, owner)
        for one in fresh - before:
            self._owners[one.deadline_id].add(owner)
            heappush(self._queue, (one.due_at, one.deadline_id.int, owner, one))
        if fresh:
            self._open[owner] = fresh
        else:
            self._open.pop(owner, None)

    def open(self) -> Sequence[Deadline]:
        """Return every open deadline, the soonest first."""
        every = {one for some in self._open.values() for one in some}
        return sorted(every, key=lambda one: (one.due_at, one.deadline_id.int))

    def due(self, at: datetime) -> Sequence[Deadline]:
        """Return the open deadlines that are due at an instant, the longest overdue first.

        They stay open until they were told; asked when nothing is due it costs nothing.
        """
        found: dict[UUID, Deadline] = {}
        kept: list[tuple[datetime, int, str, Deadline]] = []
        while self._queue and self._queue[0][0] <= at:
            entry = heappop(self._queue)
            _, _, owner, deadline = entry
            if deadline in self._open.get(owner, ()):
                found[deadline.deadline_id] = deadline
                kept.append(entry)
        for entry in kept:
            heappush(self._queue, entry)
        return tuple(found.values())

    def tell(self, event: DeadlinePassed) -> bool:
        """Take in that a deadline has passed; return whether that is news."""
        if event.deadline_id in self._told:
            return False
        self._keep(event)
        self._rewrites.append(_row_of(event))
        for owner in sorted(self._owners.get(event.deadline_id, ())):
            self.offer(owner, *self._open[owner])
        return True

    def was_told(
        self,
        kind: DeadlineKind,
        subject_id: UUID,
        since: datetime | None = None,
        person_id: UUID | None = None,
    ) -> bool:
        """Tell whether one of this matter has passed that was due after `since`."""
        due = self._last.get((kind, subject_id, person_id), ())
        return any(since is None or one > since for one in due)

    def take_rewrites(self) -> Sequence[Rewrite]:
        """Return what the rows have become since the last call."""
        rewrites, self._rewrites = self._rewrites, []
        return rewrites

    def restore(self, read: Read) -> None:
        """Take what was told from the rows; what is open must be offered anew after it."""
        for row in read(DEADLINES_PASSED):
            person = row["person_id"]
            self._keep(
                DeadlinePassed(
                    deadline_id=UUID(row["deadline_id"]),
                    kind=DeadlineKind(row["kind"]),
                    subject_id=UUID(row["subject_id"]),
                    person_id=None if person is None else UUID(person),
                    due_at=datetime.fromisoformat(row["due_at"]),
                    passed_at=datetime.fromisoformat(row["passed_at"]),
                )
            )

    def _disown(self, deadline_id: UUID, owner: str) -> None:
        owners = self._owners[deadline_id]
        owners.discard(owner)
        if not owners:
            del self._owners[deadline_id]

    def _keep(self, event: DeadlinePassed) -> None:
        self._told.add(event.deadline_id)
        self._last[event.kind, event.subject_id, event.person_id].append(event.due_at)


@runtime_checkable
class HasDeadlines(Protocol):
    """A projection with deadlines; its `publications` must hold `publication_of(their topic)`."""

    deadlines: Deadlines


def publication_of(topic: str) -> Publication:
    """Return how deadlines are published on a topic that people decide on too."""
    return Publication(topic, notice_id_of)


def notices_of(deadlines: Iterable[Deadline], topic: str, at: datetime) -> Sequence[Notice]:
    """Return the events to publish for deadlines that have passed, said at `at`."""
    return [Notice(topic, str(one.deadline_id), encode(one.passed(at))) for one in deadlines]


def notice_id_of(value: bytes) -> str | None:
    """Tell which deadline a record tells of; None if it is anything else."""
    try:
        return str(decode(value, DeadlinePassed).deadline_id)
    except DecodeError:
        return None


def _row_of(event: DeadlinePassed) -> Rewrite:
    key = {"deadline_id": str(event.deadline_id)}
    row = {
        **key,
        "kind": event.kind.value,
        "subject_id": str(event.subject_id),
        "person_id": None if event.person_id is None else str(event.person_id),
        "due_at": event.due_at.isoformat(),
        "passed_at": event.passed_at.isoformat(),
    }
    return Rewrite(DEADLINES_PASSED, key, (row,))
