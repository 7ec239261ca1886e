"""Linking alone, without a broker: what a record costs among ten thousand to a million people.

The product's own stage over a store on disk. Between the marks the store is filled with
people put together from the fields of invented ones, by folding decisions as a rebuild
does. At each mark reports of the evaluation's own people are linked, one person each;
every tenth is somebody seen before, in part with a slip of the hand. Timed is everything
from the bytes of `enclave.tokenised` to the bytes of `enclave.resolutions` and
`enclave.outgoing`, commits of the store included.

CPU time is what counts, so that other work on the machine does not: a second of it is
a second of one core.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from struct import pack as pack_numbers
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from anonymiser.keyring import new_keys
from anonymiser.linker.packing import (
    NUMBER_OF,
    TOKEN_BITS,
    chunks_of,
    fields_among,
    pack,
)
from anonymiser.linker.recovery import RESOLUTION_CLASSES
from anonymiser.linker.stage import Linker, open_store
from anonymiser.linker.store import store_path
from anonymiser.report_keys import record_key, seal_tokens
from anonymiser.tokens import TOKEN_BYTES, Tokeniser
from deploy.evaluate.linkage.households import Maker
from deploy.evaluate.linkage.single import received_at, report_of_one
from producers.town.dice import Dice
from producers.town.errors import typo
from streams.codec import decode, encode
from streams.errors import RivelinError
from streams.identifiers import read
from streams.ports import Record
from streams.restricted import (
    MentionResolved,
    ReportAdmitted,
    ReportLinked,
    ReportSubmitted,
    ReportTokenised,
)
from streams.sealing import wrap_data_keys
from streams.topics import REPORT_KEYS, RESOLUTIONS, TOKENISED
from streams.values import (
    LinkBasis,
    NodeKind,
    Sex,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from anonymiser.keyring import Keys
    from streams.ports import Outgoing
    from streams.restricted import Identity

    Say = Callable[[str], None]

MARKS: Final = (10_000, 100_000, 1_000_000)
_BATCH: Final = 500
#: So many records are linked at a mark before it is timed, and then while it is.
_WARMED: Final = 1_000
_LINKED: Final = 5_000
_INVENTED: Final = 20_000
_KEEP_EVERY: Final = 1_000
_SEEN_BEFORE: Final = 10
_SLIP: Final = 3
_REMEMBERED: Final = 20_000
_BORN: Final = (1940, 2019)
_TICK: Final = timedelta(milliseconds=1)
_REBUILT: Final = 5_000
_KEY_BYTES: Final = 32
_PART_OF: Final = {number: name.partition(".")[0] for name, number in NUMBER_OF.items()}
#: What many people share. Anything else of a filled person is its own.
_TAKEN: Final = frozenset({"given_name", "family_name", "born_on", "postcode", "sex"})
_PARTNERS: Final = 20


@dataclass(slots=True)
class Crowd:
    """Describes people one after the other; the same seed describes the same."""

    maker: Maker
    dice: Dice
    known: list[tuple[Identity, Sex]] = field(default_factory=list)

    def describe(self, number: int) -> tuple[Identity, Sex]:
        """Return the next description: somebody new, or every tenth time somebody known."""
        if number % _SEEN_BEFORE == 0 and self.known:
            identity, sex = self.dice.pick(self.known)
            return self._slipped(identity, number), sex
        person = self.maker.person()
        if len(self.known) < _REMEMBERED:
            self.known.append((person.identity, person.sex))
        else:
            self.known[number % _REMEMBERED] = (person.identity, person.sex)
        return person.identity, person.sex

    def _slipped(self, identity: Identity, number: int) -> Identity:
        if number % _SLIP or not identity.family_name:
            return identity
        return replace(identity, family_name=typo(identity.family_name, self.dice))


class Reports:
    """Makes tokenised reports of one person each, and the wrapped keys of their tokens."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._tokeniser = Tokeniser(keys)
        self._crowd = Crowd(Maker(1, _BORN), Dice(1, "bench of linking"))
        self._random = Random(1)  # noqa: S311 - nothing secret is benchmarked

    def batch(self, start: int, count: int) -> list[Record]:
        """Return so many reports, in order."""
        return [self._record(self._event(number)) for number in range(start, start + count)]

    def sealed(self, start: int, count: int) -> tuple[list[Record], list[Record]]:
        """Return so many reports with sealed tokens, and the records of their keys."""
        told = [self._sealed(number) for number in range(start, start + count)]
        return [self._record(event) for event, _ in told], [keys for _, keys in told]

    def _record(self, event: ReportTokenised) -> Record:
        number = (event.received_at - received_at(0)) // _TICK
        return Record(TOKENISED, number, event.received_at, None, encode(event))

    def _sealed(self, number: int) -> tuple[ReportTokenised, Record]:
        event, data_key = self._event(number), self._random.randbytes(_KEY_BYTES)
        (node,) = event.nodes
        tokens = seal_tokens(node.tokens, data_key, node.label_token, self._random.randbytes)
        told = replace(event, nodes=(replace(node, sealed_tokens=tokens),))
        submission = _submission(event)
        storage = self._keys.storage_number
        wrapped = wrap_data_keys(
            submission, {1: data_key}, self._keys.storage[storage], storage, self._random.randbytes
        )
        key = record_key(submission)
        return told, Record(REPORT_KEYS, number, event.received_at, key, encode(wrapped))

    def _event(self, number: int) -> ReportTokenised:
        identity, sex = self._crowd.describe(number)
        partner = f"bench-{number % _PARTNERS:02d}"
        return report_of_one(number, partner, read(identity)[0], sex, self._tokeniser)


