from __future__ import annotations

import logging
import os
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from anonymiser.intake import transform as module
from anonymiser.intake.stage import IntakeStage
from anonymiser.keyring import new_keys
from anonymiser.report_keys import open_tokens, record_key
from streams.codec import decode, encode
from streams.loop import StageRunner, read_to_end, settle
from streams.memory import MemoryLog
from streams.parts import Grading
from streams.ports import URGENT, Outgoing
from streams.restricted import (
    Identity,
    Node,
    PersonFacts,
    Place,
    Quarantined,
    ReceiptDue,
    ReportKeysWrapped,
    ReportSubmitted,
    ReportTokenised,
    RiskRaised,
    WithdrawalReceived,
    WithdrawalSubmitted,
)
from streams.sealing import open_parts, seal, unwrap_data_keys
from streams.shared import OperationRecorded
from streams.taxonomy import RelationKind
from streams.topics import (
    DUTY,
    MAX_SUBMISSION_BYTES,
    QUARANTINE,
    REGISTRY,
    REPORT_KEYS,
    TOKENISED,
    submissions_of,
)
from streams.values import (
    AgeBand,
    ChildAtEvent,
    GradingScheme,
    NodeKind,
    Operation,
    Outcome,
    Purpose,
    Role,
    Sex,
    WithdrawalReason,
)
from tests.invented_enclave import (
    KEYS,
    RECEIVED_AT,
    arrived,
    beside_the_row,
    context,
    onboarded,
    sealed,
    suspended,
)
from tests.invented_reports import PARTNER, REPORT_ID, child, phone, report, sister, tie, unnamed

CLASSES = (
    ReportTokenised,
    WithdrawalReceived,
    ReceiptDue,
    Quarantined,
    RiskRaised,
    ReportKeysWrapped,
)


def transform(record, known):
    """Everything but the row of the audit, which is looked at every time."""
    return beside_the_row(module.transform(record, known), record)


def events(outgoing):
    return [decode(one.value, *CLASSES) for one in outgoing]


def only(outgoing, cls):
    (event,) = [event for event in events(outgoing) if isinstance(event, cls)]
    return event


def taken_in(value=None, at=RECEIVED_AT, **changes):
    return transform(arrived(value or report(**changes), at=at), context())


def tokenised(**changes) -> ReportTokenised:
    return only(taken_in(**changes), ReportTokenised)


def with_identity(**identity):
    return replace(child(), identity=Identity(**identity))


def withdrawal(partner=PARTNER):
    return WithdrawalSubmitted(
        report_id=REPORT_ID, partner=partner, reason=WithdrawalReason.WRONG_PERSON
    )


# --- a report that goes on ---


def test_a_report_goes_on_with_its_data_keys_and_nothing_else():
    outgoing = taken_in()
    assert [one.topic for one in outgoing] == [REPORT_KEYS, TOKENISED]
    assert outgoing[1].key is None


def test_what_goes_on_is_generalised():
    event = tokenised()
    assert (event.event_week, event.district) == ("2026-W47", "S99")
    first, second, third, line = event.nodes
    assert (first.age_band, first.child_at_event) == (AgeBand.AGE_11_15, ChildAtEvent.YES)
    assert (second.age_band, second.child_at_event) == (AgeBand.AGE_16_17, ChildAtEvent.YES)
    assert (third.age_band, third.child_at_event) == (AgeBand.UNKNOWN, ChildAtEvent.UNKNOWN)
    assert (first.sex, first.role) == (Sex.FEMALE, Role.VICTIM)
    assert line.child_at_event is ChildAtEvent.UNKNOWN


def test_labels_become_numbers_and_relations_follow():
    event = tokenised()
    assert [node.node for node in event.nodes] == [0, 1, 2, 3]
    assert [(one.subject, one.kind, one.object) for one in event.relations] == [
        (0, RelationKind.SIBLING, 1),
        (2, RelationKind.RUNS_LINE, 3),
    ]


def test_the_submission_travels_as_it_came():
    record = arrived(report())
    event = only(transform(record, context()), ReportTokenised)
    assert event.submission == record.value
    assert event.received_at == RECEIVED_AT


