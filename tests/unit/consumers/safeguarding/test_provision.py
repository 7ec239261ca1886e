"""Places are never negative; prompts go to first responders only, MS1 without an identifier."""

from __future__ import annotations

import random
import re

import pytest

from consumers.safeguarding import provision, slavery
from consumers.safeguarding.deciding import decide
from consumers.safeguarding.hub import HubBook
from consumers.safeguarding.lifecycle import UnknownAlertError
from consumers.safeguarding.slavery import FirstResponder
from streams.codes import AlertSubject, ReferralRoute, SlaveryForm
from streams.errors import InvalidInputError
from streams.hub import SlaveryNotified
from tests.invented_hub import (
    ANN,
    MONDAY,
    answered,
    claimed,
    hub_id,
    listed,
    offered,
    referred,
    version,
)

CHILD, ADULT = AlertSubject.CHILD, AlertSubject.ADULT


def book(*events, alerts=("A", "B", "C")):
    made = HubBook()
    for one in alerts:
        made.found(hub_id(one), version(1))
    for event in events:
        made.apply(event, MONDAY)
    return made


def free(made, name="P"):
    return made.provisions.listed[hub_id(name)].free


def test_an_offer_takes_a_place_a_refusal_gives_it_back_and_taking_it_up_keeps_it():
    made = book(listed("P", 2), offered("O1", "P", "A"), offered("O2", "P", "B"))
    assert free(made) == 0
    made.apply(answered("O1", taken_up=False), MONDAY)
    made.apply(answered("O2", taken_up=True), MONDAY)
    assert free(made) == 1


@pytest.mark.parametrize(
    ("before", "event", "error"),
    [
        ((), offered("O", "P", "A"), provision.UnknownProvisionError),
        ((listed("P"),), offered("O", "P", "nobody"), UnknownAlertError),
        ((listed("P"), listed("P", 0)), offered("O", "P", "A"), provision.ProvisionEndedError),
        (
            (listed("P", 1), offered("O", "P", "A")),
            offered("O2", "P", "B"),
            provision.NoPlaceError,
        ),
        (
            (listed("P"), offered("O", "P", "A")),
            offered("O2", "P", "A"),
            provision.OfferedAlreadyError,
        ),
        ((), listed("P", 0), provision.BadPlacesError),
        ((), listed("P", -1), provision.BadPlacesError),
        (
            (listed("P", 2), offered("O", "P", "A"), offered("O2", "P", "B")),
            listed("P", 1),
            provision.BadPlacesError,
        ),
        ((listed("P"),), answered("O"), provision.UnknownOfferError),
        (
            (listed("P"), offered("O", "P", "A"), answered("O")),
            answered("O", taken_up=False),
            provision.AnsweredAlreadyError,
        ),
    ],
)
def test_what_may_not_be_offered_has_a_named_error_and_changes_nothing(before, event, error):
    made = book(*before)
    was = (dict(made.provisions.listed), dict(made.provisions.offers))
    with pytest.raises(error):
        decide(made, event)
    made.apply(event, MONDAY)  # and should it stand on the log all the same
    if error is not UnknownAlertError:  # whether the alert is there is not for this fold to know
        assert (made.provisions.listed, made.provisions.offers) == was


def test_who_did_not_take_it_up_may_be_offered_it_again():
    made = book(listed("P"), offered("O", "P", "A"), answered("O", taken_up=False))
    assert decide(made, offered("O2", "P", "A"))


def test_ended_provision_can_be_listed_anew_and_remembers_who_has_a_place():
    made = book(listed("P", 1), offered("O", "P", "A"), answered("O"), listed("P", 0))
    assert free(made) == 0
    made.apply(listed("P", 3), MONDAY)
    assert free(made) == 2


