"""Decide for one report who each of its nodes is; every decision is an event.

Each event is folded into the state as soon as it is decided, so the next node
is judged by what the last one changed, and recovery, which folds the same
events, comes to the same state.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from anonymiser.linker.match import (
    Verdict,
    compare,
    pack,
    profile,
    share_strong,
    supported,
    vetoes,
)
from anonymiser.linker.reuse import may_be_reused
from anonymiser.linker.state import week_number
from streams.restricted import (
    LinkDecided,
    MentionResolved,
    MergeDecided,
    PossibleLink,
    PossibleLinkClosed,
    ReportAdmitted,
    SplitDecided,
)
from streams.taxonomy import RelationKind
from streams.values import LinkBasis, LinkClosed, LinkDoubt, NodeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from anonymiser.linker.match import Comparison, LinkPolicy, Profile
    from anonymiser.linker.pairs import Question
    from anonymiser.linker.state import Entity, LinkerState, Mention, Report
    from streams.restricted import ReportTokenised, TokenisedNode

Decision: TypeAlias = (
    ReportAdmitted
    | MentionResolved
    | MergeDecided
    | SplitDecided
    | PossibleLink
    | PossibleLinkClosed
    | LinkDecided
)

_BASIS = {Verdict.STRONG: LinkBasis.STRONG, Verdict.AGREEMENT: LinkBasis.AGREEMENT}


@dataclass(frozen=True, slots=True)
class Match:
    """An entity, by number, that a node may be, and why; `doubt` is why it is asked about."""

    number: int
    comparison: Comparison
    basis: LinkBasis
    doubt: LinkDoubt = LinkDoubt.AMBIGUOUS

    @property
    def is_certain(self) -> bool:
        """Whether it rests on more than agreement."""
        return self.basis is not LinkBasis.AGREEMENT

    def rank(self) -> tuple[int, int, int]:
        """Order the best first: the report's own, strong, then by score; the older of equals."""
        grade = (LinkBasis.SAME_REPORT, LinkBasis.STRONG, LinkBasis.AGREEMENT).index(self.basis)
        return grade, -self.comparison.score, self.number


@dataclass(frozen=True, slots=True)
class Subject:
    """A node with its tokens packed."""

    node: TokenisedNode
    packed: bytes
    profile: Profile

    @classmethod
    def of(cls, node: TokenisedNode) -> Subject:
        """Pack what a node says."""
        packed = pack(node.tokens, node.sex, node.child_at_event)
        return cls(node, packed, profile(node.kind, (packed,)))


