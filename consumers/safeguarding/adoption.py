"""Adopting rules: what must hold before a version of them is in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumers.safeguarding import examples
from consumers.safeguarding.rules import InvalidRulesError, standard
from streams.errors import DeniedError, InvalidInputError
from streams.hub import RulesAdopted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from consumers.safeguarding.rules import Rules


class OwnReviewError(DeniedError):
    """Who adopts rules cannot be their reviewer. Ask another person of the hub to review them."""


class OldVersionError(InvalidInputError):
    """Rules of this version, or of a later one, are in force. Give the file a higher version."""


class ExampleFailsError(InvalidRulesError):
    """An example beside a rule comes out otherwise than the file expects; see `rules check`."""


def adopted(
    rules: Rules,
    earlier: Iterable[RulesAdopted],
    *,
    reviewed_by: str,
    decided_by: str,
    at: datetime,
) -> RulesAdopted:
    """Return the event by which rules come into force, given what was adopted before.

    Raises: OwnReviewError, OldVersionError, ExampleFailsError.
    """
    if _folded(reviewed_by) == _folded(decided_by):
        raise OwnReviewError("who adopts the rules cannot be their reviewer: name another person")
    known = max((one.version for one in earlier), default=standard().version)
    if rules.version <= known:
        raise OldVersionError(
            f"version {known} of the rules is in force: these need a version above it,"
            f" and say {rules.version}"
        )
    require_examples(rules)
    return RulesAdopted(
        version=rules.version,
        document=rules.document,
        reviewed_by=reviewed_by,
        decided_by=decided_by,
        decided_at=at,
    )


def require_examples(rules: Rules) -> None:
    """Run the examples beside the rules.

    Raises: ExampleFailsError that names the first that fails.
    """
    for one in examples.failures(rules):
        raise ExampleFailsError(
            f"{one.rule_id}: the example “{one.story}” expects"
            f" {_people(one.expected)} and finds {_people(one.found)}"
        )


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _people(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nobody"
