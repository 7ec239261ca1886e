"""Erasing a report or one subject of it: first the record of it, then the keys, then the proof.

The data keys under the storage key lie on `enclave.report-keys`; without them sealed identities
and tokens are noise, in the log and in every backup. The submission itself carries the same keys
under the sealing key of its epoch, so an erasure is *recorded* at once and *certified* only when
the private key of every epoch that it could have been sealed to is destroyed (ADR-0005).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from anonymiser.keyring import KeyKind
from anonymiser.linker.recovery import RESOLUTION_CLASSES
from deploy.keys import published_keys
from streams.codec import decode, encode
from streams.erasure import Erasures, left_of
from streams.errors import InvalidInputError, RivelinError
from streams.loop import read_to_end
from streams.ports import Outgoing
from streams.restricted import (
    ON_HELD,
    ErasureCertified,
    ErasureRecorded,
    MentionResolved,
    Quarantined,
    RecordRetokenised,
    ReportHeld,
    ReportKeysWrapped,
    ReportWaiting,
)
from streams.topics import ERASURES, HELD, QUARANTINE, REPORT_KEYS, RESOLUTIONS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from anonymiser.keyring import KeyRing
    from streams.erasure import Erasure
    from streams.ports import Log
    from streams.values import ErasureReason

    _Kept: TypeAlias = ReportKeysWrapped | Quarantined

#: A private sealing key is kept so long after partners stopped sealing to it (deploy.rotation).
KEPT: Final = timedelta(days=7)
#: What lies between the stages goes after seven days, by segments of one.
TRANSPORT: Final = timedelta(days=8)
#: Intake learns of an erasure within a tenth of a second; what it stored before is found later.
SETTLE_SECONDS: Final = 1.0
_ROUNDS_MAX: Final = 20


class NotShreddedError(RivelinError):
    """A key is stored again and again: stop whoever writes it, then run the command once more."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will go: the revisions whose keys are stored, and the subjects of each, by node."""

    partner: str
    report_id: UUID
    revisions: tuple[int, ...]
    subjects: tuple[tuple[int, int], ...] = ()
    sealings: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether the whole report goes."""
        return not self.subjects


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided what is erased, and why."""

    reason: ErasureReason
    decided_by: str
    confirmed_by: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class State:
    """How far an erasure is. `certifiable_at` is None once it is certified."""

    erasure: Erasure
    stored: bool
    delivered: bool
    certifiable_at: datetime | None


async def ledger_in(log: Log) -> Erasures:
    """Return the erasure ledger as it stands."""
    ledger = Erasures()
    async for records in read_to_end(log, (ERASURES,)):
        ledger.learn(records)
    return ledger


# --- what will go --------------------------------------------------------------------------


async def plan_report(log: Log, typed: str, partner: str | None) -> Plan:
    """Find the one report whose id begins so and whose keys are stored, or that is quarantined.

    Of a quarantined one no key is stored, but for it the sealing key of its epoch is kept, and
    while that is there nothing of the epoch can be certified.
    Raises: InvalidInputError if there is none, there are several, or it waits at the gate.
    """
    text = typed.strip().lower()
    found: dict[tuple[str, UUID], list[_Kept]] = {}
    known: list[_Kept] = [*(await stored_keys(log)).values(), *await _quarantined(log)]
    for one in known:
        is_it = text and str(one.report_id).startswith(text)
        if one.report_id and is_it and partner in {None, one.partner}:
            found.setdefault((one.partner, one.report_id), []).append(one)
    if not found:
        raise InvalidInputError("no key of a report of this id is stored, and none is quarantined")
    if len(found) > 1:
        raise InvalidInputError("several reports begin like this: type more, or give --partner")
    ((owner, report_id), kept) = next(iter(found.items()))
    await _refuse_waiting(log, owner, report_id)
    revisions = tuple(sorted({one.revision for one in kept if one.revision is not None}))
    sealings = sum(isinstance(one, ReportKeysWrapped) for one in kept)
    return Plan(owner, report_id, revisions, sealings=sealings)


async def _quarantined(log: Log) -> list[Quarantined]:
    """Return what was quarantined with a report id that could be read, and is not erased yet."""
    ledger = await ledger_in(log)
    found = [
        decode(record.value or b"", Quarantined)
        async for records in read_to_end(log, (QUARANTINE,))
        for record in records
    ]
    return [
        one for one in found if one.report_id and not ledger.is_whole(one.partner, one.report_id)
    ]


