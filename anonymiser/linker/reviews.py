"""What a human says of two ids becomes a decision, whatever has become of them meanwhile.

SAME makes them one, even over a contradiction. DIFFERENT parts them for good:
no agreement makes them one again, and an equal number asks once more. Of two
that are one by now it undoes exactly the merge that joined them, under the old
id. UNSURE leaves the question open. The last word counts, whoever's it is; a
verdict that changes nothing is recorded with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymiser.linker.resolve import Judge
from streams.restricted import LinkDecided, SplitDecided
from streams.values import LinkBasis, LinkVerdict, VoidReason

if TYPE_CHECKING:
    from anonymiser.linker.state import Entity
    from streams.restricted import LinkReviewed


class Reviewer(Judge):
    """Turns one verdict into decisions; use once."""

    def take(self, event: LinkReviewed) -> None:
        """Decide; `decisions` holds what follows, first of all that it was decided."""
        state = self._state
        left_root, right_root = state.pairs.root(event.left_id), state.pairs.root(event.right_id)
        left, right = state.entity(left_root), state.entity(right_root)
        decided = LinkDecided(
            kind=event.kind,
            left_id=event.left_id,
            right_id=event.right_id,
            left_root=left_root,
            right_root=right_root,
            verdict=event.verdict,
            void=self._void(event, left, right),
            decided_by=event.decided_by,
            decided_at=self._at,
        )
        state.decide(decided)
        self.decisions.append(decided)
        if decided.void is None and left is not None and right is not None:
            self._follow(decided, left, right)
            self.judge_again([left_root, right_root, event.left_id, event.right_id])

    def _void(
        self, event: LinkReviewed, left: Entity | None, right: Entity | None
    ) -> VoidReason | None:
        """Return why the verdict changes nothing, None if it does."""
        if left is None or right is None or event.left_id == event.right_id:
            return VoidReason.UNKNOWN_ID
        if left.kind is not right.kind:
            return VoidReason.OF_TWO_KINDS
        if event.verdict is LinkVerdict.SAME and left == right:
            return VoidReason.ALREADY_ONE
        is_different = event.verdict is LinkVerdict.DIFFERENT and left != right
        is_open = self._state.pairs.is_asked(left.id, right.id)
        if is_different and self._state.pairs.are_apart(left.id, right.id) and not is_open:
            return VoidReason.ALREADY_APART
        return None

    def _follow(self, decided: LinkDecided, left: Entity, right: Entity) -> None:
        if decided.verdict is LinkVerdict.SAME:
            self.merge(left, right, LinkBasis.HUMAN, ())
        elif decided.verdict is LinkVerdict.DIFFERENT and left == right:
            self._undo(decided, left)

    def _undo(self, decided: LinkDecided, entity: Entity) -> None:
        """Give the mentions that the joining merge brought their old id back."""
        absorbed = self._state.pairs.joined_by(decided.left_id, decided.right_id)
        moved = [] if absorbed is None else self._state.moved_by(absorbed)
        if absorbed is None or not moved or len(moved) == len(self._state.mentions_of(entity)):
            return
        split = SplitDecided(
            kind=entity.kind,
            entity_id=entity.id,
            new_entity_id=absorbed,
            mentions=tuple(mention.name for mention in moved),
            decided_by=decided.decided_by,
            decided_at=self._at,
        )
        self._state.split(split)
        self.decisions.append(split)
