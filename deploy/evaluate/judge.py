"""Judging what came out of the stages: whose ties were found, and whether anything leaked.

Only an evaluation may do this: it holds the enclave's keys, reads who is who
from the linker's own record and makes an audience's ids as the gate does.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from anonymiser.gate.audience import AudienceIds
from consumers.network.tables import PAIRS
from deploy.demo.findings import Resolved
from deploy.demo.witnesses import is_outside, records_outside
from deploy.evaluate.score import NetworkScore, score_network
from deploy.evaluate.structure import found_edges, told_attack, told_measures
from deploy.leaks import Document, LeakSearch, identifiers_of
from streams.codec import decode
from streams.errors import UnknownSchemaError
from streams.loop import read_to_end
from streams.restricted import PossibleLink, PossibleLinkClosed
from streams.topics import RESOLUTIONS, SHARED_TOPICS, partner_topics
from streams.values import Audience

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from anonymiser.keyring import Keys
    from consumers.network.measures import By
    from consumers.store import Snapshot
    from deploy.evaluate.mentions import Told
    from deploy.evaluate.ties import Pair, TieFile
    from streams.ports import Log, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkEvaluation(NetworkScore):
    """The score of one run and what it came from; `seconds` is wall time up to the judging."""

    possible_links: int
    leaks: int
    reports: int
    seconds: float
    measures: Mapping[str, Any] | None = None
    attack: Sequence[float] | None = None
    removed: Sequence[str] | None = None
    phases: Sequence[Mapping[str, Any]] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name, without those that nobody asked for."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What else to tell of the network that came out."""

    measures: bool = False
    attack: By | None = None


NOTHING_ELSE: Final = Wanted()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left behind: the log, the two views, and files outside the log."""

    log: Log
    keys: Keys
    views: Mapping[Audience, Snapshot]
    files: tuple[Document, ...] = ()
    phases: tuple[Mapping[str, Any], ...] = ()


async def judge(
    file: TieFile, told: Told, outcome: Outcome, seconds: float, wanted: Wanted = NOTHING_ELSE
) -> NetworkEvaluation:
    """Compare what police see with the file, and search everything they see for identifiers."""
    resolved = await Resolved.read(outcome.log)
    ids = AudienceIds(Audience.POLICE, outcome.keys.audience)
    asked = await _asked(outcome.log)
    questions = ((resolved.now(left), resolved.now(right)) for left, right in asked)
    found = _found_pairs(outcome.views[Audience.POLICE])
    mentions = tuple(_resolved_mentions(told, resolved, ids))
    score = score_network(
        file.pairs,
        found,
        mentions,
        [(ids.entity(left), ids.entity(right)) for left, right in questions if left != right],
    )
    return NetworkEvaluation(
        **{item.name: getattr(score, item.name) for item in fields(score)},
        possible_links=len(asked),
        leaks=await _leaks(told, outcome),
        reports=len(told.reports),
        seconds=round(seconds, 1),
        phases=outcome.phases or None,
        **_structure(file, found_edges(found, mentions), wanted),
    )


def _structure(file: TieFile, edges: Sequence[Pair], wanted: Wanted) -> dict[str, Any]:
    told = {"measures": told_measures(file, edges)} if wanted.measures else {}
    if wanted.attack is not None:
        told |= told_attack(file, edges, wanted.attack)
    return told


def _found_pairs(police: Snapshot) -> Mapping[tuple[UUID, UUID], int]:
    return {
        (UUID(row["low_id"]), UUID(row["high_id"])): row["weight"] for row in police.rows(PAIRS)
    }


def _resolved_mentions(
    told: Told, resolved: Resolved, ids: AudienceIds
) -> Iterator[tuple[str, UUID]]:
    for (partner, report_id, node), name in told.mentions.items():
        entity = resolved.entity((partner, report_id, 1, node))
        if entity is not None:
            yield name, ids.entity(entity)


async def _asked(log: Log) -> set[tuple[UUID, UUID]]:
    """Return the pairs of enclave ids that humans are asked about, as they were when asked."""
    asked: set[tuple[UUID, UUID]] = set()
    async for records in read_to_end(log, (RESOLUTIONS,)):
        for record in records:
            _ask(asked, record)
    return asked


def _ask(asked: set[tuple[UUID, UUID]], record: Record) -> None:
    try:
        event = decode(record.value or b"", PossibleLink, PossibleLinkClosed)
    except UnknownSchemaError:  # another decision
        return
    if isinstance(event, PossibleLink):
        asked.add((event.left_id, event.right_id))
    else:
        asked.difference_update({(event.left_id, event.right_id), (event.right_id, event.left_id)})


async def _leaks(told: Told, outcome: Outcome) -> int:
    """Search in a thread: a minute of searching would starve the reader's connection."""
    documents = await documents_outside(told, outcome)
    return await asyncio.to_thread(_count_leaks, told, documents)


async def documents_outside(told: Told, outcome: Outcome) -> list[Document]:
    """Return every byte that anybody outside the enclave can read: records, rows, files."""
    documents = [*outcome.files]
    for audience, view in outcome.views.items():
        documents += _tables(audience, view)
    async for records in read_to_end(outcome.log, _topics_outside(told)):
        documents += (document for record in records for document in records_outside(record))
    return documents


def _count_leaks(told: Told, documents: Iterable[Document]) -> int:
    search = LeakSearch(one for report in told.reports for one in identifiers_of(report))
    return sum(_count(search, document) for document in documents)


def _count(search: LeakSearch, document: Document) -> int:
    return len({leak.path for leak in search.find(document)})


def _topics_outside(told: Told) -> tuple[str, ...]:
    shared = (spec.name for spec in SHARED_TOPICS if is_outside(spec.name))
    owned = (spec.name for body in told.bodies for spec in partner_topics(body.partner))
    return (*shared, *owned)


def _tables(audience: Audience, view: Snapshot) -> Iterable[Document]:
    for table in view.tables:
        text = "\n".join(json.dumps(dict(row), default=str) for row in view.rows(table))
        yield Document(f"{audience} {table.name}", text.encode(), is_text=True)
