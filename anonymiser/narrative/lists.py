"""The short lists of our own (`lists.toml`) by which a word is told from a name; read at import."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

_LISTS: Final[dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("lists.toml").read_text(encoding="ascii")
)


def _of(name: str) -> frozenset[str]:
    return frozenset(_LISTS[name].split())


OURS: Final = _of("ours")
TITLED: Final = _of("titled")
GRAMMAR: Final = _of("grammar")
AMBIGUOUS: Final = _of("ambiguous")
ACRONYMS: Final = _of("acronyms")
TITLES: Final = _of("titles")
BEFORE_NAME: Final = _of("before_name")
RELATIVES: Final = _of("relatives")
AFTER_NAME: Final = _of("after_name")
DETERMINERS: Final = _of("determiners")
RARELY_WORDS: Final = _of("rarely_words")
OFTEN_GIVEN: Final = _of("often_given")
GIVEN_FIRST: Final = (RARELY_WORDS | OFTEN_GIVEN) - _of("rarely_first")
FREQUENT_FAMILIES: Final = _of("frequent_families")
NEVER_COUNTED: Final = _of("never_counted")
NOT_A_COUNT: Final = _of("not_a_count")
IN_PLACE: Final = _of("in_place")
CAPITAL_GRAMMAR: Final = _of("capital_grammar")
ACTS: Final = _of("acts")
BEFORE_BARE: Final = _of("before_bare")
AFTER_BARE: Final = _of("after_bare")
ELSEWHERE: Final = _of("elsewhere")
NEEDS_ARTICLE: Final = _of("needs_article")
BEFORE_SOMEBODY: Final = _of("before_somebody")
EXPLAINS: Final = _of("explains")
