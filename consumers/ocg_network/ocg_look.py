"""What people see of OCGs, read from the rows of a store and computed when it is asked for.

The connection comes from the caller; nothing is written. Who is a child or a victim only stays on
the record of an OCG and is never counted, ranked or given a role here.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import or_, select

from consumers.network import handling
from consumers.network.evidence import is_suspected_false
from consumers.network.look import find, find_entity, footprint, tie_evidence
from consumers.network.nominals import Decision, Nominals
from consumers.network.tables import DECISIONS, ENTITIES, NETWORKS, REPORTS
from consumers.ocg_network.deciding import (
    MEMBERS_MIN,
    Ground,
    UnknownOcgError,
    is_reference,
)
from consumers.ocg_network.disruption_look import references
from consumers.ocg_network.edge import edge
from consumers.ocg_network.ground import aliases, is_victim_only, last_splits, root, rows_in
from consumers.ocg_network.ocgs import STATUS_AFTER, Decided
from consumers.ocg_network.people import Entity, counts, entities_of, find_people, people
from consumers.ocg_network.scoring import Life, Score, model_of
from consumers.ocg_network.tables import (
    DECISION_REPORTS,
    GRADINGS,
    OCG_HISTORY,
    OCG_MEMBERS,
    OCG_SCORES,
    OCGS,
)
from consumers.projection import POSITIONS
from streams.codes import Factor, OcgRole
from streams.parts import Grading
from streams.roles import OcgStatus
from streams.topics import POLICE
from streams.values import GradingScheme

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy import Connection, Select

Facts: TypeAlias = dict[str, Any]

#: Stands on every view of an OCG.
A_HUMAN_DECIDES: Final = (
    "An OCG stands here because a named human mapped it; a candidate network is none until then."
)
_RANK: Final = {OcgRole.PRINCIPAL: 0, OcgRole.SIGNIFICANT: 1, OcgRole.PERIPHERAL: 2}


class Standing(StrEnum):
    """Whether a member counts."""

    COUNTED = "COUNTED"
    AT_RISK = "AT_RISK"
    NOT_MENTIONED = "NOT_MENTIONED"

    @property
    def means(self) -> str:
        """Say it in words."""
        return _MEANS[self]


_MEANS: Final = {
    Standing.COUNTED: "counted",
    Standing.AT_RISK: "at risk, not counted",
    Standing.NOT_MENTIONED: "no live report, not counted",
}


class Doubt(StrEnum):
    """Why a report that a decision rests on is doubted now."""

    WITHDRAWN = "WITHDRAWN"
    SUSPECTED_FALSE = "SUSPECTED_FALSE"


# --- finding what was typed, and the ground of a decision -----------------------------------------


def find_ocg(connection: Connection, typed: str) -> str:
    """Return the OCG of a reference, or whose id begins so; an absorbed one is found as itself.

    Raises: InvalidInputError.
    """
    reference = typed.strip().upper()
    named = connection.scalar(select(OCGS.c.ocg_id).where(OCGS.c.reference == reference))
    if named is None and is_reference(reference):
        raise UnknownOcgError(
            f"no OCG {reference} is in this view; if it was mapped just now, look again"
        )
    return named or find(connection, OCGS.c.ocg_id, typed, "OCG")


def seen_by(connection: Connection) -> int:
    """Return how much of the police topic this view rests on: the next offset to read."""
    position = select(POSITIONS.c.position).where(POSITIONS.c.topic == POLICE)
    return connection.scalar(position) or 0


def member_ids(connection: Connection, ocg_id: str) -> list[str]:
    """Return the members of an OCG under the ids they were mapped by."""
    told = select(OCG_MEMBERS.c.person_id).where(OCG_MEMBERS.c.ocg_id == ocg_id)
    return list(connection.execute(told.order_by(OCG_MEMBERS.c.person_id)).scalars())


def ground_for_mapping(connection: Connection, network_id: str, typed: Sequence[str] = ()) -> Facts:
    """Return what a mapping from a candidate network rests on.

    Members are those that were typed, or else all adults of the network who would count; the
    reports are those of ties between members, the areas those the members were seen in.
    """
    chosen = find_people(connection, typed) or _network_people(connection, network_id)
    wanted = set(chosen)
    reports = {
        report
        for (one, other, _), some in tie_evidence(connection, wanted).items()
        if one in wanted and other in wanted
        for report in some
    }
    return {
        "network_id": network_id,
        "members": chosen,
        "ground": Ground(people(connection, chosen), seen_by(connection)),
        "report_ids": sorted(reports),
        "areas": sorted(footprint(connection, wanted)),
        "also_in": also_in(connection, wanted),
    }


def also_in(connection: Connection, people: AbstractSet[str]) -> dict[str, int]:
    """Return how many of these people are members of each OCG that is mapped already."""
    held = select(OCGS.c.reference, OCG_MEMBERS.c.person_id).join(
        OCG_MEMBERS, OCG_MEMBERS.c.ocg_id == OCGS.c.ocg_id
    )
    mapped = connection.execute(held.where(OCGS.c.status == OcgStatus.MAPPED.value))
    return dict(
        Counter(row.reference for row in mapped if root(connection, row.person_id) in people)
    )


def ground_for_ocg(connection: Connection, ocg_id: str, typed: Sequence[str] = ()) -> Facts:
    """Return what a decision about an OCG's people rests on: its members and who was typed."""
    known = member_ids(connection, ocg_id)
    named = [_member_or_person(connection, known, one) for one in typed]
    return {
        "ocg_id": ocg_id,
        "named": named,
        "ground": Ground(people(connection, [*known, *named]), seen_by(connection)),
    }


