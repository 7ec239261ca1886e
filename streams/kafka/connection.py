"""Connecting with patience, failing with our own errors, and keeping the library's log short."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidProducerEpoch,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.protocol.metadata import MetadataRequest

from streams.errors import (
    BrokerUnreachableError,
    FencedError,
    LogError,
    MissingTopicError,
    NotPermittedError,
)
from streams.kafka.refusal import require_let_in
from streams.line_rate import LineRate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from streams.kafka.access import Access

PATIENCE: Final = timedelta(seconds=30)
REQUEST_TIMEOUT_MS: Final = 15_000
#: One message; enclave records carry the sealed submission and more (streams/topics.py).
REQUEST_BYTES_MAX: Final = 1_200_000
BATCH_BYTES_MAX: Final = 200_000
_FIRST_RETRY_SECONDS: Final = 0.1
_RETRY_SECONDS_MAX: Final = 1.0
_TOPIC_PATIENCE_SECONDS: Final = 2.0
_STOP_SECONDS_MAX: Final = 1.5
#: How a broker refuses what somebody it knows may not do.
REFUSALS: Final = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
NOT_PERMITTED: Final = (
    "not permitted to this certificate; was it revoked? `rivelin pki list` shows its standing"
)


class Client(Protocol):
    """What an aiokafka consumer and producer have in common."""

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Disconnect."""


ClientT = TypeVar("ClientT", bound=Client)


async def connect(make: Callable[[], ClientT], access: Access, patience: timedelta) -> ClientT:
    """Start a client, waiting for a broker that is not there yet.

    Raises: BrokerUnreachableError if none answers within `patience`; NotLetInError at once, for
    no waiting mends a certificate; NotPermittedError.
    """
    deadline = time.monotonic() + patience.total_seconds()
    pause = _FIRST_RETRY_SECONDS
    while True:
        client = make()
        try:
            await asyncio.wait_for(client.start(), max(deadline - time.monotonic(), pause))
        except (KafkaConnectionError, KafkaTimeoutError, TimeoutError, OSError):
            await close(client)
            await require_let_in(access)
            if time.monotonic() + pause > deadline:
                raise BrokerUnreachableError(f"no broker answers at {access.bootstrap}") from None
        except REFUSALS as error:  # so a producer hears that there is no topic it may write
            await close(client)
            raise NotPermittedError(f"entering: {NOT_PERMITTED}") from error
        except BaseException:
            await close(client)
            raise
        else:
            return client
        await asyncio.sleep(pause)
        pause = min(2 * pause, _RETRY_SECONDS_MAX)


async def close(client: Client | None) -> None:
    """Stop a client for good; without a broker it is left to the end of the process."""
    if client is None:
        return
    with contextlib.suppress(KafkaError, TimeoutError, OSError):
        try:
            await asyncio.wait_for(client.stop(), _STOP_SECONDS_MAX)
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise  # else it is one of the client's own tasks, cancelled while it was closing


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def require_topics(client: Any, topics: Iterable[str]) -> None:  # noqa: ANN401 - aiokafka has no types
    """Make sure that topics exist; a new one may take a moment to be known everywhere.

    Raises: MissingTopicError naming those that do not, NotPermittedError naming those that we
    may not see.
    """
    deadline = time.monotonic() + _TOPIC_PATIENCE_SECONDS
    while missing := set(topics) - (await client.fetch_all_metadata()).topics():
        if time.monotonic() > deadline:
            await _require_permitted(client, missing)
            raise MissingTopicError(f"no such topic: {', '.join(sorted(missing))}")
        await asyncio.sleep(_FIRST_RETRY_SECONDS)


async def _require_permitted(client: Any, topics: Iterable[str]) -> None:  # noqa: ANN401 - the same
    """A topic that we may not see is in no list; asked for by name it is refused."""
    request = MetadataRequest(sorted(topics), allow_auto_topic_creation=False)
    answer = await client.send(client.get_random_node(), request)
    told = answer.to_object()["topics"]
    refused = [
        one["topic"] for one in told if one["error_code"] == TopicAuthorizationFailedError.errno
    ]
    if refused:
        raise NotPermittedError(f"{', '.join(refused)}: {NOT_PERMITTED}")


async def answered(request: Awaitable[ClientResult], what: str) -> ClientResult:
    """Await a request to the broker; its errors become ours, named by class and never by value."""
    try:
        return await request
    except (KafkaConnectionError, KafkaTimeoutError) as error:
        raise BrokerUnreachableError(f"the broker did not answer: {what}") from error
    except (ProducerFenced, InvalidProducerEpoch) as error:
        raise FencedError(f"{what}: another process took over") from error
    except REFUSALS as error:
        raise NotPermittedError(f"{what}: {NOT_PERMITTED}") from error
    except KafkaError as error:
        raise LogError(f"{what}: {type(error).__name__}") from error


ClientResult = TypeVar("ClientResult")


def partition_of(topic: str) -> TopicPartition:
    """Return the one partition that every topic of ours has."""
    return TopicPartition(topic, 0)


#: One for all loggers of the library: it tells them apart by itself.
_LINE_RATE: Final = LineRate(time.monotonic)


def keep_quiet() -> None:
    """Hold aiokafka to warnings (below that it logs keys and values), each to a line a second."""
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    for name in list(logging.root.manager.loggerDict):
        if name == "aiokafka" or name.startswith("aiokafka."):
            logging.getLogger(name).addFilter(_LINE_RATE)
