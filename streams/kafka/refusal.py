"""Why a broker and we do not let each other in: asked by one handshake of our own.

The client library only says that it could not connect. What it meant is found out here, so that
a person is told of the certificate at once and does not look for a broker that answers well.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from streams.errors import NotLetInError

if TYPE_CHECKING:
    from streams.kafka.access import Access, Credentials

_SECONDS_MAX: Final = 3.0
#: In TLS 1.3 a server refuses our certificate after the handshake seems done.
_AFTERTHOUGHT_SECONDS: Final = 0.5
#: ApiVersions 0, correlation id 1, no client id: whoever speaks Kafka in the clear answers it.
_HELLO: Final = struct.pack(">ihhih", 10, 18, 0, 1, -1)
_TLS_ALERT: Final = 0x15

# OpenSSL's numbers of what is wrong with the other side's certificate.
_ENDED: Final = 10
_OF_ANOTHER_HOST: Final = {62, 64}


async def require_let_in(access: Access) -> None:
    """Return if certificates are not what is in the way: then the broker is away, or all is well.

    Raises: NotLetInError.
    """
    own = access.credentials
    if own is None:
        why = await _why_not_in_plain_text(access)
    else:
        why = _wrong_by_itself(own, datetime.now(UTC)) or await _why_not_by_tls(access, own)
    if why is not None:
        raise NotLetInError(why)


def _wrong_by_itself(own: Credentials, at: datetime) -> str | None:
    """What needs no broker to be seen. Raises: NotLetInError, as `Credentials.context`."""
    own.context()
    certificate = x509.load_pem_x509_certificate(own.certificate.read_bytes())
    if certificate.not_valid_after_utc > at:
        return None
    name = _name(certificate)
    ended = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    principal = name.rpartition(".")[0]
    return f"certificate {name} ended on {ended}: `rivelin pki renew {principal}`"


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else "without a name"


async def _why_not_by_tls(access: Access, own: Credentials) -> str | None:
    for host, port in _addresses(access):
        try:
            await _shake_hands(host, port, own.context())
        except ssl.SSLCertVerificationError as error:
            return _of_the_brokers(error, host, own)
        except ssl.SSLError as error:
            return _of_ours(error, own)
        except (OSError, TimeoutError, EOFError):
            if await _speaks_plain_text(host, port):
                return f"the broker at {host}:{port} speaks plain text: {_PLAIN_TEXT_REMEDY}"
    return None


_PLAIN_TEXT_REMEDY: Final = (
    "it was started with --plain-text; start it without, or enter it with RIVELIN_PLAIN_TEXT=1"
)


def _of_the_brokers(error: ssl.SSLCertVerificationError, host: str, own: Credentials) -> str:
    if error.verify_code == _ENDED:
        return "the broker's certificate has ended: `rivelin pki renew node`, then start it anew"
    if error.verify_code in _OF_ANOTHER_HOST:
        return (
            f"the broker's certificate is not for {host}:"
            f" `rivelin pki renew node --host {host}`, then start it anew"
        )
    return (
        "the broker's certificate is of another authority than the one in"
        f" {own.authority}: ask for the files that go with this broker"
    )


def _of_ours(error: ssl.SSLError, own: Credentials) -> str:
    reason = (error.reason or "").lower().replace("_", " ")
    return (
        f"the broker does not accept the certificate in {own.certificate.parent} ({reason}):"
        " it is of another authority, or has ended"
    )


async def _shake_hands(host: str, port: int, context: ssl.SSLContext) -> None:
    """Raises: ssl.SSLError, OSError, TimeoutError, whatever stands in the way."""
    async with asyncio.timeout(_SECONDS_MAX):
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), _AFTERTHOUGHT_SECONDS)
        finally:
            writer.close()


async def _why_not_in_plain_text(access: Access) -> str | None:
    for host, port in _addresses(access):
        answer = await _answer_in_plain_text(host, port)
        if answer[:1] == bytes([_TLS_ALERT]):
            return (
                f"the broker at {host}:{port} asks for a certificate: give the credentials that"
                " `rivelin partner add` or `rivelin pki issue` made"
            )
    return None


async def _speaks_plain_text(host: str, port: int) -> bool:
    answer = await _answer_in_plain_text(host, port)
    return len(answer) >= 8 and answer[4:8] == struct.pack(">i", 1)  # the correlation id  # noqa: PLR2004 - length and id


async def _answer_in_plain_text(host: str, port: int) -> bytes:
    try:
        async with asyncio.timeout(_SECONDS_MAX):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_HELLO)
                return await reader.read(64)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""


def _addresses(access: Access) -> list[tuple[str, int]]:
    found = []
    for address in access.bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        if host and port.isdecimal():
            found.append((host.strip("[]"), int(port)))
    return found
