"""Reading a corpus of texts with marked spans, whatever its fields are called.

JSON Lines, one object a line. A span may give offsets, its text or both; where
only the text is given, every place it stands at is meant. `declared` (true if
the report names the thing itself) and `value` (what the report calls it) are
handed to the redactor; `origin` is the origin of a name. Spans may overlap:
each is judged by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("id", "doc_id", "document_id", "key", "uuid"),
    "text": ("text", "full_text", "narrative", "document", "content", "body", "source_text"),
    "spans": ("spans", "entities", "labels", "label", "annotations", "entity_mentions", "mentions"),
    "identities": ("declared", "identities", "known"),
    "start": ("start", "start_offset", "begin", "start_position", "start_char", "from"),
    "end": ("end", "end_offset", "stop", "end_position", "end_char", "to"),
    "kind": ("kind", "type", "label", "entity_type", "entity_label", "category", "tag", "class"),
    "mention": ("text", "span_text", "entity_value", "surface", "mention", "value"),
    "declared": ("declared", "known", "is_declared"),
    "value": ("value", "identity", "canonical"),
    "origin": ("origin", "name_origin", "ethnicity", "culture"),
    "mask": ("identifier", "identifier_type", "mask"),
}
_TRUE: Final = frozenset({"true", "yes", "1", "declared"})


class Role(StrEnum):
    """What a kind of span is to a redactor."""

    NAME = "names"
    PLACE = "places"
    NUMBER = "numbers"
    OTHER = "others that identify"
    KEPT = "not to be masked"


_NAME_WORDS: Final = ("person", "name", "per", "patient", "staff", "subject", "nickname", "alias")
_KEPT_WORDS: Final = ("quantity", "money", "weapon", "militaryplatform", "title", "percent", "o")
_PLACE_WORDS: Final = (
    "loc", "gpe", "place", "address", "street", "city", "town", "postcode", "postal", "zip",
    "county", "district", "location", "facility", "fac",
)  # fmt: skip
#: "EMAIL_ADDRESS" is no place.
_CONTACT_WORDS: Final = frozenset({"email", "mail", "ip", "mac", "web", "url"})
_NUMBER_WORDS: Final = (
    "phone", "number", "nhs", "ssn", "card", "iban", "account", "sort", "code", "id", "license",
    "licence", "passport", "upn", "uln", "nino", "pnc", "cro", "vrm", "plate", "vehicle", "imei",
    "ip", "email", "mail", "url", "domain", "date", "time", "datetime", "dob", "age", "handle",
    "username", "reference", "documentreference", "commsidentifier", "temporal", "birth",
)  # fmt: skip


def role_of(kind: str) -> Role:
    """Say what a kind of span is, by the words of its name."""
    words = "".join(mark if mark.isalnum() else " " for mark in kind.lower()).split()
    joined = "".join(words)
    if not _CONTACT_WORDS.isdisjoint(words):
        return Role.NUMBER
    for role, known in (
        (Role.KEPT, _KEPT_WORDS),
        (Role.PLACE, _PLACE_WORDS),
        (Role.NUMBER, _NUMBER_WORDS),
        (Role.NAME, _NAME_WORDS),
    ):
        if joined in known or any(word in known for word in words):
            return role
    return Role.OTHER


@dataclass(frozen=True, slots=True)
class Marked:
    """One span of the gold standard. `is_masked` is false for one that may stay."""

    start: int
    end: int
    kind: str
    is_declared: bool
    is_masked: bool = True
    value: str | None = field(default=None, repr=False)
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a corpus. `identities` are further declared values, each with its kind."""

    id: str
    text: str = field(repr=False)
    spans: tuple[Marked, ...]
    identities: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def read_texts(path: Path) -> list[Text]:
    """Read a corpus.

    Raises: InvalidInputError, naming line and field, never the text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path.name} is not UTF-8") from error
    texts = [
        text_of(_object(line, number), number)
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    if not texts:
        raise InvalidInputError(f"{path.name} holds no text")
    return texts


def text_of(record: Mapping[str, Any], number: int) -> Text:
    """Take one object of a corpus.

    Raises: InvalidInputError.
    """
    text = _field(record, "text")
    if not isinstance(text, str):
        raise InvalidInputError(f"line {number}: no text (one of {', '.join(_NAMES['text'])})")
    name = _field(record, "id")
    spans = _spans_of(record)
    if not isinstance(spans, list):
        raise InvalidInputError(f"line {number}: spans must be a list")
    marked = tuple(one for span in spans for one in _marked(span, text, number))
    identities = tuple(_identities(_field(record, "identities"), number))
    return Text(str(number if name is None else name), text, marked, identities)


def overlapping(texts: Iterable[Text]) -> int:
    """Count the spans that overlap an earlier one."""
    count = 0
    for text in texts:
        reached = 0
        for span in sorted(text.spans, key=lambda one: (one.start, one.end)):
            count += span.start < reached
            reached = max(reached, span.end)
    return count


def _identities(declared: object, number: int) -> Iterator[tuple[str, str]]:
    """Yield what a record declares beside its spans: names, or objects with value and kind."""
    if not isinstance(declared, list):
        return
    for one in declared:
        facts = one if isinstance(one, dict) else {"value": one}
        value = _field(facts, "value") or _field(facts, "mention")
        if not isinstance(value, str):
            raise InvalidInputError(f"line {number}: a declared value that is no text")
        yield value, str(_field(facts, "kind") or "PERSON")


def _object(line: str, number: int) -> Mapping[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise InvalidInputError(f"line {number} is not JSON") from error
    if not isinstance(record, dict):
        raise InvalidInputError(f"line {number} is not a JSON object")
    return record


def _field(record: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - JSON of any shape
    return next((record[one] for one in _NAMES[name] if record.get(one) is not None), None)


def _spans_of(record: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON of any shape
    """Return the spans; of several annotators' the first one's."""
    spans = _field(record, "spans")
    while isinstance(spans, dict) and spans:
        spans = _field(spans, "spans") or next(iter(spans.values()))
    return [] if spans is None else spans


def _marked(span: object, text: str, number: int) -> Iterator[Marked]:
    facts = _facts(span, number)
    kind = _field(facts, "kind")
    if not isinstance(kind, str):
        raise InvalidInputError(f"line {number}: a span without a kind")
    mask = str(_field(facts, "mask") or "").upper()
    for start, end in _places(facts, text, number):
        yield Marked(
            start,
            end,
            kind,
            is_declared=str(_field(facts, "declared")).lower() in _TRUE,
            is_masked=role_of(kind) is not Role.KEPT and mask not in {"NO_MASK", "FALSE", "NONE"},
            value=_text(_field(facts, "value")),
            origin=_text(_field(facts, "origin")),
        )


def _facts(span: object, number: int) -> Mapping[str, Any]:
    if isinstance(span, dict):
        return span
    if isinstance(span, list) and len(span) == 3:  # noqa: PLR2004 - start, end and kind
        return dict(zip(("start", "end", "kind"), span, strict=True))
    raise InvalidInputError(f"line {number}: a span is neither an object nor [start, end, kind]")


def _places(facts: Mapping[str, Any], text: str, number: int) -> Iterator[tuple[int, int]]:
    start, end, mention = (_field(facts, name) for name in ("start", "end", "mention"))
    if isinstance(start, int) and isinstance(end, int):
        if not 0 <= start < end <= len(text):
            raise InvalidInputError(f"line {number}: span [{start}, {end}) is outside the text")
        said = facts.get("text")
        if isinstance(said, str) and text[start:end] != said:
            raise InvalidInputError(f"line {number}: span [{start}, {end}) holds another text")
        yield start, end
        return
    if not isinstance(mention, str) or not mention:
        raise InvalidInputError(f"line {number}: a span without start and end, or text")
    at = text.find(mention)
    if at < 0:
        raise InvalidInputError(f"line {number}: the text of a span does not occur")
    while at >= 0:
        yield at, at + len(mention)
        at = text.find(mention, at + len(mention))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
