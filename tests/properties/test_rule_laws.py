"""Laws of the rules: what is judged around each event is what judging everybody gives."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from consumers.safeguarding import Safeguarding
from consumers.safeguarding.engine import Judge
from consumers.safeguarding.picture import Picture
from consumers.safeguarding.rules import standard
from consumers.store import ProjectionStore
from streams.codec import encode
from streams.hub import RulesAdopted
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.taxonomy import RelationKind
from streams.topics import SAFEGUARDING
from streams.values import Activity, ChildAtEvent, Role
from tests.hub_rules import BEGINNING, Hub, rules_with, signs, telling
from tests.invented_evidence import (
    DECIDED_AT,
    Desk,
    History,
    Told,
    grade,
    key,
    relayed,
)

SIGNS = [one for one in Activity if one is not Activity.NONE]
LOOSE = {
    "EARLY_SIGNS": {"threshold": 4, "window_weeks": 20, "examples": []},
    "MODERN_SLAVERY": {"threshold": 2, "window_weeks": 40, "examples": []},
    "MISSING_IN_AREA": {"window_weeks": 3, "examples": []},
    "UNANSWERED": {"hours": 30, "examples": []},
}


def history(seed, events, people=14):
    """A random history full of signs, with nominals; an hour or a day between two events."""
    dice = random.Random(seed)
    hour = 0.0
    told = History(seed, people=people)
    for step in told.run(events):
        hour += dice.choice((0.5, 2, 9))
        if dice.random() < 0.1:
            name = f"person {dice.randrange(people)}"
            yield hour, relayed(name, is_nominal=dice.random() < 0.7)
        if isinstance(step, Told):
            if dice.random() < 0.3:
                step.tie(f"person {dice.randrange(people)}", RelationKind.CUCKOOED_AT, "flat 1")
            step = telling(step, *dice.sample(SIGNS, dice.randrange(5)))  # noqa: PLW2901 - as sent
        yield hour, step


def supported(judge):
    return {
        name: (alert.path, alert.signs, alert.about)
        for name, alert in judge.alerts.items()
        if alert.supported
    }


@pytest.mark.parametrize("seed", range(4))
def test_judging_around_each_event_is_judging_everybody(seed):
    rules = rules_with(**LOOSE)
    hub = Hub(rules)
    kinds = set()
    for hour, event in history(seed, 130):
        hub.hear(event, hour=hour)
        fresh, judge = Picture(hub.picture.fold), Judge(rules)
        fresh.load(hub.picture.signs.told)
        judge.adopt(rules, fresh, BEGINNING + timedelta(hours=hour))
        assert supported(hub.judge) == supported(judge)
        assert hub.judge.pending() == judge.pending()
        kinds |= {name for name, _ in supported(hub.judge)}
    assert len(kinds) >= 8  # the history reaches nearly every rule


@pytest.mark.parametrize("seed", range(3))
async def test_a_restart_at_any_place_gives_the_state_of_reading_through(seed):
    hours = [0.0]
    log = MemoryLog(lambda: BEGINNING + timedelta(hours=hours[0]))
    for place, (hour, event) in enumerate(history(seed + 50, 120)):
        hours[0] = hour
        await log.append([Outgoing(SAFEGUARDING, encode(event))])
        if place == 60:
            rules = rules_with(**LOOSE)
            adopted = RulesAdopted(
                version=rules.version,
                document=rules.document,
                reviewed_by="Rae Reviewer",
                decided_by="Hal Lead",
                decided_at=DECIDED_AT,
            )
            await log.append([Outgoing(SAFEGUARDING, encode(adopted))])
    whole = Desk(Safeguarding(), log)
    await whole.read()
    store = ProjectionStore.in_memory(Safeguarding())
    for _ in range(6):
        part = Desk(Safeguarding(), MemoryLog(), store)
        part.runner = type(part.runner)(part.projection, store, log)
        await part.runner.start()
        await part.runner.turn(timedelta(0), limit=random.Random(seed).randrange(15, 25))
    rest = Desk(Safeguarding(), MemoryLog(), store)
    rest.runner = type(rest.runner)(rest.projection, store, log)
    await rest.read()
    assert rest.table_hashes() == whole.table_hashes()
    assert len(whole.rows(Safeguarding.tables[0])) > 0


@pytest.mark.parametrize("seed", range(2))
def test_no_two_alerts_share_an_id_and_versions_are_dense(seed):
    hub = Hub(rules_with(**LOOSE))
    versions = {}
    for hour, event in history(seed + 90, 200, people=6):
        before = len(hub.told)
        hub.hear(event, hour=hour)
        for alert in hub.told[before:]:
            assert alert.version == versions.get(alert.alert_id, 0) + 1
            versions[alert.alert_id] = alert.version
        ids = [one.alert_id for one in hub.judge.alerts.values()]
        assert len(ids) == len(set(ids))


def test_two_judges_of_one_picture_say_what_each_says_alone():
    loose = rules_with(**LOOSE)
    picture, both = Picture(), (Judge(standard()), Judge(loose))
    alone = (Hub(standard()), Hub(loose))
    for offset, (hour, event) in enumerate(history(7, 150)):
        when = BEGINNING + timedelta(hours=hour)
        for judge in both:
            judge.before(picture, when)
        change = picture.apply(event, offset, when)
        for judge in both:
            judge.after(picture, change, when)
        for hub in alone:
            hub.hear(event, hour=hour)
    for judge, hub in zip(both, alone, strict=True):
        assert judge.alerts == hub.judge.alerts
    assert both[0].alerts != both[1].alerts


# --- early signs against the words of the rule -------------------------------------------------


@pytest.mark.parametrize("seed", range(25))
def test_early_signs_agree_with_the_words_of_the_rule(seed):
    dice = random.Random(seed)
    rule = standard().rule("EARLY_SIGNS")
    chosen = [*rule.weights, Activity.CONCERN, Activity.SUPPLY]
    reports = [
        (
            f"R{number}",
            f"2026-W{dice.randrange(10, 40)}",
            f"origin {dice.randrange(4)}",
            dice.sample(chosen, dice.randrange(1, 3)),
            dice.choice((Role.OTHER, Role.OTHER, Role.VICTIM, Role.WITNESS)),
            dice.choice((ChildAtEvent.YES, ChildAtEvent.YES, ChildAtEvent.UNKNOWN)),
            dice.choice(("B", "B", "B", "E")),
        )
        for number in range(dice.randrange(1, 12))
    ]
    hub = Hub()
    hub.hear(signs("first", "kit", Activity.CONCERN, week="2026-W01"))
    for name, week, origin, said, role, child, letter in reports:
        hub.hear(
            signs(
                name,
                "kit",
                *said,
                week=week,
                origin=origin,
                role=role,
                child_then=child,
                grading=grade(letter),
            )
        )
    assert (hub.alerted("EARLY_SIGNS") == {"kit"}) == by_the_words(reports, rule)


def by_the_words(reports, rule):
    """Every window of so many weeks, every sign in it; nothing of the engine is used."""
    counted = [
        (int(week[-2:]), origin, sign)
        for _, week, origin, said, role, _, letter in reports
        if role is not Role.WITNESS and letter != "E"
        for sign in said
        if sign in rule.weights
    ]
    for last in range(1, 54):
        window = {
            (origin, sign)
            for week, origin, sign in counted
            if last - rule.window_weeks < week <= last
        }
        points, origins = 0, set()
        for sign, weight in rule.weights.items():
            saying = [origin for origin, one in window if one is sign]
            points += weight * min(len(saying), rule.most_of_one_sign)
        origins = {origin for origin, _ in window}
        if points >= rule.threshold and len(origins) >= rule.minimum_origins:
            return True
    return False


def test_the_order_in_which_reports_come_does_not_matter():
    events = [
        signs("S1", "kit", Activity.EXCLUSION, week="2026-W36"),
        signs("S2", "kit", Activity.INJURY, week="2026-W38"),
        signs("S3", "kit", Activity.MISSING, week="2026-W40"),
        Told("N1").tie("ada", RelationKind.CO_OFFENDER, "bob", "cyd").suspect("ada").safeguarding(),
        relayed("bob"),
    ]
    found = []
    for seed in range(12):
        shuffled = random.Random(seed).sample(events, len(events))
        hub = Hub()
        hub.hear(*shuffled)
        found.append(supported(hub.judge))
    assert all(one == found[0] for one in found)
    assert {name for name, _ in found[0]} == {"EARLY_SIGNS", "MISSING_IN_AREA"}
    assert key("kit") in {person for _, person in found[0]}


def test_a_report_told_again_changes_nothing():
    hub = Hub(rules_with(**LOOSE))
    told = list(history(3, 80))
    for hour, event in told:
        hub.hear(event, hour=hour)
    before = dict(hub.judge.alerts)
    reports = [event for _, event in told if hasattr(event, "revision") and hasattr(event, "nodes")]
    hub.hear(*(replace(one) for one in reports[-20:]), hour=told[-1][0])
    after = hub.judge.alerts
    assert {n: (a.supported, a.path, a.signs) for n, a in after.items()} == {
        n: (a.supported, a.path, a.signs) for n, a in before.items()
    }
