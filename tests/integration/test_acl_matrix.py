"""Every cell of the hand-written matrix, asked of a real broker as each principal."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import faust
import pytest
from aiokafka.errors import TopicAuthorizationFailedError
from confluent_kafka import Producer
from faust.exceptions import ProducerSendError

from deploy.acls import (
    Grant,
    Permission,
    Resource,
    _Administration,
    confluent_options,
    ensure_permissions,
    wanted,
)
from deploy.admission import shut_out
from deploy.broker import LocalBroker
from deploy.certificates import SUPERVISOR, CertificateName
from deploy.pki import Pki, RevocationReason
from deploy.settings import Settings
from deploy.topics import ensure_topics
from streams.kafka import Access, Credentials
from streams.topics import ROLE_PRINCIPALS, SHARED_TOPICS, partner_topics
from tests.elsewhere import let_in
from tests.integration.acl_matrix import PARTNERS, PRINCIPALS, Cell, asker, cells

AT = datetime.now(UTC)
#: One cell per principal for the two other clients: only the gate writes for police.
TRIED = "police.intelligence"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A broker of its own, with every topic and two partners."""
    settings = Settings(home=tmp_path_factory.mktemp("guarded"))
    specs = [*SHARED_TOPICS, *(spec for one in PARTNERS for spec in partner_topics(one))]
    with LocalBroker(settings):
        asyncio.run(ensure_topics(settings, specs))
        asyncio.run(let_in(settings, *PARTNERS))
        yield settings


def test_the_matrix_speaks_of_every_principal_and_of_every_topic():
    expected = cells()
    topics = {spec.name for spec in SHARED_TOPICS}

    assert len(expected) >= 200
    assert {cell.principal for cell in expected} == set(PRINCIPALS.values())
    assert topics < {cell.name for cell in expected if cell.kind == "TOPICS"}
    assert set(ROLE_PRINCIPALS) < set(PRINCIPALS.values())


@pytest.mark.parametrize("principal", PRINCIPALS.values())
async def test_every_cell_is_as_it_was_written(guarded, principal):
    mine = {cell: allowed for cell, allowed in cells().items() if cell.principal == principal}

    async with asker(guarded.access(principal)) as asked:
        found = await asked.answers(mine)

    assert {(one.kind, one.name, one.operation): allowed for one, allowed in mine.items()} == found


@pytest.mark.parametrize("principal", PRINCIPALS.values())
async def test_faust_is_let_in_and_refused_alike(guarded, principal):
    own = guarded.access(principal)
    app = faust.App(
        "acl-matrix",
        broker=f"kafka://{own.bootstrap}",
        broker_credentials=faust.SSLCredentials(context=own.credentials.context()),
        store="memory://", topic_disable_leader=True, topic_allow_declare=False,
    )  # fmt: skip
    producer = app.producer
    await producer.start()
    try:
        if principal == "gate":
            assert (await producer.send_and_wait(TRIED, b"k", b"v", 0, None, None)).offset >= 0
        else:
            refused = (ProducerSendError, TopicAuthorizationFailedError)  # unseen, or seen
            with pytest.raises(refused, match="TopicAuthorizationFailed"):
                await producer.send_and_wait(TRIED, b"k", b"v", 0, None, None)
    finally:
        await producer.stop()


@pytest.mark.parametrize("principal", PRINCIPALS.values())
def test_confluent_kafka_is_let_in_and_refused_alike(guarded, principal):
    told = []
    producer = Producer(
        {**confluent_options(guarded.access(principal)), "message.timeout.ms": 9000}
    )
    producer.produce(TRIED, b"v", on_delivery=lambda error, _: told.append(error))
    producer.flush(10)

    (error,) = told
    if principal == "gate":
        assert error is None
    else:
        assert error.name() == "TOPIC_AUTHORIZATION_FAILED"


async def test_only_the_supervisor_needs_no_permission(guarded):
    async with asker(guarded.access(SUPERVISOR)) as asked:
        everything = {cell for cell in cells() if cell.operation in {"describe", "read", "write"}}
        assert all((await asked.answers(everything)).values())


# --- setting them -------------------------------------------------------------------------------


async def test_setting_permissions_twice_is_setting_them_once(guarded):
    again = await ensure_permissions(guarded, "administrator", AT)

    assert (again.made, again.removed, again.drift) == ((), (), ())


async def test_what_nobody_asked_for_is_told_and_goes_when_told_to(guarded):
    foreign = Permission("User:somebody.1", Grant(Resource.TOPIC, TRIED, "READ"))
    lost = Permission("User:gate.1", Grant(Resource.TOPIC, TRIED, "WRITE"))
    with _Administration(guarded.access(SUPERVISOR)) as administration:
        administration.make([foreign])
        administration.remove([lost])
        administration.settle(frozenset([foreign]), frozenset([lost]))

    first = await ensure_permissions(guarded, "administrator", AT)
    assert (first.made, first.removed, first.drift) == ((lost,), (), (foreign,))
    assert str(foreign) == f"User:somebody.1 may READ topic {TRIED}"

    second = await ensure_permissions(guarded, "administrator", AT, prune=True)
    assert (second.removed, second.drift) == ((foreign,), ())


async def test_a_revoked_certificate_is_shut_out_while_its_connection_stands(guarded):
    pki = Pki(guarded.pki_dir)
    pki.renew("duty", AT)
    await ensure_permissions(guarded, SUPERVISOR, AT)
    folder = pki.folder_of(CertificateName("duty", 1))
    old = Access(guarded.bootstrap, Credentials.in_folder(folder))
    read = [Cell("duty", "TOPICS", "enclave.duty", "read")]
    async with asker(old) as open_before, asker(guarded.access("duty")) as newer:
        assert all((await open_before.answers(read)).values())

        shut = await shut_out(guarded, "duty.1", RevocationReason.KEY_COMPROMISE, AT)

        assert [str(one.name) for one in shut.revoked] == ["duty.1"]
        assert not any((await open_before.answers(read)).values())
        assert all((await newer.answers(read)).values()), "the newer one stays good"
    denied = [one for one in shut.report.made if one.is_denied]
    assert {one.principal for one in denied} == {"User:duty.1"}
    assert not folder.exists()


async def test_denials_go_when_the_certificate_itself_has_ended(guarded):
    entries, later = Pki(guarded.pki_dir).issued(), AT + timedelta(days=91)

    assert any(one.is_denied for one in wanted(entries, PARTNERS, AT))
    assert not wanted(entries, PARTNERS, later)
