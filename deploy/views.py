"""Looking at a projection: the look is put on record first, and only then answered."""

from __future__ import annotations

from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from consumers.audit.replay import Bound, replay
from consumers.store import NoPastError, ProjectionStore, store_path
from deploy.authority import Act, allow
from deploy.moments import Past, bound_of, kept
from streams.codec import encode
from streams.errors import DeniedError, InvalidInputError
from streams.instants import to_millisecond
from streams.kafka import KafkaLog
from streams.ports import Outgoing
from streams.shared import OperationRecorded
from streams.topics import OPERATIONS
from streams.values import Operation, Purpose

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from consumers.projection import Projection
    from deploy.moments import Moment
    from deploy.settings import Settings
    from streams.ports import Log

#: How long a person at a terminal waits for a broker that does not answer.
PATIENCE: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who looks and for what; goes on the record with every look."""

    name: str
    purpose: Purpose


def asker_of(settings: Settings, name: str | None, purpose: str | None) -> Asker:
    """Return who asks, by the options or else by the settings.

    Raises: DeniedError without a purpose, InvalidInputError for one outside the register.
    """
    code = purpose or settings.purpose
    if not code:
        raise DeniedError(
            "every look names a purpose: give --purpose or set RIVELIN_PURPOSE to one of "
            + _purposes()
        )
    try:
        return Asker(name or settings.name, Purpose(code))
    except ValueError:
        raise InvalidInputError(f"the register of purposes holds {_purposes()}") from None


def _purposes() -> str:
    return ", ".join(Purpose)


@asynccontextmanager
async def connected(settings: Settings, principal: str) -> AsyncIterator[Log]:
    """Give a log that was entered as a principal, and close it in the end."""
    log = KafkaLog(settings.access(principal), client_id=f"rivelin-{principal}", patience=PATIENCE)
    try:
        yield log
    finally:
        await log.stop()


async def record(
    log: Log, asker: Asker, subject: str, operation: Operation = Operation.CONSULTATION
) -> None:
    """Put an operation on `audit.operations` and wait until it lies there."""
    event = OperationRecorded(
        operation=operation,
        actor=asker.name,
        purpose=asker.purpose,
        subject=subject,
        recipients=(),
        gateway=None,
        at=now(),
    )
    await log.append([Outgoing(OPERATIONS, encode(event))])


def now() -> datetime:
    """Return the time now, in whole milliseconds as events carry it."""
    return to_millisecond(datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Question:
    """What someone wants to see: of which projection, of which record if of one, and how.

    `subject` names the view ("network show"). `read` is given a connection and the id; asked what
    changed between two moments also the two positions, of the topic that holds the evidence (the
    projection's first): from the one on and below the other. `find` turns what was typed into
    the id of the record; without it the question is about all of them. `wants` is the act that
    a role must allow where it is not simply a look at the whole projection.
    """

    projection: Projection
    subject: str
    read: Callable[..., Any]
    find: Callable[[Connection, str], str] | None = None
    typed: str = ""
    wants: Act | None = None

    @property
    def act(self) -> Act:
        """Return what the asker's role must allow."""
        if self.wants is not None:
            return self.wants
        if self.projection.name == "safeguarding":
            return Act.LOOK_AT_HUB_VIEW
        return Act.LOOK_AT_POLICE_VIEW


async def answer(
    question: Question, asker: Asker, log: Log, folder: Path, as_of: Moment | None = None
) -> Any:  # noqa: ANN401 - plain values of whatever was asked
    """Record the look, then answer from the live store as it is, or as it was at a moment.

    What the store has not kept through time, or not come to yet, is replayed from the log.
    Fails closed: if the look cannot be recorded there is no answer.

    Raises: DeniedError (recorded) where no role allows it, NoStoreError, InvalidInputError for an
    id that is not there or not one.
    """
    await allow(log, asker.name, question.act, question.subject, now())
    look = _Look(question, asker, log)
    if as_of is None:
        return await look.live(folder)
    try:
        return await look.past(folder, as_of)
    except NoPastError:
        return await look.replayed(as_of)


async def answer_between(
    question: Question,
    asker: Asker,
    log: Log,
    folder: Path,
    moments: tuple[Moment, Moment | None],
) -> Any:  # noqa: ANN401 - plain values of whatever was asked
    """Record the look, then tell what changed between two moments; without a second, until now.

    Raises: as `answer`; InvalidInputError if the second moment lies before the first.
    """
    await allow(log, asker.name, question.act, question.subject, now())
    look = _Look(question, asker, log)
    try:
        return await look.between(folder, moments)
    except NoPastError:
        return await look.between_replayed(moments)


class _Look:
    """One look of one person, which goes on the record once."""

    def __init__(self, question: Question, asker: Asker, log: Log) -> None:
        self._question = question
        self._asker = asker
        self._log = log
        self._is_recorded = False

    async def live(self, folder: Path) -> Any:  # noqa: ANN401 - see answer
        projection = self._question.projection
        live = ProjectionStore.look(store_path(folder, projection), projection)
        with closing(live), live.snapshot() as snapshot:
            return await self._read(snapshot.connection)

    async def past(self, folder: Path, at: Moment) -> Any:  # noqa: ANN401 - see answer
        async with kept(self._question.projection, self._log, folder) as past:
            with past.store.as_of(past.positions(at)) as snapshot:
                return await self._read(snapshot.connection)

    async def replayed(self, at: Moment) -> Any:  # noqa: ANN401 - see answer
        bound = await bound_of(self._log, at)
        store = await replay(self._question.projection, self._log, bound, with_past=True)
        with closing(store), store.snapshot() as snapshot:
            return await self._read(snapshot.connection)

    async def between(self, folder: Path, moments: tuple[Moment, Moment | None]) -> Any:  # noqa: ANN401 - see answer
        async with kept(self._question.projection, self._log, folder) as past:
            return await self._compare(past, moments)

    async def between_replayed(self, moments: tuple[Moment, Moment | None]) -> Any:  # noqa: ANN401 - see answer
        replayed = replay(self._question.projection, self._log, Bound(), with_past=True)
        with closing(await replayed) as store:
            return await self._compare(Past(store, {}), moments)

    async def _compare(self, past: Past, moments: tuple[Moment, Moment | None]) -> Any:  # noqa: ANN401 - see answer
        topic = self._question.projection.topics[0]
        first, second = (
            past.store.positions() if one is None else past.positions(one) for one in moments
        )
        window = (first.get(topic, 0), second.get(topic, 0))
        if window[1] < window[0]:
            raise InvalidInputError("the second moment lies before the first")
        with past.store.snapshot() as snapshot:
            return await self._read(snapshot.connection, window)

    async def _read(self, connection: Connection, *window: tuple[int, int]) -> Any:  # noqa: ANN401 - see answer
        found = await self._found(connection)
        await self._record(f"{self._question.subject} {found}".rstrip())
        return self._question.read(connection, found, *window)

    async def _found(self, connection: Connection) -> str:
        if self._question.find is None:
            return ""
        try:
            return self._question.find(connection, self._question.typed)
        except InvalidInputError:  # what was typed may be anything: it does not go on the record
            await self._record(f"{self._question.subject}, none found")
            raise

    async def _record(self, subject: str) -> None:
        if not self._is_recorded:
            await record(self._log, self._asker, subject)
            self._is_recorded = True
