"""The gate: the only door out of the enclave, and the only writer of what lies outside it.

It opens the sealed submission itself, works out anew what may be told of it,
decides by the law table who may see the report, builds each audience's event
from an allow-list, makes it so coarse that nobody stands alone, pads it, and
searches the final bytes for everything the submission declared. Whatever goes
wrong, nothing is forwarded and nothing is lost: the ciphertext goes to
quarantine and the partner gets a receipt. It shares no code with intake,
linker or redaction: an import contract holds that.

Reports for police wait for a release batch (`batch`), with the merges they
caused; an immediate risk waits for nothing, nor does the safeguarding hub.
The receipt comes at once: it tells that the report passed, not when it went.
When the batch goes, law, small cells and bytes are looked at once more.

A correction that is refused, held or quarantined leaves the earlier revision
where it was. One that an audience may not have any longer, while another
may, takes the earlier revision back from the former; under that report id it
then gets nothing more.

An audience hears of a merge only if it knows the absorbed id, and of a split
only if it was shown one of the mentions. A reason code tells the partner what
to mend and never shows a value.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from anonymiser.gate.ages import AgeRelay
from anonymiser.gate.audience import AudienceIds
from anonymiser.gate.batch import KeptOnHeld, ReleasePolicy, shuffled
from anonymiser.gate.births import births
from anonymiser.gate.bridge import Bridge
from anonymiser.gate.cells import SMALL_CELL, Cells, turned
from anonymiser.gate.effects import (
    Effect,
    Withheld,
    WithheldError,
    alteration,
    batch_released,
    disclosure,
    feedback,
    held_anew,
    hold,
    kept_back,
    let_go,
    noted,
    receipt,
    report_of,
    wait,
    wait_anew,
    wait_no_longer,
    wait_with,
    waited,
    withdrawal_receipt,
    withheld,
)
from anonymiser.gate.facts import difference
from anonymiser.gate.forgetting import Forgetting
from anonymiser.gate.grades import GradeRelay
from anonymiser.gate.handling import (
    CONFLICT_CODE,
    NEEDS_APPROVAL,
    TOPIC_OF,
    Verdict,
    judge,
    kept_from,
    recipients,
)
from anonymiser.gate.holders import Holders
from anonymiser.gate.inputs import DECISIONS, Input, not_understood, read
from anonymiser.gate.mentions import Mentions, note
from anonymiser.gate.mentions import noted as mentions_of
from anonymiser.gate.messages import MessageRelay
from anonymiser.gate.meters import MeterRelay
from anonymiser.gate.nominals import NominalRelay
from anonymiser.gate.notices import NoticeRelay
from anonymiser.gate.population import Population
from anonymiser.gate.probing import ProbeWatch
from anonymiser.gate.relay import DoubtRelay, acknowledge, nothing_held, put
from anonymiser.gate.relays import Relays
from anonymiser.gate.release import finished, for_police, for_safeguarding, plainest
from anonymiser.gate.renames import merge_for, split_for
from anonymiser.gate.residue import RESIDUAL, ResidueSearch
from anonymiser.gate.splits import Splits
from anonymiser.gate.state import SHARED_EVENTS, GateState
from streams.codec import decode, encode
from streams.errors import DecodeError
from streams.hub import PreventionMessageOffered, RulesAdopted
from streams.parts import Reason
from streams.ports import Record
from streams.registry import Registry
from streams.restricted import (
    ON_HELD,
    AnswerSubmitted,
    ErasureCertified,
    ErasureRecorded,
    HoldDecided,
    LinkDecided,
    MergeDecided,
    OriginatorApproved,
    PossibleLink,
    PossibleLinkClosed,
    QuestionAsked,
    ReceiptDue,
    ReportHeld,
    ReportLinked,
    ReportRetracted,
    ReportSubmitted,
    ReportWaiting,
    SplitDecided,
)
from streams.sealing import open_submission
from streams.shared import (
    GradeRelayed,
    HubViewRelayed,
    HubViewWanted,
    NoticeTold,
    PossibleLinkTold,
    ProtectionRelayed,
    ReportWithdrawn,
    SafeguardingReportShared,
    SourceHistoryTold,
)
from streams.topics import (
    ALARMS,
    ERASURES,
    HELD,
    HUB_DECISIONS,
    METERS,
    OUTGOING,
    POLICE,
    POLICE_DECISIONS,
    PREVENTION,
    REGISTRY,
    REVIEW_COMMANDS,
    SAFEGUARDING,
)
from streams.values import Audience, HoldVerdict, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from uuid import UUID

    from anonymiser.gate.births import Birth
    from anonymiser.gate.effects import SharedReport
    from anonymiser.gate.relays import Relay
    from anonymiser.gate.state import Holding, ReportKey
    from anonymiser.keyring import Keys
    from streams.ports import Outgoing
    from streams.sealing import Entropy
    from streams.values import AgeBand, PartnerType

_AUDIENCE_OF: Final = {topic: audience for audience, topic in TOPIC_OF.items()}
_BUILD: Final[Mapping[Audience, Callable[[ReportLinked, AudienceIds], SharedReport]]] = {
    Audience.POLICE: for_police,
    Audience.SAFEGUARDING: for_safeguarding,
}
#: All that stands on the topics that the gate writes and reads back.
OWN: Final[Mapping[str, tuple[type[Any], ...]]] = {
    HELD: ON_HELD,
    PREVENTION: (PreventionMessageOffered,),
    POLICE: (*SHARED_EVENTS, GradeRelayed, SourceHistoryTold, HubViewRelayed, ProtectionRelayed),
    SAFEGUARDING: (
        *SHARED_EVENTS,
        PossibleLinkTold,
        GradeRelayed,
        HubViewWanted,
        NoticeTold,
        RulesAdopted,
    ),
}

#: What must not come before a merge that waits: it may name an id that the merge makes known.
_AFTER_MERGES: Final[tuple[type[Any], ...]] = (
    SplitDecided,
    *DECISIONS[POLICE_DECISIONS],
    *DECISIONS[HUB_DECISIONS],
)
_SMALL_CELL: Final = Reason(code=SMALL_CELL, field="nodes")

#: So many reports are kept open for when their batch goes; opening one again costs a millisecond.
_CASES_MAX: Final = 64
#: Why a report that waited for its batch did not go: law, handling or agreement are others by now.
NOT_ANY_LONGER: Final = "not_allowed_any_longer"
_WORDS_RESIDUE: Final = "narrative_withheld_residue"


@dataclass(frozen=True, slots=True)
class Case:
    """A report with its submission open: what may leave of it, and the search for what may not.

    `words_withheld` says why its narrative stays behind, where the agreement would let it go;
    `births` what may be kept of birth dates, by node.
    """

    linked: ReportLinked
    search: ResidueSearch = field(repr=False)
    words_withheld: tuple[Reason, ...]
    births: Mapping[int, Birth] = field(repr=False)


class Gate:
    """The stage. Its own output is its memory; equal input and entropy give equal bytes.

    `tick` is input too: it lets go what has waited for the longest time.
    """

    name = "gate"
    sources = (OUTGOING, POLICE_DECISIONS, REVIEW_COMMANDS, HUB_DECISIONS, METERS)
    state_topics = (HELD, POLICE, SAFEGUARDING, PREVENTION)
    reference_topics = (REGISTRY, POLICE, SAFEGUARDING, POLICE_DECISIONS, HUB_DECISIONS, ERASURES)

    def __init__(
        self,
        keys: Keys,
        registry: Registry | None = None,
        *,
        policy: ReleasePolicy | None = None,
        entropy: Entropy = os.urandom,
    ) -> None:
        """Start with no memory. `entropy` shuffles batches and must not be guessed."""
        self._sealing = keys.sealing
        self._ids = {one: AudienceIds(one, keys.audience) for one in Audience}
        self._registry = registry if registry is not None else Registry()
        self._policy = policy if policy is not None else ReleasePolicy()
        self._entropy = entropy
        self._state = GateState(self._ids.values())
        self._kept_on_held = KeptOnHeld()
        self._doubts = DoubtRelay(self._ids[Audience.SAFEGUARDING])
        self._mentions = Mentions()
        self._splits = {topic: Splits(topic) for topic in _AUDIENCE_OF}
        self._forgetting = Forgetting(self._mentions)
        hub = self._state.seen[Audience.SAFEGUARDING]
        self._ages = AgeRelay(hub, self._mentions, self._lets_turn)
        self._relays = Relays([self._forgetting, self._ages, *self._other_relays()])
        self._cells = Cells(None)
        self._probes = ProbeWatch()
        self._went = {"batches_full": 0, "batches_late": 0}
        self._cases: dict[ReportKey, tuple[ReportLinked, Case]] = {}
        self._at = datetime.min.replace(tzinfo=UTC)

    def _other_relays(self) -> Iterator[Relay]:
        police, hub = (self._state.seen[one] for one in (Audience.POLICE, Audience.SAFEGUARDING))
        holders = Holders(self._mentions, self._registry, self._state.is_live)
        yield NominalRelay(police, hub, self._splits[POLICE], self._splits[SAFEGUARDING])
        yield GradeRelay(self._state.seen)
        yield Bridge(police, hub)
        yield NoticeRelay(hub, self._mentions, holders, self._splits[SAFEGUARDING])
        yield MeterRelay(police)
        yield MessageRelay(hub, self._mentions, holders, self._sector_of)

    def _lets_turn(self, person_id: UUID, band: AgeBand, week: str) -> bool:
        shown = self._state.seen[Audience.SAFEGUARDING].shown
        return self._cells.lets_turn(person_id, turned(band, week), shown)

    def learn(self, records: Sequence[Record]) -> None:
        """Take in the register, the erasure ledger, where splits lie, and what people decided.

        A decision that cannot be read is quarantined when it comes in its turn.
        Raises: DecodeError if a record of our own does not decode.
        """
        if told := [record for record in records if record.topic == REGISTRY]:
            self._registry.learn(told)
            counted = self._registry.population
            self._cells = Cells(None if counted is None else Population(counted))
        for record in records:
            if record.topic in DECISIONS:
                with suppress(DecodeError):
                    self._relays.know(read(record), record)
            elif record.topic in self._splits:
                self._splits[record.topic].learn(record)
            elif record.topic == ERASURES:
                event = decode(record.value or b"", ErasureRecorded, ErasureCertified)
                self._forgetting.learn(event)

    def recover(self, records: Sequence[Record]) -> None:
        """Fold what the gate holds and has shown.

        Raises: DecodeError if its own record does not decode; it must not guess.
        """
        for record in records:
            event = None if record.value is None else decode(record.value, *OWN[record.topic])
            self._remember(Effect(record.topic, event, record.key))
            if record.topic == HELD:
                self._kept_on_held.recover(record.key, record.value)
            elif record.topic in self._splits:
                self._splits[record.topic].recover(event, record)

    def step(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        """Turn input into what leaves, waits, is held, quarantined or told; never raises."""
        outgoing = [one for record in records for one in self._take(record)]
        return self._kept_on_held.compacted(outgoing)

    def due_at(self) -> datetime | None:
        """Return when a batch, or something of a relay, is due; None if nothing waits."""
        dues = (self._batch_due_at(), self._relays.due_at())
        return min((at for at in dues if at is not None), default=None)

    def tick(self, at: datetime) -> Sequence[Outgoing]:
        """Do what is due at `at`; nothing while nothing is due."""
        self._at = at
        return self._kept_on_held.compacted(self._let_go_late(at))

    def _batch_due_at(self) -> datetime | None:
        since = self._state.batch.waiting_since()
        return None if since is None else since + self._policy.delay_max

    def counts(self) -> Mapping[str, int]:
        """Return how much waits for a batch, and how many batches went full and late by now."""
        return {
            "reports_waiting": len(self._state.batch.reports),
            "partners_waiting": self._state.batch.partners,
            "merges_waiting": len(self._state.batch.merges),
            **self._went,
            **self._relays.counts(),
        }

    def _take(self, record: Record) -> list[Outgoing]:
        self._at = at = record.appended_at
        return [*self._let_go_late(at), *self._answer(record), *self._let_go_full(at)]

    def _answer(self, record: Record) -> list[Outgoing]:
        try:
            event = read(record)
        except Exception as error:  # noqa: BLE001 - the door stays shut whatever went wrong
            return self._settle([not_understood(record, error)])
        if record.topic in DECISIONS:
            self._relays.know(event, record)
        return [] if event is None else self._answer_to(event, record)

    def _answer_to(self, event: Input, record: Record) -> list[Outgoing]:
        told = self._tell_merges() if _ends_waiting(event) else []
        noticed = [Effect(ALARMS, one) for one in self._probes.notice(event, record.appended_at)]
        try:
            relayed = list(self._relays.take(event, record))
            return told + self._settle([*noticed, *self._react(event, record), *relayed])
        except Exception as error:  # noqa: BLE001 - the door stays shut whatever went wrong
            linked = event if isinstance(event, ReportLinked) else None
            changed = [] if linked is None else list(_changed(linked, record))
            return told + self._settle([*noticed, *changed, *withheld(record, linked, error)])

    def _settle(self, effects: list[Effect]) -> list[Outgoing]:
        """Encode all before any is remembered: an effect that cannot be written never was."""
        outgoing = [effect.outgoing() for effect in effects]
        for effect in effects:
            self._remember(effect)
            for splits in self._splits.values():
                splits.remember(effect)
        told = [*self._doubts.due(effects), *self._relays.due(effects, self._at)]
        return [*outgoing, *self._settle(told)] if told else outgoing

    def _remember(self, effect: Effect) -> None:
        self._doubts.remember(effect)
        persons = self._mentions.remember(effect)
        self._relays.remember(effect)
        self._ages.changed(persons)
        if effect.topic in _AUDIENCE_OF:
            if isinstance(effect.event, SHARED_EVENTS):
                self._state.seen[_AUDIENCE_OF[effect.topic]].apply(effect.event)
        elif effect.topic == HELD and isinstance(effect.event, ReportHeld):
            self._state.held.put(effect.event)
        elif effect.topic == HELD and effect.key is not None:
            self._forget(effect.event, effect.key)

    def _forget(self, event: object | None, key: bytes) -> None:
        self._state.batch.apply(event, key)
        if event is None and (report := report_of(key)) is not None:
            self._state.held.drop(report)

    # --- batches --------------------------------------------------------------

    def _let_go_late(self, at: datetime) -> list[Outgoing]:
        due_at, relays_at = self._batch_due_at(), self._relays.due_at()
        gone = [] if due_at is None or at < due_at else self._let_go(at, late=True)
        if relays_at is None or at < relays_at:
            return gone
        return gone + [one for due in self._relays.ticks(at) for one in self._settle(due)]

    def _let_go_full(self, at: datetime) -> list[Outgoing]:
        batch, policy = self._state.batch, self._policy
        if policy.is_full(len(batch.reports), batch.partners):
            return self._let_go(at, late=False)
        return self._tell_merges() if policy.is_at_once else []

    def _let_go(self, at: datetime, *, late: bool) -> list[Outgoing]:
        """Tell the merges that wait, then let the oldest reports go in random order."""
        told = self._tell_merges()
        waiting = self._state.batch.reports.first(self._policy.reports_max)
        partners = []
        for holding in shuffled(waiting, self._entropy):
            let_go, has_gone = self._let_go_one(holding, at, late=late)
            told += let_go
            partners += [holding.event.partner] if has_gone else []
        if partners and not self._policy.is_at_once:
            told += self._settle([batch_released(partners, at, late=late)])
            self._went["batches_late" if late else "batches_full"] += 1
        return told

    def _let_go_one(
        self, holding: Holding[ReportWaiting], at: datetime, *, late: bool
    ) -> tuple[list[Outgoing], bool]:
        event, linked = holding.event, holding.linked
        gone = wait_no_longer(event.partner, event.report_id)
        try:
            effects = list(self._to_police(linked, at, late=late))
            written = self._settle([*effects, gone])
        except Exception as error:  # noqa: BLE001 - as for a report that comes straight in
            record = Record(OUTGOING, event.offset, at, None, None)
            return self._settle([*withheld(record, linked, error), gone]), False
        return written, any(effect.topic == POLICE for effect in effects)

    def _to_police(self, linked: ReportLinked, at: datetime, *, late: bool) -> Iterator[Effect]:
        """Let a report that has waited go, if police may have it still."""
        case = self._case(linked)
        verdict = recipients(linked, self._registry.entry(linked.partner), at)
        if Audience.POLICE not in verdict.audiences:
            yield from _kept_back({Audience.POLICE: NOT_ANY_LONGER}, at)
            yield feedback(linked, verdict, at)
            return
        sector = None if late else self._sector_of(linked.partner)
        event = self._fitted(case, Audience.POLICE, sector)
        if event is None:
            yield from _kept_back({Audience.POLICE: SMALL_CELL}, at)
            left = _without(verdict, {Audience.POLICE}, ())
            if left.outcome is Outcome.HELD:
                yield hold(linked, left.reasons, at)
            yield feedback(linked, left, at)
            return
        yield Effect(POLICE, event)
        yield disclosure(linked, event, Audience.POLICE, at)

    def _tell_merges(self) -> list[Outgoing]:
        """Tell police of the merges that wait, in their order."""
        ids = self._ids[Audience.POLICE]
        effects: list[Effect] = []
        for event in self._state.batch.merges.values():
            effects += [Effect(POLICE, merge_for(event, ids)), waited(event)]
        return self._settle(effects) if effects else []

    def _sector_of(self, partner: str) -> PartnerType | None:
        """Return the sector, if enough of it have reported that it names none of them."""
        entry = self._registry.entry(partner)
        if entry is None:
            return None
        reporters = self._state.batch.reporters(entry.type)
        return entry.type if reporters >= self._policy.type_reporters_min else None

    # --- reactions ------------------------------------------------------------

    def _react(self, event: Input, record: Record) -> Iterator[Effect]:
        at = record.appended_at
        match event:
            case ReportLinked():
                if self._state.is_settled(event):  # done once more, or the linker's batch was
                    yield feedback(event, Verdict(Outcome.DUPLICATE), at)
                    return
                yield from _changed(event, record)
                yield from self._judge(event, record, approved=False)
                yield from self._note(event)
            case ReportRetracted():
                yield from self._retract(event, at)
            case MergeDecided():
                yield from self._merge(event)
            case SplitDecided():
                yield from self._split(event)
            case ReceiptDue():
                yield receipt(event, at)
            case PossibleLink() | PossibleLinkClosed() | LinkDecided():
                yield from self._doubts.take(event)
            case _:
                yield from self._obey(event, record)

    def _obey(self, event: Input, record: Record) -> Iterator[Effect]:
        """Do what the desk, or the partner itself, asks of the gate; relays do all the rest."""
        match event:
            case OriginatorApproved():
                yield from self._approve(event, record)
            case HoldDecided():
                yield from self._decide(event, record)
            case QuestionAsked():
                yield from put(event, record.appended_at)
            case AnswerSubmitted():
                yield acknowledge(event, record.appended_at)
            case _:
                return

    def _judge(
        self, linked: ReportLinked, record: Record, *, approved: bool, released: bool = False
    ) -> Iterator[Effect]:
        at = record.appended_at
        case = self._case(linked)
        entry = self._registry.entry(linked.partner)
        verdict = judge(linked, entry, at, approved=approved, released=released)
        if verdict.outcome is Outcome.SHARED:
            made = {one: self._fitted(case, one, None) for one in verdict.audiences}
            ready = {one: event for one, event in made.items() if event is not None}
            yield from _kept_back(kept_from(linked, entry, verdict), at)
            yield from _kept_back(dict.fromkeys(made.keys() - ready.keys(), SMALL_CELL), at)
            verdict = _without(verdict, made.keys() - ready.keys(), case.words_withheld)
            if ready:
                yield from self._share(linked, ready, record)
        if verdict.outcome is Outcome.HELD:
            yield hold(linked, verdict.reasons, at)
        yield feedback(linked, verdict, at)

    def _note(self, linked: ReportLinked) -> Iterator[Effect]:
        """Keep whom a report names, whether it is shared, held or refused."""
        entry = self._registry.entry(linked.partner)
        service = None if entry is None else entry.service(linked.service)
        named = None if service is None else service.name
        event = mentions_of(linked, self._case(linked).births, named)
        if event.persons or self._mentions.of(linked.partner, linked.report_id) is not None:
            yield note(event)

    def _case(self, linked: ReportLinked) -> Case:
        """Open a report, or take it up where it waits: as it came, and not long ago."""
        key = (linked.partner, linked.report_id)
        known = self._cases.pop(key, None)
        if known is None or known[0] != linked:
            known = (linked, self._open(linked))
        self._cases[key] = known
        if len(self._cases) > _CASES_MAX:
            del self._cases[next(iter(self._cases))]
        return known[1]

    def _open(self, linked: ReportLinked) -> Case:
        """Open the submission, and compare it with what came of it."""
        submission = decode(linked.submission, ReportSubmitted)
        key = self._sealing.get(submission.key_epoch)
        if key is None:
            raise WithheldError("epoch_key_gone")
        report = open_submission(submission, key).report
        if (path := difference(report, linked)) is not None:
            raise WithheldError("facts_differ", path)
        search = ResidueSearch(report, linked)
        words, withheld = self._words_of(linked, search)
        return Case(replace(linked, redacted=words), search, withheld, births(report, linked))

    def _words_of(
        self, linked: ReportLinked, search: ResidueSearch
    ) -> tuple[str | None, tuple[Reason, ...]]:
        """Return the words that may leave, and why there are none where the agreement lets some.

        A declared value among them means that their redaction failed, and stops the report.
        Anything else that could name somebody stays behind; the coded facts go on without it.
        """
        if not self._lets_words_leave(linked.partner):
            return None, ()
        if linked.redacted is None:
            return None, _left_behind(linked.withheld)
        if (found := search.find_in_words(linked.redacted)) is None:
            return linked.redacted, ()
        if found[0] == RESIDUAL:
            raise WithheldError(*found)
        return None, _left_behind(_WORDS_RESIDUE)

    def _lets_words_leave(self, partner: str) -> bool:
        entry = self._registry.entry(partner)
        return entry is not None and entry.narrative_permitted

    def _fitted(
        self, case: Case, audience: Audience, sector: PartnerType | None
    ) -> SharedReport | None:
        """Build what leaves, as coarse as it must be, and search its final bytes."""
        ids, linked = self._ids[audience], case.linked
        if not self._lets_words_leave(linked.partner):  # the agreement may be another by now
            linked = replace(linked, redacted=None)
        built = _BUILD[audience](linked, ids)
        fit = self._fit(built, audience)
        event = None if fit is None else finished(fit, sector)
        given = tuple(self._given_ids(linked, ids))
        for data, words in _searched(built, event):
            if (found := case.search.find(data, given, words)) is not None:
                raise WithheldError(*found)
        return event

    def _fit(self, built: SharedReport, audience: Audience) -> SharedReport | None:
        """Make a report so coarse that nobody stands alone; None if police may not have it so.

        The hub is never kept from a child: it is told in the plainest form.
        """
        fit = self._cells.fit(built, self._state.seen[audience].shown).event
        if fit is None and isinstance(built, SafeguardingReportShared):
            return plainest(built)
        return fit

    def _share(
        self, linked: ReportLinked, ready: Mapping[Audience, SharedReport], record: Record
    ) -> Iterator[Effect]:
        """Let a report go to each audience, to police in a batch unless somebody is in danger."""
        yield from self._take_back(linked, tuple(ready))
        waits = Audience.POLICE in ready and not linked.immediate_risk
        before = self._state.batch.reports.get(linked.partner, linked.report_id)
        if waits:
            since = record.appended_at if before is None else before.event.since
            yield wait(linked, record.offset, since)
            yield from self._note_reporter(linked.partner, record.appended_at)
        elif before is not None:
            yield wait_no_longer(linked.partner, linked.report_id)
        for audience, event in ready.items():
            if audience is not Audience.POLICE or not waits:
                yield Effect(TOPIC_OF[audience], event)
                yield disclosure(linked, event, audience, record.appended_at)
        if self._state.held.get(linked.partner, linked.report_id) is not None:
            yield let_go(linked.partner, linked.report_id)

    def _note_reporter(self, partner: str, at: datetime) -> Iterator[Effect]:
        entry = self._registry.entry(partner)
        if entry is not None and not self._state.batch.has_reported(partner):
            yield noted(partner, entry.type, at)

    def _given_ids(self, linked: ReportLinked, ids: AudienceIds) -> Iterator[UUID]:
        yield ids.report(linked.partner, linked.report_id)
        yield ids.origin(linked.origin_id)
        yield from (ids.entity(node.entity_id) for node in linked.nodes)

    def _take_back(self, linked: ReportLinked, audiences: Sequence[Audience]) -> Iterator[Effect]:
        for audience in self._state.others_with(linked, audiences):
            yield self._withdrawn(audience, linked.partner, linked.report_id)

    def _withdrawn(self, audience: Audience, partner: str, report_id: UUID) -> Effect:
        shared_id = self._ids[audience].report(partner, report_id)
        return Effect(TOPIC_OF[audience], ReportWithdrawn(report_id=shared_id))

    def _approve(self, event: OriginatorApproved, record: Record) -> Iterator[Effect]:
        """Go on with a held report; an approval of another revision changes nothing."""
        holding = self._state.held.get(event.partner, event.report_id)
        is_it = holding is not None and holding.event.revision == event.revision
        if holding is not None and is_it and NEEDS_APPROVAL in holding.event.reasons:
            yield from self._release(holding, record, approved=True)
        elif record.topic == OUTGOING:  # the partner itself said so and waits for a receipt
            yield nothing_held(event, record.appended_at)

    def _decide(self, event: HoldDecided, record: Record) -> Iterator[Effect]:
        """Release or refuse what is held; nobody decides about a report of their own body."""
        if event.report_id is None or event.quarantined_offset is not None:
            return
        holding = self._state.held.get(event.partner, event.report_id)
        if holding is None or holding.event.revision != event.revision:
            return
        if event.decided_for == event.partner:
            return
        if event.verdict is HoldVerdict.RELEASE:
            if any(reason.code == CONFLICT_CODE for reason in holding.event.reasons):
                yield from self._release(holding, record, released=True)
            return
        reason = Reason(code=event.reason.value.lower())
        verdict = Verdict(Outcome.REFUSED, reasons=(reason,))
        yield let_go(event.partner, event.report_id)
        yield feedback(holding.linked, verdict, record.appended_at)

    def _release(
        self,
        holding: Holding[ReportHeld],
        record: Record,
        *,
        approved: bool = False,
        released: bool = False,
    ) -> Iterator[Effect]:
        """Judge a held report anew; what was granted before is granted still."""
        linked, waits_for = holding.linked, holding.event.reasons
        approved = approved or NEEDS_APPROVAL not in waits_for
        released = released or all(reason.code != CONFLICT_CODE for reason in waits_for)
        try:
            effects = list(self._judge(linked, record, approved=approved, released=released))
            _ = [effect.outgoing() for effect in effects]
        except Exception as error:  # noqa: BLE001 - as for a report that comes straight in
            effects = list(withheld(record, linked, error))
        yield from effects
        if not any(_is_about_hold(effect) for effect in effects):
            yield let_go(linked.partner, linked.report_id)

    def _retract(self, event: ReportRetracted, at: datetime) -> Iterator[Effect]:
        for audience, seen in self._state.seen.items():
            if seen.has_report(event.partner, event.report_id):
                yield self._withdrawn(audience, event.partner, event.report_id)
        if self._state.held.get(event.partner, event.report_id) is not None:
            yield let_go(event.partner, event.report_id)
        if self._state.batch.reports.get(event.partner, event.report_id) is not None:
            yield wait_no_longer(event.partner, event.report_id)
        if (known := self._mentions.of(event.partner, event.report_id)) is not None:
            yield note(replace(known, persons=()))
        yield withdrawal_receipt(event, at)

    def _merge(self, event: MergeDecided) -> Iterator[Effect]:
        state, old, new = self._state, event.absorbed_id, event.kept_id
        hub = state.seen[Audience.SAFEGUARDING]
        if hub.has_entity(old):
            yield Effect(SAFEGUARDING, merge_for(event, hub.ids))
        if state.seen[Audience.POLICE].has_entity(old) or state.batch.tells_of(old):
            yield wait_with(event)
        yield from held_anew(state.held.renamed(old, new))
        yield from wait_anew(state.batch.reports.renamed(old, new))
        yield from self._mentions.renamed(old, new)

    def _split(self, event: SplitDecided) -> Iterator[Effect]:
        for audience, seen in self._state.seen.items():
            if (split := split_for(event, seen)) is not None:
                yield Effect(TOPIC_OF[audience], split)
        held = self._state.held.renamed(event.entity_id, event.new_entity_id, event.mentions)
        yield from held_anew(held)
        waiting = self._state.batch.reports
        yield from wait_anew(waiting.renamed(event.entity_id, event.new_entity_id, event.mentions))
        yield from self._mentions.renamed(event.entity_id, event.new_entity_id, event.mentions)


# --- comparing and telling --------------------------------------------------------


def _changed(linked: ReportLinked, record: Record) -> Iterator[Effect]:
    """A correction alters what was collected before; a first revision alters nothing."""
    if linked.supersedes is not None:
        yield alteration(linked, record)


def _searched(
    built: SharedReport, event: SharedReport | None
) -> Iterator[tuple[bytes, str | None]]:
    """Yield the bytes to search and the words in them: what leaves, and what was left out of it.

    What small cells leave out beside the place are codes, which can hold nothing.
    """
    if event is None:
        yield encode(built), built.narrative
        return
    yield encode(event), event.narrative
    if built.district != event.district and built.district is not None:
        place = built.district.encode()
        yield bytes([2 * len(place) & 0x7F]) + place, None


def _without(
    verdict: Verdict, too_few: AbstractSet[Audience], reasons: tuple[Reason, ...]
) -> Verdict:
    """Leave audiences out for whom too few people could be meant; held if none is left."""
    left = tuple(one for one in verdict.audiences if one not in too_few)
    told = (*reasons, _SMALL_CELL) if too_few else reasons
    return replace(
        verdict, outcome=Outcome.SHARED if left else Outcome.HELD, audiences=left, reasons=told
    )


def _kept_back(reasons: Mapping[Audience, str], at: datetime) -> Iterator[Effect]:
    for audience, reason in sorted(reasons.items()):
        yield kept_back(audience, Withheld.REPORT, reason, at)


def _left_behind(code: str | None) -> tuple[Reason, ...]:
    return () if code is None else (Reason(code=code, field="narrative"),)


def _ends_waiting(event: Input) -> bool:
    """Tell whether merges that wait must be told first; a danger waits for nothing."""
    is_urgent = isinstance(event, ReportLinked) and event.immediate_risk
    return is_urgent or isinstance(event, _AFTER_MERGES)


def _is_about_hold(effect: Effect) -> bool:
    return isinstance(effect.event, ReportHeld) or (
        effect.topic == HELD and effect.key is not None and report_of(effect.key) is not None
    )
