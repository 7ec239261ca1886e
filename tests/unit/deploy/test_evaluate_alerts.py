"""What is begun and not ended in time: the files of events against the rule's own words."""

from __future__ import annotations

import csv
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from deploy.cli import build_app
from deploy.evaluate.alerts import Event, ViolationRules, evaluate, read_events, read_rules
from streams.errors import InvalidInputError

RULES = {
    "violations": {
        "tamper": {"threshold_minutes": 2, "start": ["ON"], "end": ["OFF"]},
        "curfew": {
            "threshold_minutes": 10,
            "start": ["AWAY", "ABSENT"],
            "end": ["HOME"],
            "escalation_only": ["LATE"],
        },
    }
}


def at(text):
    minutes, _, seconds = text.partition(":")
    return datetime(2026, 11, 2, 9) + timedelta(minutes=int(minutes), seconds=float(seconds or 0))  # noqa: DTZ001 - as the sample has them


def judged(told, *, persons=("ann",), **options):
    """Judge events told as "minute:second name", each of ann or of the person before a comma."""
    events = []
    for one in told:
        *who, rest = one.split(",")
        when, name = rest.split()
        events.append(Event(who[0] if who else "ann", name, at(when)))
    found = evaluate(events, frozenset(persons), ViolationRules(**RULES), **options)
    return [(one.rule, one.person, one.at) for one in found.alerts], found.pending


def oracle(events, rules):
    """Every start, every end, one by one, in the words of the rule."""
    due, pending = set(), 0
    last = max(when for _, _, when in events)
    for name, rule in rules["violations"].items():
        threshold = timedelta(minutes=rule["threshold_minutes"])
        for person, started, when in events:
            if started not in rule["start"]:
                continue
            ended = False
            for other, what, then in events:
                if other == person and what in rule["end"] and when <= then <= when + threshold:
                    ended = True
            if not ended and when + threshold <= last:
                due.add((when + threshold, name, person))
            elif not ended:
                pending += 1
    return sorted(due), pending


# --- by hand --------------------------------------------------------------------------------


def test_a_start_without_an_end_is_due_when_the_time_has_run_out():
    assert judged(["0 ON", "30 HOME"]) == ([("tamper", "ann", at("2"))], 0)


def test_an_end_within_the_time_answers():
    assert judged(["0 ON", "1:59 OFF", "30 HOME"]) == ([], 0)


def test_an_end_exactly_at_the_threshold_is_in_time_and_one_just_after_it_is_not():
    assert judged(["0 ON", "2 OFF", "30 HOME"]) == ([], 0)
    assert judged(["0 ON", "2:0.0001 OFF", "30 HOME"]) == ([("tamper", "ann", at("2"))], 0)


def test_an_end_in_the_same_instant_answers_whatever_the_order_in_the_file():
    assert judged(["0 ON", "0 OFF", "30 HOME"]) == ([], 0)
    assert judged(["0 OFF", "0 ON", "30 HOME"]) == ([], 0)


def test_an_end_before_the_start_or_without_one_answers_nothing():
    assert judged(["0 OFF", "1 ON", "30 HOME"]) == ([("tamper", "ann", at("3"))], 0)
    assert judged(["0 OFF", "5 HOME"]) == ([], 0)


def test_an_end_of_another_violation_or_of_another_person_answers_nothing():
    assert judged(["0 ON", "1 HOME", "1:30 LATE", "30 HOME"])[0] == [("tamper", "ann", at("2"))]
    assert judged(["0 ON", "bea,1 OFF", "30 HOME"])[0] == [("tamper", "ann", at("2"))]


def test_what_only_escalates_neither_begins_nor_ends():
    assert judged(["0 LATE", "30 ON", "40 OFF"])[0] == [("tamper", "ann", at("32"))]
    assert judged(["0 AWAY", "5 LATE", "30 OFF"])[0] == [("curfew", "ann", at("10"))]


