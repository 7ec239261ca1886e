"""The admin step: make the topics that are missing, and tell where the others differ.

It never changes or deletes a topic: a difference is for a person to settle.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, for_code

from deploy.certificates import SUPERVISOR
from streams.errors import BrokerUnreachableError, RivelinError
from streams.kafka.refusal import require_let_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from deploy.settings import Settings
    from streams.kafka.access import Access
    from streams.topics import TopicSpec

_ALREADY_EXISTS = 36
_SETTLE_SECONDS_MAX = 30.0
_SETTLE_PROBE_SECONDS = 0.02


class TopicNotMadeError(RivelinError):
    """The cluster refused to make a topic; the message carries its reason."""


@dataclass(frozen=True)
class Drift:
    """One setting of one topic that is not what the table of topics says."""

    topic: str
    setting: str
    wanted: str
    found: str

    def __str__(self) -> str:
        """In one line, for an operator."""
        return f"{self.topic}: {self.setting} is {self.found}, should be {self.wanted}"


@dataclass(frozen=True)
class TopicsReport:
    """What an admin step made, and what it found different."""

    created: tuple[str, ...]
    drift: tuple[Drift, ...]


async def ensure_topics(
    settings: Settings, specs: Sequence[TopicSpec], principal: str = SUPERVISOR
) -> TopicsReport:
    """Make what is missing; doing it twice is doing it once.

    An administrator may make the topics of partners only, and sees no others.
    Raises: TopicNotMadeError, BrokerUnreachableError.
    """
    admin = await _connect(settings.access(principal))
    try:
        present = set(await admin.list_topics())
        missing = [spec for spec in specs if spec.name not in present]
        created = await _create(admin, missing, settings)
        existing = [spec for spec in specs if spec.name not in created]
        return TopicsReport(created, await _drift(admin, existing, settings))
    finally:
        await admin.close()


async def _connect(access: Access) -> AIOKafkaAdminClient:
    admin = AIOKafkaAdminClient(**access.options())
    try:
        await admin.start()
    except KafkaConnectionError as error:
        await admin.close()
        await require_let_in(access)
        raise BrokerUnreachableError(f"no broker answers at {access.bootstrap}") from error
    return admin


def wanted_config(spec: TopicSpec, settings: Settings) -> dict[str, str]:
    """The table's configuration, and how many copies must confirm a write on this cluster."""
    return {**spec.config, "min.insync.replicas": str(settings.min_insync_replicas)}


async def _create(
    admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], settings: Settings
) -> tuple[str, ...]:
    """Make topics; one that somebody else made meanwhile counts as found, not as made."""
    if not specs:
        return ()
    topics = [
        NewTopic(
            spec.name,
            spec.partitions,
            settings.replication_factor,
            topic_configs=wanted_config(spec, settings),
        )
        for spec in specs
    ]
    answer = (await admin.create_topics(topics)).to_object()
    outcomes = {entry["topic"]: entry for entry in answer["topic_errors"]}
    created = tuple(name for name, entry in outcomes.items() if _was_made(name, entry))
    await _settled(admin, created)
    return created


def _was_made(name: str, outcome: Mapping[str, Any]) -> bool:
    code = int(outcome["error_code"])
    if code not in {0, _ALREADY_EXISTS}:
        reason = outcome.get("error_message") or for_code(code).__name__
        raise TopicNotMadeError(f"the cluster refused to make {name}: {reason}")
    return code == 0


async def _settled(admin: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    """A topic is made before its partition has a leader; wait, or the first reader fails."""
    async with asyncio.timeout(_SETTLE_SECONDS_MAX):
        while not all(_is_led(topic) for topic in await _describe(admin, names)):  # noqa: ASYNC110 - the cluster gives no event for it
            await asyncio.sleep(_SETTLE_PROBE_SECONDS)


async def _describe(admin: AIOKafkaAdminClient, names: Sequence[str]) -> list[Mapping[str, Any]]:
    return list(await admin.describe_topics(list(names))) if names else []


def _is_led(topic: Mapping[str, Any]) -> bool:
    partitions = topic["partitions"]
    led = all(partition["leader"] >= 0 for partition in partitions)
    return topic["error_code"] == 0 and bool(partitions) and led


async def _drift(
    admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], settings: Settings
) -> tuple[Drift, ...]:
    if not specs:
        return ()
    names = [spec.name for spec in specs]
    shapes = {topic["topic"]: _shape(topic) for topic in await _describe(admin, names)}
    configs = await _configs(admin, names)
    return tuple(
        difference
        for spec in specs
        for difference in differences(
            spec.name,
            {**_wanted_shape(spec, settings), **wanted_config(spec, settings)},
            {**shapes.get(spec.name, {}), **configs.get(spec.name, {})},
        )
    )


def differences(topic: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterable[Drift]:
    """Compare only what the table speaks of; what is left to the cluster may be anything."""
    for setting, value in wanted.items():
        actual = found.get(setting, "absent")
        if actual != value:
            yield Drift(topic, setting, value, actual)


def _wanted_shape(spec: TopicSpec, settings: Settings) -> dict[str, str]:
    return {
        "partitions": str(spec.partitions),
        "replication factor": str(settings.replication_factor),
    }


def _shape(topic: Mapping[str, Any]) -> dict[str, str]:
    partitions = topic["partitions"]
    copies = {len(partition["replicas"]) for partition in partitions}
    return {
        "partitions": str(len(partitions)),
        "replication factor": ", ".join(map(str, sorted(copies))),
    }


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answers = await admin.describe_configs(asked)
    resources = [entry for answer in answers for entry in answer.to_object()["resources"]]
    return {
        entry["resource_name"]: {
            item["config_names"]: item["config_value"] for item in entry["config_entries"]
        }
        for entry in resources
    }
