"""Official numbers of a person: format, check digit and canonical form, each with its source.

The sums of NHS number, UPN and Luhn are python-stdnum's. What is its own here:
UPN as a whole, for stdnum knows the authorities of 2011 only and refuses newer
ones; ULN, PNC id, CRO number, National Insurance and driver numbers, CHI and
police numbers, which no kept library has. stdnum's placeholders pass (0000000000
is a valid NHS number to it), so those are looked for before its sum.
"""

from __future__ import annotations

import re
from calendar import monthrange
from typing import Final

from stdnum import luhn
from stdnum.gb import nhs
from stdnum.gb import upn as pupil

from streams.identifiers.faults import CheckDigitBrokenError, FormatBrokenError
from streams.identifiers.spelling import compact, is_repeated, unify

_PUPIL: Final = re.compile(r"[A-HJ-NP-RT-Z]\d{11}[A-HJ-NP-RT-Z0-9]", re.ASCII)
_POLICE_CHECK_LETTERS: Final = "ZABCDEFGHJKLMNPQRTUVWXY"
_PNC: Final = re.compile(r"(\d{4}|\d{2})/(\d{1,7})([A-Z])", re.ASCII)
_PNC_UNBROKEN: Final = re.compile(r"(\d{4}|\d{2})(\d{7})([A-Z])", re.ASCII)
_CRO: Final = re.compile(r"(\d{1,6})/(\d{2})([A-Z])", re.ASCII)
_CRO_FILE: Final = re.compile(r"SF(\d{2})/(\d{1,6})([A-Z])", re.ASCII)
_PNC_CENTURIES: Final = ("19", "20")
_CHI_WITHOUT_ZERO: Final = 9
_MONTHS: Final = 12
_CENTURY: Final = 2000  # a leap year, as 1900 is not: nobody born in 1900 is alive
#: A two-digit PNC year from 40 on is of the 1900s. The check letter does not tell the century.
_FIRST_SHORT_YEAR_OF_1900S: Final = 40
_NINO: Final = re.compile(
    r"(?!BG|GB|KN|NK|NT|TN|ZZ)([A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6})[A-D]?", re.ASCII
)
#: Letters of the surname, then nines; birth date; initials, then nines; three more. No zero or one
#: and no letter that could be taken for another stands in the place that tells namesakes apart.
_DRIVER: Final = re.compile(
    r"((?:[A-Z]{5}|[A-Z]{4}9|[A-Z]{3}99|[A-Z]{2}999|[A-Z]9999)\d(?:[05][1-9]|[16][0-2])(?:0[1-9]|[12]\d|3[01])\d"
    r"(?:99|[A-Z][A-Z9])[2-9A-HJ-NPR-X][A-Z]{2})(?:\d{2})?",
    re.ASCII,
)
_DRIVER_NI: Final = re.compile(r"\d{8}", re.ASCII)
_PASSPORT: Final = re.compile(r"(?=.*\d)[A-Z0-9]{6,12}", re.ASCII)
_TEN_DIGITS: Final = re.compile(r"\d{10}", re.ASCII)
_URN: Final = re.compile(r"(\d{2})/?([A-Z0-9]{2})/?(\d{5})/?(\d{2})", re.ASCII)
_URN_PARTED: Final = re.compile(r"(\d{2})/([A-Z0-9]{2})/(\d{1,5})/(\d{2})", re.ASCII)


def nhs_number(text: str) -> str | None:
    """Ten digits, modulus 11. Repeated digits pass the sum and are placeholders all the same.

    Health and care numbers of Northern Ireland (32… to 39…) have the same sum, and
    so have those of Scotland (see `chi_number`), which are known by their shape.
    Source: NHS Data Dictionary, NHS NUMBER (by python-stdnum).
    """
    digits = compact(text)
    if not _TEN_DIGITS.fullmatch(digits):
        raise FormatBrokenError("an NHS number has 10 digits")
    if is_repeated(digits):
        return None
    if not nhs.is_valid(digits):
        raise CheckDigitBrokenError("the NHS number's check digit does not fit")
    return digits


def chi_number(text: str) -> str | None:
    """Ten digits: day, month and year of birth, two digits, one odd for men, a check digit.

    The sum is that of the NHS number, and since February 2026 also that of Luhn,
    for the older one leaves too few numbers. A zero that a spreadsheet dropped is
    put back.
    Source: Public Health Scotland, phsmethods `chi_check` and `chi_pad`.
    """
    digits = compact(text)
    if len(digits) == _CHI_WITHOUT_ZERO and digits.isdigit():
        digits = f"0{digits}"
    if not _TEN_DIGITS.fullmatch(digits):
        raise FormatBrokenError("a CHI number has 10 digits")
    if is_repeated(digits):
        return None
    if not is_birth_date(digits):
        raise FormatBrokenError("a CHI number starts with a date of birth, DDMMYY")
    if not nhs.is_valid(digits) and not luhn.is_valid(digits):
        raise CheckDigitBrokenError("the CHI number's check digit does not fit")
    return digits


def is_birth_date(digits: str) -> bool:
    """Tell whether DDMMYY, which ten digits start with, is a day of this century or the last.

    No number given out in England, Wales or Northern Ireland starts with one.
    """
    return is_day(_CENTURY + int(digits[4:6]), int(digits[2:4]), int(digits[:2]))


def is_day(year: int, month: int, day: int) -> bool:
    """Tell whether the calendar has such a day."""
    return 1 <= month <= _MONTHS and 1 <= day <= monthrange(year, month)[1]


