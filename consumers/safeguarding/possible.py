"""Doubts: two ids that may be one person, and what would follow for a child if they were.

Nothing that rests on a doubt is ever an alert. It is a row of its own, of state
POSSIBLE, beside the child's record: it raises nothing, is published nowhere, and
goes as soon as somebody has decided or the reason is gone. If the two are
decided to be one the merge comes as an event, and the alert is then raised as any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from consumers.safeguarding.paths import Paths
from streams.values import AlertRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from consumers.network.fold import NetworkFold
    from consumers.safeguarding.paths import Path
    from streams.shared import PossibleLinkTold

LinkKey: TypeAlias = tuple[str, str]

_THROUGH: Final = {
    AlertRule.CHILD_TIED_TO_NOMINAL: Paths.to_nominal,
    AlertRule.SIBLING_OF_INVOLVED: Paths.through_sibling,
    AlertRule.FRIEND_OF_INVOLVED: Paths.through_friend,
}


@dataclass(frozen=True, slots=True)
class PossibleAlert:
    """What would be an alert for a child if the two were one; the path crosses the doubt."""

    rule: AlertRule
    child_id: str
    path: Path


@dataclass(frozen=True, slots=True)
class Doubt:
    """An open possible link: the ids as they were told, who they are now, and what would follow."""

    link: LinkKey
    roots: LinkKey
    alerts: tuple[PossibleAlert, ...]


class Doubts:
    """The open possible links; `changed` names those whose rows are to be written anew."""

    def __init__(self) -> None:
        self.open: dict[LinkKey, Doubt] = {}
        self.changed: set[LinkKey] = set()
        self._by_end: dict[str, set[LinkKey]] = {}

    def tell(self, event: PossibleLinkTold, fold: NetworkFold) -> None:
        """Take in that a doubt begins or ends; told twice is told once."""
        link = (str(event.left_id), str(event.right_id))
        if event.open:
            self._add(Doubt(link, link, ()))
            self._judge(link, fold, Paths(fold))
        else:
            self._drop(link)

    def settle(self, fold: NetworkFold, people: Iterable[str]) -> None:
        """Judge again what concerns people around whom something changed."""
        links = {link for person in people for link in self._links_of(person, fold)}
        paths = Paths(fold)
        for link in sorted(links):
            self._judge(link, fold, paths)

    def load(self, doubts: Iterable[Doubt]) -> None:
        """Take the doubts of a store; nothing counts as changed."""
        for doubt in doubts:
            self._add(doubt)
        self.changed.clear()

    def take_changed(self) -> Mapping[LinkKey, Doubt | None]:
        """Return what became of each doubt that changed since the last call; None for gone."""
        changed, self.changed = self.changed, set()
        return {link: self.open.get(link) for link in sorted(changed)}

    def _add(self, doubt: Doubt) -> None:
        self.open[doubt.link] = doubt
        self.changed.add(doubt.link)
        for end in doubt.link:
            self._by_end.setdefault(end, set()).add(doubt.link)

    def _drop(self, link: LinkKey) -> None:
        if self.open.pop(link, None) is None:
            return
        self.changed.add(link)
        for end in link:
            links = self._by_end[end]
            links.discard(link)
            if not links:
                del self._by_end[end]

    def _links_of(self, person: str, fold: NetworkFold) -> Iterator[LinkKey]:
        for name in (person, *fold.ledger.aliases(fold.ledger.root(person))):
            yield from self._by_end.get(name, ())

    def _judge(self, link: LinkKey, fold: NetworkFold, paths: Paths) -> None:
        left, right = map(fold.ledger.root, link)
        found = () if left == right else tuple(_alerts(left, right, paths))
        doubt = Doubt(link, (left, right), found)
        if doubt != self.open[link]:
            self._add(doubt)


def _alerts(left: str, right: str, paths: Paths) -> Iterator[PossibleAlert]:
    """Yield what each side, if it were the other as well, would bring upon a child."""
    yield from _alerts_of(left, right, paths)
    yield from _alerts_of(right, left, paths)


def _alerts_of(child: str, other: str, paths: Paths) -> Iterator[PossibleAlert]:
    if paths.is_child(child):
        for rule, find in _THROUGH.items():
            path = find(paths, other)
            if path is not None and find(paths, child) is None:
                yield PossibleAlert(rule, child, path)
    yield from _of_those_close(child, other, paths)


def _of_those_close(child: str, other: str, paths: Paths) -> Iterator[PossibleAlert]:
    """Yield what it would mean for siblings and friends of one side that the other is involved."""
    onward = paths.to_nominal(other) if paths.is_child(other) else None
    if onward is None or paths.involvement(child) is not None:
        return
    close = (
        (AlertRule.SIBLING_OF_INVOLVED, paths.siblings(child)),
        (AlertRule.FRIEND_OF_INVOLVED, paths.friends(child)),
    )
    for rule, ways in close:
        for near in sorted(ways):
            is_known = _THROUGH[rule](paths, near) is not None
            if near != other and paths.is_child(near) and not is_known:
                yield PossibleAlert(rule, near, ways[near] + onward)
