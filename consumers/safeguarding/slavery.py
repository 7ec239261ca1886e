"""Suspected modern slavery: who may be prompted, by which form, and what the form may hold.

Only a first responder organisation refers to the National Referral Mechanism (NRM). A child is
referred, consent or not; an adult only with consent; without it the Home Office is notified by
form MS1, which holds nothing that identifies the adult.
Source: domain.md section 4 and section 8, rule 37; Modern Slavery Act 2015, s51 and s52.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from consumers.safeguarding.lifecycle import UnknownAlertError
from streams.codes import AlertSubject, ReferralRoute, SlaveryForm
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from streams.hub import ReferralMade, SlaveryNotified


class FirstResponder(StrEnum):
    """Organisations that may refer to the NRM; a charity only if it is on the Home Office's list.

    Version 1 of the list, from domain.md section 4; a change of it is a change of this list.
    """

    POLICE = "POLICE"
    LOCAL_AUTHORITY = "LOCAL_AUTHORITY"
    NATIONAL_CRIME_AGENCY = "NATIONAL_CRIME_AGENCY"
    GANGMASTERS_AND_LABOUR_ABUSE_AUTHORITY = "GANGMASTERS_AND_LABOUR_ABUSE_AUTHORITY"
    HOME_OFFICE = "HOME_OFFICE"
    NAMED_CHARITY = "NAMED_CHARITY"


#: Who must notify by law (s52); the others are asked to.
HAVE_A_DUTY: Final = frozenset(
    {
        FirstResponder.POLICE,
        FirstResponder.LOCAL_AUTHORITY,
        FirstResponder.NATIONAL_CRIME_AGENCY,
        FirstResponder.GANGMASTERS_AND_LABOUR_ABUSE_AUTHORITY,
    }
)
#: Who is none, and to whom they are routed instead.
ROUTED_TO: Final[Mapping[str, FirstResponder]] = {
    "SCHOOL": FirstResponder.LOCAL_AUTHORITY,
    "HEALTH": FirstResponder.LOCAL_AUTHORITY,
    "NHS_TRUST": FirstResponder.LOCAL_AUTHORITY,
    "HOUSING": FirstResponder.LOCAL_AUTHORITY,
    "YOUTH_JUSTICE": FirstResponder.LOCAL_AUTHORITY,
    "VOLUNTARY": FirstResponder.LOCAL_AUTHORITY,
    "PROBATION": FirstResponder.POLICE,
    "FIRE": FirstResponder.POLICE,
}
#: Partners' sectors that are first responders under another word.
_SAME: Final = {"COUNCIL": FirstResponder.LOCAL_AUTHORITY}


class NotAFirstResponderError(InvalidInputError):
    """This organisation may not refer to the NRM; the message names the one to route it to."""


class ConsentNotToldError(InvalidInputError):
    """For an adult say whether they consent: it decides between NRM and MS1."""


class NotPromptedError(InvalidInputError):
    """Only a first responder refers to the NRM: prompt one first (`rivelin nrm prompt`).

    An adult who does not consent is not referred there at all: MS1 names nobody.
    """


class NotifiedAlreadyError(InvalidInputError):
    """This form was prompted of this organisation for this alert already."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A prompt that went to a first responder; `notified_at` is its log time."""

    notification_id: UUID
    alert_id: UUID
    form: SlaveryForm
    consent: bool | None
    first_responder: str
    decided_by: str
    notified_at: datetime


def first_responder(word: str) -> FirstResponder:
    """Return the first responder organisation that a word names.

    Raises: NotAFirstResponderError with the one to go to, for whatever is none.
    """
    code = word.strip().upper().replace("-", "_").replace(" ", "_")
    if code in _SAME:
        return _SAME[code]
    if code in FirstResponder.__members__:
        return FirstResponder(code)
    instead = ROUTED_TO.get(code)
    if instead is None:
        raise NotAFirstResponderError(f"first responders are {', '.join(FirstResponder)}")
    raise NotAFirstResponderError(
        f"{code} is no first responder organisation: route it to {instead} (--to {instead})"
    )


def form_for(about: AlertSubject, *, consent: bool | None) -> SlaveryForm:
    """Return the form: NRM for a child, and for an adult who consents; else MS1.

    Somebody of unknown age with indicators of a child counts as one.
    Raises: ConsentNotToldError for an adult of whom nobody says.
    """
    if about is AlertSubject.CHILD:
        return SlaveryForm.NRM
    if consent is None:
        raise ConsentNotToldError("say whether the adult consents: --consent or --no-consent")
    return SlaveryForm.NRM if consent else SlaveryForm.MS1


def decide(
    sent: Iterable[Notification], known: Container[UUID], event: SlaveryNotified
) -> tuple[SlaveryNotified, ...]:
    """Return the event of a prompt that may go now.

    Raises: UnknownAlertError, NotifiedAlreadyError.
    """
    if event.alert_id not in known:
        raise UnknownAlertError("no such alert was raised; `rivelin alert list` shows those")
    same = (event.alert_id, event.form, event.first_responder)
    if any((one.alert_id, one.form, one.first_responder) == same for one in sent):
        raise NotifiedAlreadyError("this form was prompted of this organisation already")
    return (event,)


def require_prompt(sent: Iterable[Notification], referral: ReferralMade) -> None:
    """Refuse a referral to the NRM of an alert for which no first responder got the NRM form.

    Raises: NotPromptedError.
    """
    if referral.route is not ReferralRoute.NATIONAL_REFERRAL_MECHANISM:
        return
    if not any(one.alert_id == referral.alert_id and one.form is SlaveryForm.NRM for one in sent):
        raise NotPromptedError(
            "only a first responder refers to the NRM: prompt one first with `rivelin nrm prompt`"
        )


def content(
    form: SlaveryForm, responder: FirstResponder, told: Mapping[str, Sequence[str]]
) -> Mapping[str, object]:
    """Return what the form says: indicators, weeks and districts; of MS1 nothing that identifies.

    `told` holds codes only ("indicators", "weeks", "districts"). Not even an id of ours is in MS1:
    a pseudonym is personal data too. The NRM form wants a name, which only the vault can give.
    """
    said = {name: sorted(set(told.get(name, ()))) for name in ("indicators", "weeks", "districts")}
    names_it = form is SlaveryForm.NRM
    return {
        "form": form.value,
        "first_responder": responder.value,
        "duty_to_notify": responder in HAVE_A_DUTY,
        "identifiers": "by the dual-control vault only" if names_it else "none",
        **said,
    }
