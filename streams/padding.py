"""Size classes: what is padded to one tells by its length only which class it is in.

Powers of two up to a bound, above it whole multiples of the bound, so that a
large text is not doubled. Pure; used where something leaves a zone.
"""

from __future__ import annotations

from typing import Final

#: Up to here classes are powers of two; 64 KiB is more than nearly every record.
POWERS_UNTIL_BYTES: Final = 65_536
#: Above it one class follows the other at this distance.
STEP_BYTES: Final = 8_192


def size_class(size: int, smallest: int) -> int:
    """Return the least class that `size` bytes fit into; `smallest` is a power of two."""
    if size > POWERS_UNTIL_BYTES:
        return -(-size // STEP_BYTES) * STEP_BYTES
    return max(smallest, 1 << max(0, size - 1).bit_length())
