"""At the review desk: every look is recorded first, every decision is a named person's event."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from anonymiser.desk import decisions, questions
from anonymiser.desk.changes import TOPICS
from anonymiser.desk.measure import agreement, measure
from anonymiser.desk.policy import DeskPolicy
from anonymiser.desk.rows_store import store_path
from anonymiser.desk.store import DeskStore
from anonymiser.intake.outcome import STAGE as INTAKE
from anonymiser.linker.standard import WEIGHTS
from anonymiser.linker.weights import published
from deploy.registry import registry_in
from deploy.views import connected, now, record
from streams.codec import decode, encode
from streams.errors import InvalidInputError, RivelinError
from streams.lookup import record_at
from streams.ports import Outgoing
from streams.restricted import Quarantined
from streams.topics import DESK, QUARANTINE, REDRIVES, REVIEW_COMMANDS
from streams.values import HoldVerdict, LinkVerdict, Operation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from uuid import UUID

    from anonymiser.desk.cases import Case
    from anonymiser.desk.entries import Hold, Quarantine, Ruling
    from anonymiser.desk.measure import Agreement, ReviewerMeasure
    from anonymiser.linker.weights import LinkWeights
    from deploy.settings import Settings
    from deploy.views import Asker
    from streams.ports import Log
    from streams.registry import Registry
    from streams.restricted import QuestionAsked
    from streams.values import HoldReason, LinkQuestion, OverBudgetReason

QUEUE_MAX: Final = 200
_CATCH_UP_SECONDS_MAX: Final = 10.0
_PROBE_SECONDS: Final = 0.05


class DeskBehindError(RivelinError):
    """The desk's process has not read everything yet, or does not run (`rivelin status`)."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A verdict that lies on the log, and how much of the day's budget is used up."""

    case: Case
    decided_today: int
    budget: int


class Desk:
    """One person's session at the desk."""

    def __init__(self, log: Log, store: DeskStore, asker: Asker) -> None:
        self._log = log
        self._store = store
        self._asker = asker
        self.policy = DeskPolicy()

    # --- possible links ---------------------------------------------------------------

    async def queue(self, limit: int = QUEUE_MAX) -> list[Case]:
        """Show what is open, the first in the desk's order."""
        await record(self._log, self._asker, "links list")
        return self._store.queue(self._asker.name, limit, now())

    async def case(self, typed: str) -> Case:
        """Show one link.

        Raises: InvalidInputError.
        """
        link_id = await self._find(typed, "links show")
        await record(self._log, self._asker, f"links show {link_id}")
        return self._store.case(link_id, self._asker.name, now())

    async def threshold(self, case: Case) -> int | None:
        """Return what the sum would have to reach among the people there are now, in centibits.

        None where the version of the weights is not known here.
        """
        weights = await self._weights(case.weights_version)
        return (
            None if weights is None else weights.threshold + weights.growth(self._store.persons())
        )

    async def _weights(self, version: int | None) -> LinkWeights | None:
        if version == WEIGHTS.version:
            return WEIGHTS
        versions = (await self._registry()).weight_versions()
        return next((published(one) for one in versions if one.version == version), None)

    async def _registry(self) -> Registry:
        return await registry_in(self._log)

    async def decide(
        self, typed: str, verdict: LinkVerdict, over_budget: OverBudgetReason | None
    ) -> Decided:
        """Record a verdict; that of a planted pair stays at the desk.

        Raises: InvalidInputError, BudgetSpentError.
        """
        link_id = await self._find(typed, "links decide")
        at = now()
        case = self._store.case(link_id, self._asker.name, at)
        today = self._store.decided_since(self._asker.name, decisions.london_day(at))
        async with self._refusal_noted(f"links decide {link_id}"):
            event = decisions.review(
                case,
                verdict,
                reviewer=self._asker.name,
                decided_today=today,
                over_budget=over_budget,
                policy=self.policy,
                at=at,
            )
        is_same = verdict is LinkVerdict.SAME
        operation = Operation.COMBINATION if is_same else Operation.ALTERATION
        subject = f"links decide {link_id} {verdict.value}"
        await record(self._log, self._asker, subject, operation)
        await self._write(DESK if case.planted else REVIEW_COMMANDS, event)
        return Decided(case, today + 1, self.policy.decisions_per_day)

    async def ask(self, typed: str, question: LinkQuestion) -> Case:
        """Have a fixed question put to the holders of both sides.

        Raises: InvalidInputError.
        """
        link_id = await self._find(typed, "links ask")
        at = now()
        case = self._store.case(link_id, self._asker.name, at)
        async with self._refusal_noted(f"links ask {link_id}"):
            asked = questions.ask(
                case,
                question,
                self._holders(case),
                reviewer=self._asker.name,
                new_id=uuid4,
                policy=self.policy,
                at=at,
            )
        subject = f"links ask {link_id} {question.value}"
        await record(self._log, self._asker, subject, Operation.CONSULTATION)
        await self._write_asked(case, asked)
        return case

    def _holders(self, case: Case) -> Sequence[Sequence[questions.Holder]]:
        """Return whom to ask on each side; of a planted pair as many, about decoys alone."""
        decoys = self.policy.decoys_per_holder
        if not case.planted:
            return self._store.holders(case.link_id, decoys, secrets.randbelow)
        return [
            self._store.nobodys_holders(side.partners, decoys, secrets.randbelow)
            for side in case.sides
        ]

    async def measures(self) -> tuple[tuple[ReviewerMeasure, ...], tuple[Agreement, ...]]:
        """Show how well reviewers decide."""
        await record(self._log, self._asker, "links measure")
        reviews = self._store.reviews()
        return measure(reviews, decisions.london_day(now())), agreement(reviews)

    async def _find(self, typed: str, subject: str) -> UUID:
        try:
            return self._store.find(typed)
        except InvalidInputError:  # what was typed may be anything, so it does not go on record
            await record(self._log, self._asker, f"{subject}, none found")
            raise

    # --- holds ------------------------------------------------------------------------

    async def holds(self) -> list[Hold]:
        """Show what the gate holds."""
        await record(self._log, self._asker, "holds list")
        return self._store.holds()

    async def hold(self, typed: str) -> tuple[Hold, list[Ruling]]:
        """Show one held report and what was said of it.

        Raises: InvalidInputError.
        """
        hold = await self._held(typed, "holds show")
        await record(self._log, self._asker, f"holds show {hold.partner} {hold.report_id}")
        return hold, self._store.rulings(hold.partner, hold.report_id)

    async def approve(self, typed: str, person: str) -> Hold:
        """Record the originator's approval, given by a named person of the partner.

        Raises: InvalidInputError.
        """
        hold = await self._held(typed, "holds approve")
        subject = f"holds approve {hold.partner} {hold.report_id}"
        async with self._refusal_noted(subject):
            event = decisions.approve(hold, person=person, at=now())
        await self._rule(subject, event)
        return hold

    async def rule(self, typed: str, verdict: HoldVerdict, reason: HoldReason, body: str) -> Hold:
        """Release or refuse a held report.

        Raises: InvalidInputError, OwnReportError.
        """
        word = f"holds {verdict.value.lower()}"
        hold = await self._held(typed, word)
        person = self._asker.name
        subject = f"{word} {hold.partner} {hold.report_id} {reason.value}"
        async with self._refusal_noted(subject):
            await self._require_body(body)
            event = decisions.rule(hold, verdict, reason, person=person, body=body, at=now())
        await self._rule(subject, event)
        return hold

    async def _require_body(self, body: str) -> None:
        """A misspelt body would pass for another than the one that reported."""
        decisions.require_body(body, (await self._registry()).partners())

    async def _held(self, typed: str, subject: str) -> Hold:
        text = typed.strip().lower()
        found = [one for one in self._store.holds() if text and str(one.report_id).startswith(text)]
        if len(found) == 1:
            return found[0]
        await record(self._log, self._asker, f"{subject}, none found")
        if found:
            raise InvalidInputError("several held reports begin like this: type more of the id")
        raise InvalidInputError("no report of this id is held; `rivelin holds list`")

    # --- quarantine --------------------------------------------------------------------

    async def quarantined(self) -> list[Quarantine]:
        """Show what is quarantined and neither closed nor replaced."""
        await record(self._log, self._asker, "quarantine list")
        return self._store.quarantined()

    async def kept(self, offset: int) -> Quarantine:
        """Show one quarantined record; never its content.

        Raises: InvalidInputError.
        """
        found = self._kept(offset)
        await record(self._log, self._asker, f"quarantine show {found.offset}")
        return found

    async def close(self, offset: int, reason: HoldReason, body: str) -> Quarantine:
        """Close the case of a quarantined record.

        Raises: InvalidInputError, OwnReportError.
        """
        found = self._kept(offset)
        person = self._asker.name
        subject = f"quarantine close {found.offset} {reason.value}"
        async with self._refusal_noted(subject):
            await self._require_body(body)
            event = decisions.close(found, reason, person=person, body=body, at=now())
        await self._rule(subject, event)
        return found

    async def redrive(self, offset: int, body: str) -> Quarantine:
        """Have a quarantined submission processed once more.

        The request lies on the log before the case is closed: cut short in between, the case
        stays open, and asking again does no harm.
        Raises: InvalidInputError, OwnReportError.
        """
        found = self._kept(offset)
        place = await self._place_of(found)
        subject = f"quarantine redrive {found.offset}"
        async with self._refusal_noted(subject):
            await self._require_body(body)
            person = self._asker.name
            asked, event = decisions.redrive(found, place, person=person, body=body, at=now())
        await record(self._log, self._asker, subject, Operation.ALTERATION)
        await self._write(REDRIVES, asked)
        await self._write(REVIEW_COMMANDS, event)
        return found

    async def _place_of(self, kept: Quarantine) -> int | None:
        """Where the submission lies on its partner's topic; intake told so in the first version."""
        found = await record_at(self._log, QUARANTINE, kept.offset)
        event = decode((found.value if found else None) or b"", Quarantined)
        return event.offset if event.stage == INTAKE else event.submission_offset

    def _kept(self, offset: int) -> Quarantine:
        found = [one for one in self._store.quarantined() if one.offset == offset]
        if not found:
            raise InvalidInputError("no open record of this number; `rivelin quarantine list`")
        return found[0]

    @asynccontextmanager
    async def _refusal_noted(self, subject: str) -> AsyncIterator[None]:
        """Put on record that somebody tried what the rules refuse, and refuse it."""
        try:
            yield
        except RivelinError:
            await record(self._log, self._asker, f"{subject}, refused")
            raise

    # --- writing -------------------------------------------------------------------------

    async def _rule(self, subject: str, event: object) -> None:
        await record(self._log, self._asker, subject, Operation.ALTERATION)
        await self._write(REVIEW_COMMANDS, event)

    async def _write(self, topic: str, *events: object) -> None:
        await self._log.append([Outgoing(topic, encode(event)) for event in events])

    async def _write_asked(self, case: Case, asked: Sequence[QuestionAsked]) -> None:
        """Of a planted pair the desk keeps the question; the gate gets decoys of no pair at all."""
        if not case.planted:
            await self._write(REVIEW_COMMANDS, *asked)
            return
        await self._write(DESK, *(replace(one, holders=()) for one in asked))
        nobodys = (replace(one, left_id=uuid4(), right_id=uuid4()) for one in asked)
        await self._write(REVIEW_COMMANDS, *nobodys)


@asynccontextmanager
async def at_the_desk(settings: Settings, asker: Asker) -> AsyncIterator[Desk]:
    """Open the desk for one person, once its store holds what the log holds now.

    Raises: NoDeskStoreError, DeskBehindError, BrokerUnreachableError.
    """
    store = DeskStore.look(store_path(settings.stores_dir))
    try:
        async with connected(settings, "desk") as log:
            await _caught_up(log, store)
            yield Desk(log, store, asker)
    finally:
        store.close()


async def _caught_up(log: Log, store: DeskStore) -> None:
    """Wait for the desk's process; what was decided a moment ago must be seen before more is."""
    ends = await log.ends(TOPICS)
    try:
        async with asyncio.timeout(_CATCH_UP_SECONDS_MAX):
            while any(store.positions()[topic] < end for topic, end in ends.items()):  # noqa: ASYNC110 - another process gives no event
                await asyncio.sleep(_PROBE_SECONDS)
    except TimeoutError:
        raise DeskBehindError(
            "the desk has not read everything yet: see `rivelin status`, and try again"
        ) from None
