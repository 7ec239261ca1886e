"""The examples beside a rule, run by the engine itself: given these reports, who is alerted?

Ids and times are made from the example alone, so that it says the same wherever it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from consumers.safeguarding.engine import Judge
from consumers.safeguarding.picture import Picture
from consumers.safeguarding.rules import ExamplePerson, InvalidRulesError
from streams.parts import CodedFact, Grading, Handling
from streams.shared import (
    NominalRelayed,
    PersonsMerged,
    ReportWithdrawn,
    SafeguardingNode,
    SafeguardingReportShared,
    SharedRelation,
)
from streams.taxonomy import RELATIONS, Ends
from streams.values import (
    AgeBand,
    FourP,
    GradingScheme,
    NodeKind,
    Purpose,
    Sex,
    Theme,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consumers.network.evidence import NetworkEvent
    from consumers.safeguarding.rules import Example, ExampleStep, Rule, Rules

_NAMESPACE: Final = UUID("2b0d1f0c-6a1e-5a5e-8f0b-1c4c8f3a9e77")
_BEGINNING: Final = datetime(2026, 10, 1, 9, tzinfo=UTC)
_KIND_OF_OBJECT: Final[Mapping[Ends, NodeKind]] = {
    Ends.PERSON_PERSON: NodeKind.PERSON,
    Ends.PERSON_ORGANISATION: NodeKind.ORGANISATION,
    Ends.PERSON_PHONE: NodeKind.PHONE,
    Ends.PERSON_ADDRESS: NodeKind.ADDRESS,
    Ends.PERSON_OBJECT: NodeKind.VEHICLE,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """An example that came out otherwise than the file expects."""

    rule_id: str
    story: str
    expected: tuple[str, ...]
    found: tuple[str, ...]


def failures(rules: Rules) -> Iterator[Failure]:
    """Run every example of every rule by that rule alone; yield those that fail.

    A rule that is off is run as if it were on: its examples hold for the day it is.

    Raises: InvalidRulesError for an example whose names do not fit together.
    """
    for rule in rules.rules:
        alone = rules.model_copy(update={"rules": (rule.model_copy(update={"enabled": True}),)})
        for number, example in enumerate(rule.examples):
            found = _alerted(alone, rule, example, f"{rule.id}, example {number + 1}")
            expected = tuple(sorted(set(example.expect)))
            if found != expected:
                yield Failure(rule.id, example.story, expected, found)


def _alerted(rules: Rules, rule: Rule, example: Example, where: str) -> tuple[str, ...]:
    picture, judge = Picture(), Judge(rules)
    last = 0
    for offset, step in enumerate(example.given):
        if step.after_hours < last:
            raise InvalidRulesError(f"{where}: steps stand in the order of after_hours")
        last, at = step.after_hours, _at(step.after_hours)
        judge.before(picture, at)
        judge.after(picture, picture.apply(_event(step, where), offset, at), at)
    judge.before(picture, _at(max(last, example.asked_after_hours or last)))
    names = {str(_id(name)): name for name in _names(example)}
    return tuple(
        sorted(
            names[alert.child_id]
            for alert in judge.alerts.values()
            if alert.supported and alert.rule_id == rule.id
        )
    )


def _at(hours: int) -> datetime:
    return _BEGINNING + timedelta(hours=hours)


def _id(name: str) -> UUID:
    return uuid5(_NAMESPACE, name)


def _names(example: Example) -> Iterator[str]:
    for step in example.given:
        yield from (one for one in (step.nominal, step.keep, step.absorb) if one is not None)
        yield from step.people
        for subject, _, target in step.ties:
            yield from (subject, target)


def _event(step: ExampleStep, where: str) -> NetworkEvent:
    if step.report is not None:
        return _report(step, step.report, where)
    if step.withdraw is not None:
        return ReportWithdrawn(report_id=_id(f"report {step.withdraw}"))
    if step.nominal is not None:
        return NominalRelayed(person_id=_id(step.nominal), is_nominal=True)
    return PersonsMerged(
        kind=NodeKind.PERSON,
        kept_id=_id(step.keep or ""),
        absorbed_id=_id(step.absorb or ""),
    )


def _report(step: ExampleStep, name: str, where: str) -> SafeguardingReportShared:
    kinds = _kinds(step, where)
    numbers = {entity: number for number, entity in enumerate(kinds)}
    return SafeguardingReportShared(
        report_id=_id(f"report {name}"),
        revision=step.revision,
        origin_id=_id(f"origin {step.origin or name}"),
        immediate_risk=False,
        purpose=Purpose.SAFEGUARD_CHILDREN,
        event_week=step.week,
        district=step.district,
        nodes=tuple(
            _node(numbers[entity], entity, kind, step.people.get(entity, ExamplePerson()))
            for entity, kind in kinds.items()
        ),
        relations=tuple(
            SharedRelation(subject=numbers[subject], object=numbers[target], kind=kind)
            for subject, kind, target in step.ties
        ),
        facts=tuple(
            CodedFact(theme=Theme.OTHER, activity=sign, four_p=FourP.PROTECT) for sign in step.signs
        ),
        grading=_grading(step.grade),
        handling=Handling(),
    )


def _kinds(step: ExampleStep, where: str) -> dict[str, NodeKind]:
    """Return the kind of each name in a report: what its ties make of it, else a person."""
    kinds = dict.fromkeys(step.people, NodeKind.PERSON)
    for subject, relation, target in step.ties:
        ends = ((subject, NodeKind.PERSON), (target, _KIND_OF_OBJECT[RELATIONS[relation].ends]))
        for name, kind in ends:
            if kinds.setdefault(name, kind) is not kind:
                raise InvalidRulesError(f"{where}: {name} is said to be of two kinds")
    return kinds


def _node(number: int, name: str, kind: NodeKind, said: ExamplePerson) -> SafeguardingNode:
    return SafeguardingNode(
        node=number,
        kind=kind,
        entity_id=_id(name),
        sex=Sex.UNKNOWN,
        age_band=AgeBand.UNKNOWN,
        child_at_event=said.child,
        role=said.role,
        protected=False,
    )


def _grading(grade: str | None) -> Grading:
    if grade is None:
        return Grading()
    return Grading(scheme=GradingScheme.SCHEME_3X5X2, source="1", assessment=grade)
