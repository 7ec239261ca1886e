"""The smallest work that can go wrong: every record of one topic, once and in order, to another.

A record that is copied names the offset it came from, its number, and who copied it under which
hold of the partition. So a verdict needs both topics and nothing else.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.loop import read_to_end
from streams.ports import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.ports import Log, Record

PAYLOAD_BYTES = 2_000
_NUMBER = struct.Struct(">q")
_COPY = struct.Struct(">qq16s")  # offset of the source, number, holder


def source_value(number: int) -> bytes:
    """Return a record of about the size of a report; its filling differs from record to record."""
    return _NUMBER.pack(number) + (number.to_bytes(8, "big") * (PAYLOAD_BYTES // 8))


def copy_of(offset: int, value: bytes, holder: str) -> bytes:
    """Return what stands in the output for the record at `offset`."""
    (number,) = _NUMBER.unpack_from(value)
    return _COPY.pack(offset, number, holder.encode()) + value[_NUMBER.size :]


@dataclass(frozen=True, slots=True)
class Copy:
    """One record of the output."""

    offset: int
    number: int
    holder: str


def read_copy(value: bytes) -> Copy:
    """Take a record of the output apart."""
    offset, number, holder = _COPY.unpack_from(value)
    return Copy(offset, number, holder.rstrip(b"\0").decode())


class Copying:
    """The work as a stage; its only state is who it is."""

    reference_topics = ()
    state_topics = ()

    def __init__(self, run: str) -> None:
        self.name = f"copying-{run}"
        self.sources = (f"{run}.in",)
        self._output = f"{run}.out"
        self._holder = str(os.getpid())

    def learn(self, records: Sequence[Record]) -> None:
        """There is no reference data."""

    def recover(self, records: Sequence[Record]) -> None:
        """There is no state."""

    def step(self, records: Sequence[Record]) -> list[Outgoing]:
        """Copy each."""
        return [
            Outgoing(self._output, copy_of(one.offset, one.value, self._holder)) for one in records
        ]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a topic of records."""

    records: int
    lost: int
    doubled: int  # copies too many
    disordered: int  # copies that stand behind one of a later record
    returned: int  # holders that wrote again after another had begun

    @property
    def is_sound(self) -> bool:
        """Every record once, in order, and nobody wrote who had been replaced."""
        return not (self.lost or self.doubled or self.disordered or self.returned)


def judge(offsets: Iterable[int], copies: Sequence[Copy]) -> Verdict:
    """Compare the offsets of the source's records with the output in its order."""
    wanted = set(offsets)
    counts = Counter(one.offset for one in copies)
    return Verdict(
        records=len(wanted),
        lost=len(wanted - counts.keys()),
        doubled=sum(count - 1 for count in counts.values()) + len(counts.keys() - wanted),
        disordered=_behind(one.offset for one in copies),
        returned=_returned(one.holder for one in copies),
    )


def _behind(offsets: Iterable[int]) -> int:
    latest, count = -1, 0
    for offset in offsets:
        count += offset < latest
        latest = max(latest, offset)
    return count


def _returned(holders: Iterable[str]) -> int:
    present, gone, returned = "", set(), set()
    for holder in holders:
        if holder != present:
            gone.add(present)
            present = holder
            if holder in gone:
                returned.add(holder)
    return len(returned)


async def read_verdict(log: Log, run: str) -> Verdict:
    """Read both topics to their ends, committed records only, and compare."""
    offsets = [record.offset async for batch in read_to_end(log, [f"{run}.in"]) for record in batch]
    copies = [
        read_copy(record.value)
        async for batch in read_to_end(log, [f"{run}.out"])
        for record in batch
    ]
    return judge(offsets, copies)


async def numbers_in(log: Log, run: str) -> set[int]:
    """Return the numbers that the source holds."""
    return {
        _NUMBER.unpack_from(record.value)[0]
        async for batch in read_to_end(log, [f"{run}.in"])
        for record in batch
    }
