"""One run: a town told to the real stages, batch by batch, and what they had to say."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from anonymiser.keyring import new_keys
from deploy.demo.findings import Resolved
from deploy.evaluate.town.passing import PassingLog, RunningClock
from deploy.pipeline import Pipeline
from producers.town.reports import Step
from streams.codec import decode, encode
from streams.ports import Outgoing
from streams.restricted import LinkReviewed, WithdrawalSubmitted
from streams.shared import AlertRaised, AlertUpdated
from streams.topics import ALERTS, REGISTRY, RESOLUTIONS, REVIEW_COMMANDS
from streams.values import LinkVerdict, NodeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from anonymiser.keyring import Keys
    from producers.town.reports import Submission
    from producers.town.town import Town
    from streams.restricted import Report
    from streams.shared import PartnerOnboarded

    Progress = Callable[[int, int], None]

_ADMINISTRATOR: Final = "evaluation"
_REVIEWER: Final = "evaluation's reviewer"
#: The run begins so many days after the town was seen: everything is written by then.
_DAYS_AFTER: Final = 14
_KEPT: Final = frozenset({REGISTRY})


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert as it was published, and when."""

    event: AlertRaised
    at: datetime


@dataclass(slots=True)
class Run:
    """A town on its way through every stage; `sent_at` runs beside its submissions."""

    town: Town
    keys: Keys
    log: PassingLog
    pipeline: Pipeline
    clock: RunningClock
    resolved: Resolved = field(default_factory=Resolved)
    raised: list[Raised] = field(default_factory=list)
    sent_at: list[datetime] = field(default_factory=list)

    async def tell(self, batch: int, progress: Progress) -> None:
        """Send everything in its order, so many at a time; a batch is through before the next."""
        steps = self.town.submissions
        for start in range(0, len(steps), batch):
            some = steps[start : start + batch]
            self.sent_at += [self.clock()] * len(some)
            await self.pipeline.send(event_of(one) for one in some if one.step is not Step.STOPPED)
            await self.settle()
            progress(min(start + batch, len(steps)), len(steps))

    async def review(self, left: UUID, right: UUID, verdict: LinkVerdict) -> None:
        """Let a reviewer say whether two enclave ids are one person."""
        said = LinkReviewed(
            kind=NodeKind.PERSON,
            left_id=left,
            right_id=right,
            verdict=verdict,
            decided_by=_REVIEWER,
            decided_at=self.clock().replace(microsecond=0),
        )
        await self.log.append([Outgoing(REVIEW_COMMANDS, encode(said))])
        await self.settle()

    async def settle(self) -> None:
        """Let every stage finish, note what came out, and forget what was read."""
        await self.pipeline.settle()
        for record in self.log.records(RESOLUTIONS):  # only the news: the rest is forgotten
            self.resolved.apply(record)
        for record in self.log.records(ALERTS):
            event = decode(record.value or b"", AlertRaised, AlertUpdated)
            if isinstance(event, AlertRaised):
                self.raised.append(Raised(event, record.appended_at))
        self.log.let_go(_KEPT)

    def ids_of(self, number: int) -> set[UUID]:
        """Return the enclave ids that one of the town's people has now."""
        found = (self.resolved.entity(key) for key in self._mentions(number))
        return {one for one in found if one is not None}

    def _mentions(self, number: int) -> Iterator[tuple[str, UUID, int, int]]:
        for step in self.town.submissions:
            labels = {label for label, one in step.who if one == number}
            for node, one in enumerate(step.report.nodes):
                if one.label in labels:
                    yield step.partner, step.report.report_id, step.report.revision, node


async def start(town: Town) -> Run:
    """Onboard the town's partners and start every stage, all in this process."""
    keys = new_keys()
    begins = datetime.combine(town.as_of + timedelta(days=_DAYS_AFTER), time(9), UTC)
    clock = RunningClock(begins)
    log = PassingLog(clock)
    pipeline = Pipeline(log, keys, list(_entries(town, begins)))
    await pipeline.start()
    return Run(town, keys, log, pipeline, clock)


def event_of(step: Submission) -> Report | WithdrawalSubmitted:
    """Return what a partner sends."""
    if step.step is Step.WITHDRAWAL and step.reason is not None:
        return WithdrawalSubmitted(
            report_id=step.report.report_id, partner=step.partner, reason=step.reason
        )
    return step.report


def _entries(town: Town, now: datetime) -> Iterator[PartnerOnboarded]:
    for body in town.bodies:
        ends = now + timedelta(days=-1 if body.lapsed else 365)
        yield body.entry(now, ends, by=_ADMINISTRATOR)
