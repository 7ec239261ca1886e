"""Sending records through the product's own tokeniser and linker, and reading its decisions.

Nothing here decides who is who: each record becomes one report of one of
several partners, as intake would hand it on, and what the linker writes to
`enclave.resolutions` is folded.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final
from uuid import UUID

from anonymiser.keyring import new_keys
from anonymiser.linker.stage import Linker
from anonymiser.tokens import Tokeniser
from deploy.evaluate.linkage.single import report_of_one
from streams.codec import decode, encode
from streams.errors import RivelinError
from streams.ports import Record
from streams.restricted import (
    MentionResolved,
    MergeDecided,
    PossibleLink,
    PossibleLinkClosed,
    ReportAdmitted,
    ReportTokenised,
)
from streams.topics import RESOLUTIONS, TOKENISED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from deploy.evaluate.linkage.records import Person
    from streams.ports import Outgoing

PARTNERS: Final = ("ashdale-council", "birchley-health", "cedarwick-school", "dunmoor-housing")
_DECISIONS: Final = (
    ReportAdmitted,
    MentionResolved,
    MergeDecided,
    PossibleLink,
    PossibleLinkClosed,
)


class NotLinkedError(RivelinError):
    """The linker decided nothing about a record: a bug, which its log names by class."""


@dataclass(frozen=True, slots=True)
class Linked:
    """What the linker made of the records.

    `clusters` is record to entity, `questions` the pairs of entities between
    which a question is open, and `askers` the records that put one to a human
    when they came in.
    """

    clusters: dict[str, UUID]
    questions: frozenset[tuple[UUID, UUID]]
    askers: frozenset[str]


def link(
    people: Sequence[Person],
    linker: Callable[..., Linker] = Linker,
    progress: Callable[[int, int], None] | None = None,
) -> Linked:
    """Hand the records in, in order, and fold what is decided.

    Keys and ids come from one seed: the same file gives the same answer.

    Raises: NotLinkedError naming the record.
    """
    entropy = Random(1)  # noqa: S311 - nothing secret: an evaluation throws its keys away
    keys = new_keys(entropy.randbytes)
    stage = linker(keys, lambda: UUID(bytes=entropy.randbytes(16), version=4))
    tokeniser, fold = Tokeniser(keys), _Fold()
    for number, person in enumerate(people):
        record = _record(_tokenised(person, number, tokeniser), number)
        fold.take(person.record, stage.step([record]))
        if progress is not None and not number % 100:
            progress(number, len(people))
    return fold.linked()


def _record(event: ReportTokenised, number: int) -> Record:
    return Record(TOKENISED, number, event.received_at, None, encode(event))


def _tokenised(person: Person, number: int, tokeniser: Tokeniser) -> ReportTokenised:
    partner = PARTNERS[number % len(PARTNERS)]
    return report_of_one(number, partner, person.spelt, person.sex, tokeniser)


class _Fold:
    """Which entity each record has, as the decisions so far say."""

    def __init__(self) -> None:
        self._entity: dict[UUID, UUID] = {}
        self._report: dict[str, UUID] = {}
        self._kept: dict[UUID, UUID] = {}
        self._asked: set[tuple[UUID, UUID]] = set()
        self._askers: set[str] = set()

    def take(self, record: str, outgoing: Iterable[Outgoing]) -> None:
        for one in outgoing:
            if one.topic == RESOLUTIONS:
                self._decided(record, decode(one.value or b"", *_DECISIONS))
        if record not in self._report:
            raise NotLinkedError(f"the linker decided nothing about record {record!r}")

    def _decided(self, record: str, decision: object) -> None:
        match decision:
            case MentionResolved(report_id=report_id, entity_id=entity):
                self._entity[report_id] = entity
                self._report[record] = report_id
            case MergeDecided(kept_id=kept, absorbed_id=absorbed):
                self._kept[absorbed] = kept
            case PossibleLink(left_id=left, right_id=right):
                self._asked.add((left, right))
                self._askers.add(record)
            case PossibleLinkClosed(left_id=left, right_id=right):
                self._asked -= {(left, right), (right, left)}
            case _:
                pass

    def linked(self) -> Linked:
        clusters = {name: self._now(self._entity[one]) for name, one in self._report.items()}
        pairs = (sorted((self._now(left), self._now(right))) for left, right in self._asked)
        open_ones = frozenset((left, right) for left, right in pairs if left != right)
        return Linked(clusters, open_ones, frozenset(self._askers))

    def _now(self, entity: UUID) -> UUID:
        while entity in self._kept:
            entity = self._kept[entity]
        return entity


def clusters_of(clusters: dict[str, UUID]) -> dict[UUID, list[str]]:
    """Return the records of each entity, in order."""
    found: defaultdict[UUID, list[str]] = defaultdict(list)
    for record, entity in clusters.items():
        found[entity].append(record)
    return dict(found)
