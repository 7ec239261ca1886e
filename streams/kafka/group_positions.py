"""How far a group has committed, asked by somebody who is no member of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streams.kafka.connection import PATIENCE, answered, close, connect, partition_of
from streams.kafka.source import make_consumer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

    from aiokafka import AIOKafkaConsumer

    from streams.kafka.access import Access
    from streams.ports import Positions

_CLIENT: Final = "rivelin-positions"


class GroupPositions:
    """Asks a broker anew each time; it takes the permission to describe the group, no more."""

    def __init__(self, access: Access, patience: timedelta = PATIENCE) -> None:
        self._access = access
        self._patience = patience

    async def __call__(self, group: str, topics: Sequence[str]) -> Positions:
        """Return the committed position of each topic that has one.

        Raises: BrokerUnreachableError, LogError.
        """
        consumer = await connect(
            lambda: make_consumer(self._access, _CLIENT, group), self._access, self._patience
        )
        try:
            return await answered(_committed(consumer, topics), "reading positions")
        finally:
            await close(consumer)


async def _committed(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> dict[str, int]:
    found = {topic: await consumer.committed(partition_of(topic)) for topic in topics}
    return {topic: offset for topic, offset in found.items() if offset is not None}
