"""What the enclave tells a partner: the keys to seal to, and the feedback on what was sent."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias, TypeVar

from producers.sdk.receipts import Receipt, Unanswered
from producers.sdk.trust import NoSealingKeyError, TrustedKeys
from streams import codec
from streams.errors import DecodeError, RivelinError
from streams.restricted import SealingKeyPublished
from streams.shared import (
    ON_FEEDBACK,
    FeedbackGiven,
    MessageGiven,
    MeterTold,
    NoticeCorrected,
    NoticeGiven,
    QuestionPut,
    UsageTold,
)
from streams.topics import PUBLIC_KEYS

if TYPE_CHECKING:
    from producers.sdk.submission import Submission
    from streams.ports import Log, Record, Source
    from streams.sealing import SealingPublicKey

Callback: TypeAlias = Callable[[Receipt], Awaitable[None] | None]
CallbackT = TypeVar("CallbackT", bound=Callback)

_POLL: Final = timedelta(milliseconds=500)
_POLL_LIMIT: Final = 500
_RECONNECT_SECONDS: Final = 1.0
_CANCEL_AGAIN_SECONDS: Final = 0.1
#: A system that has just started publishes its first key within this time.
_FIRST_KEY_SECONDS: Final = 5.0

_logger = logging.getLogger(__name__)


class Inbox:
    """One reader of public keys (from the start) and of feedback (from now on)."""

    def __init__(self, log: Log, feedback_topic: str, fingerprint: str | None) -> None:
        self.unanswered: Unanswered[Submission] = Unanswered()
        self.callbacks: list[Callback] = []
        self._log = log
        self._feedback_topic = feedback_topic
        self._keys = TrustedKeys(fingerprint)
        self._keys_came = asyncio.Event()
        self._positions: dict[str, int] = {}
        self._reading: asyncio.Task[None] | None = None
        self._source: Source | None = None

    async def start(self) -> None:
        """Read the keys there are, then go on reading in the background.

        Raises: BrokerUnreachableError, MissingTopicError.
        """
        ends = await self._log.ends((PUBLIC_KEYS, self._feedback_topic))
        self._positions = {PUBLIC_KEYS: 0, self._feedback_topic: ends[self._feedback_topic]}
        self._source = source = await self._connect()
        while source.position(PUBLIC_KEYS) < ends[PUBLIC_KEYS]:
            await self._turn(source)
        self._reading = asyncio.create_task(self._read(source), name="partner-inbox")

    async def stop(self) -> None:
        """Read no more; harmless when never started."""
        reading, self._reading = self._reading, None
        # Asked again, because `asyncio.wait_for` of Python 3.11 can swallow one cancellation.
        while reading is not None and not reading.done():
            reading.cancel()
            await asyncio.wait((reading,), timeout=_CANCEL_AGAIN_SECONDS)
        source, self._source = self._source, None
        if source is not None:  # the task closes it on its way, if it was ever on its way
            await source.stop()

    async def sealing_key(self) -> SealingPublicKey:
        """Return the key to seal to now; wait a little for a system that has just started.

        Raises: NoSealingKeyError, UntrustedKeyError.
        """
        with contextlib.suppress(NoSealingKeyError):
            return self._keys.current(datetime.now(UTC))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._a_key_came(), _FIRST_KEY_SECONDS)
        return self._keys.current(datetime.now(UTC))

    async def _a_key_came(self) -> None:
        self._keys_came.clear()
        await self._keys_came.wait()

    async def _connect(self) -> Source:
        source = self._log.source()
        try:
            await source.start(self._positions)
        except BaseException:
            await source.stop()
            raise
        return source

    async def _read(self, source: Source) -> NoReturn:
        """Go on for ever: a reader that failed is replaced by one that starts where it was."""
        while True:
            try:
                await self._read_until_failure(source)
            except Exception as error:  # noqa: BLE001 - whatever ended it, feedback must go on
                _logger.warning("reading failed (%s), connecting anew", type(error).__name__)
            self._source = source = await self._reconnect()

    async def _reconnect(self) -> Source:
        while True:
            await asyncio.sleep(_RECONNECT_SECONDS)
            with contextlib.suppress(RivelinError):
                return await self._connect()

    async def _read_until_failure(self, source: Source) -> NoReturn:
        try:
            while True:
                await self._turn(source)
        finally:
            await source.stop()

    async def _turn(self, source: Source) -> None:
        for record in await source.poll(_POLL_LIMIT, _POLL):
            await self._take(record)
        self._positions = {topic: source.position(topic) for topic in self._positions}

    async def _take(self, record: Record) -> None:
        if record.topic == PUBLIC_KEYS:
            self._take_key(record)
        elif (receipt := receipt_in(record)) is not None:
            self._answer(receipt)
            for callback in tuple(self.callbacks):
                await _call(callback, receipt)

    def _take_key(self, record: Record) -> None:
        if record.value is None:
            return
        try:
            self._keys.apply(codec.decode(record.value, SealingKeyPublished))
        except DecodeError as error:
            _logger.warning("a published key at %d is unreadable: %s", record.offset, error.code)
        self._keys_came.set()

    def _answer(self, receipt: Receipt) -> None:
        submission = self.unanswered.match(receipt)
        if submission is None:
            return
        submission.answer(receipt)
        if receipt.is_final:
            self.unanswered.forget(submission)


def receipt_in(record: Record) -> Receipt | None:
    """Return the receipt a feedback record holds, None if it holds none."""
    event = _feedback_in(record)
    return Receipt.of(event, record.offset) if isinstance(event, FeedbackGiven) else None


def question_in(record: Record) -> QuestionPut | None:
    """Return what a feedback record says of a question, None if it says nothing of one."""
    event = _feedback_in(record)
    return event if isinstance(event, QuestionPut) else None


def usage_in(record: Record) -> UsageTold | None:
    """Return what a feedback record says of a week's use, None if it says nothing of one."""
    event = _feedback_in(record)
    return event if isinstance(event, UsageTold) else None


def meter_in(record: Record) -> MeterTold | None:
    """Return a week's meters that a feedback record tells, None if it tells none."""
    event = _feedback_in(record)
    return event if isinstance(event, MeterTold) else None


def hub_notice_in(record: Record) -> NoticeGiven | NoticeCorrected | None:
    """Return what a feedback record says of a notice, None if it says nothing of one."""
    event = _feedback_in(record)
    return event if isinstance(event, NoticeGiven | NoticeCorrected) else None


def message_in(record: Record) -> MessageGiven | None:
    """Return the message of another holder that a feedback record holds, None if it holds none."""
    event = _feedback_in(record)
    return event if isinstance(event, MessageGiven) else None


def _feedback_in(record: Record) -> object | None:
    """Decode a record of the feedback topic; warn of one that cannot be read."""
    if record.value is None:
        return None
    try:
        event: object = codec.decode(record.value, *ON_FEEDBACK)
    except DecodeError as error:
        _logger.warning("feedback at %d is unreadable: %s", record.offset, error.code)
        return None
    return event


async def _call(callback: Callback, receipt: Receipt) -> None:
    try:
        result = callback(receipt)
        if inspect.isawaitable(result):
            await result
    except Exception as error:  # noqa: BLE001 - the partner's own code must not deafen the client
        _logger.error("a feedback callback failed: %s", type(error).__name__)  # noqa: TRY400 - a trace may quote a report
