"""Why a rule alerts for a person: one function for each kind of rule, over picture and time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from consumers.safeguarding import unanswered
from consumers.safeguarding.alerts import SIGNS_MAX, Reason, Sign
from consumers.safeguarding.paths import STEP_REPORTS_MAX, Step, order_of
from consumers.safeguarding.rules import (
    AdultRule,
    CuckooedRule,
    FriendRule,
    HouseholdRule,
    LineRule,
    MissingRule,
    SiblingRule,
    SignsRule,
    SlaveryRule,
    TieRule,
    UnansweredRule,
)
from consumers.safeguarding.unanswered import Moment
from streams.codes import AlertSubject
from streams.values import Activity, ChildAtEvent, NodeKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from consumers.network.entities import Standing
    from consumers.network.evidence import TieKey
    from consumers.safeguarding.paths import Path, Paths
    from consumers.safeguarding.picture import Picture
    from consumers.safeguarding.rules import Rule
    from consumers.safeguarding.signs import Seen


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says of a person: a reason if there is one, and when to look again."""

    reason: Reason | None = None
    look_again_at: datetime | None = None


NOTHING = Finding()


class Finder:
    """Looks for reasons as of one instant of the log; lives for one event.

    Whatever fell due before `at` has passed; what falls due at that very instant has not, since
    an answer may still come in it.
    """

    def __init__(self, picture: Picture, paths: Paths, at: datetime) -> None:
        self._picture = picture
        self._paths = paths
        self._at = at
        self._subjects: dict[str, AlertSubject | None] = {}

    def subject(self, person: str) -> AlertSubject | None:
        """Return what an alert about a person would be about; None for whom no report mentions."""
        if person not in self._subjects:
            self._subjects[person] = _subject(self._picture.fold.standing(person))
        return self._subjects[person]

    def find(self, rule: Rule, person: str) -> Finding:  # noqa: C901, PLR0911 - a case for each kind
        """Return what a rule says of a person, whom it must be about."""
        match rule:
            case TieRule():
                return _by(self._paths.to_nominal(person))
            case SiblingRule():
                return _by(self._paths.through_sibling(person))
            case FriendRule():
                return _by(self._paths.through_friend(person))
            case HouseholdRule(beyond_siblings=beyond):
                return _by(self._paths.through_household(person, beyond_siblings=beyond))
            case SignsRule():
                return self._early_signs(rule, person)
            case CuckooedRule():
                return self._cuckooed(rule, person)
            case LineRule(minimum_origins=minimum):
                return _by(self._paths.lines(person, minimum))
            case AdultRule():
                return self._vulnerable(rule, person)
            case SlaveryRule():
                return self._slavery(rule, person)
            case MissingRule():
                return self._missing(rule, person)
            case UnansweredRule():
                return self._unanswered(rule, person)
            case _:
                assert_never(rule)

    # --- signs that add up -------------------------------------------------------------------

    def _early_signs(self, rule: SignsRule, child: str) -> Finding:
        """Take the latest window in which the signs reach the threshold."""
        seen = self._of(child)
        if _most_points(seen, rule) < rule.threshold:
            return NOTHING
        tie = self._paths.adult_associate(child) if rule.adult_associate else None
        bonus = rule.adult_associate if tie else 0
        for window in _windows(seen, rule.window_weeks, rule.weights):
            counted = _counted(window, rule.weights, rule.most_of_one_sign)
            points = bonus + sum(rule.weights[activity] for _, activity in counted)
            origins = {one.origin_id for one, _ in counted}
            if points >= rule.threshold and len(origins) >= rule.minimum_origins:
                return Finding(Reason(tie or (), _signs(counted)))
        return NOTHING

    def _slavery(self, rule: SlaveryRule, person: str) -> Finding:
        seen = self._of(person)
        if len({sign for one in seen for sign, _ in one.told}) < rule.threshold:
            return NOTHING
        for window in _windows(seen, rule.window_weeks, rule.indicators):
            counted = _counted(window, rule.indicators, len(window))
            kinds = {activity for _, activity in counted}
            origins = {one.origin_id for one, _ in counted}
            if len(kinds) >= rule.threshold and len(origins) >= rule.minimum_origins:
                return Finding(Reason((), _signs(counted)))
        return NOTHING

    def _vulnerable(self, rule: AdultRule, adult: str) -> Finding:
        counted = list(_told(self._of(adult), rule.needs))
        if len({one.origin_id for one, _ in counted}) < rule.minimum_origins:
            return NOTHING
        path = self._paths.exploitation(adult)
        return NOTHING if path is None else Finding(Reason(path, _signs(counted)))

    # --- places ------------------------------------------------------------------------------

    def _cuckooed(self, rule: CuckooedRule, child: str) -> Finding:
        found = self._paths.places(child)
        if found is None and rule.named_in_the_report:
            found = self._named_at(child)
        return _by(found)

    def _named_at(self, child: str) -> Path | None:
        """Return the tie that makes an address cuckooed by reports that name the child too."""
        naming: dict[TieKey, list[str]] = {}
        for one in self._picture.signs.of(child):
            for key in one.cuckooed:
                naming.setdefault(key, []).append(one.report_id)
        steps = (
            Step(subject, kind, target, tuple(sorted(reports)[:STEP_REPORTS_MAX]))
            for (subject, target, kind), reports in naming.items()
        )
        return min(((step,) for step in steps), key=order_of, default=None)

    def _missing(self, rule: MissingRule, child: str) -> Finding:
        away = [
            (one, activity)
            for one, activity in _told(self._of(child), (Activity.MISSING,))
            if self._is_seen_near(one, rule.window_weeks)
        ]
        return Finding(Reason((), _signs(away))) if away else NOTHING

    def _is_seen_near(self, one: Seen, weeks: int) -> bool:
        if one.district is None:
            return False
        around = range(one.week_number - weeks, one.week_number + weeks + 1)
        return any(self._picture.areas.is_seen((one.district, week)) for week in around)

    # --- time --------------------------------------------------------------------------------

    def _unanswered(self, rule: UnansweredRule, person: str) -> Finding:
        seen = self._of(person)
        starts = {one.report_id: (one, activity) for one, activity in _told(seen, rule.starts)}
        if not starts:
            return NOTHING
        verdict = unanswered.judge(
            _moments(seen, rule.starts),
            _moments(seen, rule.ends),
            rule.within,
            lambda due: due < self._at,
        )
        signs = _signs([starts[moment.reference] for moment in verdict.unanswered])
        again = min((moment.at + rule.within for moment in verdict.pending), default=None)
        return Finding(Reason((), signs) if signs else None, again)

    def _of(self, person: str) -> Sequence[Seen]:
        """Return what reports say of a person while a child, or while an adult, as it is now."""
        other = ChildAtEvent.NO if self.subject(person) is AlertSubject.CHILD else ChildAtEvent.YES
        return [one for one in self._picture.signs.of(person) if one.child is not other]


