"""Whom each report names, under the enclave's ids: which partners hold a person, and by which node.

One compacted record on `enclave.held` for each report with a person in it, of its latest revision
that the linker passed on; it moves with merges and splits, and goes with a withdrawal or an
erasure. A holder is a partner of whom such a report is live: let out, held or waiting. What stops
a notice counts whatever became of the report. Of a report that the gate could not open, or in which
it found what must not leave, nothing is kept: its ciphertext waits for a human, and no word or id
of it is believed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from anonymiser.gate.effects import Effect
from streams.codec import decode, encode
from streams.restricted import EnclaveMention, MentionsNoted, NotedPerson
from streams.topics import HELD
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from uuid import UUID

    from anonymiser.gate.births import Birth
    from streams.restricted import LinkedNode, ReportLinked

_PREFIX: Final = b"who:"
#: The version of a random UUID (RFC 9562).
_RANDOM: Final = 4


def who_key(partner: str, report_id: UUID) -> bytes:
    """Return the record key under which it stands whom a report names."""
    return _PREFIX + f"{partner}/{report_id}".encode()


def noted(linked: ReportLinked, births: Mapping[int, Birth], service: str | None) -> MentionsNoted:
    """Return what is kept of a report that was opened and compared.

    Nothing in it identifies anybody: an id that is none of the linker's random ones is left out,
    and `service` is None unless it is one of the register.
    """
    persons = (
        node
        for node in linked.nodes
        if node.kind is NodeKind.PERSON and node.entity_id.version == _RANDOM
    )
    return MentionsNoted(
        partner=linked.partner,
        report_id=linked.report_id,
        revision=linked.revision,
        service=service or "",
        event_week=linked.event_week,
        persons=tuple(_noted(node, births.get(node.node)) for node in persons),
    )


def _noted(node: LinkedNode, birth: Birth | None) -> NotedPerson:
    turn = None if birth is None else birth.turn
    return NotedPerson(
        node=node.node,
        entity_id=node.entity_id,
        protected=node.protected,
        conflict=node.conflict,
        turns=None if turn is None else turn.band,
        week=None if turn is None else turn.week,
        contradicts=birth is not None and birth.contradicts,
    )


def note(event: MentionsNoted) -> Effect:
    """Keep whom a report names; nothing of one that names nobody any longer."""
    kept = event if event.persons else None
    return Effect(HELD, kept, who_key(event.partner, event.report_id))


class Mentions:
    """The reports of each person, and the persons of each report; a fold of `enclave.held`.

    There may be very many, so a report is kept as its record and decoded when it is asked for.
    """

    def __init__(self) -> None:
        self._reports: dict[bytes, bytes] = {}
        self._by_entity: dict[bytes, tuple[bytes, ...]] = {}

    def remember(self, effect: Effect) -> set[bytes]:
        """Fold one of the gate's records in; return the persons for whom something changed."""
        key = effect.key
        if effect.topic != HELD or key is None or not key.startswith(_PREFIX):
            return set()
        changed = self._forget(key)
        if isinstance(effect.event, MentionsNoted):
            self._reports[key] = encode(effect.event)
            for person in effect.event.persons:
                self._join(person.entity_id.bytes, key)
                changed.add(person.entity_id.bytes)
        return changed

    def of(self, partner: str, report_id: UUID) -> MentionsNoted | None:
        """Return whom a report names; None if nothing is kept of it."""
        value = self._reports.get(who_key(partner, report_id))
        return None if value is None else decode(value, MentionsNoted)

    def person(self, partner: str, report_id: UUID, node: int) -> NotedPerson | None:
        """Return whom one node names; None for a thing, and for what is not there."""
        known = self.of(partner, report_id)
        persons = () if known is None else known.persons
        return next((one for one in persons if one.node == node), None)

    def naming(self, entity_id: UUID) -> Iterator[tuple[MentionsNoted, NotedPerson]]:
        """Yield every mention of a person with its report, the report noted last at the end."""
        for key in self._by_entity.get(entity_id.bytes, ()):
            report = decode(self._reports[key], MentionsNoted)
            for person in report.persons:
                if person.entity_id == entity_id:
                    yield report, person

    def renamed(
        self, old: UUID, new: UUID, mentions: Iterable[EnclaveMention] | None = None
    ) -> Iterator[Effect]:
        """Yield the reports that name `old` (in one of `mentions`), now naming `new`."""
        only = None if mentions is None else {(m.partner, m.report_id, m.node) for m in mentions}
        for key in self._by_entity.get(old.bytes, ()):
            report = decode(self._reports[key], MentionsNoted)
            named = (report.partner, report.report_id)
            persons = tuple(
                replace(one, entity_id=new)
                if one.entity_id == old and (only is None or (*named, one.node) in only)
                else one
                for one in report.persons
            )
            if persons != report.persons:
                yield note(replace(report, persons=persons))

    def _forget(self, key: bytes) -> set[bytes]:
        value = self._reports.pop(key, None)
        if value is None:
            return set()
        entities = {one.entity_id.bytes for one in decode(value, MentionsNoted).persons}
        for entity in entities:
            left = tuple(one for one in self._by_entity.pop(entity, ()) if one != key)
            if left:
                self._by_entity[entity] = left
        return entities

    def _join(self, entity: bytes, key: bytes) -> None:
        reports = self._by_entity.get(entity, ())
        if key not in reports:
            self._by_entity[entity] = (*reports, key)