def test_any_start_and_any_end_of_a_violation_belong_together():
    assert judged(["0 AWAY", "3 ABSENT", "8 HOME", "40 OFF"]) == ([], 0)


def test_each_start_is_judged_and_one_end_answers_those_before_it():
    again = ["0 ON", "1 ON", "2:30 OFF", "30 HOME"]
    assert judged(again) == ([("tamper", "ann", at("2"))], 0)
    never = ["0 ON", "1 ON", "30 HOME"]
    assert judged(never)[0] == [("tamper", "ann", at("2")), ("tamper", "ann", at("3"))]


def test_read_as_continuing_starts_without_an_end_between_are_one_violation():
    never = ["0 ON", "1 ON", "20 ON", "30 HOME"]
    assert judged(never, continuing=True) == ([("tamper", "ann", at("2"))], 0)
    two = ["0 ON", "5 OFF", "6 ON", "30 HOME"]
    both = [("tamper", "ann", at("2")), ("tamper", "ann", at("8"))]
    assert judged(two, continuing=True)[0] == judged(two)[0] == both


def test_two_starts_of_one_violation_in_one_instant_are_one_notification():
    assert judged(["0 AWAY", "0 ABSENT", "30 OFF"]) == ([("curfew", "ann", at("10"))], 0)


def test_what_has_not_run_out_at_the_last_event_is_pending():
    assert judged(["0 AWAY", "9:59 OFF"]) == ([], 1)
    assert judged(["0 AWAY", "10 OFF"]) == ([("curfew", "ann", at("10"))], 0)
    assert judged(["0 AWAY", "5 HOME"]) == ([], 0)


def test_persons_and_names_that_nobody_knows_are_counted_and_persons_are_judged():
    rules = ViolationRules(**RULES)
    events = [Event("zoe", "ON", at("0")), Event("ann", "BUZZ", at("30"))]
    found = evaluate(events, frozenset({"ann"}), rules)
    assert (found.unknown_names, found.unknown_persons) == (1, 1)
    assert [one.person for one in found.alerts] == ["zoe"]


def test_no_events_are_no_alerts():
    assert evaluate([], frozenset(), ViolationRules(**RULES)).as_dict() == {
        "alerts": [],
        "pending": 0,
    }


# --- against the words of the rule -------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_random_events_in_any_order_agree_with_the_words_of_the_rule(seed):
    dice = random.Random(seed)
    names = ["ON", "OFF", "AWAY", "ABSENT", "HOME", "LATE", "BUZZ"]
    told = [
        (dice.choice("abc"), dice.choice(names), at(str(dice.randrange(25))))
        for _ in range(dice.randrange(1, 60))
    ]
    found = evaluate([Event(*one) for one in told], frozenset("abc"), ViolationRules(**RULES))
    expected, pending = oracle(told, RULES)
    assert [(one.at, one.rule, one.person) for one in found.alerts] == expected
    assert found.pending == pending


