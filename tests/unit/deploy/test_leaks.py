"""The leak search finds everything planted, in every form, and nothing that is not there."""

from __future__ import annotations

import base64
import json
import os
import random
import unicodedata
from urllib.parse import quote

import pytest

from deploy.leaks import Document, Identifier, LeakSearch, find_leaks, identifiers_of
from producers.town.reports import Step
from producers.town.town import build_town

VALUES = (
    "Nováková",
    "O'Rourke-Smith",
    "999 123 4567",
    "07700 900123",
    "12 Otterside Road",
    "S14 7AA",
)


def noise(size):
    """Random bytes without digits: a number counts only where no digit stands beside it."""
    return bytes(byte for byte in os.urandom(size) if not 0x30 <= byte <= 0x39)


def forms_of(value):
    raw = value.encode()
    yield "as it is", raw
    yield "in capitals", value.upper().encode()
    yield "in hexadecimal", raw.hex().encode()
    yield "in capital hexadecimal", raw.hex().upper().encode()
    yield "in URL form", quote(value, safe="").encode()
    for shift in range(3):
        yield f"in Base64 after {shift}", base64.b64encode(b"x" * shift + raw + b"yy")
        yield f"in safe Base64 {shift}", base64.urlsafe_b64encode(b"x" * shift + raw)
    squeezed = "".join(c for c in value if c.isalnum())
    yield "squeezed", squeezed.encode()
    yield "case-folded", value.casefold().encode()
    yield "in UTF-16, low byte first", value.encode("utf-16-le")
    yield "in UTF-16, high byte first", value.encode("utf-16-be")
    yield "decomposed", unicodedata.normalize("NFD", value).encode()
    yield "in JSON", json.dumps(value).encode()
    yield "reversed", value[::-1].encode()
    yield "squeezed and reversed", squeezed[::-1].encode()


@pytest.mark.parametrize("value", VALUES)
def test_every_form_of_every_value_is_found_at_every_place(value):
    search = LeakSearch([Identifier("here", value)])
    for form, planted in forms_of(value):
        for place in range(9):
            data = noise(place) + planted + noise(11 - place)
            assert list(search.find(Document("d", data))), (value, form, place)


def test_the_control_finds_every_identifier_of_a_town_and_names_its_path():
    town = build_town(3)
    for step in town.submissions[:30]:
        for identifier in identifiers_of(step.report):
            raw = identifier.value.encode()
            is_long = len(raw) >= 6
            around = noise(40) if is_long else b" - "
            document = Document("planted", around + raw + around, is_text=True)
            leaks = find_leaks([identifier], [document])
            assert leaks, identifier.path
            assert leaks[0].path == identifier.path


def test_random_bytes_leak_nothing():
    town = build_town(4)
    wanted = [i for step in town.submissions for i in identifiers_of(step.report)]
    noise = random.Random(9)
    documents = [Document(f"noise {n}", noise.randbytes(500_000)) for n in range(4)]
    assert find_leaks(wanted, documents) == []


def test_a_short_name_leaks_only_as_a_whole_word_of_a_text():
    wanted = [Identifier("name", "Ali")]
    assert find_leaks(wanted, [Document("log", b"seen: ali, again", is_text=True)])
    assert find_leaks(wanted, [Document("log", b'{"name":"Ali"}', is_text=True)])
    assert not find_leaks(wanted, [Document("log", b"the alias of a role", is_text=True)])
    assert not find_leaks(wanted, [Document("key", b"\x00ali\x00")])


def test_no_leak_tells_the_value():
    leaks = find_leaks([Identifier("x", "Rosenthal")], [Document("d", b"..Rosenthal..")])
    assert leaks
    assert "osenthal" not in repr(leaks)
    assert "osenthal" not in repr(Identifier("x", "Rosenthal"))


def test_paths_name_the_field_of_a_report():
    report = next(s.report for s in build_town(3).submissions if s.step is Step.REPORT)
    paths = {identifier.path for identifier in identifiers_of(report)}
    assert any(path.endswith("identity.family_name") for path in paths)
    assert any(path.endswith("reference") for path in paths)


def test_an_id_before_a_week_is_nobodys_birthday():
    wanted = [Identifier("nodes[0].identity.born_on", "27/11/2026")]
    assert not find_leaks(wanted, [Document("store", b"beb0891415607a527112026-W48S99")])
    for around in (b"", b"a", b"-"):
        leaky = Document("store", b"27112026-W48" + around + b"27112026" + around)
        assert find_leaks(wanted, [leaky]), around
    assert find_leaks(wanted, [Document("store", b"a527/11/2026-W48")])


NUMBER, SORT_CODE = Identifier("nhs_number", "9434765919"), Identifier("sort_code", "12-34-56")


@pytest.mark.parametrize("around", [b"", b" ", b"x", b"\x14", b'"', b"-", b"ab"])
def test_a_number_is_found_where_it_stands_by_itself(around):
    assert find_leaks([NUMBER], [Document("d", around + b"9434765919" + around)])


@pytest.mark.parametrize(
    "part_of",
    [b"19434765919", b"94347659190", b"7f3a9434765919ab77c0", b"9434765919ab-4a53-9a6e-0c6a3f"],
)
def test_a_number_inside_a_longer_one_or_inside_an_id_is_nobodys(part_of):
    assert not find_leaks([NUMBER], [Document("d", part_of)])


def test_six_digits_are_found_as_written_and_as_a_whole_string_and_not_as_a_process_id():
    for found in (b"code 12-34-56.", b'{"sort_code":"123456"}', b"\x0c123456\x02", b"3132"):
        expected = found != b"3132"
        assert bool(find_leaks([SORT_CODE], [Document("d", found)])) is expected
    assert not find_leaks([SORT_CODE], [Document("d", b'{"pid": 123456, "size":123456}')])


def test_a_large_document_is_searched_to_its_end_and_across_its_pieces():
    search = LeakSearch([Identifier("name", "Rosenthaler")])
    for place in (0, 1, 2**20 - 5, 2**20, 2**21 - 3, 2**21 + 100_000):
        data = bytearray(2**21 + 200_000)
        data[place : place + 11] = b"Rosenthaler"
        assert {leak.path for leak in search.find(Document("d", bytes(data)))} == {"name"}, place


def test_a_byte_beside_a_kind_of_record_makes_no_name_with_it():
    names = [Identifier("n", "Morgan"), Identifier("m", "Ersonx")]
    by_chance = b"\x99\xc4M" + b"ORGANISATION\x02" + b"PERSONx\x07M" + b"ORGANISED_CRIME"
    assert not find_leaks(names, [Document("linker.sqlite", by_chance)])


@pytest.mark.parametrize("planted", [b"MORGAN", b"xMorganORGANISATION", b"ORGANISATIONmorgan\x02"])
def test_a_name_beside_a_kind_of_record_is_found(planted):
    data = b"\x99\xc4M" + b"ORGANISATION\x02" + planted
    assert find_leaks([Identifier("n", "Morgan")], [Document("linker.sqlite", data)])
