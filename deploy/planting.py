"""How planted pairs are compared: by the linker's own comparison, under a key of the moment.

The desk holds none of the enclave's keys. Two descriptions compare the same
under any token key, so one is made up and forgotten with the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anonymiser.keyring import new_keys
from anonymiser.linker.match import Comparison, LinkPolicy, Verdict, compare, pack, profile
from anonymiser.tokens import Tokeniser
from streams.identifiers import read
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from anonymiser.desk.planted import Described
    from anonymiser.linker.match import Profile
    from streams.restricted import ComparedField

_PERSONS: Final = 100_000
"""The size of town for which the thresholds of planted pairs are those of real ones."""


@dataclass(frozen=True, slots=True)
class LinkerSays:
    """A comparison as the desk needs it."""

    comparison: Comparison
    weights_version: int

    @property
    def is_question(self) -> bool:
        """Whether the linker would ask a human."""
        return self.comparison.verdict is Verdict.POSSIBLE

    @property
    def agreed(self) -> tuple[str, ...]:
        """Fields that agree."""
        return self.comparison.agreed

    @property
    def contradicted(self) -> tuple[str, ...]:
        """Fields that contradict."""
        return self.comparison.contradicted

    @property
    def score(self) -> int:
        """The sum, in centibits."""
        return self.comparison.score

    @property
    def levels(self) -> tuple[ComparedField, ...]:
        """The waterfall."""
        return self.comparison.levels


def comparison() -> Callable[[Described, Described], LinkerSays]:
    """Return the comparison of two invented descriptions."""
    tokeniser, policy = Tokeniser(new_keys()), LinkPolicy()

    def described(one: Described) -> Profile:
        spelt, _ = read(one.identity)
        return profile(
            NodeKind.PERSON, (pack(tokeniser.tokens_of(NodeKind.PERSON, spelt), one.sex),)
        )

    def compared(left: Described, right: Described) -> LinkerSays:
        found = compare(described(left), described(right), policy, persons=_PERSONS)
        return LinkerSays(found, policy.weights.version)

    return compared
