"""What is fuzzed: each target takes bytes, and raises if a promise about foreign bytes is broken.

Imported by `tests.fuzz.run` under atheris, which watches every branch of the
packages, and by the tests as plain functions.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

from anonymiser.forenames import read_lists
from anonymiser.intake.transform import transform
from anonymiser.narrative.identities import declared_by
from anonymiser.narrative.redact import Redactor, Withheld
from streams.codec import decode, encode
from streams.errors import DecodeError
from streams.identifiers import RULES, UnreadableIdentifierError, canonical, district
from streams.restricted import (
    ON_SUBMISSIONS,
    ReportSubmitted,
)
from streams.sealing import UnsealError, open_submission
from tests.hostile.mutants import CONTEXT, judged, seal_bodies
from tests.invented_enclave import KEYS, arrived
from tests.invented_reports import report

SUBMISSIONS = ON_SUBMISSIONS
FORM_CHARACTERS_MAX = 20_000
TOLD = report(
    event_at=datetime(2026, 1, 3, tzinfo=UTC), reported_at=datetime(2026, 1, 4, tzinfo=UTC)
)
FIELDS = tuple(RULES)
REDACTOR = Redactor()
KEPT_BACK = ("testina", "inventsson", "imaginara", "9434765919", "07700900123")


class BrokenPromiseError(AssertionError):
    """A target did what it may not."""


def submission(data: bytes) -> None:
    """Bytes of a partner's topic are refused by name, or read and spelt again the same."""
    try:
        event = decode(data, *SUBMISSIONS)
    except DecodeError:
        return
    if encode(event) != data:
        raise BrokenPromiseError("read, and spelt otherwise")


def sealed_part(data: bytes) -> None:
    """Bytes inside the seal, split into two parts by the first two, through all of intake."""
    length, rest = int.from_bytes(data[:2], "big"), data[2:]
    value = seal_bodies(TOLD, {0: rest[:length], 1: rest[length:]})
    with contextlib.suppress(UnsealError):
        open_submission(decode(value, ReportSubmitted), KEYS.sealing[1])
    fault = judged(value, transform(arrived(value), CONTEXT), 0.0)[2]
    if fault:
        raise BrokenPromiseError(fault)


def narrative(data: bytes) -> None:
    """A text that quotes the report's people loses them, or stays behind; no layer breaks."""
    text = data.decode("utf-8", "replace")
    redaction = REDACTOR.redact(text, declared_by(TOLD), len(TOLD.nodes))
    if redaction.withheld is Withheld.FAILED:
        raise BrokenPromiseError("a layer failed")
    bare = "".join(filter(str.isalnum, (redaction.text or "").lower()))
    if any(known in bare for known in KEPT_BACK):
        raise BrokenPromiseError("a declared value is left")
    if (
        redaction.text
        and not redaction.text.replace("\n", "").replace("£", "").replace("€", "").isascii()
    ):
        raise BrokenPromiseError("a sign that may not leave")


def identifier(data: bytes) -> None:
    """A value in a field named by the first byte has one form, or is told to be none."""
    if not data:
        return
    field, text = FIELDS[data[0] % len(FIELDS)], data[1:].decode("utf-8", "replace")
    try:
        form = canonical(field, text)
        district(text)
    except UnreadableIdentifierError:
        return
    if form is not None and not 0 < len(form) <= FORM_CHARACTERS_MAX:
        raise BrokenPromiseError("a form of no length, or of too much")


def planted(data: bytes) -> None:
    """The control: it breaks at four certain bytes, one behind the other."""
    for at, sign in enumerate(b"lie!"):
        if len(data) <= at or data[at] != sign:
            return
    raise BrokenPromiseError("found")


TARGETS = {
    "planted": planted,
    "submission": submission,
    "sealed_part": sealed_part,
    "narrative": narrative,
    "identifier": identifier,
}


def prepare() -> None:
    """Load what is loaded once, so that no input pays for it."""
    read_lists()
    for target in TARGETS.values():
        target(b"\x80 Testina was here on Monday.")
