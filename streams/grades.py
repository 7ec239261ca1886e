"""The letters and digits of the grading schemes; 3x5x2 and 5x5x5 swap them between the axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streams.values import GradingScheme

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.parts import Grading

#: Source, then assessment. Source: domain.md section 1.
GRADES: Final[Mapping[GradingScheme, tuple[str, str]]] = {
    GradingScheme.SCHEME_3X5X2: ("123", "ABCDE"),
    GradingScheme.SCHEME_5X5X5: ("ABCDE", "12345"),
}


def is_grade(grading: Grading) -> bool:
    """Tell whether a grade names source and assessment, both in the letters of its scheme.

    Source: domain.md section 8, rule 14.
    """
    letters = GRADES.get(grading.scheme)
    if letters is None:
        return False
    given = (grading.source, grading.assessment)
    return all(one in tuple(known) for one, known in zip(given, letters, strict=True))