async def plan_subject(log: Log, plan: Plan, node: int, revision: int | None) -> Plan:
    """Return the plan for one subject: the same one in every revision, by its label.

    In a revision that was never linked (the linker refused it, say) nobody can tell which one it
    is: the keys of all its subjects go, which nothing was ever linked by.
    Raises: InvalidInputError if no such node was ever linked.
    """
    labels = await _labels(log, plan.partner, plan.report_id)
    if not labels:
        raise InvalidInputError("none of its subjects was linked: erase the whole report")
    of = max(labels) if revision is None else revision
    label = labels.get(of, {}).get(node)
    if label is None:
        raise InvalidInputError(f"revision {of} has no node {node}")
    same = {
        (number, other)
        for number, nodes in labels.items()
        for other, theirs in nodes.items()
        if theirs == label
    }
    subjects = tuple(sorted(same | await _unlinked(log, plan, labels)))
    return Plan(plan.partner, plan.report_id, plan.revisions, subjects, plan.sealings)


async def _unlinked(log: Log, plan: Plan, linked: Iterable[int]) -> set[tuple[int, int]]:
    """Revision and node of every stored subject of the revisions that were never linked."""
    known = frozenset(linked)
    return {
        (one.revision, key.part - 1)
        for one in (await stored_keys(log)).values()
        if (one.partner, one.report_id) == (plan.partner, plan.report_id)
        and one.revision not in known
        for key in one.keys
        if key.part > 0
    }


async def _labels(log: Log, partner: str, report_id: UUID) -> Mapping[int, Mapping[int, bytes]]:
    """Revision to node to what its label is hashed to, under the token key it now lies under."""
    found: dict[int, dict[int, bytes]] = {}
    async for records in read_to_end(log, (RESOLUTIONS,)):
        for record in records:
            event = None if record.value is None else decode(record.value, *RESOLUTION_CLASSES)
            if not isinstance(event, MentionResolved | RecordRetokenised):
                continue
            if (event.partner, event.report_id) != (partner, report_id):
                continue
            nodes = found.setdefault(event.revision, {})
            named = event.subjects if isinstance(event, RecordRetokenised) else (event,)
            nodes |= {one.node: one.label_token for one in named}
    return found


async def _refuse_waiting(log: Log, partner: str, report_id: UUID) -> None:
    """What the gate still holds could go out after the erasure; that is decided about first."""
    waiting: set[bytes] = set()
    async for records in read_to_end(log, (HELD,)):
        for record in records:
            key = record.key or b""
            event = None if record.value is None else decode(record.value, *ON_HELD)
            is_it = isinstance(event, ReportHeld | ReportWaiting) and (
                (event.partner, event.report_id) == (partner, report_id)
            )
            (waiting.add if is_it else waiting.discard)(key)
    if waiting:
        raise InvalidInputError(
            "the gate still holds this report: refuse it (`rivelin holds refuse`), or wait until"
            " its release batch has gone"
        )


# --- doing it --------------------------------------------------------------------------------


