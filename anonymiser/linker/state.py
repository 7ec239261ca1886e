"""What the linker remembers: a fold of its own recorded decisions, in the rows of its store.

Live and recovered state take the same events in the same order through the
same functions. Ids are the enclave's; a subject's tokens are held packed, as
long as its mention stands and its data key exists. Rows name persons by
number, in the order in which they were first mentioned: of two that become
one the lower number stays.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from heapq import nsmallest
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias, assert_never
from uuid import UUID

from anonymiser.linker.match import blocks_of, is_strong_block, profile
from anonymiser.linker.pairs import FINAL, PARTED, Pairs
from anonymiser.linker.store import LinkStore
from anonymiser.report_keys import report_prefix
from streams.restricted import (
    EnclaveMention,
    LinkDecided,
    MergeDecided,
    PossibleLink,
    PossibleLinkClosed,
    RecordRetokenised,
    ReportAdmitted,
    ReportRetracted,
    SplitDecided,
)
from streams.taxonomy import RelationKind
from streams.values import ChildAtEvent, LinkVerdict, NodeKind, Sex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from anonymiser.linker.match import LinkPolicy, Profile
    from streams.restricted import MentionResolved, NumberedRelation

Decision: TypeAlias = (
    ReportAdmitted
    | ReportRetracted
    | MergeDecided
    | SplitDecided
    | PossibleLink
    | PossibleLinkClosed
    | LinkDecided
)
PROFILES_MAX: Final = 20_000
#: So many of the entities that share most blocks are looked at.
CANDIDATES_MAX: Final = 40
#: And so many of those that share one and only one: among a million people nine in ten do. The
#: fewer a block holds the likelier is who is looked for among them.
SINGLES_MAX: Final = 8
_PARTNER_BYTES: Final = 2


_ADMIT: Final = (
    "INSERT INTO report VALUES (NULL, ?, ?, 0, ?, ?) ON CONFLICT DO UPDATE"
    " SET latest = excluded.latest, own_origin = coalesce(excluded.own_origin, own_origin),"
    " week = excluded.week RETURNING number"
)
_JOIN: Final = "UPDATE entity SET mentions = mentions + 1 WHERE id = ? RETURNING number"


@dataclass(frozen=True, slots=True)
class Report:
    """One report of one partner, and the content of each admitted revision."""

    number: int
    latest: int = 0
    is_withdrawn: bool = False
    own_origin: UUID | None = None
    week: int | None = None
    digests: tuple[tuple[int, bytes], ...] = ()

    def digest_of(self, revision: int) -> bytes | None:
        """Return the content digest of an admitted revision."""
        return next((digest for number, digest in self.digests if number == revision), None)


@dataclass(frozen=True, slots=True)
class Entity:
    """A person or thing. `number` tells its place among all by the time of its first mention."""

    number: int
    id: UUID
    kind: NodeKind


@dataclass(frozen=True, slots=True)
class Mention:
    """One node of the latest revision of a report. `entity` is a number."""

    number: int
    report: int
    name: EnclaveMention
    entity: int
    kind: NodeKind
    label: bytes = field(repr=False)
    sex: Sex
    child: ChildAtEvent
    week: int | None
    spelling: int
    packed: bytes = field(repr=False)


_MENTIONS: Final = (
    "SELECT m.number, m.report, r.name, m.node, m.entity, e.kind, m.label, m.sex, m.child, m.week,"
    " m.spelling, s.packed"
    " FROM mention m JOIN report r ON r.number = m.report JOIN entity e ON e.number = m.entity"
    " JOIN spelling s ON s.number = m.spelling"
)


class LinkerState:
    """Reports, entities, and an index from shared blocks to entities."""

    def __init__(self, policy: LinkPolicy, store: LinkStore | None = None) -> None:
        self._policy = policy
        self.store = store if store is not None else LinkStore.in_memory()
        self.pairs = Pairs(self.store)
        self._at_hand: tuple[bytes, Report | None] | None = None
        self._blocked: tuple[bytes, NodeKind, tuple[bytes, ...]] | None = None
        self._profiles: OrderedDict[int, Profile] = OrderedDict()
        self._persons: int | None = None
        self.generation = self._number("SELECT max(generation) FROM spelling") or 0

    def forget(self, reason: str) -> None:
        """Begin anew, with an empty store."""
        self.store.reset(reason)
        self._profiles.clear()
        self._at_hand = None
        self._persons = None
        self.generation = 0

    # --- reports ------------------------------------------------------------------

    def report(self, partner: str, report_id: UUID) -> Report | None:
        """Return what is known of a report."""
        name = report_prefix(partner, report_id)
        if self._at_hand is None or self._at_hand[0] != name:
            self._at_hand = (name, self._read_report(name))
        return self._at_hand[1]

    def _read_report(self, name: bytes) -> Report | None:
        row = self.store.one(
            "SELECT number, latest, is_withdrawn, own_origin, week FROM report WHERE name = ?", name
        )
        if row is None:
            return None
        number, latest, is_withdrawn, origin, week = row
        digests = self.store.execute(
            "SELECT revision, digest FROM revision WHERE report = ? ORDER BY revision", (number,)
        )
        own = None if origin is None else UUID(bytes=origin)
        return Report(number, latest, bool(is_withdrawn), own, week, tuple(digests.fetchall()))

    def mentions_in(self, report: Report) -> list[Mention]:
        """Return the nodes of a report's latest revision, in order."""
        rows = self.store.execute(
            f"{_MENTIONS} WHERE m.report = ? ORDER BY m.node", (report.number,)
        )
        return [_mention(row) for row in rows]

    def origin(self, token: bytes) -> UUID | None:
        """Return the number of all reports that quote one reference."""
        row = self.store.one("SELECT id FROM origin WHERE token = ?", token)
        return None if row is None else UUID(bytes=row[0])

    # --- entities -----------------------------------------------------------------

    def entity(self, entity_id: UUID) -> Entity | None:
        """Return an entity by its id, None if it has no mention (any longer)."""
        row = self.store.one("SELECT number, kind FROM entity WHERE id = ?", entity_id.bytes)
        return None if row is None else Entity(row[0], entity_id, _kind(row[1]))

    def find(self, number: int) -> Entity | None:
        """Return an entity by its number, None if it has no mention (any longer)."""
        row = self.store.one("SELECT id, kind FROM entity WHERE number = ?", number)
        return None if row is None else Entity(number, UUID(bytes=row[0]), _kind(row[1]))

    def numbered(self, number: int) -> Entity:
        """Return an entity by its number.

        Raises: LookupError; for numbers that the state itself has just given.
        """
        entity = self.find(number)
        if entity is None:
            raise LookupError("an entity that has no mention")
        return entity

    def mentions_of(self, entity: Entity) -> list[Mention]:
        """Return every mention of an entity, the oldest first."""
        rows = self.store.execute(
            f"{_MENTIONS} WHERE m.entity = ? ORDER BY m.number", (entity.number,)
        )
        return [_mention(row) for row in rows]

    def candidates(self, kind: NodeKind, packed: bytes) -> list[int]:
        """Return the entities worth comparing by number, oldest first; see `CANDIDATES_MAX`.

        A common block finds nobody, except for a strong one, which finds its oldest.
        """
        shared: Counter[int] = Counter()
        company: dict[int, int] = {}
        blocks = self._blocks(kind, packed)
        for start in range(0, len(blocks), _BLOCKS_AT_ONCE):
            self._count(blocks[start : start + _BLOCKS_AT_ONCE], shared, company)
        several = [number for number, count in shared.items() if count > 1]
        single = [number for number, count in shared.items() if count == 1]
        best = nsmallest(CANDIDATES_MAX, several, key=lambda number: (-shared[number], number))
        rare = nsmallest(SINGLES_MAX, single, key=lambda number: (company[number], number))
        return sorted((*best, *rare))

    def profile_of(self, number: int, kind: NodeKind) -> Profile:
        """Return what all mentions of an entity say together."""
        known = self._profiles.get(number)
        if known is None:
            known = self._learn(number, profile(kind, self._spellings(number)))
        return known

    def profiles_of(self, numbers: Sequence[int], kind: NodeKind) -> dict[int, Profile]:
        """Return the profiles of several entities, by number; what is not at hand in one go."""
        found = {one: self._profiles[one] for one in numbers if one in self._profiles}
        if unread := [one for one in numbers if one not in found]:
            said: dict[int, list[bytes]] = {one: [] for one in unread}
            for number, packed in self.store.execute(_spelt_by(len(unread)), unread).fetchall():
                said[number].append(packed)
            found.update({one: self._learn(one, profile(kind, said[one])) for one in unread})
        return found

    def _learn(self, number: int, known: Profile) -> Profile:
        self._profiles[number] = known
        if len(self._profiles) > PROFILES_MAX:
            self._profiles.popitem(last=False)
        return known

    def meet_in_a_report(self, left: int, right: int) -> list[tuple[Mention, Mention]]:
        """Return the pairs of nodes by which one report names both entities."""
        rows = self.store.execute(
            "SELECT l.number, r.number FROM mention l JOIN mention r ON r.report = l.report"
            " WHERE l.entity = ? AND r.entity = ?",
            (left, right),
        )
        return [(self._mention(one), self._mention(other)) for one, other in rows.fetchall()]

    def weeks_apart(self, numbers: Sequence[int], week: int | None) -> dict[int, int]:
        """Return how far a week is from the nearest in which each entity was seen, if known."""
        if week is None or not numbers:
            return {}
        return dict(self.store.execute(_weeks_from(len(numbers)), (week, *numbers)).fetchall())

    def weeks_between(self, left: int, right: int) -> int | None:
        """Return the weeks between the nearest sightings of two entities, None if unknown."""
        return self._number(
            "SELECT min(abs(l.week - r.week)) FROM seen l, seen r"
            " WHERE l.entity = ? AND r.entity = ?",
            *(left, right),
        )

    def ties_of(self, number: int) -> set[tuple[str, int]]:
        """Return parents and schools of a person: kind of the tie, and the other's number."""
        rows = self.store.execute(_TIES, (number, number))
        return set(rows.fetchall())

    def spellings_of(self, number: int, kind: NodeKind) -> list[Profile]:
        """Return each way in which an entity is described, unpacked."""
        return [profile(kind, (packed,)) for packed in self._spellings(number)]

    def moved_by(self, absorbed: UUID) -> list[Mention]:
        """Return the mentions that a merge brought and that still stand with whom it kept."""
        rows = self.store.execute(
            f"{_MENTIONS} JOIN moved d ON d.report = m.report AND d.node = m.node"
            " WHERE d.absorbed = ? ORDER BY m.number",
            (absorbed.bytes,),
        )
        root = self.pairs.root(absorbed)
        return [
            one for one in map(_mention, rows.fetchall()) if self.numbered(one.entity).id == root
        ]

    def undone_by(self, entity: Entity, leaving: Iterable[Mention]) -> UUID | None:
        """Return the id that a merge took away, if exactly the mentions it brought leave again."""
        names = {(mention.report, mention.name.node) for mention in leaving}
        merges = self.store.execute(
            "SELECT absorbed FROM merge WHERE kept = ? ORDER BY place DESC", (entity.id.bytes,)
        )
        for (absorbed,) in merges.fetchall():
            standing = self.store.execute(
                "SELECT m.report, m.node FROM moved d JOIN mention m"
                " ON m.report = d.report AND m.node = d.node"
                " WHERE d.absorbed = ? AND m.entity = ?",
                (absorbed, entity.number),
            )
            if set(standing.fetchall()) == names:
                return UUID(bytes=absorbed)
        return None

    @property
    def persons(self) -> int:
        """How many persons are held: the population that thresholds grow with."""
        if self._persons is None:
            count = self._number("SELECT count(*) FROM entity WHERE kind = 'PERSON'")
            self._persons = count or 0
        return self._persons

    def is_between_keys(self, token_epoch: int) -> bool:
        """Tell whether tokens of several token keys are held, or of another than this one.

        They cannot be compared: nothing would agree and everything contradict.
        """
        if self.generation and self.generation != token_epoch:
            return True
        other = self.store.one(
            "SELECT 1 FROM spelling WHERE generation <> ? AND packed <> x'' LIMIT 1",
            self.generation,
        )
        return other is not None

    # --- events -------------------------------------------------------------------

    def apply(self, event: Decision) -> None:
        """Fold any decision that needs no tokens."""
        match event:
            case ReportAdmitted():
                self.admit(event)
            case ReportRetracted():
                self.retract(event)
            case MergeDecided():
                self.merge(event)
            case SplitDecided():
                self.split(event)
            case PossibleLink():
                self.ask(event)
            case PossibleLinkClosed():
                self.pairs.forget("question", event.left_id, event.right_id)
            case LinkDecided():
                self.decide(event)
            case _:
                assert_never(event)

    def admit(self, event: ReportAdmitted) -> None:
        """Take a revision in; the mentions of the earlier one link nobody any longer."""
        report, origin = self.report(event.partner, event.report_id), event.origin_id.bytes
        if report is not None:
            self._clear(report)
        self._at_hand = None
        name = report_prefix(event.partner, event.report_id)
        own = origin if event.origin_token is None else None
        (number,) = self.store.one(
            _ADMIT, name, event.revision, own, week_number(event.event_week)
        ) or (0,)
        self._run(
            "INSERT INTO revision VALUES (?, ?, ?, ?)",
            *(number, event.revision, event.content_digest, origin),
        )
        if event.origin_token is not None:
            self._quote(event.origin_token, origin)
        self._at_hand = (name, _admitted(report or Report(number), event))
        if ties := [(number, tie.subject, tie.object, tie.kind.value) for tie in _telling(event)]:
            self.store.executemany("INSERT OR IGNORE INTO tie VALUES (?, ?, ?, ?)", ties)

    def resolve(self, event: MentionResolved, packed: bytes) -> Mention:
        """Put a mention where the event says."""
        report = self._known(event.partner, event.report_id)
        entity, is_new = self._join(event.entity_id, event.kind, report.week)
        spelling = self._spell(entity, packed, is_new=is_new)
        child = event.child_at_event or ChildAtEvent.UNKNOWN
        number = self._insert(
            "INSERT INTO mention VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(report.number, event.node, entity.number, spelling, event.label_token),
            *(event.sex.value, child.value, report.week),
        )
        name = EnclaveMention(partner=event.partner, report_id=event.report_id, node=event.node)
        return Mention(
            number,
            report.number,
            name,
            entity.number,
            event.kind,
            event.label_token,
            event.sex,
            child,
            report.week,
            spelling,
            packed,
        )

    def retract(self, event: ReportRetracted) -> None:
        """Forget the mentions of a report, and that it may be corrected."""
        report = self._known(event.partner, event.report_id)
        self._clear(report)
        self._run("UPDATE report SET is_withdrawn = 1 WHERE number = ?", report.number)
        self._at_hand = None

    def merge(self, event: MergeDecided) -> None:
        """Move every mention of the absorbed entity to the kept one."""
        kept, absorbed = self.entity(event.kept_id), self.entity(event.absorbed_id)
        if kept is None or absorbed is None:
            raise LookupError("a merge of somebody who is not there")
        self.pairs.forget("question", kept.id, absorbed.id)
        moved = self.mentions_of(absorbed)
        old, new = event.absorbed_id.bytes, event.kept_id.bytes
        last = self._number("SELECT max(place) FROM merge") or 0
        self._run("DELETE FROM moved WHERE absorbed = ?", old)
        self._run(
            "INSERT OR REPLACE INTO merge VALUES (?, ?, ?, ?)", old, new, last + 1, absorbed.number
        )
        self.store.executemany(
            "INSERT INTO moved VALUES (?, ?, ?)",
            [(old, one.report, one.name.node) for one in moved],
        )
        for mention in moved:
            self._move(mention, kept.id)

    def split(self, event: SplitDecided) -> None:
        """Move the named mentions to the new entity; what a human parted stays apart.

        One that undoes a merge gives the old id its old place back.
        """
        new = event.new_entity_id.bytes
        merged = self.store.one("SELECT number FROM merge WHERE absorbed = ?", new)
        self._run("DELETE FROM merge WHERE absorbed = ?", new)
        self._run("DELETE FROM moved WHERE absorbed = ?", new)
        place = None if merged is None else merged[0]
        for name in event.mentions:
            self._move(self._named(name), event.new_entity_id, place)
        self.pairs.note("parting", event.entity_id, event.new_entity_id, PARTED)

    def ask(self, event: PossibleLink) -> None:
        """Remember that the question was put."""
        doubt = None if event.doubt is None else event.doubt.value
        self.pairs.note("question", event.left_id, event.right_id, doubt)

    def decide(self, event: LinkDecided) -> None:
        """Remember what a human decided; a merge or a split is an event of its own."""
        if event.void is not None or event.verdict is LinkVerdict.UNSURE:
            return
        if event.verdict is LinkVerdict.SAME:
            self.pairs.forget("parting", event.left_root, event.right_root)
        else:
            was_parted = self.pairs.are_apart(event.left_id, event.right_id)
            self.pairs.note(
                "parting", event.left_id, event.right_id, FINAL if was_parted else PARTED
            )
        self.pairs.forget("question", event.left_root, event.right_root)
        self.pairs.forget("question", event.left_id, event.right_id)

    def describe(self, revision: tuple[str, UUID, int], node: int, packed: bytes) -> None:
        """Add the tokens of a mention whose key came later; harmless if it is no more."""
        partner, report_id, number = revision
        report = self._known(partner, report_id)
        if report.latest != number:
            return
        for mention in self.mentions_in(report):
            if mention.name.node == node:
                self._respell(mention, packed)

    def note_keys(self, sealing: bytes, parts: int) -> int:
        """Remember which parts of a sealing have keys, one bit each; return what was known."""
        row = self.store.one("SELECT parts FROM sealing WHERE name = ?", sealing)
        before = 0 if row is None else int(row[0], 16)
        if before != parts:
            self._run("INSERT OR REPLACE INTO sealing VALUES (?, ?)", sealing, f"{parts:x}")
        return before

    def keys_of(self, sealing: bytes) -> int | None:
        """Return which parts of a sealing have keys, one bit each; None if none ever had."""
        row = self.store.one("SELECT parts FROM sealing WHERE name = ?", sealing)
        return None if row is None else int(row[0], 16)

    def retokenise(self, event: RecordRetokenised) -> Mapping[int, tuple[Sex, ChildAtEvent]]:
        """Take over what the new token key makes of a revision; persons stay as they are.

        Returns what is said in plain of each node that waits for its new tokens, which come by
        `describe`.
        """
        self.generation = max(self.generation, event.token_epoch)
        report = self._known(event.partner, event.report_id)
        row = self.store.one(
            "SELECT origin FROM revision WHERE report = ? AND revision = ?",
            *(report.number, event.revision),
        )
        if row is None:
            raise LookupError("a revision that was never admitted")
        self._run(
            "UPDATE revision SET digest = ? WHERE report = ? AND revision = ?",
            *(event.content_digest, report.number, event.revision),
        )
        self._at_hand = None
        if event.origin_token is not None:
            self._quote(event.origin_token, row[0])
        if report.latest != event.revision:
            return {}
        labels = {one.node: one.label_token for one in event.subjects}
        mentions = [one for one in self.mentions_in(report) if one.name.node in labels]
        for mention in mentions:
            self._relabel(mention, labels[mention.name.node])
        return {mention.name.node: (mention.sex, mention.child) for mention in mentions}

    def shred(self, mention: Mention) -> None:
        """Forget the tokens of a mention: its key is gone, it can link no more."""
        if mention.packed:
            self._respell(mention, b"")
            self.store.scrub_soon()

    # --- rows ---------------------------------------------------------------------

    def _run(self, statement: str, *values: object) -> None:
        self.store.execute(statement, values)

    def _insert(self, statement: str, *values: object) -> int:
        number = self.store.execute(statement, values).lastrowid
        if number is None:
            raise LookupError("an insert gives its row a number")
        return number

    def _number(self, statement: str, *values: object) -> int | None:
        """Return the one number a statement asks for."""
        row = self.store.one(statement, *values)
        number: int | None = None if row is None else row[0]
        return number

    def _known(self, partner: str, report_id: UUID) -> Report:
        report = self.report(partner, report_id)
        if report is None:
            raise LookupError("a report that was never admitted")
        return report

    def _mention(self, number: int) -> Mention:
        row = self.store.one(f"{_MENTIONS} WHERE m.number = ?", number)
        if row is None:
            raise LookupError("a mention that is not there")
        return _mention(row)

    def _named(self, name: EnclaveMention) -> Mention:
        report = self._known(name.partner, name.report_id)
        row = self.store.one(
            f"{_MENTIONS} WHERE m.report = ? AND m.node = ?", report.number, name.node
        )
        if row is None:
            raise LookupError("a mention that is not there")
        return _mention(row)

    def _join(
        self, entity_id: UUID, kind: NodeKind, week: int | None, place: int | None = None
    ) -> tuple[Entity, bool]:
        """Count one more mention of an entity; one that is new takes `place`, or the next."""
        known = self._number(_JOIN, entity_id.bytes)
        number = known or self._insert(
            "INSERT INTO entity VALUES (?, ?, ?, 1)", place, entity_id.bytes, kind.value
        )
        if known is None and kind is NodeKind.PERSON and self._persons is not None:
            self._persons += 1
        if week is not None:
            self._run(
                "INSERT INTO seen VALUES (?, ?, 1)"
                " ON CONFLICT DO UPDATE SET mentions = mentions + 1",
                *(number, week),
            )
        return Entity(number, entity_id, kind), known is None

    def _clear(self, report: Report) -> None:
        for mention in self.mentions_in(report):
            self._leave(mention)
            self._run("DELETE FROM mention WHERE number = ?", mention.number)
            self._end_if_empty(mention)
        self._run("DELETE FROM tie WHERE report = ?", report.number)

    def _move(self, mention: Mention, entity_id: UUID, place: int | None = None) -> None:
        """Let a mention be another's; an entity without one is no more."""
        self._leave(mention)
        entity, is_new = self._join(entity_id, mention.kind, mention.week, place)
        spelling = self._spell(entity, mention.packed, is_new=is_new)
        self._run(
            "UPDATE mention SET entity = ?, spelling = ? WHERE number = ?",
            *(entity.number, spelling, mention.number),
        )
        self._end_if_empty(mention)

    def _end_if_empty(self, mention: Mention) -> None:
        ended = self.store.execute(
            "DELETE FROM entity WHERE number = ? AND mentions = 0", (mention.entity,)
        )
        if ended.rowcount and mention.kind is NodeKind.PERSON:
            self._persons = None if self._persons is None else self._persons - 1

    def _leave(self, mention: Mention) -> None:
        self._unspell(mention)
        self._run("UPDATE entity SET mentions = mentions - 1 WHERE number = ?", mention.entity)
        if mention.week is not None:
            at = (mention.entity, mention.week)
            self._run("UPDATE seen SET mentions = mentions - 1 WHERE entity = ? AND week = ?", *at)
            self._run("DELETE FROM seen WHERE entity = ? AND week = ? AND mentions = 0", *at)

    def _respell(self, mention: Mention, packed: bytes) -> None:
        """Let a mention say something else."""
        self._unspell(mention)
        entity = self.numbered(mention.entity)
        spelling = self._spell(entity, packed)
        self._run("UPDATE mention SET spelling = ? WHERE number = ?", spelling, mention.number)

    def _relabel(self, mention: Mention, label: bytes) -> None:
        """Under the new key the old tokens say nothing; what has no new ones stays without."""
        self._run("UPDATE mention SET label = ? WHERE number = ?", label, mention.number)
        self._respell(mention, b"")

    def _quote(self, token: bytes, origin: bytes) -> None:
        self._run("INSERT OR REPLACE INTO origin VALUES (?, ?, ?)", token, origin, self.generation)

    # --- spellings and blocks -----------------------------------------------------

    def _spellings(self, number: int) -> list[bytes]:
        rows = self.store.execute("SELECT packed FROM spelling WHERE entity = ?", (number,))
        return [packed for (packed,) in rows]

    def _spell(self, entity: Entity, packed: bytes, *, is_new: bool = False) -> int:
        """Count one more mention of an entity that says this; return the spelling's number."""
        row = (
            None
            if is_new
            else self.store.one(
                "SELECT number FROM spelling WHERE entity = ? AND packed = ?", entity.number, packed
            )
        )
        if row is not None:
            self._run("UPDATE spelling SET mentions = mentions + 1 WHERE number = ?", row[0])
            return int(row[0])
        self._profiles.pop(entity.number, None)
        self.store.executemany(
            "INSERT OR IGNORE INTO block VALUES (?, ?)",
            [(block, entity.number) for block in self._blocks(entity.kind, packed)],
        )
        return self._insert(
            "INSERT INTO spelling VALUES (NULL, ?, ?, 1, ?)",
            *(entity.number, packed, self.generation),
        )

    def _blocks(self, kind: NodeKind, packed: bytes) -> tuple[bytes, ...]:
        """The same description is looked up first and listed a moment later."""
        if self._blocked is None or self._blocked[0] != packed or self._blocked[1] is not kind:
            self._blocked = (packed, kind, blocks_of(kind, packed))
        return self._blocked[2]

    def _unspell(self, mention: Mention) -> None:
        """Count one mention less; with the last one go the blocks that only this spelling gave."""
        row = self.store.one("SELECT mentions FROM spelling WHERE number = ?", mention.spelling)
        if row is not None and row[0] > 1:
            self._run(
                "UPDATE spelling SET mentions = mentions - 1 WHERE number = ?", mention.spelling
            )
            return
        self._profiles.pop(mention.entity, None)
        self._run("DELETE FROM spelling WHERE number = ?", mention.spelling)
        gone = set(blocks_of(mention.kind, mention.packed))
        for other in self._spellings(mention.entity):
            gone.difference_update(blocks_of(mention.kind, other))
        self.store.executemany(
            "DELETE FROM block WHERE key = ? AND entity = ?",
            [(block, mention.entity) for block in sorted(gone)],
        )

    def _count(
        self, blocks: Sequence[bytes], shared: Counter[int], company: dict[int, int]
    ) -> None:
        """Count for each entity how many of these blocks it is in; a strong one counts as two.

        `company` becomes how many are in the smallest of them.
        """
        limit = self._policy.block_entities_max
        rows = self.store.execute(_look_up(len(blocks), limit + 1), blocks).fetchall()
        shared.update(map(_NUMBER, rows))
        sizes = Counter(map(_PLACE, rows))
        for place, number in rows:
            company[number] = min(sizes[place], company.get(number, limit))
        for place, count in sizes.items():
            is_strong = is_strong_block(blocks[place])
            if count > limit or is_strong:
                numbers = [number for there, number in rows if there == place]
                shared.subtract(numbers[limit:] if is_strong else numbers)
                shared.update(numbers[:limit] if is_strong else ())


