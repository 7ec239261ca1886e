"""What came out, put back into terms of the town, and compared with its truth.

Only the demo and tests may do this: they hold the enclave's keys. The product is not weakened for
it: who is who is read from `enclave.resolutions`, and an audience's ids are made as the gate makes
them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

from anonymiser.gate.audience import AudienceIds
from consumers.network.tables import ENTITIES, MENTIONS, PAIRS, TIES
from consumers.safeguarding.tables import ALERTS_TABLE
from producers.town.further import NOT_JUDGED
from producers.town.truth import Exposure
from streams.codec import decode
from streams.loop import read_to_end
from streams.restricted import (
    AnswerSubmitted,
    LinkDecided,
    MentionResolved,
    MergeDecided,
    PossibleLink,
    PossibleLinkClosed,
    RecordRetokenised,
    ReportAdmitted,
    ReportRetracted,
    SplitDecided,
)
from streams.topics import RESOLUTIONS
from streams.values import AlertRule, Audience, ChildAtEvent, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from anonymiser.keyring import Keys
    from consumers.store import Snapshot
    from producers.town.reports import Submission
    from producers.town.town import Town
    from producers.town.truth import Truth
    from streams.ports import Log, Record

_RAISING: Final = frozenset({"PARENT", "KINSHIP_CARER"})
_RESOLUTIONS: Final = (
    ReportAdmitted,
    MentionResolved,
    ReportRetracted,
    MergeDecided,
    SplitDecided,
    PossibleLink,
    PossibleLinkClosed,
    LinkDecided,
    AnswerSubmitted,
    RecordRetokenised,
)
MentionKey = tuple[str, "UUID", int, int]
"""Partner, report, revision, node."""


class Resolved:
    """Which enclave id each mention has now, as the linker's own record says."""

    def __init__(self) -> None:
        self._entity: defaultdict[tuple[str, UUID], dict[tuple[int, int], UUID]] = defaultdict(dict)
        self._kept: dict[UUID, UUID] = {}
        self.questions = 0

    @classmethod
    async def read(cls, log: Log) -> Resolved:
        """Fold the whole record."""
        resolved = cls()
        async for records in read_to_end(log, (RESOLUTIONS,)):
            for record in records:
                resolved.apply(record)
        return resolved

    def apply(self, record: Record) -> None:
        """Fold one decision in."""
        match decode(record.value or b"", *_RESOLUTIONS):
            case ReportAdmitted(partner=partner, report_id=report_id):
                self._entity.pop((partner, report_id), None)  # a revision takes its place
            case MentionResolved() as one:
                told = self._entity[one.partner, one.report_id]
                told[one.revision, one.node] = one.entity_id
            case MergeDecided(kept_id=kept, absorbed_id=absorbed):
                self._kept[absorbed] = kept
            case ReportRetracted(partner=partner, report_id=report_id):
                self._entity.pop((partner, report_id), None)
            case SplitDecided() as split:
                self._part(split)
            case PossibleLink():
                self.questions += 1
            case _:
                return  # the rest changes nothing of who is who

    def _part(self, split: SplitDecided) -> None:
        self._kept.pop(split.new_entity_id, None)
        for one in split.mentions:
            told = self._entity.get((one.partner, one.report_id), {})
            for revision, node in told:
                if node == one.node:
                    told[revision, node] = split.new_entity_id

    def entity(self, key: MentionKey) -> UUID | None:
        """Return the id of a mention, None for one that was never resolved."""
        partner, report_id, revision, node = key
        entity = self._entity.get((partner, report_id), {}).get((revision, node))
        return None if entity is None else self.now(entity)

    def now(self, entity: UUID) -> UUID:
        """Return the id that an id has now: its own, or that of whom it was merged into."""
        while entity in self._kept:
            entity = self._kept[entity]
        return entity

    def absorbed(self) -> Iterator[tuple[UUID, UUID]]:
        """Yield each id that was merged into another, and what it is now."""
        for entity in self._kept:
            yield entity, self.now(entity)


@dataclass(frozen=True, slots=True)
class Identities:
    """Audience id to the town's people behind it. Two people behind one id were mistaken."""

    people: Mapping[str, frozenset[int]]

    @classmethod
    def of(cls, town: Town, resolved: Resolved, keys: Keys, audience: Audience) -> Identities:
        """Make an audience's ids as the gate does."""
        ids = AudienceIds(audience, keys.audience)
        found: defaultdict[str, set[int]] = defaultdict(set)
        for step in town.submissions:
            for key, number in _mentions(step):
                entity = resolved.entity(key)
                if entity is not None:
                    found[str(ids.entity(entity))].add(number)
        return cls({one: frozenset(numbers) for one, numbers in found.items()})

    def with_absorbed(self, resolved: Resolved, keys: Keys, audience: Audience) -> Identities:
        """Return the same, with the ids that were merged into others since."""
        ids = AudienceIds(audience, keys.audience)
        gone = ((str(ids.entity(old)), str(ids.entity(now))) for old, now in resolved.absorbed())
        return Identities({old: self.behind(now) for old, now in gone} | dict(self.people))

    def behind(self, audience_id: str) -> frozenset[int]:
        """Return who is behind an id; nobody is behind one of a thing."""
        return self.people.get(audience_id, frozenset())

    @property
    def merged(self) -> int:
        """How many ids hold more than one person."""
        return sum(len(numbers) > 1 for numbers in self.people.values())

    @property
    def split(self) -> int:
        """How many people have more than one id."""
        ids: defaultdict[int, int] = defaultdict(int)
        for numbers in self.people.values():
            for number in numbers:
                ids[number] += 1
        return sum(count > 1 for count in ids.values())


