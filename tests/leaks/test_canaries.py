"""Every identifying field that partners send carries a canary, and each is found in every form."""

from __future__ import annotations

import base64
import json
import random
import re
import unicodedata
from dataclasses import fields, replace
from urllib.parse import quote
from uuid import UUID

import pytest

from deploy.leaks import Document, Identifier, LeakSearch
from producers.check import check
from producers.town.town import build_town
from streams.hints import is_record
from tests.invented_reports import report
from tests.leaks.canaries import (
    NO_CANARY,
    UNSEARCHABLE,
    Maker,
    Planter,
    canaries_of,
    every_kind,
    identifying_fields,
)


@pytest.fixture(scope="module")
def full():
    """A report with a canary in every field of every kind of node."""
    return Planter(Maker(11)).filled(every_kind(report()))


def names_in(value):
    """`Class.field` of every field that holds something, as deep as records go."""
    if isinstance(value, tuple):
        return {name for one in value for name in names_in(one)}
    if not is_record(type(value)):
        return set()
    return {
        name
        for one in fields(value)
        if (held := getattr(value, one.name)) not in (None, ())
        for name in ({f"{type(value).__name__}.{one.name}"} | names_in(held))
    }


def test_every_identifying_field_holds_a_canary_and_the_partners_own_check_takes_it(full):
    assert check(full) == ()
    # Relations have labels only, which stand on the nodes; nobody else's text is in an event.
    wanted = {one for one in identifying_fields() if not one.startswith("Relation.")}
    assert wanted <= names_in(full)
    assert {"Identity.nhs_number", "Node.label", "Place.description", "Report.narrative"} <= wanted


def test_a_field_without_a_canary_has_a_reason():
    names = {one.partition(".")[2] for one in names_in(report())} | {"source", "assessment"}
    assert set(NO_CANARY) - {"since", "until"} <= names
    assert all(NO_CANARY.values())
    assert all(UNSEARCHABLE.values())


def test_many_canaries_are_of_valid_form_and_no_two_alike():
    planter = Planter(Maker(12))
    ids = (UUID(int=number) for number in range(40))
    found = [planter.filled(every_kind(report(report_id=one))) for one in ids]
    assert [problem for one in found for problem in check(one)] == []
    values = [
        value
        for one in found
        for node in one.nodes
        for value in (node.label, node.identity.phone, node.identity.nhs_number)
        if value is not None
    ]
    assert len(values) == len(set(values))


def test_a_town_with_canaries_tells_the_same_story():
    """What was one value stays one, what was wrong stays wrong, and nothing of the town is left."""
    town, planter = build_town(5, 60, 1), Planter(Maker(5))
    for step in town.submissions:
        planted = planter.planted(step.report)
        assert [p.code for p in check(planted)] == [p.code for p in check(step.report)]
        assert len(planted.nodes) == len(step.report.nodes)
        for node, before in zip(planted.nodes, step.report.nodes, strict=True):
            if before.identity and before.identity.family_name:
                assert node.identity.family_name != before.identity.family_name


ENCODINGS = {
    "raw": str.encode,
    "capitals": lambda text: text.upper().encode(),
    "case-folded": lambda text: text.casefold().encode(),
    "NFKC": lambda text: unicodedata.normalize("NFKC", text).encode(),
    "hex": lambda text: text.encode().hex().encode(),
    "hex in capitals": lambda text: text.encode().hex().upper().encode(),
    "base64, first alignment": lambda text: base64.b64encode(text.encode()),
    "base64, second alignment": lambda text: base64.b64encode(b"." + text.encode()),
    "base64, third alignment": lambda text: base64.b64encode(b".." + text.encode()),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"\xff\xfe" + text.encode()),
    "URL": lambda text: quote(text, safe="").encode(),
    "URL in small letters": lambda text: quote(text, safe="").lower().encode(),
    "UTF-16 LE": lambda text: text.encode("utf-16-le"),
    "UTF-16 BE": lambda text: text.encode("utf-16-be"),
    "JSON": lambda text: json.dumps(text).encode(),
    "reversed": lambda text: text[::-1].encode(),
    "without separators": lambda text: re.sub(r"[\s\-./,'()]", "", text).encode(),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_each_canary_is_found_in_each_encoding(encoding, full):
    noise = random.Random(encoding)
    planted = {one.value: one for one in canaries_of(full)}
    for value, canary in planted.items():
        if len(value) < 6:
            continue  # what a licence spells of a surname: found as a whole word of a text
        search = LeakSearch([Identifier(canary.path, value)])
        around = bytes(noise.choices(range(0x80, 0x100), k=23))
        coded = ENCODINGS[encoding](value)
        if coded.isdigit() and len(coded) < 8:
            coded = b'"' + coded + b'"'  # so few digits count as a whole string alone
        documents = [Document("d", around[:9] + coded + around)]
        assert list(search.find(documents[0])), (encoding, canary.path)
        assert not list(search.find(replace(documents[0], data=around * 9))), canary.path