def test_the_same_content_sealed_again_has_the_same_digest_and_tokens():
    first, second = tokenised(), tokenised()
    assert first.submission != second.submission
    assert first.content_digest == second.content_digest
    assert [node.tokens for node in first.nodes] == [node.tokens for node in second.nodes]
    assert [node.label_token for node in first.nodes] == [n.label_token for n in second.nodes]


def test_any_change_of_content_changes_the_digest():
    digests = {
        tokenised(**changes).content_digest
        for changes in (
            {},
            {"narrative": "other"},
            {"revision": 2},
            {"nodes": (child(), sister(), replace(unnamed(), reference="x"), phone())},
        )
    }
    assert len(digests) == 4


def test_one_origin_reference_makes_one_token_and_none_makes_none():
    assert tokenised().origin_token is None
    first = tokenised(origin_reference="OP-1").origin_token
    assert first == tokenised(origin_reference="OP-1", report_id=UUID(int=9)).origin_token
    assert first != tokenised(origin_reference="OP-2").origin_token


def test_data_keys_are_wrapped_under_the_storage_key_and_open_the_submission():
    record = arrived(report())
    keys_record, _ = transform(record, context())
    submission = decode(record.value, ReportSubmitted)
    assert keys_record.key == record_key(submission)
    wrapped = decode(keys_record.value, ReportKeysWrapped)
    data_keys = unwrap_data_keys(wrapped, KEYS.storage[wrapped.storage_key])
    assert open_parts(submission, data_keys) == report()


def test_tokens_are_sealed_under_their_subjects_own_data_key():
    record = arrived(report())
    keys_record, tokenised_record = transform(record, context())
    wrapped = decode(keys_record.value, ReportKeysWrapped)
    data_keys = unwrap_data_keys(wrapped, KEYS.storage[1])
    event = decode(tokenised_record.value, ReportTokenised)
    for node in event.nodes:
        if node.tokens:
            key = data_keys[node.node + 1]
            assert open_tokens(node.sealed_tokens, key, node.label_token) == node.tokens
    assert event.nodes[2].sealed_tokens == b""
    assert event.nodes[2].tokens == ()


def test_fifty_nodes_are_taken_in():
    nodes = tuple(replace(child(), label=f"n{number}") for number in range(50))
    assert len(tokenised(nodes=nodes, relations=()).nodes) == 50


def test_a_placeholder_is_no_fault_and_no_token():
    nodes = (with_identity(nhs_number="9999999999", given_name="UNKNOWN"),)
    event = tokenised(nodes=nodes, relations=(), place=Place(postcode="ZZ99 3VZ"))
    assert event.nodes[0].tokens == ()
    assert event.district is None


def test_an_immediate_risk_stands_before_a_human_first():
    outgoing = taken_in(immediate_risk=True)
    assert [one.topic for one in outgoing] == [DUTY, REPORT_KEYS, TOKENISED]
    risk = only(outgoing, RiskRaised)
    assert (risk.readable, risk.report_id, risk.offset) == (True, REPORT_ID, 7)
    assert outgoing[2].key == URGENT


# --- what the partner can mend is refused, by field ---