class Judge:
    """Compares whom the state holds, and records what follows for two of them."""

    def __init__(self, state: LinkerState, policy: LinkPolicy, at: datetime) -> None:
        self.decisions: list[Decision] = []
        self._state = state
        self._policy = policy
        self._at = at

    def compare(self, left: Profile, right: Profile, weeks: int | None) -> Comparison:
        """Compare two profiles among as many persons as there are."""
        return compare(left, right, self._policy, persons=self._state.persons, weeks=weeks)

    def may_be_one(self, one: Entity, other: Entity, *, is_sure: bool) -> bool:
        """Nothing contradicts, no human parted them, and no report names both as two."""
        if self._state.pairs.are_apart(one.id, other.id):
            return False
        if not is_sure and self._state.pairs.is_asked(one.id, other.id):
            return False
        if vetoes(self.profile_of(one), self.profile_of(other)):
            return False
        return self.may_meet(one, other)

    def may_meet(self, one: Entity, other: Entity) -> bool:
        """Two nodes of one report are one subject only by an equal strong token."""
        return all(
            share_strong(profile_of(here), profile_of(there))
            for here, there in self._state.meet_in_a_report(one.number, other.number)
        )

    def profile_of(self, entity: Entity) -> Profile:
        """Return what all mentions of an entity say together."""
        return self._state.profile_of(entity.number, entity.kind)

    def merge(
        self, one: Entity, other: Entity, basis: LinkBasis, agreed: Iterable[str]
    ) -> MergeDecided:
        """Keep the entity that was mentioned first."""
        kept, absorbed = sorted((one, other), key=lambda entity: entity.number)
        decided = MergeDecided(
            kind=kept.kind,
            kept_id=kept.id,
            absorbed_id=absorbed.id,
            basis=basis,
            agreed=tuple(sorted(set(agreed))),
            decided_at=self._at,
        )
        self._state.merge(decided)
        self.decisions.append(decided)
        return decided

    # --- open questions -----------------------------------------------------------

    def judge_again(self, entity_ids: Iterable[UUID]) -> None:
        """Look again at the open questions about entities of which something changed."""
        for entity_id in dict.fromkeys(entity_ids):
            for question in self._state.pairs.questions_about(self._state.pairs.root(entity_id)):
                self._judge(question)

    def _judge(self, question: Question) -> None:
        left = self._state.entity(self._state.pairs.root(question.left_id))
        right = self._state.entity(self._state.pairs.root(question.right_id))
        if left is None or right is None:
            self._close(question, (left or right), LinkClosed.GONE)
        elif left == right:
            self._close(question, left, LinkClosed.MERGED)
        elif question.doubt not in (LinkDoubt.PARTED, LinkDoubt.REUSED):
            self._weigh(question, left, right)

    def _weigh(self, question: Question, left: Entity, right: Entity) -> None:
        weeks = self._state.weeks_between(left.number, right.number)
        compared = self.compare(self.profile_of(left), self.profile_of(right), weeks)
        compared = self.backed(compared, self._state.ties_of(left.number), right.number)
        if compared.verdict is Verdict.DIFFERENT:
            self._close(question, left, LinkClosed.UNSUPPORTED)
        elif compared.is_accepted and self._is_settled(question, left, right, compared):
            self.merge(left, right, _BASIS[compared.verdict], compared.agreed)

    def _is_settled(
        self, question: Question, left: Entity, right: Entity, compared: Comparison
    ) -> bool:
        """A strong number settles it; else the very descriptions that contradicted must be gone."""
        if not self.may_be_one(left, right, is_sure=True):
            return False
        if compared.verdict is Verdict.STRONG:
            return True
        if question.doubt is LinkDoubt.AMBIGUOUS or question.doubt is None:
            return False
        here = self._state.spellings_of(left.number, left.kind)
        there = self._state.spellings_of(right.number, right.kind)
        if any(vetoes(one, other) for one in here for other in there):
            return False
        others = (
            *self._state.pairs.questions_about(left.id),
            *self._state.pairs.questions_about(right.id),
        )
        return all(
            {one.left_id, one.right_id} == {question.left_id, question.right_id} for one in others
        )

    def backed(self, compared: Comparison, ties: set[tuple[str, int]], other: int) -> Comparison:
        """Let common parents and schools lift what falls short to a question, never further."""
        if compared.verdict is not Verdict.DIFFERENT or compared.contradicted or not ties:
            return compared
        common = len(ties & self._state.ties_of(other))
        weights = self._policy.weights
        asked = weights.review_threshold + weights.growth(self._state.persons)
        if not common or supported(compared.score, common, self._policy) < asked:
            return compared
        return replace(compared, verdict=Verdict.POSSIBLE)

    def _close(self, question: Question, side: Entity | None, reason: LinkClosed) -> None:
        closed = PossibleLinkClosed(
            kind=NodeKind.PERSON if side is None else side.kind,
            left_id=question.left_id,
            right_id=question.right_id,
            reason=reason,
            closed_at=self._at,
        )
        self._state.apply(closed)
        self.decisions.append(closed)


