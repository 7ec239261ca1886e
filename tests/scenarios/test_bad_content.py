"""What a careless or hurried partner writes: one outcome with its reasons, and nothing is lost.

Real sealing, intake, linker and gate; past the SDK's own check, which says the same first.
"""

from __future__ import annotations

from datetime import date

import pytest

from anonymiser import keyring
from deploy.pipeline import Pipeline
from producers.check import InvalidReportError, check, read
from streams.codec import decode
from streams.json_form import to_json
from streams.memory import MemoryLog
from streams.restricted import Identity, Node, ReportHeld, RiskRaised
from streams.shared import FeedbackGiven, PoliceReportShared
from streams.topics import (
    DUTY,
    HELD,
    OUTGOING,
    POLICE,
    QUARANTINE,
    RESOLUTIONS,
    SAFEGUARDING,
    SHARED_TOPICS,
    feedback_of,
)
from streams.values import NodeKind, Outcome, PartnerType, Role, Sex
from tests.enclave import ARVID, PARTNERS, Enclave, onboarded, person, report

ARABIC = (
    "\u0631\u0623\u064a\u062a \u0641\u062a\u0649 \u064a\u062d\u0645\u0644 "
    "\u0647\u0627\u062a\u0641\u064a\u0646 \u0623\u0645\u0627\u0645 "
    "\u0627\u0644\u0645\u062d\u0637\u0629."
)
MORGAN = "MORGA657054SM9IJ"  # Morgan, born 5 July 1964, a woman
CHI = "1904851231"  # born 19 April 1985, a man


@pytest.fixture
async def enclave():
    return await Enclave().start()


def reasons(enclave, told):
    (given,) = enclave.feedback(told)
    return [(reason.code, reason.field) for reason in given.reasons]


def everything(log):
    """Every byte of the log but the partners' own submissions, keys included."""
    topics = [spec.name for spec in SHARED_TOPICS] + [feedback_of(partner) for partner in PARTNERS]
    records = [record for topic in topics for record in log.records(topic)]
    return b"\n".join((record.key or b"") + b"\n" + (record.value or b"") for record in records)