def _member_or_person(connection: Connection, known: Sequence[str], typed: str) -> str:
    """Return the member whose id begins so, whom perhaps no report mentions now, or a person."""
    prefix = typed.strip().lower()
    matches = [one for one in known if prefix and one.startswith(prefix)]
    return matches[0] if len(matches) == 1 else find_entity(connection, typed)


def _network_people(connection: Connection, network_id: str) -> list[str]:
    rows = _rows(connection, select(ENTITIES).where(ENTITIES.c.network_id == network_id))
    return sorted(row["entity_id"] for row in rows if counts(row))


# --- doubted evidence -----------------------------------------------------------------------


def doubts(connection: Connection, report_ids: Iterable[str]) -> Mapping[str, Doubt]:
    """Return which of these reports were withdrawn, or are graded as suspected false, by now."""
    wanted = set(report_ids)
    reports = rows_in(connection, select(REPORTS), REPORTS.c.report_id, wanted)
    latest = gradings_now(connection, wanted)
    found: dict[str, Doubt] = {}
    for row in reports:
        if row["is_withdrawn"]:
            found[row["report_id"]] = Doubt.WITHDRAWN
        elif is_suspected_false(_grading(latest.get(row["report_id"], row))):
            found[row["report_id"]] = Doubt.SUSPECTED_FALSE
    return found


def gradings_now(connection: Connection, report_ids: Iterable[str]) -> Mapping[str, Facts]:
    """Return for each report the latest grade that police gave the revision that stands."""
    given = select(GRADINGS).join(
        REPORTS,
        (REPORTS.c.report_id == GRADINGS.c.report_id) & (REPORTS.c.revision == GRADINGS.c.revision),
    )
    rows = rows_in(connection, given, GRADINGS.c.report_id, report_ids)
    return {row["report_id"]: row for row in sorted(rows, key=lambda row: row["number"])}


def _grading(row: Facts) -> Grading:
    return Grading(
        scheme=GradingScheme(row["scheme"]), source=row["source"], assessment=row["assessment"]
    )


# --- members --------------------------------------------------------------------------------


def members(connection: Connection, ocg_id: str) -> list[Facts]:
    """Return each member once, under the id they go by now; principals first, at risk last.

    Where two members were merged into one person the stronger of their roles stands. A role that
    was confirmed before the person was split is void and to be confirmed again.
    """
    rows = _rows(connection, select(OCG_MEMBERS).where(OCG_MEMBERS.c.ocg_id == ocg_id))
    roots = {row["person_id"]: root(connection, row["person_id"]) for row in rows}
    splits = last_splits(connection, roots)
    entities = entities_of(connection, roots.values())
    doubted = doubts(connection, _reports_of(rows))
    by_person: dict[str, list[Facts]] = defaultdict(list)
    for row in rows:
        by_person[roots[row["person_id"]]].append(row)
    found = [
        _member(person, known, entities.get(person), splits, doubted)
        for person, known in by_person.items()
    ]
    return sorted(found, key=_member_order)


