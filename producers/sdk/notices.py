"""What the safeguarding hub lets a partner know of a record of its own, and how it reads; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streams.codes import NoticeCorrection, NoticeWording, PreventionCode
from streams.shared import NoticeCorrected, NoticeGiven

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from streams.shared import MessageGiven

WORDS: Final[Mapping[NoticeWording, str]] = {
    NoticeWording.CHECK_YOUR_RECORD: "Look at your own record of this person again.",
    NoticeWording.SPEAK_TO_THE_HUB: "Speak to the safeguarding hub about this person.",
    NoticeWording.EXTRA_CARE: "Take extra care in whatever you do with this person.",
}
CORRECTIONS: Final[Mapping[NoticeCorrection, str]] = {
    NoticeCorrection.PERSON_SPLIT: "It was about somebody else: take it as never given.",
    NoticeCorrection.REPORT_WITHDRAWN: "You withdrew the report: it holds no longer.",
    NoticeCorrection.REPORT_CORRECTED: "You corrected the report: it holds no longer.",
    NoticeCorrection.RELEASED_IN_ERROR: "It was given in error: take it as never given.",
}
SAID: Final[Mapping[PreventionCode, str]] = {
    PreventionCode.MEETING_PROPOSED: "proposes a meeting; the hub arranges it",
    PreventionCode.SUPPORT_OFFERED: "offers support",
    PreventionCode.SUPPORT_WANTED: "asks for support",
    PreventionCode.LEAD_PROFESSIONAL_NAMED: "has named a lead professional; the hub knows who",
    PreventionCode.RISK_LOWER: "sees less risk than before",
    PreventionCode.RISK_HIGHER: "sees more risk than before",
    PreventionCode.CONTACT_THE_HUB: "asks you to contact the hub",
}
OWN_RECORD: Final = (
    "A notice or message points to a record that you sent yourselves. It is not a finding, and it"
    " says nothing about the family beyond that; what you do with it is yours to decide by your own"
    " duties. Do not tell the family where it comes from. In danger now: 999."
)
"""What is said with every notice and message, in the same words."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice about one node of one of the partner's own reports; `corrected` once void."""

    notice_id: UUID
    report_id: UUID
    node: int
    wording: NoticeWording
    given_at: datetime
    corrected: NoticeCorrection | None = None

    @property
    def text(self) -> str:
        """The notice as a person reads it."""
        return WORDS[self.wording] if self.corrected is None else CORRECTIONS[self.corrected]


@dataclass(frozen=True, slots=True)
class Message:
    """What another holder of the same person says, by one of the partner's own reports."""

    message_id: UUID
    report_id: UUID
    node: int
    code: PreventionCode
    given_at: datetime

    @property
    def text(self) -> str:
        """The message as a person reads it."""
        return f"Another agency that works with this person {SAID[self.code]}."


def notices_from(told: Iterable[NoticeGiven | NoticeCorrected]) -> tuple[Notice, ...]:
    """Return every notice as it stands, oldest first; one given twice is one."""
    found: dict[UUID, Notice] = {}
    for one in told:
        if isinstance(one, NoticeGiven):
            found.setdefault(
                one.notice_id,
                Notice(one.notice_id, one.report_id, one.node, one.wording, one.given_at),
            )
        elif (known := found.get(one.notice_id)) is not None:
            found[one.notice_id] = Notice(
                known.notice_id,
                known.report_id,
                known.node,
                known.wording,
                known.given_at,
                one.reason,
            )
    return tuple(found.values())


def messages_from(told: Iterable[MessageGiven]) -> tuple[Message, ...]:
    """Return every message, oldest first; one given twice is one."""
    found = {
        one.message_id: Message(one.message_id, one.report_id, one.node, one.code, one.given_at)
        for one in told
    }
    return tuple(found.values())
