"""A text as a reader sees it: one spelling of each character, and where each one came from.

Look-alikes of other scripts, full-width and mathematical letters, accents and
marks become plain Latin letters; what has no width vanishes. Only this form
is searched and only this form leaves, so nothing can hide in another.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_ASCII_BREAKS: Final = "\t\r\x0b\x0c\x1c\x1d\x1e\x1f"
_MARKS: Final = frozenset({"Mn", "Me", "Cf"})
_UNREADABLE: Final = frozenset({"Cc", "Cs", "Co", "Cn"})
_LETTER: Final = "L"

#: Letters that a reader takes for Latin ones. Source: the confusables of Unicode TR 39, the
#: part whose look-alike is one Latin letter, as far as common fonts hold them.
_LOOK_ALIKES: Final = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХаеѕіјорсухӏԁԛԝҮһԍВьЗЬ"
        "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαιονρυϲϳκνγ"
        "ՏՕՍոսօհցքԼ"
        "ᎪᏴᏟᎠᎬᎻᎫᏦᏞᎷᏢᏒᏚᎢᏙᏔᏃ"  # noqa: RUF001 - the letters are meant
        "ǀⅼ∣ⲟⲞꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ",  # noqa: RUF001 - the letters are meant
        "ABESIJKMHOPCTYXaesijopcyxldqwYhgBb3b"
        "ABEZHIKMNOPTYXaiovpucjkvy"
        "SOUnuohgfL"
        "ABCDEHJKLMPRSTVWZ"
        "lllooBPDTGKJCZFMNLSRVHWXYAEIOU",
        strict=True,
    )
)
_NO_DECOMPOSITION: Final = {
    **_LOOK_ALIKES,
    **dict(zip("łŁøØđĐħĦıŧŦŋŊɡɑɩɪʟ", "lLoOdDhHitTnNgaiil", strict=True)),
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE",
    "þ": "th", "Þ": "Th", "ð": "d", "Ð": "D", "ə": "e", "Ə": "E",
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "´": "'", "ʼ": "'", "ʻ": "'",  # noqa: RUF001 - the quotes are meant
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "″": '"', "\u2028": "\n", "\u2029": "\n",
    "…": "...", "·": ".", "•": "*", "−": "-", "⁄": "/", "£": "£", "€": "€",  # noqa: RUF001 - the signs are meant
}  # fmt: skip
#: White letters on black squares, in circles, and flags: letters with no decomposition.
_LETTER_SIGNS: Final = ((0x1F150, 26), (0x1F170, 26), (0x1F1E6, 26))


@dataclass(frozen=True, slots=True)
class Plain:
    """The readable form of a text.

    `starts[i]` is where character i of `text` stood in the original; None if both are alike.
    `foreign` counts letters of other scripts than Latin, look-alikes among them.
    """

    text: str = field(repr=False)
    length: int
    starts: Sequence[int] | None = field(default=None, repr=False)
    letters: int = 0
    foreign: int = 0
    is_readable: bool = True

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return where a piece of `text` stood in the original, with what vanished inside it."""
        if self.starts is None or start >= len(self.text):
            return min(start, self.length), min(end, self.length)
        first = self.starts[start]
        last = self.starts[end] if end < len(self.text) else self.length
        return first, max(last, self.starts[end - 1] + 1 if end > start else first)


def plain(text: str) -> Plain:
    """Return the readable form of a text."""
    if text.isascii() and text.replace("\n", " ").isprintable():
        return Plain(text, len(text), letters=len(text))
    pieces: list[str] = []
    starts: list[int] = []
    letters = foreign = 0
    is_readable = True
    for position, character in enumerate(text):
        piece, script = _read(character)
        pieces.append(piece)
        starts.extend([position] * len(piece))
        letters += script != ""
        foreign += script == "foreign"
        is_readable = is_readable and script != "unreadable"
    return Plain("".join(pieces), len(text), starts, letters, foreign, is_readable)


def fold(text: str) -> str:
    """Return the readable form in lower case."""
    return plain(text).text.lower()


def squeeze(text: str) -> str:
    """Return the letters and digits alone, in lower case and readable form."""
    return "".join(filter(str.isalnum, fold(text)))


@lru_cache(maxsize=4096)
def _read(character: str) -> tuple[str, str]:
    """Return how a character reads and what it is: a letter, foreign, unreadable or neither."""
    category = unicodedata.category(character)
    script = _script(character, category)
    if character in _NO_DECOMPOSITION:
        return _NO_DECOMPOSITION[character], script
    if character == "\n":
        return "\n", ""
    if category in _MARKS:
        return "", ""
    if character in _ASCII_BREAKS or category[0] == "Z":
        return " ", ""
    if character.isascii():
        return character, script
    return _decomposed(character, category), script


def _script(character: str, category: str) -> str:
    if character == "\n" or character in _ASCII_BREAKS:
        return ""
    if category in _UNREADABLE or character == "\ufffd":
        return "unreadable"
    if category[0] != _LETTER or category == "Lm":
        return ""
    name = unicodedata.name(character, "")
    is_latin = "LATIN" in name or name.startswith(("MATHEMATICAL", "DOUBLE-STRUCK", "SCRIPT"))
    return "latin" if is_latin or character in "ªº" else "foreign"


def _decomposed(character: str, category: str) -> str:
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Pd":
        return "-"
    for first, count in _LETTER_SIGNS:
        if first <= ord(character) < first + count:
            return chr(ord("a") + ord(character) - first)
    whole = unicodedata.normalize("NFKD", character)
    bare = "".join(mark for mark in whole if not unicodedata.combining(mark))
    if bare.isascii() and bare:
        return bare
    mapped = "".join(_NO_DECOMPOSITION.get(mark, mark) for mark in bare)
    if mapped.isascii() and mapped:
        return mapped
    return character if category[0] in (_LETTER, "N", "M") else " "