def _submission(event: ReportTokenised) -> ReportSubmitted:
    return ReportSubmitted(
        report_id=event.report_id,
        revision=event.revision,
        supersedes=None,
        partner=event.partner,
        content_schema=1,
        key_epoch=1,
        immediate_risk=False,
        sealed_keys=event.report_id.bytes,
        parts=(),
    )


class Filler:
    """Describes any number of people by the fields of some that were invented.

    Names, dates and postcodes come as often as among those; addresses and what is made of
    several fields are nobody else's.
    """

    def __init__(self, reports: Reports, random: Random) -> None:
        self._random = random
        self._parts: dict[str, list[tuple[int, ...]]] = {}
        for one in reports.batch(0, _INVENTED):
            (node,) = decode(one.value or b"", ReportTokenised).nodes
            self._learn(pack(node.tokens, node.sex))

    def describe(self) -> bytes:
        """Return a description, packed."""
        chunks = {
            chunk if part in _TAKEN else self._own(chunk)
            for part, choices in self._parts.items()
            for chunk in self._random.choice(choices)
        }
        return pack_numbers(f">{len(chunks) + 1}Q", fields_among(chunks), *sorted(chunks))

    def _own(self, chunk: int) -> int:
        return chunk >> TOKEN_BITS << TOKEN_BITS | self._random.getrandbits(TOKEN_BITS)

    def _learn(self, packed: bytes) -> None:
        parts: dict[str, list[int]] = {}
        for chunk in chunks_of(packed)[1:]:
            parts.setdefault(_PART_OF[chunk >> TOKEN_BITS], []).append(chunk)
        for part, chunks in parts.items():
            self._parts.setdefault(part, []).append(tuple(chunks))