def test_no_history_makes_places_negative():
    dice = random.Random(3)
    made = book()
    for number in range(3_000):
        kind = dice.randrange(3)
        name = f"P{dice.randrange(4)}"
        if kind == 0:
            event = listed(name, dice.randrange(-1, 4))
        elif kind == 1:
            event = offered(f"O{number}", name, dice.choice("ABC"))
        else:
            event = answered(f"O{dice.randrange(number + 1)}", taken_up=dice.random() < 0.5)
        made.apply(event, MONDAY)
        for one in made.provisions.listed.values():
            stand = [o for o in made.provisions.offers.values() if o.taken_up is not False]
            used = sum(o.provision_id == one.provision_id for o in stand)
            assert one.used == used
            assert one.free >= 0
            assert one.has_ended or one.used <= one.places


# --- modern slavery ----------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["police", "council", "local-authority", "NAMED_CHARITY"])
def test_a_first_responder_organisation_is_known_by_its_word(word):
    assert slavery.first_responder(word) in FirstResponder


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("school", "LOCAL_AUTHORITY"),
        ("nhs-trust", "LOCAL_AUTHORITY"),
        ("probation", "POLICE"),
        ("fire", "POLICE"),
        ("voluntary", "LOCAL_AUTHORITY"),
    ],
)
def test_whoever_is_none_is_routed_to_one(word, instead):
    with pytest.raises(slavery.NotAFirstResponderError, match=f"route it to {instead}"):
        slavery.first_responder(word)


def test_an_unknown_word_is_not_repeated():
    with pytest.raises(slavery.NotAFirstResponderError) as told:
        slavery.first_responder("Jane Invented")
    assert "Jane" not in str(told.value).title()


@pytest.mark.parametrize("consent", [None, False, True])
def test_a_child_is_referred_whatever_is_said_of_consent(consent):
    assert slavery.form_for(CHILD, consent=consent) is SlaveryForm.NRM


def test_an_adult_is_referred_with_consent_and_notified_by_ms1_without():
    assert slavery.form_for(ADULT, consent=True) is SlaveryForm.NRM
    assert slavery.form_for(ADULT, consent=False) is SlaveryForm.MS1
    with pytest.raises(slavery.ConsentNotToldError):
        slavery.form_for(ADULT, consent=None)


def test_ms1_holds_codes_and_no_identifier_not_even_ours():
    told = {"indicators": ["DEBT_BONDAGE"], "weeks": ["2026-W40"], "districts": ["S5"]}
    said = slavery.content(SlaveryForm.MS1, FirstResponder.POLICE, told)
    assert said["identifiers"] == "none"
    assert not re.search(r"[0-9a-f]{8}-", str(said))
    assert set(said) == {
        "form",
        "first_responder",
        "duty_to_notify",
        "identifiers",
        "indicators",
        "weeks",
        "districts",
    }


def notified(form=SlaveryForm.NRM, alert="A"):
    return SlaveryNotified(
        notification_id=hub_id(f"{form} {alert}"),
        alert_id=hub_id(alert),
        form=form,
        consent=None,
        first_responder="POLICE",
        decided_by=ANN,
        decided_at=MONDAY,
    )


@pytest.mark.parametrize("form", [None, SlaveryForm.MS1, SlaveryForm.NRM])
def test_a_referral_to_the_nrm_needs_a_first_responder_who_got_the_nrm_form(form):
    made = book(claimed("A"), *([] if form is None else [notified(form)]))
    event = referred("R", "A", route=ReferralRoute.NATIONAL_REFERRAL_MECHANISM)
    if form is SlaveryForm.NRM:
        assert decide(made, event) == (event,)
    else:
        with pytest.raises(slavery.NotPromptedError):
            decide(made, event)


def test_the_same_prompt_goes_once():
    made = book(notified())
    with pytest.raises(slavery.NotifiedAlreadyError):
        decide(made, notified())
    assert decide(made, notified(SlaveryForm.MS1))
    with pytest.raises(InvalidInputError):
        decide(made, notified(alert="nobody"))
