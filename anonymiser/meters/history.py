"""How earlier reports of the same source fared: what an analyst grades an unseen source by.

The source is the agency's service as the enclave knows it: the partner. What is told is so coarse
that at least three agencies would get the same words at that moment; if not, less is told, and at
last nothing. So the words lead to no agency. Source: issue 6, point 2; domain.md section 1.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anonymiser.meters.figures import share_band
from anonymiser.usage import band
from streams.values import GradingScheme

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from anonymiser.gate.audience import AudienceIds
    from anonymiser.meters.book import Book, ReportKey
    from streams.codes import ShareBand
    from streams.parts import Grading
    from streams.values import CountBand

#: So many agencies must get the same words, or they are not said.
SAME_WORDS_MIN: Final = 3
#: Below, a share of judged reports says nothing.
JUDGED_MIN: Final = 5
_RELIABLE: Final = {
    GradingScheme.SCHEME_3X5X2: frozenset({"1"}),
    GradingScheme.SCHEME_5X5X5: frozenset({"A", "B"}),
}


@dataclass(frozen=True, slots=True)
class History:
    """What can be said of a source, in bands; None is not said."""

    reports: CountBand
    corroborated: ShareBand | None
    reliable: ShareBand | None

    def less(self) -> Iterator[History]:
        """Yield this and ever less of it."""
        yield self
        yield History(self.reports, self.corroborated, None)
        yield History(self.reports, None, None)


def histories(book: Book, ids: AudienceIds) -> Mapping[str, History]:
    """Return for each partner what can be said of it now; one that would stand out is left out."""
    told = book.corroborated()
    reports = _by_partner(book)
    whole = {partner: _whole(keys, told, book, ids) for partner, keys in reports.items()}
    chosen: dict[str, History] = {}
    left = dict(whole)
    for depth in range(3):
        words = {partner: tuple(one.less())[depth] for partner, one in left.items()}
        counts = Counter(words.values())
        said = {p: one for p, one in words.items() if counts[one] >= SAME_WORDS_MIN}
        chosen |= said
        left = {partner: one for partner, one in left.items() if partner not in said}
    return chosen


def _by_partner(book: Book) -> Mapping[str, list[ReportKey]]:
    found: dict[str, list[ReportKey]] = {}
    for key in book.reports:
        found.setdefault(key[0], []).append(key)
    return found


def _whole(
    keys: Sequence[ReportKey], told: AbstractSet[ReportKey], book: Book, ids: AudienceIds
) -> History:
    grades = [book.grades.get(ids.report(*key)) for key in keys]
    judged = [one for one in grades if one is not None and one.source is not None]
    return History(
        reports=band(len(keys)),
        corroborated=share_band(sum(key in told for key in keys), len(keys), JUDGED_MIN),
        reliable=share_band(sum(map(is_reliable, judged)), len(judged), JUDGED_MIN),
    )


def is_reliable(grading: Grading) -> bool:
    """Tell whether the source was graded reliable: 1 of 3x5x2; A or B of 5x5x5."""
    return grading.source in _RELIABLE.get(grading.scheme, frozenset())