BAD = {
    "no_nodes": ("nodes", {"nodes": (), "relations": ()}),
    "too_many_nodes": (
        "nodes",
        {
            "nodes": tuple(replace(unnamed(), label=str(n)) for n in range(51)),
            "relations": (),
        },
    ),
    "missing_node": (
        "relations[0].object",
        {"relations": (tie("child", RelationKind.SIBLING, "nobody"),)},
    ),
    "relation_does_not_fit": (
        "relations[0].kind",
        {"relations": (tie("child", RelationKind.SIBLING, "line"),)},
    ),
    "relation_to_itself": (
        "relations[0]",
        {"relations": (tie("child", RelationKind.SIBLING, "child"),)},
    ),
    "duplicate_label": ("nodes[1].label", {"nodes": (child(), child()), "relations": ()}),
    "born_in_future": (
        "nodes[0].identity.born_on",
        {"nodes": (with_identity(born_on=date(2026, 11, 18)),), "relations": ()},
    ),
    "implausible": (
        "nodes[0].identity.born_on",
        {"nodes": (with_identity(born_on=date(1850, 11, 18)),), "relations": ()},
    ),
    "in_future": ("event_at", {"event_at": RECEIVED_AT + timedelta(minutes=16)}),
    "too_long_ago": ("event_at", {"event_at": datetime(1, 1, 1, tzinfo=UTC)}),
    "not_graded": ("grading.source", {"grading": Grading(source="1")}),
    "grade_missing": (
        "grading.assessment",
        {"grading": Grading(scheme=GradingScheme.SCHEME_3X5X2, source="1")},
    ),
    "not_in_scheme": (
        "grading.source",
        {"grading": Grading(scheme=GradingScheme.SCHEME_3X5X2, source="B", assessment="A")},
    ),
    "wrong_check_digit": (
        "nodes[0].identity.nhs_number",
        {"nodes": (with_identity(nhs_number="9434765918"),), "relations": ()},
    ),
    "unreadable_identifier": (
        "nodes[0].identity.phone",
        {"nodes": (with_identity(phone="12"),), "relations": ()},
    ),
    "service_not_registered": ("service", {"service": "Ms Invented's caseload"}),
    "no_facts": ("facts", {"facts": ()}),
    "bad_revision": ("revision", {"revision": 0}),
    "bad_supersedes": ("supersedes", {"revision": 2, "supersedes": 2}),
    "too_long": ("narrative", {"narrative": "x" * 20_001}),
    "not_a_person": (
        "nodes[0].person",
        {"nodes": (replace(phone(), person=PersonFacts()),), "relations": ()},
    ),
    "too_many_items": (
        "nodes[0].identity.known_as",
        {"nodes": (with_identity(known_as=("a",) * 21),), "relations": ()},
    ),
    "ends_before_start": (
        "relations[0].until",
        {
            "relations": (
                replace(
                    tie("child", RelationKind.SIBLING, "sister"),
                    since=date(2026, 2, 1),
                    until=date(2026, 1, 1),
                ),
            )
        },
    ),
}


@pytest.mark.parametrize("code", BAD)
def test_what_a_partner_can_mend_is_refused_and_named_by_field(code):
    field, changes = BAD[code]
    outgoing = taken_in(**changes)
    assert [one.topic for one in outgoing] == [TOKENISED]
    receipt = only(outgoing, ReceiptDue)
    assert receipt.outcome is Outcome.REFUSED
    assert (code, field) in [(reason.code, reason.field) for reason in receipt.reasons]
    assert (receipt.report_id, receipt.offset, receipt.due_at) == (REPORT_ID, 7, RECEIVED_AT)


def test_every_fault_is_named_at_once():
    _, wrong = BAD["wrong_check_digit"]
    receipt = only(taken_in(**wrong, facts=(), grading=Grading(source="1")), ReceiptDue)
    assert [reason.code for reason in receipt.reasons] == [
        "wrong_check_digit",
        "no_facts",
        "not_graded",
    ]


def test_an_immediate_risk_with_a_fault_still_stands_before_a_human_first():
    _, wrong = BAD["wrong_check_digit"]
    outgoing = taken_in(**wrong, immediate_risk=True)
    assert [one.topic for one in outgoing] == [DUTY, TOKENISED]
    assert only(outgoing, RiskRaised).readable
    assert outgoing[1].key == URGENT


@pytest.mark.parametrize(
    ("history", "code"),
    [
        ((onboarded("rivelin-school"),), "partner_unknown"),
        ((onboarded(), suspended()), "partner_suspended"),
        ((onboarded(expires_at=datetime(2026, 11, 1, tzinfo=UTC)),), "partner_expired"),
    ],
)
def test_a_partner_without_standing_is_refused_but_an_immediate_risk_is_heard(history, code):
    quiet = transform(arrived(report()), context(*history))
    assert [one.topic for one in quiet] == [TOKENISED]
    assert only(quiet, ReceiptDue).reasons[0].code == code
    urgent = transform(arrived(report(immediate_risk=True)), context(*history))
    assert [one.topic for one in urgent] == [DUTY, TOKENISED]
    assert only(urgent, RiskRaised).readable
    assert only(urgent, ReceiptDue).outcome is Outcome.REFUSED


def test_standing_is_judged_when_the_broker_received_the_report():
    known = context(onboarded(expires_at=RECEIVED_AT))
    before, at = RECEIVED_AT - timedelta(milliseconds=1), RECEIVED_AT
    assert only(transform(arrived(report(), at=before), known), ReportTokenised)
    assert only(transform(arrived(report(), at=at), known), ReceiptDue)


