"""The projections as processes of their own on a real broker: killed, replayed, looked at."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import update

from consumers.network.tables import TIES
from consumers.ocg_network import OcgNetwork
from consumers.ocg_network.deciding import DuplicateReferenceError
from consumers.ocg_network.ocgs import book_of
from consumers.projection import OUTBOX
from consumers.safeguarding import Safeguarding
from consumers.store import NoStoreError, ProjectionStore, store_path
from deploy.authority import Act
from deploy.broker import LocalBroker
from deploy.decisions import Decision, SomebodyElseDecidesError, decide
from deploy.settings import Settings
from deploy.topics import ensure_topics
from deploy.views import Asker, now
from streams.codec import decode, encode
from streams.errors import DecodeError
from streams.kafka import KafkaLog
from streams.loop import read_to_end
from streams.ocg import OcgMapped
from streams.ports import Outgoing
from streams.shared import (
    AlertRaised,
    AlertUpdated,
    DecisionRefused,
    NominalEnrolled,
    OperationRecorded,
)
from streams.topics import (
    ALERTS,
    OPERATIONS,
    POLICE,
    POLICE_DECISIONS,
    SAFEGUARDING,
    SHARED_TOPICS,
)
from streams.values import Purpose
from tests.invented_evidence import History, police_events, safeguarding_events
from tests.invented_ocgs import mapped
from tests.staff import let_act

EVENTS = 900
PATIENCE_SECONDS = 30
PURPOSE = ("--purpose", "DISRUPT_ORGANISED_CRIME", "--as", "DC Invented")


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """A broker of its own: the projections read topics by their real names."""
    settings = Settings(home=tmp_path_factory.mktemp("projections"))
    settings.make_folders()
    with LocalBroker(settings):
        asyncio.run(_prepare(settings))
        yield settings


async def _prepare(settings):
    await ensure_topics(settings, SHARED_TOPICS)
    log = KafkaLog(settings.access("supervisor"), client_id="test-staff")
    await let_act(log, "DC Invented")
    await log.stop()


@pytest.fixture
async def log(town):
    log = KafkaLog(town.access("supervisor"), client_id="test-projections")
    yield log
    await log.stop()


def start(settings, *arguments):
    return subprocess.Popen(
        (sys.executable, "-m", "deploy", *arguments),
        env={**os.environ, "RIVELIN_HOME": str(settings.home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def rivelin(settings, *arguments):
    return subprocess.run(
        (sys.executable, "-m", "deploy", *arguments),
        env={**os.environ, "RIVELIN_HOME": str(settings.home), "RIVELIN_PURPOSE": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def publish(log, topic, events):
    """Write as the gate does, in transactions: each leaves a marker, some are empty of records."""
    sink = log.sink(transactional_id=f"test-{topic}", group=f"test-{topic}", topics=())
    await sink.start()
    chooser = random.Random(1)
    events = list(events)
    while events:
        count = chooser.randrange(1, 60)
        part, events = events[:count], events[count:]
        await sink.commit([Outgoing(topic, encode(event)) for event in part], {})
        await asyncio.sleep(0.3)
    await sink.stop()


async def caught_up(log, settings, projection):
    """Wait until the live store has read all there is; return its hash."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        ends = await log.ends(projection.topics)
        try:
            store = ProjectionStore.look(store_path(settings.stores_dir, projection), projection)
        except NoStoreError:
            await asyncio.sleep(0.1)
            continue
        if dict(store.positions()) == dict(ends):
            return store
        store.close()
        await asyncio.sleep(0.1)
    raise AssertionError("the projection does not catch up")


async def alert_ids(log):
    found = []
    async for records in read_to_end(log, (ALERTS,)):
        for record in records:
            event = decode(record.value, AlertRaised, AlertUpdated)
            version = 1 if isinstance(event, AlertRaised) else event.version
            found.append((event.alert_id, version))
    return found


async def test_projections_killed_again_and_again_say_what_the_log_says(town, log):
    """Exactly once: after every kill the stores equal a replay, and no alert went out twice."""
    told = list(History(31, people=120).run(EVENTS))
    writing = asyncio.gather(
        publish(log, POLICE, police_events(told)),
        publish(log, SAFEGUARDING, safeguarding_events(told)),
    )
    roles = {name: start(town, "role", name) for name in ("ocg-network", "safeguarding")}
    chooser = random.Random(2)
    try:
        for _ in range(8):
            await asyncio.sleep(chooser.uniform(1.2, 2.5))
            name = chooser.choice(list(roles))
            roles[name].send_signal(signal.SIGKILL)
            roles[name].wait()
            roles[name] = start(town, "role", name)
        await writing
        for projection in (OcgNetwork(), Safeguarding()):
            (await caught_up(log, town, projection)).close()
        await _outbox_is_empty(town)
    finally:
        for process in roles.values():
            process.terminate()
            process.wait()
    sent = await alert_ids(log)
    assert sent
    assert len(sent) == len(set(sent))
    assert set(sent) == _told_by_a_store(town)

    replayed = rivelin(town, "replay", "--json")

    assert replayed.returncode == 0, replayed.stderr
    assert [one["equal"] for one in json.loads(replayed.stdout)] == [True, True]
    assert sent == await alert_ids(log)


