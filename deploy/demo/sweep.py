"""Reads everything outside the enclave of a running home: topics with headers, logs, stores."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from consumers.ocg_network import OcgNetwork
from consumers.safeguarding import Safeguarding
from consumers.store import ProjectionStore, store_path
from deploy.demo.witnesses import files_in, is_outside, records_outside
from deploy.leaks import Document
from streams.kafka.connection import partition_of
from streams.kafka.source import make_consumer
from streams.ports import Record
from streams.topics import SHARED_TOPICS, partner_topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from consumers.projection import Projection
    from deploy.settings import Settings
    from streams.kafka.access import Access

_POLL_MS: Final = 500


async def documents_outside(settings: Settings, partners: Iterable[str]) -> AsyncIterator[Document]:
    """Yield every record, aborted ones too, then every log, every store and what runs."""
    specs = [*SHARED_TOPICS, *(spec for one in partners for spec in partner_topics(one))]
    topics = [spec.name for spec in specs if is_outside(spec.name)]
    async for document in _records(settings.access("supervisor"), topics):
        yield document
    for folder in (settings.logs_dir, settings.run_dir):
        for document in files_in(folder):
            yield Document(document.name, document.data, is_text=True)
    for document in files_in(settings.stores_dir):
        yield document
    for document in rows_of(settings):
        yield document


async def _records(access: Access, topics: Iterable[str]) -> AsyncIterator[Document]:
    consumer = make_consumer(access, "rivelin-demo-sweep", isolation="read_uncommitted")
    await consumer.start()
    try:
        partitions = [partition_of(topic) for topic in topics]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for messages in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                for message in messages:
                    for document in _shown(message):
                        yield document
    finally:
        await consumer.stop()


def _shown(message: Any) -> Iterator[Document]:  # noqa: ANN401 - aiokafka has no types
    name = f"{message.topic} {message.offset}"
    headers = b"\n".join(key.encode() + b"=" + value for key, value in message.headers)
    if headers:
        yield Document(f"{name} headers", headers, is_text=True)
    at = datetime.fromtimestamp(message.timestamp / 1_000, UTC)
    yield from records_outside(
        Record(message.topic, message.offset, at, message.key, message.value)
    )


def rows_of(settings: Settings) -> Iterator[Document]:
    """Yield the rows of both projections as text, table by table."""
    for projection in (OcgNetwork(), Safeguarding()):
        yield from _rows(settings, projection)


def _rows(settings: Settings, projection: Projection) -> Iterator[Document]:
    path = store_path(settings.stores_dir, projection)
    store = ProjectionStore.look(path, projection)
    try:
        with store.snapshot() as view:
            for table in view.tables:
                lines = (json.dumps(row, ensure_ascii=False) for row in view.rows(table))
                text = "\n".join(lines).encode()
                yield Document(f"{path.name} {table.name}", text, is_text=True)
    finally:
        store.close()
