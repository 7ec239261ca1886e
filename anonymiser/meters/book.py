"""What became of every report, as the topics so far say; the enclave alone can put them together.

A report is known by its partner and its own id; police and the hub speak of it by theirs, which
only the audience keys connect. Nothing here names a person: entities are the enclave's random ids.
The topics may be read in any order: what refers to something unseen is kept and joined at the end.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeAlias

from streams.codes import Cause
from streams.disruptions import (
    ArrestMade,
    ClosureMade,
    DisruptionExecuted,
    DisruptionPlanned,
    InterventionAttempted,
    OffenceRecorded,
    SeizureMade,
    SentencePassed,
)
from streams.hub import AlertClaimed, AlertClosed, ReferralAccepted, ReferralDeclined, ReferralMade
from streams.ocg import OcgMapped, OcgScored, ReportGraded, RoleConfirmed
from streams.restricted import (
    MentionResolved,
    MergeDecided,
    ReportAdmitted,
    ReportRetracted,
    SplitDecided,
)
from streams.shared import AlertRaised, AlertUpdated, FeedbackGiven
from streams.taxonomy import RELATIONS
from streams.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from uuid import UUID

    from streams.parts import Grading
    from streams.taxonomy import RelationKind

ReportKey: TypeAlias = "tuple[str, UUID]"
"""Partner, and the partner's own report id."""

OutcomeEvent: TypeAlias = (
    SeizureMade
    | ArrestMade
    | OffenceRecorded
    | SentencePassed
    | ClosureMade
    | InterventionAttempted
)
Event: TypeAlias = (
    ReportAdmitted
    | MentionResolved
    | ReportRetracted
    | MergeDecided
    | SplitDecided
    | ReportGraded
    | OcgMapped
    | RoleConfirmed
    | OcgScored
    | DisruptionPlanned
    | DisruptionExecuted
    | OutcomeEvent
    | AlertRaised
    | AlertUpdated
    | AlertClaimed
    | AlertClosed
    | ReferralMade
    | ReferralAccepted
    | ReferralDeclined
)


class Use(Enum):
    """What can become of a report: somebody looked, somebody acted, something came of it."""

    TRIAGED = auto()
    ACTED_ON = auto()
    OUTCOME = auto()


@dataclass(slots=True)
class Told:
    """One live report: when its first revision came, and what it says of whom."""

    came_at: datetime
    origin: UUID
    relations: tuple[tuple[int, int, RelationKind], ...]
    entities: dict[int, UUID] = field(default_factory=dict)


