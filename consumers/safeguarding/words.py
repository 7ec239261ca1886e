"""The reason of an alert in words: a sentence for each tie and sign, and what follows from none."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from consumers.network.tables import ENTITIES
from consumers.safeguarding.rule_tables import RULES_TABLE
from consumers.safeguarding.rules import parse, standard
from streams.codes import AlertSubject
from streams.errors import InvalidInputError
from streams.taxonomy import RelationKind
from streams.values import Activity, AlertRule, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from consumers.safeguarding.alerts import Sign
    from consumers.safeguarding.paths import Step
    from consumers.safeguarding.rules import Rule, Rules

SHORT: Final = 8
NO_SUPPORT: Final = "No live report supports this alert any longer."
CAPACITY_UNKNOWN: Final = (
    "Capacity: no report says that this adult lacks it; it is assumed to be there, and asked."
)
CAPACITY_REPORTED: Final = (
    "Capacity: reported as lacking; a report is no assessment (Mental Capacity Act 2005)."
)
CONSENT: Final = "Consent: not known here; ask the adult before anything is passed on."

#: What each kind of rule means, for lists.
MEANS: Final[Mapping[AlertRule, str]] = {
    AlertRule.CHILD_TIED_TO_NOMINAL: "a child with a network tie to a (suspected) nominal",
    AlertRule.SIBLING_OF_INVOLVED: "a child whose sibling is involved",
    AlertRule.FRIEND_OF_INVOLVED: "a child whose friend is involved",
    AlertRule.HOUSEHOLD_OF_INVOLVED: "a child in the kinship household of somebody involved",
    AlertRule.EARLY_SIGNS: "early signs about a child that add up",
    AlertRule.CUCKOOED_ADDRESS: "a child at a cuckooed address",
    AlertRule.DEAL_LINE: "a child on a deal line",
    AlertRule.VULNERABLE_ADULT: "an adult with needs who is cuckooed or exploited",
    AlertRule.MODERN_SLAVERY: "indicators of modern slavery",
    AlertRule.MISSING_IN_AREA: "a missing child in the area of a candidate network",
    AlertRule.UNANSWERED: "a child reported missing and not reported back",
}
_SAYS: Final = {
    RelationKind.SIBLING: "is a sibling of",
    RelationKind.PARENT: "is a parent of",
    RelationKind.KINSHIP_CARER: "is the kinship carer of",
    RelationKind.FOSTER_CARER: "is the foster carer of",
    RelationKind.FRIEND: "is a friend of",
    RelationKind.ASSOCIATE: "associates with",
    RelationKind.CO_OFFENDER: "is reported offending together with",
    RelationKind.MEMBER_OF: "is reported as a member of",
    RelationKind.EXPLOITS: "is reported as exploiting",
    RelationKind.RUNS_LINE: "is reported as running the line",
    RelationKind.USES_LINE: "is reported as using the line",
    RelationKind.LIVES_AT: "lives at",
    RelationKind.CUCKOOED_AT: "is cuckooed at",
    RelationKind.ATTENDS: "attends",
    RelationKind.USES: "uses",
}
#: Rules whose path ends at somebody of concern; at the end it is said why there.
_TO_SOMEBODY: Final = frozenset(
    {
        AlertRule.CHILD_TIED_TO_NOMINAL,
        AlertRule.SIBLING_OF_INVOLVED,
        AlertRule.FRIEND_OF_INVOLVED,
        AlertRule.HOUSEHOLD_OF_INVOLVED,
    }
)
_IN_GENERAL: Final[Mapping[AlertRule, str]] = {
    AlertRule.MISSING_IN_AREA: (
        "Around that week a report of the same district names somebody of a candidate network;"
        " nothing ties that network to the child."
    ),
    AlertRule.UNANSWERED: "No report of a return came in the time that the rule allows.",
}


def rules_of(connection: Connection, version: int | None = None) -> Rules:
    """Return the rules in force, or a version that was.

    Raises: InvalidInputError for a version that never was.
    """
    adopted = select(RULES_TABLE.c.document).order_by(RULES_TABLE.c.version.desc()).limit(1)
    if version is not None:
        adopted = adopted.where(RULES_TABLE.c.version == version)
    document = connection.execute(adopted).scalar_one_or_none()
    if document is not None:
        return parse(document, "the adopted rules")
    if version not in {None, standard().version}:
        raise InvalidInputError(f"no version {version} of the rules was ever in force")
    return standard()


def rule_in_force(connection: Connection, rule_id: str) -> Rule | None:
    """Return a rule as it holds now; None for one that is not in the rules any longer."""
    return rules_of(connection).rule(rule_id)


def in_words(
    connection: Connection,
    rule: AlertRule,
    person: tuple[AlertSubject, str],
    steps: Sequence[Step],
    signs: Sequence[Sign],
) -> list[str]:
    """Return the reason of an alert, for whom it is about and by which id."""
    if not steps and not signs:
        return [NO_SUPPORT]
    about, identity = person
    told = [sentence(step) for step in steps]
    if steps and rule in _TO_SOMEBODY:
        end = _end_of(identity, steps)
        told.append(f"{end[:SHORT]} is {_standing(connection, end)}.")
    told += _signs(signs)
    if rule in _IN_GENERAL:
        told.append(_IN_GENERAL[rule])
    return told if about is AlertSubject.CHILD else [*told, *_of_adult(signs)]


def sentence(step: Step) -> str:
    """Tell one tie."""
    count = len(step.report_ids)
    reports = f"{count} report{'s' if count > 1 else ''}"
    return f"{step.from_id[:SHORT]} {_SAYS[step.kind]} {step.to_id[:SHORT]} ({reports})."


def _signs(signs: Sequence[Sign]) -> Iterator[str]:
    for (week, activity), some in groupby(signs, lambda sign: (sign.week, sign.activity)):
        reports = " ".join(sign.report_id[:SHORT] for sign in some)
        yield f"{activity.replace('_', ' ').lower()} in week {week} (report {reports})."


def _of_adult(signs: Sequence[Sign]) -> tuple[str, str]:
    lacks = any(sign.activity is Activity.LACKS_CAPACITY for sign in signs)
    return (CAPACITY_REPORTED if lacks else CAPACITY_UNKNOWN), CONSENT


def _end_of(child: str, steps: Sequence[Step]) -> str:
    """Walk the ties from the child; each shares an end with the one before."""
    here = child
    for step in steps:
        here = step.to_id if step.from_id == here else step.from_id
    return here


def _standing(connection: Connection, person: str) -> str:
    chosen = select(ENTITIES).where(ENTITIES.c.entity_id == person)
    row = connection.execute(chosen).mappings().one_or_none()
    if row is None or row["kind"] != NodeKind.PERSON:
        return "no longer reported"
    if row["is_nominal"]:
        return "a nominal"
    return "a suspected nominal" if row["is_suspected_nominal"] else "no longer of concern"