def _member(
    person: str,
    rows: Sequence[Facts],
    entity: Entity | None,
    splits: Mapping[str, int],
    doubted: Mapping[str, Doubt],
) -> Facts:
    standing = Standing.NOT_MENTIONED
    if entity is not None:
        standing = Standing.COUNTED if counts(entity) else Standing.AT_RISK
    confirmed = [row for row in rows if row["role"] is not None]
    standing_roles = [row for row in confirmed if row["role_seen"] > _split(splits, row)]
    held = min(standing_roles, key=_role_order, default=None)
    counted = held if standing is not Standing.AT_RISK else None
    return {
        "person_id": person,
        "ids": sorted(row["person_id"] for row in rows),
        "standing": standing.value,
        "means": standing.means,
        "since": min(row["since"] for row in rows),
        "split_since": any(row["seen"] <= _split(splits, row) for row in rows),
        **_role_facts(counted, doubted),
        "role_void": bool(confirmed) and held is None,
        "role_not_counted": held is not None and counted is None,
        "network_id": None if entity is None else entity["network_id"],
        "reports": 0 if entity is None else entity["reports"],
    }


def _role_facts(row: Facts | None, doubted: Mapping[str, Doubt]) -> Facts:
    if row is None:
        return dict.fromkeys(_ROLE_FACTS) | {"reasons": [], "report_ids": [], "doubted": {}}
    reports = json.loads(row["report_ids"])
    return {
        **{name: row[name] for name in _ROLE_FACTS},
        "reasons": json.loads(row["reasons"]),
        "report_ids": reports,
        "doubted": _only(doubted, reports),
    }


_ROLE_FACTS: Final = ("role", "expires_on", "confirmed_by", "confirmed_at")


def _split(splits: Mapping[str, int], row: Facts) -> int:
    return splits.get(row["person_id"], -1)


def _role_order(row: Facts) -> tuple[int, str]:
    return _RANK[OcgRole(row["role"])], row["person_id"]


def _member_order(member: Facts) -> tuple[int, int, str]:
    role = member["role"]
    rank = len(_RANK) if role is None else _RANK[OcgRole(role)]
    return list(Standing).index(Standing(member["standing"])), rank, member["person_id"]


def _reports_of(rows: Iterable[Facts]) -> set[str]:
    return {one for row in rows for one in json.loads(row["report_ids"] or "[]")}


def _only(doubted: Mapping[str, Doubt], report_ids: Iterable[str]) -> dict[str, str]:
    return {one: doubted[one].value for one in report_ids if one in doubted}


def roles(connection: Connection, ocg_id: str | None = None) -> list[Facts]:
    """Return every role that stands in a mapped OCG, the one that expires next first."""
    mapped = select(OCGS).where(OCGS.c.status == OcgStatus.MAPPED.value)
    if ocg_id is not None:
        mapped = mapped.where(OCGS.c.ocg_id == ocg_id)
    found = [
        {"reference": one["reference"], "ocg_id": one["ocg_id"], **member}
        for one in _rows(connection, mapped)
        for member in members(connection, one["ocg_id"])
        if member["role"] is not None
    ]
    return sorted(found, key=lambda one: (one["expires_on"], one["reference"], one["person_id"]))


def nominals(connection: Connection) -> list[Facts]:
    """Return every nominal and why: enrolled by police, or in which confirmed roles.

    The end of one does not end the other. Children and victims stand last, in no ranking.
    """
    found = _rows(connection, select(ENTITIES).where(ENTITIES.c.is_nominal.is_(True)))
    by_role: dict[str, list[Facts]] = defaultdict(list)
    for one in roles(connection):
        by_role[one["person_id"]].append(
            {"reference": one["reference"], "role": one["role"], "expires_on": one["expires_on"]}
        )
    return [
        {
            "person_id": row["entity_id"],
            "is_child": bool(row["is_child"]),
            "is_enrolled": _is_enrolled(connection, row["entity_id"]),
            "roles": by_role[row["entity_id"]],
            "reports": row["reports"],
        }
        for row in sorted(found, key=_nominal_order)
    ]


def _nominal_order(row: Facts) -> tuple[bool, int, str]:
    is_at_risk = bool(row["is_child"]) or is_victim_only(row)
    return is_at_risk, 0 if is_at_risk else -row["reports"], row["entity_id"]


def roles_of(connection: Connection, person_id: str) -> list[Facts]:
    """Return the confirmed roles in which a person stands now."""
    return [one for one in roles(connection) if one["person_id"] == person_id]


