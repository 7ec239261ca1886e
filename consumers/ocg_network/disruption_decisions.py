"""What may be decided about disruptions: the event somebody wants to write, or why not.

Each function takes the event as it would be written and returns it in a tuple when it may stand.
What police know of the OCG, the target and the causes comes as `Ground`, read by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from consumers.ocg_network.concerns import monday_of
from consumers.ocg_network.disruptions import State
from consumers.ocg_network.levers import TargetKind, catalogue
from streams.codes import Agency, Cause, HubView, InterventionKind, Lever, OcgRole, SeizedItem
from streams.disruptions import (
    ArrestMade,
    ClosureMade,
    DisruptionExecuted,
    DisruptionFailed,
    DisruptionPlanned,
    ImpactAssessed,
    InterventionAttempted,
    OffenceRecorded,
    SeizureMade,
    SentencePassed,
)
from streams.errors import DeniedError, InvalidInputError
from streams.instants import london_day
from streams.roles import OcgStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from consumers.ocg_network.disruptions import (
        Disruption,
        DisruptionBook,
        OutcomeEvent,
    )
    from consumers.ocg_network.levers import CatalogueEntry
    from streams.disruptions import CausedBy, ConcernRecorded

MONTHS_MAX: Final = 12 * 60
QUANTITY_MAX: Final = 100_000_000
COUNT_MAX: Final = 100_000

#: For a child or a victim an intervention is support, so only who supports may offer it, and only
#: what supports: no talk that warns somebody off.
SUPPORTING_AGENCIES: Final = frozenset(
    {
        *(Agency.COUNCIL, Agency.HOUSING, Agency.FIRE, Agency.HEALTH, Agency.SCHOOLS),
        *(Agency.YOUTH_JUSTICE, Agency.VOLUNTARY),
    }
)
SUPPORT: Final = frozenset(InterventionKind) - {InterventionKind.CEASE_AND_DESIST_TALK}


class UnknownCauseError(InvalidInputError):
    """Nobody knows the report or disruption that an outcome is owed to. Give the id of one."""


class UnknownDisruptionError(InvalidInputError):
    """No disruption of this id was planned. `rivelin disruption list` shows those there are."""


class DisruptionSettledError(InvalidInputError):
    """It was told already how the disruption went; that word stands."""


class NotExecutedError(InvalidInputError):
    """Only what was executed has an impact: a plan or a failure is not assessed."""


class OwnDisruptionError(DeniedError):
    """Nobody assesses a disruption they planned or executed themselves. Ask another assessor."""


class NoLeverAgainstError(DeniedError):
    """No lever is used against a child or against somebody who is a victim only."""


class HubViewMissingError(DeniedError):
    """A child lives or may live at the target: the hub's view comes first."""


class HubSaysHoldError(DeniedError):
    """The hub says: hold until the child is safe."""


class NotYourAgencyError(DeniedError):
    """An officer plans, and tells of, the levers of their own agency; others are asked."""