async def _outbox_is_empty(settings):
    projection = Safeguarding()
    store = ProjectionStore.look(store_path(settings.stores_dir, projection), projection)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while store.pending(1) and time.monotonic() < deadline:  # noqa: ASYNC110 - a process gives no event
        await asyncio.sleep(0.1)
    with store.snapshot() as snapshot:
        assert not list(snapshot.rows(OUTBOX))
    store.close()


def _told_by_a_store(settings):
    from uuid import UUID  # noqa: PLC0415 - only here

    from consumers.safeguarding.tables import VERSIONS  # noqa: PLC0415 - the same

    projection = Safeguarding()
    store = ProjectionStore.look(store_path(settings.stores_dir, projection), projection)
    with store.snapshot() as snapshot:
        found = {(UUID(row["alert_id"]), row["version"]) for row in snapshot.rows(VERSIONS)}
    store.close()
    return found


async def test_one_row_edited_by_hand_makes_replay_fail(town):
    projection = OcgNetwork()
    path = store_path(town.stores_dir, projection)
    store = ProjectionStore.open(path, projection)
    with store.snapshot() as snapshot:
        row = next(iter(snapshot.rows(TIES)))
    edit = update(TIES).where(*[TIES.c[name] == row[name] for name in ("subject_id", "object_id")])
    with store._engine.begin() as connection:
        connection.execute(edit.values(weight=row["weight"] + 1))

    failed = rivelin(town, "replay")

    with store._engine.begin() as connection:
        connection.execute(edit.values(weight=row["weight"]))
    store.close()
    assert failed.returncode == 6
    assert f"ties subject_id={row['subject_id']}, object_id={row['object_id']}" in failed.stderr
    assert rivelin(town, "replay").returncode == 0


async def test_replay_until_tells_the_state_of_then_and_compares_nothing(town):
    early = rivelin(town, "replay", "--until", f"{POLICE}:40", "--json")
    late = rivelin(town, "replay", "--until", "2999-01-01T00:00Z", "--json")
    assert (early.returncode, late.returncode) == (0, 0)
    police_early, police_late = json.loads(early.stdout)[0], json.loads(late.stdout)[0]
    assert police_early["rows"]["reports"] < police_late["rows"]["reports"]
    assert police_early["state_hash"] != police_late["state_hash"]
    assert "equal" not in police_late
    assert rivelin(town, "replay", "--until", "yesterday").returncode == 3


# --- looking ----------------------------------------------------------------------------


async def looks(log):
    return [one for one in await audited(log) if isinstance(one, OperationRecorded)]


async def audited(log):
    found = []
    async for records in read_to_end(log, (OPERATIONS,)):
        found += [decode(record.value, OperationRecorded, DecisionRefused) for record in records]
    return found


async def test_a_look_is_on_record_before_it_is_answered(town, log):
    before = len(await looks(log))
    listed = rivelin(town, "network", "list", "--json", *PURPOSE)
    found = json.loads(listed.stdout)
    assert found
    shown = rivelin(town, "network", "show", found[0]["network_id"][:12], "--json", *PURPOSE)
    assert json.loads(shown.stdout)["network_id"] == found[0]["network_id"]
    told = (await looks(log))[before:]
    assert [one.subject for one in told] == [
        "network list",
        f"network show {found[0]['network_id']}",
    ]
    assert {(one.actor, one.purpose, one.operation) for one in told} == {
        ("DC Invented", "DISRUPT_ORGANISED_CRIME", "CONSULTATION")
    }


async def test_without_a_purpose_nothing_is_answered(town, log):
    before = await looks(log)
    for command in (("network", "list"), ("alert", "list"), ("person", "list")):
        refused = rivelin(town, *command)
        assert (refused.returncode, refused.stdout) == (4, "")
    assert await looks(log) == before


