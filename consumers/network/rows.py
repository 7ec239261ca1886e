"""Rows as a function of the fold, and the fold again from its rows."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from consumers.network.components import Part
from consumers.network.evidence import NodeFacts, StatedRelation, evidence, shape_of
from consumers.network.handling import from_text, to_text
from consumers.network.nominals import Decision
from consumers.network.tables import (
    DECISIONS,
    ENTITIES,
    MENTIONS,
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
from streams.parts import Grading
from streams.taxonomy import RelationKind
from streams.values import ChildAtEvent, GradingScheme, NodeKind, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Table

    from consumers.network.evidence import Evidence, TieKey
    from consumers.network.fold import NetworkFold
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
    rewrites += [_split(fold, person) for person in changes.splits]
    rewrites += [_decision(fold, person) for person in changes.decisions]
    rewrites += [_entity(fold, entity_id) for entity_id in changes.entities]
    rewrites += [_tie(fold, key) for key in changes.ties]
    rewrites += [_pair(fold, key) for key in changes.pairs]
    rewrites += [_network(fold, network) for network in changes.networks]
    return rewrites


def _one(table: Table, key: Row, rest: Row | None) -> Rewrite:
    return Rewrite(table, key, () if rest is None else ({**key, **rest},))


def _report_rewrites(fold: NetworkFold, report_id: str) -> tuple[Rewrite, ...]:
    key = {"report_id": report_id}
    evidence = fold.ledger.reports.get(report_id)
    if evidence is None:
        report = {**dict.fromkeys(REPORTS.c.keys()), **key, "is_withdrawn": True}
        return (Rewrite(REPORTS, key, (report,)), Rewrite(MENTIONS, key), Rewrite(RELATIONS, key))
    return (
        Rewrite(REPORTS, key, (_report_row(evidence),)),
        Rewrite(MENTIONS, key, _mention_rows(evidence)),
        Rewrite(RELATIONS, key, _relation_rows(evidence)),
    )


def _report_row(evidence: Evidence) -> Row:
    grading = evidence.shape.grading
    return {
        "report_id": evidence.report_id,
        "is_withdrawn": False,
        "revision": evidence.revision,
        "origin_id": evidence.origin_id,
        "event_week": evidence.week,
        "district": evidence.district,
        "is_criminal": evidence.shape.criminal,
        "scheme": grading.scheme.value,
        "source": grading.source,
        "assessment": grading.assessment,
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
    }
    return _one(TIES, key, rest)


def _pair(fold: NetworkFold, pair_key: PairKey) -> Rewrite:
    key = {"low_id": pair_key[0], "high_id": pair_key[1]}
    pair = fold.pair(*pair_key)
    weight = 0 if pair is None else pair.weight
    if pair is None or weight < fold.policy.minimum_weight:
        return Rewrite(PAIRS, key)
    first, last = pair.weeks
    return _one(PAIRS, key, {"weight": weight, "first_week": first, "last_week": last})


def _network(fold: NetworkFold, network: str) -> Rewrite:
    key = {"network_id": network}
    component = fold.component(network)
    if component is None or component.published != network:
        return Rewrite(NETWORKS, key)
    rest = {
        "people": component.counts[Part.PERSON],
        "children": component.counts[Part.CHILD],
        "others": component.counts[Part.OTHER],
    }
    return _one(NETWORKS, key, rest)


# --- rows to fold ----------------------------------------------------------------


def restore(fold: NetworkFold, read: Read) -> None:
    """Fill a fresh fold from rows; reports, mentions and decisions are enough."""
    for row in read(REDIRECTS):
        fold.ledger.redirect(row["absorbed_id"], row["kept_id"])
    for row in read(WAITING_SPLITS):
        fold.ledger.wait(row["report_id"], row["node"], row["entity_id"])
    fold.nominals.splits.update((row["person_id"], row["last_at"]) for row in read(SPLITS))
    fold.nominals.decisions.update(
        (row["person_id"], Decision(row["enrolled"], row["seen"], row["discharged"]))
        for row in read(DECISIONS)
    )
    fold.load(_evidence(fold, read))


def _evidence(fold: NetworkFold, read: Read) -> Iterator[Evidence]:
    """Yield the live reports, remembering the withdrawn ones; all three tables go by report id."""
    mentions, relations = _ByReport(read(MENTIONS)), _ByReport(read(RELATIONS))
    for report in read(REPORTS):
        report_id = report["report_id"]
        if report["is_withdrawn"]:
            fold.ledger.withdrawn.add(report_id)
        else:
            yield _one_evidence(report, mentions.get(report_id), relations.get(report_id))


def _one_evidence(report: Row, mentions: Sequence[Row], relations: Sequence[Row]) -> Evidence:
    nodes = tuple(
        NodeFacts(
            row["node"],
            NodeKind(row["kind"]),
            ChildAtEvent(row["child_at_event"]),
            Role(row["role"]),
        )
        for row in mentions
    )
    stated = tuple(
        StatedRelation(row["subject"], row["object"], RelationKind(row["kind"]))
        for row in relations
    )
    grading = Grading(
        scheme=GradingScheme(report["scheme"]),
        source=report["source"],
        assessment=report["assessment"],
    )
    handling = from_text(report["handling"])
    return evidence(
        report_id=report["report_id"],
        revision=report["revision"],
        origin_id=report["origin_id"],
        week=report["event_week"],
        district=report["district"],
        entities=[row["entity_id"] for row in mentions],
        shape=shape_of(nodes, stated, report["is_criminal"], grading, handling),
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
