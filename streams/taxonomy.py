"""The versioned taxonomy of relations: which ends they join and what they count as.

Source: ARCHITECTURE.md, "Words that decide outcomes". Kin, friend, carer,
school and household never join a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from streams.values import Activity, NodeKind

if TYPE_CHECKING:
    from collections.abc import Mapping

TAXONOMY_VERSION: Final = 2


class RelationKind(StrEnum):
    """How the subject of a relation stands to its object."""

    SIBLING = "SIBLING"
    PARENT = "PARENT"  # the subject is a parent of the object
    KINSHIP_CARER = "KINSHIP_CARER"
    FOSTER_CARER = "FOSTER_CARER"
    FRIEND = "FRIEND"
    ASSOCIATE = "ASSOCIATE"
    CO_OFFENDER = "CO_OFFENDER"
    MEMBER_OF = "MEMBER_OF"
    EXPLOITS = "EXPLOITS"
    RUNS_LINE = "RUNS_LINE"
    USES_LINE = "USES_LINE"
    LIVES_AT = "LIVES_AT"
    CUCKOOED_AT = "CUCKOOED_AT"
    ATTENDS = "ATTENDS"
    USES = "USES"  # a phone, vehicle, account or handle


class Ends(StrEnum):
    """Which kinds of node a relation joins."""

    PERSON_PERSON = "PERSON_PERSON"
    PERSON_ORGANISATION = "PERSON_ORGANISATION"
    PERSON_PHONE = "PERSON_PHONE"
    PERSON_ADDRESS = "PERSON_ADDRESS"
    PERSON_OBJECT = "PERSON_OBJECT"


class Bond(StrEnum):
    """What a relation counts as when networks and alerts are decided."""

    NETWORK = "NETWORK"
    CONDITIONAL = "CONDITIONAL"  # a network tie only beside a coded criminal fact
    KIN = "KIN"
    FRIEND = "FRIEND"
    CARE = "CARE"
    SCHOOL = "SCHOOL"
    PLACE = "PLACE"
    OBJECT = "OBJECT"


@dataclass(frozen=True, slots=True)
class RelationRule:
    """The properties of one relation kind."""

    ends: Ends
    bond: Bond
    symmetric: bool = False


RELATIONS: Final[Mapping[RelationKind, RelationRule]] = {
    RelationKind.SIBLING: RelationRule(Ends.PERSON_PERSON, Bond.KIN, symmetric=True),
    RelationKind.PARENT: RelationRule(Ends.PERSON_PERSON, Bond.KIN),
    RelationKind.KINSHIP_CARER: RelationRule(Ends.PERSON_PERSON, Bond.KIN),
    RelationKind.FOSTER_CARER: RelationRule(Ends.PERSON_PERSON, Bond.CARE),
    RelationKind.FRIEND: RelationRule(Ends.PERSON_PERSON, Bond.FRIEND, symmetric=True),
    RelationKind.ASSOCIATE: RelationRule(Ends.PERSON_PERSON, Bond.CONDITIONAL, symmetric=True),
    RelationKind.CO_OFFENDER: RelationRule(Ends.PERSON_PERSON, Bond.NETWORK, symmetric=True),
    RelationKind.MEMBER_OF: RelationRule(Ends.PERSON_ORGANISATION, Bond.NETWORK),
    RelationKind.EXPLOITS: RelationRule(Ends.PERSON_PERSON, Bond.NETWORK),
    RelationKind.RUNS_LINE: RelationRule(Ends.PERSON_PHONE, Bond.NETWORK),
    RelationKind.USES_LINE: RelationRule(Ends.PERSON_PHONE, Bond.NETWORK),
    RelationKind.LIVES_AT: RelationRule(Ends.PERSON_ADDRESS, Bond.PLACE),
    RelationKind.CUCKOOED_AT: RelationRule(Ends.PERSON_ADDRESS, Bond.PLACE),
    RelationKind.ATTENDS: RelationRule(Ends.PERSON_ORGANISATION, Bond.SCHOOL),
    RelationKind.USES: RelationRule(Ends.PERSON_OBJECT, Bond.OBJECT),
}

#: Bonds that the police topic never carries; the gate keeps them for safeguarding.
SAFEGUARDING_ONLY: Final = frozenset({Bond.KIN, Bond.FRIEND, Bond.CARE, Bond.SCHOOL})

#: Activities that make an ASSOCIATE a network tie ("a coded criminal fact").
CRIMINAL_ACTIVITIES: Final = frozenset(
    {
        Activity.SUPPLY,
        Activity.STORAGE,
        Activity.CARRYING,
        Activity.RECRUITMENT,
        Activity.THREAT,
        Activity.ASSAULT,
        Activity.WEAPON_SEEN,
        Activity.MONEY_MOVED,
    }
)

_OBJECTS = frozenset({NodeKind.PHONE, NodeKind.VEHICLE, NodeKind.ACCOUNT, NodeKind.HANDLE})
_OBJECT_ENDS: Final[Mapping[Ends, frozenset[NodeKind]]] = {
    Ends.PERSON_PERSON: frozenset({NodeKind.PERSON}),
    Ends.PERSON_ORGANISATION: frozenset({NodeKind.ORGANISATION}),
    Ends.PERSON_PHONE: frozenset({NodeKind.PHONE}),
    Ends.PERSON_ADDRESS: frozenset({NodeKind.ADDRESS}),
    Ends.PERSON_OBJECT: _OBJECTS,
}


def joins(kind: RelationKind, subject: NodeKind, target: NodeKind) -> bool:
    """Tell whether a relation of this kind may run from `subject` to `target`."""
    return subject is NodeKind.PERSON and target in _OBJECT_ENDS[RELATIONS[kind].ends]
