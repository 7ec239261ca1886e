"""L2: the words that may stay. What is no ordinary word where it stands, goes.

`words.txt` holds the ordinary words of English with their level (10: the
commonest) and whether they are a first name (g) or a family name (s) as well;
`deploy.evaluate.narrative.word_list` makes it, `words.LICENCE.txt` is SCOWL's.
Beside it stand short lists of our own (`lists.toml`).
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anonymiser.narrative import lists
from anonymiser.narrative.spans import Kind, Layer, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_LIST: Final = Path(__file__).with_name("words.txt")
#: Words up to this level are so common that they stay in lower case though they are names too.
_COMMON_LEVEL: Final = 20
_OURS_LEVEL: Final = 10
#: From this level on a word may be somebody's name that no list of names holds.
_RARE_LEVEL: Final = 50
_ENDINGS: Final = (
    *("s", "ed", "ing", "ly", "ness", "ment", "tion", "sion", "able", "ible"),
    *("al", "ic", "ive", "ous", "ful", "ism", "ist", "ity"),
)
_COUNT_DIGITS_MAX: Final = 2
_MONEY_DIGITS_MAX: Final = 3
_CASE_SHARE_MIN: Final = 0.5
_VERB_LETTERS_MIN: Final = 4

#: Letters and digits; an apostrophe, or a sign that stands for a letter, belongs to what follows.
_TOKEN: Final = re.compile(r"(?:[@$!|](?=[^\W\d_]))?[^\W_]+(?:['@$!|][^\W_]+)*")
_JOINT: Final = re.compile(r"[-*._~=+|]|-\n ?")
_CONTRACTED: Final = re.compile(r"(?:n't|'(?:s|ll|re|ve|d|m)?)$")
_SENTENCE_ENDS: Final = ".!?"
_QUOTES: Final = "\"'([{*-"


#: Words that are needed as words: they go where they stand like a name.
_NEEDED: Final = lists.OFTEN_GIVEN | lists.FREQUENT_FAMILIES | lists.ELSEWHERE | lists.NEEDS_ARTICLE


_BEFORE_ANY: Final = lists.RELATIVES | lists.BEFORE_NAME | lists.BEFORE_BARE | lists.BEFORE_SOMEBODY


class NameToo(Enum):
    """Whether a word is a name as well."""

    NO = auto()
    FAMILY = auto()
    GIVEN = auto()


@dataclass(frozen=True, slots=True)
class Word:
    """An ordinary word: how common it is (10 to 60, 10 the commonest) and whether it is a name."""

    level: int
    name: NameToo


@dataclass(frozen=True, slots=True)
class Token:
    """A run of letters and digits in a text, with apostrophes inside."""

    start: int
    end: int
    text: str
    lower: str


def tokens_of(text: str) -> list[Token]:
    """Cut a readable text into tokens."""
    found = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        found.append(Token(match.start(), match.end(), token, token.lower()))
    return found


@cache
def ordinary_words() -> Mapping[str, Word]:
    """Return the allow-list; read once for each process, about 79,000 words."""
    kinds = {
        (level, marks): Word(level, _name_too(marks))
        for level in (10, 20, 35, 40, 50, 55, 60)
        for marks in ("", "g", "s", "gs")
    }
    words: dict[str, Word] = {}
    for line in _LIST.read_text(encoding="ascii").splitlines():
        word, _, facts = line.partition(" ")
        words[word] = kinds[int(facts[:2]), facts[2:]]
    for word in lists.OURS | lists.GRAMMAR:
        words.setdefault(word, Word(_OURS_LEVEL, NameToo.NO))
    for word in (lists.ELSEWHERE | lists.NEEDS_ARTICLE) & words.keys():
        if words[word].name is NameToo.NO:
            words[word] = Word(words[word].level, NameToo.FAMILY)
    return words


def _name_too(marks: str) -> NameToo:
    if "g" in marks:
        return NameToo.GIVEN
    return NameToo.FAMILY if marks else NameToo.NO


class AllowList:
    """Judges each token of one text by what it is and where it stands."""

    def __init__(self, text: str, tokens: Sequence[Token], taken: Sequence[bool]) -> None:
        self._text = text
        self._tokens = tokens
        self._words = ordinary_words()
        self._has_case = _has_case(text)
        #: True for a token that goes: found by an earlier layer, or judged here so far.
        self.gone = list(taken)
        self._names: dict[bool, frozenset[str]] = {}

    def judge(self) -> Iterator[Span]:
        """Yield the tokens that no earlier layer took and that may not stay.

        Unknown words go first, so that an ordinary word beside one is seen to be a name.
        """
        unsure = []
        for number in range(len(self._tokens)):
            if self.gone[number]:
                continue
            if (kind := self._by_itself(number)) is not None:
                yield self._take(number, kind)
            else:
                unsure.append(number)
        yield from self._names_among(unsure)
        yield from self._compounds()

    def _names_among(self, unsure: Sequence[int]) -> Iterator[Span]:
        """Judge twice: a word that goes may show the one before it to be a name as well."""
        for judge in (self._is_name_here, self._is_name_here, self._is_namesake):
            found = [number for number in unsure if self._goes(number, judge)]
            yield from (self._span(number, Kind.PERSON) for number in found)

    def _goes(self, number: int, judge: Callable[[int], bool]) -> bool:
        if not self.gone[number] and judge(number):
            self.gone[number] = True
            return True
        return False

    def _compounds(self) -> Iterator[Span]:
        """Yield what a hyphen or the like joins to a word that has gone: "Di-lnot", "Kai_pics"."""
        for left, right in itertools.pairwise(range(len(self._tokens))):
            if self.gone[left] == self.gone[right]:
                continue
            between = self._text[self._tokens[left].end : self._tokens[right].start]
            gone = self._tokens[left if self.gone[left] else right]
            if not gone.text.isdigit() and _JOINT.fullmatch(between):
                yield self._take(right if self.gone[left] else left, Kind.WORD)

    def _take(self, number: int, kind: Kind) -> Span:
        self.gone[number] = True
        return self._span(number, kind)

    def _span(self, number: int, kind: Kind) -> Span:
        token = self._tokens[number]
        return Span(token.start, token.end, kind, Layer.WORDS)

    # --- a token by itself -----------------------------------------------------------

    def _by_itself(self, number: int) -> Kind | None:
        token = self._tokens[number]
        if not token.text.isascii():
            return Kind.WORD
        if not token.text.replace("'", "").isalpha():
            return None if self._is_count(number) else Kind.NUMBER
        if len(token.text) == 1:
            return None if self._is_a_or_i(number) else Kind.WORD
        if self._word(token) is None:
            return self._unknown(number)
        if self._has_case and token.text.isupper() and not self._is_capital_word(token):
            return Kind.WORD
        return None

    def _unknown(self, number: int) -> Kind:
        if not self._is_capital(self._tokens[number]):
            return Kind.WORD
        return Kind.PLACE if self._before(number) in lists.IN_PLACE else Kind.PERSON

    def _is_count(self, number: int) -> bool:
        """Tell "3 men" and "£200" from an age, a house number, a part of something longer."""
        token = self._tokens[number]
        if not token.text.isdigit() or (number and self.gone[number - 1]):
            return False
        sign = self._text[token.start - 1 : token.start]
        if sign and sign in "£$€":
            return len(token.text) <= _MONEY_DIGITS_MAX
        following = self._after(number)
        return (
            len(token.text) <= _COUNT_DIGITS_MAX
            and following in self._words
            and following not in lists.NEVER_COUNTED
            and self._before(number) not in lists.NOT_A_COUNT
            and self._text[token.end : token.end + 1] == " "
            and (not sign or sign in " \n(")
        )

    def _is_a_or_i(self, number: int) -> bool:
        token = self._tokens[number]
        if token.lower not in {"a", "i"} or self._text[token.end : token.end + 1] == ".":
            return False
        return token.text != "A" or self._starts(number) or not self._has_case

    def _is_capital_word(self, token: Token) -> bool:
        """Tell an abbreviation or an emphasis in capitals, which may stay, from initials."""
        if token.lower in lists.ACRONYMS:
            return True
        word = self._words.get(token.lower)
        return word is not None and word.name is NameToo.NO and len(token.text) > 2  # noqa: PLR2004

    # --- an ordinary word where it stands ----------------------------------------------

    def _is_name_here(self, number: int) -> bool:
        token = self._tokens[number]
        word = self._word(token)
        if word is None:
            return False
        base = _base(token.lower)
        if self._is_capital(token):
            return self._is_capital_name(number, base, word)
        return self._is_lower_name(number, base, word)

    def _is_capital_name(self, number: int, base: str, word: Word) -> bool:
        if self._tokens[number].text.isupper() and base in lists.ACRONYMS:
            return False
        if self._before(number) in lists.TITLES:
            return True
        if self._starts(number):
            return self._is_name_at_start(number, base, word)
        if base in lists.GRAMMAR:
            return not self._starts_clause(number) and base != "i"
        return base not in lists.TITLED or self._ends_a_name(number)

    def _ends_a_name(self, number: int) -> bool:
        """Tell "Whimsy Court" and "Notreal School" from a court and a school."""
        return self._follows_name(number) and self._is_capital(self._tokens[number - 1])

    def _is_name_at_start(self, number: int, base: str, word: Word) -> bool:
        if word.name is NameToo.NO:
            return self._is_actor(number, base)
        if self._precedes_name(number) or self._is_before_comma(number):
            return base not in lists.GRAMMAR or base in lists.AMBIGUOUS
        beside = (
            self._is_before_verb(number)
            or self._is_with_another(number)
            or self._is_explained(number)
        )
        if base in lists.GRAMMAR:
            return base in lists.AMBIGUOUS and beside
        if base in lists.TITLED:
            return False
        is_certain = word.level > _COMMON_LEVEL and base not in lists.ELSEWHERE
        return base in lists.GIVEN_FIRST or is_certain or beside

    def _is_actor(self, number: int, base: str) -> bool:
        """Tell "Gift said" from "Staff said": a singular word that acts and is no role we know."""
        if base in lists.GRAMMAR or base in lists.TITLED or base in lists.OURS:
            return False
        if self._is_capital(self._tokens[number]) and self._precedes_name(number):
            return True
        if base.endswith("s"):
            return False
        after = self._after(number)
        return after in lists.ACTS or (self._is_rare(base) and after in lists.AFTER_NAME)

    def _is_rare(self, base: str) -> bool:
        """Tell whether a word is so rare, and so little built of others, that it may be a name."""
        word = self._words.get(base)
        return word is not None and word.level >= _RARE_LEVEL and not base.endswith(_ENDINGS)

    def _is_lower_name(self, number: int, base: str, word: Word) -> bool:
        if base in lists.OURS or base in lists.TITLED:
            return False
        before, after = self._before(number), self._after(number)
        if word.name is NameToo.NO and self._is_plain_here(number, before, after):
            return False
        is_told = before in lists.RELATIVES and after in lists.AFTER_NAME
        if base in lists.GRAMMAR:
            ends = self._is_last(number) or after in lists.AFTER_NAME
            return base in lists.AMBIGUOUS and (is_told or (self._follows_name(number) and ends))
        if is_told or before in lists.BEFORE_NAME or self._follows_initial(number):
            return True
        return (
            (self._starts(number) and self._is_actor(number, base))
            or self._is_part_of_name(number)
            or self._is_bare(number)
            or (word.name is not NameToo.NO and self._is_namelike(number, base, word))
        )

    def _is_plain_here(self, number: int, before: str, after: str) -> bool:
        """Tell quickly that nothing beside a word speaks for a name: so it is for most."""
        if before in _BEFORE_ANY or after in lists.ACTS:
            return False
        is_followed = number + 1 < len(self.gone) and self.gone[number + 1]
        return not (is_followed or (number > 0 and self.gone[number - 1]))

    def _is_namelike(self, number: int, base: str, word: Word) -> bool:
        """Judge a word that is in the lists of names, in lower case."""
        follows = self._follows_name(number)
        is_certain = word.level > _COMMON_LEVEL and base not in lists.ELSEWHERE
        if base in lists.RARELY_WORDS or is_certain:
            return word.name is NameToo.GIVEN or follows or self._is_somebody(number)
        if base in lists.FREQUENT_FAMILIES and (follows or self._is_before_comma(number)):
            return True
        return base in _NEEDED and (
            self._is_somebody(number) or (follows and self._ends_clause(number))
        )

    def _is_somebody(self, number: int) -> bool:
        """Tell the man from the mark: a relative's name, one before a surname, one who acts."""
        before = self._before(number)
        if before in lists.RELATIVES or self._precedes_name(number) or self._is_explained(number):
            return True
        return before not in lists.DETERMINERS and self._is_before_verb(number)

    def _is_explained(self, number: int) -> bool:
        """Tell "Pearl, an adult" and "comfort, who" from words before a comma."""
        end = self._tokens[number].end
        return self._text[end : end + 2] == ", " and self._after(number) in lists.EXPLAINS

    def _is_before_verb(self, number: int) -> bool:
        """Tell whether the next word says what somebody does; "collects" is taken for a verb."""
        after = self._after(number)
        if after in lists.AFTER_NAME or after in lists.ACTS:
            return True
        return len(after) > _VERB_LETTERS_MIN and after.endswith("s") and after[:-1] in self._words

    def _is_part_of_name(self, number: int) -> bool:
        """Tell whether the word and an unknown one beside it are somebody: "bo song was"."""
        ends = self._ends_clause(number)
        if self._follows_name(number) and (ends or self._after(number) in lists.AFTER_NAME):
            left = self._tokens[number - 1]
            is_alike = left.text.islower() and len(left.text) > 1
            return is_alike and self._stands_alone(number - 1)
        if not self._precedes_name(number) or not self._stands_alone(number):
            return False
        return self._is_capital(self._tokens[number + 1]) == self._is_capital(self._tokens[number])

    def _stands_alone(self, number: int) -> bool:
        """Tell whether somebody may come next: a sentence starts, or nothing asks for a thing."""
        before = self._before(number)
        return (
            self._starts(number)
            or before in lists.RELATIVES
            or before in lists.BEFORE_BARE
            or before in lists.ACTS
            or before in {"and", "when", "that", "if", "because", "says"}
        )

    def _is_bare(self, number: int) -> bool:
        """Tell "with hope and" and "to rose, who" from words that need an article or a noun."""
        before = self._before(number)
        is_after_verb = before in lists.BEFORE_SOMEBODY
        if before not in lists.BEFORE_BARE and not is_after_verb:
            return False
        base = _base(self._tokens[number].lower)
        if self._after(number) == "who" and not base.endswith("s"):
            return True
        if before == "to" and base not in lists.NEEDS_ARTICLE:
            return False
        return (base in _NEEDED or self._is_rare(base)) and (
            self._ends_clause(number) or base in lists.NEEDS_ARTICLE
        )

    def _ends_clause(self, number: int) -> bool:
        return self._is_last(number) or self._after(number) in lists.AFTER_BARE

    def _is_last(self, number: int) -> bool:
        """Tell whether a stop, a comma or the end of the line follows."""
        end = self._tokens[number].end
        return self._text[end : end + 1] in {"", ".", ",", ";", "!", "?", "\n"}

    def _is_namesake(self, number: int) -> bool:
        """Tell whether the same word went elsewhere in this text because it was a name there.

        In lower case it must have been somebody's there, not just a word with a capital letter.
        """
        token = self._tokens[number]
        base = _base(token.lower)
        if base in lists.GRAMMAR - lists.AMBIGUOUS or base in lists.TITLED:
            return False
        if self._is_capital(token):
            return base in self._names_here(lambda _: True)
        if base in lists.GRAMMAR or base not in self._names_here(self._was_somebody):
            return False
        word = self._word(token)
        is_name = word is not None and word.name is not NameToo.NO
        return is_name or self._precedes_name(number) or self._follows_name(number)

    def _was_somebody(self, number: int) -> bool:
        beside = self._follows_name(number) or self._precedes_name(number)
        return beside or self._is_before_verb(number) or self._before(number) in lists.RELATIVES

    def _names_here(self, judge: Callable[[int], bool]) -> frozenset[str]:
        """Return the words that have gone, as far as they are judged so; found once."""
        is_all = judge != self._was_somebody
        if is_all not in self._names:
            self._names[is_all] = frozenset(
                _base(token.lower)
                for number, token in enumerate(self._tokens)
                if self.gone[number] and token.text.isalpha() and judge(number)
            )
        return self._names[is_all]

    # --- neighbours ----------------------------------------------------------------------

    def _word(self, token: Token) -> Word | None:
        return self._words.get(token.lower) or self._words.get(_base(token.lower))

    def _is_capital(self, token: Token) -> bool:
        return self._has_case and token.text[0].isupper()

    def _before(self, number: int) -> str:
        return self._tokens[number - 1].lower if number else ""

    def _after(self, number: int) -> str:
        return self._tokens[number + 1].lower if number + 1 < len(self._tokens) else ""

    def _precedes_name(self, number: int) -> bool:
        is_followed = number + 1 < len(self._tokens) and self.gone[number + 1]
        return is_followed and self._touches(number + 1)

    def _follows_name(self, number: int) -> bool:
        return number > 0 and self.gone[number - 1] and self._touches(number)

    def _is_with_another(self, number: int) -> bool:
        """Tell "Sang and Kieran" from "Police and ambulance"."""
        if self._after(number) != "and" or number + 2 >= len(self._tokens):
            return False
        return self.gone[number + 2] and self._is_capital(self._tokens[number + 2])

    def _follows_initial(self, number: int) -> bool:
        """Tell the name after "d. " from the word after "e.g. "."""
        if not number or len(self._tokens[number - 1].text) > 1 or not self.gone[number - 1]:
            return False
        between = self._text[self._tokens[number - 1].end : self._tokens[number].start]
        is_latin = number > 1 and len(self._tokens[number - 2].text) == 1
        return between in {". ", "."} and not is_latin

    def _is_before_comma(self, number: int) -> bool:
        """Tell "young, kayleigh": a family name before the given one."""
        if number + 1 >= len(self._tokens) or not self.gone[number + 1]:
            return False
        between = self._text[self._tokens[number].end : self._tokens[number + 1].start]
        return between == ", " and self._tokens[number + 1].text.isalpha()

    def _touches(self, number: int) -> bool:
        """Tell whether only a space or a hyphen stands before a token."""
        between = self._text[self._tokens[number - 1].end : self._tokens[number].start]
        is_word = self._tokens[number - 1].text.isalpha() and self._tokens[number].text.isalpha()
        return between in {" ", "-", "\n", "  "} and is_word

    def _starts_clause(self, number: int) -> bool:
        """Tell whether a capital may be due to a colon, a quotation, a bracket or a new line."""
        between = self._text[self._tokens[number - 1].end : self._tokens[number].start]
        return any(mark in between for mark in ':;"(\n-*/')

    def _starts(self, number: int) -> bool:
        """Tell whether a sentence starts with the token; an abbreviation's point ends none."""
        if number == 0:
            return True
        before = self._tokens[number - 1]
        between = self._text[before.end : self._tokens[number].start]
        if before.lower in lists.TITLES or (len(before.text) == 1 and before.text.isupper()):
            return "\n\n" in between
        bare = between.strip(_QUOTES + " ")
        return "\n\n" in between or any(end in bare for end in _SENTENCE_ENDS) or ":\n" in between


def _base(lower: str) -> str:
    """Return a word without a possessive or the rest of a verb: "he'll" is "he"."""
    return _CONTRACTED.sub("", lower)


def _has_case(text: str) -> bool:
    """Tell whether capitals mean anything: not in a text that is written in them throughout."""
    capitals = sum(map(str.isupper, text))
    small = sum(map(str.islower, text))
    return capitals < _CASE_SHARE_MIN * (capitals + small) if small else False