def _is_enrolled(connection: Connection, person_id: str) -> bool:
    ids = aliases(connection, person_id)
    known = Nominals()
    for row in rows_in(connection, select(DECISIONS), DECISIONS.c.person_id, ids):
        known.decisions[row["person_id"]] = Decision(
            row["enrolled"], row["seen"], row["discharged"]
        )
    known.splits.update(last_splits(connection, ids))
    return known.is_enrolled(ids)


# --- OCGs -------------------------------------------------------------------------------------


def ocgs(connection: Connection) -> list[Facts]:
    """Return every OCG with what counts of it; the mapped ones first, the highest risk on top."""
    rows = _rows(connection, select(OCGS))
    found = [_summary(connection, row) for row in rows]
    return sorted(found, key=_list_order)


def _list_order(one: Facts) -> tuple[int, int, str]:
    status = list(OcgStatus).index(OcgStatus(one["status"]))
    return status, -(one["risk"] or 0), one["reference"]


def _summary(connection: Connection, row: Facts) -> Facts:
    known = members(connection, row["ocg_id"])
    latest = next(reversed(scores(connection, row["ocg_id"])), None)
    counted = [one for one in known if one["standing"] == Standing.COUNTED]
    decided = select(DECISION_REPORTS.c.report_id).where(DECISION_REPORTS.c.ocg_id == row["ocg_id"])
    rests_on = set(connection.execute(decided).scalars())
    return {
        **row,
        "areas": json.loads(row["areas"]),
        "members": len(counted),
        "at_risk": sum(one["standing"] == Standing.AT_RISK for one in known),
        "not_mentioned": sum(one["standing"] == Standing.NOT_MENTIONED for one in known),
        "roles": dict(Counter(one["role"] for one in counted if one["role"])),
        "below_three": row["status"] == OcgStatus.MAPPED and len(counted) < MEMBERS_MIN,
        **_score_summary(latest),
        "doubted_reports": len(doubts(connection, rests_on)),
    }


def _score_summary(latest: Facts | None) -> Facts:
    names = ("total_harm", "total_likelihood", "risk", "confidence")
    others = {"scored_at": "decided_at", "scored_before": "before", "score_doubted": "doubted"}
    if latest is None:
        return dict.fromkeys((*names, *others))
    told = {name: latest[name] for name in names}
    return {**told, **{name: latest[source] for name, source in others.items()}}


def ocg(connection: Connection, ocg_id: str) -> Facts:
    """Return one OCG: members, candidate networks it overlaps now, its edge, scores, history."""
    (row,) = _rows(connection, select(OCGS).where(OCGS.c.ocg_id == ocg_id))
    known = members(connection, ocg_id)
    return {
        **_summary(connection, row),
        "members_now": known,
        "overlap": overlap(connection, known),
        "edge": _edge(connection, known, row["mapped_at"]),
        "scores": scores(connection, ocg_id),
        "history": history(connection, ocg_id),
        "handling": handling.of_entities(connection, [one["person_id"] for one in known]),
        "note": A_HUMAN_DECIDES,
    }


def _edge(connection: Connection, known: Sequence[Facts], mapped_at: str) -> Facts:
    every = {one["person_id"] for one in known}
    inside = {one["person_id"] for one in known if one["standing"] == Standing.COUNTED}
    return edge(connection, inside, every, mapped_at)


def overlap(connection: Connection, known: Sequence[Facts]) -> list[Facts]:
    """Return the candidate networks in which members stand now, the one with most of them first."""
    counted = [one for one in known if one["standing"] == Standing.COUNTED]
    inside = Counter(one["network_id"] for one in counted if one["network_id"])
    rows = rows_in(connection, select(NETWORKS), NETWORKS.c.network_id, inside)
    sizes = {row["network_id"]: row["people"] for row in rows}
    found = [
        {
            "network_id": network,
            "members_in": number,
            "members": len(counted),
            "people": sizes.get(network, 0),
            "not_members": max(0, sizes.get(network, 0) - number),
        }
        for network, number in inside.items()
    ]
    return sorted(found, key=lambda one: (-one["members_in"], one["network_id"]))


# --- history and scores -----------------------------------------------------------------------


def history(connection: Connection, ocg_id: str) -> list[Facts]:
    """Return what was decided about an OCG, by whom, when and why, the first decision first.

    A decision that rests on a report that was since withdrawn, or graded as suspected false, says
    which: it stands until a human decides anew.
    """
    wanted = select(OCG_HISTORY).where(OCG_HISTORY.c.ocg_id == ocg_id)
    rows = _rows(connection, wanted.order_by(OCG_HISTORY.c.number))
    doubted = doubts(connection, _reports_of(rows))
    names = references(connection)
    return [_entry(row, doubted, names) for row in rows]


