"""Is it alive, is it ready, and what is wrong: facts and thresholds in, verdicts with reasons out.

Pure. Durations and monotonic seconds only, except for certificates, which end by the calendar.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final

from deploy.pulse import IN_START, WAITING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from deploy.settings import HealthSettings, WatchSettings


class Level(IntEnum):
    """How bad it is; the numbers are the exit codes that Nagios and its like understand."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class Reason(StrEnum):
    """Why a verdict is what it is; each stands in docs/OPERATIONS.md with what to do."""

    NOTHING_RUNS = "nothing_runs"
    ROLE_GONE = "role_gone"
    ROLE_SILENT = "role_silent"
    ROLE_STARTING = "role_starting"
    ROLE_CATCHING_UP = "role_catching_up"
    ROLE_STANDS_STILL = "role_stands_still"
    ROLE_RESTARTS = "role_restarts"
    LAG_HIGH = "lag_high"
    LAG_UNKNOWN = "lag_unknown"
    BROKER_SILENT = "broker_silent"
    DISK_LOW = "disk_low"
    DISK_UNKNOWN = "disk_unknown"
    CERTIFICATE_ENDS = "certificate_ends"
    CERTIFICATE_UNREADABLE = "certificate_unreadable"
    STORE_SET_ASIDE = "store_set_aside"
    OUTCOME_MISSING = "outcome_missing"
    ALARM = "alarm"


