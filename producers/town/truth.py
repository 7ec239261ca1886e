"""What must come out, worked out from the town's own knowledge and nothing else.

The definitions are those of ARCHITECTURE.md ("Words that decide outcomes"), coded here a second
time, apart from the consumers: who is who is known, so no linking is needed, and every set is
small enough to be found the plain way.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from producers.town.further import Further
from producers.town.partners import BY_PARTNER
from producers.town.people import siblings
from producers.town.reports import Step
from streams.values import (
    AlertRule,
    Audience,
    ConditionCode,
    DataCategory,
    Gateway,
    GradingScheme,
    HandlingCode,
    Outcome,
    Role,
    Theme,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from uuid import UUID

    from producers.town.reports import Submission
    from producers.town.town import Town
    from streams.restricted import Report

_NETWORK_TIES: Final = frozenset({"CO_OFFENDER", "MEMBER_OF", "EXPLOITS", "RUNS_LINE", "USES_LINE"})
_CRIMINAL_FACTS: Final = frozenset(
    {"SUPPLY", "STORAGE", "CARRYING", "RECRUITMENT"}
    | {"THREAT", "ASSAULT", "WEAPON_SEEN", "MONEY_MOVED"}
)
_RAISING_TIES: Final = frozenset({"PARENT", "KINSHIP_CARER"})
_CARING_TIES: Final = _RAISING_TIES | {"FOSTER_CARER"}
PEOPLE_IN_A_NETWORK: Final = 3
_LONDON: Final = ZoneInfo("Europe/London")

Week: TypeAlias = tuple[int, int]
"""ISO year and week."""


class Told(NamedTuple):
    """One tie as some shared report states it, between keys of people and things."""

    subject: str
    kind: str
    object: str
    criminal: bool


class Exposure(NamedTuple):
    """One alert that must exist: this rule for this child."""

    child: int
    rule: AlertRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What must be found. `outcomes` runs beside the town's submissions; None is never sent.

    `weights` counts for two people whom police see tied the independent origins that say so.
    """

    outcomes: tuple[Outcome | None, ...]
    networks: frozenset[frozenset[int]]
    exposures: frozenset[Exposure]
    weights: Mapping[frozenset[int], int]
    siblings: frozenset[frozenset[int]]
    persons: frozenset[int]

    def count(self, town: Town, outcome: Outcome) -> int:
        """Count the reports and corrections that must come to this outcome."""
        pairs = zip(town.submissions, self.outcomes, strict=True)
        return sum(step.counts and found is outcome for step, found in pairs)


def truth_of(town: Town) -> Truth:
    """Work out everything that must come out of this town's submissions."""
    outcomes = tuple(outcome_of(step) for step in town.submissions)
    police, hub = (
        Picture(town, _in_force(town.submissions, outcomes, audience), audience)
        for audience in (Audience.POLICE, Audience.SAFEGUARDING)
    )
    return Truth(
        outcomes=outcomes,
        networks=police.networks(),
        exposures=hub.exposures(),
        weights=police.weights(),
        siblings=siblings(town.ties),
        persons=police.persons | hub.persons,
    )


def exposures_of(
    town: Town, steps: Sequence[Submission], outcomes: Sequence[Outcome | None]
) -> frozenset[Exposure]:
    """Work out the alerts that some submissions alone, in their order, must bring."""
    hub = Audience.SAFEGUARDING
    return Picture(town, _in_force(steps, outcomes, hub), hub).exposures()


def outcome_of(step: Submission) -> Outcome | None:
    """Return what must become of one submission.

    Source: ARCHITECTURE.md (rule 6) and domain.md section 8, points 15, 16, 18 and 19.
    """
    match step.step:
        case Step.STOPPED:
            return None
        case Step.WITHDRAWAL:
            return Outcome.WITHDRAWN
        case Step.REPEAT:
            return Outcome.DUPLICATE
        case Step.CLASH:
            return Outcome.REFUSED
        case Step.REPORT | Step.CORRECTION:
            return _judged(step.report)


def _judged(report: Report) -> Outcome:
    body = BY_PARTNER[report.partner]
    if body.lapsed or not _has_power(report) or _lacks_conditions(report):
        return Outcome.REFUSED
    if ConditionCode.S2 in report.handling.conditions or any(n.conflict for n in report.nodes):
        return Outcome.HELD
    return Outcome.SHARED


def _has_power(report: Report) -> bool:
    body = BY_PARTNER[report.partner]
    service = next((s for s in body.services if s.name == report.service), None)
    if service is None:
        return False
    health = service.health_or_social_care or report.data_category is DataCategory.PATIENT
    if report.gateway is Gateway.PCSC_2022_PART2 and health:
        return False
    return any(
        listed.gateway is report.gateway and report.purpose in listed.purposes
        for listed in body.gateways()
    )