class Bench:
    """One linker over one store on disk, filled up to each mark in turn."""

    def __init__(self, folder: Path, say: Say) -> None:
        self._folder = folder
        self._say = say
        self._random = Random(2)  # noqa: S311 - nothing secret is benchmarked
        self._keys = new_keys(self._random.randbytes)
        self._reports = Reports(self._keys)
        self._filler = Filler(Reports(self._keys), self._random)
        self._base_mb = _memory_mb()
        self._linker = self._open()
        self._linker.learn([])
        self._made = 0
        self._decisions = 0
        self._tail: list[Record] = []

    def run(self, marks: Sequence[int]) -> dict[str, Any]:
        """Fill, measure at each mark, then start anew and rebuild; all figures as plain values."""
        return {
            "base_mb": round(self._base_mb),
            "curve": [self._at(mark) for mark in marks],
            "restart": self._restart(marks[-1]),
            "rebuild": self._rebuild(),
        }

    def _open(self) -> Linker:
        return Linker(self._keys, store=open_store(self._folder, datetime.now(UTC)))

    def _at(self, mark: int) -> dict[str, Any]:
        filled = self._fill(mark - self._linker.state.persons)
        for records in self._batches(_WARMED):
            self._step(records)
        spent, codec = Spent(), Spent()
        for records in self._batches(_LINKED):
            with spent:
                outgoing = self._step(records)
            self._translate(records, outgoing, codec)
        linking = spent.cpu_seconds - codec.cpu_seconds
        point = {
            "persons": mark,
            "cpu_us_per_record": round(1e6 * spent.cpu_seconds / _LINKED),
            "of_which_codec_us": round(1e6 * codec.cpu_seconds / _LINKED),
            "records_per_core_second": round(_LINKED / spent.cpu_seconds),
            "without_codec_per_core_second": round(_LINKED / linking),
            "rss_mb": round(_memory_mb()),
            "store_mb": round(_size_mb(store_path(self._folder))),
            "filled_per_core_second": round(filled),
        }
        self._say(", ".join(f"{name} {value}" for name, value in point.items()))
        return point

    def _fill(self, count: int) -> float:
        """Fold so many new people in; return how many a second of CPU."""
        spent = Spent()
        with spent:
            for number in range(count):
                self._fold(number)
                if number % _KEEP_EVERY == 0:
                    self._linker.keep({})
        return count / max(spent.cpu_seconds, 1e-9)

    def _fold(self, number: int) -> None:
        state, random = self._linker.state, self._random
        report_id = UUID(int=random.getrandbits(128))
        admitted = ReportAdmitted(
            partner=f"bench-{number % _PARTNERS:02d}",
            report_id=report_id,
            revision=1,
            content_digest=random.randbytes(_KEY_BYTES),
            origin_token=None,
            origin_id=report_id,
            admitted_at=received_at(0),
            event_week="2026-W10",
        )
        state.admit(admitted)
        resolved = MentionResolved(
            partner=admitted.partner,
            report_id=report_id,
            revision=1,
            node=0,
            kind=NodeKind.PERSON,
            sex=Sex.UNKNOWN,
            entity_id=UUID(int=random.getrandbits(128)),
            basis=LinkBasis.NEW,
            agreed=(),
            label_token=random.randbytes(TOKEN_BYTES),
            sealed_tokens=b"",
        )
        state.resolve(resolved, self._filler.describe())

    def _batches(self, count: int) -> Iterator[list[Record]]:
        for _ in range(0, count, _BATCH):
            yield self._reports.batch(self._made, _BATCH)
            self._made += _BATCH

    def _translate(
        self, records: Sequence[Record], outgoing: Sequence[Outgoing], codec: Spent
    ) -> None:
        """Read and write the same events once more, to tell what that alone costs."""
        told = [decode(one.value or b"", *_WRITTEN) for one in outgoing]
        with codec:
            for record in records:
                decode(record.value or b"", ReportTokenised)
            for event in told:
                encode(event)

    def _step(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        """As the runner does, but for the broker."""
        outgoing = self._linker.step(records)
        decided = [one for one in outgoing if one.topic == RESOLUTIONS]
        self._decisions += len(decided)
        at = records[-1].appended_at
        first = self._decisions - len(decided)
        self._tail = [
            Record(RESOLUTIONS, first + place, at, None, one.value)
            for place, one in enumerate(decided)
        ]
        self._linker.keep({RESOLUTIONS: self._decisions})
        return outgoing

    def _restart(self, persons: int) -> dict[str, Any]:
        """Start anew on the store, with what was decided since its last commit as the tail."""
        self._linker.close(keep=True)
        spent = Spent()
        with spent:
            store = open_store(self._folder, datetime.now(UTC))
            if store.rebuilt_because is not None:
                raise NotResumedError(f"the store is made anew: {store.rebuilt_because}")
            self._linker = Linker(self._keys, store=store)
            self._linker.recover(self._tail[-1:])
            self._linker.learn([])
        return {"persons": persons, "seconds": round(spent.seconds, 2)}

    def _rebuild(self) -> dict[str, Any]:
        """Fold a log from its start, tokens unsealed one by one."""
        reports, keys = Reports(self._keys).sealed(0, _REBUILT)
        told = Linker(self._keys).step(reports)
        decided = [one.value for one in told if one.topic == RESOLUTIONS]
        at = reports[-1].appended_at
        log = [Record(RESOLUTIONS, place, at, None, one) for place, one in enumerate(decided)]
        linker, spent = Linker(self._keys), Spent()
        with spent:
            linker.recover(keys)
            linker.recover(log)
            linker.learn([])
        return {"records": _REBUILT, "cpu_us_per_record": round(1e6 * spent.cpu_seconds / _REBUILT)}


_WRITTEN: Final = (*RESOLUTION_CLASSES, ReportLinked)


class NotResumedError(RivelinError):
    """The store was not taken for what it is; a bug in the benchmark or in the linker."""


class Spent:
    """Sums up what is spent within `with`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic(), time.process_time()

    def __exit__(self, *_: object) -> None:
        began, cpu_began = self._began
        self.seconds += time.monotonic() - began
        self.cpu_seconds += time.process_time() - cpu_began


def measure_linking(marks: Sequence[int], say: Say) -> dict[str, Any]:
    """Measure at each mark (numbers of people, ascending); a million takes some minutes."""
    with TemporaryDirectory(prefix="rivelin-bench-") as folder:
        return Bench(Path(folder), say).run(marks)


def _memory_mb() -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _size_mb(path: Path) -> float:
    return path.stat().st_size / (1 << 20)