def test_a_report_sealed_to_a_key_that_is_no_more_is_to_be_sealed_again():
    later = new_keys()
    unknown = replace(KEYS, sealing={2: later.sealing[1]})
    outgoing = transform(arrived(report()), context(keys=unknown))
    receipt = only(outgoing, ReceiptDue)
    assert (receipt.outcome, receipt.reasons[0].code) == (Outcome.REFUSED, "unknown_epoch")


# --- what a human must look at is quarantined ---


def altered(**changes) -> bytes:
    submission = seal(report(), KEYS.sealing[1].public())
    return encode(replace(submission, **changes))


UNDECODABLE = {
    "bad_frame": b"\x01\x00\x00\x00\x01",
    "unknown_schema": b"\x00\x00\x00\xff\xff" + b"x" * 20,
    "truncated": sealed(report())[:200],
    "trailing_bytes": sealed(report()) + b"\x00",
    "too_large": b"\x00" * (MAX_SUBMISSION_BYTES + 1),
}


@pytest.mark.parametrize("code", UNDECODABLE)
def test_bytes_that_are_no_record_are_quarantined_and_urgent(code):
    outgoing = taken_in(UNDECODABLE[code])
    assert [one.topic for one in outgoing] == [DUTY, QUARANTINE, TOKENISED]
    assert only(outgoing, RiskRaised).readable is False
    record = only(outgoing, Quarantined)
    assert (record.reasons[0].code, record.immediate_risk, record.offset) == (code, True, 7)
    assert record.submission == (UNDECODABLE[code] if code != "too_large" else b"")
    receipt = only(outgoing, ReceiptDue)
    assert (receipt.outcome, receipt.report_id, receipt.offset) == (Outcome.QUARANTINED, None, 7)


@pytest.mark.parametrize("value", [None, b""])
def test_a_record_without_a_value_is_quarantined(value):
    record = replace(arrived(b"x"), value=value)
    assert only(transform(record, context()), Quarantined).reasons[0].code == "bad_frame"


