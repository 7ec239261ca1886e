"""Merges and splits as one audience may hear of them, under its own ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.shared import Mention, PersonsMerged, PersonSplit

if TYPE_CHECKING:
    from anonymiser.gate.audience import AudienceIds
    from anonymiser.gate.state import Seen
    from streams.restricted import MergeDecided, SplitDecided


def merge_for(event: MergeDecided, ids: AudienceIds) -> PersonsMerged:
    """Return a merge under an audience's ids."""
    return PersonsMerged(
        kind=event.kind,
        kept_id=ids.entity(event.kept_id),
        absorbed_id=ids.entity(event.absorbed_id),
    )


def split_for(event: SplitDecided, seen: Seen) -> PersonSplit | None:
    """Name the mentions an audience was shown; without any, at most that a merge is undone."""
    ids = seen.ids
    new_id = ids.entity(event.new_entity_id)
    mentions = tuple(
        Mention(report_id=ids.report(mention.partner, mention.report_id), node=mention.node)
        for mention in event.mentions
        if seen.has_mention(mention)
    )
    if not mentions and not seen.is_absorbed(new_id):
        return None
    entity_id = ids.entity(event.entity_id)
    return PersonSplit(
        kind=event.kind, entity_id=entity_id, new_entity_id=new_id, mentions=mentions
    )
