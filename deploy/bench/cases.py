"""The reports of the benchmark: any number of small cases, each told in eight reports.

Made by arithmetic from a serial number, so that making them costs next to
nothing. A case has three adults who offend together, a child they use, the
child's brother and their mother: its first report raises one alert, so that
publish-to-alert can be timed. The others know people by name and birth date
only, but for every second one. People of different cases never meet; their
number grows with the log as in life.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from producers.town.official import nhs_number, uprn, vehicle_mark
from producers.town.partners import HOUSING, Matter
from streams.parts import CodedFact, Grading, Handling, SourceFacts
from streams.restricted import Identity, Node, PersonFacts, Place, Relation, Report
from streams.taxonomy import RelationKind
from streams.values import Activity, FourP, HandlingCode, NodeKind, Role, Sex, Theme

if TYPE_CHECKING:
    from streams.shared import PartnerOnboarded

REPORTS_PER_CASE: Final = 8
PARTNERS: Final = 20
_PEOPLE_PER_CASE: Final = 6
_BENCH: Final = UUID("0d3a4a52-7b1e-5c6f-8f0a-3c2f9a1be7d4")
_GIVEN: Final = ("Ashby", "Birch", "Clover", "Dale", "Elder", "Fern", "Gorse", "Hazel", "Ivy")
_FAMILY_HEADS: Final = ("Test", "Sample", "Mock", "Trial", "Bench", "Load", "Probe", "Dummy")
_FAMILY_MIDDLES: Final = ("er", "en", "al", "or", "ing", "ow", "el", "am", "ar", "is", "on")
_FAMILY_TAILS: Final = ("ley", "ton", "worth", "by", "ham", "field", "wick", "stead", "combe")
_URGENT_EVERY: Final = 100
_URGENT_AT: Final = 45
_MARK_LETTERS: Final = "ABCDEFGHJKLMNOPRSTUVWXY"
_ADULT_BORN: Final = date(1970, 1, 1)
_CHILD_BORN: Final = date(2011, 1, 1)
_ADULTS_BORN_OVER_DAYS: Final = 11_000
_CHILDREN_BORN_OVER_DAYS: Final = 700
_DRUGS: Final = CodedFact(theme=Theme.DRUGS, activity=Activity.SUPPLY, four_p=FourP.PURSUE)
_CONCERN: Final = CodedFact(theme=Theme.OTHER, activity=Activity.CONCERN, four_p=FourP.PROTECT)


@dataclass(frozen=True, slots=True)
class Telling:
    """One of the eight reports: who is in it (places in the case) and how they are tied."""

    people: tuple[int, ...]
    ties: tuple[tuple[int, RelationKind, int], ...] = ()
    fact: CodedFact = _CONCERN
    has_address: bool = False
    has_vehicle: bool = False


_CO: Final = RelationKind.CO_OFFENDER
#: People 0 to 2 are the adults, 3 the child they use, 4 the brother, 5 the mother.
TELLINGS: Final = (
    Telling((0, 1, 2, 3), ((0, _CO, 1), (1, _CO, 2), (0, RelationKind.EXPLOITS, 3)), _DRUGS),
    Telling((0, 1), ((0, _CO, 1),), _DRUGS, has_vehicle=True),
    Telling((3, 4, 5), ((3, RelationKind.SIBLING, 4), (5, RelationKind.PARENT, 3))),
    Telling((4, 5), ((5, RelationKind.PARENT, 4),), has_address=True),
    Telling((1,), has_vehicle=True),
    Telling((3,)),
    Telling((5,), has_address=True),
    Telling((0, 2), ((0, RelationKind.ASSOCIATE, 2),), _DRUGS),
)


def partner_name(number: int) -> str:
    """Return the id of a partner, by its number from 0 to 19."""
    return f"bench-{number:02d}"


def entries(at: datetime) -> tuple[PartnerOnboarded, ...]:
    """Return the registry entries of all partners."""
    bodies = (replace(HOUSING, partner=partner_name(number)) for number in range(PARTNERS))
    return tuple(body.entry(at, at + timedelta(days=365), "bench") for body in bodies)


def report(serial: int, reported_at: datetime) -> Report:
    """Return the report of a serial number, which also decides which partner tells it."""
    case, place = divmod(serial, REPORTS_PER_CASE)
    telling, channel = TELLINGS[place], HOUSING.channels[Matter.CRIME]
    return Report(
        report_id=uuid5(_BENCH, f"report {serial}"),
        partner=partner_name(serial % PARTNERS),
        immediate_risk=is_urgent(serial),
        service=channel.service,
        data_category=channel.data_category,
        gateway=channel.gateway,
        purpose=channel.purpose,
        event_at=reported_at - timedelta(days=1),
        reported_at=reported_at,
        place=Place(postcode="S5 7AA"),
        nodes=_nodes(case, telling, has_number=raises_alert(serial) or serial % 2 == 0),
        relations=_relations(telling),
        facts=(telling.fact,),
        source=SourceFacts(),
        grading=Grading(),
        handling=Handling(code=HandlingCode.P),
    )


def raises_alert(serial: int) -> bool:
    """Tell whether this report, the first of its case, raises an alert."""
    return serial % REPORTS_PER_CASE == 0


def is_urgent(serial: int) -> bool:
    """Tell whether this report tells of an immediate risk: one in a hundred does."""
    return serial % _URGENT_EVERY == _URGENT_AT


def _nodes(case: int, telling: Telling, *, has_number: bool) -> tuple[Node, ...]:
    nodes = [_person(case, place, has_number=has_number) for place in telling.people]
    if telling.has_address:
        address = Identity(address=f"{case} Benchmark Row", postcode="S5 7AA", uprn=uprn(case))
        nodes.append(Node(label="home", kind=NodeKind.ADDRESS, identity=address))
    if telling.has_vehicle:
        vehicle = Identity(vehicle_mark=vehicle_mark(case, _letters(case)))
        nodes.append(Node(label="car", kind=NodeKind.VEHICLE, identity=vehicle))
    return tuple(nodes)


def _relations(telling: Telling) -> tuple[Relation, ...]:
    ties = [
        Relation(subject=_label(one), kind=kind, object=_label(other))
        for one, kind, other in telling.ties
    ]
    first = _label(telling.people[0])
    if telling.has_address:
        ties.append(Relation(subject=first, kind=RelationKind.LIVES_AT, object="home"))
    if telling.has_vehicle:
        ties.append(Relation(subject=first, kind=RelationKind.USES, object="car"))
    return tuple(ties)


def _person(case: int, place: int, *, has_number: bool) -> Node:
    number = case * _PEOPLE_PER_CASE + place
    is_child = place in {3, 4}
    identity = Identity(
        given_name=_GIVEN[number % len(_GIVEN)],
        family_name=_family_name(number),
        born_on=_born_on(number, is_child=is_child),
        nhs_number=_nhs_number(number) if has_number else None,
    )
    facts = PersonFacts(sex=Sex.UNKNOWN, role=Role.VICTIM if is_child else Role.SUSPECT)
    return Node(label=_label(place), kind=NodeKind.PERSON, identity=identity, person=facts)


def _nhs_number(number: int) -> str:
    """Return a number with a check digit; one serial in eleven has none and the next one serves."""
    serial = number * 2 % 1_000_000
    found = nhs_number(serial) or nhs_number(serial + 1)
    if found is None:
        raise ValueError("two serials in a row never lack a check digit")
    return found


def _family_name(number: int) -> str:
    heads, middles = divmod(number // len(_GIVEN), len(_FAMILY_TAILS))
    first, second = divmod(heads, len(_FAMILY_MIDDLES))
    head = _FAMILY_HEADS[first % len(_FAMILY_HEADS)]
    return f"{head}{_FAMILY_MIDDLES[second]}{_FAMILY_TAILS[middles]}"


def _letters(number: int) -> str:
    """Write a number with five letters that vehicle marks use."""
    places = (number // len(_MARK_LETTERS) ** power for power in range(5))
    return "".join(_MARK_LETTERS[place % len(_MARK_LETTERS)] for place in places)


def _born_on(number: int, *, is_child: bool) -> date:
    if is_child:
        return _CHILD_BORN + timedelta(days=number * 31 % _CHILDREN_BORN_OVER_DAYS)
    return _ADULT_BORN + timedelta(days=number * 31 % _ADULTS_BORN_OVER_DAYS)


def _label(place: int) -> str:
    return f"p{place}"
