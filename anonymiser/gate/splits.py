"""At which offset of an audience's topic each id was last parted: a split voids what came before.

People decide on one topic about what they saw on another, so a decision says how much of that
other topic was `seen`. The gate writes the splits itself, and learns their offsets only when it
reads its own topic: until then a split counts as later than any decision, which cannot have seen
it. A split concerns the id that was split, the new one, and every id merged into either by then.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from streams.codec import schema_id
from streams.shared import PersonsMerged, PersonSplit

if TYPE_CHECKING:
    from uuid import UUID

    from anonymiser.gate.effects import Effect
    from streams.ports import Record

NEVER: Final = -1
_LATER: Final = 2**63 - 1


class Splits:
    """The splits on one topic, and which ids go by one name; the ids are that audience's."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._kept: dict[UUID, UUID] = {}
        self._absorbed: dict[UUID, set[UUID]] = {}
        self._parted: dict[UUID, int] = {}
        self._placed = NEVER
        self._unplaced: deque[frozenset[UUID]] = deque()

    def recover(self, event: object, record: Record) -> None:
        """Fold in a record of the topic that stood there before the start, decoded."""
        if record.topic != self._topic:
            return
        if isinstance(event, PersonsMerged):
            self.merge(event)
        elif isinstance(event, PersonSplit):
            self._placed = record.offset
            self._parted |= dict.fromkeys(self._part(event), record.offset)

    def learn(self, record: Record) -> None:
        """Take in where a split lies that was written since the start."""
        if record.topic == self._topic and is_split(record.value) and record.offset > self._placed:
            self._placed = record.offset
            ids = self._unplaced.popleft() if self._unplaced else frozenset()
            waiting = {one for later in self._unplaced for one in later}
            self._parted |= dict.fromkeys(ids - waiting, record.offset)

    def remember(self, effect: Effect) -> None:
        """Fold in what the gate wrote just now."""
        if effect.topic != self._topic:
            return
        if isinstance(effect.event, PersonsMerged):
            self.merge(effect.event)
        elif isinstance(effect.event, PersonSplit):
            ids = self._part(effect.event)
            self._unplaced.append(ids)
            self._parted |= dict.fromkeys(ids, _LATER)

    def merge(self, event: PersonsMerged) -> None:
        """Take in that two ids are one."""
        self._kept[event.absorbed_id] = event.kept_id
        self._absorbed.setdefault(event.kept_id, set()).add(event.absorbed_id)

    def parted(self, one: UUID) -> int:
        """Return at which offset an id was last parted; -1 for never."""
        return self._parted.get(one, NEVER)

    def names(self, one: UUID) -> frozenset[UUID]:
        """Return every id that goes by the same name now."""
        while one in self._kept:
            one = self._kept[one]
        found, left = {one}, [one]
        while left:
            fresh = self._absorbed.get(left.pop(), set()) - found
            found |= fresh
            left += fresh
        return frozenset(found)

    def is_void(self, one: UUID, seen: int) -> bool:
        """Tell whether the person or thing was parted after somebody looked."""
        return self.parted(one) >= seen

    def _part(self, event: PersonSplit) -> frozenset[UUID]:
        ids = self.names(event.entity_id) | {event.entity_id, event.new_entity_id}
        kept = self._kept.pop(event.new_entity_id, None)
        if kept is not None:
            self._absorbed.get(kept, set()).discard(event.new_entity_id)
        return ids


def is_split(value: bytes | None) -> bool:
    """Tell by the schema id alone: there are very many reports and few splits."""
    return value is not None and int.from_bytes(value[1:5]) == schema_id(PersonSplit)
