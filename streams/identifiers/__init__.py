"""One canonical form for each identifier, so that two spellings of one value are hashed alike.

`RULES` is the table from field to rule; every field of `streams.restricted.Identity` is in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from dataclasses import field as attribute
from datetime import date
from operator import attrgetter
from typing import TYPE_CHECKING, Final, TypeAlias

from streams.identifiers import names, numbers, places, things
from streams.identifiers.carriers import Carried, carried_by, disagreements
from streams.identifiers.faults import (
    CheckDigitBrokenError,
    FormatBrokenError,
    UnknownFieldError,
    UnreadableIdentifierError,
    WrongCheckDigitError,
)
from streams.identifiers.names import name_cores, name_parts
from streams.identifiers.places import outcode
from streams.identifiers.spelling import IDENTIFIER_CHARS_MAX, stands_for_unknown
from streams.identifiers.things import account_of_iban
from streams.restricted import Identity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "IDENTIFIER_CHARS_MAX",
    "RULES",
    "Carried",
    "Rule",
    "Spelt",
    "UnknownFieldError",
    "UnreadableIdentifierError",
    "WrongCheckDigitError",
    "account_of_iban",
    "canonical",
    "carried_by",
    "declared",
    "disagreements",
    "district",
    "faults_of",
    "name_cores",
    "name_parts",
    "outcode",
    "read",
]

Rule: TypeAlias = Callable[[str], str | None]
"""Text to canonical form; None for a placeholder; raises FormatBrokenError."""

RULES: Final[Mapping[str, Rule]] = {
    "given_name": names.name,
    "middle_names": names.name,
    "family_name": names.name,
    "known_as": names.name,
    "nhs_number": numbers.nhs_number,
    "upn": numbers.upn,
    "uln": numbers.uln,
    "pnc_id": numbers.pnc_id,
    "cro_number": numbers.cro_number,
    "nino": numbers.nino,
    "driver_number": numbers.driver_number,
    "passport_number": numbers.passport_number,
    "address": places.address,
    "postcode": places.postcode,
    "uprn": places.uprn,
    "phone": things.phone,
    "email": things.email,
    "handle": things.handle,
    "vehicle_mark": things.vehicle_mark,
    "account_number": things.account_number,
    "sort_code": things.sort_code,
    "imei": things.imei,
    "organisation_name": names.organisation_name,
    "organisation_number": names.organisation_number,
    "chi_number": numbers.chi_number,
    "usrn": places.usrn,
    "police_urn": numbers.police_urn,
}


def canonical(field: str, value: str | date) -> str | None:
    """Return the one spelling of a value, None for a placeholder: that never links.

    `field` is a field of Identity; `born_on` takes a date, the others text.
    Raises: UnreadableIdentifierError, or WrongCheckDigitError, naming field and rule only.
    """
    if isinstance(value, date):
        return names.born_on(value)
    rule = RULES.get(field)
    if rule is None:
        raise UnknownFieldError(field)
    if len(value) > IDENTIFIER_CHARS_MAX:
        raise UnreadableIdentifierError(field, f"at most {IDENTIFIER_CHARS_MAX} characters")
    return None if stands_for_unknown(value) else _apply(rule, field, value)


def _apply(rule: Rule, field: str, value: str) -> str | None:
    try:
        return rule(value)
    except CheckDigitBrokenError as broken:
        error: UnreadableIdentifierError = WrongCheckDigitError(field, broken.rule)
    except FormatBrokenError as broken:
        error = UnreadableIdentifierError(field, broken.rule)
    raise error


def district(text: str) -> str | None:
    """Return the district of a postcode in full or in part; None where it has none.

    Raises: UnreadableIdentifierError.
    """
    if len(text) > IDENTIFIER_CHARS_MAX:
        raise UnreadableIdentifierError("postcode", f"at most {IDENTIFIER_CHARS_MAX} characters")
    return None if stands_for_unknown(text) else _apply(places.district, "postcode", text)


def declared(identity: Identity) -> Iterator[tuple[str, str | date]]:
    """Yield field and value of all that an identity holds, as spelt; names in `known_as` singly."""
    for field, value in zip(_FIELDS, _VALUES(identity), strict=True):
        if isinstance(value, tuple):
            yield from ((field, name) for name in value)
        elif value is not None:
            yield field, value


@dataclass(frozen=True, slots=True)
class Spelt:
    """One declared value and its canonical form; `form` is None for a placeholder.

    `field` is the field it links under: a number of Scotland is a CHI number in whichever
    field of the two it was written.
    """

    field: str
    value: str | date = attribute(repr=False)
    form: str | None = attribute(repr=False)
    told_in: str = ""
    """The field its partner wrote it in, where it was read from an identity."""


def read(identity: Identity) -> tuple[tuple[Spelt, ...], tuple[UnreadableIdentifierError, ...]]:
    """Return what can be read of an identity, and what its partner must correct first."""
    spelt: list[Spelt] = []
    faults: list[UnreadableIdentifierError] = []
    for field, value in declared(identity):
        try:
            form = canonical(field, value)
            spelt.append(Spelt(_linked_as(field, form), value, form, field))
        except UnreadableIdentifierError as fault:
            faults.append(fault)
    return tuple(spelt), tuple(faults)


def _linked_as(field: str, form: str | None) -> str:
    """Who moved across the border has one number of each register, and they do not disagree."""
    if field not in ("nhs_number", "chi_number") or form is None:
        return field
    return "chi_number" if numbers.is_birth_date(form) else "nhs_number"


def faults_of(identity: Identity) -> tuple[UnreadableIdentifierError, ...]:
    """Return what a partner must correct before this identity can be read; often nothing."""
    return read(identity)[1]


_FIELDS: Final = tuple(field.name for field in fields(Identity))
_VALUES: Final = attrgetter(*_FIELDS)
