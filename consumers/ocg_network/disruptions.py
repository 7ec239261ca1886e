"""What was tried against OCGs and what it brought: a pure fold, and what may be decided.

Every fact lies under its own id, and what is told of one id stands on one topic. So whatever order
the topics are read in, the state is the same; a word about something unseen waits in its row.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias, TypeVar, assert_never

from consumers.ocg_network.disruption_tables import (
    CONCERNS_TABLE,
    DISRUPTION_TABLES,
    DISRUPTIONS_TABLE,
    HUB_ANSWERS_TABLE,
    HUB_REQUESTS_TABLE,
    INTERVENTIONS_TABLE,
    OUTCOMES_TABLE,
    PROTECTIONS_TABLE,
)
from consumers.projection import Rewrite
from streams.disruptions import (
    ArrestMade,
    CausedBy,
    ClosureMade,
    ConcernRecorded,
    DisruptionExecuted,
    DisruptionFailed,
    DisruptionPlanned,
    ImpactAssessed,
    InterventionAttempted,
    OffenceRecorded,
    SeizureMade,
    SentencePassed,
)
from streams.instants import london_day
from streams.ocg import HubViewAsked
from streams.shared import HubViewRelayed, ProtectionRelayed
from streams.topics import DISRUPTIONS, POLICE, POLICE_DECISIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy import Table

    from consumers.projection import Read, Row

OutcomeEvent: TypeAlias = SeizureMade | ArrestMade | OffenceRecorded | SentencePassed | ClosureMade
DisruptionEvent: TypeAlias = (
    DisruptionPlanned
    | DisruptionExecuted
    | DisruptionFailed
    | ImpactAssessed
    | OutcomeEvent
    | InterventionAttempted
    | ConcernRecorded
    | HubViewAsked
    | HubViewRelayed
    | ProtectionRelayed
)

#: The events by the topic they stand on.
DISRUPTION_EVENTS: Final[Mapping[str, tuple[type[Any], ...]]] = {
    DISRUPTIONS: (
        *(DisruptionPlanned, DisruptionExecuted, DisruptionFailed, ImpactAssessed),
        *(SeizureMade, ArrestMade, OffenceRecorded, SentencePassed, ClosureMade),
        *(InterventionAttempted, ConcernRecorded),
    ),
    POLICE_DECISIONS: (HubViewAsked,),
    POLICE: (HubViewRelayed, ProtectionRelayed),
}
NOT_ASSESSED: Final = "not assessed"


class State(StrEnum):
    """How far a disruption has come. WAITING: how it went came before the plan did."""

    WAITING = "WAITING"
    PLANNED = "PLANNED"
    EXECUTED = "EXECUTED"
    FAILED = "FAILED"


class OutcomeKind(StrEnum):
    """What kind of outcome a row is."""

    SEIZURE = "SEIZURE"
    ARREST = "ARREST"
    OFFENCE = "OFFENCE"
    SENTENCE = "SENTENCE"
    CLOSURE = "CLOSURE"


# --- the records; days are ISO dates, what is not known is None ---------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Disruption:
    """One disruption from plan to impact; `report_ids` and `impact_reasons` are JSON lists."""

    disruption_id: str
    ocg_id: str | None = None
    target_id: str | None = None
    lever: str | None = None
    agency: str | None = None
    four_p: str | None = None
    report_ids: str | None = None
    request_id: str | None = None
    planned_for: str | None = None
    planned_by: str | None = None
    planned_on: str | None = None
    executed_on: str | None = None
    executed_by: str | None = None
    failure: str | None = None
    failed_on: str | None = None
    failed_by: str | None = None
    impact: str | None = None
    impact_reasons: str | None = None
    assessed_by: str | None = None
    assessed_on: str | None = None

    @property
    def state(self) -> State:
        """Return how far it has come."""
        if self.planned_by is None:
            return State.WAITING
        if self.executed_on is not None:
            return State.EXECUTED
        return State.PLANNED if self.failure is None else State.FAILED

    @property
    def is_settled(self) -> bool:
        """Whether it was told how it went; the first word on that stands."""
        return self.executed_on is not None or self.failure is not None

    @property
    def impact_shown(self) -> str:
        """Return the impact, or that nobody has assessed it."""
        return self.impact or NOT_ASSESSED

    def as_of(self, day: str | None) -> Disruption | None:
        """Return it as it stood at the end of a day; None if it was not planned by then."""
        if day is None:
            return self
        if self.planned_on is not None and self.planned_on > day:
            return None
        gone: dict[str, Any] = {}
        for date_column, columns in _DATED.items():
            told = getattr(self, date_column)
            if told is not None and told > day:
                gone |= dict.fromkeys(columns)
        return replace(self, **gone) if gone else self


#: What is known from a day on.
_DATED: Final = {
    "executed_on": ("executed_on", "executed_by"),
    "failed_on": ("failed_on", "failed_by", "failure"),
    "assessed_on": ("assessed_on", "assessed_by", "impact", "impact_reasons"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRow:
    """Something a disruption or a report led to. `quantity`: pieces; grams of drugs; pounds."""

    outcome_id: str
    kind: str
    ocg_id: str | None
    cause: str
    cause_id: str
    occurred_on: str
    decided_by: str
    person_id: str | None = None
    entity_id: str | None = None
    item: str | None = None
    quantity: int | None = None
    months: int | None = None
    offence: str | None = None
    string_id: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """A way out that was offered to somebody at the edge."""

    intervention_id: str
    ocg_id: str | None
    person_id: str
    kind: str
    agency: str
    outcome: str
    cause: str | None
    cause_id: str | None
    occurred_on: str
    decided_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """Voices of concern of one kind from an area in an ISO week."""

    concern_id: str
    kind: str
    area: str
    theme: str
    count: int
    week: str
    ocg_id: str | None
    cause: str | None
    cause_id: str | None
    decided_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRequest:
    """Police asked for the hub's view of a lever at a place."""

    request_id: str
    entity_id: str
    lever: str
    asked_by: str
    asked_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HubAnswer:
    """What the hub said; the last word holds."""

    request_id: str
    view: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """A child is protected at a place or thing until a day; not who."""

    declaration_id: str
    entity_id: str
    until: str
    ended: bool

    def holds_on(self, day: str) -> bool:
        """Tell whether it stands on a day (ISO date); the day itself counts."""
        return not self.ended and day <= self.until


