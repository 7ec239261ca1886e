"""What the threshold laboratory tells: counts of a comparison, the small ones withheld."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from consumers.safeguarding.lab import Moved, load_of
from consumers.safeguarding.suppression import FEW, SMALLEST_SHOWN, Sum, suppressed
from streams.codes import CloseReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, timedelta

    from consumers.safeguarding.alerts import Alert
    from consumers.safeguarding.lab import Comparison
    from consumers.safeguarding.lifecycle import Life, Lives
    from consumers.safeguarding.suppression import Shown

_CHANGES: Final = ("gained", "lost", "earlier", "later", "same")
_HIGH_NEED: Final = 3


class Reviewed(StrEnum):
    """What people made of an alert, the weightiest first; each alert counts once."""

    ACCEPTED = "referral accepted"
    DECLINED = "referral declined"
    HIGH_NEED = "assessed at level 3 or 4"
    LOW_NEED = "assessed at level 1 or 2"
    MISTAKEN = "closed as mistaken"
    CLOSED = "closed for another reason"
    NOT_REVIEWED = "not reviewed"


def reviewed_as(lives: Iterable[Life]) -> Reviewed:
    """Return the weightiest of what people made of one or several alerts of a person."""
    found = {_of(life) for life in lives}
    return next((one for one in Reviewed if one in found), Reviewed.NOT_REVIEWED)


def _of(life: Life) -> Reviewed:
    if life.was_accepted:
        return Reviewed.ACCEPTED
    if any(one.accepted is False for one in life.referrals):
        return Reviewed.DECLINED
    if life.close_reason is CloseReason.MISTAKEN:
        return Reviewed.MISTAKEN
    if life.level is not None:
        return Reviewed.HIGH_NEED if life.level >= _HIGH_NEED else Reviewed.LOW_NEED
    return Reviewed.NOT_REVIEWED if life.close_reason is None else Reviewed.CLOSED


def report_of(comparison: Comparison, lives: Lives, capacity: int | None) -> dict[str, Any]:
    """Return the comparison as plain values, fit to be shown.

    What people made of a lost alert is its own outcome; of a gained one, which nobody ever saw,
    that of the person's other alerts.
    """
    changes = {name: _by_rule(getattr(comparison, name)) for name in _CHANGES}
    outcomes = {name: _outcomes(getattr(comparison, name), comparison, lives) for name in _SEEN}
    rules = sorted({rule for by_rule in changes.values() for rule in by_rule})
    counts, sums = _table(changes, rules)
    _add_outcomes(counts, sums, outcomes)
    _add_people(counts, sums, comparison)
    shown = suppressed(counts, sums)
    return {
        "alerts": _row(shown, "all"),
        "people": {name: shown[f"people {name}"] for name in _PEOPLE},
        "rules": {rule: _row(shown, rule) for rule in rules},
        "shift_days": {
            name: _shift(getattr(comparison, name), shown[f"all {name}"])
            for name in ("earlier", "later")
        },
        "load": _loads(comparison, capacity),
        "outcomes": {
            name: {one.value: shown[f"{name} {one.value}"] for one in Reviewed} for name in _SEEN
        },
        "suppressed_below": SMALLEST_SHOWN,
    }


_SEEN: Final = ("lost", "gained")
_PEOPLE: Final = ("adopted", "trial", "gained", "lost", "both")


def _by_rule(found: Iterable[Alert | Moved]) -> Counter[str]:
    return Counter(_alert(one).rule_id for one in found)


def _alert(one: Alert | Moved) -> Alert:
    return one.adopted if isinstance(one, Moved) else one


def _table(
    changes: Mapping[str, Counter[str]], rules: Sequence[str]
) -> tuple[dict[str, int], list[Sum]]:
    """Return a count for each rule and change, with what each row and each column sums up to."""
    counts: dict[str, int] = {}
    sums: list[Sum] = []
    for rule in rules:
        counts |= {f"{rule} {name}": changes[name][rule] for name in _CHANGES}
    counts |= {f"all {name}": changes[name].total() for name in _CHANGES}
    sums += [
        Sum(f"all {name}", tuple(f"{rule} {name}" for rule in rules)) for name in _CHANGES if rules
    ]
    for row in (*rules, "all"):
        for side, own in (("adopted", "lost"), ("trial", "gained")):
            parts = tuple(f"{row} {name}" for name in (own, "earlier", "later", "same"))
            counts[f"{row} {side}"] = sum(counts[part] for part in parts)
            sums.append(Sum(f"{row} {side}", parts))
    return counts, sums


def _row(shown: Mapping[str, Shown], row: str) -> dict[str, Shown]:
    return {name: shown[f"{row} {name}"] for name in ("adopted", "trial", *_CHANGES)}


def _outcomes(alerts: Sequence[Alert], comparison: Comparison, lives: Lives) -> Counter[Reviewed]:
    of_person: defaultdict[str, list[Life]] = defaultdict(list)
    told = (*comparison.lost, *comparison.same)
    for one in (*told, *map(_alert, (*comparison.earlier, *comparison.later))):
        of_person[one.child_id].append(lives.life(one.alert_id))
    if alerts is comparison.lost:
        return Counter(reviewed_as([lives.life(one.alert_id)]) for one in alerts)
    return Counter(reviewed_as(of_person.get(one.child_id, ())) for one in alerts)


def _add_outcomes(
    counts: dict[str, int], sums: list[Sum], outcomes: Mapping[str, Counter[Reviewed]]
) -> None:
    for name, found in outcomes.items():
        counts |= {f"{name} {one.value}": found[one] for one in Reviewed}
        sums.append(Sum(f"all {name}", tuple(f"{name} {one.value}" for one in Reviewed)))


def _add_people(counts: dict[str, int], sums: list[Sum], comparison: Comparison) -> None:
    adopted, trial = comparison.people_adopted, comparison.people_trial
    counts |= {
        "people adopted": len(adopted),
        "people trial": len(trial),
        "people gained": len(trial - adopted),
        "people lost": len(adopted - trial),
        "people both": len(adopted & trial),
    }
    sums.append(Sum("people adopted", ("people lost", "people both")))
    sums.append(Sum("people trial", ("people gained", "people both")))


def _shift(moved: Sequence[Moved], shown: Shown) -> dict[str, float] | None:
    """Return by how many days, in the middle and of nine in ten; nothing of few."""
    if not isinstance(shown, int) or not shown:
        return None
    days = sorted(abs(_days(one.by)) for one in moved)
    return {
        "p50": round(days[len(days) // 2], 1),
        "p90": round(days[min(len(days) - 1, int(0.9 * len(days)))], 1),
    }


def _days(by: timedelta) -> float:
    return by.total_seconds() / 86_400


def _loads(comparison: Comparison, capacity: int | None) -> dict[str, Any]:
    sides = {"adopted": comparison.adopted_load, "trial": comparison.trial_load}
    told = {name: _load(by_day, comparison, capacity) for name, by_day in sides.items()}
    return {"capacity": capacity, **told}


def _load(
    by_day: Mapping[date, int], comparison: Comparison, capacity: int | None
) -> dict[str, Any]:
    """Return the load a day; a day of few alerts is told as one of few, and is not named."""
    load = asdict(load_of(by_day, comparison.window, capacity))
    few = {name for name in ("worst", "p50", "p95") if 0 < load[name] < SMALLEST_SHOWN}
    if "worst" in few:
        load["worst_day"] = None
    return load | dict.fromkeys(few, FEW)
