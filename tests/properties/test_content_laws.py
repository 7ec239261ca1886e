"""The law of content: the partner's check and intake judge a report alike, by one set of rules."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from anonymiser.intake.transform import transform
from producers.check import check
from streams.codec import UnencodableError, decode
from streams.content import content_of
from streams.parts import Grading, Handling
from streams.restricted import Identity, PersonFacts, Place, ReceiptDue, ReportTokenised
from streams.taxonomy import RelationKind
from streams.topics import TOKENISED
from streams.values import Audience, ConditionCode, GradingScheme, HandlingCode, NodeKind, Sex
from tests.invented_enclave import RECEIVED_AT, arrived, context, sealed
from tests.invented_reports import child, phone, report, sister, tie, unnamed

KNOWN = context()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXTS = (
    st.none() | st.sampled_from(("", " ", "N/A", "S1", "S99 9ZZ", "x" * 501)) | st.text(max_size=8)
)
NUMBERS = st.sampled_from(
    (
        None,
        "9434765919",
        "9434765918",
        "1904851231",
        "0101201234",
        "MORGA657054SM9IJ",
        "UNKNOWN",
        "x",
    )
)
DAYS = st.none() | st.dates(date(1800, 1, 1), date(2030, 1, 1)) | st.just(date(1985, 4, 19))
INSTANTS = st.integers(-62_135_000_000_000, 253_402_000_000_000).map(
    lambda milliseconds: EPOCH + timedelta(milliseconds=milliseconds)
)
IDENTITIES = st.builds(
    Identity,
    given_name=TEXTS,
    family_name=st.sampled_from((None, "Morgan", "Inventsson", "1/2/2011", " ")),
    known_as=st.lists(st.text(max_size=4), max_size=25).map(tuple),
    born_on=DAYS,
    nhs_number=NUMBERS,
    chi_number=NUMBERS,
    driver_number=NUMBERS,
    postcode=TEXTS,
    vehicle_mark=st.sampled_from((None, "ABI2 CDE", "?")),
)
PEOPLE = st.none() | st.builds(
    PersonFacts, sex=st.sampled_from(Sex), age=st.none() | st.integers(-2, 130)
)
NODES = st.builds(
    replace,
    st.sampled_from((child(), sister(), unnamed(), phone())),
    identity=st.none() | IDENTITIES,
    person=PEOPLE,
    kind=st.sampled_from(NodeKind),
    label=st.sampled_from(("child", "line", "", "x" * 101)),
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "revision": st.integers(-1, 3),
        "supersedes": st.none() | st.integers(-1, 3),
        "event_at": st.just(report().event_at) | INSTANTS,
        "reported_at": st.just(report().reported_at) | INSTANTS,
        "place": st.builds(Place, postcode=TEXTS, description=TEXTS),
        "nodes": st.lists(NODES, max_size=4).map(tuple),
        "relations": st.lists(
            st.builds(
                tie,
                st.sampled_from(("child", "line", "nobody")),
                st.sampled_from((RelationKind.SIBLING, RelationKind.USES, RelationKind.RUNS_LINE)),
                st.sampled_from(("child", "line", "sister")),
            ),
            max_size=3,
        ).map(tuple),
        "facts": st.sampled_from(((), report().facts, report().facts * 51)),
        "origin_reference": TEXTS,
        "grading": st.builds(
            Grading,
            scheme=st.sampled_from(GradingScheme),
            source=st.sampled_from((None, "1", "B", "")),
            assessment=st.sampled_from((None, "A", "5")),
        ),
        "handling": st.builds(
            Handling,
            code=st.sampled_from(HandlingCode),
            recipients=st.sampled_from(((), (Audience.POLICE,))),
            conditions=st.sampled_from(((), (ConditionCode.S2,))),
        ),
        "narrative": TEXTS,
    },
)


def told_by_intake(value):
    outgoing = transform(arrived(value), KNOWN)
    events = [
        decode(one.value, ReceiptDue, ReportTokenised) for one in outgoing if one.topic == TOKENISED
    ]
    (event,) = events
    return [] if isinstance(event, ReportTokenised) else list(event.reasons)


@settings(max_examples=400, deadline=None)
@given(changes=CHANGES)
def test_intake_tells_exactly_what_the_partners_own_check_tells(changes):
    told = report(**changes)
    try:
        value = sealed(told)
    except UnencodableError:
        return  # what cannot be sent is nobody's report
    problems = [(one.code, one.field) for one in check(told, RECEIVED_AT)]
    assert [(reason.code, reason.field) for reason in told_by_intake(value)] == problems


@settings(max_examples=300, deadline=None)
@given(one=CHANGES, other=CHANGES)
def test_two_reports_have_one_content_if_and_only_if_they_say_the_same(one, other):
    first, second = report(**one), report(**other)
    assert (content_of(first) == content_of(second)) is (first == second)
    assert content_of(first) == content_of(replace(first))


def test_the_content_of_a_report_is_known_by_heart():
    """Its bytes are for ever: another value here means that no report is its own duplicate."""
    digest = hashlib.sha256(content_of(report())).hexdigest()
    assert digest == "866f219c1dafbf383422ba69d7343f4cf97fd1159011d6cc33e5e1def3fef876"


def test_a_newborn_is_not_somebody_of_unknown_age():
    newborn, unknown = (
        report(nodes=(replace(unnamed(), person=PersonFacts(age=age)),), relations=())
        for age in (0, None)
    )
    assert content_of(newborn) != content_of(unknown)


def test_what_a_later_version_adds_changes_no_content_while_it_is_empty():
    """Version 2 of identity added three fields; none of their names is in what version 1 said."""
    assert b"chi_number" not in content_of(report())
    assert b"chi_number" in with_a_chi_number(report())


def with_a_chi_number(told):
    node = replace(told.nodes[0], identity=Identity(chi_number="1904851231"))
    return content_of(replace(told, nodes=(node,)))
