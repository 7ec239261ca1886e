"""A merge that a human undoes restores every projection exactly, for what comes later too."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from consumers.ocg_network import OcgNetwork
from consumers.projection import POSITIONS
from consumers.safeguarding import Safeguarding
from consumers.store import ProjectionStore
from consumers.worker import take
from streams.restricted import LinkReviewed, MergeDecided, SplitDecided
from streams.taxonomy import RelationKind
from streams.topics import POLICE, RESOLUTIONS, REVIEW_COMMANDS, SAFEGUARDING
from streams.values import LinkVerdict, NodeKind, Role
from tests.enclave import PARTNERS, Enclave, person, report, tie
from tests.linker_memory import remembered

HOME = {"address": "3 Nowhere Gardens", "postcode": "S99 9ZZ"}
PEOPLE = (
    {"given_name": "Tom", "family_name": "Testmann", "born_on": date(2011, 5, 4), **HOME},
    {"given_name": "Tim", "family_name": "Testmann", "born_on": date(2011, 5, 4), **HOME},
    {"given_name": "Imke", "family_name": "Otherling", "born_on": date(1984, 2, 1)},
    {"given_name": "Ansel", "family_name": "Thirdley", "born_on": date(1971, 8, 12)},
    {"given_name": "Runa", "family_name": "Fourthwell", "born_on": date(1990, 12, 30)},
)
TIES = (RelationKind.CO_OFFENDER, RelationKind.ASSOCIATE, RelationKind.SIBLING)
AT = datetime(2026, 2, 1, tzinfo=UTC)


def reports(seed, label, people):
    """Random reports about two of these people each."""
    dice = random.Random(f"{seed} {label}")
    for _ in range(dice.randint(2, 6)):
        one, other = dice.sample(people, 2)
        yield report(
            person("a", role=Role.SUSPECT, **PEOPLE[one]),
            person("b", role=Role.SUSPECT, **PEOPLE[other]),
            relations=(tie("a", dice.choice(TIES), "b"),),
            partner=dice.choice(sorted(PARTNERS)),
            report_id=UUID(int=dice.getrandbits(120)),
        )


async def review(enclave, verdict, left, right):
    event = LinkReviewed(
        kind=NodeKind.PERSON,
        left_id=left,
        right_id=right,
        verdict=verdict,
        decided_by="reviewer-1",
        decided_at=AT,
    )
    await enclave.write(REVIEW_COMMANDS, event)
    await enclave.settle()


async def played(seed, first):
    """Reports, the first verdict on the twins, reports of others, DIFFERENT, reports of all."""
    enclave = await Enclave().start()
    twins = [report(person("a", **PEOPLE[one]), report_id=UUID(int=1 + one)) for one in (0, 1)]
    everybody = range(len(PEOPLE))
    await enclave.submit(*twins, *reports(seed, "before", everybody))
    left, right = (enclave.who(one) for one in twins)
    await review(enclave, first, left, right)
    await enclave.submit(*reports(seed, "meanwhile", everybody[2:]))
    await review(enclave, LinkVerdict.DIFFERENT, left, right)
    await enclave.submit(*reports(seed, "after", everybody))
    return enclave


#: What was told once stays told: that there was a split, how often an alert has changed, and what
#: befell a network. What is due goes by log time, which is later for a log that tells of a merge.
HISTORY = {"splits", "alert_versions", "pending_alerts", "network_history", POSITIONS.name}
#: Since which offset a network goes by its name; offsets are later for such a log too.
OFFSETS = {"since", "turned"}


def tables(enclave, projection, topic):
    """What a projection holds as of now; of alerts those that stand, and for which reason."""
    store = ProjectionStore.in_memory(projection)
    records = enclave.log.records(topic)
    take(projection, store, records, {topic: len(records)})
    with store.snapshot() as snapshot:
        return {
            table.name: [
                standing(row) for row in snapshot.rows(table) if row.get("supported", True)
            ]
            for table in snapshot.tables
            if table.name not in HISTORY
        }


def standing(row):
    if "told" in row:  # signs, each with its log time
        return {**row, "told": [sign for sign, _ in json.loads(row["told"])]}
    kept = ("alert_id", "rule", "child_id", "path", "signs")
    if "alert_id" in row:
        return {name: row[name] for name in kept}
    return {name: value for name, value in row.items() if name not in OFFSETS}


@pytest.mark.parametrize("seed", range(8))
async def test_a_merge_that_a_human_undoes_leaves_no_trace_in_any_projection(seed):
    merged = await played(seed, LinkVerdict.SAME)
    never = await played(seed, LinkVerdict.UNSURE)
    assert len(merged.events(RESOLUTIONS, MergeDecided)) == 1
    assert len(merged.events(RESOLUTIONS, SplitDecided)) == 1
    assert never.events(RESOLUTIONS, MergeDecided) == []
    assert merged.mentions() == never.mentions()
    for projection, topic in ((OcgNetwork, POLICE), (Safeguarding, SAFEGUARDING)):
        here, there = (tables(one, projection(), topic) for one in (merged, never))
        for name, rows in there.items():
            assert here[name] == rows, name


@pytest.mark.parametrize("seed", range(8))
async def test_the_linker_itself_remembers_no_more_of_it_than_that_they_are_parted(seed):
    merged = remembered((await played(seed, LinkVerdict.SAME)).linker)
    never = remembered((await played(seed, LinkVerdict.UNSURE)).linker)
    # Each run seals its reports with keys of its own.
    assert {**merged, "sealings": []} == {**never, "sealings": []}
