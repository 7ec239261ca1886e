"""No identifier that a report declares is in any byte that intake writes, whatever the report.

The search looks through everything, ciphertext too: six bytes do not turn up in random ones.
Source: privacy.md section 8, property 1.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, date, datetime
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stdnum.gb import nhs, upn

from anonymiser.intake.transform import transform
from anonymiser.keyring import new_keys
from anonymiser.tokens import Tokeniser
from deploy.leaks import Document, Identifier, LeakSearch, identifiers_of
from streams.identifiers import canonical, read
from streams.ports import Outgoing
from streams.restricted import Identity, Node, PersonFacts, Place
from streams.taxonomy import RelationKind
from streams.topics import QUARANTINE, TOKENISED
from streams.values import NodeKind, Role
from tests.invented_enclave import arrived, context, onboarded, sealed, suspended
from tests.invented_reports import report, tie

KEYS = new_keys()


def nhs_number_of(body: int) -> str | None:
    """Nine digits with their check digit, where there is one (1 in 11 has none)."""
    start = f"{body:09}"
    found = (start + str(check) for check in range(10))
    return next((number for number in found if nhs.is_valid(number)), None)


def upn_of(body: int) -> str:
    digits = f"{body:012}"
    return upn.calc_check_digit(digits) + digits


def licensed(identity: Identity) -> Identity:
    """The number of a licence that agrees with name and birth date, where there is to be one."""
    if identity.driver_number is None or identity.born_on is None or identity.family_name is None:
        return replace(identity, driver_number=None)
    name, born = canonical("family_name", identity.family_name).upper(), identity.born_on
    year = f"{born:%y}"
    number = f"{name[:5].ljust(5, '9')}{year[0]}{born:%m%d}{year[1]}A99XY"
    return replace(identity, driver_number=number)


WORDS = st.text(alphabet="bcdfgjkmnpqvwxzéöłñ", min_size=6, max_size=12).map(str.capitalize)
NAMES = st.one_of(WORDS, st.builds("{}-{}".format, WORDS, WORDS), st.builds("O'{}".format, WORDS))
REFERENCES = st.builds("{}/{:06}".format, WORDS, st.integers(0, 999_999))
POSTCODES = st.builds(
    "{}{} {}{}{}".format,
    st.sampled_from(["S", "DN", "LS"]),
    st.integers(1, 99),
    st.integers(0, 9),
    *[st.sampled_from("ABDEFGHJLNPQRSTUWXYZ")] * 2,
)
PHONES = st.integers(0, 999).map(lambda n: f"07700 900{n:03}")
PEOPLE = st.builds(
    Identity,
    given_name=st.none() | NAMES,
    middle_names=st.none() | NAMES,
    family_name=st.none() | NAMES,
    known_as=st.lists(NAMES, max_size=3).map(tuple),
    born_on=st.none() | st.dates(date(1930, 1, 1), date(2026, 11, 1)),
    nhs_number=st.none() | st.integers(400_000_000, 799_999_999).map(nhs_number_of),
    upn=st.none() | st.integers(10**11, 10**12 - 1).map(upn_of),
    driver_number=st.none() | st.just("a licence"),
    passport_number=st.none() | st.integers(10**8, 10**9 - 1).map(str),
    address=st.none() | st.builds("{} {} St".format, st.integers(1, 300), WORDS),
    postcode=st.none() | POSTCODES,
    phone=st.none() | PHONES,
    email=st.none() | st.builds("{}@example.org".format, WORDS),
).map(licensed)
THINGS = st.one_of(
    st.builds(Identity, phone=PHONES).map(lambda one: (NodeKind.PHONE, one)),
    st.builds(Identity, handle=WORDS).map(lambda one: (NodeKind.HANDLE, one)),
    st.builds(Identity, organisation_name=WORDS).map(lambda one: (NodeKind.ORGANISATION, one)),
    st.builds(
        Identity,
        address=st.builds("{} {} Road".format, st.integers(1, 9), WORDS),
        postcode=POSTCODES,
    ).map(lambda one: (NodeKind.ADDRESS, one)),
)


@st.composite
def reports(draw):
    people = draw(st.lists(PEOPLE, min_size=1, max_size=3))
    kinds = [(NodeKind.PERSON, one) for one in people] + draw(st.lists(THINGS, max_size=2))
    nodes = tuple(
        Node(
            label=draw(NAMES) + str(number),
            kind=kind,
            identity=identity,
            reference=draw(st.none() | REFERENCES),
            person=PersonFacts(role=Role.SUSPECT) if kind is NodeKind.PERSON else None,
        )
        for number, (kind, identity) in enumerate(kinds)
    )
    friends = [one.label for one in nodes if one.kind is NodeKind.PERSON]
    return report(
        nodes=nodes,
        relations=tuple(tie(friends[0], RelationKind.FRIEND, other) for other in friends[1:]),
        place=Place(postcode=draw(POSTCODES), description=draw(WORDS)),
        narrative=draw(WORDS),
        origin_reference=draw(st.none() | REFERENCES),
        immediate_risk=draw(st.booleans()),
    )


def declared_by(one):
    """All that identifies: also what `identifiers_of` leaves to others."""
    yield from identifiers_of(one)
    yield from (Identifier(f"label {number}", node.label) for number, node in enumerate(one.nodes))
    yield Identifier("place.postcode", one.place.postcode)
    yield Identifier("place.description", one.place.description)
    yield Identifier("narrative", one.narrative)
    if one.origin_reference:
        yield Identifier("origin_reference", one.origin_reference)


def leaks(one, outgoing):
    search = LeakSearch(declared_by(one))
    documents = [
        Document(f"{record.topic}", data)
        for record in outgoing
        for data in (record.value, record.key)
        if data
    ]
    return [leak for document in documents for leak in search.find(document)]


laws = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@laws
@given(one=reports())
def test_nothing_declared_is_in_what_an_accepted_report_becomes(one):
    outgoing = transform(arrived(sealed(one, KEYS)), context(keys=KEYS))
    assert {record.topic for record in outgoing} >= {TOKENISED}
    assert QUARANTINE not in {record.topic for record in outgoing}
    assert leaks(one, outgoing) == []


@laws
@given(one=reports(), code=st.sampled_from(["refused", "suspended", "unreadable"]))
def test_nothing_declared_is_in_what_any_other_report_becomes(one, code):
    known = (
        context(onboarded(), suspended(), keys=KEYS) if code == "suspended" else context(keys=KEYS)
    )
    if code == "refused":
        one = replace(one, facts=(), event_at=datetime(2030, 1, 1, tzinfo=UTC))
    value = sealed(one, KEYS)
    outgoing = transform(arrived(value[:-9] if code == "unreadable" else value), known)
    assert leaks(one, outgoing) == []


@laws
@given(one=reports())
def test_the_same_report_spelt_another_way_gives_the_same_tokens(one):
    tokeniser = Tokeniser(KEYS)
    for node in one.nodes:
        spelt, _ = read(node.identity)
        again, _ = read(respelt(node.identity))
        assert tokeniser.tokens_of(node.kind, spelt) == tokeniser.tokens_of(node.kind, again)


def respelt(identity):
    """Blanks, case and separators as another system would write them."""
    changes = {
        "nhs_number": lambda text: f"{text[:3]} {text[3:6]}-{text[6:]}",
        "postcode": lambda text: text.replace(" ", "").lower(),
        "phone": lambda text: "+44 (0)" + text[1:],
        "given_name": str.upper,
        "family_name": lambda text: text.replace("'", "\u2019").upper(),
        "upn": str.lower,
        "email": str.upper,
        "address": lambda text: text.upper().replace(" ST", " Street."),
        "organisation_name": lambda text: f"The {text} Ltd",
    }
    values = {field: getattr(identity, field) for field in changes}
    return replace(
        identity,
        **{field: changes[field](value) for field, value in values.items() if value is not None},
    )


# --- the control: what leaks is found -------------------------------------------------------------

FORMS = {
    "raw": str.encode,
    "upper case": lambda text: text.upper().encode(),
    "canonical": lambda text: (canonical("family_name", text) or text).encode(),
    "hex": lambda text: text.encode().hex().encode(),
    "base64": lambda text: base64.b64encode(b"x" + text.encode()),
    "url": lambda text: quote(text).encode(),
}


def leaking(record, known, form, where):
    """A transform that only a test may have: it lets a family name out."""
    *others, last = transform(record, known)
    secret = FORMS[form](FAMILY_NAME)
    if where == "key":
        return (*others, replace(last, key=b"k" + secret))
    return (*others, Outgoing(last.topic, last.value + b"\x12" + secret + b"\x00"))


FAMILY_NAME = "Inventöglu"


@pytest.mark.parametrize("where", ["key", "value"])
@pytest.mark.parametrize("form", FORMS)
def test_the_search_finds_what_a_leaking_transform_lets_out(form, where):
    node = Node(label="x", kind=NodeKind.PERSON, identity=Identity(family_name=FAMILY_NAME))
    one = report(nodes=(node,), relations=(), origin_reference=None)
    record = arrived(sealed(one, KEYS))
    assert leaks(one, transform(record, context(keys=KEYS))) == []
    found = leaks(one, leaking(record, context(keys=KEYS), form, where))
    assert {leak.path for leak in found} == {"nodes[0].identity.family_name"}
