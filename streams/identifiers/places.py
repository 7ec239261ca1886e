"""Addresses, postcodes and property numbers."""

from __future__ import annotations

import re
from typing import Final

from streams.identifiers.faults import FormatBrokenError
from streams.identifiers.spelling import compact, fold, is_repeated

#: Source: the pattern of the Government Data Standards Catalogue; BFPO numbers beside it.
_POSTCODE: Final = re.compile(r"([A-Z]{1,2}\d[A-Z\d]?|GIR)(\d[ABD-HJLNP-UW-Z]{2}|0AA)", re.ASCII)
_OUTCODE: Final = re.compile(r"[A-Z]{1,2}\d[A-Z\d]?", re.ASCII)
_FORCES_POST: Final = re.compile(r"BFPO(\d{1,4})", re.ASCII)
_NO_ABODE: Final = "ZZ99"  # the NHS pseudo-codes: no fixed abode, abroad, not known
_UPRN: Final = re.compile(r"\d{1,12}", re.ASCII)
_USRN: Final = re.compile(r"\d{1,8}", re.ASCII)
_WORD: Final = re.compile(r"[^\W_]+")
_ABBREVIATIONS: Final = """
    st=street str=street rd=road ave=avenue av=avenue ln=lane dr=drive cl=close ct=court wy=way
    cres=crescent gdns=gardens gdn=garden pl=place sq=square ter=terrace terr=terrace gr=grove
    gro=grove hse=house apt=flat appt=flat apartment=flat no= number=
"""
_SPELT_OUT: Final = dict(pair.split("=") for pair in _ABBREVIATIONS.split())


def address(text: str) -> str:
    """Folded words, abbreviations spelt out, no punctuation: 'Flat 2, 7 Mill St.'."""
    words = _WORD.findall(fold(text).replace("'", ""))
    spelt = " ".join(filter(None, (_SPELT_OUT.get(word, word) for word in words)))
    if not spelt:
        raise FormatBrokenError("an address has letters or digits")
    return spelt


def postcode(text: str) -> str | None:
    """Outcode, blank, incode. ZZ99 codes say that there is no abode and never link."""
    code = compact(text)
    if code.startswith(_NO_ABODE):
        return None
    if found := _FORCES_POST.fullmatch(code):
        return f"BFPO {int(found[1])}"
    found = _POSTCODE.fullmatch(code)
    if found is None:
        raise FormatBrokenError("a postcode looks like S1 2HE")
    return f"{found[1]} {found[2]}"


def district(text: str) -> str | None:
    """The district of a postcode, given in full or as its district alone ('S1').

    None where there is none: for ZZ99 codes, forces' post (BFPO 58) and GIR 0AA.
    """
    code = compact(text)
    is_short = _OUTCODE.fullmatch(code) is not None
    found = code if is_short else outcode(postcode(text) or "")
    is_place = not found.startswith(_NO_ABODE) and _OUTCODE.fullmatch(found) is not None
    return found if is_place else None


def outcode(canonical_postcode: str) -> str:
    """The postcode district, the finest place that leaves the enclave."""
    return canonical_postcode.partition(" ")[0]


def usrn(text: str) -> str | None:
    """Up to eight digits without leading zeros; a street, so it supports and never decides.

    Source: Unique Street Reference Number, GeoPlace.
    """
    digits = compact(text)
    if not _USRN.fullmatch(digits):
        raise FormatBrokenError("a USRN has up to 8 digits")
    return _counted(digits)


def uprn(text: str) -> str | None:
    """Up to twelve digits without leading zeros.

    Source: Unique Property Reference Number, GeoPlace.
    """
    digits = compact(text)
    if not _UPRN.fullmatch(digits):
        raise FormatBrokenError("a UPRN has up to 12 digits")
    return _counted(digits)


def _counted(digits: str) -> str | None:
    filled = len(digits) > 1 and is_repeated(digits)
    return None if filled or int(digits) == 0 else str(int(digits))
