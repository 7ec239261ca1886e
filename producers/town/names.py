"""Names of many origins, as the case system of a British agency would hold them.

Faker's locales give the names; other alphabets are romanised by the tables
below (Ukrainian: the Cabinet of Ministers' system of 2010; Greek: ELOT 743,
simplified), diacritics stay. Faker has no Somali names and writes Arabic and
Kurdish ones without vowels, so those are short lists of our own.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final

from faker.factory import Factory
from nicknames import NickNamer

from streams.values import Sex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from faker import Generator

    from producers.town.dice import Dice

#: Origin to weight. Rough, not a census: wide enough to try every kind of spelling.
ORIGINS: Final[Mapping[str, float]] = {
    "en_GB": 58,
    "en_PK": 8,
    "somali": 4,
    "yemeni": 4,
    "kurdish": 2,
    "sk_SK": 4,
    "pl_PL": 4,
    "ro_RO": 3,
    "en_IN": 2,
    "en_NG": 1,
    "yo_NG": 1,
    "ig_NG": 1,
    "zh_CN": 2,
    "vi_VN": 1,
    "uk_UA": 1,
    "el_GR": 1,
    "tr_TR": 1,
    "en_IE": 1,
    "pt_PT": 1,
}

_OWN_LISTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "somali": (
        "Abdi Ahmed Liban Guled Warsame Bashir Cabdullahi Mahad Yasin Jamac Hirsi Daud",
        "Hodan Ifrah Sahra Amina Fadumo Khadra Ubah Ayaan Hibaq Deqa Ladan Nimco",
        "Warsame Jama Farah Hersi Abdulle Gedi Duale Samatar Elmi Barre Aden Guleed",
    ),
    "yemeni": (
        "Mohammed Muhammad Saleh Abdulrahman Nasser Waleed Faisal Hamza Yahya Ammar Taha",
        "Fatima Arwa Bushra Samira Layla Amal Huda Zaynab Rania Maysoon Nada",
        "Al-Haddad Saleh Nasser Al-Amri Ghalib Muqbil Al-Shami Qassim Naji Mohsen Thabet",
    ),
    "kurdish": (
        "Azad Rebwar Hêmin Dilşad Soran Karwan Barzan Aram Zana",
        "Shirin Nasrin Rojîn Zhyan Berîvan Tara Evîn Hêro Narin",
        "Rashid Hawrami Barzanji Karim Zangana Aziz Jaff Sharif",
    ),
}


def _letters(alphabet: str, latin: str) -> Mapping[str, str]:
    return dict(zip(alphabet, latin.split(","), strict=True))


_CYRILLIC: Final = _letters(
    "абвгґдезиіїйклмнопрстуфхцчшщюяєжь'’\u02bc",  # noqa: RUF001 - the letters are meant
    "a,b,v,h,g,d,e,z,y,i,i,i,k,l,m,n,o,p,r,s,t,u,f,kh,ts,ch,sh,shch,iu,ia,ie,zh,,,,",
)
_INITIAL: Final = _letters("єїйюя", "ye,yi,y,yu,ya")
_GREEK: Final = _letters(
    "αβγδεζηθικλμνξοπρσςτυφχψω", "a,v,g,d,e,z,i,th,i,k,l,m,n,x,o,p,r,s,s,t,y,f,ch,ps,o"
)
_GREEK_PAIRS: Final = (("ου", "ou"), ("αυ", "av"), ("ευ", "ev"), ("μπ", "b"))  # noqa: RUF001


#: Names that are also words or parts of words in codes, logs and partner ids. Real people bear
#: them; a search for leaks cannot tell the person from the word, so nobody in the town does.
_WORDS_OF_LOGS: Final = (
    "banks bond carry castle clear court dash date day don early field flood foster fresh gang hub"
    " io judge lane lavery law len lib link london long mark max may min more nan page patience"
    " pender pop porter power raight read reddin ring said server seven sha short small sol than"
    " us weston will young"
)
WORDS: Final = frozenset(_WORDS_OF_LOGS.split(" "))


class NameBook:
    """Gives names by origin. The same dice give the same names."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._generators: dict[str, Generator] = {}

    def origin(self) -> str:
        """Return where a family's names come from."""
        return self._dice.weighted(ORIGINS)

    def given(self, origin: str, sex: Sex) -> str:
        """Return a first name."""
        return _unlike_a_word(lambda: self._any_given(origin, sex))

    def family(self, origin: str) -> str:
        """Return a family name, in the form a man bears."""
        return _unlike_a_word(lambda: self._any_family(origin))

    def _any_given(self, origin: str, sex: Sex) -> str:
        if origin in _OWN_LISTS:
            return self._dice.pick(_OWN_LISTS[origin][sex is Sex.FEMALE].split())
        if origin == "zh_CN":
            return self._faked(origin, "first_romanized_name")
        return self._faked(origin, "first_name_female" if sex is Sex.FEMALE else "first_name_male")

    def _any_family(self, origin: str) -> str:
        if origin in _OWN_LISTS:
            return self._dice.pick(_OWN_LISTS[origin][2].split())
        if origin == "zh_CN":
            return self._faked(origin, "last_romanized_name")
        return self._faked(origin, "last_name_male" if _has_gender(origin) else "last_name")

    def _faked(self, origin: str, kind: str) -> str:
        return romanised(str(getattr(self._faker(origin), kind)()))

    def _faker(self, origin: str) -> Generator:
        if origin not in self._generators:
            generator = Factory.create(origin, providers=["faker.providers.person"])
            generator.seed_instance(self._dice.between(0, 2**31))
            self._generators[origin] = generator
        return self._generators[origin]


