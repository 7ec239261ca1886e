"""A published version of the weights links what comes from then on, and changes nothing before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from anonymiser.linker.standard import WEIGHTS
from deploy.weights import WeightsFile
from streams.restricted import MentionResolved, PossibleLink
from streams.topics import REGISTRY, RESOLUTIONS
from streams.values import LinkBasis
from tests.enclave import ARVID, Enclave, corrected, person, report, seeded_ids

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
UNREACHABLE = 9_900


def version(number, **changes):
    file = WeightsFile.of(WEIGHTS, "nothing, a test")
    return replace(file.event(number, "registrar", AT), **changes)


@pytest.fixture
async def enclave():
    return await Enclave().start()


async def publish(enclave, *events):
    await enclave.write(REGISTRY, *events)
    await enclave.settle()


async def test_without_any_version_the_standard_weights_link(enclave):
    first, second = report(person(**ARVID)), report(person(**ARVID), partner="porter-housing")
    await enclave.submit(first, second)
    assert enclave.who(first) == enclave.who(second)


async def test_a_version_that_asks_for_more_parts_only_what_comes_after_it(enclave):
    first, second = report(person(**ARVID)), report(person(**ARVID), partner="porter-housing")
    await enclave.submit(first, second)
    await publish(enclave, version(2, threshold_centibits=UNREACHABLE))
    third = report(person(**ARVID), partner="sheaf-health")
    await enclave.submit(third)
    assert enclave.who(first) == enclave.who(second)
    assert enclave.who(third) != enclave.who(first)


async def test_a_question_names_the_version_it_was_weighed_by(enclave):
    await enclave.submit(report(person(**ARVID)))
    await publish(enclave, version(5, threshold_centibits=UNREACHABLE))
    await enclave.submit(report(person(**ARVID), partner="porter-housing"))
    (asked,) = questions(enclave)
    assert asked.weights_version == 5


async def test_of_several_versions_the_newest_links_and_a_version_never_changes(enclave):
    await publish(
        enclave,
        version(2, threshold_centibits=UNREACHABLE),
        version(3),
        version(3, threshold_centibits=UNREACHABLE),
    )
    first, second = report(person(**ARVID)), report(person(**ARVID), partner="porter-housing")
    await enclave.submit(first, second)
    assert enclave.who(first) == enclave.who(second)


async def test_replay_comes_to_the_same_people_whatever_was_published_since(enclave):
    first, second = report(person(**ARVID)), report(person(**ARVID), partner="porter-housing")
    await enclave.submit(first, second)
    who = enclave.who(first)
    await publish(enclave, version(2, threshold_centibits=UNREACHABLE))
    await enclave.restart(ids=seeded_ids(99))
    await enclave.settle()
    assert (enclave.who(first), enclave.who(second)) == (who, who)
    await enclave.submit(corrected(first))
    assert enclave.who(first) == who  # the report's own entity needs no weighing


def questions(enclave):
    return [one for one in enclave.events(RESOLUTIONS) if isinstance(one, PossibleLink)]


async def test_what_linked_two_records_stays_on_record(enclave):
    await enclave.submit(report(person(**ARVID)), report(person(**ARVID), partner="porter-housing"))
    before = enclave.events(RESOLUTIONS)
    await publish(enclave, version(2, threshold_centibits=UNREACHABLE))
    assert enclave.events(RESOLUTIONS) == before
    bases = [one.basis for one in before if isinstance(one, MentionResolved)]
    assert bases == [LinkBasis.NEW, LinkBasis.AGREEMENT]
