"""A record of our own whose schema nobody here knows stops its reader, which names it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from anonymiser.desk.changes import changes_of
from consumers.ocg_network import OcgNetwork
from consumers.safeguarding import Safeguarding
from streams.errors import MissingSchemaError
from streams.evidence import require_schema
from streams.loop import StageRunner
from streams.memory import MemoryLog
from streams.ports import Outgoing, Record
from streams.registry import Registry
from streams.registry_worker import RegistryFollower
from streams.topics import POLICE, REGISTRY, RESOLUTIONS, SAFEGUARDING

#: A frame of a schema that this installation has not, followed by anything.
FOREIGN = b"\x00\x00\x0f\x42\x3f" + b"from a newer one"
NAMED = "schema 999999 is not in this installation"


def record(topic, value=FOREIGN, offset=7):
    return Record(topic, offset, datetime(2026, 11, 25, tzinfo=UTC), None, value)


def test_a_projection_of_police_stops_there_and_names_the_place():
    with pytest.raises(MissingSchemaError, match=f"{POLICE} at 7: {NAMED}"):
        OcgNetwork().apply(record(POLICE))


def test_the_hubs_projection_stops_there_and_names_the_place():
    with pytest.raises(MissingSchemaError, match=f"{SAFEGUARDING} at 7: {NAMED}"):
        Safeguarding().apply(record(SAFEGUARDING))


def test_the_desk_stops_there_and_names_the_place():
    with pytest.raises(MissingSchemaError, match=f"{RESOLUTIONS} at 7: {NAMED}"):
        changes_of(record(RESOLUTIONS))


async def test_who_follows_the_register_stops_there_and_names_the_place():
    log = MemoryLog()
    await log.append([Outgoing(REGISTRY, FOREIGN)])

    with pytest.raises(MissingSchemaError, match=f"{REGISTRY} at 0: {NAMED}"):
        await RegistryFollower(log).start()


class Remembering:
    """A stage that folds its own output as strictly as those of the enclave do."""

    name = "remembering"
    sources = ("in",)
    state_topics = (REGISTRY,)
    reference_topics = ()

    def __init__(self):
        self._registry = Registry()

    def learn(self, records):
        """There is nothing to learn."""

    def recover(self, records):
        self._registry.learn(records)

    def step(self, records):
        return []


async def test_a_stage_does_not_begin_on_a_past_that_it_cannot_read():
    log = MemoryLog()
    await log.append([Outgoing(REGISTRY, FOREIGN)])

    with pytest.raises(MissingSchemaError, match=f"{REGISTRY} at 0: {NAMED}"):
        await StageRunner(Remembering(), log).start()


@pytest.mark.parametrize("value", [None, b"", b"\x01\x00\x0f\x42\x3f", b"\x00\x00"])
def test_bytes_that_are_no_frame_name_no_schema(value):
    require_schema(record(POLICE, value))
    OcgNetwork().apply(record(POLICE, value))