def _subject(standing: Standing | None) -> AlertSubject | None:
    if standing is None or standing.kind is not NodeKind.PERSON:
        return None
    return AlertSubject.CHILD if standing.is_child else AlertSubject.ADULT


def _by(path: Path | None) -> Finding:
    return NOTHING if path is None else Finding(Reason(path))


def _most_points(seen: Iterable[Seen], rule: SignsRule) -> int:
    """Return what the signs of all weeks together could come to."""
    weights = rule.weights
    return rule.adult_associate + sum(weights.get(sign, 0) for one in seen for sign, _ in one.told)


def _told(seen: Iterable[Seen], signs: Collection[Activity]) -> Iterator[tuple[Seen, Activity]]:
    """Yield the signs of these kinds, the earliest week first."""
    for one in sorted(seen, key=lambda one: (one.week, one.report_id)):
        for activity, _ in one.told:
            if activity in signs:
                yield one, activity


def _windows(
    seen: Iterable[Seen], weeks: int, signs: Collection[Activity]
) -> Iterator[Sequence[tuple[Seen, Activity]]]:
    """Yield what was told in each window that ends with a sign, the latest window first."""
    told = list(_told(seen, signs))
    for end in sorted({one.week_number for one, _ in told}, reverse=True):
        yield [(one, sign) for one, sign in told if end - weeks < one.week_number <= end]


def _counted(
    window: Iterable[tuple[Seen, Activity]], signs: Collection[Activity], most: int
) -> list[tuple[Seen, Activity]]:
    """Leave out what one origin says twice, and of one kind of sign what is beyond the most."""
    once: dict[tuple[str, Activity], Seen] = {}
    for one, activity in window:
        if activity in signs:
            once.setdefault((one.origin_id, activity), one)
    counts: Counter[Activity] = Counter()
    counted: list[tuple[Seen, Activity]] = []
    for (_, activity), one in once.items():
        counts[activity] += 1
        if counts[activity] <= most:
            counted.append((one, activity))
    return counted


def _signs(counted: Iterable[tuple[Seen, Activity]]) -> tuple[Sign, ...]:
    found = sorted(
        (Sign(activity, one.week, one.report_id) for one, activity in counted),
        key=lambda sign: (sign.week, sign.activity, sign.report_id),
    )
    return tuple(found[-SIGNS_MAX:])


def _moments(
    seen: Iterable[Seen], signs: Collection[Activity]
) -> Iterator[Moment[tuple[str, datetime]]]:
    for one in seen:
        heard = min((at for activity, at in one.told if activity in signs), default=None)
        if heard is not None:
            yield Moment((one.week, heard), heard, one.report_id)
