"""From one readable value to the texts that are hashed for it: how like values come to meet.

Each transform serves one token field. Two values agree in that field if they
have one text in common; what such an agreement is worth is the linker's
business (`anonymiser.linker.weights`). What was tried and dropped, and what
each transform is worth in recall, is told beside `TRANSFORMS`.

Source: privacy.md section 2, recipe (f), steps 2 and 5; domain.md section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

import jellyfish

from anonymiser.forenames import are_forenames, full_names, is_forename, spelling
from streams.identifiers import account_of_iban, name_cores, name_parts, outcode

if TYPE_CHECKING:
    from streams.identifiers import Spelt

Transform: TypeAlias = Callable[["Spelt"], Iterable[str]]
"""A readable value to the texts that are hashed for one token field; often just one."""
Forms: TypeAlias = Mapping[str, tuple["Spelt", ...]]
"""Field to its readable values; only `known_as` has several."""

#: A shorter name has too many neighbours: Tom, Tim, Tam and Tod are four people.
NEIGHBOURS_LETTERS_MIN: Final = 4
#: Of a longer name only the start is searched for a mistake, so that nobody pays for a hoax.
NEIGHBOURS_LETTERS_MAX: Final = 20
ADDRESS_WORDS_MAX: Final = 12
_PARTS_MAX: Final = 6

# --- names ---------------------------------------------------------------------------------------


def exact(spelt: Spelt) -> Iterable[str]:
    """The canonical form itself."""
    return (form_of(spelt),)


def letters(spelt: Spelt) -> Iterable[str]:
    """The first letter, then all in alphabetical order, doubled ones once: Lewsi meets Lewis.

    A letter left out or another in its place would make one of many twins (Tom, Tim).
    """
    form = form_of(spelt)
    single = "".join(letter for letter, after in pairwise(form + " ") if letter != after)
    return (single[:1] + "".join(sorted(single)),) if single else ()


def neighbours(spelt: Spelt) -> Iterable[str]:
    """The name and every name that lacks one of its letters: any single mistake still meets."""
    form = form_of(spelt)[:NEIGHBOURS_LETTERS_MAX]
    if len(form) < NEIGHBOURS_LETTERS_MIN:
        return (form,)
    return {form, *(form[:place] + form[place + 1 :] for place in range(len(form)))}


def sound(spelt: Spelt) -> Iterable[str]:
    """Metaphone; empty for scripts that it does not know."""
    form = form_of(spelt)
    return filter(None, (jellyfish.metaphone(form),)) if form.isascii() else ()


def first_three(spelt: Spelt) -> Iterable[str]:
    """The first three letters."""
    return (form_of(spelt)[:3],)


def initial(spelt: Spelt) -> Iterable[str]:
    """The first letter."""
    return (form_of(spelt)[:1],)


def parts(spelt: Spelt) -> Iterable[str]:
    """Each half of a double name, so that either half alone still agrees; no article is one."""
    return name_cores(str(spelt.value))[:_PARTS_MAX]


def nicknames(spelt: Spelt) -> Iterable[str]:
    """The full names that a forename may stand for: Bob meets Robert, whose name that is."""
    return full_names(form_of(spelt))


def spellings(spelt: Spelt) -> Iterable[str]:
    """The canon of a forename with several spellings: Mohammed and Muhamad."""
    canon = spelling(form_of(spelt))
    return () if canon is None else (canon,)


def forename(spelt: Spelt) -> Iterable[str]:
    """The name if it is a forename that people bear: what tells a twin from a slip of the pen."""
    form = form_of(spelt)
    return (form,) if is_forename(form) or are_forenames(name_parts(str(spelt.value))) else ()


# --- birth dates ---------------------------------------------------------------------------------


def day_month_swapped(spelt: Spelt) -> Iterable[str]:
    """Day and month in ascending order: 3 February and 2 March of a year meet."""
    form = form_of(spelt)
    return (form[:4] + "".join(sorted((form[4:6], form[6:8]))),)


#: Of YYYYMMDD: the last digit of the year, the month, the day. Who errs in a decade is asked
#: about: father and son may share name, home and birthday.
_HIDDEN_PLACES: Final = range(3, 8)


def near_dates(spelt: Spelt) -> Iterable[str]:
    """One digit hidden in turn, and the two of the day exchanged: 12 for 21."""
    form = form_of(spelt)
    yield from (form[:place] + "*" + form[place + 1 :] for place in _HIDDEN_PLACES)
    yield form[:6] + "~" + "".join(sorted(form[6:]))


def year(spelt: Spelt) -> Iterable[str]:
    """The year, for where the other side holds no more."""
    return (form_of(spelt)[:4],)


def new_years_day(spelt: Spelt) -> Iterable[str]:
    """A birth on 1 January: often it means that only the year is known."""
    form = form_of(spelt)
    return (form,) if form[4:] == "0101" else ()


def year_and_month(spelt: Spelt) -> Iterable[str]:
    """The day may be wrong."""
    return (form_of(spelt)[:6],)


def month_and_day(spelt: Spelt) -> Iterable[str]:
    """The year may be wrong."""
    return (form_of(spelt)[4:],)


def year_and_day(spelt: Spelt) -> Iterable[str]:
    """The month may be wrong."""
    form = form_of(spelt)
    return (form[:4] + form[6:],)


# --- places --------------------------------------------------------------------------------------


def near_postcodes(spelt: Spelt) -> Iterable[str]:
    """Each character hidden in turn."""
    form = form_of(spelt)
    return (form[:place] + "*" + form[place + 1 :] for place in range(len(form)))


def district(spelt: Spelt) -> Iterable[str]:
    """The outcode."""
    return (outcode(form_of(spelt)),)


#: Words that half of all addresses hold say nothing.
_COMMON: Final = """
    street road avenue lane drive close court way crescent gardens garden place square terrace
    grove house flat number the of and room unit block floor circuit parade
