"""Where a cluster is, and as whom to enter it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from streams.errors import NotLetInError

if TYPE_CHECKING:
    from pathlib import Path

AUTHORITY_FILE: Final = "authority.pem"
CERTIFICATE_FILE: Final = "certificate.pem"
KEY_FILE: Final = "key.pem"


@dataclass(frozen=True, slots=True)
class Credentials:
    """PEM files: who signs certificates of this cluster, our own certificate, and its key."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """Return the three files of a bundle as `rivelin partner add` hands it over."""
        return cls(folder / AUTHORITY_FILE, folder / CERTIFICATE_FILE, folder / KEY_FILE)

    def context(self) -> ssl.SSLContext:
        """Return what both ends prove themselves with: TLS 1.3, host name checked.

        Read anew at each call, so that a renewed certificate is taken up by the next connection.
        Raises: NotLetInError if the files are not there, or do not belong together.
        """
        try:
            context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=self.authority)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise NotLetInError(
                f"{self.certificate.parent} does not hold a whole certificate with its key"
            ) from error
        return context


@dataclass(frozen=True, slots=True)
class Access:
    """A cluster at `bootstrap` (host:port[,host:port…]), entered with credentials.

    Without them in plain text, which only a broker that was told so by name accepts.
    """

    bootstrap: str
    credentials: Credentials | None = None

    def options(self) -> dict[str, Any]:
        """Return what every client of aiokafka is given, by its own parameter names."""
        if self.credentials is None:
            return {"bootstrap_servers": self.bootstrap}
        return {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": "SSL",
            "ssl_context": self.credentials.context(),
        }
