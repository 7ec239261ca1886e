"""Numbers that registers give out, with the check characters their rules want.

Written from the published rules, apart from the validation in `streams`, so
that one can test the other. No number here was ever given to a person.
"""

from __future__ import annotations

from typing import Final

#: NHS numbers that begin so are reserved for tests (domain.md section 2).
NHS_TEST_PREFIX: Final = "999"
#: Sheffield's local authority number; no school has an establishment number under 100.
SHEFFIELD_AUTHORITY: Final = "373"
#: The range kept for drama and tests: 07700 900000 to 900999.
PHONES: Final = 1000

_UPN_LETTERS: Final = "ABCDEFGHJKLMNPQRTUVWXYZ"
_PNC_LETTERS: Final = "ZABCDEFGHJKLMNPQRTUVWXY"
_ELEVEN: Final = 11
_INVALID: Final = 10


def nhs_number(serial: int) -> str | None:
    """Return the test NHS number of a serial below a million; None if it has no check digit.

    Weights 10 to 2, modulus 11; a remainder that would need the digit 10 is never issued.
    """
    stem = f"{NHS_TEST_PREFIX}{serial:06d}"
    total = sum(int(digit) * weight for digit, weight in zip(stem, range(10, 1, -1), strict=True))
    check = -total % _ELEVEN
    if check == _INVALID or len(set(stem)) == 1:
        return None
    return f"{stem}{check}"


def upn(school: int, entry_year: int, serial: int) -> str:
    """Return a unique pupil number: letter, authority, school, year of entry, serial.

    Weights 2 to 13, modulus 23.
    """
    digits = f"{SHEFFIELD_AUTHORITY}{school:04d}{entry_year % 100:02d}{serial:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(digits, range(2, 14), strict=True))
    return f"{_UPN_LETTERS[total % len(_UPN_LETTERS)]}{digits}"


def pnc_id(year: int, serial: int) -> str:
    """Return a PNC id "YYYY/NNNNNNND"; the letter checks two digits of the year and the serial."""
    digits = f"{year % 100:02d}{serial:07d}"
    return f"{year}/{serial:07d}{_PNC_LETTERS[int(digits) % len(_PNC_LETTERS)]}"


def phone(serial: int) -> str:
    """Return a test mobile number. Raises: ValueError beyond the thousand that exist."""
    if not 0 <= serial < PHONES:
        raise ValueError("only a thousand test numbers exist")
    return f"07700 900{serial:03d}"


def uprn(serial: int) -> str:
    """Return a property reference in a range that no authority uses."""
    return f"9990{serial:08d}"


def vehicle_mark(serial: int, letters: str) -> str:
    """Return a mark of the current form with an age identifier not issued before 2048.

    `letters` are five; every other mark is written without the blank, as people do.
    """
    blank = " " if serial % 2 else ""
    return f"{letters[:2]}98{blank}{letters[2:]}".upper()


def with_wrong_check(number: str) -> str:
    """Return the number with its last digit mistyped, so that no check digit rule accepts it."""
    return f"{number[:-1]}{(int(number[-1]) + 1) % 10}"
