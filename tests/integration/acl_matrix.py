"""Reads the hand-written matrix, and asks a broker for one cell of it at a time."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import (
    AlterConfigsRequest,
    CreateTopicsRequest,
    DeleteAclsRequest,
    DeleteTopicsRequest,
)
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

FILE = Path(__file__).with_suffix(".txt")
PRINCIPALS = {
    "adm": "administrator", "key": "keys", "ano": "anonymiser", "lin": "linker", "gat": "gate",
    "dsk": "desk", "dut": "duty", "era": "eraser", "rec": "reconciler", "pol": "police",
    "dis": "disruption", "saf": "safeguarding", "met": "meters", "aud": "audit",
    "loxley": "partner:loxley-homes",
    "school": "partner:owlerton-school",
}  # fmt: skip
PARTNERS = ("loxley-homes", "owlerton-school")
#: topic, group, transactional id, cluster: how each is refused.
REFUSED = {29, 30, 31, 53}
_NOT_YET = {14, 15, 16, 51}  # a coordinator that loads, moves, or ends an earlier transaction
_NODE = 1
_PATIENCE_SECONDS = 20
_TOPIC, _ANY, _LITERAL = 2, 1, 3


@dataclass(frozen=True, order=True)
class Cell:
    principal: str
    kind: str
    name: str
    operation: str


def cells(text=None):
    """Return every cell and whether it is expected to be allowed."""
    found = {}
    for kind, columns, name, marks in _rows(FILE.read_text() if text is None else text):
        for column, mark in zip(columns, marks, strict=True):
            for operation, is_allowed in _ASKED[kind](mark):
                found[Cell(PRINCIPALS[column], kind, name, operation)] = is_allowed
    return found


def _rows(text):
    kind, columns = None, []
    for line in text.replace("\\\n", " ").splitlines():
        head, *rest = line.split() or [""]
        if rest[-len(PRINCIPALS) :] == list(PRINCIPALS):
            kind = " ".join([head, *rest[: -len(PRINCIPALS)]])
            columns = rest[-len(PRINCIPALS) :]
        elif kind is not None and len(rest) == len(columns):
            yield kind, columns, head, rest


def _one_of(*pairs):
    """For each operation the letters that allow it."""
    letters = {letter for _, allowing in pairs for letter in allowing}

    def read(mark):
        if set(mark) - letters - {"-"}:
            raise ValueError(f"no such mark: {mark}")
        return [(operation, bool(set(mark) & set(allowing))) for operation, allowing in pairs]

    return read


_ASKED = {
    "TOPICS": _one_of(("describe", "WRD"), ("read", "R"), ("write", "W")),
    "TRANSACTIONAL IDS": _one_of(("write", "W")),
    "GROUPS": _one_of(("describe", "RD"), ("read", "R")),
    "CREATE": _one_of(("create", "C")),
    "DELETE": _one_of(("delete", "")),
    "ALTER": _one_of(("alter", "")),
    "CLUSTER": _one_of(("alter", "P")),
}


class Asker:
    """One principal's connection: sends raw requests, so that each asks for one thing only."""

    def __init__(self, client):
        self._client = client

    async def answers(self, asked):
        """Return for each cell whether the broker allowed it."""
        by_question = defaultdict(list)
        for cell in asked:
            by_question[cell.kind, cell.operation].append(cell.name)
        found = {}
        for (kind, operation), names in by_question.items():
            ask = getattr(self, f"_{operation}_{kind.split()[0].lower()}")
            for name, code in (await ask(names)).items():
                found[kind, name, operation] = code not in REFUSED
        return found

    async def _send(self, request):
        return await self._client.send(_NODE, request)

    async def _describe_topics(self, names):
        response = (
            await self._send(MetadataRequest(names, allow_auto_topic_creation=False))
        ).to_object()
        return {one["topic"]: one["error_code"] for one in response["topics"]}

    async def _read_topics(self, names):
        wanted = [(name, [(0, 0, 1_000)]) for name in names]
        response = await self._send(FetchRequest(0, 0, 100_000, 0, wanted))
        return {topic: partitions[0][1] for topic, partitions in response.topics}

    async def _write_topics(self, names):
        batch = DefaultRecordBatchBuilder(
            magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1,
            base_sequence=-1, batch_size=1_000,
        )  # fmt: skip
        batch.append(0, timestamp=int(time.time() * 1000), key=b"k", value=b"v", headers=[])
        data = bytes(batch.build())
        topics = [(name, [(0, data)]) for name in names]
        response = await self._send(ProduceRequest(None, -1, 10_000, topics))
        return {topic: partitions[0][1] for topic, partitions in response.topics}

    async def _write_transactional(self, names):
        return {name: await self._settled(InitProducerIdRequest(name, 10_000)) for name in names}

    async def _describe_groups(self, names):
        return {name: await self._settled(OffsetFetchRequest(name, [])) for name in names}

    async def _read_groups(self, names):
        return {name: await self._settled(HeartbeatRequest(name, 0, "nobody")) for name in names}

    async def _settled(self, request):
        """Ask until the coordinator is there; what it then says is the answer."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (code := (await self._send(request)).error_code) in _NOT_YET:
            assert time.monotonic() < deadline, f"no coordinator: {request!r} {code}"
        return code

    async def _create_create(self, names):
        topics = [(name, 1, 1, [], []) for name in names]
        response = await self._send(CreateTopicsRequest(topics, 5_000, True))  # noqa: FBT003 - validate only
        return {one[0]: one[1] for one in response.topic_errors}

    async def _delete_delete(self, names):
        response = await self._send(DeleteTopicsRequest(names, 5_000))
        return dict(response.topic_error_codes)

    async def _alter_alter(self, names):
        resources = [(_TOPIC, name, [("retention.ms", "1000")]) for name in names]
        response = await self._send(AlterConfigsRequest(resources, True))  # noqa: FBT003 - validate only
        return {name: code for code, _, _, name in response.resources}

    async def _alter_cluster(self, names):
        """Take away a permission that nobody has: it asks for the same as setting one."""
        request = DeleteAclsRequest(_TOPIC, "of-nobody", _LITERAL, "User:nobody", "*", _ANY, _ANY)
        response = await self._send(request)
        return dict.fromkeys(names, response.filter_responses[0][0])


@asynccontextmanager
async def asker(access):
    client = AIOKafkaClient(**access.options(), client_id="acl-matrix")
    await client.bootstrap()
    try:
        yield Asker(client)
    finally:
        await client.close()
