"""A narrative in, the same without anything that identifies out; or nothing, and why.

What is withheld is only this copy: the sealed original is kept with its
report. A narrative that cannot be cleaned stays behind with a reason on the
receipt, and the coded facts go on without it (fail closed, research/privacy.md
section 3).
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from anonymiser.narrative.identities import BREAK, Index, nicknames_of
from anonymiser.narrative.patterns import found_by_form
from anonymiser.narrative.spans import NUMBERED, Kind, Layer, Span, merged
from anonymiser.narrative.spelling import plain
from anonymiser.narrative.words import AllowList, ordinary_words, tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from anonymiser.narrative.identities import Declared
    from anonymiser.narrative.recogniser import Recogniser
    from anonymiser.narrative.spelling import Plain
    from anonymiser.narrative.words import Token

_LOG: Final = logging.getLogger(__name__)

#: Policy numbers. Source: research/privacy.md section 3; the length is that of streams.content.
CHARACTERS_MAX: Final = 20_000
FOREIGN_SHARE_MAX: Final = 0.2
REDACTED_SHARE_MAX: Final = 0.25
_SPACED_LETTERS_MIN: Final = 3
_TELLING: Final = re.compile(r"[\d@]|://")
_GAP_CHARACTERS_MAX: Final = 3


class Withheld(StrEnum):
    """Why a narrative stays behind, as a receipt tells it."""

    TOO_LONG = "narrative_withheld_too_long"
    UNREADABLE = "narrative_withheld_unreadable"
    SCRIPT = "narrative_withheld_script"
    TOO_MUCH = "narrative_withheld_too_much_to_redact"
    RESIDUE = "narrative_withheld_residue"
    FAILED = "narrative_withheld_detector_failed"


@dataclass(frozen=True, slots=True)
class Redaction:
    """What became of a narrative: `text` if it may go on, else `withheld`.

    `spans` are what was taken out, by position in the original; `words` is how many words the
    text had, `words_gone` how many of them went.
    """

    text: str | None = field(repr=False)
    withheld: Withheld | None = None
    spans: tuple[Span, ...] = ()
    words: int = 0
    words_gone: int = 0


class Redactor:
    """Runs the layers. A recogniser, where there is one, can add to what goes and keep nothing.

    Making one reads the lists of words and of nicknames: without them no process starts.
    """

    def __init__(self, recogniser: Recogniser | None = None) -> None:
        self._recogniser = recogniser
        ordinary_words()
        nicknames_of("")

    def redact(self, text: str, declared: Iterable[Declared], subjects: int) -> Redaction:
        """Redact one narrative; never raises.

        `subjects` is the number of the report's nodes: people that it does not
        declare are numbered from there on.
        """
        try:
            return self._redact(text, declared, subjects)
        except Exception as error:  # noqa: BLE001 - whatever broke, the text stays behind
            what = type(error).__name__  # and no trace, which could show values
            _LOG.error("narrative withheld: %s", what)
            return Redaction(None, Withheld.FAILED)

    def _redact(self, text: str, declared: Iterable[Declared], subjects: int) -> Redaction:
        if len(text) > CHARACTERS_MAX:
            return Redaction(None, Withheld.TOO_LONG)
        readable = plain(text)
        if (reason := _unfit(readable)) is not None:
            return Redaction(None, reason)
        index = Index(declared)
        tokens = tokens_of(readable.text)
        spans = self._spans(readable.text, tokens, index)
        gone = _covered(tokens, spans)
        where = tuple(_in_original(span, readable) for span in spans)
        written = _written(readable.text, spans, subjects)
        reason = _verdict(written, len(spans), gone.count(False), index)
        result = None if reason is not None else written
        return Redaction(result, reason, where, len(tokens), gone.count(True))

    def _spans(self, text: str, tokens: Sequence[Token], index: Index) -> list[Span]:
        found = [*index.find(text, tokens), *found_by_form(text), *_spaced_letters(text, tokens)]
        if self._recogniser is not None:
            found.extend(_sound(self._recogniser.recognise(text), len(text)))
        sure = merged(_whole_tokens(text, found, tokens))
        allowed = AllowList(text, tokens, _covered(tokens, sure))
        return _joined(text, merged([*sure, *allowed.judge()]))


def _unfit(readable: Plain) -> Withheld | None:
    if not readable.is_readable:
        return Withheld.UNREADABLE
    if readable.foreign > FOREIGN_SHARE_MAX * readable.letters:
        return Withheld.SCRIPT
    return None


def _verdict(written: str, gone: int, kept: int, index: Index) -> Withheld | None:
    """Look at what would leave once more; more than a quarter of it placeholders is too much.

    A full name or an address is one placeholder: what counts is how much of what is left tells
    anything.
    """
    if gone > REDACTED_SHARE_MAX * (gone + kept):
        return Withheld.TOO_MUCH
    bare = _PLACEHOLDER.sub(BREAK, written)
    return Withheld.RESIDUE if _is_left(bare, index) else None


def _is_left(bare: str, index: Index) -> bool:
    """Search what is between the placeholders for whatever the layers should have taken."""
    tokens = tokens_of(bare)
    return (
        index.survives_in(bare, tokens)
        or (_TELLING.search(bare) is not None and any(map(_is_certain(bare), found_by_form(bare))))
        or any(not token.text.isascii() for token in tokens)
    )


def _is_certain(text: str) -> Callable[[Span], bool]:
    """A number or a sign was missed; words that a placeholder parted may look like anything."""
    return lambda span: _TELLING.search(text, span.start, span.end) is not None


# --- spans ---------------------------------------------------------------------------------


def _sound(spans: Iterable[Span], length: int) -> Iterator[Span]:
    """Take a recogniser's spans for additions only, and only where there is text.

    Raises: ValueError if one is out of bounds: such a recogniser is not to be trusted.
    """
    for span in spans:
        if not 0 <= span.start < span.end <= length:
            raise ValueError("a span outside the text")
        yield Span(span.start, span.end, span.kind, Layer.RECOGNISER)


def _spaced_letters(text: str, tokens: Sequence[Token]) -> Iterator[Span]:
    """Yield three single letters or more in a row, with anything small between them: "J o h n".

    A letter or three more at its end belong to it: "J-o-h-ns".
    """
    run: list[Token] = []
    for token in tokens:
        gap = text[run[-1].end : token.start] if run else ""
        joins = len(gap) <= _GAP_CHARACTERS_MAX
        letters_max = 2 if " " in gap else 3
        is_tail = len(run) >= _SPACED_LETTERS_MIN and joins and len(token.text) <= letters_max
        if len(token.text) == 1 and joins:
            run.append(token)
            continue
        yield from _run([*run, token] if is_tail else run)
        run = [token] if len(token.text) == 1 else []
    yield from _run(run)


def _run(run: Sequence[Token]) -> Iterator[Span]:
    if len(run) >= _SPACED_LETTERS_MIN:
        yield Span(run[0].start, run[-1].end, Kind.WORD, Layer.PATTERN)


def _whole_tokens(text: str, spans: Iterable[Span], tokens: Sequence[Token]) -> Iterator[Span]:
    """Widen each span to the tokens it touches, for half a word tells the other half; no spaces."""
    starts = {token.start: token for token in tokens}
    owner: dict[int, Token] = {}
    for token in starts.values():
        for position in range(token.start, token.end):
            owner[position] = token
    for span in spans:
        first, last = owner.get(span.start), owner.get(span.end - 1)
        start = span.start if first is None else first.start
        end = span.end if last is None else last.end
        while end > start + 1 and text[end - 1].isspace():
            end -= 1
        while start < end - 1 and text[start].isspace():
            start += 1
        yield Span(start, end, span.kind, span.layer, span.node)


def _covered(tokens: Sequence[Token], spans: Sequence[Span]) -> list[bool]:
    covered: list[bool] = []
    number = 0
    for token in tokens:
        while number < len(spans) and spans[number].end <= token.start:
            number += 1
        covered.append(number < len(spans) and spans[number].start < token.end)
    return covered


#: Between two parts of one name: a space, a hyphen, the point of an initial.
_WITHIN_NAME: Final = re.compile(r"(?:\.?[ \n]?|\s?-\s?)")


def _joined(text: str, spans: Sequence[Span]) -> list[Span]:
    """Make one of the parts of a name that stand side by side, and of a place's."""
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last is not None and _belongs(text, last, span):
            joined[-1] = _one_name(last, span)
        else:
            joined.append(span)
    return joined