_PLACE: Final = itemgetter(0)
_NUMBER: Final = itemgetter(1)
_TIES: Final = (
    "SELECT t.kind, o.entity FROM mention m JOIN tie t ON t.report = m.report"
    " AND t.object = m.node AND t.kind = 'PARENT'"
    " JOIN mention o ON o.report = m.report AND o.node = t.subject WHERE m.entity = ?"
    " UNION SELECT t.kind, o.entity FROM mention m JOIN tie t ON t.report = m.report"
    " AND t.subject = m.node AND t.kind = 'ATTENDS'"
    " JOIN mention o ON o.report = m.report AND o.node = t.object WHERE m.entity = ?"
)
_TELLING: Final = frozenset({RelationKind.PARENT, RelationKind.ATTENDS})
_BLOCKS_AT_ONCE: Final = 64


@cache
def _look_up(blocks: int, limit: int) -> str:
    """The statement that finds the oldest entities of so many blocks, in one go."""
    return " UNION ALL ".join(
        f"SELECT * FROM (SELECT {place}, entity FROM block WHERE key = ?{place + 1} LIMIT {limit})"
        for place in range(blocks)
    )


@cache
def _spelt_by(entities: int) -> str:
    return f"SELECT entity, packed FROM spelling WHERE entity IN ({_marks(entities)})"


