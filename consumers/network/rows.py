"""Rows as a function of the fold, and the fold again from its rows."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from consumers.network import ages
from consumers.network.components import Part
from consumers.network.evidence import NodeFacts, StatedRelation, evidence, shape_of
from consumers.network.handling import from_text, to_text
from consumers.network.identity import Name
from consumers.network.nominals import Decision
from consumers.network.tables import (
    AGES,
    DECISIONS,
    ENTITIES,
    FACTS,
    GRADES,
    HISTORY,
    MENTIONS,
    NAMES,
    NETWORKS,
    PAIRS,
    REDIRECTS,
    RELATIONS,
    REPORTS,
    SPLITS,
    TIES,
    WAITING_SPLITS,
)
from consumers.projection import Rewrite
from streams.parts import CodedFact, Grading
from streams.taxonomy import RelationKind
from streams.values import (
    Activity,
    AgeBand,
    ChildAtEvent,
    FourP,
    GradingScheme,
    NodeKind,
    Role,
    Theme,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Table

    from consumers.network.evidence import Evidence, TieKey
    from consumers.network.fold import NetworkFold
    from consumers.network.identity import Moment
    from consumers.network.ties import PairKey
    from consumers.projection import Read, Row


# --- fold to rows ----------------------------------------------------------------


def take_rewrites(fold: NetworkFold) -> Sequence[Rewrite]:
    """Return the rows of everything that changed in the fold since the last call."""
    changes = fold.take_changes()
    rewrites: list[Rewrite] = []
    for report_id in changes.reports:
        rewrites += _report_rewrites(fold, report_id)
    rewrites += [_redirect(fold, absorbed) for absorbed in changes.redirects]
    rewrites += [_waiting(fold, key) for key in changes.waiting]
    rewrites += [_grade(fold, key) for key in changes.grades]
    rewrites += [_ages(fold, person) for person in changes.ages]
    rewrites += [_split(fold, person) for person in changes.splits]
    rewrites += [_decision(fold, person) for person in changes.decisions]
    rewrites += [_entity(fold, entity_id) for entity_id in changes.entities]
    rewrites += [_tie(fold, key) for key in changes.ties]
    rewrites += [_pair(fold, key) for key in changes.pairs]
    rewrites += [_network(fold, network) for network in changes.networks]
    rewrites += [_name(fold, network) for network in changes.names]
    rewrites += map(_moment, changes.moments)
    return rewrites


def _one(table: Table, key: Row, rest: Row | None) -> Rewrite:
    return Rewrite(table, key, () if rest is None else ({**key, **rest},))


def _report_rewrites(fold: NetworkFold, report_id: str) -> tuple[Rewrite, ...]:
    key = {"report_id": report_id}
    evidence = fold.ledger.reports.get(report_id)
    if evidence is None:
        report = {**dict.fromkeys(REPORTS.c.keys()), **key, "is_withdrawn": True}
        gone = (Rewrite(table, key) for table in (MENTIONS, RELATIONS, FACTS))
        return (Rewrite(REPORTS, key, (report,)), *gone)
    return (
        Rewrite(REPORTS, key, (_report_row(evidence),)),
        Rewrite(MENTIONS, key, _mention_rows(evidence)),
        Rewrite(RELATIONS, key, _relation_rows(evidence)),
        Rewrite(FACTS, key, _fact_rows(evidence)),
    )


def _report_row(evidence: Evidence) -> Row:
    return {
        "report_id": evidence.report_id,
        "is_withdrawn": False,
        "revision": evidence.revision,
        "origin_id": evidence.origin_id,
        "event_week": evidence.week,
        "district": evidence.district,
        "is_criminal": evidence.shape.criminal,
        **_grading_columns(evidence.shape.grading),
        "handling": to_text(evidence.shape.handling),
    }


def _mention_rows(evidence: Evidence) -> Sequence[Row]:
    return [
        {
            "report_id": evidence.report_id,
            "node": node.number,
            "kind": node.kind.value,
            "entity_id": entity_id,
            "child_at_event": node.child.value,
            "role": node.role.value,
            "age_band": node.age_band.value,
        }
        for node, entity_id in zip(evidence.shape.nodes, evidence.entities, strict=True)
    ]


def _relation_rows(evidence: Evidence) -> Sequence[Row]:
    return [
        {
            "report_id": evidence.report_id,
            "number": number,
            "subject": relation.subject,
            "object": relation.object,
            "kind": relation.kind.value,
        }
        for number, relation in enumerate(evidence.shape.relations)
    ]


def _fact_rows(evidence: Evidence) -> Sequence[Row]:
    return [
        {
            "report_id": evidence.report_id,
            "number": number,
            "theme": fact.theme.value,
            "activity": fact.activity.value,
            "four_p": fact.four_p.value,
        }
        for number, fact in enumerate(evidence.shape.facts)
    ]


def _grading_columns(grading: Grading) -> Row:
    return {
        "scheme": grading.scheme.value,
        "source": grading.source,
        "assessment": grading.assessment,
    }


def _grade(fold: NetworkFold, key: tuple[str, int]) -> Rewrite:
    grading = fold.ledger.grades.get(key[0], {}).get(key[1])
    names = {"report_id": key[0], "revision": key[1]}
    return _one(GRADES, names, None if grading is None else _grading_columns(grading))


def _ages(fold: NetworkFold, person: str) -> Rewrite:
    key = {"person_id": person}
    told = [(week, band.value) for week, band in map(ages.told, fold.ledger.ages.get(person, ()))]
    return Rewrite(AGES, key, [{**key, "week": week, "age_band": band} for week, band in told])


def _redirect(fold: NetworkFold, absorbed: str) -> Rewrite:
    kept = fold.ledger.redirects.get(absorbed)
    return _one(REDIRECTS, {"absorbed_id": absorbed}, {"kept_id": kept} if kept else None)


def _waiting(fold: NetworkFold, key: tuple[str, int]) -> Rewrite:
    entity = fold.ledger.waiting.get(key)
    names = {"report_id": key[0], "node": key[1]}
    return _one(WAITING_SPLITS, names, {"entity_id": entity} if entity else None)


def _split(fold: NetworkFold, person: str) -> Rewrite:
    return _one(SPLITS, {"person_id": person}, {"last_at": fold.nominals.splits[person]})


def _decision(fold: NetworkFold, person: str) -> Rewrite:
    decision = fold.nominals.decisions[person]
    rest = {
        "enrolled": decision.enrolled,
        "seen": decision.seen,
        "discharged": decision.discharged,
    }
    return _one(DECISIONS, {"person_id": person}, rest)


def _entity(fold: NetworkFold, entity_id: str) -> Rewrite:
    standing = fold.standing(entity_id)
    if standing is None:
        return Rewrite(ENTITIES, {"entity_id": entity_id})
    rest = {
        "kind": standing.kind.value,
        "is_child": standing.is_child,
        "is_suspect": standing.is_suspect,
        "is_victim": standing.is_victim,
        "is_nominal": standing.is_nominal,
        "is_suspected_nominal": standing.is_suspected_nominal,
        "network_id": standing.network,
        "reports": fold.report_count(entity_id),
        "is_deal_line": standing.is_deal_line,
        "is_cuckooed": standing.is_cuckooed,
        "age_band": fold.age_band(entity_id).value,
    }
    return _one(ENTITIES, {"entity_id": entity_id}, rest)


def _tie(fold: NetworkFold, tie_key: TieKey) -> Rewrite:
    subject, target, kind = tie_key
    key = {"subject_id": subject, "object_id": target, "kind": kind.value}
    tie = fold.tie(tie_key)
    if tie is None or not tie.stands or tie.weakest is None:
        return Rewrite(TIES, key)
    rest = {
        "weight": tie.origins.distinct,
        "reports": len(tie.evidence),
        "first_week": tie.first_week,
        "last_week": tie.last_week,
        "weakest_scheme": tie.weakest.scheme.value,
        "weakest_source": tie.weakest.source,
        "weakest_assessment": tie.weakest.assessment,
        "tentative": tie.tentative,
        "doubted": tie.doubted,
    }
    return _one(TIES, key, rest)


def _pair(fold: NetworkFold, pair_key: PairKey) -> Rewrite:
    key = {"low_id": pair_key[0], "high_id": pair_key[1]}
    pair = fold.pair(*pair_key)
    weight = 0 if pair is None else pair.weight
    if pair is None or weight < fold.policy.minimum_weight:
        return Rewrite(PAIRS, key)
    first, last = pair.weeks
    rest = {
        "weight": weight,
        "first_week": first,
        "last_week": last,
        "tentative": pair.tentative,
        "doubted": pair.doubted,
    }
    return _one(PAIRS, key, rest)


def _network(fold: NetworkFold, network: str) -> Rewrite:
    key = {"network_id": network}
    component = fold.network(network)
    if component is None:
        return Rewrite(NETWORKS, key)
    rest = {
        "people": component.counts[Part.PERSON],
        "children": component.counts[Part.CHILD],
        "victims": component.counts[Part.VICTIM],
        "others": component.counts[Part.OTHER],
        "since": fold.name(network).since,
    }
    return _one(NETWORKS, key, rest)


def _name(fold: NetworkFold, network: str) -> Rewrite:
    name = fold.name(network)
    rest = {
        "carrier_id": name.carrier,
        "since": name.since,
        "people": name.people,
        "turned": name.turned,
    }
    return _one(NAMES, {"network_id": network}, rest)


def _moment(moment: Moment) -> Rewrite:
    key = {
        "network_id": moment.network_id,
        "offset": moment.offset,
        "number": moment.number,
    }
    rest = {
        "change": moment.change.value,
        "other_id": moment.other_id,
        "people": moment.people,
    }
    return _one(HISTORY, key, rest)


# --- rows to fold ----------------------------------------------------------------


def restore(fold: NetworkFold, read: Read) -> None:
    """Fill a fresh fold from rows; what people look at follows from the rest."""
    for row in read(REDIRECTS):
        fold.ledger.redirect(row["absorbed_id"], row["kept_id"])
    for row in read(WAITING_SPLITS):
        fold.ledger.wait(row["report_id"], row["node"], row["entity_id"])
    for row in read(GRADES):
        fold.ledger.grade(row["report_id"], row["revision"], _grading(row))
    for row in read(AGES):
        age = ages.said_of(row["week"], AgeBand(row["age_band"]))
        if age is not None:
            fold.ledger.tell_age(row["person_id"], age)
    fold.nominals.splits.update((row["person_id"], row["last_at"]) for row in read(SPLITS))
    fold.nominals.decisions.update(
        (row["person_id"], Decision(row["enrolled"], row["seen"], row["discharged"]))
        for row in read(DECISIONS)
    )
    fold.load(_evidence(fold, read), _names(fold, read))


def _names(fold: NetworkFold, read: Read) -> Mapping[str, Name]:
    return {
        row["network_id"]: Name(
            carrier=row["carrier_id"],
            since=row["since"],
            people=row["people"],
            turned=row["turned"],
            home=fold.ledger.root(row["carrier_id"]),
        )
        for row in read(NAMES)
    }


def _evidence(fold: NetworkFold, read: Read) -> Iterator[Evidence]:
    """Yield the live reports, remembering the withdrawn ones; all tables go by report id."""
    parts = [_ByReport(read(table)) for table in (MENTIONS, RELATIONS, FACTS)]
    for report in read(REPORTS):
        report_id = report["report_id"]
        if report["is_withdrawn"]:
            fold.ledger.withdrawn.add(report_id)
        else:
            yield _one_evidence(report, *(part.get(report_id) for part in parts))


def _one_evidence(
    report: Row, mentions: Sequence[Row], relations: Sequence[Row], facts: Sequence[Row]
) -> Evidence:
    nodes = tuple(
        NodeFacts(
            row["node"],
            NodeKind(row["kind"]),
            ChildAtEvent(row["child_at_event"]),
            Role(row["role"]),
            AgeBand(row["age_band"]),
        )
        for row in mentions
    )
    stated = tuple(
        StatedRelation(row["subject"], row["object"], RelationKind(row["kind"]))
        for row in relations
    )
    coded = tuple(
        CodedFact(
            theme=Theme(row["theme"]),
            activity=Activity(row["activity"]),
            four_p=FourP(row["four_p"]),
        )
        for row in facts
    )
    handling = from_text(report["handling"])
    return evidence(
        report_id=report["report_id"],
        revision=report["revision"],
        origin_id=report["origin_id"],
        week=report["event_week"],
        district=report["district"],
        entities=[row["entity_id"] for row in mentions],
        shape=shape_of(nodes, stated, coded, _grading(report), handling),
    )


def _grading(row: Row) -> Grading:
    return Grading(
        scheme=GradingScheme(row["scheme"]), source=row["source"], assessment=row["assessment"]
    )


class _ByReport:
    """Rows of one report after the other; ids must be asked for in rising order."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._groups = groupby(rows, itemgetter("report_id"))
        self._ahead: tuple[str, tuple[Row, ...]] | None = None
        self._advance()

    def get(self, report_id: str) -> tuple[Row, ...]:
        while self._ahead is not None and self._ahead[0] < report_id:
            self._advance()
        return self._ahead[1] if self._ahead and self._ahead[0] == report_id else ()

    def _advance(self) -> None:
        group = next(self._groups, None)
        self._ahead = None if group is None else (group[0], tuple(group[1]))
