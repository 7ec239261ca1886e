"""The traps of the Avro library, each as the bytes and the schema that spring it.

`python -m tests.hostile.avro_traps NAME` walks into one, in a process that it may take along, and
prints what it cost. Source: fastavro 1.13.1 as measured; Avro 1.12 specification.
"""

from __future__ import annotations

import bz2
import io
import json
import resource
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro

MEMORY_BYTES_MAX = 2 << 30
CPU_SECONDS_MAX = 20
BOMB_BYTES = 64 << 20


def long(number):
    """Zigzag, in groups of seven bits."""
    rest, spelt = (number << 1) ^ (number >> 63), bytearray()
    while rest > 0x7F:
        spelt.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*spelt, rest])


def record(field_type, name="Trap"):
    return {"type": "record", "name": name, "fields": [{"name": "x", "type": field_type}]}


RECURSIVE = {
    "type": "record",
    "name": "Deep",
    "fields": [{"name": "inner", "type": ["null", "Deep"]}],
}
ENUM = {"type": "enum", "name": "Code", "symbols": ["A", "B"]}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 2_000_000, "scale": 2}


def decimal(size):
    return long(size) + b"\x7f" * size


def container(codec, packed, items):
    """An Avro file with one block of `items` longs that unpack to nothing but noughts."""
    head = {"avro.schema": json.dumps("long").encode(), "avro.codec": codec}
    pairs = b"".join(long(len(k)) + k.encode() + long(len(v)) + v for k, v in head.items())
    sync = bytes(16)
    block = long(items) + long(len(packed)) + packed + sync
    return b"Obj\x01" + long(len(head)) + pairs + b"\0" + sync + block


def deflated():
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(bytes(BOMB_BYTES)) + packer.flush()


@dataclass(frozen=True)
class Trap:
    """A schema, the bytes, and how much of them the library takes for good."""

    schema: Any
    make: Any
    is_file: bool = False


TRAPS = {
    "a list of fifty million nothings": Trap(
        {"type": "array", "items": "null"}, lambda: long(50_000_000) + b"\0"
    ),
    "a record in itself five thousand deep": Trap(RECURSIVE, lambda: b"\2" * 5_000 + b"\0"),
    "a decimal of forty kilobytes": Trap(DECIMAL, lambda: decimal(40_000)),
    "a decimal of eighty kilobytes": Trap(DECIMAL, lambda: decimal(80_000)),
    "a deflate bomb": Trap(None, lambda: container(b"deflate", deflated(), 1), is_file=True),
    "a bzip2 bomb": Trap(
        None, lambda: container(b"bzip2", bz2.compress(bytes(BOMB_BYTES)), 1), is_file=True
    ),
    "a union branch from the end": Trap(record(["null", "long"]), lambda: long(-1) + long(7)),
    "a code from the end": Trap(record(ENUM), lambda: long(-1)),
    "bytes behind the record": Trap(record("long"), lambda: long(7) + b"more"),
    "an integer of a megabyte": Trap(record("long"), lambda: b"\x80" * (1 << 20) + b"\0"),
    "a key that stands twice": Trap(
        {"type": "map", "values": "long"},
        lambda: long(2) + (long(1) + b"k" + long(1)) + (long(1) + b"k" + long(2)) + b"\0",
    ),
}


def walk_into(trap):
    """Return what the library made of it."""
    data = trap.make()
    if trap.is_file:
        return next(iter(fastavro.reader(io.BytesIO(data))))
    return fastavro.schemaless_reader(io.BytesIO(data), fastavro.parse_schema(trap.schema), None)


def peak_mebibytes():
    """The most that this process ever held; `ru_maxrss` would begin with its parent's."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return int(told.partition("VmHWM:")[2].split()[0]) // 1024


def _main(name):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    before = peak_mebibytes()
    began = time.process_time()
    found = walk_into(TRAPS[name])
    spent = time.process_time() - began
    grown = peak_mebibytes() - before
    told = repr(found) if not isinstance(found, list) else f"{len(found)} items"
    sys.stdout.write(json.dumps({"seconds": spent, "mebibytes": grown, "found": told[:100]}))


if __name__ == "__main__":
    _main(sys.argv[1])
