"""Every byte that a run leaves behind: topics, files, stores, logs, what commands print.

A document's name begins with its zone, so that a finding says where it lies.
"""

from __future__ import annotations

import dataclasses
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deploy.backup.cut import spec_of
from deploy.backup.records import classes_of
from deploy.leaks import Document
from streams.codec import decode
from streams.errors import DecodeError
from streams.hints import is_record
from streams.kafka.connection import partition_of
from streams.kafka.source import make_consumer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
    from pathlib import Path

    from deploy.settings import Settings

POLL_MS = 300


@dataclass(frozen=True)
class Shown:
    """What one command printed."""

    command: str
    text: str = field(repr=False)


async def documents(settings: Settings, shown: Iterable[Shown] = ()) -> AsyncIterator[Document]:
    """Yield everything, aborted records and the enclave's own too; keys of the enclave as well."""
    async for document in records(settings):
        yield document
    for one in shown:
        yield Document(f"screen {one.command}", one.text.encode(), is_text=True)
    for document in files_of(settings.home):
        yield document


def files_of(home: Path) -> Iterator[Document]:
    """Yield every file of the home: stores, logs, what runs, and the broker's own files."""
    for path in sorted(home.rglob("*")):
        with suppress(FileNotFoundError, IsADirectoryError):
            name = str(path.relative_to(home))
            is_text = path.suffix in (".log", ".json", ".jsonl", ".properties", ".pem")
            if name.startswith("kafka/data/"):  # segments: as they lie on the disk
                is_text = False
            # Indexes are ten megabytes each from the start, nearly all of them noughts.
            yield Document(f"file {name}", path.read_bytes().rstrip(b"\0"), is_text=is_text)


async def records(settings: Settings, topics: Sequence[str] = ()) -> AsyncIterator[Document]:
    """Yield every record of these topics, aborted ones too; of all of ours without a name."""
    consumer = make_consumer(
        settings.access("supervisor"), "rivelin-test-leaks", isolation="read_uncommitted"
    )
    await consumer.start()
    try:
        known = topics or sorted(await consumer.topics())
        names = [name for name in known if spec_of(name) is not None]
        partitions = [partition_of(name) for name in names]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for messages in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                for message in messages:
                    for document in _of(message):
                        yield document
    finally:
        await consumer.stop()


def _of(message: Any) -> Iterator[Document]:
    """A record as bytes, beside it key and headers, and decoded with what is text in it."""
    name = f"topic {message.topic} {message.offset}"
    beside = [message.key or b""]
    for header, value in message.headers:
        beside += (header.encode(), value or b"")
    if any(beside):
        yield Document(f"{name} beside", b"\n".join(beside), is_text=True)
    if message.value is not None:
        yield Document(name, message.value)
        if (text := _decoded(message.topic, message.value)) is not None:
            yield Document(f"{name} decoded", text, is_text=True)


def _decoded(topic: str, value: bytes) -> bytes | None:
    spec = spec_of(topic)
    try:
        event = decode(value, *classes_of(spec)) if spec is not None else None
    except DecodeError:
        return None
    return None if event is None else json.dumps(_plain(event), default=str).encode()


def _plain(value: Any) -> Any:
    """Without bytes: random letters in which a short word turns up, and searched as they are."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return None
    if not is_record(type(value)):
        return value
    return {
        one.name: _plain(getattr(value, one.name))
        for one in dataclasses.fields(value)
        if not isinstance(getattr(value, one.name), bytes)
    }
