"""What the linker remembers: a fold of its own recorded decisions.

Live and recovered state take the same events in the same order through the
same functions. Ids are the enclave's; a subject's tokens are held packed, as
long as its mention stands and its data key exists.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from heapq import nsmallest
from sys import intern
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from anonymiser.linker.match import blocks_of, is_strong_block, profile
from streams.restricted import (
    EnclaveMention,
    MergeDecided,
    PossibleLink,
    ReportAdmitted,
    ReportRetracted,
    SplitDecided,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from anonymiser.linker.match import LinkPolicy, Profile
    from streams.restricted import MentionResolved
    from streams.values import NodeKind

Decision: TypeAlias = ReportAdmitted | ReportRetracted | MergeDecided | SplitDecided | PossibleLink
ReportKey: TypeAlias = tuple[str, "UUID"]
PROFILES_MAX: Final = 4_096


class Report:
    """One report of one partner: the content of each admitted revision, and its live mentions."""

    __slots__ = ("digests", "is_withdrawn", "key", "latest", "mentions", "own_origin")

    def __init__(self, key: ReportKey) -> None:
        self.key = key
        self.digests: tuple[tuple[int, bytes], ...] = ()
        self.latest = 0
        self.is_withdrawn = False
        self.own_origin: UUID | None = None
        self.mentions: dict[int, Mention] = {}

    def digest_of(self, revision: int) -> bytes | None:
        """Return the content digest of an admitted revision."""
        return next((digest for number, digest in self.digests if number == revision), None)


class Mention:
    """One node of the latest revision of a report. Equal only to itself."""

    __slots__ = ("entity", "kind", "label", "node", "packed", "report")

    def __init__(
        self, report: Report, entity: Entity, event: MentionResolved, packed: bytes
    ) -> None:
        self.report = report
        self.entity = entity
        self.node = event.node
        self.kind = event.kind
        self.label = event.label_token
        self.packed = packed

    def named(self) -> EnclaveMention:
        """Return the name by which decisions refer to the mention."""
        partner, report_id = self.report.key
        return EnclaveMention(partner=partner, report_id=report_id, node=self.node)


class Entity:
    """A person or thing: its mentions, and how often each spelling of it occurs."""

    __slots__ = ("id", "kind", "mentions", "order", "spellings")

    def __init__(self, entity_id: UUID, kind: NodeKind, order: int) -> None:
        self.id = entity_id
        self.kind = kind
        self.order = order
        self.mentions: dict[Mention, None] = {}
        self.spellings: dict[bytes, int] = {}

    def spelling(self, packed: bytes) -> bytes:
        """Return the very object the entity has for this spelling, so that memory holds one."""
        return next((known for known in self.spellings if known == packed), packed)


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge as it was: undone exactly when the same mentions leave again."""

    kept_id: UUID
    moved: frozenset[EnclaveMention]