async def erase(
    log: Log,
    plan: Plan,
    decision: Decision,
    settle: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> int:
    """Record the erasure, then take the keys from the log; return how many records changed.

    In this order: from the record on nobody stores such a key again, so what is found afterwards
    was stored before. Cut short, `shred_all` (which `rivelin erase certify` runs) goes on.
    Raises: NotShreddedError, LogError.
    """
    await log.append([Outgoing(ERASURES, encode(one)) for one in _events(plan, decision)])
    changed = 0
    for _ in range(_ROUNDS_MAX):
        await settle(SETTLE_SECONDS)
        found = await shred_all(log)
        changed += found
        if not found:
            return changed
    raise NotShreddedError("its keys are stored again as soon as they are taken away")


def _events(plan: Plan, decision: Decision) -> Iterable[ErasureRecorded]:
    for revision, subject in plan.subjects or ((None, None),):
        yield ErasureRecorded(
            partner=plan.partner,
            report_id=plan.report_id,
            revision=revision,
            subject=subject,
            reason=decision.reason,
            decided_by=decision.decided_by,
            confirmed_by=decision.confirmed_by,
            decided_at=decision.at,
        )


async def shred_all(log: Log) -> int:
    """Take every stored key away that the ledger names; return how many records had one."""
    ledger = await ledger_in(log)
    stale = shreds(await stored_keys(log), ledger)
    await log.append(stale)
    return len(stale)


def shreds(stored: Mapping[bytes, ReportKeysWrapped], ledger: Erasures) -> list[Outgoing]:
    """Return what to write so that no erased key is stored: less keys, or a tombstone."""
    found: list[Outgoing] = []
    for key, wrapped in stored.items():
        left = left_of(wrapped, ledger)
        if left is not wrapped:
            found.append(Outgoing(REPORT_KEYS, None if left is None else encode(left), key=key))
    return found


async def stored_keys(log: Log) -> dict[bytes, ReportKeysWrapped]:
    """Return the stored data keys as they stand, by record key."""
    found: dict[bytes, ReportKeysWrapped] = {}
    async for records in read_to_end(log, (REPORT_KEYS,)):
        for record in records:
            if record.value is None:
                found.pop(record.key or b"", None)
            else:
                found[record.key or b""] = decode(record.value, ReportKeysWrapped)
    return found


# --- the proof ----------------------------------------------------------------------------------


async def delivered(log: Log, ledger: Erasures) -> list[Outgoing]:
    """Return what to write again to have the broker clean; empty once no erased key is on it.

    A log that nobody writes to is not cleaned, so what stands is written once more: it makes the
    broker close the segment that the old bytes are in.
    """
    standing: dict[bytes, bytes | None] = {}
    dirty: dict[bytes, None] = {}
    async for records in read_to_end(log, (REPORT_KEYS,)):
        for record in records:
            key = record.key or b""
            standing[key] = record.value
            wrapped = None if record.value is None else decode(record.value, ReportKeysWrapped)
            if wrapped is not None and left_of(wrapped, ledger) is not wrapped:
                dirty[key] = None
    return [Outgoing(REPORT_KEYS, standing[key], key=key) for key in dirty]


@dataclass(slots=True)
class Cleaning:
    """Has the broker clean until no reader is given an erased key, a second a round."""

    log: Log
    settle: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)
    rounds_max: int = 30

    async def until_gone(self) -> bool:
        """Return whether the erased keys are gone from what the broker delivers."""
        ledger = await ledger_in(self.log)
        for _ in range(self.rounds_max):
            rolls = await delivered(self.log, ledger)
            if not rolls:
                return True
            await self.log.append(rolls)
            await self.settle(SETTLE_SECONDS)
        return not await delivered(self.log, ledger)


async def states(log: Log, ring: KeyRing) -> list[State]:
    """Return how far each erasure is, the oldest first."""
    ledger = await ledger_in(log)
    stored = {outgoing.key for outgoing in shreds(await stored_keys(log), ledger)}
    rolls = {outgoing.key for outgoing in await delivered(log, ledger)}
    due = await _due(log, ring)
    return [
        State(
            erasure=one,
            stored=_names(one, stored),
            delivered=_names(one, rolls),
            certifiable_at=None if one.certified else due(one.event.decided_at),
        )
        for one in ledger.entries()
    ]


def _names(entry: Erasure, keys: Iterable[bytes | None]) -> bool:
    """Tell whether one of the record keys is of the report of an entry."""
    name = entry.event.partner.encode() + entry.event.report_id.bytes
    return any(name in key for key in keys if key is not None)


async def _due(log: Log, ring: KeyRing) -> Callable[[datetime], datetime]:
    """Return from when on an erasure can be certified, by when it was decided.

    A submission was sealed to an epoch that had begun by then; each such key must have had its
    time and be off the ring. One that stays on it beyond its time is needed by something else.
    """
    published = await published_keys(log)
    entries = await asyncio.to_thread(ring.entries)
    on_ring = {one.number for one in entries if one.kind == KeyKind.SEALING}

    def due(decided_at: datetime) -> datetime:
        ends = [
            one.valid_until + KEPT
            for one in published.values()
            if one.valid_from <= decided_at and one.epoch in on_ring
        ]
        return max([decided_at + TRANSPORT, *ends])

    return due


async def certify(
    log: Log, ring: KeyRing, name: str, at: datetime, cleaning: Cleaning | None = None
) -> Sequence[State]:
    """Certify what can be, after one more look; return how far every erasure is then.

    Raises: NotShreddedError, LogError.
    """
    await shred_all(log)
    await (cleaning or Cleaning(log)).until_gone()
    published = await published_keys(log)
    entries = await asyncio.to_thread(ring.entries)
    on_ring = {one.number for one in entries if one.kind == KeyKind.SEALING}
    open_epochs = [one for one in published.values() if one.epoch in on_ring]
    ready = [
        one.erasure.offset
        for one in await states(log, ring)
        if one.certifiable_at is not None
        and not (one.stored or one.delivered)
        and at >= one.erasure.event.decided_at + TRANSPORT
        and all(epoch.valid_from > one.erasure.event.decided_at for epoch in open_epochs)
    ]
    events = [
        ErasureCertified(erasure_offset=offset, certified_by=name, certified_at=at)
        for offset in ready
    ]
    await log.append([Outgoing(ERASURES, encode(one)) for one in events])
    return await states(log, ring)
