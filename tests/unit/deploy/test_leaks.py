"""The leak search finds everything planted, in every form, and nothing that is not there."""

from __future__ import annotations

import base64
import os
import random
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
    yield "squeezed", "".join(c for c in value if c.isalnum()).encode()


@pytest.mark.parametrize("value", VALUES)
def test_every_form_of_every_value_is_found_at_every_place(value):
    search = LeakSearch([Identifier("here", value)])
    for form, planted in forms_of(value):
        for place in range(9):
            data = os.urandom(place) + planted + os.urandom(11 - place)
            assert list(search.find(Document("d", data))), (value, form, place)


def test_the_control_finds_every_identifier_of_a_town_and_names_its_path():
    town = build_town(3)
    noise = random.Random(5)
    for step in town.submissions[:30]:
        for identifier in identifiers_of(step.report):
            raw = identifier.value.encode()
            is_long = len(raw) >= 6
            around = noise.randbytes(40) if is_long else b" - "
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
    for around in (b"", b"a", b"5", b"-"):
        leaky = Document("store", b"27112026-W48" + around + b"27112026" + around)
        assert find_leaks(wanted, [leaky]), around
    assert find_leaks(wanted, [Document("store", b"a527/11/2026-W48")])