class Book:
    """The reports and their uses; `apply` with the log time of each record."""

    def __init__(self) -> None:
        self.reports: dict[ReportKey, Told] = {}
        self.grades: dict[UUID, Grading] = {}  # by police's report id
        self.outcomes: dict[str, dict[Outcome, int]] = {}
        self.reasons: dict[str, dict[str, int]] = {}
        self._gone: set[ReportKey] = set()
        self._kept: dict[UUID, UUID] = {}
        self._uses: dict[UUID, dict[Use, datetime]] = {}  # by a report id of police or the hub
        self._of_plan: dict[UUID, tuple[UUID, ...]] = {}
        self._of_alert: dict[UUID, set[UUID]] = defaultdict(set)
        self._alert_of: dict[UUID, UUID] = {}  # by referral
        self._plan_uses: list[tuple[UUID, Use, datetime]] = []
        self._alert_uses: list[tuple[UUID, Use, datetime]] = []
        self._referral_uses: list[tuple[UUID, Use, datetime]] = []

    # --- what is told ------------------------------------------------------------------

    def apply(self, event: Event, at: datetime) -> None:
        """Fold one record in; `at` is its log time."""
        match event:
            case ReportAdmitted():
                self._admit(event, at)
            case MentionResolved(partner=partner, report_id=report_id):
                if told := self.reports.get((partner, report_id)):
                    told.entities[event.node] = event.entity_id
            case ReportRetracted(partner=partner, report_id=report_id):
                self._gone.add((partner, report_id))
                self.reports.pop((partner, report_id), None)
            case MergeDecided():
                self._kept[event.absorbed_id] = event.kept_id
            case SplitDecided():
                self._split(event)
            case _:
                self._use(event, at)

    def answer(self, partner: str, event: FeedbackGiven) -> None:
        """Count what a partner's submissions came to, and the reasons of what was refused."""
        counts = self.outcomes.setdefault(partner, {})
        counts[event.outcome] = counts.get(event.outcome, 0) + 1
        if event.outcome is Outcome.REFUSED:
            codes = self.reasons.setdefault(partner, {})
            for reason in event.reasons:
                codes[reason.code] = codes.get(reason.code, 0) + 1

    def _admit(self, event: ReportAdmitted, at: datetime) -> None:
        key = (event.partner, event.report_id)
        if key in self._gone:
            return
        known = self.reports.get(key)
        relations = tuple((one.subject, one.object, one.kind) for one in event.relations)
        self.reports[key] = Told(known.came_at if known else at, event.origin_id, relations)

    def _split(self, event: SplitDecided) -> None:
        self._kept.pop(event.new_entity_id, None)
        for mention in event.mentions:
            told = self.reports.get((mention.partner, mention.report_id))
            if told is not None and mention.node in told.entities:
                told.entities[mention.node] = event.new_entity_id

    def _use(self, event: Event, at: datetime) -> None:
        match event:
            case ReportGraded():
                self.grades[event.report_id] = event.grading
                self._note((event.report_id,), Use.TRIAGED, at)
            case OcgMapped() | RoleConfirmed() | OcgScored():
                self._note(event.report_ids, Use.TRIAGED, at)
            case DisruptionPlanned():
                self._of_plan[event.disruption_id] = event.report_ids
                self._note(event.report_ids, Use.TRIAGED, at)
            case DisruptionExecuted():
                self._plan_uses.append((event.disruption_id, Use.ACTED_ON, at))
            case AlertRaised() | AlertUpdated():
                self._of_alert[event.alert_id].update(_reports_behind(event))
            case AlertClaimed() | AlertClosed():
                use = Use.TRIAGED if isinstance(event, AlertClaimed) else Use.OUTCOME
                self._alert_uses.append((event.alert_id, use, at))
            case ReferralMade():
                self._alert_of[event.referral_id] = event.alert_id
                self._alert_uses.append((event.alert_id, Use.ACTED_ON, at))
            case ReferralAccepted() | ReferralDeclined():
                self._referral_uses.append((event.referral_id, Use.OUTCOME, at))
            case _:
                self._come_of(event, at)

    def _come_of(self, event: Event, at: datetime) -> None:
        """Take an outcome in; what it is owed to was acted on by then as well."""
        owed = getattr(event, "caused_by", None)
        if owed is None:
            return
        for use in (Use.ACTED_ON, Use.OUTCOME):
            if owed.cause is Cause.REPORT:
                self._note((owed.cause_id,), use, at)
            else:
                self._plan_uses.append((owed.cause_id, use, at))

    def _note(self, reports: Iterable[UUID], use: Use, at: datetime) -> None:
        for report_id in reports:
            uses = self._uses.setdefault(report_id, {})
            uses[use] = min(at, uses.get(use, at))

    # --- what can be asked --------------------------------------------------------------

    def uses(self) -> Mapping[UUID, Mapping[Use, datetime]]:
        """Return what became of each report, by police's or the hub's report id, and when first."""
        self._join()
        return self._uses

    def person(self, entity: UUID) -> UUID:
        """Return the id an entity goes by now."""
        while entity in self._kept:
            entity = self._kept[entity]
        return entity

    def linked(self) -> frozenset[ReportKey]:
        """Return the reports that name somebody whom another report names too."""
        naming: dict[UUID, set[ReportKey]] = defaultdict(set)
        for key, told in self.reports.items():
            for entity in told.entities.values():
                naming[self.person(entity)].add(key)
        return frozenset(key for keys in naming.values() if len(keys) > 1 for key in keys)

    def corroborated(self) -> frozenset[ReportKey]:
        """Return the reports of which another origin tells at least one tie too."""
        origins: dict[object, set[UUID]] = defaultdict(set)
        ties = {key: tuple(self._ties(told)) for key, told in self.reports.items()}
        for key, mine in ties.items():
            for tie in mine:
                origins[tie].add(self.reports[key].origin)
        return frozenset(k for k, mine in ties.items() if any(len(origins[t]) > 1 for t in mine))

    def _ties(self, told: Told) -> Iterator[object]:
        for subject, target, kind in told.relations:
            ends = [told.entities.get(node) for node in (subject, target)]
            if None not in ends:
                who = [self.person(end) for end in ends if end is not None]
                yield (kind, *(sorted(who) if RELATIONS[kind].symmetric else who))

    def _join(self) -> None:
        """Bring home what was told of plans, alerts and referrals before they were."""
        for referral, use, at in self._referral_uses:
            if (alert := self._alert_of.get(referral)) is not None:
                self._alert_uses.append((alert, use, at))
        for alert, use, at in self._alert_uses:
            self._note(self._of_alert.get(alert, ()), use, at)
        for plan, use, at in self._plan_uses:
            self._note(self._of_plan.get(plan, ()), use, at)


def _reports_behind(event: AlertRaised | AlertUpdated) -> Iterator[UUID]:
    for step in event.path:
        yield from step.report_ids
    for sign in event.signs:
        yield sign.report_id
