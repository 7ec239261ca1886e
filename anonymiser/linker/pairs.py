"""What is noted between two ids: merges, partings by a human, open questions.

Everything is noted under the ids of its time and read through the merges as they
stand: what was said of one of two holds of the one they became, and when a merge
is undone nothing of it has moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from streams.values import LinkDoubt

if TYPE_CHECKING:
    from anonymiser.linker.store import LinkStore

Step = tuple[UUID, UUID, int]
"""A merge that took an id away: the id, the one it went to, its place among all merges."""


@dataclass(frozen=True, slots=True)
class Question:
    """An open question, as it was put."""

    left_id: UUID
    right_id: UUID
    doubt: LinkDoubt | None


_KEPT: Final = "SELECT kept, place FROM merge WHERE absorbed = ?"
_IDS: Final = (
    "WITH RECURSIVE ids(id) AS"
    " (SELECT ?1 UNION SELECT absorbed FROM merge JOIN ids ON kept = ids.id)"
)
_PAIRS: Final = (
    f"{_IDS}, others(id) AS"
    " (SELECT ?2 UNION SELECT absorbed FROM merge JOIN others ON kept = others.id)"
)
_VALUE_OF: Final = {"parting": "reason", "question": "doubt"}
PARTED: Final = "parted"
FINAL: Final = "final"  # parted twice: no number asks again


class Pairs:
    """Reads and notes, in the rows of a store."""

    def __init__(self, store: LinkStore) -> None:
        self._store = store

    def ids_of(self, entity_id: UUID) -> list[UUID]:
        """Return the id itself and every id that merges, as they stand, took into it."""
        return [
            UUID(bytes=row[0])
            for row in self._store.execute(f"{_IDS} SELECT id FROM ids", (entity_id.bytes,))
        ]

    def root(self, entity_id: UUID) -> UUID:
        """Return the id that an id goes by now, itself if it was never absorbed."""
        path = self._path(entity_id)
        return path[-1][1] if path else entity_id

    def are_apart(self, left: UUID, right: UUID) -> bool:
        """Tell whether a human has parted the two, or what each of them was made of."""
        return self._between("parting", left, right) is not None

    def is_asked(self, left: UUID, right: UUID) -> bool:
        """Tell whether a question about the two is open."""
        return self._between("question", left, right) is not None

    def may_ask_parted(self, left: UUID, right: UUID) -> bool:
        """Tell whether a strong number may put two whom a human parted before one again."""
        return self._between("parting", left, right) != FINAL

    def questions_about(self, entity_id: UUID) -> list[Question]:
        """Return the open questions about an entity, in a fixed order."""
        rows = self._store.execute(
            f"{_IDS} SELECT q.left_id, q.right_id, q.doubt FROM ids"
            " JOIN question q ON q.left_id = ids.id ORDER BY q.left_id, q.right_id",
            (entity_id.bytes,),
        )
        return [
            Question(
                UUID(bytes=left), UUID(bytes=right), None if doubt is None else LinkDoubt(doubt)
            )
            for left, right, doubt in rows.fetchall()
        ]

    def joined_by(self, left: UUID, right: UUID) -> UUID | None:
        """Return the id whose merge made two ids one, None if no standing merge did."""
        here, there = self._path(left), self._path(right)
        shared = {step for step in here if step in set(there)}
        joining = [step for step in (*here, *there) if step not in shared]
        return max(joining, key=lambda step: step[2])[0] if joining else None

    def _path(self, entity_id: UUID) -> list[Step]:
        """Return the merges that took an id away, one after the other: absorbed, kept, place."""
        path: list[Step] = []
        here = entity_id
        while (row := self._store.one(_KEPT, here.bytes)) is not None:
            path.append((here, UUID(bytes=row[0]), row[1]))
            here = path[-1][1]
        return path

    def _between(self, table: str, left: UUID, right: UUID) -> str | None:
        """Return what is noted between two, or between what they were made of; None if nothing."""
        row = self._store.one(
            f"{_PAIRS} SELECT {_VALUE_OF[table]} FROM {table}"
            " JOIN ids ON ids.id = left_id JOIN others ON others.id = right_id ORDER BY 1 LIMIT 1",
            *(left.bytes, right.bytes),
        )
        return None if row is None else str(row[0] or "")

    def note(self, table: str, left: UUID, right: UUID, value: str | None) -> None:
        """Note something between two, which one is left does not matter."""
        pairs = ((left.bytes, right.bytes, value), (right.bytes, left.bytes, value))
        self._store.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", pairs)

    def forget(self, table: str, left: UUID, right: UUID) -> None:
        """Forget what is noted between two, and between what they were made of."""
        pairs = [
            pair
            for one in self.ids_of(left)
            for other in self.ids_of(right)
            for pair in ((one.bytes, other.bytes), (other.bytes, one.bytes))
        ]
        self._store.executemany(f"DELETE FROM {table} WHERE left_id = ? AND right_id = ?", pairs)
