"""A hub in words, for tests of the rules: what is reported at which hour, and who is alerted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from consumers.safeguarding.engine import Judge
from consumers.safeguarding.picture import Picture
from consumers.safeguarding.rules import parse, standard
from streams.parts import CodedFact
from streams.values import FourP, Role, Theme
from tests.invented_evidence import YES, Told, an_id

NAMES = ("ada", "bob", "cyd", "dee", "eli", "kim", "kit", "lou", "mum", "ray", "sib")
BEGINNING = datetime(2026, 11, 2, 9, tzinfo=UTC)


def at(hours):
    return BEGINNING + timedelta(hours=hours)


def telling(told, *signs):
    """The report of a `Told` with these coded signs in place of its own."""
    facts = tuple(
        CodedFact(theme=Theme.OTHER, activity=sign, four_p=FourP.PROTECT) for sign in signs
    )
    return replace(told.safeguarding(), facts=facts)


def signs(name, child, *said, child_then=YES, role=Role.OTHER, **facts):
    """A report that says these signs of one person."""
    return telling(Told(name, **facts).person(child, child=child_then, role=role), *said)


def rules_with(**changed):
    """The standard rules with some fields of some rules changed: EARLY_SIGNS={"threshold": 9}."""
    plain = standard().model_dump(mode="json")
    for rule in plain["rules"]:
        rule.update(changed.get(rule["id"], {}))
    return parse(json.dumps({**plain, "version": changed.get("version", 2)}))


class Hub:
    """Picture and judge, told events at hours of the log."""

    def __init__(self, rules=None):
        self.picture = Picture()
        self.judge = Judge(rules or standard())
        self.told = []
        self.names = {str(an_id(name)): name for name in NAMES}
        self._offset = 0
        self._hour = 0.0

    def hear(self, *events, hour=None):
        """Tell events, a minute apart from `hour` on, or from the last one on."""
        self._hour = self._hour if hour is None else hour
        for event in events:
            when = at(self._hour)
            self.told += self.judge.before(self.picture, when)
            change = self.picture.apply(event, self._offset, when)
            self.told += self.judge.after(self.picture, change, when)
            self._offset += 1
            self._hour += 1 / 60
        return self

    def wait(self, hour):
        self.told += self.judge.before(self.picture, at(hour))
        self._hour = hour
        return self

    def alerted(self, rule_id):
        """Names of whom a rule alerts for, with support."""
        return {
            self.names.get(alert.child_id, alert.child_id)
            for alert in self.judge.alerts.values()
            if alert.rule_id == rule_id and alert.supported
        }

    def alert(self, rule_id, name):
        return self.judge.alerts[rule_id, str(an_id(name))]
