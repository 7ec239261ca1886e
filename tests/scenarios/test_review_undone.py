"""A reviewer's "same", and "different" after it, through the whole pipeline to the projections."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from anonymiser import keyring
from anonymiser.linker.recovery import RESOLUTION_CLASSES
from consumers.safeguarding.tables import ALERTS_TABLE, POSSIBLE_ALERTS, POSSIBLE_LINKS
from deploy.pipeline import Pipeline
from streams.codec import decode, encode
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.restricted import LinkReviewed, PossibleLink
from streams.taxonomy import RelationKind
from streams.topics import RESOLUTIONS, REVIEW_COMMANDS
from streams.values import LinkVerdict, NodeKind, PartnerType, Role, Sex
from tests.enclave import onboarded, person, report, tie

LOXLEY, PORTER = "loxley-council", "porter-housing"
HOUSE = {"family_name": "Testmann", "address": "3 Nowhere Gardens", "postcode": "S99 9ZZ"}
GROWN = {**HOUSE, "born_on": date(1994, 3, 17), "sex": Sex.MALE}
YOUNG = {**HOUSE, "born_on": date(2012, 6, 8), "sex": Sex.MALE, "role": Role.VICTIM}
#: Rows that a split leaves on purpose: that it was, what was told of an alert, and what befell
#: a network (whose name comes back, with the offset at which it did).
_KEPT_ON_PURPOSE = {"splits", "alerts", "alert_versions", "names", "network_history"}
_DOUBT = {POSSIBLE_LINKS.name, POSSIBLE_ALERTS.name}


def somebody(number):
    names = ("Halvar", "Jorik", "Torben", "Vidar", "Benno", "Elof")
    family = ("Fictley", "Mockworth", "Samplewell", "Dummerton", "Inventas", "Specimenko")
    return person(
        f"q{number}",
        given_name=names[number],
        family_name=family[number],
        born_on=date(1971 + number, 2 + number, 11 + number),
        address=f"{number + 20} Example Rise",
        postcode=f"S98 {number}ZZ",
    )


def gang(partner, twin, *others):
    """A candidate network of three around one of two twins."""
    nodes = (person("t", **GROWN, given_name=twin), *map(somebody, others))
    ties = tuple(tie("t", RelationKind.CO_OFFENDER, f"q{other}") for other in others)
    return report(*nodes, partner=partner, relations=ties)


def family(partner, twin, *, exploited_by=None):
    """A child, perhaps exploited by somebody who is in a network."""
    child = person("c", **YOUNG, age=13, given_name=twin)
    if exploited_by is None:
        return report(child, partner=partner)
    suspect = somebody(exploited_by)
    ties = (tie(suspect.label, RelationKind.EXPLOITS, "c"),)
    return report(child, suspect, partner=partner, relations=ties)


class Story:
    """A pipeline, and a reviewer who decides about everything that waits."""

    def __init__(self, pipeline, log):
        self.pipeline = pipeline
        self._log = log

    async def decide(self, verdict):
        links = [
            event
            for record in self._log.records(RESOLUTIONS)
            if isinstance(event := _resolution(record.value), PossibleLink)
        ]
        for link in links:
            said = LinkReviewed(
                kind=NodeKind.PERSON,
                left_id=link.left_id,
                right_id=link.right_id,
                verdict=verdict,
                decided_by="Ida Reviewer",
                decided_at=datetime(2026, 2, 1, tzinfo=UTC),
            )
            await self._log.append([Outgoing(REVIEW_COMMANDS, encode(said))])
        await self.pipeline.settle()
        return len(links)

    def rows(self, store):
        with store.snapshot() as snapshot:
            return {table.name: list(snapshot.rows(table)) for table in snapshot.tables}

    def hashes(self, store, but=frozenset()):
        with store.snapshot() as snapshot:
            found = snapshot.table_hashes()
        return {name: one for name, one in found.items() if name not in but}

    @property
    def networks(self):
        return self.rows(self.pipeline.networks)["networks"]

    def supported(self):
        rows = self.rows(self.pipeline.alerts)[ALERTS_TABLE.name]
        return {(row["rule"], row["child_id"]) for row in rows if row["supported"]}

    def doubts(self):
        rows = self.rows(self.pipeline.alerts)
        return len(rows[POSSIBLE_LINKS.name]), len(rows[POSSIBLE_ALERTS.name])


def _resolution(value):
    return decode(value, *RESOLUTION_CLASSES)


@pytest.fixture
async def story():
    log = MemoryLog()
    entries = [onboarded(LOXLEY, PartnerType.COUNCIL), onboarded(PORTER, PartnerType.HOUSING)]
    async with Pipeline(log, keyring.new_keys(), entries) as pipeline:
        await pipeline.send([gang(LOXLEY, "Tom", 0, 1), gang(PORTER, "Tim", 2, 3)])
        await pipeline.send([family(LOXLEY, "Kit", exploited_by=0), family(PORTER, "Kasper")])
        await pipeline.settle()
        yield Story(pipeline, log)


async def test_two_pairs_of_twins_are_two_doubts_and_only_that_of_the_children_is_told(story):
    assert len(story.networks) == 2
    assert len(story.supported()) == 1
    assert story.doubts() == (1, 1)


async def test_same_makes_one_network_of_two_and_an_alert_of_what_was_possible(story):
    assert await story.decide(LinkVerdict.SAME) == 2

    assert [row["people"] for row in story.networks] == [5]
    assert len(story.supported()) == 1
    assert story.doubts() == (0, 0)


async def test_different_after_same_gives_every_projection_back_byte_for_byte(story):
    networks, alerts = story.pipeline.networks, story.pipeline.alerts
    supported = story.supported()
    before = (
        story.hashes(networks, _KEPT_ON_PURPOSE),
        story.hashes(alerts, _KEPT_ON_PURPOSE | _DOUBT),
    )
    await story.decide(LinkVerdict.SAME)
    assert story.hashes(networks, _KEPT_ON_PURPOSE) != before[0]
    assert story.hashes(alerts, _KEPT_ON_PURPOSE | _DOUBT) != before[1]

    await story.decide(LinkVerdict.DIFFERENT)
    assert story.hashes(networks, _KEPT_ON_PURPOSE) == before[0]
    assert story.hashes(alerts, _KEPT_ON_PURPOSE | _DOUBT) == before[1]
    assert story.supported() == supported
    assert story.doubts() == (0, 0)


async def test_a_mind_changed_four_times_still_ends_where_it_began(story):
    networks = story.pipeline.networks
    before = story.hashes(networks, _KEPT_ON_PURPOSE)
    for verdict in (LinkVerdict.SAME, LinkVerdict.DIFFERENT) * 2:
        await story.decide(verdict)

    assert story.hashes(networks, _KEPT_ON_PURPOSE) == before