Kept = TypeVar(
    "Kept", Disruption, OutcomeRow, Intervention, Concern, HubRequest, HubAnswer, Protection
)


class DisruptionBook:
    """Disruptions, outcomes, interventions, concerns, and the hub's views that police were told.

    Plugs into a projection: `events` by topic, `tables` and the topic that each is a function of
    (`past`), `apply`, `take_rewrites`, `restore`.
    """

    events: ClassVar[Mapping[str, tuple[type[Any], ...]]] = DISRUPTION_EVENTS
    tables: ClassVar[tuple[Table, ...]] = DISRUPTION_TABLES
    past: ClassVar[Mapping[str, tuple[Table, ...]]] = {
        DISRUPTIONS: (DISRUPTIONS_TABLE, OUTCOMES_TABLE, INTERVENTIONS_TABLE, CONCERNS_TABLE),
        POLICE_DECISIONS: (HUB_REQUESTS_TABLE,),
        POLICE: (HUB_ANSWERS_TABLE, PROTECTIONS_TABLE),
    }

    def __init__(self) -> None:
        self.disruptions: dict[str, Disruption] = {}
        self.outcomes: dict[str, OutcomeRow] = {}
        self.interventions: dict[str, Intervention] = {}
        self.concerns: dict[str, Concern] = {}
        self.requests: dict[str, HubRequest] = {}
        self.answers: dict[str, HubAnswer] = {}
        self.protections: dict[str, Protection] = {}
        self._changed: set[tuple[str, str]] = set()

    def apply(self, event: DisruptionEvent) -> None:
        """Fold one event in. Total, and unharmed when the tail is redelivered."""
        match event:
            case DisruptionPlanned():
                self._plan(event)
            case DisruptionExecuted() | DisruptionFailed():
                self._settle(event)
            case ImpactAssessed():
                self._assess(event)
            case SeizureMade() | ArrestMade() | OffenceRecorded() | SentencePassed():
                self._first(OUTCOMES_TABLE, self.outcomes, outcome_of(event))
            case ClosureMade():
                self._first(OUTCOMES_TABLE, self.outcomes, outcome_of(event))
            case InterventionAttempted():
                self._first(INTERVENTIONS_TABLE, self.interventions, _intervention(event))
            case ConcernRecorded():
                self._first(CONCERNS_TABLE, self.concerns, _concern(event))
            case HubViewAsked() | HubViewRelayed() | ProtectionRelayed():
                self._hear_hub(event)
            case _:
                assert_never(event)

    def take_rewrites(self) -> Sequence[Rewrite]:
        """Return what the rows have become since the last call."""
        changed, self._changed = self._changed, set()
        return [self._row(name, key) for name, key in sorted(changed)]

    def restore(self, read: Read) -> None:
        """Take the state from the rows."""
        self.disruptions = _kept(read(DISRUPTIONS_TABLE), Disruption)
        self.outcomes = _kept(read(OUTCOMES_TABLE), OutcomeRow)
        self.interventions = _kept(read(INTERVENTIONS_TABLE), Intervention)
        self.concerns = _kept(read(CONCERNS_TABLE), Concern)
        self.requests = _kept(read(HUB_REQUESTS_TABLE), HubRequest)
        self.answers = _kept(read(HUB_ANSWERS_TABLE), HubAnswer)
        self.protections = _kept(read(PROTECTIONS_TABLE), Protection)

    def _row(self, name: str, key: str) -> Rewrite:
        table, kept = _PLACES[name]
        column = table.primary_key.columns[0].name
        return Rewrite(table, {column: key}, (asdict(getattr(self, kept)[key]),))

    # --- one event

    def _disruption(self, disruption_id: UUID) -> Disruption:
        key = str(disruption_id)
        return self.disruptions.get(key) or Disruption(disruption_id=key)

    def _put(self, table: Table, kept: dict[str, Kept], record: Kept) -> None:
        key = getattr(record, table.primary_key.columns[0].name)
        if kept.get(key) != record:
            kept[key] = record
            self._changed.add((table.name, key))

    def _first(self, table: Table, kept: dict[str, Kept], record: Kept) -> None:
        """Of two events of one id the first stands."""
        if getattr(record, table.primary_key.columns[0].name) not in kept:
            self._put(table, kept, record)

    def _plan(self, event: DisruptionPlanned) -> None:
        known = self._disruption(event.disruption_id)
        if known.planned_by is not None:
            return
        planned = replace(
            known,
            ocg_id=str(event.ocg_id),
            target_id=_text(event.target_id),
            lever=event.lever.value,
            agency=event.agency.value,
            four_p=event.four_p.value,
            report_ids=json.dumps([str(one) for one in event.report_ids]),
            request_id=_text(event.request_id),
            planned_for=event.planned_for.isoformat(),
            planned_by=event.decided_by,
            planned_on=london_day(event.decided_at).isoformat(),
        )
        self._put(DISRUPTIONS_TABLE, self.disruptions, planned)

    def _settle(self, event: DisruptionExecuted | DisruptionFailed) -> None:
        known = self._disruption(event.disruption_id)
        if known.is_settled:
            return
        if isinstance(event, DisruptionExecuted):
            day = event.executed_on.isoformat()
            known = replace(known, executed_on=day, executed_by=event.decided_by)
        else:
            day = london_day(event.decided_at).isoformat()
            known = replace(
                known, failure=event.reason.value, failed_on=day, failed_by=event.decided_by
            )
        self._put(DISRUPTIONS_TABLE, self.disruptions, known)

    def _assess(self, event: ImpactAssessed) -> None:
        """A later assessment takes the place of the earlier one."""
        assessed = replace(
            self._disruption(event.disruption_id),
            impact=event.impact.value,
            impact_reasons=json.dumps([one.value for one in event.reasons]),
            assessed_by=event.decided_by,
            assessed_on=london_day(event.decided_at).isoformat(),
        )
        self._put(DISRUPTIONS_TABLE, self.disruptions, assessed)

    def _hear_hub(self, event: HubViewAsked | HubViewRelayed | ProtectionRelayed) -> None:
        match event:
            case HubViewAsked():
                self._first(HUB_REQUESTS_TABLE, self.requests, _request(event))
            case HubViewRelayed(request_id=request_id, view=view):
                answer = HubAnswer(request_id=str(request_id), view=view.value)
                self._put(HUB_ANSWERS_TABLE, self.answers, answer)
            case ProtectionRelayed():
                self._protect(event)

    def _protect(self, event: ProtectionRelayed) -> None:
        protection = Protection(
            declaration_id=str(event.declaration_id),
            entity_id=str(event.entity_id),
            until=event.until.isoformat(),
            ended=event.ended,
        )
        self._put(PROTECTIONS_TABLE, self.protections, protection)


