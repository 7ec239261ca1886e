"""A sorted bag of text: small in memory, and quick to tell how many different items it holds."""

from __future__ import annotations

from bisect import bisect_left


class Bag(list[str]):
    """Items in order, repeated ones next to each other; `distinct` counts each once.

    A dictionary of counts would do the same in three times the memory, and most
    bags hold an item or two.
    """

    __slots__ = ("distinct",)

    def __init__(self) -> None:
        super().__init__()
        self.distinct = 0

    def add(self, item: str) -> None:
        """Put an item in."""
        place = bisect_left(self, item)
        if place == len(self) or self[place] != item:
            self.distinct += 1
        self.insert(place, item)

    def take(self, item: str) -> None:
        """Take one occurrence of an item out; it must be there."""
        place = bisect_left(self, item)
        del self[place]
        if place == len(self) or self[place] != item:
            self.distinct -= 1

    @property
    def first(self) -> str:
        """The smallest item, empty text for an empty bag."""
        return self[0] if self else ""

    @property
    def last(self) -> str:
        """The greatest item, empty text for an empty bag."""
        return self[-1] if self else ""
