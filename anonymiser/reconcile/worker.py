"""The reconciler's process: what waits too long is alarmed, and what was lost is done once more.

A submission counts as late once this process has seen it wait for the whole bound; no other
clock is asked, so one that is hours off raises no alarm and hides none. A late one is looked into
before anything is said: a stage that has not come so far yet is *behind* (told once for the oldest
of each partner, and nothing is done: it will come to it); if every stage is past it and its
partner has no receipt it is *lost*, told for each, and processed once more.

It has no key and opens nothing. It alone decides nothing: doing a submission once more is harmless
(`anonymiser.intake.redrive`).
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from anonymiser.reconcile.outcomes import Outcomes, Waiting
from streams.codec import decode, encode
from streams.errors import DecodeError, MissingTopicError
from streams.evidence import evidence
from streams.lookup import first_from, record_at
from streams.loop import BATCH_LIMIT, IDLE_WAIT, read_to_end
from streams.ports import Outgoing
from streams.registry_worker import RegistryFollower
from streams.restricted import (
    ON_SUBMISSIONS,
    ApprovalSubmitted,
    MessageSubmitted,
    OutcomeFound,
    OutcomeMissing,
    RedriveRequested,
    ReportSubmitted,
    WithdrawalSubmitted,
)
from streams.topics import (
    ALARMS,
    OPERATIONS,
    OUTGOING,
    REDRIVES,
    TOKENISED,
    feedback_of,
    submissions_of,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from anonymiser.reconcile.store import ReconcilerStore
    from streams.ports import Log, Positions, Record

NAME: Final = "reconciler"
#: As the lanes of intake commit (`anonymiser.intake.worker.lane`, which loads Faust).
INTAKE_GROUP: Final = "rivelin-intake"
#: The stages behind intake, each with the topic that it reads.
_STAGES: Final = (("linker", TOKENISED), ("gate", OUTGOING))
_INTAKE: Final = "anonymiser"
_NOWHERE: Final = "none"
#: So many submissions are told of, and processed once more, in one look.
AT_ONCE_MAX: Final = 100
LOOK_SECONDS: Final = 2.0
_LOOKS_A_BOUND: Final = 4
_ABSENT_SECONDS: Final = 30.0
_LOG: Final = logging.getLogger("rivelin.reconciler")

Told: TypeAlias = OutcomeMissing | OutcomeFound | RedriveRequested
Place: TypeAlias = tuple[str, int]


class Committed(Protocol):
    """Tells how far a group has committed (`streams.kafka.group_positions`)."""

    async def __call__(self, group: str, topics: Sequence[str]) -> Positions:
        """Return the committed position of each topic that has one."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """`now` stamps what is told; `elapsed` are seconds that only ever grow, for ages."""

    now: Callable[[], datetime]
    elapsed: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Header:
    """What a submission says in clear; without one that can be read it may be urgent."""

    report_id: UUID | None = None
    revision: int | None = None
    immediate_risk: bool = True
    has_receipt: bool = True


class Reconciler:
    """Follows every partner's submissions and receipts, and tells what is missing."""

    def __init__(
        self,
        log: Log,
        store: ReconcilerStore,
        committed: Committed,
        clocks: Clocks,
        bound: timedelta,
    ) -> None:
        self.outcomes = Outcomes()
        self._log = log
        self._store = store
        self._committed = committed
        self._clocks = clocks
        self._bound_seconds = bound.total_seconds()
        self._register = RegistryFollower(log)
        self._source = log.source()
        self._positions: dict[str, int] = {}
        self._partners: tuple[str, ...] = ()
        self._seen: dict[Place, float] = {}
        self._floors: dict[str, tuple[int, float]] = {}
        self._absent: dict[str, float] = {}
        self._looked_at = 0.0

    # --- the life of the process -------------------------------------------------------

    async def start(self) -> None:
        """Take up what was folded before, and read on from there.

        Raises: LogError, DecodeError.
        """
        await self._register.start()
        async for records in read_to_end(self._log, (ALARMS, REDRIVES)):
            self._fold(records)
        self._positions = await self._restored()
        await self._follow_partners()

    async def run_forever(self, stop: asyncio.Event) -> None:
        """Fold what comes, and look every two seconds, until `stop` is set."""
        spacing = min(LOOK_SECONDS, self._bound_seconds / _LOOKS_A_BOUND)
        while not stop.is_set():
            self._fold(await self._source.poll(BATCH_LIMIT, IDLE_WAIT))
            if self._clocks.elapsed() - self._looked_at >= spacing:
                await self.look()

    def positions(self) -> Positions:
        """Return the next offset of each topic that is read."""
        return {topic: self._source.position(topic) for topic in self._positions}

    def counts(self) -> Mapping[str, int]:
        """Return how many submissions wait for an outcome, and how many are told as missing."""
        return {
            "outcomes_waiting": self.outcomes.count_waiting(),
            "outcomes_missing": len(self.outcomes.open),
        }

    async def stop(self) -> None:
        """Close the readers."""
        await self._source.stop()
        await self._register.stop()

    async def _restored(self) -> dict[str, int]:
        """Return where to read on; a file of another log is not believed."""
        kept = self._store.read()
        if kept is None:
            return {}
        positions, facts = kept
        try:
            ends = await self._log.ends(tuple(positions))
            if any(positions[topic] > end for topic, end in ends.items()):
                return {}
            self.outcomes.restore(facts)
        except (KeyError, TypeError, ValueError, MissingTopicError):
            return {}
        return positions

    async def _follow_partners(self) -> None:
        """Read the feedback of partners that were added as well, once their topics are there."""
        while await self._register.refresh():
            pass
        partners = await self._present()
        if self._positions and partners == self._partners:
            return
        topics = (OPERATIONS, *map(feedback_of, partners))
        await self._source.stop()
        self._source = self._log.source()
        starts = {topic: self._positions.get(topic, 0) for topic in topics}
        await self._source.start(starts)
        self._positions, self._partners = starts, partners

    async def _present(self) -> tuple[str, ...]:
        """Return the partners whose topics are there; one whose are not hides no other.

        Intake tells of a topic that is missing; here it is only asked for again now and then.
        """
        known, now = set(self._partners), self._clocks.elapsed()
        for partner in self._register.registry.partners():
            if partner in known or now < self._absent.get(partner, now):
                continue
            try:
                await self._log.ends((submissions_of(partner), feedback_of(partner)))
                known.add(partner)
            except MissingTopicError:
                self._absent[partner] = now + _ABSENT_SECONDS
        return tuple(sorted(known))

    def _fold(self, records: Sequence[Record]) -> None:
        with evidence(records):
            for record in records:
                self.outcomes.apply(record)
                self._positions[record.topic] = record.offset + 1

    async def _fold_to_end(self) -> None:
        """Fold everything that is committed by now."""
        ends = await self._source.ends()
        while any(self._source.position(topic) < end for topic, end in ends.items()):
            self._fold(await self._source.poll(BATCH_LIMIT, IDLE_WAIT))

    # --- one look -----------------------------------------------------------------------

    async def look(self) -> None:
        """Tell what is missing and what was found, and ask for what was lost.

        Raises: LogError; the process ends and starts anew.
        """
        self._looked_at = self._clocks.elapsed()
        await self._follow_partners()
        await self._tell(await self._untaken())
        await self._tell(await self._unanswered())
        await self._tell(self._found())
        self._store.write(dict(self.positions()), self.outcomes.to_json())

    def _found(self) -> list[Told]:
        at = self._clocks.now()
        return [
            OutcomeFound(partner=partner, offset=offset, outcome=outcome, found_at=at)
            for (partner, offset), outcome in sorted(self.outcomes.found.items())
        ]

    async def _tell(self, events: Sequence[Told]) -> None:
        for event in events:
            topic = REDRIVES if isinstance(event, RedriveRequested) else ALARMS
            await self._log.append([Outgoing(topic, encode(event))])
            self.outcomes.remember(event)
            _LOG.warning("%s: %s at %d", type(event).__name__, event.partner, event.offset)

    # --- what intake took in ---------------------------------------------------------------

    async def _unanswered(self) -> list[Told]:
        """Look into what waits for longer than the bound."""
        if not self._late():
            return []
        await self._fold_to_end()
        late = self._late()
        behind = await self._stage_behind() if late else None
        if behind is not None:
            return await self._behind(late, behind)
        await self._fold_to_end()
        still = [one for one in late if self.outcomes.waits(one) and not self._is_told(one)]
        return [told for one in still[:AT_ONCE_MAX] for told in await self._lost(one)]

    def _late(self) -> list[Waiting]:
        """Everything that this process has seen wait for the whole bound, the oldest first."""
        waiting = self.outcomes.waiting()
        now = self._clocks.elapsed()
        for one in waiting:
            self._seen.setdefault(one.place, now)
        standing = {one.place for one in waiting}
        self._seen = {place: at for place, at in self._seen.items() if place in standing}
        return [one for one in waiting if now - self._seen[one.place] >= self._bound_seconds]

    def _is_told(self, one: Waiting) -> bool:
        told = self.outcomes.open.get(one.place)
        return told is not None and told.lost

    async def _stage_behind(self) -> str | None:
        """Return the first stage that has not come to all that was passed on to it by now.

        Its topic is written by transactions, so the last offset is the marker of one. In this
        order: what the linker is past is on the gate's topic before that one's end is asked.
        """
        for stage, topic in _STAGES:
            end = (await self._log.ends((topic,)))[topic]
            passed = (await self._committed(f"rivelin-{stage}", (topic,))).get(topic, 0)
            if passed < end - 1:
                return stage
        return None

    async def _behind(self, late: Iterable[Waiting], stage: str) -> list[Told]:
        oldest: dict[str, Waiting] = {}
        for one in late:
            oldest.setdefault(one.partner, one)
        quiet = {partner for partner, _ in self.outcomes.open}
        return [
            self._missing(one, await self._header(one.place), stage, lost=False)
            for one in oldest.values()
            if one.partner not in quiet
        ]

    async def _lost(self, one: Waiting) -> list[Told]:
        header = await self._header(one.place)
        if not header.has_receipt:
            self.outcomes.pass_over(*one.place)
            return []
        asked = self._redrive(one.place, collected=True)
        return [*asked, self._missing(one, header, _INTAKE, lost=True)]

    # --- what intake did not take in ----------------------------------------------------------

    async def _untaken(self) -> list[Told]:
        """Look into positions of partners' topics that have no row of the audit."""
        suspects = await self._suspects()
        if not suspects:
            return []
        topics = tuple(map(submissions_of, suspects))
        passed = await self._committed(INTAKE_GROUP, topics)
        await self._fold_to_end()  # a row is committed with the position that is past it
        found: list[Told] = []
        for partner, first in suspects.items():
            found += await self._untaken_of(partner, first, passed.get(submissions_of(partner), 0))
        return found

    async def _suspects(self) -> dict[str, Record]:
        """Return by partner the first record that has had no row for longer than the bound."""
        topics = {partner: submissions_of(partner) for partner in self._partners}
        ends = await self._ends(topics.values())
        found: dict[str, Record] = {}
        for partner, topic in topics.items():
            floor = self.outcomes.of(partner).floor or 0
            if floor < ends.get(topic, 0) and self._has_stood(partner, floor):
                first = await first_from(self._log, topic, floor)
                if first is not None:
                    found[partner] = first
        return found

    async def _ends(self, topics: Iterable[str]) -> Positions:
        """Return where topics end; one that was deleted is intake's alarm, and stops no other."""
        ends: dict[str, int] = {}
        for topic in topics:
            with contextlib.suppress(MissingTopicError):
                ends |= await self._log.ends((topic,))
        return ends

    def _has_stood(self, partner: str, floor: int) -> bool:
        """Tell whether a partner's floor has stood still for the bound while more lay there."""
        now = self._clocks.elapsed()
        known, since = self._floors.get(partner, (None, now))
        if known != floor:
            since = now
        self._floors[partner] = (floor, since)
        return now - since >= self._bound_seconds

    async def _untaken_of(self, partner: str, first: Record, passed: int) -> list[Told]:
        one = self.outcomes.of(partner)
        if first.offset >= passed:
            is_new = all(partner != other for other, _ in self.outcomes.open)
            waiting = Waiting(first.appended_at, partner, first.offset)
            header = _header_of(first)
            return [self._missing(waiting, header, _INTAKE, lost=False)] if is_new else []
        found: list[Told] = []
        for offset in tuple(islice(one.gaps(passed), AT_ONCE_MAX)):
            found += await self._never_taken(partner, offset)
        return found

    async def _never_taken(self, partner: str, offset: int) -> list[Told]:
        record = await record_at(self._log, submissions_of(partner), offset)
        if record is None:
            self.outcomes.of(partner).skip(offset)
            return []
        waiting = Waiting(record.appended_at, partner, offset)
        if self._is_told(waiting):
            return []
        asked = self._redrive(waiting.place, collected=False)
        return [*asked, self._missing(waiting, _header_of(record), _NOWHERE, lost=True)]

    # --- what is told ------------------------------------------------------------------------

    def _missing(self, one: Waiting, header: Header, stage: str, *, lost: bool) -> OutcomeMissing:
        return OutcomeMissing(
            partner=one.partner,
            offset=one.offset,
            report_id=header.report_id,
            revision=header.revision,
            immediate_risk=header.immediate_risk,
            since=one.since,
            stage=stage,
            lost=lost,
            noticed_at=self._clocks.now(),
        )

    def _redrive(self, place: Place, *, collected: bool) -> list[Told]:
        """Ask once; what is lost again is for a human to look into.

        Before it is told of: whoever starts anew in between would take what was told for asked.
        """
        if place in self.outcomes.redriven:
            return []
        partner, offset = place
        return [
            RedriveRequested(
                partner=partner,
                offset=offset,
                collected=collected,
                quarantined_offset=None,
                requested_by=NAME,
                requested_at=self._clocks.now(),
            )
        ]

    async def _header(self, place: Place) -> Header:
        partner, offset = place
        record = await record_at(self._log, submissions_of(partner), offset)
        return Header() if record is None else _header_of(record)


def _header_of(record: Record) -> Header:
    """Read the clear routing facts and nothing else; an answer or approval has no own receipt."""
    try:
        event = decode(record.value or b"", *ON_SUBMISSIONS)
    except DecodeError:
        return Header()
    if isinstance(event, ReportSubmitted):
        return Header(event.report_id, event.revision, event.immediate_risk)
    revision = event.revision if isinstance(event, ApprovalSubmitted) else None
    is_answered = isinstance(event, WithdrawalSubmitted | MessageSubmitted)
    return Header(event.report_id, revision, immediate_risk=False, has_receipt=is_answered)
