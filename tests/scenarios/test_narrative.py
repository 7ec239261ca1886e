"""A narrative on its way: redacted by intake, passed by the linker, let out or kept by the gate."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from anonymiser.narrative import redact
from deploy.evaluate.narrative.stories import stories
from streams.topics import OUTGOING, SAFEGUARDING
from streams.values import PartnerType
from tests.enclave import Enclave, onboarded, person, report

TALKATIVE = "rivelin-schools"
TOLD = (
    "Arvid Testmann was seen again by the gate with two older males who came in a dark car. He"
    " would not say where the money had come from and went home late. Staff are worried that he"
    " is being used to carry drugs for them."
)
ARVID = {"given_name": "Arvid", "family_name": "Testmann"}


@pytest.fixture
async def enclave():
    permitted = onboarded(TALKATIVE, PartnerType.SCHOOL, narrative_permitted=True)
    return await Enclave().start((permitted,))


def told(narrative=TOLD, **changes):
    return report(person("pupil-1", **ARVID), partner=TALKATIVE, narrative=narrative, **changes)


def reasons(enclave, sent):
    (given,) = enclave.feedback(sent)
    return given.outcome.value, [reason.code for reason in given.reasons]


async def test_a_narrative_leaves_with_placeholders_where_the_agreement_lets_it(enclave):
    sent = told()
    await enclave.submit(sent)
    for topic in ("police.intelligence", SAFEGUARDING):
        narrative = enclave.shared(sent, topic).narrative
        assert narrative is not None
        assert narrative.startswith("[PERSON-0] was seen again by the gate with two older males")
        assert "Arvid" not in narrative
        assert "Testmann" not in narrative
    assert reasons(enclave, sent) == ("SHARED", [])


async def test_without_that_agreement_only_coded_facts_leave_and_nobody_reads_the_text(enclave):
    sent = replace(told(), partner="loxley-council")
    await enclave.submit(sent)
    assert enclave.shared(sent).narrative is None
    assert enclave.events(OUTGOING)[-1].redacted is None
    assert reasons(enclave, sent) == ("SHARED", [])


@pytest.mark.parametrize(
    ("narrative", "reason"),
    [
        ("محمد كان هنا في المدرسة مع رجلين أكبر سنا", "narrative_withheld_script"),
        ("Arvid met Kai Okonkwo and Josh.", "narrative_withheld_too_much_to_redact"),
        ("He came back\x00 late.", "narrative_withheld_unreadable"),
    ],
)
async def test_what_cannot_be_cleaned_stays_behind_with_a_reason_and_the_facts_go_on(
    enclave, narrative, reason
):
    sent = told(narrative)
    await enclave.submit(sent)
    assert enclave.shared(sent).narrative is None
    assert enclave.shared(sent).facts == sent.facts
    assert reasons(enclave, sent) == ("SHARED", [reason])


async def test_a_narrative_of_a_hundred_kilobytes_is_refused_with_a_reason(enclave):
    sent = told("word " * 20_000)
    await enclave.submit(sent)
    assert reasons(enclave, sent) == ("REFUSED", ["too_long"])


async def test_a_detector_that_fails_keeps_the_text_and_no_more(enclave, monkeypatch):
    def broken(*_):
        raise RuntimeError("Arvid Testmann")

    monkeypatch.setattr(redact, "found_by_form", broken)
    sent = told()
    await enclave.submit(sent)
    assert enclave.shared(sent).narrative is None
    assert reasons(enclave, sent) == ("SHARED", ["narrative_withheld_detector_failed"])


async def test_an_intake_that_redacts_nothing_gets_no_name_past_the_gate(enclave, monkeypatch):
    def nothing_done(_self, text, _declared, _subjects):
        return redact.Redaction(text)

    monkeypatch.setattr(redact.Redactor, "redact", nothing_done)
    sent = told()
    await enclave.submit(sent)
    outcome, codes = reasons(enclave, sent)
    assert outcome == "QUARANTINED" or codes == ["narrative_withheld_residue"]
    for topic in ("police.intelligence", SAFEGUARDING):
        assert all(b"Testmann" not in (r.value or b"") for r in enclave.log.records(topic))


async def test_the_words_of_a_source_do_not_leave_either(enclave):
    text = TOLD + " The school told the neighbourhoods team of rivelin schools about it at once."
    sent = told(text)
    await enclave.submit(sent)
    narrative = enclave.shared(sent).narrative or ""
    assert "rivelin" not in narrative
    assert "neighbourhoods" not in narrative


async def test_a_person_called_by_two_letters_keeps_no_narrative_behind(enclave):
    sent = report(
        person("pupil-2", given_name="Na", family_name="Lin"),
        partner=TALKATIVE,
        narrative=TOLD.replace("Arvid Testmann", "Na Lin"),
    )
    await enclave.submit(sent)
    assert enclave.shared(sent).narrative.startswith("[PERSON-0] was seen again")


async def test_of_invented_stories_no_declared_name_or_number_leaves(enclave):
    left = 0
    for story in stories(30, 30):
        names, numbers = declared(story)
        nodes = [
            person(f"subject-{number}", given_name=name[0], family_name=name[1])
            for number, name in enumerate(names)
        ]
        sent = report(*nodes, partner=TALKATIVE, narrative=story["text"])
        await enclave.submit(sent)
        narrative = (enclave.shared(sent).narrative or "").lower()
        left += bool(narrative)
        words = set(re.findall(r"[^\W_]+", narrative))
        assert not words & {part.lower() for name in names for part in name}
        assert not any(number.replace(" ", "") in narrative for number in numbers)
    assert left > 25


def declared(story):
    """The names and the other values that a story's report declares."""
    given = [span for span in story["spans"] if span.get("declared")]
    names = {span["value"] for span in given if span["kind"] == "PERSON"} or {"Arvid Testmann"}
    numbers = {span["value"] for span in given if span["kind"] in {"PHONE", "NHS", "VRM"}}
    return sorted(tuple(name.split(" ", 1)) for name in names), numbers