class Resolver(Judge):
    """Links the nodes of one admitted revision; use once."""

    def __init__(
        self,
        state: LinkerState,
        new_id: Callable[[], UUID],
        policy: LinkPolicy,
        event: ReportTokenised,
        at: datetime,
    ) -> None:
        super().__init__(state, policy, at)
        self._new_id = new_id
        self._event = event
        self._week = week_number(event.event_week)
        self._mentions: dict[int, Mention] = {}
        self._renamed: dict[UUID, UUID] = {}
        self._ids: dict[int, UUID] = {}
        self._new: set[int] = set()

    def run(self) -> None:
        """Admit the revision and resolve its nodes; `decisions` holds what was decided so far.

        Also when it is cut short by an exception, since the state has taken it in.
        """
        report = self._state.report(self._event.partner, self._event.report_id)
        homes = self._homes(report)
        self._admit(report)
        for node in _in_order(self._event):
            self._resolve(Subject.of(node), homes.get((node.kind, node.label_token)))
        now = (
            self._ids[one.entity] for one in self._mentions.values() if one.entity not in self._new
        )
        self.judge_again([*homes.values(), *now])

    def entities(self) -> dict[int, UUID]:
        """Return who each node is, by its number, as it now is."""
        ids = {node: self._ids[mention.entity] for node, mention in self._mentions.items()}
        if any(isinstance(one, MergeDecided) for one in self.decisions):
            return {node: self._state.pairs.root(entity_id) for node, entity_id in ids.items()}
        return ids

    def _homes(self, report: Report | None) -> dict[tuple[NodeKind, bytes], UUID]:
        """The entities of the earlier revision's nodes, by label."""
        mentions = self._state.mentions_in(report) if report is not None else ()
        return {
            (mention.kind, mention.label): self._state.numbered(mention.entity).id
            for mention in mentions
        }

    def _admit(self, report: Report | None) -> None:
        event = self._event
        admitted = ReportAdmitted(
            partner=event.partner,
            report_id=event.report_id,
            revision=event.revision,
            content_digest=event.content_digest,
            origin_token=event.origin_token,
            origin_id=self._origin(report),
            admitted_at=self._at,
            event_week=event.event_week,
            relations=event.relations,
        )
        self._state.admit(admitted)
        self.decisions.append(admitted)
        self.origin = admitted.origin_id

    def _origin(self, report: Report | None) -> UUID:
        """One number for all reports that quote one reference; else one for the whole report."""
        token = self._event.origin_token
        if token is not None:
            known = self._state.origin(token)
        else:
            known = None if report is None else report.own_origin
        return known or self._new_id()

    # --- one node -----------------------------------------------------------------

    def _resolve(self, subject: Subject, home_id: UUID | None) -> None:
        home_id = self._renamed.get(home_id, home_id) if home_id is not None else None
        home = None if home_id is None else self._state.entity(home_id)
        matches, questions = self._search(subject, home, home_id)
        best = self._pick(matches)
        if best is not None:
            entity_id = self._state.numbered(best.number).id
            self._mention(subject, entity_id, best.basis, best.comparison.agreed)
            self._unite(best, matches[1:])
        elif home_id is not None and home is None:
            self._mention(subject, home_id, LinkBasis.SAME_REPORT, ())
        else:
            self._mention(subject, self._new_id(), LinkBasis.NEW, ())
        self._ask(subject, [*matches, *questions])

    def _search(
        self, subject: Subject, home: Entity | None, home_id: UUID | None
    ) -> tuple[list[Match], list[Match]]:
        """Return what the node may be taken for, best first, and what a human may be asked."""
        matches: list[Match] = []
        questions: list[Match] = []
        ties = self._ties(subject)
        numbers = self._candidates(subject, home)
        sightings = self._state.weeks_apart(numbers, self._week)
        profiles = self._state.profiles_of(numbers, subject.node.kind)
        for number in numbers:
            theirs, weeks = profiles[number], sightings.get(number)
            compared = self.backed(self.compare(subject.profile, theirs, weeks), ties, number)
            if not self._is_free(subject, number):
                continue
            is_home = home is not None and number == home.number
            if is_home and not vetoes(subject.profile, theirs):
                matches.append(Match(number, compared, LinkBasis.SAME_REPORT))
            elif not compared.is_accepted and compared.verdict is not Verdict.POSSIBLE:
                continue
            elif (doubt := self._against(subject, number, compared, weeks, home_id)) is not None:
                questions.append(Match(number, compared, LinkBasis.AGREEMENT, doubt))
            else:
                matches.append(Match(number, compared, _BASIS[compared.verdict]))
        return sorted(matches, key=Match.rank), sorted(questions, key=Match.rank)

    def _against(
        self,
        subject: Subject,
        number: int,
        compared: Comparison,
        weeks: int | None,
        home_id: UUID | None,
    ) -> LinkDoubt | None:
        """Return why a node is not taken for an entity but asked about, None if it may be."""
        if compared.verdict is Verdict.POSSIBLE:
            return LinkDoubt.CONTRADICTED if compared.contradicted else LinkDoubt.WEAK
        if may_be_reused(subject.node.kind, weeks):
            return LinkDoubt.REUSED
        # Nor does a correction bring together whom a human parted.
        if home_id is not None and self._state.pairs.are_apart(
            home_id, self._state.numbered(number).id
        ):
            return LinkDoubt.PARTED
        return None

    def _candidates(self, subject: Subject, home: Entity | None) -> list[int]:
        found = self._state.candidates(subject.node.kind, subject.packed)
        return found if home is None or home.number in found else [home.number, *found]

    def _ties(self, subject: Subject) -> set[tuple[str, int]]:
        """Return the parents and schools of a node, as far as they are resolved."""
        number = subject.node.node
        if subject.node.kind is not NodeKind.PERSON:
            return set()
        others = chain(
            (
                (tie.kind.value, tie.subject)
                for tie in self._event.relations
                if tie.kind is RelationKind.PARENT and tie.object == number
            ),
            (
                (tie.kind.value, tie.object)
                for tie in self._event.relations
                if tie.kind is RelationKind.ATTENDS and tie.subject == number
            ),
        )
        return {
            (kind, self._mentions[other].entity)
            for kind, other in others
            if other in self._mentions
        }

    def _is_free(self, subject: Subject, number: int) -> bool:
        """Two nodes of one report are one subject only by an equal strong token."""
        return all(
            share_strong(subject.profile, profile_of(mention))
            for mention in self._mentions.values()
            if mention.entity == number
        )

    def _pick(self, matches: Sequence[Match]) -> Match | None:
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
        mention = self._state.resolve(resolved, subject.packed)
        self._mentions[node.node] = mention
        self._ids[mention.entity] = entity_id
        if basis is LinkBasis.NEW:
            self._new.add(mention.entity)
        self.decisions.append(resolved)

    # --- several entities that are one ----------------------------------------------

    def _unite(self, best: Match, others: Iterable[Match]) -> None:
        for other in others:
            if self._may_unite(best, other):
                best = self._merge(best, other)

    def _may_unite(self, left: Match, right: Match) -> bool:
        one, other = self._state.numbered(left.number), self._state.numbered(right.number)
        return self.may_be_one(one, other, is_sure=_is_sure(left, right))

    def _merge(self, left: Match, right: Match) -> Match:
        one, other = self._state.numbered(left.number), self._state.numbered(right.number)
        basis = LinkBasis.STRONG if _is_sure(left, right) else LinkBasis.AGREEMENT
        agreed = (*left.comparison.agreed, *right.comparison.agreed)
        merged = self.merge(one, other, basis, agreed)
        kept = min(left.number, right.number)
        self._rename(merged.absorbed_id, merged.kept_id, max(left.number, right.number), kept)
        return Match(kept, left.comparison, left.basis)

    def _rename(self, old: UUID, new: UUID, old_number: int, new_number: int) -> None:
        for home, now in tuple(self._renamed.items()):
            if now == old:
                self._renamed[home] = new
        self._renamed[old] = new
        for node, mention in self._mentions.items():
            if mention.entity == old_number:
                self._mentions[node] = replace(mention, entity=new_number)
        self._ids[new_number] = new
        self._new.discard(new_number)

    # --- questions --------------------------------------------------------------------

    def _ask(self, subject: Subject, doubts: Sequence[Match]) -> None:
        """Put to a human what much speaks for and something against; each pair once."""
        if not doubts:
            return
        mine = self._state.numbered(self._mentions[subject.node.node].entity)
        left = self._policy.questions_max
        for doubt in doubts:
            other = self._state.find(doubt.number) if left else None
            if other is not None and (why := self._doubt(mine, other, doubt)) is not None:
                self._question(mine, other, doubt, why)
                left -= 1

    def _doubt(self, mine: Entity, other: Entity, match: Match) -> LinkDoubt | None:
        """Return why to ask about the two, None if not to ask."""
        if other == mine or self._state.pairs.is_asked(mine.id, other.id):
            return None
        if self._state.meet_in_a_report(mine.number, other.number):
            return None
        if not self._state.pairs.are_apart(mine.id, other.id):
            return match.doubt
        is_new = match.comparison.verdict is Verdict.STRONG
        return (
            LinkDoubt.PARTED
            if is_new and self._state.pairs.may_ask_parted(mine.id, other.id)
            else None
        )

    def _question(self, mine: Entity, other: Entity, doubt: Match, why: LinkDoubt) -> None:
        against = vetoes(self.profile_of(mine), self.profile_of(other))
        asked = PossibleLink(
            kind=mine.kind,
            left_id=mine.id,
            right_id=other.id,
            agreed=doubt.comparison.agreed,
            contradicted=tuple(dict.fromkeys(chain(doubt.comparison.contradicted, against))),
            noticed_at=self._at,
            score=doubt.comparison.score,
            weights_version=self._policy.weights.version,
            levels=doubt.comparison.levels,
            doubt=why,
        )
        self._state.ask(asked)
        self.decisions.append(asked)


def profile_of(mention: Mention) -> Profile:
    """Return what one mention says."""
    return profile(mention.kind, (mention.packed,))


def _is_sure(left: Match, right: Match) -> bool:
    return left.comparison.verdict is Verdict.STRONG is right.comparison.verdict


def _in_order(event: ReportTokenised) -> list[TokenisedNode]:
    """Parents and schools first, so that what children have in common is known."""
    first = {tie.subject for tie in event.relations if tie.kind is RelationKind.PARENT}
    first |= {tie.object for tie in event.relations if tie.kind is RelationKind.ATTENDS}
    return sorted(event.nodes, key=lambda node: node.node not in first)
