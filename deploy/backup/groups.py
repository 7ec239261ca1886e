"""Committed positions of consumer groups, by confluent-kafka's admin client.

aiokafka asks by a version of OffsetFetch that cannot say "only what is settled" (KIP-447): of a
transaction under way it would answer with the position before it.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.acls import confluent_options
from deploy.backup.errors import UnsetPositionsError
from streams.errors import BrokerUnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.kafka.access import Access

OURS: Final = "rivelin-"
_SECONDS_MAX: Final = 10.0
_PAUSE_SECONDS: Final = 0.1

GroupPositions = dict[str, dict[str, int]]


class Groups:
    """The consumer groups of one cluster whose names are ours."""

    def __init__(self, access: Access) -> None:
        self._bootstrap = access.bootstrap
        self._admin = AdminClient(confluent_options(access), logger=logging.getLogger("librdkafka"))

    def positions(self) -> GroupPositions | None:
        """Return by group and topic what is committed; None while a transaction is under way.

        Raises: BrokerUnreachableError.
        """
        found: GroupPositions = {}
        for group in self._names():
            settled = self._settled(group)
            if settled is None:
                return None
            if settled:
                found[group] = settled
        return found

    def set(self, positions: Mapping[str, Mapping[str, int]]) -> None:
        """Commit positions for groups without members; a node that just started is waited for.

        Raises: UnsetPositionsError.
        """
        deadline = time.monotonic() + _SECONDS_MAX
        for group, offsets in positions.items():
            while (fault := self._fault_of(group, offsets)) is not None:
                if time.monotonic() > deadline:
                    raise UnsetPositionsError(f"the positions of {group} were refused: {fault}")
                time.sleep(_PAUSE_SECONDS)

    def _fault_of(self, group: str, offsets: Mapping[str, int]) -> str | None:
        """Try once; return the name of what was wrong, None if nothing was."""
        partitions = [TopicPartition(topic, 0, offset) for topic, offset in offsets.items()]
        wanted = [ConsumerGroupTopicPartitions(group, partitions)]
        (answer,) = self._admin.alter_consumer_group_offsets(wanted).values()
        try:
            done = answer.result(_SECONDS_MAX).topic_partitions
        except KafkaException as error:
            return str(error.args[0].name())
        return next((one.error.name() for one in done if one.error is not None), None)

    def _names(self) -> list[str]:
        try:
            listed = self._admin.list_consumer_groups(request_timeout=_SECONDS_MAX).result()
        except KafkaException:
            raise BrokerUnreachableError(f"no broker answers at {self._bootstrap}") from None
        return sorted(one.group_id for one in listed.valid if one.group_id.startswith(OURS))

    def _settled(self, group: str) -> dict[str, int] | None:
        asked = [ConsumerGroupTopicPartitions(group)]
        (answer,) = self._admin.list_consumer_group_offsets(
            asked, require_stable=True, request_timeout=_SECONDS_MAX
        ).values()
        try:
            partitions = answer.result().topic_partitions
        except KafkaException as error:
            if error.args[0].retriable():  # a commit of this group is under way
                return None
            raise
        if any(one.error is not None for one in partitions):
            return None
        return {one.topic: one.offset for one in partitions if one.offset >= 0}