def _lacks_conditions(report: Report) -> bool:
    handling = report.handling
    return handling.code is HandlingCode.C and not (handling.conditions and handling.recipients)


def _in_force(
    steps: Iterable[Submission], outcomes: Iterable[Outcome | None], audience: Audience
) -> list[Submission]:
    """Return the last shared revision of each report that is not withdrawn, for one audience."""
    latest: dict[tuple[str, UUID], Submission] = {}
    for step, outcome in zip(steps, outcomes, strict=True):
        key = (step.partner, step.report.report_id)
        if outcome is Outcome.SHARED:
            latest[key] = step
        elif outcome is Outcome.WITHDRAWN:
            latest.pop(key, None)
    return [step for step in latest.values() if _may_see(step.report, audience)]


def _may_see(report: Report, audience: Audience) -> bool:
    if audience is Audience.POLICE and any(node.protected for node in report.nodes):
        return False
    return report.handling.code is not HandlingCode.C or audience in report.handling.recipients


class Picture:
    """What one audience could know if it never mistook one person for another."""

    def __init__(self, town: Town, steps: Iterable[Submission], audience: Audience) -> None:
        self._people = town.people
        self._steps = list(steps)
        self._audience = audience
        self._ties = [tie for step in self._steps for tie in _ties_of(step)]
        self._last_seen = self._last_events()
        self._seeming = self._seeming_children()
        self._victims = self._in_role(Role.VICTIM) - self._in_role(Role.SUSPECT)

    @property
    def persons(self) -> frozenset[int]:
        """Everybody who is mentioned at all."""
        return frozenset(number for step in self._steps for _, number in step.who)

    def networks(self) -> frozenset[frozenset[int]]:
        """People joined by network ties, where three or more are no children or victims only."""
        groups = _components(tie for tie in self._ties if _is_network(tie))
        found = (frozenset(_people_in(keys)) for keys in groups)
        return frozenset(people for people in found if self._count(people) >= PEOPLE_IN_A_NETWORK)

    def weights(self) -> Mapping[frozenset[int], int]:
        """Count origins: partners that quote one reference are one, any other report is its own."""
        origins: defaultdict[frozenset[int], set[str]] = defaultdict(set)
        for step in self._steps:
            report = step.report
            origin = report.origin_reference or f"{report.partner} {report.report_id}"
            for tie in _ties_of(step):
                people = frozenset(_people_in((tie.subject, tie.object)))
                if _is_network(tie) and len(people) == 2:  # noqa: PLR2004 - a tie has two ends
                    origins[people].add(origin)
        return {people: len(told) for people, told in origins.items()}

    def exposures(self) -> frozenset[Exposure]:
        """Children tied to a suspect in a network, siblings and friends of both, and further ones.

        Alerts of the rules in `NOT_JUDGED` are not among them.
        """
        suspects, tied = self._suspected_nominals(), self._tied_children()
        exposures = {Exposure(child, AlertRule.CHILD_TIED_TO_NOMINAL) for child in tied}
        for rule, pairs in (
            (AlertRule.SIBLING_OF_INVOLVED, self._siblings()),
            (AlertRule.FRIEND_OF_INVOLVED, self._friends()),
        ):
            exposures |= {
                Exposure(child, rule)
                for left, right in pairs
                for child, other in ((left, right), (right, left))
                if self._is_child(child) and other in suspects | tied
            }
        further = Further(self._steps, self._ties, self._is_child, _is_suspected_false)
        exposures |= {Exposure(*one) for one in further.found(suspects | tied)}
        return frozenset(exposures)

    def _suspected_nominals(self) -> set[int]:
        """Adults in a suspected role and in a network; no child is one, a victim first."""
        in_networks = set[int]().union(*self.networks())
        suspects = self._in_role(Role.SUSPECT)
        return {one for one in suspects & in_networks if not self._is_child(one)}

    def _tied_children(self) -> set[int]:
        """Children with a network tie to such an adult, or to a line or body such an adult has."""
        suspects = {f"person {number}" for number in self._suspected_nominals()}
        near: defaultdict[str, set[str]] = defaultdict(set)
        for tie in self._ties:
            if _is_network(tie):
                near[tie.subject].add(tie.object)
                near[tie.object].add(tie.subject)
        return {
            number
            for key, others in near.items()
            if (number := _number(key)) is not None and self._is_child(number)
            for other in others
            if other in suspects or (_number(other) is None and near[other] & suspects)
        }

    def _in_role(self, role: Role) -> set[int]:
        """Those whom a report that is not suspected false puts in this role."""
        return {
            dict(step.who)[node.label]
            for step in self._steps
            for node in step.report.nodes
            if node.person and node.person.role is role and not _is_suspected_false(step.report)
        }

    def _seeming_children(self) -> set[int]:
        """Those of unknown age in a report that speaks of a child, as this audience gets it."""
        return {
            dict(step.who)[label]
            for step in self._steps
            if not _is_suspected_false(step.report)
            for label in _ageless(step.report) & _like_children(step.report, self._audience)
        }

    def _siblings(self) -> set[tuple[int, int]]:
        """Asserted, or raised by one parent or kinship carer as the reports have it."""
        raised: defaultdict[str, set[int]] = defaultdict(set)
        for tie in self._ties:
            if tie.kind in _RAISING_TIES:
                raised[tie.subject] |= _people_in((tie.object,))
        pairs = {pair for children in raised.values() for pair in combinations(children, 2)}
        return pairs | self._pairs_tied_as("SIBLING")

    def _friends(self) -> set[tuple[int, int]]:
        return self._pairs_tied_as("FRIEND")

    def _pairs_tied_as(self, kind: str) -> set[tuple[int, int]]:
        return {
            (left, right)
            for tie in self._ties
            if tie.kind == kind
            if (left := _number(tie.subject)) is not None
            if (right := _number(tie.object)) is not None
        }

    def _last_events(self) -> dict[int, tuple[Week, bool]]:
        """For each person the last week of an event, and whether it saw a child."""
        last: dict[int, tuple[Week, bool]] = {}
        for step in self._steps:
            day = step.report.event_at.astimezone(_LONDON).date()
            ageless = _ageless(step.report)
            for label, number in step.who:
                if label in ageless:
                    continue
                seen = (day.isocalendar()[:2], self._people[number].is_child_on(day))
                last[number] = max(seen, last.get(number, seen))
        return last

    def _is_child(self, number: int) -> bool:
        """A child until a later-dated event says no; dates are weeks, as they leave the enclave.

        Somebody whose age nobody told is one if a report speaks of a child.
        """
        seen = self._last_seen.get(number)
        return number in self._seeming if seen is None else seen[1]

    def _count(self, people: Iterable[int]) -> int:
        return sum(not self._is_child(one) and one not in self._victims for one in people)