DOUBTFUL = {
    "cannot_open": altered(sealed_keys=b"\x00" * 1168),
    "other_partner": altered(partner="rivelin-school"),
    "bad_part": altered(parts=()),
    "cannot_open, risk flag cleared": altered(immediate_risk=True),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_a_submission_that_contradicts_itself_is_quarantined_as_ciphertext(case):
    value = DOUBTFUL[case]
    outgoing = taken_in(value)
    record = only(outgoing, Quarantined)
    assert record.reasons[0].code == case.partition(",")[0]
    assert (record.submission, record.report_id, record.revision) == (value, REPORT_ID, 1)
    assert only(outgoing, ReceiptDue).outcome is Outcome.QUARANTINED


def test_a_readable_flag_decides_whether_what_cannot_be_opened_is_urgent():
    quiet = taken_in(altered(sealed_keys=b""))
    assert [one.topic for one in quiet] == [QUARANTINE, TOKENISED]
    urgent = taken_in(altered(sealed_keys=b"", immediate_risk=True))
    assert [one.topic for one in urgent] == [DUTY, QUARANTINE, TOKENISED]


def test_a_partner_cannot_speak_for_another():
    record = arrived(sealed(report(partner="rivelin-school")))
    outgoing = transform(record, context(onboarded(), onboarded("rivelin-school")))
    assert only(outgoing, Quarantined).partner == PARTNER
    assert only(outgoing, ReceiptDue).partner == PARTNER


def test_a_report_that_was_sealed_for_another_partner_does_not_open():
    submission = seal(report(partner="rivelin-school"), KEYS.sealing[1].public())
    moved = arrived(encode(replace(submission, partner=PARTNER)))
    assert only(transform(moved, context()), Quarantined).reasons[0].code == "cannot_open"


def test_a_bug_quarantines_its_record_and_logs_no_value(monkeypatch, caplog):
    def broken(*_):
        raise ValueError("Testina Inventsson 9434765919")

    monkeypatch.setattr(module, "faults", broken)
    with caplog.at_level(logging.DEBUG):
        outgoing = taken_in()
    record = only(outgoing, Quarantined)
    assert (record.reasons[0].code, record.report_id) == ("internal_error", REPORT_ID)
    assert only(outgoing, ReceiptDue).outcome is Outcome.QUARANTINED
    assert "ValueError" in caplog.text
    assert "Testina" not in caplog.text
    assert "9434765919" not in caplog.text


# --- withdrawals ---


def test_a_withdrawal_goes_on():
    outgoing = taken_in(withdrawal())
    assert [one.topic for one in outgoing] == [TOKENISED]
    event = only(outgoing, WithdrawalReceived)
    assert (event.partner, event.report_id, event.reason, event.received_at) == (
        PARTNER,
        REPORT_ID,
        WithdrawalReason.WRONG_PERSON,
        RECEIVED_AT,
    )


def test_a_partner_cannot_withdraw_for_another():
    outgoing = taken_in(withdrawal("rivelin-school"))
    assert [one.topic for one in outgoing] == [QUARANTINE, TOKENISED]
    assert only(outgoing, Quarantined).reasons[0].code == "other_partner"


def test_a_suspended_partner_withdraws_nothing():
    outgoing = transform(arrived(withdrawal()), context(onboarded(), suspended()))
    assert [one.topic for one in outgoing] == [TOKENISED]
    assert only(outgoing, ReceiptDue).reasons[0].code == "partner_suspended"


# --- total ---


def test_no_bytes_make_intake_raise():
    dice = random.Random(3)
    whole = sealed(report(immediate_risk=True))
    known = context()
    for _ in range(400):
        value = bytearray(whole)
        for _ in range(dice.randint(1, 6)):
            value[dice.randrange(min(len(value), 120))] = dice.randrange(256)
        cut = value[: dice.randrange(1, len(value))] if dice.random() < 0.3 else value
        outgoing = transform(arrived(bytes(cut)), known)
        assert (
            sum(isinstance(event, ReceiptDue | ReportTokenised) for event in events(outgoing)) == 1
        )
        assert "internal_error" not in {
            reason.code
            for event in events(outgoing)
            if isinstance(event, Quarantined)
            for reason in event.reasons
        }
    for _ in range(200):
        assert transform(arrived(os.urandom(dice.randrange(300))), known)


def test_a_report_of_the_largest_kind_still_fits_a_record():
    identity = Identity(
        given_name="Testina Ada Imaginara", middle_names="Mo", family_name="Invents-Person-Doe",
        known_as=tuple(f"Name{chr(97 + n)}" for n in range(20)), born_on=date(2011, 5, 4),
        nhs_number="9434765919", upn="B801200005001", address="7 Mill St", postcode="S99 9ZZ",
        phone="07700 900123", email="a@example.org", handle="@a_b",
    )  # fmt: skip
    nodes = tuple(
        Node(label=f"n{number}", kind=NodeKind.PERSON, identity=identity) for number in range(50)
    )
    outgoing = taken_in(nodes=nodes, relations=(), narrative="x" * 20_000)
    assert only(outgoing, ReportTokenised)


# --- the audit ---


def test_a_collection_tells_what_the_report_is_for_and_names_nobody():
    record = arrived(report())
    told = decode(module.transform(record, context())[-1].value, OperationRecorded)
    assert (told.purpose, told.gateway) == (report().purpose, report().gateway)
    assert told.subject == f"record {submissions_of(PARTNER)}/7"
    assert told.at == RECEIVED_AT


def test_what_cannot_be_opened_was_collected_all_the_same():
    told = decode(module.transform(arrived(b"noise"), context())[-1].value, OperationRecorded)
    assert (told.operation, told.purpose) == (Operation.COLLECTION, Purpose.OPERATE_SERVICE)


# --- the stage ---


async def test_the_stage_runs_the_transform_and_learns_of_a_suspension():
    log = MemoryLog(clock=lambda: RECEIVED_AT)
    await log.append([Outgoing(REGISTRY, encode(onboarded()))])
    runner = StageRunner(IntakeStage(KEYS, [PARTNER]), log)
    await runner.start()
    topic = submissions_of(PARTNER)
    await log.append([Outgoing(topic, sealed(report()))])
    await settle(runner)
    await log.append([Outgoing(REGISTRY, encode(suspended()))])
    await log.append([Outgoing(topic, sealed(report(report_id=UUID(int=5))))])
    await settle(runner)
    found = [
        decode(record.value, *CLASSES)
        async for records in read_to_end(log, (TOKENISED,))
        for record in records
    ]
    assert [type(event) for event in found] == [ReportTokenised, ReceiptDue]
