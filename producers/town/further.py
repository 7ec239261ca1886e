"""The rules beyond kin and friends, worked out a second time from what each rule says in words.

Two kinds are left out (`NOT_JUDGED`): a child missing where a network is seen, for which the gate
may withhold the district of a report, and a child not reported back, for which days must pass.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from streams.values import AlertRule, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import date

    from producers.town.reports import Submission
    from producers.town.truth import Told
    from streams.restricted import Report

NOT_JUDGED: Final = frozenset({AlertRule.MISSING_IN_AREA, AlertRule.UNANSWERED})
#: The early signs and their points, as the standard rules (version 1) say in docs/RULES.md.
_POINTS: Final[Mapping[str, int]] = {
    "MISSING": 3,
    "UNEXPLAINED_GOODS": 3,
    "OLDER_ASSOCIATES": 3,
    "OUT_OF_AREA": 3,
    "INJURY": 2,
    "EXCLUSION": 2,
    "DEBT": 2,
}
_OLDER_ASSOCIATE: Final = 2
_ENOUGH: Final = 7
_WEEKS: Final = 13
_SOURCES_MIN: Final = 2
_OF_ONE_KIND_MAX: Final = 2
_CONCERNED: Final = frozenset({Role.VICTIM, Role.SUSPECT, Role.OTHER})
_LONDON: Final = ZoneInfo("Europe/London")


class Sign(NamedTuple):
    """A coded sign about somebody: in which week (counted through the years), who says so."""

    week: int
    origin: str
    activity: str


class Further:
    """What else exposes a child, given who is one and who is involved."""

    def __init__(
        self,
        steps: Sequence[Submission],
        ties: Iterable[Told],
        is_child: Callable[[int], bool],
        is_false: Callable[[Report], bool],
    ) -> None:
        self._steps = [step for step in steps if not is_false(step.report)]
        self._is_child = is_child
        self._by_kind: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        for tie in ties:
            self._by_kind[tie.kind].add((tie.subject, tie.object))

    def found(self, involved: AbstractSet[int]) -> Iterator[tuple[int, AlertRule]]:
        """Yield child and rule."""
        exposed = {
            AlertRule.HOUSEHOLD_OF_INVOLVED: self._raised_by(involved),
            AlertRule.DEAL_LINE: self._on_a_line(),
            AlertRule.CUCKOOED_ADDRESS: self._at_a_cuckooed_address(),
            AlertRule.EARLY_SIGNS: self._with_early_signs(),
        }
        for rule, people in exposed.items():
            for person in people:
                if self._is_child(person):
                    yield person, rule

    def _raised_by(self, involved: AbstractSet[int]) -> set[int]:
        """Those whose parent or kinship carer is involved."""
        raising = self._by_kind["PARENT"] | self._by_kind["KINSHIP_CARER"]
        return _people(target for subject, target in raising if _people([subject]) & involved)

    def _on_a_line(self) -> set[int]:
        """Those who run or use a line, or are exploited by who runs one."""
        users = self._by_kind["RUNS_LINE"] | self._by_kind["USES_LINE"]
        runners = {subject for subject, _ in self._by_kind["RUNS_LINE"]}
        exploited = (target for one, target in self._by_kind["EXPLOITS"] if one in runners)
        return _people(subject for subject, _ in users) | _people(exploited)

    def _at_a_cuckooed_address(self) -> set[int]:
        """Those cuckooed, living where somebody is, or named in a report of it."""
        cuckooed = self._by_kind["CUCKOOED_AT"]
        homes = {home for _, home in cuckooed}
        living = (one for one, home in self._by_kind["LIVES_AT"] if home in homes)
        named = {
            number
            for step in self._steps
            if any(tie.kind.value == "CUCKOOED_AT" for tie in step.report.relations)
            for number in _concerned(step)
        }
        return _people(one for one, _ in cuckooed) | _people(living) | named

    def _with_early_signs(self) -> set[int]:
        signs: defaultdict[int, set[Sign]] = defaultdict(set)
        for step in self._steps:
            for number in _concerned(step):
                signs[number] |= set(_signs(step.report))
        return {one for one, told in signs.items() if self._adds_up(one, told)}

    def _adds_up(self, person: int, told: set[Sign]) -> bool:
        bonus = _OLDER_ASSOCIATE if self._has_older_associate(person) else 0
        return any(
            _add_up([one for one in told if last.week - _WEEKS < one.week <= last.week], bonus)
            for last in told
        )

    def _has_older_associate(self, person: int) -> bool:
        key = f"person {person}"
        ends = (set(pair) for pair in self._by_kind["ASSOCIATE"] if key in pair)
        return any(not self._is_child(other) for pair in ends for other in _people(pair - {key}))


def _add_up(window: Iterable[Sign], bonus: int) -> bool:
    """Tell whether signs suffice: one origin counts once for a kind, a kind twice at most."""
    counted: list[tuple[str, str]] = []
    seen: Counter[str] = Counter()
    for origin, activity in dict.fromkeys((one.origin, one.activity) for one in sorted(window)):
        seen[activity] += 1
        if seen[activity] <= _OF_ONE_KIND_MAX:
            counted.append((origin, activity))
    points = bonus + sum(_POINTS[activity] for _, activity in counted)
    return points >= _ENOUGH and len({origin for origin, _ in counted}) >= _SOURCES_MIN


def _concerned(step: Submission) -> set[int]:
    who = dict(step.who)
    return {
        who[node.label]
        for node in step.report.nodes
        if node.person and node.person.role in _CONCERNED
    }


def _signs(report: Report) -> Iterator[Sign]:
    origin = report.origin_reference or f"{report.partner} {report.report_id}"
    week = _week(report.event_at.astimezone(_LONDON).date())
    for fact in report.facts:
        if fact.activity.value in _POINTS:
            yield Sign(week, origin, fact.activity.value)


def _week(day: date) -> int:
    """Number the week of a day: weeks begin on Mondays."""
    return (day.toordinal() - day.weekday()) // 7


def _people(keys: Iterable[str]) -> set[int]:
    return {
        int(number) for key in keys for kind, _, number in [key.partition(" ")] if kind == "person"
    }
