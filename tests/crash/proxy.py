"""A TCP proxy in this process, between clients and a node that advertises the proxy's port.

TLS passes through as bytes. On a plain-text node the requests can be told apart: `hold` says for
how long each is kept before the node gets it; what follows on its connection waits behind it.

What a network does to a byte stream: it is slow, it comes in pieces, it stands still and goes on
(what was sent meanwhile arrives late, also after its sender has given up), it goes silent for
good in one direction or both (half open), it is reset with data lost on the way.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

LOOPBACK = "127.0.0.1"
_CHUNK = 1 << 16
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: RST instead of FIN


class Api(IntEnum):
    """Requests by their number in Kafka's protocol."""

    PRODUCE = 0
    FETCH = 1
    METADATA = 3
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS = 24
    ADD_OFFSETS = 25
    END_TXN = 26
    WRITE_MARKERS = 27
    TXN_OFFSET_COMMIT = 28


@dataclass(frozen=True, slots=True)
class Frame:
    """One request of a plain-text client, whole."""

    data: bytes = field(repr=False)

    @property
    def api(self) -> int:
        """Which request it is."""
        return struct.unpack_from(">h", self.data, 4)[0]

    @property
    def client_id(self) -> str:
        """Who says to send it."""
        (length,) = struct.unpack_from(">h", self.data, 12)
        return self.data[14 : 14 + max(length, 0)].decode()


class _Connection:
    """One client and the node, and what is between them."""

    def __init__(self, proxy: Proxy, client: _Ends, node: _Ends) -> None:
        self._proxy = proxy
        self._client = client
        self._node = node

    async def run(self) -> None:
        """Carry both ways until both have said their last, or one is broken."""
        ways = [asyncio.create_task(self._requests()), asyncio.create_task(self._answers())]
        try:
            await asyncio.gather(*ways)
        except OSError:
            pass
        finally:
            for way in ways:
                way.cancel()
            self._client.close()
            self._node.close()

    def reset(self) -> None:
        """Break it on both sides; what was on its way is lost."""
        self._client.reset()
        self._node.reset()

    async def _requests(self) -> None:
        pieces = _frames if self._proxy.hold is not None else _chunks
        async for piece in pieces(self._client.reader):
            await self._proxy.keep(piece, self._client)
            if not self._proxy.is_deaf:
                await self._proxy.pass_on(piece, self._node.writer)
        self._node.finish()

    async def _answers(self) -> None:
        async for piece in _chunks(self._node.reader):
            if not self._proxy.is_mute:
                with contextlib.suppress(OSError):  # it gave up; the node must not notice
                    await self._proxy.pass_on(piece, self._client.writer)
        self._client.finish()


@dataclass
class _Ends:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def close(self) -> None:
        self.writer.close()

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            self.writer.write_eof()

    def reset(self) -> None:
        held = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.writer.transport.abort()


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while data := await reader.read(_CHUNK):
        yield data


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            size = await reader.readexactly(4)
            yield size + await reader.readexactly(int.from_bytes(size, "big"))


class Proxy:
    """Listens on `port` for the node at `upstream`; its faults can be changed while it runs."""

    def __init__(
        self, upstream: int, port: int = 0, hold: Callable[[Frame], float] | None = None
    ) -> None:
        self.port = port
        self.hold = hold
        #: Whether the sender of a request that is held is cut off at once: it asks again on another
        #: connection, and the first copy comes after the second.
        self.cuts: Callable[[Frame], bool] = lambda _: False
        self.delay_seconds = 0.0
        self.slice_bytes = 0
        #: Half open: what clients say is lost (deaf), or what the node says (mute).
        self.is_deaf = False
        self.is_mute = False
        self.held: list[Frame] = []
        self._upstream = upstream
        self._flows = asyncio.Event()
        self._flows.set()
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Break everything and listen no more."""
        if self._server is not None:
            self._server.close()
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset(self) -> None:
        """Break every connection there is; new ones are accepted."""
        for connection in list(self._connections):
            connection.reset()

    def stand_still(self) -> None:
        """A partition: nothing passes either way, and nothing is lost yet."""
        self._flows.clear()

    def go_on(self) -> None:
        """What was sent while it stood still arrives now, wanted or not."""
        self._flows.set()

    def be_half_open(self, *, deaf: bool = True, mute: bool = True) -> None:
        """Lose what is said, keeping connections up: nobody is told."""
        self.is_deaf, self.is_mute = deaf, mute

    def heal(self) -> None:
        """No fault any more; connections that lost bytes cannot go on and are broken."""
        if self.is_deaf or self.is_mute:
            self.reset()
        self.is_deaf = self.is_mute = False
        self.delay_seconds, self.slice_bytes = 0.0, 0
        self.go_on()

    async def keep(self, piece: bytes, client: _Ends) -> None:
        """Hold one request back for as long as `hold` says, with its sender cut off if `cuts`."""
        if self.hold is None:
            return
        seconds = self.hold(frame := Frame(piece))
        if seconds > 0:
            self.held.append(frame)
            if self.cuts(frame):
                client.reset()
            await asyncio.sleep(seconds)

    async def pass_on(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        """Write to the other side, as slow and as cut up as it is now."""
        await self._flows.wait()
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        size = self.slice_bytes or len(data)
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            await writer.drain()
            if self.slice_bytes:
                await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _Ends(reader, writer)
        try:
            node = _Ends(*await asyncio.open_connection(LOOPBACK, self._upstream))
        except OSError:
            client.reset()
            return
        connection = _Connection(self, client, node)
        self._connections.add(connection)
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            await connection.run()
        except asyncio.CancelledError:
            pass  # by `stop`; asyncio's streams would tell of it as of an error
        finally:
            self._connections.discard(connection)
            self._tasks.discard(task)
