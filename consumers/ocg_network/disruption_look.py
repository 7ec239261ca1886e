"""What people see of disruptions and outcomes, read from the rows of a store.

The connection comes from the caller; nothing is written. Days are ISO dates.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select

from consumers.network.look import find, find_entity
from consumers.network.measures import By
from consumers.network.nominals import NEVER
from consumers.network.tables import ENTITIES, NETWORKS, PAIRS, REPORTS
from consumers.ocg_network.concerns import spikes
from consumers.ocg_network.disruption_decisions import Ground, Target
from consumers.ocg_network.disruption_tables import (
    CONCERNS_TABLE,
    DISRUPTIONS_TABLE,
    HUB_ANSWERS_TABLE,
    HUB_REQUESTS_TABLE,
    INTERVENTIONS_TABLE,
    OUTCOMES_TABLE,
)
from consumers.ocg_network.disruptions import Concern, Disruption, Intervention, OutcomeRow
from consumers.ocg_network.gaps import NOT_AN_ORDER, entities_of, gaps, reach_of
from consumers.ocg_network.ground import (
    aliases,
    last_splits,
    live_reports,
    root,
    rows_in,
    target_of,
    views_about,
)
from consumers.ocg_network.levers import CATALOGUE_VERSION
from consumers.ocg_network.people import counts
from consumers.ocg_network.removal import Network
from consumers.ocg_network.tables import OCG_MEMBERS, OCGS
from consumers.ocg_network.totals import balance, totals
from streams.codes import OcgRole
from streams.errors import InvalidInputError
from streams.roles import OcgStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Table

    from streams.codes import Agency

Facts = dict[str, Any]
#: For a decision about no OCG, no target and no report.
NO_GROUND = Ground()
Kept = TypeVar("Kept", Disruption, OutcomeRow, Intervention, Concern)


# --- finding what was typed -------------------------------------------------------------------


def find_ocg(connection: Connection, typed: str) -> str:
    """Return the OCG of a reference, or whose id begins so; of an absorbed one who took it in.

    Raises: InvalidInputError.
    """
    named = select(OCGS.c.ocg_id).where(OCGS.c.reference == typed.strip().upper())
    found = connection.scalar(named)
    return ocg_now(connection)(found or find(connection, OCGS.c.ocg_id, typed, "OCG"))


def find_disruption(connection: Connection, typed: str) -> str:
    """Return the disruption whose id begins so.

    Raises: InvalidInputError.
    """
    return find(connection, DISRUPTIONS_TABLE.c.disruption_id, typed, "disruption")


def find_report(connection: Connection, typed: str) -> str:
    """Return the report whose id begins so.

    Raises: InvalidInputError.
    """
    return find(connection, REPORTS.c.report_id, typed, "report")


def ocg_now(connection: Connection) -> Callable[[str], str]:
    """Return how to get from an OCG's id to that of whom it was absorbed into."""
    rows = connection.execute(select(OCGS.c.ocg_id, OCGS.c.absorbed_into))
    into = {row.ocg_id: row.absorbed_into for row in rows}

    def now(ocg_id: str) -> str:
        while into.get(ocg_id):
            ocg_id = into[ocg_id]
        return ocg_id

    return now


# --- what a decision rests on -----------------------------------------------------------------


def ground(  # noqa: PLR0913 - one argument for each thing that is known
    connection: Connection,
    day: str,
    *,
    ocg_id: str | None = None,
    target_id: str | None = None,
    report_ids: Iterable[str] = (),
    acts_for: frozenset[Agency] | None = None,
) -> Ground:
    """Return what police know of an OCG, a target and some reports, as of now.

    `acts_for` are the agencies that whoever decides acts for; None for police.
    """
    target = None if target_id is None else target_of(connection, target_id, day)
    if target_id is not None and target is None:
        target = Target(entity_id=target_id, kind=None)
    return Ground(
        ocg_status=None if ocg_id is None else status_of(connection, ocg_id),
        target=target,
        is_of_ocg=_is_of_ocg(connection, ocg_id, target),
        reports=live_reports(connection, report_ids),
        acts_for=acts_for,
        roles=frozenset() if target is None else roles_of(connection, target.entity_id),
        views={} if target is None else views_about(connection, target.entity_id),
    )


def _is_of_ocg(connection: Connection, ocg_id: str | None, target: Target | None) -> bool:
    if ocg_id is None or target is None:
        return True
    members = members_of(connection, ocg_id)
    return target.entity_id in members or target.entity_id in entities_of(connection, members)


def status_of(connection: Connection, ocg_id: str) -> OcgStatus | None:
    """Return whether an OCG is mapped; None for one that nobody mapped."""
    status = connection.scalar(select(OCGS.c.status).where(OCGS.c.ocg_id == ocg_id))
    return None if status is None else OcgStatus(status)


