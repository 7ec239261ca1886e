"""Who is who in a view; only an evaluation knows, since it holds the enclave's keys."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from anonymiser.gate.audience import AudienceIds
    from deploy.demo.findings import Resolved
    from deploy.evaluate.intruder.stories import Told


@dataclass(frozen=True, slots=True)
class Truth:
    """The resident behind each id of one audience, and which ids are targets and nominals."""

    resident: Mapping[UUID, int]
    targets: frozenset[UUID]
    nominals: frozenset[UUID]


def truth_of(told: Told, resolved: Resolved, ids: AudienceIds) -> Truth:
    """Name the resident most often meant by each id; a mistaken link makes one id of two people."""
    meant: defaultdict[UUID, Counter[int]] = defaultdict(Counter)
    for one in told.submissions:
        person_of = dict(one.who)
        for number, node in enumerate(one.report.nodes):
            entity = resolved.entity((one.partner, one.report.report_id, 1, number))
            if entity is not None and node.label in person_of:
                meant[ids.entity(entity)][told.who[person_of[node.label]]] += 1
    resident = {name: counts.most_common(1)[0][0] for name, counts in meant.items()}
    return Truth(
        resident,
        frozenset(name for name, one in resident.items() if one in told.targets),
        frozenset(name for name, one in resident.items() if one in told.nominals),
    )
