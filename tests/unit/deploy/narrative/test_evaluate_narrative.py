"""`rivelin evaluate narrative`: corpora of any shape, honest counts, a clear word on bad input."""

from __future__ import annotations

import json
import zlib

import pytest

from anonymiser.narrative.redact import Redaction, Redactor, Withheld
from anonymiser.narrative.spans import Kind, Layer, Span
from deploy.cli import main
from deploy.evaluate.narrative.measure import measure
from deploy.evaluate.narrative.stories import ORIGINS, UNSEEN_ORIGINS, stories
from deploy.evaluate.narrative.texts import (
    Marked,
    Role,
    Text,
    overlapping,
    read_texts,
    role_of,
    text_of,
)
from streams.errors import InvalidInputError

TEXT = "Then Josh Okonkwo came to the gate and said that they had to go."


#: The half in which the one story of the default seed is not.
HALF_WITHOUT = "odd" if zlib.crc32(next(iter(stories(1, 1)))["id"].encode()) % 2 == 0 else "even"


def line(**changes):
    return {
        "id": "t1",
        "text": TEXT,
        "spans": [{"start": 5, "end": 17, "kind": "PERSON"}],
    } | changes


@pytest.mark.parametrize(
    "record",
    [
        line(),
        {"text": TEXT, "entities": [{"begin": 5, "stop": 17, "label": "PERSON"}]},
        {"full_text": TEXT, "spans": [{"start_position": 5, "end_position": 17,
                                       "entity_type": "PERSON", "entity_value": "Josh Okonkwo"}]},
        {"text": TEXT, "label": [[5, 17, "PERSON"]]},
        {"text": TEXT, "spans": [{"text": "Josh Okonkwo", "type": "PERSON"}]},
        {"text": TEXT, "annotations": {"annotator1": {"entity_mentions": [
            {"start_offset": 5, "end_offset": 17, "entity_type": "PERSON"}]}}},
    ],
)  # fmt: skip
def test_names_of_fields_are_mapped(record):
    (span,) = text_of(record, 1).spans
    assert (span.start, span.end, span.kind, span.is_declared) == (5, 17, "PERSON", False)


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        ("PERSON", Role.NAME),
        ("person_name", Role.NAME),
        ("Person", Role.NAME),
        ("GPE", Role.PLACE),
        ("STREET_ADDRESS", Role.PLACE),
        ("EMAIL_ADDRESS", Role.NUMBER),
        ("PHONE_NUMBER", Role.NUMBER),
        ("NHS", Role.NUMBER),
        ("DATETIME", Role.NUMBER),
        ("DEM", Role.OTHER),
        ("Weapon", Role.KEPT),
    ],
)
def test_kinds_are_mapped(kind, role):
    assert role_of(kind) is role


def test_values_may_be_declared_beside_the_spans():
    text = text_of(line(declared=["Joshua", {"value": "07700 900123", "kind": "PHONE"}]), 1)
    assert text.identities == (("Joshua", "PERSON"), ("07700 900123", "PHONE"))


def test_a_span_that_need_not_be_masked_is_no_leak():
    facts = {"start": 5, "end": 17, "type": "PERSON", "identifier": "NO_MASK"}
    (span,) = text_of(line(spans=[facts]), 1).spans
    assert not span.is_masked


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no text"),
        ("{nonsense", "line 1 is not JSON"),
        ("[1]", "line 1 is not a JSON object"),
        ('{"id": 1}', "line 1: no text"),
        (json.dumps(line(spans=[{"start": 5, "end": 99, "kind": "PERSON"}])), "outside the text"),
        (json.dumps(line(spans=[{"start": 9, "end": 5, "kind": "PERSON"}])), "outside the text"),
        (json.dumps(line(spans=[{"start": 5, "end": 17}])), "a span without a kind"),
        (json.dumps(line(spans=[{"kind": "PERSON"}])), "without start and end"),
        (json.dumps(line(spans=[{"text": "Nobody", "kind": "PERSON"}])), "does not occur"),
        (json.dumps(line(spans=["x"])), "neither an object nor"),
        (json.dumps(line(spans=3)), "must be a list"),
        (
            json.dumps(line(spans=[{"start": 0, "end": 4, "kind": "PERSON", "text": "Kai"}])),
            "holds another text",
        ),
    ],
)
def test_bad_input_is_named_in_one_line_that_shows_no_text(tmp_path, content, message):
    file = tmp_path / "texts.jsonl"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidInputError, match=message) as caught:
        read_texts(file)
    assert "Okonkwo" not in str(caught.value)


def test_a_file_that_is_not_text_is_named(tmp_path):
    file = tmp_path / "texts.jsonl"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInputError, match="not UTF-8"):
        read_texts(file)


def test_overlapping_spans_are_counted_and_each_is_judged():
    spans = [{"start": 5, "end": 17, "kind": "PERSON"}, {"start": 10, "end": 17, "kind": "PERSON"}]
    text = text_of(line(spans=spans), 1)
    assert overlapping([text]) == 1
    assert measure([text], Redactor()).as_dict()["spans"] == 2


# --- counting ------------------------------------------------------------------------------------


