from __future__ import annotations

from types import SimpleNamespace

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import GroupLoadInProgressError, NotCoordinatorForGroupError
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.structs import TopicPartition

import streams.kafka  # noqa: F401 - mends on import
from streams.kafka.offset_fetch import mend_offset_fetch

LOADING, NOT_HERE = 14, 16
PARTITION = TopicPartition("partner.loxley.submissions", 0)


class Coordinator(GroupCoordinator):
    """One that asks a list of answers instead of a broker."""

    def __init__(self, *answers) -> None:
        self.group_id, self.coordinator_id, self._retry_backoff_ms = "group", 1, 1
        self.deaths = 0
        self._answers = iter(answers)
        self._client = SimpleNamespace(send=self._answer)

    async def _answer(self, node, request, *, group):
        assert isinstance(request, OffsetFetchRequest)
        return next(self._answers)

    async def ensure_coordinator_known(self) -> None:
        self.coordinator_id = 1

    def coordinator_dead(self) -> None:
        self.deaths += 1


def answer(error_code=0, *, offset=None):
    partitions = [] if offset is None else [(0, offset, "", 0)]
    return SimpleNamespace(topics=[(PARTITION.topic, partitions)], error_code=error_code)


async def test_a_group_that_is_still_loading_is_asked_again():
    coordinator = Coordinator(answer(LOADING), answer(LOADING), answer(offset=416))
    found = await coordinator.fetch_committed_offsets([PARTITION])
    assert found[PARTITION].offset == 416


async def test_a_group_that_has_moved_is_looked_for_and_asked_again():
    coordinator = Coordinator(answer(NOT_HERE), answer(offset=7))
    found = await coordinator.fetch_committed_offsets([PARTITION])
    assert (found[PARTITION].offset, coordinator.deaths) == (7, 1)


async def test_a_group_without_a_commit_has_none():
    assert await Coordinator(answer(offset=-1)).fetch_committed_offsets([PARTITION]) == {}


def test_mending_twice_is_mending_once():
    before = GroupCoordinator._send_req
    mend_offset_fetch()
    assert GroupCoordinator._send_req is before


def test_both_errors_are_ones_that_the_library_retries():
    assert GroupLoadInProgressError.retriable
    assert NotCoordinatorForGroupError.retriable


@pytest.mark.parametrize("code", [LOADING, NOT_HERE])
async def test_the_error_of_a_group_is_raised(code):
    with pytest.raises((GroupLoadInProgressError, NotCoordinatorForGroupError)):
        await Coordinator(answer(code))._do_fetch_commit_offsets([PARTITION])
