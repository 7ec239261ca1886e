"""Notices: the hub lets the holders of a person know, each in its own reference.

A holder learns no name, no network and no other agency: it is pointed to a record that it sent
itself, under a notice id that no other holder gets. The hub is told how many holders got it, not
which. A person whom any report marks as protected, or that is about somebody's own staff, is no
subject of a notice at all. Where no holder of the chosen kinds reported the person the vault is
the way.

Who was told is kept on `enclave.held`, so that a split, a withdrawal, a correction or a change of
mind reaches the same people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from anonymiser.gate.effects import Effect, disclosure_to_holders
from anonymiser.gate.relays import Relay
from streams.codes import NoticeCorrection, NoticeStop
from streams.hub import NoticeReleased, NoticeWithdrawn
from streams.restricted import NoticeSent, ReportLinked, ReportRetracted, SplitDecided
from streams.shared import NoticeCorrected, NoticeGiven, NoticeTold
from streams.topics import HELD, SAFEGUARDING, feedback_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from anonymiser.gate.holders import Holder, Holders
    from anonymiser.gate.inputs import Input
    from anonymiser.gate.mentions import Mentions
    from anonymiser.gate.splits import Splits
    from anonymiser.gate.state import Seen
    from streams.ports import Record

_PREFIX: Final = b"notice:"


def notice_key(notice_id: UUID, partner: str) -> bytes:
    """Return the record key under which it stands that a holder was told."""
    return _PREFIX + f"{notice_id}/{partner}".encode()


def _notice_of(key: bytes) -> tuple[UUID, str]:
    notice_id, _, partner = key.removeprefix(_PREFIX).decode().partition("/")
    return UUID(notice_id), partner


class NoticeRelay(Relay):
    """Gives notices and corrects them. `splits` are those that the hub was told of."""

    def __init__(self, hub: Seen, mentions: Mentions, holders: Holders, splits: Splits) -> None:
        self._hub = hub
        self._mentions = mentions
        self._holders = holders
        self._splits = splits
        self._told: set[UUID] = set()
        self._sent: dict[UUID, dict[str, NoticeSent]] = {}
        self._about: dict[tuple[str, UUID], dict[UUID, None]] = {}

    # --- memory -----------------------------------------------------------------------

    def remember(self, effect: Effect) -> None:
        """Fold one of the gate's own records in."""
        if isinstance(effect.event, NoticeTold):
            self._told.add(effect.event.notice_id)
        elif effect.topic == HELD and effect.key is not None and effect.key.startswith(_PREFIX):
            self._forget(*_notice_of(effect.key))
            if isinstance(effect.event, NoticeSent):
                self._keep(effect.event)

    def _keep(self, sent: NoticeSent) -> None:
        self._sent.setdefault(sent.notice_id, {})[sent.partner] = sent
        self._about.setdefault((sent.partner, sent.report_id), {})[sent.notice_id] = None

    def _forget(self, notice_id: UUID, partner: str) -> None:
        sent = self._sent.get(notice_id, {}).pop(partner, None)
        if sent is not None:
            self._about[partner, sent.report_id].pop(notice_id, None)

    def counts(self) -> Mapping[str, int]:
        """Return how many notices stand with a holder."""
        return {"notices_standing": sum(map(len, self._sent.values()))}

    # --- giving -----------------------------------------------------------------------

    def take(self, event: Input, record: Record) -> Iterator[Effect]:
        """Give what was released; take back what does not hold any longer."""
        at = record.appended_at
        match event:
            case NoticeReleased() if event.notice_id not in self._told:
                yield from self._give(event, at)
            case NoticeWithdrawn(notice_id=notice_id):
                sent = list(self._sent.get(notice_id, {}).values())
                yield from self._correct(sent, NoticeCorrection.RELEASED_IN_ERROR, at)
            case SplitDecided(mentions=mentions):
                moved = {(one.partner, one.report_id, one.node) for one in mentions}
                sent = self._sent_about((one.partner, one.report_id) for one in mentions)
                parted = [one for one in sent if (one.partner, one.report_id, one.node) in moved]
                yield from self._correct(parted, NoticeCorrection.PERSON_SPLIT, at)
            case ReportRetracted():
                sent = self._sent_about([(event.partner, event.report_id)])
                yield from self._correct(sent, NoticeCorrection.REPORT_WITHDRAWN, at)
            case ReportLinked():
                sent = self._renamed_by(event)
                yield from self._correct(sent, NoticeCorrection.REPORT_CORRECTED, at)
            case _:
                return

    def _give(self, event: NoticeReleased, at: datetime) -> Iterator[Effect]:
        stopped = self._stops(event)
        chosen = () if stopped else self._chosen(event, at)
        for holder in chosen:
            yield from self._given(event, holder, at)
        if chosen:
            yield disclosure_to_holders(f"notice {event.notice_id}", event.decided_by, at)
        elif not stopped:
            stopped = (NoticeStop.NO_HOLDER,)
        told = NoticeTold(notice_id=event.notice_id, holders=len(chosen), stopped=stopped)
        yield Effect(SAFEGUARDING, told)

    def _stops(self, event: NoticeReleased) -> tuple[NoticeStop, ...]:
        if not self._hub.knows(event.person_id):
            return (NoticeStop.NO_HOLDER,)
        if self._splits.is_void(event.person_id, event.seen):
            return (NoticeStop.PERSON_SPLIT,)
        return self._holders.stops(self._entity(event.person_id))

    def _chosen(self, event: NoticeReleased, at: datetime) -> tuple[Holder, ...]:
        holders = self._holders.of(self._entity(event.person_id), at)
        return tuple(one for one in holders if any(map(one.is_kind, event.recipients)))

    def _given(self, event: NoticeReleased, holder: Holder, at: datetime) -> Iterator[Effect]:
        given = NoticeGiven(
            notice_id=self._hub.ids.given_to(holder.partner, event.notice_id),
            report_id=holder.report_id,
            node=holder.node,
            wording=event.wording,
            given_at=at,
        )
        sent = NoticeSent(
            notice_id=event.notice_id,
            partner=holder.partner,
            report_id=holder.report_id,
            node=holder.node,
            sent_at=at,
        )
        yield Effect(feedback_of(holder.partner), given)
        yield Effect(HELD, sent, notice_key(event.notice_id, holder.partner))

    def _entity(self, person_id: UUID) -> UUID:
        """Return who the person is in the enclave now; the hub hears of each merge at once."""
        return self._hub.ids.entity_behind(self._hub.root(person_id))

    # --- correcting -------------------------------------------------------------------

    def _sent_about(self, reports: Iterable[tuple[str, UUID]]) -> list[NoticeSent]:
        """Return what was sent about these reports, each once."""
        return [
            self._sent[notice_id][report[0]]
            for report in dict.fromkeys(reports)
            for notice_id in self._about.get(report, ())
        ]

    def _renamed_by(self, linked: ReportLinked) -> list[NoticeSent]:
        """Return what was sent about a mention that a later revision gives to somebody else."""
        now = {node.node: node.entity_id for node in linked.nodes}
        found = []
        for sent in self._sent_about([(linked.partner, linked.report_id)]):
            known = self._mentions.person(sent.partner, sent.report_id, sent.node)
            if known is not None and now.get(sent.node) != known.entity_id:
                found.append(sent)
        return found

    def _correct(
        self, sent: Collection[NoticeSent], reason: NoticeCorrection, at: datetime
    ) -> Iterator[Effect]:
        """Tell those who were told, and the hub how many are left."""
        for one in sent:
            corrected = NoticeCorrected(
                notice_id=self._hub.ids.given_to(one.partner, one.notice_id),
                report_id=one.report_id,
                node=one.node,
                reason=reason,
                told_at=at,
            )
            yield Effect(feedback_of(one.partner), corrected)
            yield Effect(HELD, None, notice_key(one.notice_id, one.partner))
        for notice_id in dict.fromkeys(one.notice_id for one in sent):
            gone = sum(one.notice_id == notice_id for one in sent)
            left = len(self._sent[notice_id]) - gone
            told = NoticeTold(notice_id=notice_id, holders=left, stopped=(NoticeStop.TAKEN_BACK,))
            yield Effect(SAFEGUARDING, told)
