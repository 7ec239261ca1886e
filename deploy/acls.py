"""Who may do what on the broker: computed from the table of topics, applied, and compared.

What is asked for is pure data (`grants`, `wanted`). Applying makes what is missing, removes what
belongs to a certificate of ours that ended, and tells of whatever else lies there: that is for a
person to settle. A revoked certificate is denied everything, which also ends what it had open.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from deploy.certificates import (
    PARTNER_PREFIX,
    SUPER_USERS,
    CertificateName,
    UnknownPrincipalError,
    partner_principal,
)
from deploy.pki import Pki
from streams.errors import BrokerUnreachableError, RivelinError
from streams.kafka.refusal import require_let_in
from streams.topics import (
    ALERTS,
    DISRUPTIONS,
    HUB_DECISIONS,
    OUTGOING,
    PARTNER_ID,
    POLICE_DECISIONS,
    REDRIVES,
    RESOLUTIONS,
    ROLE_PRINCIPALS,
    SHARED_TOPICS,
    TOKENISED,
    partner_topics,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from deploy.pki import Issued
    from deploy.settings import Settings
    from streams.kafka.access import Access
    from streams.topics import TopicSpec

_SUBMISSIONS: Final = re.compile(rf"partner\.({PARTNER_ID.pattern})\.submissions")
_REQUEST_SECONDS_MAX: Final = 15.0
_SETTLE_SECONDS_MAX: Final = 10.0
_SETTLE_PROBE_SECONDS: Final = 0.05
_CLUSTER_NAME: Final = "kafka-cluster"
_USER: Final = "User:"
#: Word of the table of topics for every principal there is, partners too.
EVERYONE: Final = "everyone"


class PermissionsNotSetError(RivelinError):
    """The broker refused to set or to show permissions; the message carries its reason."""


class Resource(StrEnum):
    """What a permission is about; values are the client library's names."""

    TOPIC = "TOPIC"
    GROUP = "GROUP"
    TRANSACTIONAL_ID = "TRANSACTIONAL_ID"
    CLUSTER = "BROKER"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One operation on one resource, or on all whose names begin so."""

    resource: Resource
    name: str
    operation: str
    is_prefix: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """What the broker keeps: a grant for one principal as it knows it, or its denial."""

    principal: str
    grant: Grant
    is_denied: bool = False
    host: str = "*"

    def __str__(self) -> str:
        """In one line, for an operator."""
        verb = "is denied" if self.is_denied else "may"
        shape = " and all that begin so" if self.grant.is_prefix else ""
        resource = self.grant.resource.name.lower().replace("_", " ")
        return f"{self.principal} {verb} {self.grant.operation} {resource} {self.grant.name}{shape}"


@dataclass(frozen=True, slots=True)
class PermissionsReport:
    """What an admin step made and removed, and what nobody asked for and still lies there."""

    made: tuple[Permission, ...]
    removed: tuple[Permission, ...]
    drift: tuple[Permission, ...]


# -------------------------------------------------------------------- what is asked for (pure)

_INTAKE: Final = "rivelin-intake"


def _stage(name: str) -> tuple[Grant, ...]:
    """What `streams.loop.StageRunner` needs beside topics."""
    return (
        Grant(Resource.GROUP, f"rivelin-{name}", "READ"),
        Grant(Resource.TRANSACTIONAL_ID, f"rivelin-{name}", "WRITE"),
    )


def _decides(topic: str) -> Grant:
    """What `deploy.decisions` needs: who decides fences whoever was deciding before."""
    return Grant(Resource.TRANSACTIONAL_ID, f"rivelin-decide-{topic}", "WRITE")


#: Beside topics: consumer groups, transactional ids, and what administration takes.
_BESIDE_TOPICS: Final[Mapping[str, tuple[Grant, ...]]] = {
    "anonymiser": (
        Grant(Resource.GROUP, _INTAKE, "READ"),
        Grant(Resource.TRANSACTIONAL_ID, f"{_INTAKE}-", "WRITE", is_prefix=True),
        Grant(Resource.TRANSACTIONAL_ID, f"{_INTAKE}-{REDRIVES}-0", "WRITE"),
    ),
    # It asks how far each stage is, and reads nothing of what lies between them.
    "reconciler": (
        Grant(Resource.GROUP, _INTAKE, "DESCRIBE"),
        Grant(Resource.GROUP, "rivelin-linker", "DESCRIBE"),
        Grant(Resource.GROUP, "rivelin-gate", "DESCRIBE"),
        Grant(Resource.TOPIC, TOKENISED, "DESCRIBE"),
        Grant(Resource.TOPIC, OUTGOING, "DESCRIBE"),
    ),
    "linker": _stage("linker"),
    "gate": _stage("gate"),
    # The rotation of the token key writes in the linker's place, which it fences by that.
    "keys": (
        Grant(Resource.TRANSACTIONAL_ID, "rivelin-linker", "WRITE"),
        Grant(Resource.TOPIC, RESOLUTIONS, "WRITE"),
    ),
    "desk": (Grant(Resource.TRANSACTIONAL_ID, "rivelin-desk", "WRITE"),),
    "police": (
        _decides(POLICE_DECISIONS),
        _decides(DISRUPTIONS),
        Grant(Resource.TRANSACTIONAL_ID, f"rivelin-relay-{POLICE_DECISIONS}", "WRITE"),
    ),
    "disruption": (_decides(DISRUPTIONS),),
    "safeguarding": (
        _decides(HUB_DECISIONS),
        Grant(Resource.TRANSACTIONAL_ID, f"rivelin-relay-{ALERTS}", "WRITE"),
        Grant(Resource.TRANSACTIONAL_ID, f"rivelin-relay-{HUB_DECISIONS}", "WRITE"),
    ),
    # `rivelin partner add` makes topics and permissions. ALTER of the cluster means that its
    # holder can permit itself anything: no desk and no role works as it.
    "administrator": (
        Grant(Resource.CLUSTER, _CLUSTER_NAME, "ALTER"),
        Grant(Resource.TOPIC, "partner.", "CREATE", is_prefix=True),
        Grant(Resource.TOPIC, "partner.", "DESCRIBE", is_prefix=True),
        Grant(Resource.TOPIC, "partner.", "DESCRIBE_CONFIGS", is_prefix=True),
    ),
}

#: All that can be forbidden to the holder of a revoked certificate.
_EVERYTHING: Final = (
    Grant(Resource.TOPIC, "*", "ALL"),
    Grant(Resource.GROUP, "*", "ALL"),
    Grant(Resource.TRANSACTIONAL_ID, "*", "ALL"),
    Grant(Resource.CLUSTER, _CLUSTER_NAME, "ALL"),
)


def grants(partners: Iterable[str]) -> Mapping[str, frozenset[Grant]]:
    """Return what each principal may do, with these partners on board; super users need none."""
    known = sorted(set(partners))
    everyone = (*ROLE_PRINCIPALS, *map(partner_principal, known))
    found: dict[str, set[Grant]] = defaultdict(set)
    for principal, beside in _BESIDE_TOPICS.items():
        found[principal].update(beside)
    for spec in (*SHARED_TOPICS, *(one for partner in known for one in partner_topics(partner))):
        for principal, grant in _topic_grants(spec, everyone):
            found[principal].add(grant)
    return {principal: frozenset(mine) for principal, mine in found.items()}


def _topic_grants(spec: TopicSpec, everyone: Sequence[str]) -> Iterator[tuple[str, Grant]]:
    for operation, principals in (("WRITE", spec.writers), ("READ", spec.readers)):
        for principal in everyone if EVERYONE in principals else principals:
            yield principal, Grant(Resource.TOPIC, spec.name, operation)


def wanted(
    entries: Iterable[Issued], partners: Iterable[str], at: datetime
) -> frozenset[Permission]:
    """Return the whole set: each live certificate its principal's grants, a revoked one none.

    A denial stands until the certificate ends: from then on it opens no connection, and what
    was left open has no grant.
    """
    certificates = tuple(entries)
    by_principal = grants({*partners, *_partners_of(certificates)})
    return frozenset(
        permission
        for one in certificates
        if one.name.principal not in SUPER_USERS
        for permission in _permissions(one, by_principal.get(one.name.principal, ()), at)
    )


def _partners_of(entries: Iterable[Issued]) -> Iterator[str]:
    for one in entries:
        if one.name.is_partners:
            yield one.name.principal.removeprefix(PARTNER_PREFIX)


def _permissions(one: Issued, mine: Iterable[Grant], at: datetime) -> Iterator[Permission]:
    principal = f"{_USER}{one.name}"
    if one.is_live(at):
        yield from (Permission(principal, grant) for grant in mine)
    elif one.revoked_at is not None and one.expires_at > at:
        yield from (Permission(principal, grant, is_denied=True) for grant in _EVERYTHING)


def is_stale(permission: Permission, entries: Iterable[Issued], at: datetime) -> bool:
    """Tell whether an unwanted permission is only left over from a certificate that ended."""
    try:
        name = CertificateName.read(permission.principal.removeprefix(_USER))
    except UnknownPrincipalError:
        return False
    return any(one.name == name and not one.is_live(at) for one in entries)


# -------------------------------------------------------------------------------- on the broker


async def ensure_permissions(
    settings: Settings, principal: str, at: datetime, *, prune: bool = False
) -> PermissionsReport:
    """Bring the broker's permissions to what is asked for; doing it twice is doing it once.

    It is entered as `principal`: `administrator`, or `supervisor`, whom nobody has to permit.
    With `prune` also that is removed which nobody asked for. Returns when the broker acts by it.
    Raises: BrokerUnreachableError, PermissionsNotSetError, DamagedRegisterError.
    """
    entries = Pki(settings.pki_dir).issued()
    access = settings.access(principal)
    return await _aside(lambda: _bring_about(access, entries, at, prune=prune))


async def _aside(work: Callable[[], PermissionsReport]) -> PermissionsReport:
    """Do what blocks in a thread that an end of this process does not wait for.

    A start that is broken off takes its broker down, and the client would ask it for long.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[PermissionsReport] = loop.create_future()

    def settle(outcome: Callable[[], None]) -> None:
        if not done.done():
            outcome()

    def run() -> None:
        try:
            report = work()
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            outcome = partial(done.set_exception, error)
        else:
            outcome = partial(done.set_result, report)
        with contextlib.suppress(RuntimeError):  # nobody waits any more: the loop is closed
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, name="permissions", daemon=True).start()
    return await done