def _entry(row: Facts, doubted: Mapping[str, Doubt], names: Mapping[str, str]) -> Facts:
    lists = {name: json.loads(row[name]) for name in ("reasons", "members", "report_ids")}
    return {
        **row,
        **lists,
        "other_reference": names.get(row["other_ocg_id"] or ""),
        "doubted": _only(doubted, lists["report_ids"]),
    }


def scores(connection: Connection, ocg_id: str) -> list[Facts]:
    """Return how an OCG was scored over time, with what follows from the inputs.

    `before` names the merge or split that came after the last score: it is to be rated anew.
    """
    rows = _score_rows(connection, ocg_id)
    doubted = doubts(connection, _reports_of(rows))
    changed = _last_change(connection, ocg_id)
    return [_score_facts(row, doubted, changed) for row in rows]


def _score_facts(
    row: Facts, doubted: Mapping[str, Doubt], changed: tuple[int, str] | None
) -> Facts:
    score = _score(row)
    reports = json.loads(row["report_ids"])
    return {
        **{name: row[name] for name in _SCORE_FACTS},
        **{name: json.loads(row[name]) for name in ("harm", "likelihood", "position", "reasons")},
        "total_harm": score.total_harm,
        "total_likelihood": score.total_likelihood,
        "risk": score.risk,
        "model_name": model_of(score.model).name,
        "report_ids": reports,
        "doubted": _only(doubted, reports),
        "before": changed[1] if changed is not None and changed[0] > row["number"] else None,
    }


_SCORE_FACTS: Final = (
    *("score_id", "ocg_id", "number", "model", "confidence"),
    *("decided_by", "decided_at"),
)
_CHANGED_WHOM_IT_IS: Final = (Decided.TOOK_IN, Decided.SPLIT, Decided.SPLIT_OFF)


def _last_change(connection: Connection, ocg_id: str) -> tuple[int, str] | None:
    changes = select(OCG_HISTORY.c.number, OCG_HISTORY.c.decided).where(
        OCG_HISTORY.c.ocg_id == ocg_id,
        or_(*(OCG_HISTORY.c.decided == one.value for one in _CHANGED_WHOM_IT_IS)),
    )
    row = connection.execute(changes.order_by(OCG_HISTORY.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else (row.number, row.decided)


def _score_rows(connection: Connection, ocg_id: str | None = None) -> list[Facts]:
    every = select(OCG_SCORES).order_by(OCG_SCORES.c.number)
    return _rows(connection, every if ocg_id is None else every.where(_of(ocg_id)))


def _of(ocg_id: str) -> Any:  # noqa: ANN401 - a comparison of the library
    return OCG_SCORES.c.ocg_id == ocg_id


def _score(row: Facts) -> Score:
    return Score(
        model=row["model"],
        harm=_values(row["harm"]),
        likelihood=_values(row["likelihood"]),
        position=_values(row["position"]),
        confidence=row["confidence"],
        decided_at=datetime.fromisoformat(row["decided_at"]),
        decided_by=row["decided_by"],
        score_id=row["score_id"],
    )


def _values(text: str) -> Mapping[Factor, int]:
    return {Factor(name): value for name, value in json.loads(text).items()}


def lives(connection: Connection) -> list[Life]:
    """Return every OCG over time, for totals and for what explains their change."""
    statuses: dict[str, list[tuple[datetime, OcgStatus]]] = defaultdict(list)
    for row in connection.execute(select(OCG_HISTORY).order_by(OCG_HISTORY.c.number)):
        if (status := STATUS_AFTER.get(Decided(row.decided))) is not None:
            statuses[row.ocg_id].append((datetime.fromisoformat(row.decided_at), status))
    scored: dict[str, list[Score]] = defaultdict(list)
    for score_row in _score_rows(connection):
        scored[score_row["ocg_id"]].append(_score(score_row))
    named = connection.execute(select(OCGS.c.ocg_id, OCGS.c.reference))
    return [
        Life(
            row.ocg_id,
            row.reference,
            tuple(sorted(statuses[row.ocg_id], key=lambda one: one[0])),
            tuple(sorted(scored[row.ocg_id], key=lambda one: one.decided_at)),
        )
        for row in named
    ]


def _rows(connection: Connection, query: Select[Any]) -> list[Facts]:
    return [dict(row) for row in connection.execute(query).mappings()]