def upn(text: str) -> str | None:
    """A check letter, eleven digits, then a digit or (temporary numbers) a letter.

    The local authority part is not looked up: authorities come and go.
    Source: GovTalk Unique Pupil Number 2.0 (sum by python-stdnum).
    """
    number = compact(text)
    if not _PUPIL.fullmatch(number):
        raise FormatBrokenError("a UPN is a letter and 12 digits, the last may be a letter")
    if is_repeated(number[1:]):
        return None
    if pupil.calc_check_digit(number[1:]) != number[0]:
        raise CheckDigitBrokenError("the UPN's check letter does not fit")
    return number


def uln(text: str) -> str | None:
    """Ten digits, the first not zero; the sum with weights 10 to 1 is 10 modulo 11.

    Source: HESA student record C17051, ULN.
    """
    digits = compact(text)
    if not _TEN_DIGITS.fullmatch(digits):
        raise FormatBrokenError("a ULN has 10 digits")
    if is_repeated(digits):
        return None
    total = sum(weight * int(digit) for weight, digit in zip(range(10, 0, -1), digits, strict=True))
    if digits[0] == "0" or total % 11 != 10:  # noqa: PLR2004 - the rule's own numbers
        raise CheckDigitBrokenError("the ULN's check digit does not fit")
    return digits


def pnc_id(text: str) -> str | None:
    """Year, serial of seven and a check letter: 81/34U is 1981/0000034U.

    The check letter does not know the century, so a year of four digits is one of
    1900 to 2099: 0081/34U and 3081/34U would pass its sum.
    Source: Ministry of Justice, hmpps-person-record.
    """
    number = _squeezed(text)
    found = _PNC.fullmatch(number) or _PNC_UNBROKEN.fullmatch(number)
    if found is None:
        raise FormatBrokenError("a PNC id is a year, a slash, up to 7 digits and a letter")
    year, serial, letter = found[1], found[2].zfill(7), found[3]
    if len(year) > 2 and year[:2] not in _PNC_CENTURIES:  # noqa: PLR2004 - a year of two digits
        raise FormatBrokenError("a PNC id starts with a year of this century or the last")
    if int(serial) == 0:
        return None
    _check_letter(year[-2:] + serial, letter, "the PNC id's check letter does not fit")
    return f"{_full_year(year)}/{serial}{letter}"


def cro_number(text: str) -> str | None:
    """NNNNNN/YYL, serial padded; or SFYY/NNNNNNL (a file), serial as it is.

    Source: Ministry of Justice, hmpps-person-record.
    """
    number = _squeezed(text)
    if found := _CRO_FILE.fullmatch(number):
        _check_letter(found[1] + found[2], found[3], "the CRO number's check letter does not fit")
        return number
    found = _CRO.fullmatch(number)
    if found is None:
        raise FormatBrokenError("a CRO number is up to 6 digits, a slash, 2 digits and a letter")
    serial, year, letter = found[1].zfill(6), found[2], found[3]
    if int(serial) == 0:
        return None
    _check_letter(year + serial, letter, "the CRO number's check letter does not fit")
    return f"{serial}/{year}{letter}"


def nino(text: str) -> str | None:
    """Two letters and six digits; the suffix A to D tells a quarter of the year, not a person.

    Six zeros are a placeholder. QQ is for examples only, a temporary reference
    (11 a1 11 11) has another shape: neither is a National Insurance number.
    Source: HMRC National Insurance Manual NIM39110.
    """
    found = _NINO.fullmatch(compact(text))
    if found is None:
        raise FormatBrokenError("a National Insurance number is 2 letters, 6 digits and A to D")
    return None if found[1].endswith("000000") else found[1]


def driver_number(text: str) -> str:
    """Sixteen characters in Great Britain (two digits of issue are dropped), eight in N. Ireland.

    It spells out surname, birth date and sex (`carriers`), so it never leaves but
    as a token. The sum behind its last two letters is not public.
    Source: criminaljusticehub.org.uk, driving licence number; the shape is that of
    DVLA's Access to Driver Data.
    """
    number = compact(text)
    if found := _DRIVER.fullmatch(number):
        year = _CENTURY + int(number[5] + number[10])
        if not is_day(year, int(number[6:8]) % 50, int(number[8:10])):
            raise FormatBrokenError("a driver number holds a date of birth")
        return found[1]
    if _DRIVER_NI.fullmatch(number) and not is_repeated(number):
        return number
    raise FormatBrokenError("a driver number has 16 characters, or 8 digits in Northern Ireland")


def passport_number(text: str) -> str | None:
    """Six to twelve letters and digits; countries differ, so nothing more is checked."""
    number = compact(text)
    if not _PASSPORT.fullmatch(number):
        raise FormatBrokenError("a passport number has 6 to 12 letters and digits")
    return None if is_repeated(number) else number


def police_urn(text: str) -> str | None:
    """Force, unit, serial of five and year, as one word: 14/AB/123/26 is 14AB0012326.

    It names a case file, so several people share one.
    Source: domain.md section 2.
    """
    number = _squeezed(text)
    found = _URN_PARTED.fullmatch(number) or _URN.fullmatch(number)
    if found is None:
        raise FormatBrokenError("a police URN is force (2), unit (2), serial (5) and year (2)")
    force, unit, serial, year = found.groups()
    return f"{force}{unit}{serial.zfill(5)}{year}" if int(serial) else None


def _squeezed(text: str) -> str:
    """Upper case without blanks; the slash counts."""
    return re.sub(r"[\s\-]", "", unify(text)).upper()


def _check_letter(digits: str, letter: str, rule: str) -> None:
    if _POLICE_CHECK_LETTERS[int(digits) % 23] != letter:
        raise CheckDigitBrokenError(rule)


def _full_year(year: str) -> str:
    if len(year) > 2:  # noqa: PLR2004 - a year of two digits
        return year
    return f"19{year}" if int(year) >= _FIRST_SHORT_YEAR_OF_1900S else f"20{year}"
