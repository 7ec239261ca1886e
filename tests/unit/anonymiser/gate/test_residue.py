"""The search in the final bytes: everything declared is found, nothing else is."""

from __future__ import annotations

import random
from datetime import date
from uuid import UUID

import pytest

from anonymiser.gate.residue import ResidueSearch, declared_by
from streams.restricted import Identity
from tests.enclave import person, report

INNER = UUID(int=0xABCDEF0123456789ABCDEF0123456789)


class Linked:
    """As much of a linked report as the search looks at."""

    report_id = INNER
    origin_id = UUID(int=1 << 100)
    nodes = ()


def search(**identity):
    return ResidueSearch(report(person("q", **identity)), Linked())


def text(words):
    """As Avro writes a text."""
    encoded = words if isinstance(words, bytes) else words.encode()
    return bytes([2 * len(encoded)]) + encoded


@pytest.mark.parametrize(
    ("identity", "leak"),
    [
        ({"given_name": "Łukasz"}, "Łukasz"),
        ({"given_name": "José-Maria"}, "JOSE MARIA"),
        ({"given_name": "José"}, "José".encode("latin-1")),
        ({"family_name": "Grünbaum"}, "Grünbaum".encode("utf-16-le")),
        ({"family_name": "Иванов"}, "Иванов"),
        ({"given_name": "Иван"}, "Иван"),
        ({"family_name": "O'Invented"}, "OInvented"),
        ({"family_name": "Bartholomew"}, "tholom"),  # six letters of it
        ({"phone": "07700 900123"}, "+44 7700 900123"),
        ({"phone": "07700 900123"}, "(0)7700-900-123"),
        ({"postcode": "S99 9ZZ"}, "S999ZZ"),
        ({"postcode": "S99 9ZZ"}, "s99 9zz"),
        ({"given_name": "Bo"}, "met Bo there"),
        ({"given_name": "Bo"}, "Qm8="),
        ({"given_name": "Bo"}, "426f"),
        ({"given_name": "Bo"}, "oB"),
        ({"sort_code": "12-34-56"}, "123456"),
        ({"account_number": "12345678"}, "12 34 56 78"),
        ({"known_as": ("Smudgeling",)}, "smudgeling"),
    ],
)
def test_a_value_is_found(identity, leak):
    data = b"\x00\x00\x00\x01\x91" + text(leak) + b"\x02"
    assert search(**identity).find(data, ()) is not None


@pytest.mark.parametrize("form", ["17031994", "1994-03-17", "17/03/94", "17 March 1994"])
def test_a_birth_date_is_found_however_it_is_written(form):
    assert search(born_on=date(1994, 3, 17)).find(text(form), ()) == (
        "residual_identifier",
        "nodes[0].identity.born_on",
    )


@pytest.mark.parametrize("form", [INNER.bytes, INNER.hex.encode(), str(INNER).upper().encode()])
def test_an_inner_id_is_found(form):
    assert search().find(b"\x01" + form, ()) == ("residual_identifier", "report_id")


@pytest.mark.parametrize(
    "clean",
    [
        text("S99"),  # a district
        text("2026-W01"),  # an ISO week
        text("CHILD_CRIMINAL_EXPLOITATION"),  # a code
        text("A") + text("1"),  # a grading
    ],
)
def test_what_cannot_identify_is_no_leak(clean):
    found = search(given_name="Exploitation", family_name="S99", handle="W01", address="2026")
    assert found.find(b"\x00" + clean, ()) is None


def test_random_ids_raise_no_false_alarm():
    source = random.Random(4)
    short = search(given_name="Bo", family_name="Li", known_as=("Al", "Ed", "Jo", "Ty", "Kit"))
    for _ in range(3_000):
        ids = [UUID(bytes=source.randbytes(16)) for _ in range(8)]
        data = b"\x02".join(one.bytes for one in ids) + text("2026-W01")
        assert short.find(data, ids) is None


def test_a_report_of_fifty_people_with_short_labels_raises_no_false_alarm():
    pairs = [(left, right) for left in range(50) for right in range(50) if left != right]
    told = b"".join(bytes([2 * left, 2 * right]) + text("CO_OFFENDER") for left, right in pairs)
    shorts = {left + right for left in "02468bdfBDFJTXZ" for right in "02468bdfBDFJTXZ"}
    for short in shorts:
        assert search(given_name=short).find(b"\x78" + told, ()) is None


def test_an_id_is_blanked_only_if_the_gate_made_it():
    forged = UUID(bytes=b"Bo Li".ljust(16, b"\0"))
    assert search(given_name="Bo").find(forged.bytes, ()) is not None


def test_everything_a_partner_may_declare_is_collected():
    values = {name: f"value-of-{name}" for name in Identity.__dataclass_fields__}
    values |= {"known_as": ("value-of-known_as",), "born_on": None}
    paths = {declared.path for declared in declared_by(report(person("q", **values)))}
    expected = {f"nodes[0].identity.{name}" for name in values if name != "born_on"}
    assert expected < paths
    assert {"partner", "service", "place.postcode", "nodes[0].label"} < paths


def test_neither_the_search_nor_what_it_looks_for_shows_a_value():
    declared = tuple(declared_by(report(person("q", given_name="Testina"))))
    assert "Testina" not in repr(declared)