REFUSED = {
    "a date for a name": (
        person(given_name="12/03/2011", family_name="Testmann"),
        [("unreadable_identifier", "nodes[0].identity.given_name")],
    ),
    "500 aliases": (
        person(known_as=tuple(f"Alias{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(500))),
        [("too_many_items", "nodes[0].identity.known_as")],
    ),
    "a wrong check digit": (
        person(**ARVID, nhs_number="9434765918"),
        [("wrong_check_digit", "nodes[0].identity.nhs_number")],
    ),
    "a licence of somebody else": (
        person(**ARVID, driver_number=MORGAN, sex=Sex.MALE),
        [
            ("disagrees_with_family_name", "nodes[0].identity.driver_number"),
            ("disagrees_with_birth_date", "nodes[0].identity.driver_number"),
            ("disagrees_with_sex", "nodes[0].identity.driver_number"),
        ],
    ),
    "a number of Scotland born another day": (
        person(**ARVID, nhs_number=CHI),
        [("disagrees_with_birth_date", "nodes[0].identity.nhs_number")],
    ),
    "an identity of nothing but blanks": (
        person(given_name=" "),
        [("empty", "nodes[0].identity.given_name")],
    ),
    "a pupil number on a phone": (
        Node(label="line", kind=NodeKind.PHONE, identity=Identity(upn="B801200005001")),
        [("wrong_kind", "nodes[0].identity.upn")],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_the_partner_can_mend_is_named_and_the_next_report_goes_on(enclave, name):
    node, expected = REFUSED[name]
    told, after = report(node), report(person(**ARVID))
    await enclave.submit(told, after)
    assert enclave.outcomes(told) == ["REFUSED"]
    assert reasons(enclave, told) == expected
    assert [(one.code, one.field) for one in check(told)] == expected
    assert enclave.outcomes(after) == ["SHARED"]
    assert len(enclave.log.records(POLICE)) == 1


async def test_a_wrong_check_digit_leaves_no_trace_not_even_a_hash(enclave):
    right, wrong = report(person(nhs_number="9434765919")), report(person(nhs_number="9434765918"))
    await enclave.submit(wrong)
    assert not enclave.log.records(RESOLUTIONS)
    assert enclave.log.records(OUTGOING)  # the receipt, on its way to the gate
    assert b"9434765918" not in everything(enclave.log)
    await enclave.submit(right)
    assert enclave.outcomes(right) == ["SHARED"]


async def test_fifty_one_nodes_are_refused_and_fifty_taken_in(enclave):
    nodes = [person(f"p{number}", role=Role.OTHER) for number in range(51)]
    many, most = report(*nodes), report(*nodes[:50])
    await enclave.submit(many, most)
    assert reasons(enclave, many) == [("too_many_nodes", "nodes")]
    assert enclave.outcomes(most) == ["SHARED"]


async def test_a_narrative_of_a_hundred_kilobytes_is_refused(enclave):
    told = report(narrative="He was seen again. " * 5_400)
    assert len(told.narrative) > 100_000
    await enclave.submit(told)
    assert enclave.outcomes(told) == ["REFUSED"]
    assert reasons(enclave, told) == [("too_long", "narrative")]


async def test_a_narrative_in_arabic_script_has_one_outcome_and_no_word_of_it_leaves(enclave):
    told, after = report(person(**ARVID), narrative=ARABIC), report(person(given_name="Imke"))
    await enclave.submit(told, after)
    assert len(enclave.outcomes(told)) == 1
    assert enclave.outcomes(told)[0] in ("SHARED", "QUARANTINED")
    assert enclave.outcomes(after) == ["SHARED"]
    left = b"".join(
        record.value for topic in (POLICE, SAFEGUARDING) for record in enclave.log.records(topic)
    )
    assert [word for word in ARABIC.split() if word.encode() in left] == []


async def test_an_identity_of_one_nickname_is_taken_in_and_links_nobody(enclave):
    one, other = (
        report(person(known_as=("Kez",)), partner=partner) for partner in list(PARTNERS)[:2]
    )
    await enclave.submit(one, other)
    assert enclave.outcomes(one) == enclave.outcomes(other) == ["SHARED"]
    assert enclave.who(one) != enclave.who(other)


async def test_a_report_about_the_partners_own_staff_waits_for_a_human(enclave):
    told = report(person(**ARVID, conflict=True))
    await enclave.submit(told)
    assert enclave.outcomes(told) == ["HELD"]
    assert ("conflict_of_interest", "nodes[0].conflict") in reasons(enclave, told)
    assert len(enclave.events(HELD, ReportHeld)) == 1
    assert not enclave.log.records(POLICE)
    assert not enclave.log.records(SAFEGUARDING)


async def test_an_adopted_child_is_told_to_safeguarding_and_never_to_police(enclave):
    child = person("child", given_name="Imke", born_on=date(2015, 2, 3), protected=True)
    told = report(person("suspect", **ARVID), child)
    await enclave.submit(told)
    assert enclave.outcomes(told) == ["SHARED"]
    assert not enclave.log.records(POLICE)
    assert len(enclave.log.records(SAFEGUARDING)) == 1


@pytest.mark.parametrize("name", REFUSED)
async def test_somebody_in_danger_stands_before_a_human_whatever_else_is_wrong(enclave, name):
    node, expected = REFUSED[name]
    told = report(node, immediate_risk=True)
    await enclave.submit(told)
    (risk,) = [decode(record.value, RiskRaised) for record in enclave.log.records(DUTY)]
    assert (risk.report_id, risk.readable) == (told.report_id, True)
    assert [(reason.code, reason.field) for reason in risk.reasons] == expected
    assert enclave.outcomes(told) == ["REFUSED"]


def test_a_name_for_a_date_is_found_before_anything_is_sealed():
    data = to_json(report(person(**ARVID)))
    data["nodes"][0]["identity"]["born_on"] = "Testmann"
    with pytest.raises(InvalidReportError) as refused:
        read(data)
    assert [(one.code, one.field) for one in refused.value.problems] == [
        ("not_a_date", "nodes[0].identity.born_on")
    ]
    assert "Testmann" not in str(refused.value)


async def test_a_day_of_bad_reports_loses_none_and_ends_in_one_receipt_each():
    """The same through the pipeline of the evaluation: what was sent and what was told agree."""
    bad = [report(node) for node, _ in REFUSED.values()]
    bad += [report(*(person(f"p{n}") for n in range(51))), report(narrative="x" * 100_000)]
    odd = [report(person(known_as=("Kez",))), report(person(**ARVID), narrative=ARABIC)]
    held = [report(person(**ARVID, conflict=True))]
    log, keys = MemoryLog(), keyring.new_keys()
    entries = [onboarded("loxley-council", PartnerType.COUNCIL)]
    async with Pipeline(log, keys, entries) as pipeline:
        await pipeline.send([*bad, *odd, *held])
        await pipeline.settle()
    receipts = [
        decode(record.value, FeedbackGiven) for record in log.records(feedback_of("loxley-council"))
    ]
    outcomes = {given.report_id: given.outcome for given in receipts}
    assert len(receipts) == len(outcomes) == len(bad) + len(odd) + len(held)
    assert {outcomes[one.report_id] for one in bad} == {Outcome.REFUSED}
    assert outcomes[held[0].report_id] is Outcome.HELD
    shared = [one for one in odd if outcomes[one.report_id] is Outcome.SHARED]
    assert len(log.records(QUARANTINE)) == len(odd) - len(shared)
    police = [decode(record.value, PoliceReportShared) for record in log.records(POLICE)]
    assert len(police) == len(shared)


async def test_a_number_of_scotland_links_whichever_field_it_was_written_in(enclave):
    """And nobody is torn in two for having a number of England as well."""
    born = date(1985, 4, 19)
    one = report(person(given_name="Arvid", born_on=born, chi_number=CHI))
    other = report(person(given_name="Arvid", born_on=born, nhs_number=CHI), partner="sheaf-health")
    both = report(person(nhs_number="9434765919", chi_number=CHI), partner="porter-housing")
    await enclave.submit(one, other, both)
    assert enclave.who(one) == enclave.who(other) == enclave.who(both)
    assert enclave.questions() == []
