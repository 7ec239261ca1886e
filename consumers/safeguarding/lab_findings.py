"""Findings of the laboratory: what only the rules under trial flag goes before the hub lead.

A finding is no alert: it raises nothing. The lead takes it up or declines it, once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from streams.codec import decode
from streams.codes import FindingReason, FindingVerdict
from streams.errors import DecodeError, InvalidInputError
from streams.hub import LabFindingDecided, LabFindingRaised
from streams.topics import HUB_DECISIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from consumers.safeguarding.alerts import Alert
    from consumers.safeguarding.lab import Outcome
    from consumers.safeguarding.rules import Rules
    from streams.ports import Record

RECENT: Final = timedelta(days=90)
"""Policy number, version 1: what is older is history, not a child to look after (docs/RULES.md)."""
FINDINGS_MAX: Final = 500
"""More than this no lead can decide: a rule that finds more is to be tried with other numbers."""
REPORTS_MAX: Final = 50
_NAMESPACE: Final = UUID("3a0c9e52-6f0e-5d7e-8d4b-0c7f2f6d5b91")
_REASONS: Final[Mapping[FindingVerdict, frozenset[FindingReason]]] = {
    FindingVerdict.TAKEN_UP: frozenset({FindingReason.CHILD_AT_RISK}),
    FindingVerdict.DECLINED: frozenset(FindingReason) - {FindingReason.CHILD_AT_RISK},
}


class UnknownFindingError(InvalidInputError):
    """No such finding was raised. `rivelin lab findings` lists those there are."""


class DecidedAlreadyError(InvalidInputError):
    """The finding was decided before; nothing was written, and what was decided stands."""


class UnfitReasonError(InvalidInputError):
    """The reason is one for the other verdict; the message names those that fit."""


class TooManyFindingsError(InvalidInputError):
    """The rules under trial flag more people than a lead can look at; nothing was written."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding and, once there is one, its decision."""

    raised: LabFindingRaised
    raised_at: datetime
    decided: LabFindingDecided | None = None


@dataclass(slots=True)
class Findings:
    """All findings of `safeguarding.decisions`, by id; of two decisions the first holds."""

    by_id: dict[UUID, Finding] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Findings:
        """Fold the records of the hub's decisions; others are left out."""
        found = cls()
        for record in records:
            if record.topic == HUB_DECISIONS:
                found.apply(record)
        return found

    def apply(self, record: Record) -> None:
        """Take in a finding or a decision on one."""
        try:
            event = decode(record.value or b"", LabFindingRaised, LabFindingDecided)
        except DecodeError:
            return
        if isinstance(event, LabFindingRaised):
            self.by_id.setdefault(event.finding_id, Finding(event, record.appended_at))
        elif (known := self.by_id.get(event.finding_id)) is not None and known.decided is None:
            self.by_id[event.finding_id] = Finding(known.raised, known.raised_at, event)

    def named(self, prefix: str) -> Finding:
        """Return the one finding whose id begins so.

        Raises: UnknownFindingError, for several too.
        """
        found = [one for key, one in self.by_id.items() if str(key).startswith(prefix.lower())]
        if len(found) != 1 or not prefix:
            several = "several findings begin" if found and prefix else "no finding begins"
            raise UnknownFindingError(f"{several} so; `rivelin lab findings` lists them")
        return found[0]


def only_trial(outcome: Outcome, since: datetime, until: datetime) -> list[Alert]:
    """Return the alerts of rules under trial about people of whom the adopted rules say nothing.

    Only what is still supported and was raised between the two instants, one for each rule.
    """
    known = {alert.child_id for alert in outcome.adopted.values()}
    return [
        alert
        for _, alert in sorted(outcome.trial.items())
        if alert.supported and alert.child_id not in known and since <= alert.raised_at <= until
    ]


def raise_findings(
    found: Findings, alerts: Iterable[Alert], rules: Rules, by: str, at: datetime
) -> tuple[LabFindingRaised, ...]:
    """Return the findings that were not raised before by the same rules.

    Raises: TooManyFindingsError.
    """
    news = tuple(
        event for event in _findings(alerts, rules, by, at) if event.finding_id not in found.by_id
    )
    if len(news) > FINDINGS_MAX:
        raise TooManyFindingsError(
            f"{len(news)} people would be flagged by the new rules alone; at most {FINDINGS_MAX}"
            " findings are raised at once, so try rules that find fewer"
        )
    return news


def _findings(
    alerts: Iterable[Alert], rules: Rules, by: str, at: datetime
) -> Iterator[LabFindingRaised]:
    for alert in alerts:
        name = f"{rules.digest} {alert.rule_id} {alert.child_id}"
        yield LabFindingRaised(
            finding_id=uuid5(_NAMESPACE, name),
            person_id=UUID(alert.child_id),
            rule_id=alert.rule_id,
            rules_digest=rules.digest,
            report_ids=_reports_of(alert),
            decided_by=by,
            decided_at=at,
        )


def _reports_of(alert: Alert) -> tuple[UUID, ...]:
    named = [report for step in alert.path for report in step.report_ids]
    named += [sign.report_id for sign in alert.signs]
    return tuple(map(UUID, list(dict.fromkeys(named))[:REPORTS_MAX]))


def decide_on_finding(  # noqa: PLR0913, PLR0917 - what a decision is made of
    found: Findings,
    prefix: str,
    verdict: FindingVerdict,
    reason: FindingReason,
    by: str,
    at: datetime,
) -> LabFindingDecided:
    """Take a finding up or decline it.

    Raises: UnknownFindingError, DecidedAlreadyError, UnfitReasonError.
    """
    finding = found.named(prefix)
    if finding.decided is not None:
        raise DecidedAlreadyError(
            f"this finding was decided before ({finding.decided.verdict}); nothing was written"
        )
    if reason not in _REASONS[verdict]:
        fitting = ", ".join(sorted(_REASONS[verdict]))
        raise UnfitReasonError(f"with this verdict the reason is one of {fitting}")
    return LabFindingDecided(
        finding_id=finding.raised.finding_id,
        verdict=verdict,
        reason=reason,
        decided_by=by,
        decided_at=at,
    )
