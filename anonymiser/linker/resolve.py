"""Decide for one report who each of its nodes is; every decision is an event.

Each event is folded into the state as soon as it is decided, so the next node
is judged by what the last one changed, and recovery, which folds the same
events, comes to the same state.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from anonymiser.linker.match import Verdict, compare, pack, profile, share_strong, vetoes
from streams.restricted import MentionResolved, MergeDecided, PossibleLink, ReportAdmitted
from streams.values import LinkBasis, NodeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from uuid import UUID

    from anonymiser.linker.match import Comparison, LinkPolicy, Profile
    from anonymiser.linker.state import Entity, LinkerState, Mention, Report
    from streams.restricted import ReportTokenised, TokenisedNode

Decision: TypeAlias = ReportAdmitted | MentionResolved | MergeDecided | PossibleLink

_BASIS = {Verdict.STRONG: LinkBasis.STRONG, Verdict.AGREEMENT: LinkBasis.AGREEMENT}


@dataclass(frozen=True, slots=True)
class Match:
    """An entity that a node may be, and why."""

    entity: Entity
    comparison: Comparison
    basis: LinkBasis

    @property
    def is_certain(self) -> bool:
        """Whether it rests on more than agreement."""
        return self.basis is not LinkBasis.AGREEMENT

    def rank(self) -> tuple[int, int, int]:
        """Order the best first: the report's own, strong, then by score; the older of equals."""
        grade = (LinkBasis.SAME_REPORT, LinkBasis.STRONG, LinkBasis.AGREEMENT).index(self.basis)
        return grade, -self.comparison.score, self.entity.order


@dataclass(frozen=True, slots=True)
class Subject:
    """A node with its tokens packed."""

    node: TokenisedNode
    packed: bytes
    profile: Profile

    @classmethod
    def of(cls, node: TokenisedNode) -> Subject:
        """Pack what a node says."""
        packed = pack(node.tokens, node.sex)
        return cls(node, packed, profile(node.kind, (packed,)))


