"""The client a partner's system uses: check, seal, send, and hear what became of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias
from uuid import uuid4

from producers.check import InvalidReportError, check, problem, read
from producers.notice import notice_for, notice_in
from producers.sdk.delivery import deliver
from producers.sdk.errors import NotOnboardedError
from producers.sdk.inbox import (
    Inbox,
    hub_notice_in,
    message_in,
    meter_in,
    question_in,
    receipt_in,
    usage_in,
)
from producers.sdk.notices import messages_from, notices_from
from producers.sdk.questions import open_questions
from producers.sdk.submission import Rejected, Submission
from streams import codec
from streams.codes import PreventionCode
from streams.errors import InvalidInputError, MissingTopicError
from streams.instants import to_millisecond
from streams.kafka import Access, KafkaLog
from streams.ports import Outgoing
from streams.restricted import (
    AnswerSubmitted,
    ApprovalSubmitted,
    MessageSubmitted,
    Report,
    WithdrawalSubmitted,
)
from streams.sealing import seal
from streams.topics import PARTNER_ID, feedback_of, submissions_of
from streams.values import Answer, WithdrawalReason

if TYPE_CHECKING:
    from types import TracebackType
    from uuid import UUID

    from producers.sdk.inbox import CallbackT
    from producers.sdk.notices import Message, Notice
    from producers.sdk.questions import Question
    from producers.sdk.receipts import Receipt
    from streams.kafka import Credentials
    from streams.ports import Log, Record
    from streams.shared import MeterTold, UsageTold

PATIENCE: Final = timedelta(seconds=30)
IN_FLIGHT_MAX: Final = 200
_POLL: Final = timedelta(milliseconds=500)
_POLL_LIMIT: Final = 500

ReportLike: TypeAlias = Report | Mapping[str, Any]
"""A `Report`, or its JSON form as a dict; `partner` may be left out of the dict."""
Prepared: TypeAlias = tuple[Submission, bytes]


class Partner:
    """A partner's connection.

        async with Partner("loxley-homes", "broker:9092", fingerprint="…") as partner:
            submission = await partner.submit(report)
            receipt = await submission.receipt()

    `fingerprint` is the one `rivelin partner add` printed, `credentials` the bundle it made
    (`Credentials.in_folder`); without them the connection is plain text. `patience` bounds how
    long a submission is tried when the broker does not answer; within it
    nothing is lost silently, after it an error tells what was not confirmed.
    """

    def __init__(  # noqa: PLR0913 - the three that name the place, and what may be left out
        self,
        partner_id: str,
        bootstrap_servers: str,
        fingerprint: str | None = None,
        *,
        credentials: Credentials | None = None,
        patience: timedelta = PATIENCE,
        log: Log | None = None,
    ) -> None:
        """Connect nothing yet. `log` puts another log in the place of Kafka (tests do).

        Raises: InvalidReportError if the id is none.
        """
        if not PARTNER_ID.fullmatch(partner_id):
            raise InvalidReportError([problem("bad_partner", "partner")])
        self.partner_id = partner_id
        self._submissions = submissions_of(partner_id)
        self._feedback = feedback_of(partner_id)
        self._patience = patience
        access = Access(bootstrap_servers, credentials)
        self._log: Log = log or KafkaLog(access, f"partner-{partner_id}", patience)
        self._inbox = Inbox(self._log, self._feedback, fingerprint)

    # --- connecting

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connect, read the enclave's keys and listen for feedback.

        Raises: BrokerUnreachableError, NotOnboardedError; nothing stays open then.
        """
        try:
            await self._inbox.start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, MissingTopicError):
                raise self._not_onboarded() from None
            raise

    async def stop(self) -> None:
        """Disconnect. What was acknowledged stays on the broker."""
        await self._inbox.stop()
        await self._log.stop()

    # --- sending

    async def submit(self, report: ReportLike) -> Submission:
        """Check, seal and send a report; return when the broker has it.

        The same report may be sent again: id, revision and content are counted once.
        Raises: InvalidReportError naming each field to correct, NotAcknowledgedError,
        NoSealingKeyError, UntrustedKeyError, NotOnboardedError.
        """
        (submission,) = await self._send([await self._prepare(report)])
        return submission

    async def correct(self, report: ReportLike) -> Submission:
        """Send a report anew, corrected, as the revision after the one it carries.

        Pass the whole report as it should have been, still with the revision that
        it replaces. Raises: as `submit`.
        """
        earlier = self._read_report(report)
        next_one = replace(earlier, revision=earlier.revision + 1, supersedes=earlier.revision)
        return await self.submit(next_one)

    async def withdraw(self, report_id: UUID, reason: WithdrawalReason) -> Submission:
        """Take a report back, every revision of it.

        Raises: InvalidReportError, NotAcknowledgedError, NotOnboardedError.
        """
        if not isinstance(reason, WithdrawalReason):
            raise InvalidReportError([problem("unknown_code", "reason")])
        event = WithdrawalSubmitted(report_id=report_id, partner=self.partner_id, reason=reason)
        submission = Submission(report_id, None, None)
        (sent,) = await self._send([(submission, codec.encode(event))])
        return sent

    async def approve(self, report_id: UUID, revision: int = 1) -> Submission:
        """Allow a report under condition S2 to go on; `outcome` of what is returned tells.

        An approval of a revision that does not wait changes nothing: its receipt says DUPLICATE.
        Raises: NotAcknowledgedError, NotOnboardedError.
        """
        event = ApprovalSubmitted(report_id=report_id, partner=self.partner_id, revision=revision)
        waiting = self._inbox.unanswered.waiting_for(report_id, revision)
        if waiting is not None:  # it was sent from here, and its final receipt is still to come
            await self._append([(waiting, codec.encode(event))])
            return waiting
        what = f"the approval of report {report_id}"
        submission = Submission(report_id, revision, None, what)
        (sent,) = await self._send([(submission, codec.encode(event))])
        return sent

    async def answer(self, question: Question, answer: Answer) -> None:
        """Answer a question about one of the partner's own records; return when the broker has it.

        It decides nothing by itself. Once it has come in, `questions` names it no more.
        Raises: InvalidReportError for what is no answer, NotAcknowledgedError, NotOnboardedError.
        """
        if not isinstance(answer, Answer):
            raise InvalidReportError([problem("unknown_code", "answer")])
        event = AnswerSubmitted(
            partner=self.partner_id,
            question_id=question.question_id,
            report_id=question.report_id,
            node=question.node,
            question=question.question,
            answer=answer,
        )
        what = f"the answer about report {question.report_id}"
        await self._append(
            [(Submission(question.report_id, None, None, what), codec.encode(event))]
        )

    async def message(self, report_id: UUID, code: PreventionCode, node: int = 0) -> Submission:
        """Say something, in a code, to the other holders of a person of one of these reports.

        The hub reads it first: `receipt` tells whether it waits there, `outcome` whether it was
        let go. Whether there is another holder is never told; police never read it.
        Raises: InvalidReportError, NotAcknowledgedError, NotOnboardedError.
        """
        if not isinstance(code, PreventionCode):
            raise InvalidReportError([problem("unknown_code", "code")])
        event = MessageSubmitted(
            partner=self.partner_id,
            message_id=uuid4(),
            report_id=report_id,
            node=node,
            code=code,
        )
        submission = Submission(report_id, None, None, f"the message about report {report_id}")
        (sent,) = await self._send([(submission, codec.encode(event))])
        return sent

    async def submit_many(
        self,
        reports: Iterable[ReportLike],
        *,
        in_flight_max: int = IN_FLIGHT_MAX,
        on_progress: Callable[[int], None] | None = None,
    ) -> AsyncGenerator[Submission | Rejected, None]:
        """Send reports in their order, up to `in_flight_max` unacknowledged at a time.

        A report with a problem is rejected and the next ones are sent all the same.
        `on_progress` hears how many are done. Raises: as `submit`, but InvalidReportError;
        what was yielded before had been acknowledged.
        """
        done = 0
        remaining = iter(reports)
        while batch := list(islice(remaining, in_flight_max)):
            for result in await self._send_batch(batch, done):
                yield result
            done += len(batch)
            if on_progress is not None:
                on_progress(done)

    # --- hearing

    def on_feedback(self, callback: CallbackT) -> CallbackT:
        """Call back for every receipt from now on; plain or async; usable as a decorator.

        A callback that fails is logged by the kind of its error, and the next one is called.
        """
        self._inbox.callbacks.append(callback)
        return callback

    async def feedback(
        self, *, from_beginning: bool = False, after: int | None = None, follow: bool = True
    ) -> AsyncGenerator[Receipt, None]:
        """Yield receipts: new ones, all ever given, or those after a `Receipt.position`.

        With `follow` it never ends by itself; without, it ends with what is there now.
        """
        end = (await self._log.ends((self._feedback,)))[self._feedback]
        first = 0 if from_beginning else end if after is None else after + 1
        async for record in self._feedback_records(first, None if follow else end):
            if (receipt := receipt_in(record)) is not None:
                yield receipt

    async def questions(self) -> tuple[Question, ...]:
        """Return the questions about the partner's own records that wait, oldest first."""
        end = (await self._log.ends((self._feedback,)))[self._feedback]
        records = [record async for record in self._feedback_records(0, end)]
        return open_questions(told for one in records if (told := question_in(one)) is not None)

    async def usage(self) -> tuple[UsageTold, ...]:
        """Return how many reports of each week were used, in bands, oldest week first.

        A week is told of two weeks after it ended; which reports they were is never told.
        """
        end = (await self._log.ends((self._feedback,)))[self._feedback]
        records = [record async for record in self._feedback_records(0, end)]
        return tuple(told for one in records if (told := usage_in(one)) is not None)

    async def meters(self) -> tuple[MeterTold, ...]:
        """Return what became of this partner's reports by the end of each week, oldest first.

        Beside its own figures stand those of all other agencies together, where they are enough.
        """
        end = (await self._log.ends((self._feedback,)))[self._feedback]
        records = [record async for record in self._feedback_records(0, end)]
        return tuple(told for one in records if (told := meter_in(one)) is not None)

    async def notices(self) -> tuple[Notice, ...]:
        """Return what the hub let this partner know of its own records, oldest first."""
        end = (await self._log.ends((self._feedback,)))[self._feedback]
        records = [record async for record in self._feedback_records(0, end)]
        return notices_from(told for one in records if (told := hub_notice_in(one)) is not None)

    async def messages(self) -> tuple[Message, ...]:
        """Return what other holders of the same people say, oldest first; never who they are."""
        end = (await self._log.ends((self._feedback,)))[self._feedback]
        records = [record async for record in self._feedback_records(0, end)]
        return messages_from(told for one in records if (told := message_in(one)) is not None)

    async def _feedback_records(self, first: int, end: int | None) -> AsyncGenerator[Record, None]:
        source = self._log.source()
        await source.start({self._feedback: first})
        try:
            while end is None or source.position(self._feedback) < end:
                for record in await source.poll(_POLL_LIMIT, _POLL):
                    yield record
        finally:
            await source.stop()

    # --- within

    def _read_report(self, report: ReportLike) -> Report:
        """Raises: InvalidReportError."""
        whole = self._checked(report, datetime.now(UTC))
        if whole.partner != self.partner_id:
            raise InvalidReportError([problem("other_partner", "partner")], notice_in(whole))
        return _in_whole_milliseconds(whole)

    def _checked(self, report: ReportLike, now: datetime) -> Report:
        if not isinstance(report, Report):
            named = isinstance(report, Mapping)
            return read({"partner": self.partner_id, **report} if named else report, now)
        if problems := check(report, now):
            raise InvalidReportError(problems, notice_in(report))
        return report

    async def _prepare(self, report: ReportLike) -> Prepared:
        whole = self._read_report(report)
        key = await self._inbox.sealing_key()
        try:
            sealed = codec.encode(seal(whole, key))
        except InvalidInputError:  # the one thing left that can be wrong with a checked report
            raise InvalidReportError([problem("too_large", None)], notice_in(whole)) from None
        notice = notice_for(immediate_risk=whole.immediate_risk)
        return Submission(whole.report_id, whole.revision, notice), sealed

    async def _send_batch(
        self, batch: Sequence[ReportLike], first: int
    ) -> list[Submission | Rejected]:
        results: list[Submission | Rejected] = []
        prepared: list[Prepared] = []
        for index, report in enumerate(batch, start=first):
            try:
                one = await self._prepare(report)
            except InvalidReportError as error:
                results.append(Rejected(index, error.problems, error.notice))
            else:
                prepared.append(one)
                results.append(one[0])
        await self._send(prepared)
        return results

    async def _send(self, prepared: Sequence[Prepared]) -> list[Submission]:
        """The answer may come before the acknowledgement, so it is expected before sending."""
        submissions = [submission for submission, _ in prepared]
        for submission in submissions:
            self._inbox.unanswered.add(submission)
        try:
            await self._append(prepared)
        except BaseException:
            for submission in submissions:
                self._inbox.unanswered.forget(submission)
            raise
        return submissions

    async def _append(self, prepared: Sequence[Prepared]) -> None:
        if not prepared:
            return
        outgoing = [Outgoing(self._submissions, value) for _, value in prepared]
        submissions = [submission for submission, _ in prepared]
        try:
            places = await deliver(self._log, outgoing, submissions, self._patience)
        except MissingTopicError:
            raise self._not_onboarded() from None
        for submission, place in zip(submissions, places, strict=True):
            submission.offset = place.offset

    def _not_onboarded(self) -> NotOnboardedError:
        return NotOnboardedError(
            f"the broker has no topics for partner {self.partner_id}: it must be onboarded first"
            " (`rivelin partner add`), and the enclave be up (`rivelin up`)"
        )


def _in_whole_milliseconds(report: Report) -> Report:
    return replace(
        report,
        event_at=to_millisecond(report.event_at),
        reported_at=to_millisecond(report.reported_at),
    )
