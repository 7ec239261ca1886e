"""What the evaluation tells must keep the promises it is judged by."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from deploy.evaluate.mentions import declared_identifiers, tell
from deploy.evaluate.ties import Tie, TieFile
from producers.check import check
from streams.taxonomy import RelationKind
from streams.values import NodeKind


@pytest.fixture
def file():
    ties = tuple(
        Tie(f"N{n}", f"N{n + step}", RelationKind.CO_OFFENDER, step, None)
        for n in range(100)
        for step in (1, 2)
    )
    names = {name for tie in ties for name in (tie.source, tie.target)}
    return TieFile(ties, dict.fromkeys(names, NodeKind.PERSON))


def test_each_tie_has_as_many_origins_as_its_weight(file):
    told = tell(file, 3, clean=True)
    origins = defaultdict(set)
    for report in told.reports:
        ends = frozenset(told.mentions[report.partner, report.report_id, n] for n in (0, 1))
        origins[ends].add(report.origin_reference)
    expected = {frozenset(ends): weight for ends, weight in file.pairs.items()}
    assert {ends: len(found) for ends, found in origins.items()} == expected


def test_some_origins_are_told_by_several_partners(file):
    told = tell(file, 3, clean=True)
    tellers = Counter(report.origin_reference for report in told.reports)
    assert max(tellers.values()) == 3


def test_at_least_half_of_the_mentions_lack_a_strong_identifier(file):
    told = tell(file, 3, clean=False)
    identities = [node.identity for report in told.reports for node in report.nodes]
    without = sum(1 for identity in identities if identity.nhs_number is None)
    assert without / len(identities) >= 0.5


def test_clean_mentions_always_have_one_and_no_mistakes(file):
    told = tell(file, 3, clean=True)
    spellings = defaultdict(set)
    for report in told.reports:
        for number, node in enumerate(report.nodes):
            spellings[told.mentions[report.partner, report.report_id, number]].add(node.identity)
    assert {len(found) for found in spellings.values()} == {1}
    assert all(identity.nhs_number for (identity,) in spellings.values())


def test_the_same_seed_tells_the_same(file):
    assert tell(file, 5, clean=False) == tell(file, 5, clean=False)
    assert tell(file, 5, clean=False) != tell(file, 6, clean=False)


def test_every_report_passes_the_partners_own_check(file):
    told = tell(file, 3, clean=False)
    assert [check(report) for report in told.reports[:50]] == [()] * 50


def test_all_that_identifies_is_known_to_the_leak_search(file):
    told = tell(file, 3, clean=False)
    identity = told.reports[0].nodes[0].identity
    assert {identity.given_name, identity.born_on.isoformat()} <= declared_identifiers(told.reports)


def test_nobody_is_called_like_a_partner(file):
    told = tell(file, 3, clean=True)
    public = " ".join(f"{body.partner} {body.name}" for body in told.bodies).casefold()
    identities = [node.identity for report in told.reports for node in report.nodes]
    assert not any(identity.family_name.casefold() in public for identity in identities)