class LinkerState:
    """Reports, entities, and an index from token to entities."""

    def __init__(self, policy: LinkPolicy) -> None:
        self._policy = policy
        self.reports: dict[ReportKey, Report] = {}
        self.entities: dict[UUID, Entity] = {}
        self.origins: dict[bytes, UUID] = {}
        self.merges: dict[UUID, Merge] = {}
        self._apart: dict[UUID, set[UUID]] = {}
        self._asked: dict[UUID, set[UUID]] = {}
        self._index: dict[bytes, Entity | dict[Entity, None]] = {}
        self._profiles: OrderedDict[Entity, Profile] = OrderedDict()
        self._order = 0

    # --- queries ----------------------------------------------------------------

    def report(self, partner: str, report_id: UUID) -> Report | None:
        """Return what is known of a report."""
        return self.reports.get((partner, report_id))

    def candidates(self, kind: NodeKind, packed: bytes) -> list[Entity]:
        """Return the entities that share a block, oldest first; a common block finds nobody."""
        found: dict[Entity, None] = {}
        for block in blocks_of(kind, packed):
            found.update(dict.fromkeys(self._block(block)))
        return sorted(found, key=_age)

    def profile_of(self, entity: Entity) -> Profile:
        """Return what all mentions of an entity say together."""
        known = self._profiles.get(entity)
        if known is None:
            known = profile(entity.kind, entity.spellings)
            self._profiles[entity] = known
            if len(self._profiles) > PROFILES_MAX:
                self._profiles.popitem(last=False)
        return known

    def are_apart(self, left: UUID, right: UUID) -> bool:
        """Tell whether a human has parted the two."""
        return right in self._apart.get(left, ())

    def is_asked(self, left: UUID, right: UUID) -> bool:
        """Tell whether a human has been asked about the two."""
        return right in self._asked.get(left, ())

    def meet_in_a_report(self, left: Entity, right: Entity) -> Iterator[tuple[Mention, Mention]]:
        """Yield the pairs of nodes by which one report names both entities."""
        small, large = sorted((left, right), key=lambda entity: len(entity.mentions))
        for mention in small.mentions:
            for other in mention.report.mentions.values():
                if other.entity is large:
                    yield mention, other

    def undone_by(self, entity_id: UUID, leaving: Iterable[Mention]) -> UUID | None:
        """Return the id that a merge took away, if exactly the mentions it brought leave again."""
        names = {mention.named() for mention in leaving}
        standing = {mention.named() for mention in self.entities[entity_id].mentions}
        for absorbed_id, merge in reversed(self.merges.items()):
            if merge.kept_id == entity_id and merge.moved & standing == names:
                return absorbed_id
        return None

    def _block(self, block: bytes) -> Iterable[Entity]:
        held = self._index.get(block)
        if held is None:
            return ()
        if isinstance(held, Entity):
            return (held,)
        limit = self._policy.block_entities_max
        if len(held) <= limit:
            return held
        return nsmallest(limit, held, key=_age) if is_strong_block(block) else ()

    # --- events -----------------------------------------------------------------

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
            case _:
                assert_never(event)

    def admit(self, event: ReportAdmitted) -> None:
        """Take a revision in; the mentions of the earlier one link nobody any longer."""
        key = (intern(event.partner), event.report_id)
        report = self.reports.get(key) or self.reports.setdefault(key, Report(key))
        self._clear(report)
        report.digests = (*report.digests, (event.revision, event.content_digest))
        report.latest = event.revision
        if event.origin_token is None:
            report.own_origin = event.origin_id
        else:
            self.origins[event.origin_token] = event.origin_id

    def resolve(self, event: MentionResolved, packed: bytes) -> None:
        """Put a mention where the event says."""
        report = self.reports[event.partner, event.report_id]
        entity = self._entity(event.entity_id, event.kind)
        mention = Mention(report, entity, event, packed)
        report.mentions[event.node] = mention
        self._attach(mention)

    def retract(self, event: ReportRetracted) -> None:
        """Forget the mentions of a report, and that it may be corrected."""
        report = self.reports[event.partner, event.report_id]
        self._clear(report)
        report.is_withdrawn = True

    def merge(self, event: MergeDecided) -> None:
        """Move every mention of the absorbed entity to the kept one."""
        kept, absorbed = self.entities[event.kept_id], self.entities[event.absorbed_id]
        moved = tuple(absorbed.mentions)
        for mention in moved:
            self._move(mention, kept)
        names = frozenset(mention.named() for mention in moved)
        self.merges[event.absorbed_id] = Merge(event.kept_id, names)
        for pairs in (self._apart, self._asked):
            for other in tuple(pairs.get(event.absorbed_id, ())):
                _pair(pairs, event.kept_id, other)

    def split(self, event: SplitDecided) -> None:
        """Move the named mentions to the new entity; what a human parted stays apart."""
        self.merges.pop(event.new_entity_id, None)
        entity = self._entity(event.new_entity_id, event.kind)
        for name in event.mentions:
            self._move(self.reports[name.partner, name.report_id].mentions[name.node], entity)
        _pair(self._apart, event.entity_id, event.new_entity_id)

    def ask(self, event: PossibleLink) -> None:
        """Remember that the question was put."""
        _pair(self._asked, event.left_id, event.right_id)

    def describe(self, event: MentionResolved, packed: bytes) -> None:
        """Add the tokens of a mention whose key came later; harmless if it is no more."""
        report = self.reports[event.partner, event.report_id]
        mention = report.mentions.get(event.node)
        if mention is not None and report.latest == event.revision:
            self._spell(mention, packed)

    def shred(self, mention: Mention) -> None:
        """Forget the tokens of a mention: its key is gone, it can link no more."""
        self._spell(mention, b"")

    # --- mentions and index -----------------------------------------------------

    def _entity(self, entity_id: UUID, kind: NodeKind) -> Entity:
        entity = self.entities.get(entity_id)
        if entity is None:
            entity = self.entities[entity_id] = Entity(entity_id, kind, self._order)
            self._order += 1
        return entity

    def _clear(self, report: Report) -> None:
        for mention in report.mentions.values():
            self._detach(mention)
        report.mentions.clear()

    def _spell(self, mention: Mention, packed: bytes) -> None:
        """Let a mention say something else, without its entity ending in between."""
        entity = mention.entity
        self._detach(mention)
        mention.packed = packed
        self.entities.setdefault(entity.id, entity)
        self._attach(mention)

    def _move(self, mention: Mention, entity: Entity) -> None:
        self._detach(mention)
        mention.entity = entity
        self._attach(mention)

    def _attach(self, mention: Mention) -> None:
        entity = mention.entity
        entity.mentions[mention] = None
        mention.packed = entity.spelling(mention.packed)
        if _count(entity.spellings, mention.packed, 1):
            self._profiles.pop(entity, None)
        for block in blocks_of(entity.kind, mention.packed):
            self._list(block, entity)

    def _detach(self, mention: Mention) -> None:
        """Take a mention out; an entity without one is no more."""
        entity = mention.entity
        del entity.mentions[mention]
        if _count(entity.spellings, mention.packed, -1):
            self._profiles.pop(entity, None)
            self._unlist(entity, mention.packed)
        if not entity.mentions:
            del self.entities[entity.id]

    def _list(self, block: bytes, entity: Entity) -> None:
        held = self._index.get(block)
        if held is None:
            self._index[block] = entity
        elif isinstance(held, dict):
            held[entity] = None
        elif held is not entity:
            self._index[block] = {held: None, entity: None}

    def _unlist(self, entity: Entity, packed: bytes) -> None:
        """Take an entity out of the blocks that only this spelling put it into."""
        gone = dict.fromkeys(blocks_of(entity.kind, packed))
        for spelling in entity.spellings:
            for block in blocks_of(entity.kind, spelling):
                gone.pop(block, None)
        for block in gone:
            self._unlist_one(block, entity)

    def _unlist_one(self, block: bytes, entity: Entity) -> None:
        held = self._index.get(block)
        if held is entity:
            del self._index[block]
        elif isinstance(held, dict):
            held.pop(entity, None)
            if len(held) == 1:
                self._index[block] = next(iter(held))


def _age(entity: Entity) -> int:
    return entity.order


def _count(counts: dict[bytes, int], key: bytes, by: int) -> bool:
    """Count up or down; tell whether the key came or went."""
    before = counts.get(key, 0)
    after = before + by
    if after:
        counts[key] = after
    else:
        del counts[key]
    return not before or not after


def _pair(pairs: dict[UUID, set[UUID]], left: UUID, right: UUID) -> None:
    pairs.setdefault(left, set()).add(right)
    pairs.setdefault(right, set()).add(left)
