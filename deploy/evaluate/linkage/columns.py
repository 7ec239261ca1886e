"""Which column of a file is which field of an identity: by name, never by guessing at values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, TypeAlias

from streams.errors import InvalidInputError
from streams.restricted import Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO

RECORD: Final = "record"
SEX: Final = "sex"
STRONG_ID: Final = "strong_id"
ORIGIN: Final = "origin"
FIELDS: Final = (*(field.name for field in fields(Identity)), SEX, STRONG_ID)
"""What may be told of a person; `strong_id` is an identifier without check rules."""

Columns: TypeAlias = Mapping[str, tuple[str, ...]]
"""Field to the columns that hold it, in order; several are joined with a comma."""

_ALSO_CALLED: Final[Mapping[str, str]] = {
    RECORD: "record_id rec_id recid unique_id row_id id",
    "given_name": "givenname first_name firstname forename first_forename forename1 fname given",
    "middle_names": "middle_name middlename second_forename other_names",
    "family_name": "familyname surname last_name lastname lname family",
    "known_as": "alias aliases aka nickname nicknames",
    "born_on": "dob date_of_birth dateofbirth birth_date birthdate birthday born d_o_b",
    "nhs_number": "nhs_no nhs nhsno nhs_num",
    "chi_number": "chi chi_no",
    "upn": "unique_pupil_number",
    "uln": "unique_learner_number",
    "pnc_id": "pnc pncid pnc_number",
    "cro_number": "cro",
    "nino": "national_insurance_number ni_number ni_no",
    "driver_number": "driving_licence driving_licence_number licence_number",
    "passport_number": "passport passport_no",
    "address": "full_address home_address",
    "postcode": "post_code postal_code pcode postcode_fake zip zipcode zip_code",
    "phone": "telephone mobile phone_number telephone_number mobile_number mobile_phone tel",
    "email": "e_mail email_address mail",
    "handle": "social_handle username",
    "vehicle_mark": "vrm registration registration_mark number_plate",
    "account_number": "account iban",
    "sort_code": "sortcode",
    "organisation_name": "organisation company company_name",
    "organisation_number": "company_number",
    SEX: "gender",
}
#: Field to its obvious columns, the most obvious first; a `strong_id` is only ever asked for.
_OBVIOUS: Final[Mapping[str, tuple[str, ...]]] = {
    field: (field, *_ALSO_CALLED.get(field, "").split())
    for field in (RECORD, *FIELDS)
    if field != STRONG_ID
}
RECORDS: Final = _OBVIOUS[RECORD]
_FIELD_OF: Final = {name: field for field, names in _OBVIOUS.items() for name in names}
#: Parts of an address in the order in which people write it; without a street there is none.
_STREETS: Final = "street street_name address_1 address1 address_line_1 address_line1 addr1"
_ADDRESS_PARTS: Final = (
    "flat flat_number unit house_name house_number house_no street_number street_no",
    _STREETS,
    "address_2 address2 address_line_2 address_line2 addr2",
    "address_3 address3 address_line_3 address_line3 addr3",
    "locality suburb district town post_town city",
)
_ALSO: Final[Mapping[str, tuple[str, ...]]] = {"name": ("given_name", "family_name")}


@dataclass(frozen=True, slots=True)
class Reading:
    """How one file is read: its record ids, its fields, and the columns nobody asked for."""

    record: str
    columns: Columns
    left_out: tuple[str, ...]


def fields_named(names: Iterable[str]) -> tuple[str, ...]:
    """Return the fields that people mean: `dob` is `born_on`, `name` is given and family name.

    Raises: InvalidInputError naming the first that is no field.
    """
    found = (field for name in names for field in _fields_named(name))
    return tuple(dict.fromkeys(found))


def _fields_named(name: str) -> tuple[str, ...]:
    asked = plain(name)
    field = asked if asked in FIELDS else _FIELD_OF.get(asked)
    known = _ALSO.get(asked, (field,) if field in FIELDS else ())
    if not known:
        raise InvalidInputError(f"there is no field {name!r}; there are {', '.join(FIELDS)}")
    return known


def field_named(name: str) -> str:
    """Return the one field that is meant; `record` is the record's id.

    Raises: InvalidInputError if there is none, or if it would be several.
    """
    if plain(name) == RECORD:
        return RECORD
    field, *more = _fields_named(name)
    if more:
        raise InvalidInputError(f"{name!r} is several fields: name one of {field}, {more[0]}")
    return field


def read_header(header: Sequence[str], mapped: Mapping[str, str], file: str) -> Reading:
    """Find the columns of one file.

    `mapped` is field to column, or to several joined by `+`, and goes before
    what is obvious; a mapped column that this file lacks is left to others.

    Raises: InvalidInputError if no column can be the record's id or a name stands twice.
    """
    _require_distinct(header, file)
    named = ((field, _named_columns(name, header)) for field, name in mapped.items())
    chosen = {field: there for field, there in named if there is not None}
    taken = {column for there in chosen.values() for column in there}
    obvious = _obvious([column for column in header if column not in taken])
    columns = {**obvious, **chosen}
    record = columns.pop(RECORD, None)
    if record is None:
        raise InvalidInputError(
            f"{file} has no column {RECORD!r}; name it with --map record=COLUMN"
        )
    used = {column for one in columns.values() for column in one} | set(record)
    return Reading(record[0], columns, tuple(name for name in header if name not in used))


def _require_distinct(header: Sequence[str], file: str) -> None:
    named = [column for column in header if column]
    if len(set(named)) < len(named):
        raise InvalidInputError(f"{file} has two columns of one name")


def _named_columns(name: str, header: Sequence[str]) -> tuple[str, ...] | None:
    """A column may hold a plus sign itself, so the whole name goes first."""
    if name in header:
        return (name,)
    parts = tuple(part.strip() for part in name.split("+"))
    return parts if set(parts) <= set(header) else None


def _obvious(header: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for wanted, names in _OBVIOUS.items():
        columns = [column for column in header if _FIELD_OF.get(plain(column)) == wanted]
        if columns:
            best = min(columns, key=lambda one: names.index(plain(one)))
            found[wanted] = (best,)
    if "address" not in found and (parts := _address_parts(header)):
        found["address"] = parts
    return found


def _address_parts(header: Sequence[str]) -> tuple[str, ...]:
    by_name = {plain(column): column for column in header}
    if not any(name in by_name for name in _STREETS.split()):
        return ()
    names = (name for part in _ADDRESS_PARTS for name in part.split())
    return tuple(by_name[name] for name in names if name in by_name)


def delimiter_of(lines: TextIO) -> str:
    """Return what separates the cells of the first line; the file stands at its start again."""
    first = lines.readline()
    lines.seek(0)
    return max(",;\t|", key=first.count)


def plain(name: str) -> str:
    """One spelling of `Date of birth`, `DateOfBirth` and `date-of-birth`."""
    humps = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^a-z0-9]+", "_", humps.lower()).strip("_")
