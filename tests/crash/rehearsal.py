"""A whole run without a broker and without faults: the real stages over the log in memory.

The checker must find nothing in it; whatever is then planted in it, it must find.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from anonymiser.gate.batch import ReleasePolicy
from anonymiser.keyring import new_keys
from deploy.pipeline import Pipeline
from deploy.population import example_population
from streams.codec import encode
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.restricted import ApprovalSubmitted, WithdrawalSubmitted
from streams.sealing import seal
from streams.topics import REGISTRY, submissions_of
from streams.values import WithdrawalReason
from tests.crash import ledger
from tests.crash.findings import Run
from tests.crash.reading import TOPICS, told
from tests.crash.story import Action, Flaw, Story, entries

if TYPE_CHECKING:
    from datetime import datetime

    from anonymiser.keyring import Keys
    from tests.crash.story import Step

_BATCH = 60


class Clock:
    """A broker's clock: a millisecond passes from one append to the next."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


async def rehearse(seed: int, steps: int, base: datetime) -> Run:
    """Play a story through, in batches, and return what there is to check."""
    story, keys = Story(seed, steps, base), new_keys()
    clock = Clock(base + timedelta(minutes=1))
    log = MemoryLog(clock)
    policy = ReleasePolicy(delay_seconds_max=1.0)
    async with Pipeline(log, keys, entries(base - timedelta(days=1)), policy=policy) as pipeline:
        await log.append([Outgoing(REGISTRY, encode(example_population("crash rig", base)))])
        known: dict[int, ledger.Entry] = {}
        for start in range(0, len(story.steps), _BATCH):
            batch = story.steps[start : start + _BATCH]
            places = await log.append([_outgoing(step, keys) for step in batch])
            for step, place in zip(batch, places, strict=True):
                at = place.appended_at.timestamp()
                known[step.number] = ledger.Entry(step.number, ledger.OK, at, at, place.offset)
            await pipeline.settle(_BATCH)
        await pipeline.release(clock() + timedelta(minutes=1))
    topics = {
        topic: [told(topic, r.offset, r.appended_at, r.key, r.value) for r in log.records(topic)]
        for topic in TOPICS
    }
    return Run(story=story, entries=known, topics=topics, audience_keys=keys.audience)


def _outgoing(step: Step, keys: Keys) -> Outgoing:
    return Outgoing(submissions_of(step.partner), submission(step, keys))


def submission(step: Step, keys: Keys) -> bytes:
    """Return what a partner's system puts on its topic for a step."""
    if step.action is Action.WITHDRAW:
        return encode(
            WithdrawalSubmitted(
                report_id=step.report_id, partner=step.partner, reason=WithdrawalReason.ERROR
            )
        )
    if step.action is Action.APPROVE:
        assert step.revision is not None
        return encode(
            ApprovalSubmitted(
                partner=step.partner, report_id=step.report_id, revision=step.revision
            )
        )
    assert step.report is not None
    sealed = encode(seal(step.report, keys.sealing[1].public()))
    return spoilt(sealed) if step.flaw is Flaw.SPOILT else sealed


def spoilt(sealed: bytes) -> bytes:
    """Return a submission of which one byte, the last of a sealed part, is another."""
    return sealed[:-2] + bytes([sealed[-2] ^ 1]) + sealed[-1:]
