"""The register's writing side: onboard and suspend partners, and see that they are served.

A partner's topics are made before the event that names it, so that whoever
reads the event finds them.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaConnectionError

from deploy.admission import ADMINISTRATOR, admit
from deploy.progress import read_progress
from deploy.topics import ensure_topics
from streams.codec import encode
from streams.codes import StaffRole
from streams.errors import BrokerUnreachableError, DeniedError, InvalidInputError
from streams.kafka import KafkaLog
from streams.loop import read_to_end
from streams.ports import Outgoing
from streams.registry import Registry
from streams.shared import PartnerSuspended
from streams.topics import PARTNER_ID, REGISTRY, partner_topics, submissions_of
from streams.values import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deploy.settings import Settings
    from deploy.topics import TopicsReport
    from streams.ports import Log
    from streams.registry import RegistryEvent
    from streams.shared import (
        PartnerOnboarded,
        ReferencePopulationSet,
        RoleAssigned,
        RoleRevoked,
        Service,
    )

CLIENT: Final = "rivelin-administrator"
SERVED_SECONDS_MAX: Final = 60.0
TEXT_CHARS_MAX: Final = 200
_POLICE: Final = "police"
_HUB: Final = "hub"
#: For whom a person may act, beside partners.
_AGENCIES: Final = frozenset({_POLICE, _HUB})
#: Roles that are of one body alone; in the others people act for whom they are assigned for.
HOME_OF: Final[Mapping[StaffRole, str]] = {
    StaffRole.ANALYST: _POLICE,
    StaffRole.LEAD_RESPONSIBLE_OFFICER: _POLICE,
    StaffRole.RATER: _POLICE,
    StaffRole.HUB_PRACTITIONER: _HUB,
    StaffRole.HUB_LEAD: _HUB,
}
#: A status file older than this tells of a process that has ended.
_FRESH: Final = timedelta(seconds=10)
_PROBE_SECONDS: Final = 0.1
#: How long a person at a terminal waits for a broker that does not answer.
_PATIENCE: Final = timedelta(seconds=5)


class UnknownPartnerError(DeniedError):
    """The register has no partner of this id; `rivelin partner list` shows those it has."""


async def onboard(settings: Settings, entries: Iterable[PartnerOnboarded]) -> TopicsReport:
    """Make the partners' topics, let them in, then write their registry entries.

    A later entry replaces; a partner that has a certificate keeps it.
    Raises: InvalidInputError naming the first field that does not hold (nothing is written
    then), BrokerUnreachableError, TopicNotMadeError, LogError.
    """
    ordered = tuple(entries)
    for entry in ordered:
        require_sound(entry)
    specs = [spec for entry in ordered for spec in partner_topics(entry.partner)]
    try:
        report = await ensure_topics(settings, specs, ADMINISTRATOR)
    except KafkaConnectionError:
        raise BrokerUnreachableError(f"no broker answers at {settings.bootstrap}") from None
    await admit(settings, [entry.partner for entry in ordered], datetime.now(UTC))
    await write(settings, ordered)
    return report


async def suspend(settings: Settings, partner: str, reason: str, by: str, at: datetime) -> None:
    """Refuse the partner's reports from here on, immediate risks excepted.

    Raises: UnknownPartnerError, InvalidInputError, BrokerUnreachableError.
    """
    _require_text(reason, "reason")
    if (await read_registry(settings)).entry(partner) is None:
        raise UnknownPartnerError(f"no partner {partner!r} is in the register")
    event = PartnerSuspended(partner=partner, reason=reason, decided_by=by, decided_at=at)
    await write(settings, (event,))


async def set_population(settings: Settings, event: ReferencePopulationSet) -> None:
    """Let small cells be counted in another reference population from here on.

    Raises: InvalidInputError, BrokerUnreachableError, MissingTopicError, UnencodableError if
    the tables are too large for one record.
    """
    _require_text(event.name, "name")
    _require_text(event.decided_by, "decided_by")
    await write(settings, (event,))


async def assign_role(settings: Settings, event: RoleAssigned) -> None:
    """Let a person act in a role until an instant.

    Raises: InvalidInputError, UnknownPartnerError, BrokerUnreachableError.
    """
    _require_text(event.name, "name")
    if not event.name.isprintable():
        raise InvalidInputError("name: a character of it cannot be seen; write it anew")
    _require_text(event.decided_by, "decided_by")
    if event.expires_at <= event.decided_at:
        raise InvalidInputError("--until: a role ends after it is assigned")
    require_home(event.role, event.agency)
    known = (await read_registry(settings)).entry(event.agency) is not None
    if event.agency not in _AGENCIES and not known:
        raise UnknownPartnerError("--agency is police, hub or a partner of the register")
    await write(settings, (event,))


def require_home(role: StaffRole, agency: str) -> None:
    """Refuse to let somebody act for one body in a role that is another's.

    Raises: InvalidInputError.
    """
    home = HOME_OF.get(role, agency)
    if agency != home:
        raise InvalidInputError(f"--agency: {role} is a role of {home} alone")


async def revoke_role(settings: Settings, event: RoleRevoked) -> None:
    """Take a role back from now on.

    Raises: InvalidInputError if it is not assigned, BrokerUnreachableError.
    """
    held = (await read_registry(settings)).roles()
    if not any((one.name, one.role) == (event.name, event.role) for one in held):
        raise InvalidInputError("the register gives this name no such role")
    await write(settings, (event,))


async def registry_in(log: Log) -> Registry:
    """Return the register as the log has it now.

    Raises: DecodeError, see `Registry.learn`.
    """
    registry = Registry()
    async for records in read_to_end(log, (REGISTRY,)):
        registry.learn(records)
    return registry


async def read_registry(settings: Settings) -> Registry:
    """Return the register as it stands now.

    Raises: BrokerUnreachableError, MissingTopicError if the system was never started.
    """
    log = KafkaLog(settings.access(ADMINISTRATOR), CLIENT, _PATIENCE)
    try:
        return await registry_in(log)
    finally:
        await log.stop()


async def wait_until_served(
    settings: Settings, partners: Sequence[str], seconds_max: float = SERVED_SECONDS_MAX
) -> tuple[str, ...]:
    """Wait until the anonymiser of this home serves the partners; return those it does not yet."""
    deadline = time.monotonic() + seconds_max
    while (missing := _unserved(settings, partners)) and time.monotonic() < deadline:  # noqa: ASYNC110 - a file gives no event
        await asyncio.sleep(_PROBE_SECONDS)
    return missing


def anonymiser_runs(settings: Settings) -> bool:
    """Tell whether an anonymiser of this home told of itself just now."""
    facts = read_progress(settings, "anonymiser") or {}
    try:
        told_at = datetime.fromisoformat(str(facts.get("written_at")))
        return datetime.now(UTC) - told_at < _FRESH
    except (TypeError, ValueError):
        return False


def _unserved(settings: Settings, partners: Sequence[str]) -> tuple[str, ...]:
    facts = read_progress(settings, "anonymiser") or {}
    served = facts.get("topics") or {}
    fresh = anonymiser_runs(settings)
    return tuple(one for one in partners if not fresh or submissions_of(one) not in served)


async def write(settings: Settings, events: Sequence[RegistryEvent]) -> None:
    """Append events to the register as they are; whoever calls has checked them.

    Raises: BrokerUnreachableError, LogError.
    """
    if not events:
        return
    log = KafkaLog(settings.access(ADMINISTRATOR), CLIENT, _PATIENCE)
    try:
        await log.append([Outgoing(REGISTRY, encode(event)) for event in events])
    finally:
        await log.stop()


# --- what an entry must hold -------------------------------------------------------------------


def require_sound(entry: PartnerOnboarded) -> None:
    """Check what types cannot.

    Raises: InvalidInputError naming the field.
    """
    problem = next(_problems(entry), None)
    if problem is not None:
        field, remedy = problem
        raise InvalidInputError(f"{field}: {remedy}")


def _problems(entry: PartnerOnboarded) -> Iterator[tuple[str, str]]:
    if not PARTNER_ID.fullmatch(entry.partner):
        yield "partner", "3 to 32 small letters, digits and hyphens, a letter first"
    for field in ("name", "agreement", "decided_by"):
        if not _is_text(getattr(entry, field)):
            yield field, f"1 to {TEXT_CHARS_MAX} characters"
    yield from _service_problems(entry.services)
    yield from _gateway_problems(entry)
    if entry.expires_at <= entry.decided_at:
        yield "expires_at", "an agreement ends after it is decided"


def _service_problems(services: Sequence[Service]) -> Iterator[tuple[str, str]]:
    if not services:
        yield "services", "at least one service"
    names = [service.name for service in services]
    if len(set(names)) < len(names):
        yield "services", "every service has a name of its own"
    for index, service in enumerate(services):
        if not _is_text(service.name):
            yield f"services[{index}].name", f"1 to {TEXT_CHARS_MAX} characters"
        if not service.data_categories:
            yield f"services[{index}].data_categories", "at least one category of data"


def _gateway_problems(entry: PartnerOnboarded) -> Iterator[tuple[str, str]]:
    if not entry.gateways:
        yield "gateways", "at least one gateway; without one nothing can be shared"
    listed = [one.gateway for one in entry.gateways]
    if len(set(listed)) < len(listed):
        yield "gateways", "each gateway once, with all its purposes"
    for index, one in enumerate(entry.gateways):
        if not one.purposes:
            yield f"gateways[{index}].purposes", "at least one purpose"
    only_care = entry.services and all(one.health_or_social_care for one in entry.services)
    if Gateway.PCSC_2022_PART2 in listed and only_care:
        yield "gateways", "PCSC Act 2022 s16 keeps that gateway shut for health and social care"


def _require_text(text: str, field: str) -> None:
    if not _is_text(text):
        raise InvalidInputError(f"{field}: 1 to {TEXT_CHARS_MAX} characters")


def _is_text(text: str) -> bool:
    return bool(text.strip()) and len(text) <= TEXT_CHARS_MAX