def _unlike_a_word(draw: Callable[[], str]) -> str:
    while (name := draw()).lower() in WORDS:
        pass
    return name


def _has_gender(origin: str) -> bool:
    return origin in {"sk_SK", "pl_PL", "uk_UA", "el_GR"}


def borne_by(family_name: str, origin: str, sex: Sex) -> str:
    """Return the form of a family name that this person bears: Novák and Nováková."""
    if sex is not Sex.FEMALE:
        return family_name
    if origin == "sk_SK" and not family_name.endswith("á"):
        return f"{family_name.rstrip('aeoý')}ová"
    if origin == "pl_PL" and family_name.endswith(("ski", "cki", "dzki")):
        return f"{family_name[:-1]}a"
    return family_name


def romanised(name: str) -> str:
    """Return the name in Latin letters; those it already has stay as they are.

    Raises: ValueError for an alphabet that no table here covers.
    """
    if all(_is_latin(letter) for letter in name):
        return name
    plain = " ".join(_romanised_word(word) for word in name.split(" "))
    if not all(_is_latin(letter) for letter in plain):
        raise ValueError("no table romanises this alphabet")
    return " ".join(word[:1].upper() + word[1:] for word in plain.split(" "))


def _romanised_word(word: str) -> str:
    letters = unicodedata.normalize("NFC", word.lower())
    if any(letter in _CYRILLIC for letter in letters):
        first = _INITIAL.get(letters[0], _CYRILLIC.get(letters[0], letters[0]))
        return first + "".join(_CYRILLIC.get(letter, letter) for letter in letters[1:])
    bare = "".join(c for c in unicodedata.normalize("NFD", letters) if not unicodedata.combining(c))
    for pair, latin in _GREEK_PAIRS:
        bare = bare.replace(pair, latin)
    return "".join(_GREEK.get(letter, letter) for letter in bare)


def _is_latin(letter: str) -> bool:
    return not letter.isalpha() or "LATIN" in unicodedata.name(letter, "")


@cache
def _nicknamer() -> NickNamer:
    return NickNamer()


def nickname(given_name: str, dice: Dice) -> str | None:
    """Return a short form people use for this first name, if there is one."""
    known = sorted(set(_nicknamer().nicknames_of(given_name)) - WORDS)
    return dice.pick(known).capitalize() if known else None
