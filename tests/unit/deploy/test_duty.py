"""What the duty officer sees, and what a flood of unreadable records must not hide."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

from deploy.cli.duty import _follow, _risks_so_far
from deploy.duty import group
from streams.codec import encode
from streams.memory import MemoryLog
from streams.parts import Reason
from streams.ports import Outgoing
from streams.restricted import RiskRaised
from streams.topics import DUTY

NINE = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)


def risk(offset, minutes=0, partner="loxley-housing", code=None, *, readable=True):
    return RiskRaised(
        partner=partner,
        offset=offset,
        report_id=UUID(int=offset) if readable else None,
        revision=1 if readable else None,
        readable=readable,
        reasons=(Reason(code=code),) if code else (),
        raised_at=NINE + timedelta(minutes=minutes),
    )


def test_every_readable_risk_stands_singly():
    entries = group([risk(1), risk(2), risk(3)])
    assert [(entry.report_id, entry.count) for entry in entries] == [
        (UUID(int=1), 1),
        (UUID(int=2), 1),
        (UUID(int=3), 1),
    ]


def test_unreadable_ones_share_a_line_per_partner_and_hour():
    flood = [risk(n, minutes=n, code="bad_frame", readable=False) for n in range(59)]
    later = [risk(99, minutes=61, code="truncated", readable=False)]
    other = [risk(1, minutes=5, partner="rivelin-fire", code="bad_frame", readable=False)]
    entries = group([*flood, *later, *other])
    assert [(entry.partner, entry.count, entry.reasons) for entry in entries] == [
        ("rivelin-fire", 1, ("bad_frame",)),
        ("loxley-housing", 59, ("bad_frame",)),
        ("loxley-housing", 1, ("truncated",)),
    ]
    assert entries[1].offsets == tuple(range(59))


def test_a_flood_never_swallows_a_readable_risk_and_the_newest_is_last():
    flood = [risk(n, minutes=10, code="bad_frame", readable=False) for n in range(50)]
    entries = group([*flood[:20], risk(77, minutes=11), *flood[20:]])
    assert [(entry.readable, entry.count) for entry in entries] == [(False, 50), (True, 1)]


def test_a_single_unreadable_record_keeps_what_is_known_of_it():
    (entry,) = group([risk(4, code="bad_frame", readable=False)])
    assert (entry.report_id, entry.count, entry.offsets) == (None, 1, (4,))


async def test_following_tells_each_readable_risk_and_of_a_flood_the_first_and_the_tenth(capsys):
    log = MemoryLog()
    flood = [risk(n, code="bad_frame", readable=False) for n in range(12)]
    await log.append([Outgoing(DUTY, encode(one)) for one in [*flood, risk(99)]])
    following = asyncio.create_task(_follow(log, (), 0, as_json=True))
    await asyncio.sleep(0.1)
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["readable"], line["count"]) for line in lines] == [
        (False, 1),
        (False, 10),
        (True, 1),
    ]


async def test_a_record_that_cannot_be_read_hides_no_risk(capsys):
    log = MemoryLog()
    values = [b"garbage", encode(risk(1)), None, encode(risk(2))]
    await log.append([Outgoing(DUTY, value) for value in values])

    risks, position = await _risks_so_far(log)

    assert [one.offset for one in risks] == [1, 2]
    assert position == len(values)
    assert f"{DUTY} at 0 is unreadable" in capsys.readouterr().err
