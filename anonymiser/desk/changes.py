"""What each record means for the desk's memory: pure, one event to a few changes of rows.

The topics have no order between them, so a change never depends on rows of
another topic: reviews, questions and answers are kept under the id of their
link, whether that is known yet or not, and meet when somebody looks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from anonymiser.desk.cases import link_id_of
from streams.codec import decode
from streams.errors import DecodeError
from streams.evidence import require_schema
from streams.restricted import (
    AnswerSubmitted,
    HoldDecided,
    LinkDecided,
    LinkEscalated,
    LinkReviewed,
    MentionResolved,
    MergeDecided,
    OriginatorApproved,
    PairPlanted,
    PossibleLink,
    PossibleLinkClosed,
    Quarantined,
    QuestionAsked,
    ReportAdmitted,
    ReportHeld,
    ReportRetracted,
    SplitDecided,
)
from streams.topics import DESK, HELD, QUARANTINE, RESOLUTIONS, REVIEW_COMMANDS
from streams.values import ChildAtEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.ports import Record
    from streams.restricted import EnclaveMention

TOPICS: Final = (RESOLUTIONS, REVIEW_COMMANDS, DESK, HELD, QUARANTINE)


@dataclass(frozen=True, slots=True)
class Put:
    """A row stands in a table from now on, in the place of one with the same key."""

    table: str
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Drop:
    """The rows with these values are gone."""

    table: str
    key: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unite:
    """Every mention of one entity is now one of another."""

    absorbed: str
    kept: str


@dataclass(frozen=True, slots=True)
class Part:
    """These mentions are another entity's; a merge that took that id away is undone."""

    entity: str
    new: str
    mentions: tuple[EnclaveMention, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A column of a possible link that is known already has another value."""

    link_id: str
    column: str
    value: str


AboutTwo: TypeAlias = (
    PossibleLink | PossibleLinkClosed | LinkDecided | LinkReviewed | QuestionAsked | LinkEscalated
)
Change: TypeAlias = Put | Drop | Unite | Part | Mark


def changes_of(record: Record) -> tuple[Change, ...]:
    """Return what a record changes; one that is none of the desk's changes nothing.

    Raises: MissingSchemaError for one of which nobody here knows whose it is.
    """
    if record.value is None:
        return tuple(_forgotten(record))
    try:
        event = decode(record.value, *_EVENTS[record.topic])
    except DecodeError:
        require_schema(record)
        return ()
    return tuple(_changes(event, record))


def _changes(event: object, record: Record) -> Iterator[Change]:
    match event:
        case ReportAdmitted() | MentionResolved() | ReportRetracted():
            yield from _of_report(event, record)
        case MergeDecided():
            yield Unite(str(event.absorbed_id), str(event.kept_id))
        case SplitDecided():
            yield Part(str(event.entity_id), str(event.new_entity_id), event.mentions)
        case PossibleLink() | PossibleLinkClosed() | LinkDecided() | PairPlanted():
            yield _of_link(event)
        case LinkReviewed() | QuestionAsked() | AnswerSubmitted() | LinkEscalated():
            yield from _of_review(event, record)
        case _:
            yield from _of_holds(event, record)


def _of_link(event: PossibleLink | PossibleLinkClosed | LinkDecided | PairPlanted) -> Change:
    match event:
        case PossibleLink():
            return Put("links", link_row(event))
        case PossibleLinkClosed():
            return Mark(_link(event), "closed", event.reason.value)
        case LinkDecided():
            taken = event.verdict.value if event.void is None else f"void: {event.void.value}"
            return Mark(_link(event), "taken_over", taken)
        case PairPlanted():
            return Put("links", _planted_row(event))


def _of_review(
    event: LinkReviewed | QuestionAsked | AnswerSubmitted | LinkEscalated, record: Record
) -> Iterator[Change]:
    match event:
        case LinkReviewed():
            yield Put("reviews", _review_row(event, record))
        case QuestionAsked():
            yield from _asked(event, record)
        case AnswerSubmitted():
            yield Put("answers", _answer_row(event, record))
        case LinkEscalated():
            escalated = {"link_id": _link(event), "at": event.escalated_at.isoformat()}
            yield Put("escalations", escalated)


def _of_report(
    event: ReportAdmitted | MentionResolved | ReportRetracted, record: Record
) -> Iterator[Change]:
    report = {"partner": event.partner, "report_id": str(event.report_id)}
    match event:
        case ReportAdmitted():  # the mentions of the earlier revision are nobody's any longer
            yield Drop("mentions", report)
            yield Put("reports", {**report, "revision": event.revision, "is_withdrawn": False})
        case ReportRetracted():
            yield Drop("mentions", report)
            yield Put("reports", {**report, "revision": 0, "is_withdrawn": True})
        case MentionResolved():
            is_child = event.child_at_event is ChildAtEvent.YES
            yield Put(
                "mentions",
                {
                    **report,
                    "node": event.node,
                    "entity_id": str(event.entity_id),
                    "kind": event.kind.value,
                    "is_child": is_child,
                    "offset": record.offset,
                },
            )


def _of_holds(event: object, record: Record) -> Iterator[Change]:
    match event:
        case ReportHeld():
            yield Put("holds", _hold_row(event))
        case Quarantined():
            yield Put("quarantined", _quarantine_row(event, record))
        case HoldDecided():
            yield Put("hold_decisions", _decision_row(event, record))
        case OriginatorApproved():
            yield Put("hold_decisions", _approval_row(event, record))
        case _:
            return


def _forgotten(record: Record) -> Iterator[Change]:
    """A tombstone of `enclave.held` lets a report go; keys with two strokes are none of ours."""
    key = (record.key or b"").decode(errors="replace").split("/")
    if record.topic == HELD and len(key) == len(("partner", "report")):
        yield Drop("holds", {"partner": key[0], "report_id": key[1]})


def _link(event: AboutTwo) -> str:
    return str(link_id_of(event.left_id, event.right_id))


# --- rows ---------------------------------------------------------------------------


def link_row(event: PossibleLink) -> Mapping[str, Any]:
    """Return the row of a possible link as it was noticed."""
    left, right = str(event.left_id), str(event.right_id)
    return {
        "link_id": _link(event),
        "kind": event.kind.value,
        "left_id": left,
        "right_id": right,
        "left_root": left,
        "right_root": right,
        "agreed": json.dumps(event.agreed),
        "contradicted": json.dumps(event.contradicted),
        "score": event.score,
        "weights_version": event.weights_version,
        "bars": json.dumps([[one.field, one.level, one.centibits] for one in event.levels]),
        "noticed_at": event.noticed_at.isoformat(),
        "doubt": event.doubt and event.doubt.value,
        "closed": None,
        "taken_over": None,
        "planted": None,
    }


def _planted_row(event: PairPlanted) -> Mapping[str, Any]:
    planted = {
        "truth": event.truth.value,
        "sides": [[one.reports, one.partners, one.is_child] for one in (event.left, event.right)],
        "answers": {one.question.value: [one.left.value, one.right.value] for one in event.answers},
    }
    link = decode(event.link, PossibleLink)
    return {**link_row(link), "planted": json.dumps(planted)}


def _review_row(event: LinkReviewed, record: Record) -> Mapping[str, Any]:
    return {
        "topic": record.topic,
        "offset": record.offset,
        "link_id": _link(event),
        "verdict": event.verdict.value,
        "decided_by": event.decided_by,
        "decided_at": event.decided_at.isoformat(),
        "appended_at": record.appended_at.isoformat(),
        "over_budget": event.over_budget and event.over_budget.value,
    }


def _asked(event: QuestionAsked, record: Record) -> Iterator[Change]:
    """One event asks the holders of one side, the one that it names first."""
    place = {"topic": record.topic, "offset": record.offset}
    asked = {
        "link_id": _link(event),
        "side_id": str(event.left_id),
        "question": event.question.value,
        "asked_by": event.asked_by,
        "asked_at": event.asked_at.isoformat(),
    }
    yield Put("asked", {**place, **asked})
    for holder in event.holders:
        yield Put(
            "holders",
            {
                "question_id": str(holder.question_id),
                **place,
                "partner": holder.mention.partner,
                "report_id": str(holder.mention.report_id),
                "node": holder.mention.node,
                "decoy": holder.decoy,
            },
        )


def _answer_row(event: AnswerSubmitted, record: Record) -> Mapping[str, Any]:
    return {
        "offset": record.offset,
        "question_id": str(event.question_id),
        "partner": event.partner,
        "answer": event.answer.value,
        "answered_at": record.appended_at.isoformat(),
    }


def _hold_row(event: ReportHeld) -> Mapping[str, Any]:
    return {
        "partner": event.partner,
        "report_id": str(event.report_id),
        "revision": event.revision,
        "reasons": json.dumps([[one.code, one.field] for one in event.reasons]),
        "held_at": event.held_at.isoformat(),
    }


def _quarantine_row(event: Quarantined, record: Record) -> Mapping[str, Any]:
    return {
        "offset": record.offset,
        "partner": event.partner,
        "report_id": event.report_id and str(event.report_id),
        "revision": event.revision,
        "stage": event.stage,
        "reasons": json.dumps([[one.code, one.field] for one in event.reasons]),
        "immediate_risk": event.immediate_risk,
        "bytes": len(event.submission),
        "quarantined_at": event.quarantined_at.isoformat(),
    }


def _decision_row(event: HoldDecided, record: Record) -> Mapping[str, Any]:
    return {
        "topic": record.topic,
        "offset": record.offset,
        "partner": event.partner,
        "report_id": event.report_id and str(event.report_id),
        "revision": event.revision,
        "quarantined_offset": event.quarantined_offset,
        "verdict": event.verdict.value,
        "reason": event.reason.value,
        "decided_by": event.decided_by,
        "decided_for": event.decided_for,
        "decided_at": event.decided_at.isoformat(),
    }


def _approval_row(event: OriginatorApproved, record: Record) -> Mapping[str, Any]:
    return {
        "topic": record.topic,
        "offset": record.offset,
        "partner": event.partner,
        "report_id": str(event.report_id),
        "revision": event.revision,
        "quarantined_offset": None,
        "verdict": "APPROVE",
        "reason": None,
        "decided_by": event.approved_by,
        "decided_for": event.partner,
        "decided_at": event.approved_at.isoformat(),
    }


_EVENTS: Final[Mapping[str, tuple[type[Any], ...]]] = {
    RESOLUTIONS: (
        ReportAdmitted,
        MentionResolved,
        ReportRetracted,
        MergeDecided,
        SplitDecided,
        PossibleLink,
        PossibleLinkClosed,
        LinkDecided,
        AnswerSubmitted,
    ),
    REVIEW_COMMANDS: (LinkReviewed, QuestionAsked, HoldDecided, OriginatorApproved),
    DESK: (LinkReviewed, QuestionAsked, LinkEscalated, PairPlanted),
    HELD: (ReportHeld,),
    QUARANTINE: (Quarantined,),
}
