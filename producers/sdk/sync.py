"""The same client for code without asyncio: it runs in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from producers.sdk.partner import IN_FLIGHT_MAX, PATIENCE, Partner
from producers.sdk.submission import RECEIPT_WAIT, Rejected, Submission

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
    from datetime import timedelta
    from types import TracebackType
    from uuid import UUID

    from producers.sdk.inbox import CallbackT
    from producers.sdk.notices import Message, Notice
    from producers.sdk.partner import ReportLike
    from producers.sdk.questions import Question
    from producers.sdk.receipts import Receipt
    from streams.codes import PreventionCode
    from streams.kafka import Credentials
    from streams.ports import Log
    from streams.shared import MeterTold, UsageTold
    from streams.values import Answer, WithdrawalReason

T = TypeVar("T")


class _Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="partner-sdk", daemon=True
        )
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it in the loop and wait. An interrupted wait ends the work too."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class SyncSubmission:
    """One thing sent and acknowledged by the broker."""

    def __init__(self, submission: Submission, loop: _Loop) -> None:
        self._submission = submission
        self._loop = loop

    def __repr__(self) -> str:
        return repr(self._submission)

    @property
    def report_id(self) -> UUID:
        """The partner's id of the report."""
        return self._submission.report_id

    @property
    def revision(self) -> int | None:
        """The revision sent; None for a withdrawal."""
        return self._submission.revision

    @property
    def notice(self) -> str | None:
        """What is said of an immediate risk."""
        return self._submission.notice

    @property
    def offset(self) -> int | None:
        """Where it lies on the partner's topic."""
        return self._submission.offset

    def receipt(self, wait: timedelta | float = RECEIPT_WAIT) -> Receipt:
        """As `Submission.receipt`."""
        return self._loop.run(self._submission.receipt(wait))

    def outcome(self, wait: timedelta | float = RECEIPT_WAIT) -> Receipt:
        """As `Submission.outcome`."""
        return self._loop.run(self._submission.outcome(wait))


class SyncPartner:
    """A partner's connection without asyncio.

        with SyncPartner("loxley-homes", "broker:9092", fingerprint="…") as partner:
            receipt = partner.submit(report).receipt()

    Methods and errors are those of `Partner`; callbacks run in the client's thread.
    """

    def __init__(  # noqa: PLR0913 - as `Partner`
        self,
        partner_id: str,
        bootstrap_servers: str,
        fingerprint: str | None = None,
        *,
        credentials: Credentials | None = None,
        patience: timedelta = PATIENCE,
        log: Log | None = None,
    ) -> None:
        """Connect nothing yet; as `Partner`."""
        self._loop = _Loop()
        try:
            self._partner = self._loop.run(
                _made(
                    partner_id,
                    bootstrap_servers,
                    fingerprint,
                    credentials=credentials,
                    patience=patience,
                    log=log,
                )
            )
        except BaseException:
            self._loop.stop()
            raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """As `Partner.start`."""
        try:
            self._loop.run(self._partner.start())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Disconnect and end the thread; the client cannot be started again."""
        try:
            self._loop.run(self._partner.stop())
        finally:
            self._loop.stop()

    def submit(self, report: ReportLike) -> SyncSubmission:
        """As `Partner.submit`."""
        return self._wrap(self._loop.run(self._partner.submit(report)))

    def correct(self, report: ReportLike) -> SyncSubmission:
        """As `Partner.correct`."""
        return self._wrap(self._loop.run(self._partner.correct(report)))

    def withdraw(self, report_id: UUID, reason: WithdrawalReason) -> SyncSubmission:
        """As `Partner.withdraw`."""
        return self._wrap(self._loop.run(self._partner.withdraw(report_id, reason)))

    def approve(self, report_id: UUID, revision: int = 1) -> SyncSubmission:
        """As `Partner.approve`."""
        return self._wrap(self._loop.run(self._partner.approve(report_id, revision)))

    def questions(self) -> tuple[Question, ...]:
        """As `Partner.questions`."""
        return self._loop.run(self._partner.questions())

    def usage(self) -> tuple[UsageTold, ...]:
        """As `Partner.usage`."""
        return self._loop.run(self._partner.usage())

    def meters(self) -> tuple[MeterTold, ...]:
        """As `Partner.meters`."""
        return self._loop.run(self._partner.meters())

    def answer(self, question: Question, answer: Answer) -> None:
        """As `Partner.answer`."""
        self._loop.run(self._partner.answer(question, answer))

    def notices(self) -> tuple[Notice, ...]:
        """As `Partner.notices`."""
        return self._loop.run(self._partner.notices())

    def messages(self) -> tuple[Message, ...]:
        """As `Partner.messages`."""
        return self._loop.run(self._partner.messages())

    def message(self, report_id: UUID, code: PreventionCode, node: int = 0) -> SyncSubmission:
        """As `Partner.message`."""
        return self._wrap(self._loop.run(self._partner.message(report_id, code, node)))

    def submit_many(
        self,
        reports: Iterable[ReportLike],
        *,
        in_flight_max: int = IN_FLIGHT_MAX,
        on_progress: Callable[[int], None] | None = None,
    ) -> Iterator[SyncSubmission | Rejected]:
        """As `Partner.submit_many`."""
        sending = self._partner.submit_many(
            reports, in_flight_max=in_flight_max, on_progress=on_progress
        )
        for result in self._each(sending):
            yield result if isinstance(result, Rejected) else self._wrap(result)

    def on_feedback(self, callback: CallbackT) -> CallbackT:
        """As `Partner.on_feedback`."""
        return self._partner.on_feedback(callback)

    def feedback(
        self, *, from_beginning: bool = False, after: int | None = None, follow: bool = True
    ) -> Iterator[Receipt]:
        """As `Partner.feedback`."""
        return self._each(
            self._partner.feedback(from_beginning=from_beginning, after=after, follow=follow)
        )

    def _wrap(self, submission: Submission) -> SyncSubmission:
        return SyncSubmission(submission, self._loop)

    def _each(self, items: AsyncGenerator[T, None]) -> Iterator[T]:
        try:
            while not isinstance(item := self._loop.run(_next(items)), _End):
                yield item
        finally:
            self._loop.run(items.aclose())


class _End:
    """What comes after the last item."""


_END: Final = _End()


async def _made(  # noqa: PLR0913 - as `Partner`
    partner_id: str,
    bootstrap_servers: str,
    fingerprint: str | None,
    *,
    credentials: Credentials | None,
    patience: timedelta,
    log: Log | None,
) -> Partner:
    """Made inside the loop it will run in."""
    return Partner(
        partner_id,
        bootstrap_servers,
        fingerprint,
        credentials=credentials,
        patience=patience,
        log=log,
    )


async def _next(items: AsyncGenerator[T, None]) -> T | _End:
    return await anext(items, _END)