_PLACES: Final[Mapping[str, tuple[Table, str]]] = {
    DISRUPTIONS_TABLE.name: (DISRUPTIONS_TABLE, "disruptions"),
    OUTCOMES_TABLE.name: (OUTCOMES_TABLE, "outcomes"),
    INTERVENTIONS_TABLE.name: (INTERVENTIONS_TABLE, "interventions"),
    CONCERNS_TABLE.name: (CONCERNS_TABLE, "concerns"),
    HUB_REQUESTS_TABLE.name: (HUB_REQUESTS_TABLE, "requests"),
    HUB_ANSWERS_TABLE.name: (HUB_ANSWERS_TABLE, "answers"),
    PROTECTIONS_TABLE.name: (PROTECTIONS_TABLE, "protections"),
}


def _kept(rows: Iterable[Row], kind: type[Kept]) -> dict[str, Kept]:
    key = fields(kind)[0].name
    return {row[key]: kind(**row) for row in rows}


# --- events to records ------------------------------------------------------------------------


def outcome_of(event: OutcomeEvent) -> OutcomeRow:
    """Return the record of an outcome."""
    told: dict[str, Any] = {}
    match event:
        case SeizureMade(item=item, quantity=quantity):
            told = {"kind": OutcomeKind.SEIZURE, "item": item.value, "quantity": quantity}
        case ArrestMade(person_id=person, offence=offence):
            told = {"kind": OutcomeKind.ARREST, "person_id": str(person), "offence": offence.value}
        case OffenceRecorded(offence=offence, string_id=string):
            told = {"kind": OutcomeKind.OFFENCE, "offence": offence.value}
            told["string_id"] = _text(string)
        case SentencePassed(person_id=person, offence=offence, months=months):
            told = {"kind": OutcomeKind.SENTENCE, "person_id": str(person), "months": months}
            told["offence"] = offence.value
        case ClosureMade(entity_id=entity, until=until):
            told = {"kind": OutcomeKind.CLOSURE, "entity_id": str(entity)}
            told["until"] = until.isoformat()
        case _:
            assert_never(event)
    return OutcomeRow(
        outcome_id=str(event.outcome_id),
        ocg_id=_text(event.ocg_id),
        occurred_on=event.occurred_on.isoformat(),
        decided_by=event.decided_by,
        cause=event.caused_by.cause.value,
        cause_id=str(event.caused_by.cause_id),
        **{**told, "kind": told["kind"].value},
    )


