"""Property 23: every view satisfies k >= 5 with siblings; two releases differ by nobody.

The truth is a small town of whole households, the reports are about its
people, and the judge knows nothing of how the gate counts: it holds every
resident against everything that left about a person, one after the other.
"""

from __future__ import annotations

from itertools import permutations
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from anonymiser.gate.cells import Cells, K, Shown
from streams.taxonomy import RelationKind
from streams.values import AgeBand, ChildAtEvent, Sex
from tests.small_cells import GROWN, PUPIL, TEEN, TODDLER, F, M, node, population, report

CHILDREN = (TODDLER, PUPIL, TEEN)
DISTRICTS = ("S5", "S6", "S7")
LOOKS = [(sex, band) for sex in (F, M) for band in CHILDREN]
PARENTS = [(F, GROWN), (M, GROWN)]


@st.composite
def towns(draw):
    """Kinds of household with how many there are of each, and so everybody of the town."""
    kinds = draw(
        st.lists(
            st.tuples(
                st.sampled_from(DISTRICTS),
                st.integers(1, 9),
                st.lists(st.sampled_from(LOOKS), min_size=1, max_size=3),
                st.lists(st.sampled_from(PARENTS), max_size=2, unique=True),
            ),
            min_size=1,
            max_size=12,
        )
    )
    return [
        (district, [*children, *parents])
        for district, many, children, parents in kinds
        for _ in range(many)
    ]


@st.composite
def stories(draw):
    """A town, and reports about families of it: who is named, with what, and where."""
    town = draw(towns())
    told = draw(
        st.lists(
            st.tuples(
                st.integers(0, len(town) - 1),
                st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True),
                st.sampled_from((*DISTRICTS, None, "at home", "at home")),
                st.booleans(),
                st.booleans(),
            ),
            min_size=1,
            max_size=8,
        )
    )
    return town, told


def counted(town):
    return population(*((district, 1, *people) for district, people in town))


def about(number, town, story):
    """One report about one household; its members are siblings or parents of each other."""
    household, members, district, with_sex, with_age = story
    home, people = town[household]
    named = [at for at in members if at < len(people)] or [0]
    nodes = [
        node(
            100 * household + at,
            people[at][0] if with_sex else Sex.UNKNOWN,
            people[at][1] if with_age else AgeBand.UNKNOWN,
            place=place,
            child=_child(people[at][1]),
        )
        for place, at in enumerate(named)
    ]
    place = home if district == "at home" else district
    return report(*nodes, ties=_ties(named, people), district=place, number=number)


def _child(band):
    return ChildAtEvent.NO if band is GROWN else ChildAtEvent.YES


def _ties(named, people):
    places = range(len(named))
    grown = {place for place in places if people[named[place]][1] is GROWN}
    for one in places:
        for other in places:
            if one in grown and other not in grown:
                yield one, RelationKind.PARENT, other
            elif one < other and not grown & {one, other}:
                yield one, RelationKind.SIBLING, other


class Judge:
    """Puts together what left, and counts who it could be by looking at everybody."""

    def __init__(self, town):
        self._town = town
        self.sex, self.bands, self.districts, self.family = {}, {}, {}, {}

    def read(self, event):
        for one in event.nodes:
            name = one.entity_id
            if one.sex is not Sex.UNKNOWN:
                self.sex[name] = one.sex
            self.bands[name] = self.bands.get(name, set(AgeBand)) & _bands(one)
            self.districts.setdefault(name, set())
            if event.district is not None:
                self.districts[name].add(event.district)
        names = [one.entity_id for one in event.nodes]
        for tie in event.relations:
            one, other = names[tie.subject], names[tie.object]
            self.family.setdefault(one, set()).add(other)
            self.family.setdefault(other, set()).add(one)

    def fewest(self, name):
        """Return how many residents the person could be, in whichever district fewest."""
        family = self._around(name)
        districts = set().union(*(self.districts[one] for one in (name, *family)))
        places = [{one} for one in districts] or [set(DISTRICTS)]
        return min(self._count(name, family, place) for place in places)

    def _around(self, name):
        found, queue = {name}, [name]
        while queue:
            for other in self.family.get(queue.pop(), ()):
                if other not in found:
                    found.add(other)
                    queue.append(other)
        return sorted(found - {name})

    def _count(self, name, family, places):
        return sum(
            self._fits(name, people[at]) and self._has(family, [*people[:at], *people[at + 1 :]])
            for district, people in self._town
            if district in places
            for at in range(len(people))
        )

    def _has(self, family, others):
        return any(
            all(self._fits(name, one) for name, one in zip(family, chosen, strict=True))
            for chosen in permutations(others, len(family))
        )

    def _fits(self, name, resident):
        sex, band = resident
        return self.sex.get(name, sex) is sex and band in self.bands[name]


def _bands(one):
    if one.age_band is not AgeBand.UNKNOWN:
        return {one.age_band}
    if one.child_at_event is ChildAtEvent.UNKNOWN:
        return set(AgeBand)
    return {GROWN} if one.child_at_event is ChildAtEvent.NO else set(AgeBand) - {GROWN}


def told(town, stories):
    """Let the reports go one after the other; yield the judge after each that left."""
    cells, shown, judge = Cells(counted(town)), Shown(), Judge(town)
    for number, story in enumerate(stories):
        left = cells.fit(about(number, town, story), shown).event
        if left is not None:
            shown.apply(left)
            judge.read(left)
            yield judge


@settings(max_examples=150, deadline=None)
@given(stories())
def test_23_over_any_sequence_of_reports_nobody_is_in_a_cell_below_five(story):
    for judge in told(*story):
        assert min(judge.fewest(name) for name in judge.bands) >= K


@settings(max_examples=80, deadline=None)
@given(stories())
def test_23_what_two_releases_differ_in_isolates_nobody(story):
    """Whoever holds every release takes the earlier from the later; both together isolate none."""
    town, tales = story
    cells, shown = Cells(counted(town)), Shown()
    left = []
    for number, tale in enumerate(tales):
        event = cells.fit(about(number, town, tale), shown).event
        if event is not None:
            shown.apply(event)
            left.append(event)
    for one in left:
        for other in left:
            judge = Judge(town)
            judge.read(one)
            judge.read(other)
            assert min(judge.fewest(name) for name in judge.bands) >= K


@settings(max_examples=60, deadline=None)
@given(stories(), st.permutations(range(8)))
def test_what_was_shown_does_not_depend_on_when_it_is_read_back(story, order):
    """The gate's memory is a fold of what left: read back in any order it decides the same."""
    town, tales = story
    cells, shown = Cells(counted(town)), Shown()
    left = []
    for number, tale in enumerate(tales):
        event = cells.fit(about(number, town, tale), shown).event
        if event is not None:
            shown.apply(event)
            left.append(event)
    again = Shown()
    for at in order:
        if at < len(left):
            again.apply(left[at])
    probe = about(99, town, tales[0])

    assert cells.fit(probe, again) == cells.fit(probe, shown)


def test_the_judge_sees_a_cell_that_is_too_small():
    """The control: without the gate's ladder the same reports leave people alone in a cell."""
    town = [("S5", [(F, TEEN), (M, PUPIL)])] + [("S5", [(F, TEEN)])] * 20
    judge = Judge(town)

    judge.read(about(1, town, (0, [0, 1], "at home", True, True)))

    assert judge.fewest(UUID(int=0)) == 1
