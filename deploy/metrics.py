"""The facts of `rivelin health` in the text format of Prometheus: counts and names, no identifier.

Version 0.0.4 of the format. Written by hand: it is a dozen gauges, and a library would bring a
registry and a server of its own.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.health import worst

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deploy.health import Facts, RoleFacts, Verdict

_HELP: Final = {
    "rivelin_health_level": "0 well, 1 warning, 2 critical, 3 not known",
    "rivelin_verdict": "what is not as it should be, by reason; see docs/OPERATIONS.md",
    "rivelin_role_up": "whether the role's process runs",
    "rivelin_role_silent_seconds": "since the role last told of itself",
    "rivelin_role_lag_records": "offsets that wait for the role",
    "rivelin_role_still_seconds": "how long records have waited without one being taken",
    "rivelin_role_restarts": "how often the supervisor started it again",
    "rivelin_role_deaths": "how often it ended without being asked to",
    "rivelin_role_count": "what the role counts, by name",
    "rivelin_role_alarms": "alarms that the role raises now",
    "rivelin_broker_answers": "whether the broker answers",
    "rivelin_disk_free_bytes": "free bytes where something is written",
    "rivelin_disk_size_bytes": "size of that file system",
    "rivelin_certificate_days_left": "days until the newest certificate ends",
    "rivelin_stores_set_aside": "damaged stores that are kept as evidence",
}


@dataclass(frozen=True, slots=True)
class _Sample:
    name: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


def exposition(facts: Facts, verdicts: Sequence[Verdict]) -> str:
    """Return the text, one block a metric."""
    by_name: dict[str, list[_Sample]] = defaultdict(list)
    for sample in _samples(facts, verdicts):
        by_name[sample.name].append(sample)
    return "\n".join(line for name, samples in by_name.items() for line in _block(name, samples))


def _block(name: str, samples: Sequence[_Sample]) -> Iterator[str]:
    yield f"# HELP {name} {_HELP[name]}"
    yield f"# TYPE {name} gauge"
    for one in samples:
        labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in one.labels)
        yield f"{name}{f'{{{labels}}}' if labels else ''} {_number(one.value)}"


def _number(value: float) -> str:
    return f"{int(value)}" if value == int(value) else f"{value:.3f}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _samples(facts: Facts, verdicts: Sequence[Verdict]) -> Iterator[_Sample]:
    yield _Sample("rivelin_health_level", worst(verdicts))
    for verdict in verdicts:
        labels = (("reason", verdict.reason), ("about", verdict.about))
        yield _Sample("rivelin_verdict", verdict.level, labels)
    for role in facts.roles:
        yield from _of_role(role)
    if facts.broker_answers is not None:
        yield _Sample("rivelin_broker_answers", facts.broker_answers)
    for disk in facts.disks:
        place = (("place", disk.place),)
        if disk.free_bytes is not None and disk.size_bytes is not None:
            yield _Sample("rivelin_disk_free_bytes", disk.free_bytes, place)
            yield _Sample("rivelin_disk_size_bytes", disk.size_bytes, place)
    for principal, days in facts.certificate_days.items():
        if days is not None:
            yield _Sample("rivelin_certificate_days_left", days, (("principal", principal),))
    yield _Sample("rivelin_stores_set_aside", facts.stores_set_aside)


def _of_role(role: RoleFacts) -> Iterator[_Sample]:
    name = (("role", role.name),)
    yield _Sample("rivelin_role_up", role.lives, name)
    if role.silent_seconds is not None:
        yield _Sample("rivelin_role_silent_seconds", role.silent_seconds, name)
    if role.lag is not None:
        yield _Sample("rivelin_role_lag_records", role.lag, name)
    yield _Sample("rivelin_role_still_seconds", role.still_seconds, name)
    yield _Sample("rivelin_role_restarts", role.restarts, name)
    yield _Sample("rivelin_role_deaths", role.deaths, name)
    yield _Sample("rivelin_role_alarms", len(role.alarms), name)
    for what, count in role.counts.items():
        yield _Sample("rivelin_role_count", count, (*name, ("count", what)))
