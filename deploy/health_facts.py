"""Collecting what `deploy.health` judges: progress files, processes, disks, certificates."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509

from deploy.certificates import OWN_PRINCIPALS, NoCertificateError, newest_bundle
from deploy.health import Disk, Facts, RoleFacts
from deploy.pki import DamagedRegisterError, Pki
from deploy.processes import ProcessIdentity, identity_of
from deploy.progress import read_progress
from deploy.roles import ROLES, principal_of
from deploy.supervisor import read_report
from streams.errors import RivelinError
from streams.kafka.access import CERTIFICATE_FILE
from streams.store import damaged_stores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from deploy.settings import Settings

ANSWER_SECONDS_MAX: Final = 5.0
_DAY: Final = timedelta(days=1)


async def gather(settings: Settings, role: str | None, *, ask_broker: bool) -> Facts:
    """Look at everything of this home, or at what one role needs.

    Never raises for what it finds: a fact that cannot be had is told as unknown.
    """
    return Facts(
        roles=tuple(roles(settings, role)),
        broker_answers=await _answers(settings, role) if ask_broker else None,
        disks=tuple(_disks(settings)),
        certificate_days=dict(_certificates(settings, role, datetime.now(UTC))),
        stores_set_aside=len(damaged_stores(settings.stores_dir)),
    )


# --- roles ---------------------------------------------------------------------------------------


def roles(settings: Settings, role: str | None) -> Iterator[RoleFacts]:
    """Yield what is known of each role that should run here, or of the one that is asked for.

    Where a supervisor runs it knows which those are; without one they are those that have told.
    """
    report = read_report(settings)
    kept = {} if report is None else {one["name"]: one for one in report.facts["processes"]}
    wanted = (role,) if role is not None else ROLES
    for name in wanted:
        told = read_progress(settings, name)
        if name in kept or told is not None or role is not None:
            yield _role(name, told or {}, kept.get(name))


def _role(name: str, told: Mapping[str, Any], kept: Mapping[str, Any] | None) -> RoleFacts:
    pid = told.get("pid")
    lives = _lives(kept) if kept is not None else isinstance(pid, int) and bool(identity_of(pid))
    if kept is not None and pid != kept["pid"]:
        told = {}  # the word of the life before
    beat_at = told.get("beat_at_seconds")
    return RoleFacts(
        name=name,
        lives=lives,
        state=told.get("state"),
        silent_seconds=None if beat_at is None else time.monotonic() - beat_at,
        lag=told.get("lag"),
        still_seconds=told.get("still_seconds", 0.0),
        restarts=0 if kept is None else kept["restarts"],
        deaths=0 if kept is None else kept.get("deaths", 0),  # one of before an update has none
        alarms=tuple(told.get("alarms", ())),
        counts=told.get("counts", {}),
    )


def _lives(kept: Mapping[str, Any]) -> bool:
    """On a full disk the supervisor cannot write down that a process has ended, so we look."""
    return kept["pid"] is not None and ProcessIdentity.from_dict(kept).is_alive


# --- beside the roles ----------------------------------------------------------------------------


async def _answers(settings: Settings, role: str | None) -> bool:
    from deploy.broker import answers  # noqa: PLC0415 - a probe without it is quick

    principal = "supervisor" if role is None else principal_of(role)
    with contextlib.suppress(RivelinError, OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            return await answers(settings.access(principal))
    return False


def _disks(settings: Settings) -> Iterator[Disk]:
    """Yield each file system once, under the first place that lies on it."""
    seen = set()
    for folder in (settings.home, settings.kafka_dir, settings.stores_dir, settings.logs_dir):
        try:
            device = folder.stat().st_dev
            usage = shutil.disk_usage(folder)
        except FileNotFoundError:
            continue
        except OSError:
            yield Disk(place=folder.name, free_bytes=None, size_bytes=None)
            continue
        if device not in seen:
            seen.add(device)
            yield Disk(place=folder.name, free_bytes=usage.free, size_bytes=usage.total)


def _certificates(
    settings: Settings, role: str | None, at: datetime
) -> Iterator[tuple[str, float | None]]:
    """Yield the days left of each certificate that lies here, and of those partners were given."""
    principals: Iterable[str] = OWN_PRINCIPALS if role is None else (principal_of(role),)
    for principal in principals:
        with contextlib.suppress(NoCertificateError):
            yield principal, _days_left(newest_bundle(settings.pki_dir, principal), at)
    if role is None:
        yield from _partners_certificates(Pki(settings.pki_dir), at)


def _days_left(bundle: Path, at: datetime) -> float | None:
    try:
        certificate = x509.load_pem_x509_certificate((bundle / CERTIFICATE_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return (certificate.not_valid_after_utc - at) / _DAY


def _partners_certificates(pki: Pki, at: datetime) -> Iterator[tuple[str, float | None]]:
    try:
        issued = pki.issued()
    except DamagedRegisterError:
        yield "register", None
        return
    newest = {
        one.name.principal: one.expires_at
        for one in sorted(issued, key=lambda one: one.name)
        if one.name.is_partners and one.revoked_at is None
    }
    for principal, expires_at in newest.items():
        yield principal, (expires_at - at) / _DAY