def roles_of(connection: Connection, person_id: str) -> frozenset[OcgRole]:
    """Return the confirmed roles of a person in mapped OCGs, under whatever id.

    One that was confirmed before the person was split is void.
    """
    held = select(OCG_MEMBERS).join(OCGS, OCGS.c.ocg_id == OCG_MEMBERS.c.ocg_id)
    mapped = held.where(OCGS.c.status == OcgStatus.MAPPED.value, OCG_MEMBERS.c.role.is_not(None))
    same = aliases(connection, person_id)
    rows = rows_in(connection, mapped, OCG_MEMBERS.c.person_id, same)
    splits = last_splits(connection, same)
    standing = (row for row in rows if row["role_seen"] > splits.get(row["person_id"], NEVER))
    return frozenset(OcgRole(row["role"]) for row in standing)


def members_of(connection: Connection, ocg_id: str) -> frozenset[str]:
    """Return the members of an OCG under the ids they go by now."""
    told = select(OCG_MEMBERS.c.person_id).where(OCG_MEMBERS.c.ocg_id == ocg_id)
    return frozenset(root(connection, one) for one in connection.execute(told).scalars())


# --- disruptions and outcomes -----------------------------------------------------------------


def disruptions(
    connection: Connection, ocg_id: str | None = None, day: str | None = None
) -> list[Facts]:
    """Return every disruption as it stands, or stood at the end of a day; the latest plan first."""
    told = (one.as_of(day) for one in _all(connection, DISRUPTIONS_TABLE, Disruption))
    now = ocg_now(connection)
    known = [one for one in told if one and (ocg_id is None or now(one.ocg_id or "") == ocg_id)]
    return [_disruption(one) for one in sorted(known, key=_plan_order, reverse=True)]


def disruption(connection: Connection, disruption_id: str) -> Facts:
    """Return one disruption with what it brought."""
    one = _disruption_of(connection, disruption_id)
    brought = select(OUTCOMES_TABLE).where(OUTCOMES_TABLE.c.cause_id == disruption_id)
    rows = connection.execute(brought.order_by(OUTCOMES_TABLE.c.occurred_on)).mappings()
    return {**_disruption(one), "outcomes": [dict(row) for row in rows]}


def outcomes(connection: Connection, ocg_id: str | None = None) -> list[Facts]:
    """Return every outcome, the latest first, and whether what it is owed to is still known.

    Of an OCG those too that name none and are owed to a disruption against it, as in the totals.
    """
    found = _all(connection, OUTCOMES_TABLE, OutcomeRow)
    reports = live_reports(connection, [one.cause_id for one in found])
    planned = {one.disruption_id: one for one in _all(connection, DISRUPTIONS_TABLE, Disruption)}
    now = ocg_now(connection)

    def ocg_of(one: OutcomeRow) -> str:
        cause = planned.get(one.cause_id)
        return now(one.ocg_id or (cause.ocg_id if cause else None) or "")

    return [
        {**asdict(one), "cause_known": one.cause_id in reports or one.cause_id in planned}
        for one in sorted(found, key=lambda one: (one.occurred_on, one.outcome_id), reverse=True)
        if ocg_id is None or ocg_of(one) == ocg_id
    ]


def interventions(connection: Connection) -> list[Facts]:
    """Return every intervention, the latest first."""
    found = _all(connection, INTERVENTIONS_TABLE, Intervention)
    return [asdict(one) for one in sorted(found, key=lambda one: one.occurred_on, reverse=True)]


def concerns(connection: Connection) -> Facts:
    """Return concerns by week, and every week of an area judged: a spike or none, and why."""
    found = _all(connection, CONCERNS_TABLE, Concern)
    judged = [{**asdict(one), "in_words": one.in_words} for one in spikes(found)]
    told = sorted(found, key=lambda one: (one.week, one.area), reverse=True)
    return {"concerns": [asdict(one) for one in told], "weeks": judged}


def all_totals(connection: Connection, day: str | None = None) -> Facts:
    """Return the sums per OCG, lever and strand; OCGs under their references."""
    found = totals(
        _all(connection, DISRUPTIONS_TABLE, Disruption),
        _without_children(connection, _all(connection, OUTCOMES_TABLE, OutcomeRow)),
        day,
        ocg_now(connection),
    ).as_dict()
    names = references(connection)
    found["by_ocg"] = {names.get(key, key): one for key, one in found["by_ocg"].items()}
    return found


def _without_children(connection: Connection, found: Sequence[OutcomeRow]) -> Sequence[OutcomeRow]:
    """Leave out what befell somebody who counts as a child by now: no success against an OCG."""
    people = {one.person_id: root(connection, one.person_id) for one in found if one.person_id}
    rows = rows_in(connection, select(ENTITIES), ENTITIES.c.entity_id, people.values())
    children = {row["entity_id"] for row in rows if row["is_child"]}
    return [one for one in found if people.get(one.person_id or "") not in children]


def strands(connection: Connection, day: str | None = None) -> list[Facts]:
    """Return the balance of the 4P plan and Partnership."""
    return [asdict(one) for one in balance(_all(connection, DISRUPTIONS_TABLE, Disruption), day)]