def _bring_about(
    access: Access, entries: Sequence[Issued], at: datetime, *, prune: bool
) -> PermissionsReport:
    with _Administration(access) as administration:
        asked = wanted(entries, administration.partners(), at)
        found = administration.permissions()
        extra = found - asked
        stale = frozenset(one for one in extra if prune or is_stale(one, entries, at))
        missing = asked - found
        administration.make(missing)
        administration.remove(stale)
        if missing or stale:
            administration.settle(asked, stale)
    return PermissionsReport(
        tuple(sorted(missing)), tuple(sorted(stale)), tuple(sorted(extra - stale))
    )


class _Administration:
    """One connection of the admin client of confluent-kafka; aiokafka's cannot list permissions.

    The client lives as long as this object: collected earlier, it drops its answers.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._client: Any = None

    def __enter__(self) -> Self:
        self._client = _admin().AdminClient(confluent_options(self._access), logger=_silent())
        return self

    def __exit__(self, *_: object) -> None:
        self._client = None

    def partners(self) -> frozenset[str]:
        """Return the partners whose topics are there."""
        listed = self._asked(lambda client: client.list_topics(timeout=_REQUEST_SECONDS_MAX))
        matches = (_SUBMISSIONS.fullmatch(name) for name in listed.topics)
        return frozenset(found[1] for found in matches if found is not None)

    def permissions(self) -> frozenset[Permission]:
        """Return every permission there is."""
        admin = _admin()
        everything = admin.AclBindingFilter(
            admin.ResourceType.ANY,
            None,
            admin.ResourcePatternType.ANY,
            None,
            None,
            admin.AclOperation.ANY,
            admin.AclPermissionType.ANY,
        )
        bindings = self._asked(
            lambda client: client.describe_acls(
                everything, request_timeout=_REQUEST_SECONDS_MAX
            ).result()
        )
        return frozenset(map(_read, bindings))

    def make(self, permissions: Iterable[Permission]) -> None:
        """Set permissions, all in one request."""
        bindings = [_admin().AclBinding(*_parts(one)) for one in sorted(permissions)]
        if bindings:
            self._all_done(lambda client: client.create_acls(bindings))

    def remove(self, permissions: Iterable[Permission]) -> None:
        """Take permissions away, all in one request."""
        filters = [_admin().AclBindingFilter(*_parts(one)) for one in sorted(permissions)]
        if filters:
            self._all_done(lambda client: client.delete_acls(filters))

    def settle(self, asked: frozenset[Permission], gone: frozenset[Permission]) -> None:
        """Wait until the broker acts by it: it answers before it has read what it wrote."""
        deadline = time.monotonic() + _SETTLE_SECONDS_MAX
        while (asked - (found := self.permissions())) or (gone & found):
            if time.monotonic() > deadline:
                raise PermissionsNotSetError("the broker does not act by its new permissions yet")
            time.sleep(_SETTLE_PROBE_SECONDS)

    def _all_done(self, request: Any) -> None:  # noqa: ANN401 - the library has no types here
        for future in self._asked(request).values():
            self._asked(lambda _, future=future: future.result())

    def _asked(self, request: Any) -> Any:  # noqa: ANN401 - the same
        from confluent_kafka import KafkaError, KafkaException  # noqa: PLC0415 - slow to import

        try:
            return request(self._client)
        except KafkaException as error:
            cause = error.args[0]
            if cause.code() in {KafkaError._TRANSPORT, KafkaError._TIMED_OUT}:  # noqa: SLF001 - its public codes begin so
                asyncio.run(require_let_in(self._access))  # we are in a thread of our own
                raise BrokerUnreachableError(
                    f"no broker answers at {self._access.bootstrap}"
                ) from error
            raise PermissionsNotSetError(
                f"the broker refused to set permissions: {cause.name()}"
            ) from error


def confluent_options(access: Access) -> dict[str, Any]:
    """Return what every client of confluent-kafka is given, by its own names."""
    options: dict[str, Any] = {"bootstrap.servers": access.bootstrap, "log_level": "0"}
    own = access.credentials
    if own is not None:
        options |= {
            "security.protocol": "SSL",
            "ssl.ca.location": str(own.authority),
            "ssl.certificate.location": str(own.certificate),
            "ssl.key.location": str(own.key),
        }
    return options


def _silent() -> logging.Logger:
    """Of a broker that does not answer we speak ourselves."""
    logger = logging.getLogger("rivelin.acls.client")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


def _admin() -> Any:  # noqa: ANN401 - its types forbid what its documentation asks for
    from confluent_kafka import admin  # noqa: PLC0415 - slow to import

    return admin


def _parts(permission: Permission) -> tuple[Any, ...]:
    """What the library's bindings and filters are made of."""
    admin, grant = _admin(), permission.grant
    patterns, kinds = admin.ResourcePatternType, admin.AclPermissionType
    return (
        admin.ResourceType[grant.resource.value],
        grant.name,
        patterns.PREFIXED if grant.is_prefix else patterns.LITERAL,
        permission.principal,
        permission.host,
        admin.AclOperation[grant.operation],
        kinds.DENY if permission.is_denied else kinds.ALLOW,
    )


def _read(binding: Any) -> Permission:  # noqa: ANN401 - the library has no types here
    grant = Grant(
        Resource(binding.restype.name),
        binding.name,
        binding.operation.name,
        is_prefix=binding.resource_pattern_type.name == "PREFIXED",
    )
    is_denied = binding.permission_type.name == "DENY"
    return Permission(binding.principal, grant, is_denied, binding.host)