def _belongs(text: str, left: Span, right: Span) -> bool:
    if not _WITHIN_NAME.fullmatch(text[left.end : right.start]):
        return False
    named = {left.kind, right.kind} <= {Kind.PERSON, Kind.PLACE, Kind.WORD}
    return named and (left.node == right.node or None in {left.node, right.node})


def _one_name(left: Span, right: Span) -> Span:
    owner = left if left.node is not None else right
    kinds = {left.kind, right.kind}
    kind = owner.kind if owner.node is not None else min(kinds, key=_BY_WEIGHT.index)
    return Span(left.start, right.end, kind, left.layer, owner.node)


_BY_WEIGHT: Final = (Kind.PERSON, Kind.PLACE, Kind.WORD)


def _in_original(span: Span, readable: Plain) -> Span:
    start, end = readable.original(span.start, span.end)
    return Span(start, end, span.kind, span.layer, span.node)


# --- writing -------------------------------------------------------------------------------

_PLACEHOLDER: Final = re.compile(r"\[[A-Z]+(?:-\d+)?\]")
_BRACKETS: Final = str.maketrans("[]", "()")
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e\n£€]+")
_SPACES: Final = re.compile(r"[ \t]+")
_LINES: Final = re.compile(r" ?\n(?: ?\n)*")


def _written(text: str, spans: Sequence[Span], subjects: int) -> str:
    """Write the text with a placeholder for each span, in plain characters and single spaces."""
    names = _Numbers(subjects)
    pieces: list[str] = []
    at = 0
    for span in spans:
        pieces += (_kept(text[at : span.start]), names.placeholder(span, text))
        at = span.end
    pieces.append(_kept(text[at:]))
    return _LINES.sub("\n", _SPACES.sub(" ", "".join(pieces))).strip()


def _kept(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text.translate(_BRACKETS))


class _Numbers:
    """Gives the same undeclared person, address or phone the same number within one text."""

    def __init__(self, subjects: int) -> None:
        self._subjects = subjects
        self._known: dict[tuple[Kind, str], int] = {}
        self._last: dict[Kind, int] = {}

    def placeholder(self, span: Span, text: str) -> str:
        if span.kind not in NUMBERED:
            return f"[{span.kind}]"
        number = span.node
        if number is None:
            number = self._number(span.kind, text[span.start : span.end].lower())
        return f"[{span.kind}-{number}]"

    def _number(self, kind: Kind, value: str) -> int:
        """A person named in full, later by a part of it, is one person."""
        parts = re.findall(r"[^\W_]+", value.replace("'s", ""))
        keys = parts if kind is Kind.PERSON else ["".join(parts)]
        known = (self._known[kind, key] for key in keys if (kind, key) in self._known)
        number = next(known, None)
        if number is None:
            number = self._last.get(kind, self._subjects - 1) + 1
            self._last[kind] = number
        for key in keys:
            self._known.setdefault((kind, key), number)
        return number
