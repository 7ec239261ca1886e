"""The admin step makes what is missing, says what differs, and changes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.topics import Drift, ensure_topics
from streams.errors import BrokerUnreachableError
from streams.topics import SHARED_TOPICS, partner_topics


async def test_every_topic_of_the_table_is_accepted_and_made_once(broker):
    # Names of our own: other tests on this broker may have made the real ones.
    specs = [replace(spec, name=f"fresh.{spec.name}") for spec in SHARED_TOPICS]

    first = await ensure_topics(broker.settings, specs)
    second = await ensure_topics(broker.settings, specs)

    assert set(first.created) == {spec.name for spec in specs}
    assert second.created == ()
    assert second.drift == ()


async def test_a_partner_gets_its_topics_beside_those_that_exist(broker):
    specs = partner_topics("riverside-school")

    report = await ensure_topics(broker.settings, [*SHARED_TOPICS, *specs])

    assert {spec.name for spec in specs} <= set(report.created)
    assert report.drift == ()


async def test_drift_is_told_and_left_alone(broker):
    (spec, *_) = partner_topics("drifting-school")
    await ensure_topics(broker.settings, [spec])
    changed = replace(spec, config={**spec.config, "retention.ms": "1000"}, partitions=2)

    told = await ensure_topics(broker.settings, [changed])
    again = await ensure_topics(broker.settings, [changed])

    assert set(told.drift) == {
        Drift(spec.name, "partitions", "2", "1"),
        Drift(spec.name, "retention.ms", "1000", "-1"),
    }
    assert again == told


async def test_fewer_copies_than_wanted_is_drift(broker):
    (spec, *_) = partner_topics("lonely-school")
    await ensure_topics(broker.settings, [spec])
    elsewhere = broker.settings.model_copy(
        update={"replication_factor": 3, "min_insync_replicas": 2}
    )

    told = await ensure_topics(elsewhere, [spec])

    assert set(told.drift) == {
        Drift(spec.name, "replication factor", "3", "1"),
        Drift(spec.name, "min.insync.replicas", "2", "1"),
    }


async def test_a_cluster_that_does_not_answer_is_one_clear_error(settings):
    elsewhere = settings.model_copy(update={"bootstrap_servers": "127.0.0.1:1", "plain_text": True})

    with pytest.raises(BrokerUnreachableError, match="no broker answers"):
        await ensure_topics(elsewhere, SHARED_TOPICS)