def _ageless(report: Report) -> set[str]:
    return {
        node.label
        for node in report.nodes
        if node.person and node.person.age is None
        if node.identity is None or node.identity.born_on is None
    }


def _like_children(report: Report, audience: Audience) -> set[str]:
    """Who is cared for, at a school, or exploited as a child; police are told the last alone."""
    found: set[str] = set()
    if any(fact.theme is Theme.CHILD_CRIMINAL_EXPLOITATION for fact in report.facts):
        roles = {node.label: node.person.role for node in report.nodes if node.person}
        found |= {label for label, role in roles.items() if role is Role.VICTIM}
    if audience is Audience.SAFEGUARDING:
        found |= {tie.object for tie in report.relations if tie.kind.value in _CARING_TIES}
        found |= {tie.subject for tie in report.relations if tie.kind.value == "ATTENDS"}
    return found


def _ties_of(step: Submission) -> Iterator[Told]:
    keys = {label: f"person {number}" for label, number in step.who} | dict(step.what)
    if _is_suspected_false(step.report):
        return
    criminal = any(fact.activity in _CRIMINAL_FACTS for fact in step.report.facts)
    for relation in step.report.relations:
        subject, target = keys[relation.subject], keys[relation.object]
        yield Told(subject, relation.kind.value, target, criminal)


def _is_suspected_false(report: Report) -> bool:
    """E of 3x5x2, 5 of 5x5x5: such a report alone ties nobody (domain.md section 8, point 27)."""
    return (report.grading.scheme, report.grading.assessment) in {
        (GradingScheme.SCHEME_3X5X2, "E"),
        (GradingScheme.SCHEME_5X5X5, "5"),
    }


def _is_network(tie: Told) -> bool:
    return tie.kind in _NETWORK_TIES or (tie.kind == "ASSOCIATE" and tie.criminal)


def _components(ties: Iterable[Told]) -> list[set[str]]:
    near: Mapping[str, set[str]] = defaultdict(set)
    for tie in ties:
        near[tie.subject].add(tie.object)
        near[tie.object].add(tie.subject)
    groups, seen = [], set[str]()
    for start in near:
        if start in seen:
            continue
        group, waiting = set[str](), [start]
        while waiting:
            key = waiting.pop()
            if key not in group:
                group.add(key)
                waiting.extend(near[key])
        seen |= group
        groups.append(group)
    return groups


def _people_in(keys: Iterable[str]) -> set[int]:
    return {number for key in keys if (number := _number(key)) is not None}


def _number(key: str) -> int | None:
    kind, _, number = key.partition(" ")
    return int(number) if kind == "person" else None