def _mentions(step: Submission) -> Iterator[tuple[MentionKey, int]]:
    who = dict(step.who)
    for node, one in enumerate(step.report.nodes):
        if one.label in who:
            key = (step.partner, step.report.report_id, step.report.revision, node)
            yield key, who[one.label]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the two audiences hold, in the town's own people.

    `merged` ids stand for several people, `split` people have several ids, and `questions`
    are pairs of ids that wait for a human because much agrees and something contradicts.
    `of_untold_age` are alerts about adults whose age the gate withheld, since few are like them
    where they live. Who may be a child counts as one, so they are neither right nor wrong.
    """

    persons: int
    networks: frozenset[frozenset[int]]
    weights: Mapping[frozenset[int], int]
    exposures: frozenset[Exposure]
    false_kin: int
    questions: int
    merged: int
    split: int
    of_untold_age: frozenset[Exposure] = frozenset()

    def agrees_with(self, truth: Truth) -> bool:
        """Tell whether networks and exposed children are exactly those that must be found."""
        return (
            self.networks == truth.networks
            and self.exposures == truth.exposures
            and not self.false_kin
        )


def find(
    town: Town, truth: Truth, keys: Keys, resolved: Resolved, views: Mapping[Audience, Snapshot]
) -> Findings:
    """Read both projections."""
    police = Identities.of(town, resolved, keys, Audience.POLICE)
    hub = Identities.of(town, resolved, keys, Audience.SAFEGUARDING)
    exposures = _exposures(views[Audience.SAFEGUARDING], hub)
    untold = _adults_of_untold_age(town, views[Audience.SAFEGUARDING], hub)
    of_untold_age = frozenset(one for one in exposures if one.child in untold)
    return Findings(
        persons=_persons(views[Audience.SAFEGUARDING]),
        networks=_networks(views[Audience.POLICE], police),
        weights=_weights(views[Audience.POLICE], police),
        exposures=exposures - of_untold_age,
        of_untold_age=of_untold_age,
        false_kin=_false_kin(views[Audience.SAFEGUARDING], hub, truth.siblings),
        merged=hub.merged,
        split=hub.split,
        questions=resolved.questions,
    )


def _persons(view: Snapshot) -> int:
    return sum(row["kind"] == NodeKind.PERSON.value for row in view.rows(ENTITIES))


def _networks(view: Snapshot, identities: Identities) -> frozenset[frozenset[int]]:
    members: defaultdict[str, set[int]] = defaultdict(set)
    for row in view.rows(ENTITIES):
        if row["network_id"] and row["kind"] == NodeKind.PERSON.value:
            members[row["network_id"]] |= identities.behind(row["entity_id"])
    return frozenset(frozenset(people) for people in members.values())


def _weights(view: Snapshot, identities: Identities) -> dict[frozenset[int], int]:
    """Weights of pairs of people; where one of them is split the largest."""
    weights: dict[frozenset[int], int] = {}
    for row in view.rows(PAIRS):
        left, right = identities.behind(row["low_id"]), identities.behind(row["high_id"])
        if left and right and row["weight"]:
            people = left | right
            weights[people] = max(row["weight"], weights.get(people, 0))
    return weights


def _exposures(view: Snapshot, identities: Identities) -> frozenset[Exposure]:
    return frozenset(
        Exposure(child, AlertRule(row["rule"]))
        for row in view.rows(ALERTS_TABLE)
        if row["supported"] and AlertRule(row["rule"]) not in NOT_JUDGED
        for child in identities.behind(row["child_id"])
    )


def _adults_of_untold_age(town: Town, view: Snapshot, identities: Identities) -> frozenset[int]:
    """Return who was an adult whenever they were reported, without the hub's being told so."""
    reported = [
        (step.report.event_at.date(), one) for step in town.submissions for _, one in step.who
    ]
    children = {one for day, one in reported if town.people[one].is_child_on(day)}
    told = {
        one
        for row in view.rows(MENTIONS)
        if row["kind"] == NodeKind.PERSON and row["child_at_event"] != ChildAtEvent.UNKNOWN
        for one in identities.behind(row["entity_id"])
    }
    return frozenset(one for _, one in reported) - children - told


def _false_kin(view: Snapshot, identities: Identities, siblings: frozenset[frozenset[int]]) -> int:
    """Count pairs that the hub takes for siblings and who are none.

    Two ids of one child are no pair: that child was met twice and not recognised.
    """
    return sum(
        not _are_siblings(identities.behind(left), identities.behind(right), siblings)
        for left, right in _sibling_ids(view)
    )


def sibling_pairs(view: Snapshot, identities: Identities) -> Iterator[frozenset[int]]:
    """Yield the pairs of the town's people that the hub takes for siblings."""
    for left, right in _sibling_ids(view):
        for one in identities.behind(left):
            for other in identities.behind(right) - {one}:
                yield frozenset((one, other))


def _are_siblings(
    left: frozenset[int], right: frozenset[int], siblings: frozenset[frozenset[int]]
) -> bool:
    pairs = (frozenset((one, other)) for one in left for other in right)
    return bool(left & right) or any(pair in siblings for pair in pairs)


def _sibling_ids(view: Snapshot) -> set[tuple[str, str]]:
    raised: defaultdict[str, set[str]] = defaultdict(set)
    pairs: set[tuple[str, str]] = set()
    for row in view.rows(TIES):
        if row["kind"] == "SIBLING":
            pairs.add((row["subject_id"], row["object_id"]))
        elif row["kind"] in _RAISING:
            raised[row["subject_id"]].add(row["object_id"])
    for children in raised.values():
        pairs.update(combinations(sorted(children), 2))
    return pairs