def _intervention(event: InterventionAttempted) -> Intervention:
    cause, cause_id = _cause(event.caused_by)
    return Intervention(
        intervention_id=str(event.intervention_id),
        ocg_id=_text(event.ocg_id),
        person_id=str(event.person_id),
        kind=event.kind.value,
        agency=event.agency.value,
        outcome=event.outcome.value,
        cause=cause,
        cause_id=cause_id,
        occurred_on=event.occurred_on.isoformat(),
        decided_by=event.decided_by,
    )


def _concern(event: ConcernRecorded) -> Concern:
    cause, cause_id = _cause(event.caused_by)
    return Concern(
        concern_id=str(event.concern_id),
        kind=event.kind.value,
        area=event.area,
        theme=event.theme.value,
        count=event.count,
        week=event.week,
        ocg_id=_text(event.ocg_id),
        cause=cause,
        cause_id=cause_id,
        decided_by=event.decided_by,
    )


def _request(event: HubViewAsked) -> HubRequest:
    return HubRequest(
        request_id=str(event.request_id),
        entity_id=str(event.entity_id),
        lever=event.lever.value,
        asked_by=event.decided_by,
        asked_at=event.decided_at.isoformat(),
    )


def _cause(caused_by: CausedBy | None) -> tuple[str | None, str | None]:
    return (None, None) if caused_by is None else (caused_by.cause.value, str(caused_by.cause_id))


def _text(identity: UUID | None) -> str | None:
    return None if identity is None else str(identity)