def references(connection: Connection) -> Mapping[str, str]:
    """Return each OCG's reference by its id."""
    rows = connection.execute(select(OCGS.c.ocg_id, OCGS.c.reference))
    return {row.ocg_id: row.reference for row in rows}


def areas(connection: Connection) -> frozenset[str]:
    """Return every area that an OCG was mapped with."""
    told = connection.execute(select(OCGS.c.areas)).scalars()
    return frozenset(area for some in told for area in json.loads(some))


def hub_views(connection: Connection) -> list[Facts]:
    """Return what the hub was asked about places, and what it said; the latest first."""
    told = connection.execute(select(HUB_ANSWERS_TABLE)).mappings()
    answers = {row["request_id"]: row["view"] for row in told}
    rows = connection.execute(
        select(HUB_REQUESTS_TABLE).order_by(HUB_REQUESTS_TABLE.c.asked_at.desc())
    )
    return [{**row, "view": answers.get(row["request_id"])} for row in rows.mappings()]


# --- gaps and removal -------------------------------------------------------------------------


def lever_gaps(connection: Connection, ocg_id: str, day: str) -> Facts:
    """Return the levers that an OCG's people and things make possible, and how each stands."""
    reach = reach_of(connection, members_of(connection, ocg_id), day)
    now = ocg_now(connection)
    tried = [
        replace(one, target_id=one.target_id and root(connection, one.target_id))
        for one in _all(connection, DISRUPTIONS_TABLE, Disruption)
        if one.ocg_id is not None and now(one.ocg_id) == ocg_id
    ]
    found = [{**asdict(gap), "is_gap": gap.is_gap} for gap in gaps(reach, tried)]
    return {
        "ocg_id": ocg_id,
        "reference": references(connection).get(ocg_id),
        "catalogue": CATALOGUE_VERSION,
        "levers": found,
        "note": NOT_AN_ORDER,
    }


def removal(
    connection: Connection,
    members: Iterable[str],
    *,
    without: Sequence[str] = (),
    top: int | None = None,
    measure: By = By.BETWEENNESS,
) -> Facts:
    """Simulate taking adults out of the network that these entities and their ties are.

    Raises: InvalidInputError, NotRemovableError.
    """
    nodes = frozenset(members)
    pairs = rows_in(connection, select(PAIRS).where(PAIRS.c.weight > 0), PAIRS.c.low_id, nodes)
    ties = [(pair["low_id"], pair["high_id"]) for pair in pairs if pair["high_id"] in nodes]
    network = Network(nodes, ties, _removable(connection, nodes))
    if top is not None:
        return asdict(network.without_top(top, measure))
    people = [find_entity(connection, one) for one in without]
    if not people:
        raise InvalidInputError("name adults with --without, or how many with --top")
    return asdict(network.without(people))


def nodes_of(connection: Connection, typed: str) -> frozenset[str]:
    """Return the network that an OCG's members stand in, or a candidate network by its id.

    Raises: InvalidInputError if it is neither.
    """
    try:
        ocg_id = find_ocg(connection, typed)
    except InvalidInputError:
        return network_members(
            connection, find(connection, NETWORKS.c.network_id, typed, "network")
        )
    return around(connection, members_of(connection, ocg_id))


def network_members(connection: Connection, network_id: str) -> frozenset[str]:
    """Return every entity of a candidate network."""
    found = select(ENTITIES.c.entity_id).where(ENTITIES.c.network_id == network_id)
    return frozenset(connection.execute(found).scalars())


def around(connection: Connection, members: Iterable[str]) -> frozenset[str]:
    """Return members of an OCG and whatever a network tie joins one of them to."""
    named = frozenset(members)
    tied = select(PAIRS).where(PAIRS.c.weight > 0)
    out = rows_in(connection, tied, PAIRS.c.low_id, named)
    into = rows_in(connection, tied, PAIRS.c.high_id, named)
    return named | {row["high_id"] for row in out} | {row["low_id"] for row in into}


def _removable(connection: Connection, nodes: Iterable[str]) -> frozenset[str]:
    rows = rows_in(connection, select(ENTITIES), ENTITIES.c.entity_id, nodes)
    return frozenset(row["entity_id"] for row in rows if counts(row))


# --- rows to records --------------------------------------------------------------------------


def _all(connection: Connection, table: Table, kind: type[Kept]) -> list[Kept]:
    return [kind(**row) for row in connection.execute(select(table)).mappings()]


def _disruption_of(connection: Connection, disruption_id: str) -> Disruption:
    wanted = select(DISRUPTIONS_TABLE).where(DISRUPTIONS_TABLE.c.disruption_id == disruption_id)
    return Disruption(**connection.execute(wanted).mappings().one())


def _plan_order(one: Disruption) -> tuple[str, str]:
    return one.planned_on or "", one.disruption_id


def _disruption(one: Disruption) -> Facts:
    lists = {name: json.loads(getattr(one, name) or "[]") for name in _LISTS}
    return {**asdict(one), **lists, "state": one.state.value, "impact": one.impact_shown}


_LISTS = ("report_ids", "impact_reasons")
