"""Phones, mail, handles, vehicles and accounts.

Phones are libphonenumber's (it knows every country's lengths), IBAN and Luhn
sums python-stdnum's. Its `imei` is not used, for three lengths of one device
have one form here; nor is a validator of e-mail addresses, which would refuse
what a child can register somewhere. The modulus check of sort code and account
needs a table that banks publish monthly: it is left to the partner's system.
"""

from __future__ import annotations

import re
from typing import Final

import phonenumbers
from stdnum import iban, luhn

from streams.identifiers.faults import CheckDigitBrokenError, FormatBrokenError
from streams.identifiers.spelling import compact, is_repeated, unify

_HOME: Final = "GB"
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_HANDLE: Final = re.compile(r"[\w.\-:+]{2,100}")
_VEHICLE: Final = re.compile(r"(?=.*\d)(?=.*[A-Z])[A-Z0-9]{2,10}", re.ASCII)
_CURRENT_MARK: Final = re.compile(r"[A-Z]{2}\d{2}[A-Z]{3}", re.ASCII)
#: Prefix, suffix, dateless either way round; those of Northern Ireland are dateless ones.
_OLDER_MARK: Final = re.compile(
    r"[A-Z]\d{1,3}[A-Z]{3}|[A-Z]{3}\d{1,3}[A-Z]|[A-Z]{1,3}\d{1,4}|\d{1,4}[A-Z]{1,3}", re.ASCII
)
_AS_DIGITS: Final = str.maketrans("OI", "01")
_AS_LETTERS: Final = str.maketrans("01", "OI")
_ACCOUNT: Final = re.compile(r"\d{6,8}", re.ASCII)
_ACCOUNT_DIGITS: Final = 8
_SORT_CODE: Final = re.compile(r"\d{6}", re.ASCII)
_IBAN: Final = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", re.ASCII)
_IMEI_BODY_DIGITS: Final = 14
_IMEI: Final = re.compile(r"\d{14,16}", re.ASCII)
_IMEI_DIGITS: Final = 15


def phone(text: str) -> str | None:
    """E.164; a number without a country is British. 07700 900123 is +447700900123.

    Whether the number was ever given out is not asked: new ranges open, and
    numbers for drama must work in tests.
    Source: ITU-T E.164, by Google's libphonenumber.
    """
    rule = "a phone number has its area code, or + and the country's"
    try:
        parsed = phonenumbers.parse(unify(text), _HOME)
    except phonenumbers.NumberParseException:
        raise FormatBrokenError(rule) from None
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE or parsed.extension:
        raise FormatBrokenError(rule)
    national = str(parsed.national_number)
    if is_repeated(national) or is_repeated(national[1:]):
        return None
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def email(text: str) -> str:
    """Case never tells two people's mail apart in practice, so all of it is folded."""
    address = unify(text).casefold().removeprefix("mailto:")
    if not _EMAIL.fullmatch(address):
        raise FormatBrokenError("an e-mail address is name@domain")
    return address


def handle(text: str) -> str:
    """Casefolded, without the leading @; a platform may stand before a colon ('snap:name')."""
    platform, colon, name = unify(text).casefold().replace(" ", "").rpartition(":")
    spelt = f"{platform}{colon}{name.lstrip('@')}"
    if not _HANDLE.fullmatch(spelt):
        raise FormatBrokenError("a handle has 2 to 100 letters, digits, dots, hyphens")
    return spelt


def vehicle_mark(text: str) -> str:
    """Upper case without blanks; dateless, Northern Irish and foreign marks pass too.

    A current mark (AB12 CDE) has digits in its third and fourth place alone, so an
    O or I written there is nought or one, and the other way round. What any other
    British pattern could be is left as it is.
    Source: DVLA INF104, number plates.
    """
    mark = compact(text)
    if not _VEHICLE.fullmatch(mark):
        raise FormatBrokenError("a vehicle mark has 2 to 10 letters and digits")
    if _OLDER_MARK.fullmatch(mark):
        return mark
    meant = mark[:2].translate(_AS_LETTERS) + mark[2:4].translate(_AS_DIGITS)
    meant += mark[4:].translate(_AS_LETTERS)
    return meant if _CURRENT_MARK.fullmatch(meant) else mark


def account_number(text: str) -> str | None:
    """Eight digits (shorter ones are padded, as banks do), or an IBAN with its check digits.

    Source: Pay.UK VocaLink modulus checking; ISO 13616 (by python-stdnum).
    """
    number = compact(text)
    if _IBAN.fullmatch(number):
        if not iban.is_valid(number, check_country=False):
            raise CheckDigitBrokenError("the IBAN's check digits do not fit")
        return number
    if not _ACCOUNT.fullmatch(number):
        raise FormatBrokenError("an account number has 6 to 8 digits, or is an IBAN")
    return None if is_repeated(number) else number.zfill(_ACCOUNT_DIGITS)


def sort_code(text: str) -> str | None:
    """Six digits."""
    digits = compact(text)
    if not _SORT_CODE.fullmatch(digits):
        raise FormatBrokenError("a sort code has 6 digits")
    return None if is_repeated(digits) else digits


def imei(text: str) -> str | None:
    """Fifteen digits with a Luhn check digit.

    With a software version (16 digits) or without the check digit (14) the same
    device gets the same form.
    Source: 3GPP TS 23.003, annex B.
    """
    digits = compact(text)
    if not _IMEI.fullmatch(digits):
        raise FormatBrokenError("an IMEI has 15 digits")
    if is_repeated(digits):
        return None
    if len(digits) == _IMEI_DIGITS:
        if not luhn.is_valid(digits):
            raise CheckDigitBrokenError("the IMEI's check digit does not fit")
        return digits
    body = digits[:_IMEI_BODY_DIGITS]
    return f"{body}{luhn.calc_check_digit(body)}"


def account_of_iban(number: str) -> tuple[str, str] | None:
    """Sort code and account number inside a British IBAN; None for any other account number."""
    if not number.startswith(_HOME):
        return None
    return number[-14:-8], number[-8:]
