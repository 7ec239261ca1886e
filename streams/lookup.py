"""Read one record of a log by its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.errors import RetentionGapError
from streams.loop import IDLE_WAIT

if TYPE_CHECKING:
    from streams.ports import Log, Record


async def record_at(log: Log, topic: str, offset: int) -> Record | None:
    """Return the committed record at an offset; None if there is none there (any longer).

    Raises: MissingTopicError, BrokerUnreachableError; a log that does not answer never reads
    as one that holds nothing.
    """
    found = await first_from(log, topic, offset)
    return found if found is not None and found.offset == offset else None


async def first_from(log: Log, topic: str, offset: int) -> Record | None:
    """Return the first committed record from an offset on; None at the end of the topic.

    Raises: as `record_at`.
    """
    end = (await log.ends((topic,)))[topic]
    source = log.source()
    try:
        await source.start({topic: offset})
        while source.position(topic) < end:
            if records := await source.poll(1, IDLE_WAIT):
                return records[0]
    except RetentionGapError:
        return None
    finally:
        await source.stop()
    return None
