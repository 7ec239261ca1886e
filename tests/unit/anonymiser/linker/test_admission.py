"""Which revisions are news."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from anonymiser.linker.admission import refusal
from anonymiser.linker.state import Report
from streams.values import Outcome


def known(*revisions, withdrawn=False):
    digests = tuple((number, bytes([number])) for number in revisions)
    return Report(1, latest=max(revisions), is_withdrawn=withdrawn, digests=digests)


def coming(revision, supersedes=None, digest=None):
    return SimpleNamespace(
        revision=revision, supersedes=supersedes, content_digest=digest or bytes([revision])
    )


def code(report, event):
    refused = refusal(report, event)
    if refused is None:
        return None
    outcome, reasons = refused
    return reasons[0].code if reasons else outcome


@pytest.mark.parametrize("supersedes", [None, 2])
def test_the_first_that_comes_is_news_even_if_earlier_ones_were_refused(supersedes):
    assert code(None, coming(3, supersedes)) is None


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (coming(3, 2), None),
        (coming(2), Outcome.DUPLICATE),
        (coming(1), Outcome.DUPLICATE),
        (coming(2, digest=b"other"), "revision_used"),
        (coming(3), "supersedes_mismatch"),
        (coming(3, 1), "supersedes_mismatch"),
        (coming(3, 3), "supersedes_mismatch"),
        (coming(4, 3), None),  # revision 3 was quarantined and never came this far
    ],
)
def test_what_becomes_of_a_revision(event, expected):
    assert code(known(1, 2), event) == expected


def test_a_revision_that_was_skipped_does_not_come_later():
    assert code(known(1, 4), coming(3, 1)) == "revision_superseded"


def test_nothing_follows_a_withdrawal():
    assert code(known(1, withdrawn=True), coming(1)) == "report_withdrawn"
    assert code(known(1, withdrawn=True), coming(2, 1)) == "report_withdrawn"
