"""Record batches as no client library would write them, for a partner that wrote its own client.

A batch is built byte by byte (Kafka's message format 2) with a right checksum,
so that the broker finds nothing to say against it from outside.
"""

from __future__ import annotations

import struct
import time

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

_HEAD = struct.Struct(">qiibIhiqqqhii")
_LENGTH_FROM = 12
_CHECKED_FROM = struct.calcsize(">qiibI")
_CHECKSUM_AT = struct.calcsize(">qiib")


def varint(number):
    """Zigzag, in groups of seven bits."""
    rest, spelt = (number << 1) ^ (number >> 63), bytearray()
    while rest > 0x7F:
        spelt.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*spelt, rest])


def sized(data):
    return varint(-1) if data is None else varint(len(data)) + data


def record(value, *, key=None, headers=(), attributes=b"\0", offset=0, raw_headers=None):
    """One record; every part may be a lie."""
    beside = raw_headers
    if beside is None:
        told = b"".join(sized(name) + sized(content) for name, content in headers)
        beside = varint(len(headers)) + told
    body = attributes + varint(0) + varint(offset) + sized(key) + sized(value) + beside
    return varint(len(body)) + body


def batch(*records, attributes=0, count=None, last=None):
    """A batch around records, its checksum right."""
    now = int(time.time() * 1000)
    told = len(records) if count is None else count
    last = max(told - 1, 0) if last is None else last
    body = b"".join(records)
    head = _HEAD.pack(0, 0, -1, 2, 0, attributes, last, now, now, -1, -1, -1, told)
    data = bytearray(head + body)
    struct.pack_into(">i", data, 8, len(data) - _LENGTH_FROM)
    struct.pack_into(">I", data, _CHECKSUM_AT, calc_crc32c(bytes(data[_CHECKED_FROM:])))
    return bytes(data)


class _Ready(BatchBuilder):
    """A batch that is written already."""

    def __init__(self, data, records):
        super().__init__(1 << 20, 0)
        self._buffer, self._relative_offset, self._closed = data, records, True


async def write(access, topic, data, records=1):
    """Send a batch as it is.

    Raises: what the broker says against it.
    """
    producer = AIOKafkaProducer(**access.options(), max_request_size=2 << 20, acks="all")
    await producer.start()
    try:
        sent = await producer.send_batch(_Ready(data, records), topic, partition=0)
        return (await sent).offset
    finally:
        await producer.stop()