def test_without_a_record_of_the_look_there_is_no_answer(town):
    cut_off = town.model_copy(update={"bootstrap_servers": "127.0.0.1:9"})
    answered = subprocess.run(
        (sys.executable, "-m", "deploy", "network", "list", *PURPOSE),
        env={
            **os.environ,
            "RIVELIN_HOME": str(cut_off.home),
            "RIVELIN_BOOTSTRAP_SERVERS": "127.0.0.1:9",
        },
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (answered.returncode, answered.stdout) == (5, "")


async def test_alerts_and_people_are_shown_as_tables_and_as_json(town):
    alerts = json.loads(rivelin(town, "alert", "list", "--json", *PURPOSE).stdout)
    assert alerts
    one = next(alert for alert in alerts if alert["supported"])
    told = rivelin(town, "alert", "show", one["alert_id"][:13], *PURPOSE)
    assert "not a referral" in told.stdout
    assert one["child_id"] in told.stdout
    people = json.loads(rivelin(town, "person", "list", "--json", *PURPOSE).stdout)
    person = rivelin(town, "person", "show", people[0]["entity_id"], *PURPOSE)
    assert people[0]["entity_id"] in person.stdout
    assert rivelin(town, "person", "show", "f", *PURPOSE).returncode == 3
    assert rivelin(town, "alert", "show", "not an id", *PURPOSE).returncode == 3


async def test_as_of_shows_what_was_known_then(town):
    now = json.loads(rivelin(town, "network", "list", "--json", *PURPOSE).stdout)
    as_of = ("--as-of", "2999-01-01T00:00Z")
    assert json.loads(rivelin(town, "network", "list", "--json", *as_of, *PURPOSE).stdout) == now
    long_ago = ("--as-of", "2020-01-01T00:00Z")
    assert json.loads(rivelin(town, "network", "list", "--json", *long_ago, *PURPOSE).stdout) == []


async def test_police_enrol_a_nominal_on_what_they_saw(town, log):
    people = json.loads(rivelin(town, "person", "list", "--json", *PURPOSE).stdout)
    person = people[0]["entity_id"]
    done = rivelin(town, "nominal", "enrol", person[:20], *PURPOSE)
    assert done.returncode == 0, done.stderr
    role = start(town, "role", "ocg-network")
    try:
        (await caught_up(log, town, OcgNetwork())).close()
    finally:
        role.terminate()
        role.wait()
    shown = json.loads(rivelin(town, "person", "show", person, "--json", *PURPOSE).stdout)
    assert shown["is_nominal"]
    decided = [one for one in await looks(log) if one.operation == "ALTERATION"]
    assert [one.subject for one in decided] == [f"nominal enrol {person}"]
    told = [one async for some in read_to_end(log, (POLICE_DECISIONS,)) for one in some]
    (enrolled,) = [decode(one.value, NominalEnrolled) for one in told]
    assert (str(enrolled.person_id), enrolled.decided_by) == (person, "DC Invented")


async def test_who_has_no_role_is_refused_and_what_they_asked_is_on_record(town, log):
    stranger = ("--purpose", "DISRUPT_ORGANISED_CRIME", "--as", "Sam Stranger")
    listed = rivelin(town, "network", "list", *stranger)
    assert (listed.returncode, listed.stdout) == (4, "")
    assert "rivelin staff assign" in listed.stderr
    refused = [one for one in await audited(log) if isinstance(one, DecisionRefused)]
    assert [(one.actor, one.subject) for one in refused] == [("Sam Stranger", "network list")]


async def test_of_two_who_map_one_reference_at_once_one_stands_and_the_other_is_told(town, log):
    people = json.loads(rivelin(town, "person", "list", "--json", *PURPOSE).stdout)
    adults = [UUID(one["entity_id"]) for one in people if not one["is_child"]][:3]
    event = replace(mapped("SY-77"), members=tuple(adults), decided_at=now())
    asker = Asker("DC Invented", Purpose.DISRUPT_ORGANISED_CRIME)
    decision = Decision(Act.DECIDE_ON_OCG, "ocg map SY-77", "police", POLICE_DECISIONS)

    def choose(records, _):
        if book_of(records).by_reference("SY-77") is not None:
            raise DuplicateReferenceError("SY-77 is an OCG already")
        return [event]

    both = (decide(town, asker, decision, choose) for _ in range(2))
    done = await asyncio.gather(*both, return_exceptions=True)
    errors = [one for one in done if isinstance(one, Exception)]
    assert [type(one) for one in errors] in (
        [SomebodyElseDecidesError],
        [DuplicateReferenceError],
    )
    told = [one async for some in read_to_end(log, (POLICE_DECISIONS,)) for one in some]
    assert len(book_of(told).ocgs) == 1
    assert sum(is_mapping(one) for one in told) == 1


def is_mapping(record):
    try:
        decode(record.value, OcgMapped)
    except DecodeError:
        return False
    return True