"""
_COMMON_WORDS: Final = frozenset(_COMMON.split())


def address_words(spelt: Spelt) -> Iterable[str]:
    """Each telling word, by its sound, and each number, as it is."""
    words = [word for word in form_of(spelt).split(" ") if word not in _COMMON_WORDS]
    return {_word_sound(word) for word in words[:ADDRESS_WORDS_MAX]}


def _word_sound(word: str) -> str:
    if not word.isascii() or any(letter.isdigit() for letter in word):
        return word
    return jellyfish.metaphone(word) or word


# --- several fields at once ----------------------------------------------------------------------


def bag_of_names(forms: Forms) -> Iterable[str]:
    """All words of a name of three or more, in ascending order: patronymics move about.

    Without articles and "son of", where three words are left then: one report has
    them, the other not.
    """
    whole = _words_of(forms, name_parts)
    cores = _words_of(forms, name_cores)
    return joined(cores, 3) or joined(whole, 3)


def _words_of(forms: Forms, taken_apart: Callable[[str], tuple[str, ...]]) -> list[str]:
    words = [
        word
        for field in ("given_name", "middle_names", "family_name")
        for spelt in forms.get(field, ())
        for word in taken_apart(str(spelt.value))
    ]
    return sorted(words[: 2 * _PARTS_MAX])


def aliases(forms: Forms) -> Iterable[str]:
    """Given name and every other name used: one report's alias is another's given name."""
    return (*_of(forms, "given_name"), *_of(forms, "known_as"))


def place(forms: Forms) -> Iterable[str]:
    """Postcode and address line together."""
    return joined((*_of(forms, "postcode"), *_of(forms, "address")), 2)


def account(forms: Forms) -> Iterable[str]:
    """Sort code and number; a British IBAN holds both, any other IBAN stands for itself."""
    numbers = _of(forms, "account_number")
    if numbers and not numbers[0].isdigit():
        return joined(account_of_iban(numbers[0]) or numbers, 1)
    return joined((*_of(forms, "sort_code"), *numbers), 2)


def joined(texts: Iterable[str], at_least: int) -> Iterable[str]:
    """Return the texts as one, or nothing if there are too few."""
    found = tuple(texts)
    return ("\x1f".join(found),) if len(found) >= at_least else ()


def _of(forms: Forms, field: str) -> tuple[str, ...]:
    return tuple(form_of(spelt) for spelt in forms.get(field, ()))


def form_of(spelt: Spelt) -> str:
    """Return the canonical form; empty for a placeholder, which nobody hashes."""
    return spelt.form or ""


def _unless_initial(transform: Transform) -> Transform:
    """A forename of one letter is an initial: it may be anybody's with that letter."""
    return lambda spelt: transform(spelt) if len(form_of(spelt)) > 1 else ()