class Resolver:
    """Links the nodes of one admitted revision; use once."""

    def __init__(
        self,
        state: LinkerState,
        new_id: Callable[[], UUID],
        policy: LinkPolicy,
        event: ReportTokenised,
        at: datetime,
    ) -> None:
        self.decisions: list[Decision] = []
        self._state = state
        self._new_id = new_id
        self._policy = policy
        self._event = event
        self._at = at
        self._renamed: dict[UUID, UUID] = {}

    def run(self) -> None:
        """Admit the revision and resolve its nodes; `decisions` holds what was decided so far.

        Also when it is cut short by an exception, since the state has taken it in.
        """
        homes = self._homes(self._state.report(self._event.partner, self._event.report_id))
        self._admit()
        for node in self._event.nodes:
            self._resolve(Subject.of(node), homes.get((node.kind, node.label_token)))

    def _homes(self, report: Report | None) -> dict[tuple[NodeKind, bytes], UUID]:
        """The entities of the earlier revision's nodes, by label."""
        mentions: Iterable[Mention] = report.mentions.values() if report is not None else ()
        return {(mention.kind, mention.label): mention.entity.id for mention in mentions}

    def _admit(self) -> None:
        event = self._event
        admitted = ReportAdmitted(
            partner=event.partner,
            report_id=event.report_id,
            revision=event.revision,
            content_digest=event.content_digest,
            origin_token=event.origin_token,
            origin_id=self._origin(event),
            admitted_at=self._at,
        )
        self._state.admit(admitted)
        self.decisions.append(admitted)

    def _origin(self, event: ReportTokenised) -> UUID:
        """One number for all reports that quote one reference; else one for the whole report."""
        if event.origin_token is not None:
            known = self._state.origins.get(event.origin_token)
        else:
            report = self._state.report(event.partner, event.report_id)
            known = None if report is None else report.own_origin
        return known or self._new_id()

    # --- one node -----------------------------------------------------------------

    def _resolve(self, subject: Subject, home: UUID | None) -> None:
        home = self._renamed.get(home, home) if home is not None else None
        matches, questions = self._search(subject, home)
        best = self._pick(matches)
        if best is not None:
            self._mention(subject, best.entity.id, best.basis, best.comparison.agreed)
            self._unite(best, matches[1:])
        elif home is not None and home not in self._state.entities:
            self._mention(subject, home, LinkBasis.SAME_REPORT, ())
        else:
            self._mention(subject, self._new_id(), LinkBasis.NEW, ())
        self._ask(subject, [*matches, *questions])

    def _search(self, subject: Subject, home: UUID | None) -> tuple[list[Match], list[Match]]:
        """Return what the node may be taken for, best first, and what a human may be asked."""
        matches: list[Match] = []
        questions: list[Match] = []
        for entity in self._candidates(subject, home):
            compared = compare(subject.profile, self._state.profile_of(entity), self._policy)
            if not self._is_free(subject, entity):
                continue
            if entity.id == home and self._agrees(subject, entity):
                matches.append(Match(entity, compared, LinkBasis.SAME_REPORT))
            elif compared.is_accepted:
                matches.append(Match(entity, compared, _BASIS[compared.verdict]))
            elif compared.verdict is Verdict.POSSIBLE:
                questions.append(Match(entity, compared, LinkBasis.AGREEMENT))
        return sorted(matches, key=Match.rank), sorted(questions, key=Match.rank)

    def _candidates(self, subject: Subject, home: UUID | None) -> list[Entity]:
        found = self._state.candidates(subject.node.kind, subject.packed)
        own = self._state.entities.get(home) if home is not None else None
        return found if own is None or own in found else [own, *found]

    def _agrees(self, subject: Subject, entity: Entity) -> bool:
        return not vetoes(subject.profile, self._state.profile_of(entity))

    def _is_free(self, subject: Subject, entity: Entity) -> bool:
        """Two nodes of one report are one subject only by an equal strong token."""
        report = self._state.reports[self._event.partner, self._event.report_id]
        return all(
            share_strong(subject.profile, _profile_of(mention))
            for mention in report.mentions.values()
            if mention.entity is entity
        )

    def _pick(self, matches: list[Match]) -> Match | None:
        """Take the best match, unless one that contradicts it is about as good."""
        if not matches:
            return None
        best, *others = matches
        if best.is_certain:
            return best
        near = best.comparison.score - self._policy.margin
        rivals = (other for other in others if other.comparison.score > near)
        is_clear = all(self._may_unite(best, rival) for rival in rivals)
        return best if is_clear else None

    def _mention(
        self, subject: Subject, entity_id: UUID, basis: LinkBasis, agreed: tuple[str, ...]
    ) -> None:
        event, node = self._event, subject.node
        resolved = MentionResolved(
            partner=event.partner,
            report_id=event.report_id,
            revision=event.revision,
            node=node.node,
            kind=node.kind,
            sex=node.sex,
            entity_id=entity_id,
            basis=basis,
            agreed=agreed,
            label_token=node.label_token,
            sealed_tokens=node.sealed_tokens,
            child_at_event=node.child_at_event,
        )
        self._state.resolve(resolved, subject.packed)
        self.decisions.append(resolved)

    # --- several entities that are one ----------------------------------------------

    def _unite(self, best: Match, others: Iterable[Match]) -> None:
        for other in others:
            if self._may_unite(best, other):
                best = self._merge(best, other)

    def _may_unite(self, left: Match, right: Match) -> bool:
        """Nothing contradicts, no human parted them, and no report names both as two."""
        one, other = left.entity, right.entity
        if self._state.are_apart(one.id, other.id):
            return False
        is_sure = left.comparison.verdict is Verdict.STRONG is right.comparison.verdict
        if self._state.is_asked(one.id, other.id) and not is_sure:
            return False
        if vetoes(self._state.profile_of(one), self._state.profile_of(other)):
            return False
        return all(
            share_strong(_profile_of(here), _profile_of(there))
            for here, there in self._state.meet_in_a_report(one, other)
        )

    def _merge(self, left: Match, right: Match) -> Match:
        """Keep the entity that was mentioned first."""
        kept, absorbed = sorted((left, right), key=lambda match: match.entity.order)
        is_sure = left.comparison.verdict is Verdict.STRONG is right.comparison.verdict
        decided = MergeDecided(
            kind=kept.entity.kind,
            kept_id=kept.entity.id,
            absorbed_id=absorbed.entity.id,
            basis=LinkBasis.STRONG if is_sure else LinkBasis.AGREEMENT,
            agreed=tuple(sorted({*left.comparison.agreed, *right.comparison.agreed})),
            decided_at=self._at,
        )
        self._state.merge(decided)
        self.decisions.append(decided)
        self._rename(absorbed.entity.id, kept.entity.id)
        return Match(kept.entity, left.comparison, left.basis)

    def _rename(self, old: UUID, new: UUID) -> None:
        for home, now in tuple(self._renamed.items()):
            if now == old:
                self._renamed[home] = new
        self._renamed[old] = new

    # --- questions --------------------------------------------------------------------

    def _ask(self, subject: Subject, doubts: Iterable[Match]) -> None:
        """Put to a human what much speaks for and something against; each pair once."""
        report = self._state.reports[self._event.partner, self._event.report_id]
        mine = report.mentions[subject.node.node].entity
        left = self._policy.questions_max
        for doubt in doubts:
            if left and self._is_question(mine, doubt.entity):
                self._question(mine, doubt)
                left -= 1

    def _is_question(self, mine: Entity, other: Entity) -> bool:
        if other is mine or other.id not in self._state.entities:
            return False
        if self._state.is_asked(mine.id, other.id) or self._state.are_apart(mine.id, other.id):
            return False
        return next(self._state.meet_in_a_report(mine, other), None) is None

    def _question(self, mine: Entity, doubt: Match) -> None:
        against = vetoes(self._state.profile_of(mine), self._state.profile_of(doubt.entity))
        asked = PossibleLink(
            kind=mine.kind,
            left_id=mine.id,
            right_id=doubt.entity.id,
            agreed=doubt.comparison.agreed,
            contradicted=tuple(dict.fromkeys(chain(doubt.comparison.contradicted, against))),
            noticed_at=self._at,
        )
        self._state.ask(asked)
        self.decisions.append(asked)


def _profile_of(mention: Mention) -> Profile:
    return profile(mention.kind, (mention.packed,))
