from __future__ import annotations

import random
from datetime import UTC, datetime
from uuid import UUID

import pytest

from anonymiser import keyring
from anonymiser.gate.audience import AudienceIds
from anonymiser.usage import SHARED_MIN, UsageTeller, band
from streams.values import Audience, CountBand

AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
KEYS = keyring.new_keys(random.Random(4).randbytes)
REPORTS = [UUID(int=number) for number in range(1, 201)]
POLICE = AudienceIds(Audience.POLICE, KEYS.audience)
HUB = AudienceIds(Audience.SAFEGUARDING, KEYS.audience)


def told(shared, used, week="2026-W40", ids=POLICE):
    teller = UsageTeller(KEYS, {ids.report("loxley-council", one) for one in REPORTS[:used]})
    return teller.tell("loxley-council", week, REPORTS[:shared], AT)


def test_many_used_reports_are_told_in_bands_for_either_audience():
    for ids in (POLICE, HUB):
        event = told(150, 60, ids=ids)
        assert (event.shared, event.used) == (CountBand.FROM_100, CountBand.FROM_20)


def test_of_few_reports_nothing_is_said_of_use_and_of_none_nothing_at_all():
    assert told(SHARED_MIN - 1, SHARED_MIN - 1).used is None
    assert told(0, 0) is None


def test_another_partners_report_of_the_same_id_is_another_report():
    teller = UsageTeller(KEYS, {POLICE.report("porter-housing", one) for one in REPORTS})
    assert teller.tell("loxley-council", "2026-W40", REPORTS, AT).used is CountBand.BELOW_5


def test_one_report_more_seldom_shows():
    """An asker that knows of four used reports learns of a fifth in one week of five at most."""
    weeks = [f"20{year}-W{number:02}" for year in range(20, 40) for number in range(1, 53)]
    shows = sum(told(100, 4, week).used is not told(100, 5, week).used for week in weeks)
    assert 0.1 < shows / len(weeks) < 0.3


def test_asked_again_the_answer_is_the_same():
    assert {told(100, 4).used for _ in range(20)} == {told(100, 4).used}


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, CountBand.BELOW_5),
        (4, CountBand.BELOW_5),
        (5, CountBand.FROM_5),
        (19, CountBand.FROM_5),
        (20, CountBand.FROM_20),
        (100, CountBand.FROM_100),
    ],
)
def test_bands_begin_where_they_say(count, expected):
    assert band(count) is expected