# --- the tables ----------------------------------------------------------------------------------

# What each transform is worth: points of recall that pairs lose without it, linked without a human,
# on Febrl 3 by all fields / on invented British people / on historical_dev (odd halves, 1,500 true
# pairs each). Of same-initial twins nicknames merge 2.3 in a hundred, spellings 0.7, letters 0.4:
#
#   near (names) 10.6 / 7.9 / 3.9     known 2.9 / 7.5 / 1.9        nickname 0 / 3.9 / 10.6
#   near (born_on) 0.1 / 2.5 / 4.7    swap (born_on) 0 / 2.9 / 0   line 2.4 / 1.1 / 9.7
#   first3 0.9 / 1.3 / 0.3            letters 0.2 / 1.3 / 0        word 2.3 / 0.3 / 0.3
#   near (postcode) 0.3 / 0.1 / 0.4   part 0 / 0.2 / 0.6           spelling 0 / 0.1 / 0
#
# `sound`, `initial`, `outcode`, `ym`, `md` and `yd` find (see `anonymiser.linker.blocks`) rather
# than weigh. `bag`, `alias` are for patronymics and street names, which these files lack.
# Tried and dropped: soundex (0.1 / 0.3 / 0), a token for the swapped pair of names (the domain
# that `near` and `sound` share does it, also with a mistake), the hidden digit of a decade and
# exchanged digits of a year (nothing on Febrl 4, and it makes one of father and son). A person
# who tells names, birth date, sex, address and postcode has 53 tokens.

_NAME: Final[Mapping[str, Transform]] = {
    "exact": exact,
    "part": parts,
    "letters": letters,
    "near": neighbours,
    "sound": sound,
    "first3": first_three,
}
TRANSFORMS: Final[Mapping[str, Mapping[str, Transform]]] = {
    "given_name": {
        **{name: _unless_initial(transform) for name, transform in _NAME.items()},
        "nickname": nicknames,
        "spelling": spellings,
        "known": forename,
        "initial": initial,
    },
    "family_name": {**_NAME, "initial": initial},
    "middle_names": {"exact": exact, "initial": initial},
    "known_as": {"exact": exact},
    "born_on": {
        "exact": exact,
        "swap": day_month_swapped,
        "near": near_dates,
        "year": year,
        "new_year": new_years_day,
        "ym": year_and_month,
        "md": month_and_day,
        "yd": year_and_day,
    },
    "postcode": {"exact": exact, "near": near_postcodes, "outcode": district},
    "address": {"line": exact, "word": address_words},
    "organisation_name": {"exact": exact},
}
"""Fields whose token names carry a transform ("given_name.sound")."""

WHOLE: Final = (
    *("nhs_number", "chi_number", "upn", "uln", "pnc_id", "cro_number", "nino"),
    "driver_number",
    *("passport_number", "uprn", "phone", "email", "handle", "vehicle_mark", "imei"),
    "organisation_number",
)
"""Fields that are hashed as they are, under their own name."""

COMBINED: Final[Mapping[str, Callable[[Forms], Iterable[str]]]] = {
    "name.bag": bag_of_names,
    "given_name.alias": aliases,
    "place": place,
    "account": account,
}
"""Token fields made of several fields."""

OF_FIELD: Final[Mapping[str, tuple[tuple[str, Transform], ...]]] = {
    **{field: ((field, exact),) for field in WHOLE},
    **{
        field: tuple((f"{field}.{name}", transform) for name, transform in transforms.items())
        for field, transforms in TRANSFORMS.items()
    },
}
"""Identity field to its token fields, each with its transform."""

DOMAINS: Final[Mapping[str, str]] = {
    f"{field}.{level}": f"name.{level}"
    for field in ("given_name", "family_name")
    for level in ("near", "sound")
} | {"given_name.nickname": "given_name.exact"}
"""Token fields that are hashed alike, so that a value in the one is known in the other."""