class Takes:
    """Takes out what it is told, or withholds."""

    def __init__(self, *mentions, withheld=None):
        self._mentions, self._withheld = mentions, withheld

    def redact(self, text, declared, subjects):
        spans = tuple(
            Span(text.index(one), text.index(one) + len(one), Kind.PERSON, Layer.WORDS)
            for one in self._mentions
        )
        return Redaction(None if self._withheld else text, self._withheld, spans, words=14)


def marked(kind="PERSON", **facts):
    return Text("t1", TEXT, (Marked(5, 17, kind, is_declared=False, **facts),))


def test_half_a_name_that_is_left_is_a_leak_but_not_of_the_whole():
    found = measure([marked(origin="nigerian")], Takes("Josh")).as_dict()
    assert found["leak"] == {"PERSON": 1.0}
    assert found["leak_by_origin"] == {"nigerian": 1.0}
    assert found["leak_whole_spans"] == {"PERSON": 0.0}
    assert found["texts_with_a_leak"] == 1.0


def test_a_text_that_is_withheld_leaks_nothing_and_is_told_apart():
    found = measure([marked()], Takes("Josh", withheld=Withheld.TOO_MUCH)).as_dict()
    assert found["leak"] == {"PERSON": 0.0}
    assert found["leak_if_none_withheld"] == {"PERSON": 1.0}
    assert found["quarantined_share"] == 1.0
    assert found["quarantined"] == {"narrative_withheld_too_much_to_redact": 1}


def test_over_redaction_is_the_share_of_the_other_words_that_went():
    found = measure([marked()], Takes("Josh Okonkwo", "gate")).as_dict()
    assert found["leak"] == {"PERSON": 0.0}
    assert found["over_redaction"] == pytest.approx(1 / 12, abs=1e-4)


def test_declared_spans_are_given_to_the_redactor_and_others_are_not():
    given = []

    class Notes(Takes):
        def redact(self, text, declared, subjects):
            given.append([(one.value, one.is_name) for one in declared])
            return super().redact(text, declared, subjects)

    spans = (
        Marked(5, 9, "PERSON", is_declared=True, value="Joshua"),
        Marked(10, 17, "PERSON", is_declared=False),
        Marked(0, 4, "PHONE", is_declared=True),
    )
    measure([Text("t1", TEXT, spans)], Notes())
    assert given == [[("Joshua", True), ("Then", False)]]


# --- the stories ---------------------------------------------------------------------------------


def test_the_same_seed_tells_the_same_and_another_seed_another():
    assert list(stories(5, 3)) == list(stories(5, 3))
    assert list(stories(5, 3)) != list(stories(5, 4))


def test_every_span_of_a_story_is_where_it_says_and_both_halves_have_every_origin():
    told = list(stories(300, 3))
    for story in told:
        assert all(
            story["text"][one["start"] : one["end"]] == one["text"] for one in story["spans"]
        )
    origins = {one["origin"] for story in told for one in story["spans"] if "origin" in one}
    assert origins == set(ORIGINS) == set(UNSEEN_ORIGINS)
    assert len(origins) >= 7


def test_the_halves_share_no_name():
    for origin, (given, family) in ORIGINS.items():
        others = set(" ".join(UNSEEN_ORIGINS[origin]).split())
        assert len(others & set(f"{given} {family}".split())) <= 1, origin


# --- the command ---------------------------------------------------------------------------------


def run(capsys, *arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["rivelin", "evaluate", "narrative", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    captured = capsys.readouterr()
    return ended.value.code or 0, captured.out, captured.err


def test_the_command_answers_in_json_and_says_how_it_read_the_kinds(tmp_path, capsys):
    file = tmp_path / "texts.jsonl"
    file.write_text(json.dumps(line()) + "\n", encoding="utf-8")
    code, out, err = run(capsys, str(file), "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["texts"], found["spans"], found["leak"]) == (1, 1, {"PERSON": 0.0})
    assert "names: PERSON" in err


def test_the_command_tells_stories_and_writes_them(tmp_path, capsys):
    file = tmp_path / "stories.jsonl"
    code, out, _ = run(capsys, str(file), "--generate", "20", "--seed", "3")
    assert code == 0
    assert "leak declared" in out
    assert len(read_texts(file)) == 20


def test_stories_are_never_written_over_a_file(tmp_path, capsys):
    file = tmp_path / "stories.jsonl"
    file.write_text("mine", encoding="utf-8")
    code, _, err = run(capsys, str(file), "--generate", "2")
    assert (code, file.read_text(encoding="utf-8")) == (3, "mine")
    assert "is there already" in err


@pytest.mark.parametrize(
    "arguments", [[], ["nowhere.jsonl"], ["--generate", "1", "--half", HALF_WITHOUT]]
)
def test_a_command_without_texts_says_so(arguments, capsys):
    code, _, err = run(capsys, *arguments)
    assert code == 3
    assert err.strip().splitlines()[-1].startswith("rivelin: ")


# --- the reference corpora -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["presidio_synth", "tab_train"])
def test_people_in_texts_of_others_leak_seldom(shared_data, name):
    found = measure(read_texts(shared_data / "pii" / f"{name}.jsonl"), Redactor()).as_dict()
    assert found["leak"]["PERSON"] <= 0.02
