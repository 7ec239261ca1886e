"""The holders of a person: partners with a live report of it, and in which node of which report.

Each holder is told things in its own reference alone, and in one only, even where it reported the
person several times: that two of its records are one person is not for a notice to say. Police
are no holder here, whoever of them reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streams.codes import NoticeRecipient, NoticeStop
from streams.registry import Standing
from streams.values import PartnerType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from uuid import UUID

    from anonymiser.gate.mentions import Mentions
    from streams.registry import PartnerEntry, Registry
    from streams.restricted import MentionsNoted

#: The kind of body behind each recipient of a notice; social care is a council's own.
BODY_OF: Final[Mapping[NoticeRecipient, PartnerType]] = {
    NoticeRecipient.CHILDRENS_SOCIAL_CARE: PartnerType.COUNCIL,
    NoticeRecipient.SCHOOL: PartnerType.SCHOOL,
    NoticeRecipient.HEALTH: PartnerType.HEALTH,
    NoticeRecipient.YOUTH_JUSTICE: PartnerType.YOUTH_JUSTICE,
    NoticeRecipient.HOUSING: PartnerType.HOUSING,
    NoticeRecipient.VOLUNTARY: PartnerType.VOLUNTARY,
}


@dataclass(frozen=True, slots=True)
class Holder:
    """A partner that reported the person, and by which mention it is told of it."""

    partner: str
    entry: PartnerEntry
    report_id: UUID
    node: int

    def is_kind(self, recipient: NoticeRecipient) -> bool:
        """Tell whether this is a body of the kind; a council only with a service of social care."""
        if self.entry.type is not BODY_OF[recipient]:
            return False
        is_care = recipient is NoticeRecipient.CHILDRENS_SOCIAL_CARE
        return not is_care or any(one.health_or_social_care for one in self.entry.services)


class Holders:
    """Finds holders. `is_live` tells whether a report was let out, is held or waits."""

    def __init__(
        self, mentions: Mentions, registry: Registry, is_live: Callable[[str, UUID], bool]
    ) -> None:
        self._mentions = mentions
        self._registry = registry
        self._is_live = is_live

    def of(self, entity_id: UUID, at: datetime) -> tuple[Holder, ...]:
        """Return the holders of a person, by name.

        Of several mentions of one holder the latest counts, one of a care service before others.
        """
        found: dict[str, tuple[bool, Holder]] = {}
        for report, person in self._mentions.naming(entity_id):
            entry = self.entry(report.partner, at)
            if entry is None or not self._is_live(report.partner, report.report_id):
                continue
            is_care = _is_care(entry, report)
            known = found.get(report.partner)
            if known is None or is_care or not known[0]:
                holder = Holder(report.partner, entry, report.report_id, person.node)
                found[report.partner] = (is_care, holder)
        return tuple(found[partner][1] for partner in sorted(found))

    def entry(self, partner: str, at: datetime) -> PartnerEntry | None:
        """Return the entry of a partner that may be a holder: active, and no police body."""
        entry = self._registry.entry(partner)
        if entry is None or entry.type is PartnerType.POLICE:
            return None
        return entry if entry.standing(at) is Standing.ACTIVE else None

    def stops(self, entity_id: UUID) -> tuple[NoticeStop, ...]:
        """Return what forbids to tell any holder of this person anything, in any report of it."""
        persons = [person for _, person in self._mentions.naming(entity_id)]
        stops = (
            (NoticeStop.PROTECTED, any(person.protected for person in persons)),
            (NoticeStop.CONFLICT, any(person.conflict for person in persons)),
        )
        return tuple(stop for stop, is_so in stops if is_so)


def _is_care(entry: PartnerEntry, report: MentionsNoted) -> bool:
    service = entry.service(report.service)
    return service is not None and service.health_or_social_care
