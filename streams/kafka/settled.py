"""What no transaction holds any more: decided positions, topics that can be read to their end.

A broker answers a commit before its markers are written, and a broker that is killed in between
may forget to write them (docs/adr/0011). Until `streams.kafka.open_transactions` has mended that,
nobody may build on a position that is still held, or write behind records that are.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from aiokafka.errors import KafkaError, for_code

from streams.errors import LogError, OpenTransactionError
from streams.kafka.requests import NO_TAGS, FetchPositions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiokafka import AIOKafkaConsumer

    from streams.ports import Positions

#: A dead writer's open transaction blocks its readers for as long, unless a successor fences it.
TRANSACTION_TIMEOUT: Final = timedelta(seconds=10)
#: No healthy transaction is open for longer: its time, and the ten seconds after which a broker
#: with Kafka's defaults looks for those that are overdue, and some for the abort itself.
HELD_MAX: Final = timedelta(seconds=25)
_LOOK_SECONDS: Final = 0.05
_STABLE: Final = True
_UNSTABLE_OFFSET_COMMIT: Final = 88


async def settled_positions(
    consumer: AIOKafkaConsumer, group: str, topics: Iterable[str]
) -> dict[str, int]:
    """Return the committed positions of a group, once no transaction holds one of them.

    Topics without a position are absent.
    Raises: OpenTransactionError, LogError, KafkaError.
    """
    asked = [(topic, [0], NO_TAGS) for topic in topics]
    deadline = time.monotonic() + HELD_MAX.total_seconds()
    while True:
        found = await _fetch(consumer, group, asked)
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise OpenTransactionError(f"a transaction that nobody ends holds positions of {group}")
        await asyncio.sleep(_LOOK_SECONDS)


async def _fetch(consumer: AIOKafkaConsumer, group: str, asked: list[Any]) -> dict[str, int] | None:
    """Ask once; None if it is not decided, or the coordinator is still loading or moving."""
    request = FetchPositions(group, asked, _STABLE)
    coordinator = consumer._coordinator  # noqa: SLF001 - nothing public fetches by this version
    await coordinator.ensure_coordinator_known()
    try:
        answer = await coordinator._send_req(request)  # noqa: SLF001 - the same
        return _decided(answer)
    except KafkaError as error:
        if not error.retriable:
            raise
        coordinator.coordinator_dead()
        return None


def _decided(answer: Any) -> dict[str, int] | None:  # noqa: ANN401 - aiokafka has no types
    found: dict[str, int] = {}
    _raise_for(answer.error)
    for topic, partitions, _ in answer.topics:
        ((_, offset, _, _, error, _),) = partitions
        if error == _UNSTABLE_OFFSET_COMMIT:
            return None
        _raise_for(error)
        if offset >= 0:
            found[topic] = offset
    return found


def _raise_for(code: int) -> None:
    if code == 0:
        return
    error = for_code(code)
    if error is KafkaError:  # aiokafka has no name for it
        raise LogError(f"reading positions: Kafka's error {code}")
    raise error


class HeldUp:
    """For how long the committed end of each topic has stood before records that are written."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[int, float]] = {}

    def note(self, committed: Positions, written: Positions, now: float) -> None:
        """Take in a look at the ends, at a monotonic time in seconds."""
        held = {topic: end for topic, end in committed.items() if end < written[topic]}
        self._since = {
            topic: (end, self._since[topic][1])
            if topic in self._since and self._since[topic][0] == end
            else (end, now)
            for topic, end in held.items()
        }

    def longer_than(self, limit: timedelta, now: float) -> Mapping[str, timedelta]:
        """Return the topics that have stood for longer, and for how long."""
        stood = {topic: timedelta(seconds=now - since) for topic, (_, since) in self._since.items()}
        return {topic: time_ for topic, time_ in stood.items() if time_ > limit}
