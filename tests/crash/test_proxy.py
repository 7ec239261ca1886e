"""The proxy does to a stream of bytes what networks do to it."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time

import pytest

from tests.crash.proxy import LOOPBACK, Api, Proxy


@pytest.fixture
async def echo():
    """A server that sends back what it gets, and all that it got."""
    pieces: list[bytes] = []

    async def serve(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                pieces.append(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    yield server.sockets[0].getsockname()[1], pieces
    server.close()


@pytest.fixture
async def proxy(echo):
    proxy = await Proxy(echo[0]).start()
    yield proxy
    await proxy.stop()


async def dial(proxy):
    return await asyncio.open_connection(LOOPBACK, proxy.port)


async def said(writer, data):
    writer.write(data)
    await writer.drain()


def frame(api, correlation=1, client=b"me"):
    body = struct.pack(">hhih", api, 0, correlation, len(client)) + client
    return struct.pack(">i", len(body)) + body


async def test_without_faults_bytes_come_through_unchanged(proxy):
    reader, writer = await dial(proxy)

    await said(writer, b"x" * 200_000)

    assert await reader.readexactly(200_000) == b"x" * 200_000


async def test_sliced_bytes_come_in_small_pieces_and_are_the_same(proxy, echo):
    proxy.slice_bytes = 7
    reader, writer = await dial(proxy)

    await said(writer, bytes(range(100)))

    assert await reader.readexactly(100) == bytes(range(100))
    assert len(echo[1]) > 1


async def test_delayed_bytes_come_later(proxy):
    proxy.delay_seconds = 0.1
    reader, writer = await dial(proxy)
    began = time.monotonic()

    await said(writer, b"late")

    assert await reader.readexactly(4) == b"late"
    assert time.monotonic() - began > 0.2  # both ways


async def test_what_was_sent_while_it_stood_still_arrives_afterwards_though_its_sender_left(
    proxy, echo
):
    _, writer = await dial(proxy)
    proxy.stand_still()
    await said(writer, b"old news")
    writer.close()
    await asyncio.sleep(0.1)
    assert echo[1] == []

    proxy.go_on()
    await asyncio.sleep(0.1)

    assert echo[1] == [b"old news"]


async def test_half_open_nobody_is_told_and_nothing_comes_and_healing_breaks_it(proxy, echo):
    reader, writer = await dial(proxy)
    proxy.be_half_open(deaf=False)  # the node hears, its answers are lost
    await said(writer, b"hello?")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)
    assert echo[1] == [b"hello?"]

    proxy.heal()

    with pytest.raises(OSError, match="reset"):
        await asyncio.wait_for(reader.read(1), 1)


async def test_a_reset_breaks_what_is_there_and_lets_new_connections_in(proxy):
    reader, _ = await dial(proxy)
    await asyncio.sleep(0.05)

    proxy.reset()

    with pytest.raises(OSError, match="reset"):
        await asyncio.wait_for(reader.read(1), 1)
    reader, writer = await dial(proxy)
    await said(writer, b"again")
    assert await reader.readexactly(5) == b"again"


async def test_one_kind_of_request_is_held_and_what_follows_waits_behind_it(echo):
    held = await Proxy(echo[0], hold=lambda one: 0.2 * (one.api == Api.END_TXN)).start()
    reader, writer = await dial(held)
    began, data = time.monotonic(), frame(Api.END_TXN) + frame(Api.PRODUCE)

    await said(writer, data)

    assert await reader.readexactly(len(data)) == data
    assert time.monotonic() - began > 0.2
    assert [(one.api, one.client_id) for one in held.held] == [(Api.END_TXN, "me")]
    await held.stop()


async def test_a_sender_that_is_cut_off_is_told_at_once_and_its_request_still_arrives(echo):
    held = await Proxy(echo[0], hold=lambda _: 0.2).start()
    held.cuts = lambda _: True
    reader, writer = await dial(held)

    await said(writer, frame(Api.END_TXN))

    with pytest.raises(OSError, match="reset"):
        await asyncio.wait_for(reader.read(1), 0.15)
    await asyncio.sleep(0.5)
    assert echo[1] == [frame(Api.END_TXN)]
    await held.stop()
