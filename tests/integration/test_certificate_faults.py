"""Every way in which a certificate can be wrong, each told in one clear line."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from deploy.admission import shut_out
from deploy.broker import LocalBroker, require_answer
from deploy.pki import LIFETIME, Pki, RevocationReason
from deploy.settings import Settings
from deploy.topics import ensure_topics
from streams.errors import NotLetInError, NotPermittedError
from streams.kafka import Access, Credentials, KafkaLog
from streams.ports import Outgoing
from streams.topics import OPERATIONS, PUBLIC_KEYS, SHARED_TOPICS, partner_topics, submissions_of
from tests.elsewhere import let_in

NOW = datetime.now(UTC)
ANOTHER_LOOPBACK = "127.0.0.2"
SOON = timedelta(seconds=20)
#: A certificate fault is told at once; whoever waited out the patience would look for a broker.
TOLD_SECONDS_MAX = 10


@pytest.fixture
def doubled(broker, tmp_path):
    """The same authority, with a register that the other tests do not share."""
    return Pki(shutil.copytree(broker.settings.pki_dir, tmp_path / "pki"))


def issued(pki, principal, at=NOW) -> Credentials:
    return Credentials.in_folder(pki.folder_of(pki.renew(principal, at).name))


async def refusal(access, error=NotLetInError, topic=OPERATIONS) -> str:
    """What a client of ours says when it tries to write."""
    log = KafkaLog(access, client_id="faults", patience=SOON)
    began = time.monotonic()
    try:
        with pytest.raises(error) as told:
            await log.append([Outgoing(topic, b"v")])
    finally:
        await log.stop()
    assert time.monotonic() - began < TOLD_SECONDS_MAX
    text = str(told.value)
    assert "\n" not in text
    return text


async def handshake(bootstrap, context) -> None:
    """One connection by hand, past the checks of our own client; the broker has the last word."""
    host, _, port = bootstrap.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
    try:
        await asyncio.wait_for(reader.read(1), 2)
    finally:
        writer.close()


async def refused_by_the_broker(bootstrap, context) -> bool:
    try:
        await handshake(bootstrap, context)
    except ssl.SSLError:
        return True
    except TimeoutError:
        return False
    return False


async def test_a_good_certificate_is_let_in(broker, doubled):
    assert not await refused_by_the_broker(broker.bootstrap, issued(doubled, "duty").context())


async def test_an_expired_certificate_is_named_with_the_command_that_renews_it(broker, doubled):
    ended = issued(doubled, "linker", NOW - LIFETIME - timedelta(days=1))

    text = await refusal(Access(broker.bootstrap, ended))

    assert text.startswith("certificate linker.2 ended on ")
    assert text.endswith("`rivelin pki renew linker`")
    assert await refused_by_the_broker(broker.bootstrap, ended.context())


async def test_a_broker_under_another_host_name_is_not_believed(broker):
    own = broker.access("supervisor")
    async with forwarded(own.bootstrap) as elsewhere:
        text = await refusal(Access(elsewhere, own.credentials))

    assert f"not for {ANOTHER_LOOPBACK}" in text
    assert f"rivelin pki renew node --host {ANOTHER_LOOPBACK}" in text


async def test_a_broker_of_another_authority_is_not_believed(broker, tmp_path):
    stranger = Pki(tmp_path / "stranger")
    stranger.create(NOW)
    own = Credentials.in_folder(stranger.folder_of(stranger.issue("linker", NOW).name))

    text = await refusal(Access(broker.bootstrap, own))

    assert "of another authority" in text


async def test_a_super_users_name_from_another_authority_opens_nothing(broker, tmp_path):
    stranger = Pki(tmp_path / "stranger")
    stranger.create(NOW)
    rogue = Credentials.in_folder(stranger.folder_of(stranger.issue("supervisor", NOW).name))
    genuine = broker.access("supervisor").credentials.authority
    pretending = Credentials(genuine, rogue.certificate, rogue.key)

    text = await refusal(Access(broker.bootstrap, pretending))

    assert "does not accept the certificate" in text
    assert await refused_by_the_broker(broker.bootstrap, pretending.context())


async def test_without_a_certificate_nobody_is_let_in(broker, tmp_path):
    own = broker.access("supervisor").credentials
    nothing = ssl.create_default_context(cafile=own.authority)
    assert await refused_by_the_broker(broker.bootstrap, nothing)

    text = await refusal(Access(broker.bootstrap, Credentials.in_folder(tmp_path)))

    assert "does not hold a whole certificate" in text


async def test_an_older_tls_is_refused(broker):
    context = broker.access("supervisor").credentials.context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2

    assert await refused_by_the_broker(broker.bootstrap, context)


async def test_a_client_in_plain_text_is_told_to_bring_a_certificate(broker):
    text = await refusal(Access(broker.bootstrap))

    assert "asks for a certificate" in text
    with pytest.raises(NotLetInError, match="asks for a certificate"):
        await require_answer(Access(broker.bootstrap))


async def test_a_broker_in_plain_text_is_not_taken_for_one_that_proves_itself(broker, tmp_path):
    own = broker.access("supervisor").credentials
    node = await asyncio.to_thread(LocalBroker, Settings(home=tmp_path / "home"), plain_text=True)
    try:
        await node.start_async()
        text = await refusal(Access(node.bootstrap, own))
    finally:
        await asyncio.to_thread(node.close)

    assert "speaks plain text" in text


async def test_a_revoked_partner_is_told_so_and_no_longer_let_write(broker):
    partner = "revoked-homes"
    await ensure_topics(broker.settings, (*SHARED_TOPICS, *partner_topics(partner)))
    await let_in(broker.settings, partner)
    own = broker.access(f"partner:{partner}")
    folder = shutil.copytree(own.credentials.key.parent, broker.settings.home / "kept")
    kept = Access(own.bootstrap, Credentials.in_folder(folder))
    log = KafkaLog(kept, client_id="faults", patience=SOON)
    await log.append([Outgoing(submissions_of(partner), b"before")])

    await shut_out(broker.settings, f"partner:{partner}", RevocationReason.KEY_COMPROMISE, NOW)

    with pytest.raises(NotPermittedError, match="was it revoked"):
        await log.append([Outgoing(submissions_of(partner), b"on the open connection")])
    await log.stop()
    text = await refusal(kept, NotPermittedError, submissions_of(partner))
    assert "was it revoked" in text


async def test_a_partner_writes_to_its_own_topic_and_to_no_other(broker):
    one, other = "first-homes", "second-homes"
    specs = [spec for name in (one, other) for spec in partner_topics(name)]
    await ensure_topics(broker.settings, (*SHARED_TOPICS, *specs))
    await let_in(broker.settings, one, other)
    own = broker.access(f"partner:{one}")

    for topic in (submissions_of(other), OPERATIONS, PUBLIC_KEYS):
        assert "not permitted" in await refusal(own, NotPermittedError, topic)
    log = KafkaLog(own, client_id="faults", patience=SOON)
    assert await log.append([Outgoing(submissions_of(one), b"v")])
    await log.stop()


@asynccontextmanager
async def forwarded(bootstrap):
    """The same broker under another address, which its certificate does not name."""
    host, _, port = bootstrap.rpartition(":")

    async def serve(reader, writer):
        beyond, there = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, there), pump(beyond, writer))

    server = await asyncio.start_server(serve, ANOTHER_LOOPBACK, 0)
    try:
        yield f"{ANOTHER_LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def pump(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