class NotAtTheEdgeError(DeniedError):
    """An intervention is for people at the edge of a network, not for its principals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A person or thing as police see it.

    `protects_child`: a child, or somebody whose age nobody knows, lives there, or the hub has
    told that a child is protected there. `shelters_victim`: only victims and children live there.
    """

    entity_id: str
    kind: TargetKind | None
    is_child: bool = False
    is_victim_only: bool = False
    protects_child: bool = False
    shelters_victim: bool = False
    age_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedView:
    """The hub was asked; `view` is None until it has answered."""

    request_id: str
    view: HubView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a decision rests on: the OCG's status, the target, live reports, the hub's answers.

    `is_of_ocg`: the target is a member of the OCG or a thing that its members have. `acts_for`:
    the agencies whose levers whoever decides may plan; None for police, who plan with and for
    bodies that are in no register (prosecution, revenue and customs). `roles` are
    the confirmed roles of the person concerned in mapped OCGs; `views` the latest that the hub
    was asked about the target, by lever.
    """

    ocg_status: OcgStatus | None = None
    target: Target | None = None
    is_of_ocg: bool = True
    acts_for: frozenset[Agency] | None = None
    reports: frozenset[str] = frozenset()
    roles: frozenset[OcgRole] = frozenset()
    views: Mapping[Lever, AskedView] = field(default_factory=dict)


# --- disruptions ------------------------------------------------------------------------------


def decide_plan(
    event: DisruptionPlanned, book: DisruptionBook, ground: Ground
) -> tuple[DisruptionPlanned, ...]:
    """Let a lever be planned against a mapped OCG, or against one adult or thing of it.

    Raises: InvalidInputError, NotYourAgencyError, NoLeverAgainstError, HubViewMissingError,
    HubSaysHoldError.
    """
    if str(event.disruption_id) in book.disruptions:
        raise InvalidInputError("a disruption of this id is there already")
    if ground.ocg_status is not OcgStatus.MAPPED:
        raise InvalidInputError("a disruption is planned against an OCG that is mapped")
    entry = catalogue().entries[event.lever]
    if event.agency not in entry.holders:
        holders = ", ".join(entry.holders)
        raise InvalidInputError(f"--agency: {event.lever} is held by {holders}")
    _require_own(event.agency, ground.acts_for)
    unknown = {str(one) for one in event.report_ids} - ground.reports
    if unknown:
        raise UnknownCauseError("--report: a report is none that police hold now")
    require_target(entry, ground.target)
    if not ground.is_of_ocg:
        raise InvalidInputError(
            "--target: neither a member of this OCG nor a thing that its members have; an analyst"
            " maps it again with them, or offer a way out: `rivelin intervention`"
        )
    asked = require_view(event.lever, ground)
    if asked is not None and str(event.request_id) != asked.request_id:
        raise HubViewMissingError("the plan names the hub's latest view that it rests on")
    return (event,)


def decide_execute(
    event: DisruptionExecuted, book: DisruptionBook, ground: Ground
) -> tuple[DisruptionExecuted, ...]:
    """Let a planned disruption be told as executed; the hub's view is looked at once more.

    Who the target has turned out to be since does not stop the record of what was done.

    Raises: UnknownDisruptionError, DisruptionSettledError, NotYourAgencyError,
    HubViewMissingError, HubSaysHoldError, InvalidInputError for a day to come.
    """
    known = _open(book, str(event.disruption_id))
    _require_own(known.agency, ground.acts_for)
    _require_past(event.executed_on, london_day(event.decided_at), "--on")
    if known.lever is not None:
        require_view(Lever(known.lever), ground)
    return (event,)


def decide_fail(
    event: DisruptionFailed, book: DisruptionBook, acts_for: frozenset[Agency] | None
) -> tuple[DisruptionFailed, ...]:
    """Let a planned disruption be told as failed; the reason is a lesson, not blame.

    Raises: UnknownDisruptionError, DisruptionSettledError, NotYourAgencyError.
    """
    known = _open(book, str(event.disruption_id))
    _require_own(known.agency, acts_for)
    return (event,)


def decide_assess(event: ImpactAssessed, book: DisruptionBook) -> tuple[ImpactAssessed, ...]:
    """Let an independent assessor say what an executed disruption did.

    Raises: UnknownDisruptionError, NotExecutedError, OwnDisruptionError, InvalidInputError
    without a rationale.
    """
    known = _planned(book, str(event.disruption_id))
    if known.state is not State.EXECUTED:
        raise NotExecutedError("only an executed disruption is assessed")
    if not event.reasons:
        raise InvalidInputError("--why: an assessment gives at least one rationale code")
    own = {_folded(one) for one in (known.planned_by, known.executed_by) if one}
    if _folded(event.decided_by) in own:
        raise OwnDisruptionError(
            "you planned or executed this disruption: an assessor judges only the work of others"
        )
    return (event,)


def _require_own(agency: str | None, acts_for: frozenset[Agency] | None) -> None:
    """Check that whoever decides acts for the agency whose lever it is; police act with all."""
    if acts_for is not None and agency not in acts_for:
        mine = ", ".join(sorted(acts_for)) or "none"
        raise NotYourAgencyError(
            f"you decide on the levers of your own agency ({mine}), or ask police"
        )


def require_target(entry: CatalogueEntry, target: Target | None) -> None:
    """Check that the lever can be used against the target, and may be.

    Raises: NoLeverAgainstError, InvalidInputError.
    """
    if target is None:
        if TargetKind.GROUP not in entry.targets:
            kinds = ", ".join(entry.targets)
            raise InvalidInputError(f"--target: {entry.lever} needs one; it is for {kinds}")
        return
    if target.is_child or target.is_victim_only:
        raise NoLeverAgainstError(
            "no lever is used against a child or a victim: tell the hub of a child, and see"
            " `rivelin intervention` for support"
        )
    if target.kind not in entry.targets:
        kinds = ", ".join(entry.targets)
        raise InvalidInputError(f"--target: {entry.lever} is for {kinds}")
    if entry.takes_the_home and target.shelters_victim:
        raise NoLeverAgainstError(
            "nobody but victims or children is known to live there: HARDENING protects them,"
            f" {entry.lever} could take their home"
        )


def require_view(lever: Lever, ground: Ground) -> AskedView | None:
    """Check that the hub was asked where a child lives or may live, and does not say hold.

    Returns its view; None where none is needed.
    Raises: HubViewMissingError with the command to ask by, HubSaysHoldError.
    """
    target = ground.target
    if target is None or not target.protects_child:
        return None
    asked = ground.views.get(lever)
    if asked is None:
        raise HubViewMissingError(
            "a child lives or may live there, so the hub's view comes first:"
            f" rivelin disruption ask-view {target.entity_id} --lever {lever}"
        )
    if asked.view is None:
        raise HubViewMissingError("the hub was asked and has not answered yet; look again later")
    if asked.view is HubView.HOLD_UNTIL_CHILD_SAFE:
        raise HubSaysHoldError("the hub says: hold until the child is safe; ask again afterwards")
    return asked


def _planned(book: DisruptionBook, disruption_id: str) -> Disruption:
    known = book.disruptions.get(disruption_id)
    if known is None or known.state is State.WAITING:
        raise UnknownDisruptionError("no disruption of this id was planned")
    return known


def _open(book: DisruptionBook, disruption_id: str) -> Disruption:
    known = _planned(book, disruption_id)
    if known.is_settled:
        raise DisruptionSettledError(f"it was told already: {known.state.lower()}")
    return known


# --- what it brought --------------------------------------------------------------------------


def decide_outcome(
    event: OutcomeEvent, book: DisruptionBook, ground: Ground
) -> tuple[OutcomeEvent, ...]:
    """Let an outcome be recorded with the report or disruption behind it.

    A child's arrest or sentence is never counted as a success against an OCG, so none is taken.
    Raises: UnknownCauseError, NoLeverAgainstError, InvalidInputError.
    """
    if str(event.outcome_id) in book.outcomes:
        raise InvalidInputError("an outcome of this id is there already")
    _require_past(event.occurred_on, london_day(event.decided_at), "--on")
    require_cause(event.caused_by, book, ground)
    if event.ocg_id is not None and ground.ocg_status is None:
        raise InvalidInputError("--ocg: nobody mapped an OCG of this id")
    match event:
        case SeizureMade(quantity=quantity, item=item):
            _require_between(quantity, 1, QUANTITY_MAX, f"--quantity ({_unit(item)})")
        case SentencePassed(months=months):
            _require_between(months, 0, MONTHS_MAX, "--months")
            _require_adult(ground.target)
        case ArrestMade():
            _require_adult(ground.target)
        case ClosureMade(until=until, occurred_on=since):
            _require_place(ground.target)
            if until < since:
                raise InvalidInputError("--until: a closure ends after it begins")
        case OffenceRecorded():
            pass  # of nobody: an offence is counted, not an offender
    return (event,)


def decide_intervention(
    event: InterventionAttempted, book: DisruptionBook, ground: Ground
) -> tuple[InterventionAttempted, ...]:
    """Let a way out be recorded that somebody at the edge was offered.

    Never for a principal: that is a disruption. For an adult at the edge any kind; for a child or
    a victim it is support and not a lever: only from who supports, and never a warning talk.
    Raises: NotAtTheEdgeError, NoLeverAgainstError, UnknownCauseError, InvalidInputError.
    """
    if str(event.intervention_id) in book.interventions:
        raise InvalidInputError("an intervention of this id is there already")
    _require_past(event.occurred_on, london_day(event.decided_at), "--on")
    if event.caused_by is not None:
        require_cause(event.caused_by, book, ground)
    target = ground.target
    if target is None or target.kind is not TargetKind.PERSON:
        raise InvalidInputError("an intervention is offered to a person that police know")
    if OcgRole.PRINCIPAL in ground.roles:
        raise NotAtTheEdgeError("a principal of a mapped OCG is no case for an intervention")
    at_risk = target.is_child or target.is_victim_only
    if at_risk and not (event.kind in SUPPORT and event.agency in SUPPORTING_AGENCIES):
        agencies = ", ".join(sorted(SUPPORTING_AGENCIES))
        raise NoLeverAgainstError(
            "for a child or a victim an intervention is support: no CEASE_AND_DESIST_TALK, and"
            f" only from {agencies}"
        )
    return (event,)


def decide_concern(
    event: ConcernRecorded, book: DisruptionBook, ground: Ground
) -> tuple[ConcernRecorded, ...]:
    """Let voices of concern from an area be recorded for a week that has begun.

    Raises: UnknownCauseError, InvalidInputError.
    """
    if str(event.concern_id) in book.concerns:
        raise InvalidInputError("a concern of this id is there already")
    _require_between(event.count, 1, COUNT_MAX, "--count")
    _require_past(monday_of(event.week), london_day(event.decided_at), "--week")
    if event.caused_by is not None:
        require_cause(event.caused_by, book, ground)
    if event.ocg_id is not None and ground.ocg_status is None:
        raise InvalidInputError("--ocg: nobody mapped an OCG of this id")
    return (event,)


def require_cause(caused_by: CausedBy, book: DisruptionBook, ground: Ground) -> None:
    """Check that what an outcome is owed to is known now.

    Raises: UnknownCauseError.
    """
    cause_id = str(caused_by.cause_id)
    if caused_by.cause is Cause.REPORT and cause_id not in ground.reports:
        raise UnknownCauseError("--report: police hold no such report now")
    if caused_by.cause is Cause.DISRUPTION:
        known = book.disruptions.get(cause_id)
        if known is None or known.state is State.WAITING:
            raise UnknownCauseError("--disruption: no disruption of this id was planned")


def _require_adult(target: Target | None) -> None:
    if target is None or target.kind is not TargetKind.PERSON:
        raise InvalidInputError("the person is none that police know")
    if target.is_child:
        raise NoLeverAgainstError(
            "this person counts as a child, first of all a potential victim: it is no outcome"
            " against an OCG; tell the hub"
        )


def _require_place(target: Target | None) -> None:
    if target is None or target.kind not in {TargetKind.ADDRESS, TargetKind.BUSINESS}:
        raise InvalidInputError("only an address or a business that police know is closed")


def _require_past(day: date, today: date, where: str) -> None:
    if day > today:
        raise InvalidInputError(f"{where}: that day has not come yet")


def _require_between(value: int, low: int, high: int, where: str) -> None:
    if not low <= value <= high:
        raise InvalidInputError(f"{where}: from {low} to {high}")


def _unit(item: SeizedItem) -> str:
    drugs = {SeizedItem.CLASS_A_DRUGS, SeizedItem.CLASS_B_DRUGS}
    if item in drugs:
        return "grams"
    return "whole pounds" if item is SeizedItem.CASH else "pieces"


def _folded(name: str) -> str:
    """One name however it is written, so that nobody assesses themselves in capital letters."""
    return " ".join(name.casefold().split())