#: What a restart may mend: nothing else makes `--live` fail, least of all a broker that is away.
_ENDS_LIFE: Final = frozenset({Reason.NOTHING_RUNS, Reason.ROLE_GONE, Reason.ROLE_SILENT})
#: Warnings that say that a role does not do its work yet; whatever is critical says so too.
_NOT_READY: Final = frozenset({Reason.ROLE_STARTING, Reason.ROLE_CATCHING_UP, Reason.LAG_UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleFacts:
    """What is known of one role. `lives` is whether its process runs.

    `silent_seconds` is since its last beat, None if it never told; `still_seconds` how long
    records have waited without its position moving; `lag` None while the broker does not answer.
    `restarts` counts every new start, `deaths` what nobody asked for.
    """

    name: str
    lives: bool
    state: str | None = None
    silent_seconds: float | None = None
    lag: int | None = None
    still_seconds: float = 0.0
    restarts: int = 0
    deaths: int = 0
    alarms: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """One place where something is written; the sizes are None if it cannot be looked at."""

    place: str
    free_bytes: int | None
    size_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that is judged. `broker_answers` is None where nobody asked.

    `certificate_days` maps a principal to the days until its newest certificate ends, None if
    that cannot be read. `stores_set_aside` counts damaged stores that are kept as evidence.
    """

    roles: tuple[RoleFacts, ...]
    broker_answers: bool | None = None
    disks: tuple[Disk, ...] = ()
    certificate_days: Mapping[str, float | None] = field(default_factory=dict)
    stores_set_aside: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that is not as it should be, about a role, place or principal."""

    level: Level
    reason: Reason
    about: str
    words: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on something is told."""

    health: HealthSettings
    watch: WatchSettings


#: What is known to be bad comes before what is not known, and that before what is only low.
_GRAVITY: Final = (Level.CRITICAL, Level.UNKNOWN, Level.WARNING)


def judge(facts: Facts, limits: Thresholds) -> tuple[Verdict, ...]:
    """Return all that is not as it should be, the worst first; nothing if all is well."""
    found = [
        *_of_roles(facts, limits),
        *_of_broker(facts),
        *_of_disks(facts, limits.health),
        *_of_certificates(facts, limits.health),
        *_of_stores(facts),
    ]
    return tuple(sorted(found, key=lambda one: (_GRAVITY.index(one.level), one.about, one.reason)))


def worst(verdicts: Iterable[Verdict]) -> Level:
    """Return how bad it is altogether."""
    levels = {one.level for one in verdicts}
    return next((level for level in _GRAVITY if level in levels), Level.OK)


def is_live(verdicts: Iterable[Verdict]) -> bool:
    """Tell whether a restart would mend nothing."""
    return not any(one.reason in _ENDS_LIFE for one in verdicts)


def is_ready(verdicts: Iterable[Verdict]) -> bool:
    """Tell whether the work is being done: started, caught up, with a broker and room to write."""
    return not any(one.level is Level.CRITICAL or one.reason in _NOT_READY for one in verdicts)


# --- roles ---------------------------------------------------------------------------------------


def _of_roles(facts: Facts, limits: Thresholds) -> Iterator[Verdict]:
    if not facts.roles:
        yield Verdict(Level.CRITICAL, Reason.NOTHING_RUNS, "roles", "no role runs here")
    for role in facts.roles:
        yield from _of_role(role, limits)


def _of_role(role: RoleFacts, limits: Thresholds) -> Iterator[Verdict]:
    say = _about(role.name)
    if role.deaths >= limits.health.restarts_warning:
        died = _counted(role.deaths, "time", "times")
        yield say(Level.WARNING, Reason.ROLE_RESTARTS, f"died {died} and was started again")
    if not role.lives:
        yield say(Level.CRITICAL, Reason.ROLE_GONE, "its process has ended")
        return
    if missing := role.counts.get("outcomes_missing"):
        had = _counted(missing, "submission has", "submissions have")
        words = f"{had} had no outcome for too long"
        yield say(Level.CRITICAL, Reason.OUTCOME_MISSING, words)
    for alarm in role.alarms:
        yield say(Level.WARNING, Reason.ALARM, alarm)
    if (silence := _silence(role, limits.watch)) is not None:
        yield say(Level.CRITICAL, Reason.ROLE_SILENT, silence)
    elif role.state is None or role.state in IN_START:
        yield say(Level.WARNING, Reason.ROLE_STARTING, f"is {role.state or 'starting'}")
    else:
        yield from _of_work(role, limits.health, say)


def _silence(role: RoleFacts, watch: WatchSettings) -> str | None:
    """Say since when it has not told of itself, None if it does. The supervisor ends it then."""
    if role.silent_seconds is None:
        return None  # in its start, which the supervisor bounds
    bound = watch.start_seconds_max if role.state in IN_START else watch.silent_seconds_max
    if 0 <= role.silent_seconds <= bound:
        return None
    if role.silent_seconds < 0:
        return "its last word is of before this machine was started"
    return f"has not told of itself for {role.silent_seconds:.0f} s"


def _of_work(role: RoleFacts, health: HealthSettings, say: _Say) -> Iterator[Verdict]:
    if role.state == "catching up":
        words = "has not read all there was at its start"
        yield say(Level.WARNING, Reason.ROLE_CATCHING_UP, words)
    if role.lag is None and role.state != WAITING:
        yield say(Level.WARNING, Reason.LAG_UNKNOWN, "does not know how much waits")
    lag = role.lag or 0
    high = _level(lag, health.lag_records_warning, health.lag_records_critical)
    if high:
        yield say(high, Reason.LAG_HIGH, _counted(lag, "record waits", "records wait"))
    still = _level(role.still_seconds, health.still_seconds_warning, health.still_seconds_critical)
    if still and lag:
        waits = _counted(lag, "record waits", "records wait")
        words = f"{waits} and none was taken for {role.still_seconds:.0f} s"
        yield say(still, Reason.ROLE_STANDS_STILL, words)


# --- beside the roles ----------------------------------------------------------------------------


_NO_ANSWER: Final = "does not answer, or does not let us in"


def _of_broker(facts: Facts) -> Iterator[Verdict]:
    if facts.broker_answers is False:
        yield Verdict(Level.CRITICAL, Reason.BROKER_SILENT, "broker", _NO_ANSWER)


def _of_disks(facts: Facts, health: HealthSettings) -> Iterator[Verdict]:
    for disk in facts.disks:
        if disk.free_bytes is None or not disk.size_bytes:
            words = "cannot be looked at"
            yield Verdict(Level.UNKNOWN, Reason.DISK_UNKNOWN, disk.place, words)
            continue
        share = disk.free_bytes / disk.size_bytes
        level = _level(-share, -health.disk_free_share_warning, -health.disk_free_share_critical)
        if level:
            words = f"{share:.0%} free, {disk.free_bytes // 2**20} MiB"
            yield Verdict(level, Reason.DISK_LOW, disk.place, words)


def _of_certificates(facts: Facts, health: HealthSettings) -> Iterator[Verdict]:
    for principal, days in facts.certificate_days.items():
        if days is None:
            yield Verdict(Level.UNKNOWN, Reason.CERTIFICATE_UNREADABLE, principal, "cannot be read")
            continue
        level = _level(-days, -health.certificate_days_warning, -health.certificate_days_critical)
        if level:
            left = _counted(math.floor(days), "day", "days")
            words = "has ended" if days <= 0 else f"ends in {left}"
            yield Verdict(level, Reason.CERTIFICATE_ENDS, principal, words)


def _of_stores(facts: Facts) -> Iterator[Verdict]:
    if facts.stores_set_aside:
        words = f"{facts.stores_set_aside} damaged, kept beside those that replaced them"
        yield Verdict(Level.WARNING, Reason.STORE_SET_ASIDE, "stores", words)


def _level(value: float, warning: float, critical: float) -> Level:
    """Return the level of a value that is worse the higher it is; at a bound it is reached."""
    if value >= critical:
        return Level.CRITICAL
    return Level.WARNING if value >= warning else Level.OK


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _about(name: str) -> _Say:
    return lambda level, reason, words: Verdict(level, reason, name, words)


if TYPE_CHECKING:
    _Say = Callable[[Level, Reason, str], Verdict]