@cache
def _weeks_from(entities: int) -> str:
    return (
        "SELECT entity, min(abs(week - ?)) FROM seen"
        f" WHERE entity IN ({_marks(entities)}) GROUP BY entity"
    )


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _admitted(report: Report, event: ReportAdmitted) -> Report:
    return replace(
        report,
        latest=event.revision,
        own_origin=event.origin_id if event.origin_token is None else report.own_origin,
        week=week_number(event.event_week),
        digests=(*report.digests, (event.revision, event.content_digest)),
    )


def week_number(week: str | None) -> int | None:
    """Number an ISO week ("2026-W05") from the first one on; None for what is none."""
    try:
        return None if week is None else date.fromisoformat(f"{week}-1").toordinal() // 7
    except ValueError:
        return None


def _telling(event: ReportAdmitted) -> Iterator[NumberedRelation]:
    return (tie for tie in event.relations if tie.kind in _TELLING)


@cache
def _kind(value: str) -> NodeKind:
    return NodeKind(value)


def _mention(row: Sequence[Any]) -> Mention:
    number, report, name, node, entity, kind, label, sex, child, week, *spelt = row
    partner_ends = _PARTNER_BYTES + int.from_bytes(name[:_PARTNER_BYTES])
    named = EnclaveMention(
        partner=name[_PARTNER_BYTES:partner_ends].decode(),
        report_id=UUID(bytes=name[partner_ends:]),
        node=node,
    )
    plain = (Sex(sex), ChildAtEvent(child))
    return Mention(number, report, named, entity, _kind(kind), label, *plain, week, *spelt)