def test_the_published_sample_agrees_with_the_words_of_the_rule(shared_data, tmp_path):
    folder = shared_data / "events" / "monitoring_sample"
    with (folder / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rules = json.loads((folder / "rules.json").read_text())
    told = [
        (row["person_id"], row["event_name"], datetime.fromisoformat(row["timestamp"]))
        for row in rows
    ]
    expected, pending = oracle(told, rules)
    answer = json.loads(ask(folder / "events.csv", folder / "persons.csv", folder / "rules.json"))
    assert answer == {
        "alerts": [
            {"rule": rule, "person": person, "at": when.isoformat()}
            for when, rule, person in expected
        ],
        "pending": pending,
    }
    assert (len(answer["alerts"]), answer["pending"]) == (316, 2)
    random.Random(1).shuffle(rows)
    with (tmp_path / "shuffled.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    shuffled = ask(tmp_path / "shuffled.csv", folder / "persons.csv", folder / "rules.json")
    assert json.loads(shuffled) == answer


def ask(events, persons, rules):
    told = CliRunner().invoke(
        build_app(),
        ["evaluate", "alerts", str(events), str(persons), str(rules), "--json"],
        catch_exceptions=False,
    )
    assert told.exit_code == 0
    return told.stdout


# --- files that do not hold --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "line 1: one column is called person_id"),
        ("person_id,event_name\nann,ON\n", "line 1: one column is called timestamp"),
        (
            "person_id,event_name,timestamp,timestamp\nann,ON,1,2\n",
            "line 1: one column is called timestamp; there are 2",
        ),
        ("person_id,event_name,timestamp\nann,ON,2026-11-02\n", "line 2, timestamp"),
        ("person_id,event_name,timestamp\nann,ON,yesterday\n", "line 2, timestamp"),
        ("person_id,event_name,timestamp\n\n,ON,2026-11-02T09:00\n", "line 3, person_id"),
        ("person_id,event_name,timestamp\nann,ON\n", "line 2, timestamp: the field is empty"),
        ("person_id,event_name,timestamp\nann,ON,2026-11-02T09:00,4\n", "line 2: more fields"),
        (
            "person_id,event_name,timestamp\na,ON,2026-11-02T09:00\na,OFF,2026-11-02T09:01Z\n",
            "line 3, timestamp: some name a time zone",
        ),
        ('person_id,event_name,timestamp\n"ann"x,ON,2026-11-02T09:00\n', "no CSV"),
    ],
)
def test_a_row_that_does_not_hold_is_told_by_line_and_field(tmp_path, text, where):
    path = tmp_path / "events.csv"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=where) as raised:
        read_events(path)
    assert "yesterday" not in str(raised.value)


def test_an_instant_after_which_no_threshold_can_run_out_is_none(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("person_id,event_name,timestamp\nann,BEGIN,9999-12-31T23:59:59\n")
    with pytest.raises(InvalidInputError, match="line 2, timestamp: no instant"):
        read_events(path)


def test_bytes_that_are_no_text_are_told(tmp_path):
    path = tmp_path / "events.csv"
    path.write_bytes(b"person_id,event_name,timestamp\n\xff,ON,2026-11-02T09:00\n")
    with pytest.raises(InvalidInputError, match="UTF-8"):
        read_events(path)


def test_instants_with_a_zone_are_compared_as_instants(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(
        "person_id,event_name,timestamp\n"
        "ann,ON,2026-11-02T09:00:00.1813+01:00\nann,HOME,2026-11-02T08:30Z\n"
    )
    found = evaluate(read_events(path), frozenset({"ann"}), ViolationRules(**RULES))
    assert found.alerts[0].at.astimezone(UTC) == datetime(2026, 11, 2, 8, 2, 0, 181300, UTC)


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"threshold_minutes": 0}, r"violations\.tamper\.threshold_minutes"),
        ({"threshold_minutes": "soon"}, r"violations\.tamper\.threshold_minutes"),
        ({"start": []}, r"violations\.tamper\.start"),
        ({"end": ["ON"]}, r"violations\.tamper: no event stands in two"),
        ({"colour": "red"}, r"violations\.tamper\.colour: there is no such field"),
    ],
)
def test_a_rule_that_does_not_hold_is_told_by_its_place(tmp_path, changed, where):
    path = tmp_path / "rules.json"
    tamper = {**RULES["violations"]["tamper"], **changed}
    path.write_text(json.dumps({"violations": {"tamper": tamper}}))
    with pytest.raises(InvalidInputError, match=where):
        read_rules(path)


def test_a_rule_that_stands_there_twice_is_told(tmp_path):
    path = tmp_path / "rules.json"
    one = json.dumps(RULES["violations"]["tamper"])
    path.write_text(f'{{"violations": {{"tamper": {one}, "tamper": {one}}}}}')
    with pytest.raises(InvalidInputError, match="twice"):
        read_rules(path)
