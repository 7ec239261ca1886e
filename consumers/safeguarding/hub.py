"""All that the hub decides, folded: alerts' lives, deadlines, provision, prompts, protections.

Two topics meet here: what the machine found of an alert, and what people decided on it. Each is
kept by itself and joined where somebody asks, so that every interleaving gives the same state.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, get_args
from uuid import UUID

from consumers.deadlines import Deadline, Deadlines
from consumers.projection import Rewrite
from consumers.safeguarding import hub_rows
from consumers.safeguarding.clocks import CLOCKS, HubClocks
from consumers.safeguarding.hub_tables import PROTECTIONS
from consumers.safeguarding.lifecycle import Decided, Lives
from consumers.safeguarding.provision import ProvisionEvent, Provisions
from consumers.safeguarding.rounds import AlertFacts, AlertVersion, deadlines_of
from consumers.safeguarding.slavery import Notification
from streams.codes import DeadlineKind
from streams.hub import (
    HubViewGiven,
    LabFindingDecided,
    LabFindingRaised,
    NoticeReleased,
    NoticeWithdrawn,
    PreventionMessageDecided,
    ProtectionDeclared,
    ProtectionEnded,
    RulesAdopted,
    SlaveryNotified,
)
from streams.instants import LONDON
from streams.ocg import DeadlinePassed
from streams.topics import HUB_DECISIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consumers.projection import Read

_DECIDED: Final = get_args(Decided)
_PROVISION: Final = get_args(ProvisionEvent)
#: What of `safeguarding.decisions` is folded here.
HUB_EVENTS: Final[tuple[type[Any], ...]] = (
    *_DECIDED,
    *_PROVISION,
    SlaveryNotified,
    ProtectionDeclared,
    ProtectionEnded,
    DeadlinePassed,
)
#: And what else stands there, of no matter to this fold.
_OTHERS: Final[tuple[type[Any], ...]] = (
    NoticeReleased,
    NoticeWithdrawn,
    PreventionMessageDecided,
    RulesAdopted,
    LabFindingRaised,
    LabFindingDecided,
    HubViewGiven,
)
TOPIC_EVENTS: Final = (*HUB_EVENTS, *_OTHERS)


@dataclass(frozen=True, slots=True)
class Protection:
    """A place or thing of which police are told that a child is protected there."""

    declaration_id: UUID
    entity_id: UUID
    until: date
    ended: bool = False


class HubBook:
    """The fold. `apply` takes decisions, `found` what the machine says of an alert."""

    def __init__(self) -> None:
        self.lives = Lives()
        self.provisions = Provisions()
        self.notifications: dict[UUID, Notification] = {}
        self.protections: dict[UUID, Protection] = {}
        self.facts: dict[UUID, AlertFacts] = {}
        self.deadlines = Deadlines(HUB_DECISIONS)
        self.clocks = CLOCKS
        self._rewrites: list[Rewrite] = []

    def apply(self, event: object, at: datetime) -> None:
        """Take an event of `safeguarding.decisions` in at its log time; of others nothing."""
        if isinstance(event, _DECIDED):
            self._decide(event, at)
        elif isinstance(event, _PROVISION):
            self.provisions.apply(event, at)
        elif isinstance(event, DeadlinePassed):
            self._pass(event, at)
        elif isinstance(event, SlaveryNotified):
            self._notify(event, at)
        elif isinstance(event, ProtectionDeclared | ProtectionEnded):
            self._protect(event)

    def found(self, alert_id: UUID, version: AlertVersion) -> None:
        """Take in that an alert was raised or has another version."""
        known = self.facts.get(alert_id)
        self.facts[alert_id] = (
            AlertFacts(alert_id, (version,)) if known is None else known.and_then(version)
        )
        self._offer(alert_id)

    def adopt(self, clocks: HubClocks) -> None:
        """Go by other local targets: what is open is due by them; what was told, was told."""
        self.clocks = clocks
        for alert_id in self.facts:
            self._offer(alert_id)

    def take_rewrites(self) -> Sequence[Rewrite]:
        """Return what the rows have become since the last call."""
        rewrites, self._rewrites = self._rewrites, []
        told = self.deadlines.take_rewrites()
        return [*rewrites, *hub_rows.rewrites_of_provisions(self.provisions), *told]

    def restore(self, read: Read, found: Iterable[tuple[UUID, AlertVersion]]) -> None:
        """Take the state from the rows; `found` are all versions of all alerts, in order."""
        self.deadlines.restore(read)
        for life in hub_rows.lives_from(read):
            self.lives.lives[life.alert_id] = life
            self.lives.referrals |= {one.referral_id: life.alert_id for one in life.referrals}
        hub_rows.provisions_from(read, self.provisions)
        self.notifications = {one.notification_id: one for one in hub_rows.notifications_from(read)}
        for row in read(PROTECTIONS):
            self._keep(_protection(row))
        for alert_id, version in found:
            self.found(alert_id, version)
        self._rewrites.clear()

    def _decide(self, event: Decided, at: datetime) -> None:
        entry = self.lives.apply(event, at)
        if entry is not None:
            self._rewrites.append(hub_rows.rewrite_of_entry(entry))
            self._changed(entry.alert_id)

    def _pass(self, event: DeadlinePassed, at: datetime) -> None:
        if not self.deadlines.tell(event):
            return
        entry = self.lives.pass_deadline(event, at)
        if entry is not None:
            self._rewrites.append(hub_rows.rewrite_of_entry(entry))
            self._changed(entry.alert_id)

    def _changed(self, alert_id: UUID) -> None:
        self._rewrites += hub_rows.rewrites_of_life(self.lives.life(alert_id))
        self._offer(alert_id)

    def _offer(self, alert_id: UUID) -> None:
        """Say anew what is due of an alert; of one that was never raised nothing is."""
        facts = self.facts.get(alert_id)
        if facts is not None:
            due = deadlines_of(self.lives.life(alert_id), facts, self.deadlines, self.clocks)
            self.deadlines.offer(f"alert {alert_id}", *due)

    def _notify(self, event: SlaveryNotified, at: datetime) -> None:
        one = Notification(
            event.notification_id,
            event.alert_id,
            event.form,
            event.consent,
            event.first_responder,
            event.decided_by,
            at,
        )
        if self.notifications.setdefault(one.notification_id, one) is one:
            self._rewrites.append(hub_rows.rewrite_of_notification(one))

    def _protect(self, event: ProtectionDeclared | ProtectionEnded) -> None:
        known = self.protections.get(event.declaration_id)
        if isinstance(event, ProtectionDeclared):
            if known is None:
                self._keep(Protection(event.declaration_id, event.entity_id, event.until))
        elif known is not None and not known.ended:
            self._keep(replace(known, ended=True))

    def _keep(self, protection: Protection) -> None:
        self.protections[protection.declaration_id] = protection
        key = {"declaration_id": str(protection.declaration_id)}
        row = {
            **key,
            "entity_id": str(protection.entity_id),
            "until": protection.until.isoformat(),
            "ended": protection.ended,
        }
        self._rewrites.append(Rewrite(PROTECTIONS, key, (row,)))
        due = () if protection.ended else (protection_end(protection),)
        self.deadlines.offer(f"protection {protection.declaration_id}", *due)


def protection_end(protection: Protection) -> Deadline:
    """Return when a protection ends by itself: with its last day, in Europe/London."""
    midnight = datetime.combine(protection.until + timedelta(days=1), time(), LONDON)
    kind = DeadlineKind.PROTECTION_ENDED
    return Deadline(kind, protection.declaration_id, None, midnight.astimezone(UTC))


def _protection(row: Any) -> Protection:  # noqa: ANN401 - a row, as the store gives it
    return Protection(
        UUID(row["declaration_id"]),
        UUID(row["entity_id"]),
        date.fromisoformat(row["until"]),
        row["ended"],
    )
