"""How a node lets clients in: mutual TLS with permissions, or plain text where it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

from deploy.certificates import NODE, SUPER_USERS, SUPERVISOR, newest_bundle
from deploy.pki import Pki, ensure_own
from streams.kafka.access import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CLIENTS: Final = "CLIENTS"
CONTROLLER: Final = "CONTROLLER"
_KEYSTORE: Final = "node.pem"
_TRUSTSTORE: Final = "authority.pem"
PLAIN_TEXT_NOTICE: Final = (
    "Plain text, without permissions, because --plain-text or RIVELIN_PLAIN_TEXT asks for it:"
    " whoever reaches the broker can read and write everything."
)

_PLAIN_TEXT: Final = {
    "listener.security.protocol.map": f"{CONTROLLER}:PLAINTEXT,{CLIENTS}:PLAINTEXT",
}
_MUTUAL_TLS: Final = {
    "listener.security.protocol.map": f"{CONTROLLER}:SSL,{CLIENTS}:SSL",
    "ssl.client.auth": "required",
    "ssl.protocol": "TLSv1.3",
    "ssl.enabled.protocols": "TLSv1.3",
    # In this order. Our node compiles by C1 alone, which has no instructions for AES: a record
    # costs it 30 µs under the first and 72 µs under the second (`rivelin bench security`).
    "ssl.cipher.suites": "TLS_CHACHA20_POLY1305_SHA256,TLS_AES_256_GCM_SHA384",
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": _KEYSTORE,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": _TRUSTSTORE,
    # A subject of one common name and nothing else is a name of ours; any other stays whole,
    # and so belongs to nobody that a permission was given to.
    "ssl.principal.mapping.rules": "RULE:^CN=([^,=]+)$/$1/,DEFAULT",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "false",
}


@dataclass(frozen=True)
class Security:
    """What a node proves itself with, whom it asks for no permission, and its keeper's way in.

    Without certificates (`PLAIN_TEXT`) it lets everybody do everything.
    """

    keystore: bytes = field(default=b"", repr=False)
    truststore: bytes = field(default=b"", repr=False)
    super_users: tuple[str, ...] = ()
    keeper: Credentials | None = None

    @classmethod
    def of_home(cls, pki_dir: Path, at: datetime | None = None) -> Self:
        """Take the certificates of a home; what is missing or due is issued first.

        Raises: NoAuthorityError, AuthorityEndedError, DamagedRegisterError.
        """
        now = at or datetime.now(UTC)
        ensure_own(pki_dir, now)
        node = Credentials.in_folder(newest_bundle(pki_dir, NODE))
        users = (
            str(one.name)
            for one in Pki(pki_dir).issued()
            if one.name.principal in SUPER_USERS and one.is_live(now)
        )
        return cls(
            keystore=node.key.read_bytes() + node.certificate.read_bytes(),
            truststore=node.authority.read_bytes(),
            super_users=tuple(users),
            keeper=Credentials.in_folder(newest_bundle(pki_dir, SUPERVISOR)),
        )

    def properties(self) -> Mapping[str, str]:
        """Return the node's properties; its two files are named relative to its folder."""
        if self.keeper is None:
            return _PLAIN_TEXT
        users = ";".join(f"User:{name}" for name in self.super_users)
        return {**_MUTUAL_TLS, "super.users": users}

    def write(self, folder: Path) -> None:
        """Put the files that the properties name into the node's folder, for its owner only."""
        for name, data in ((_KEYSTORE, self.keystore), (_TRUSTSTORE, self.truststore)):
            file = folder / name
            file.unlink(missing_ok=True)
            if data:
                file.touch(mode=0o600)
                file.write_bytes(data)


PLAIN_TEXT: Final = Security()
