"""Takes the markers of a transaction off the disk, as a node that forgot to write them leaves it.

What a kill does once in some dozen times (docs/adr/0011), done at will: the log of a partition
then ends before the marker, while `__transaction_state` has the transaction as complete. The same
state, read from a node that was hit by chance, is what `tests.crash.forgetful` waits for.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = struct.Struct(">qi")  # base offset, length of what follows
_ATTRIBUTES_AT = 21
_IS_CONTROL = 0x20


def forget_marker(partition: Path) -> None:
    """Cut the last batch, which must be a marker, off a partition of a node that was killed."""
    segment = max(partition.glob("*.log"))
    data = segment.read_bytes()
    start = _last_batch(data)
    (attributes,) = struct.unpack_from(">h", data, start + _ATTRIBUTES_AT)
    if not attributes & _IS_CONTROL:
        raise ValueError(f"{partition.name} does not end with a marker")
    with segment.open("r+b") as file:
        file.truncate(start)
    for remembered in (*partition.glob("*.snapshot"), *partition.glob("*index")):
        remembered.unlink()  # the node makes them anew from the log


def _last_batch(data: bytes) -> int:
    start = following = 0
    while following + _HEAD.size < len(data) and data[following + 16] == 2:
        start = following
        _, length = _HEAD.unpack_from(data, start)
        following = start + _HEAD.size + length
    return start


def partitions_with_markers(data: Path, topics: tuple[str, ...]) -> list[Path]:
    """Return the folders of these topics' partitions that end with a marker."""
    folders = [folder for topic in topics for folder in data.glob(f"{topic}-[0-9]*")]
    return [folder for folder in folders if _ends_with_marker(folder)]


def _ends_with_marker(partition: Path) -> bool:
    data = max(partition.glob("*.log")).read_bytes()
    if len(data) < _HEAD.size:
        return False
    (attributes,) = struct.unpack_from(">h", data, _last_batch(data) + _ATTRIBUTES_AT)
    return bool(attributes & _IS_CONTROL)
