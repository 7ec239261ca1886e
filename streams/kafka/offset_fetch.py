"""Mends aiokafka 0.14: "still loading" must not read as "nothing was ever committed".

From version 2 on an OffsetFetch answer carries an error for the whole group
beside the errors of single partitions; aiokafka asks by version 3 and looks
at the latter only. For a fraction of a second after a broker has come back
the answer is COORDINATOR_LOAD_IN_PROGRESS with no partition in it (measured
on Kafka 4.3.1), and every committed position would read as absent: a stage
would begin anew at 0. With the error raised, aiokafka's own loop asks again.
"""

from __future__ import annotations

from typing import Any, Final

from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import NotCoordinatorForGroupError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest

_MENDED: Final = "_rivelin_sees_group_errors"


def mend_offset_fetch() -> None:
    """Have every consumer of this process see the error; doing it twice is doing it once."""
    if getattr(GroupCoordinator, _MENDED, False):
        return
    send = GroupCoordinator._send_req  # noqa: SLF001 - the one place where every answer passes

    async def send_and_look(coordinator: Any, request: Any) -> Any:  # noqa: ANN401 - aiokafka has no types
        response = await send(coordinator, request)
        if isinstance(request, OffsetFetchRequest):
            _raise_group_error(coordinator, response)
        return response

    GroupCoordinator._send_req = send_and_look  # noqa: SLF001 - the same
    setattr(GroupCoordinator, _MENDED, True)


def _raise_group_error(coordinator: Any, response: Any) -> None:  # noqa: ANN401 - aiokafka has no types
    code = getattr(response, "error_code", 0)
    if not code:
        return
    error = for_code(code)
    if error is NotCoordinatorForGroupError:
        coordinator.coordinator_dead()
    raise error
