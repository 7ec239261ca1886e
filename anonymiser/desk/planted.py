"""Invented possible links of known truth: pairs by which reviewers are measured.

A pair is what real ones are: two descriptions of a household that the linker's
own comparison would put to a human. It is compared by the comparison that is
handed in, so that its waterfall is a real one; a pair that would not be asked
about is thrown away. Its names are invented, its ids are nobody's, and it lies
on the desk's own topic: the linker never reads it, so it can merge nobody.

What the holders would answer is part of the pair, because a reviewer who asks
must not learn from silence that a pair is planted. The answers appear after
hours or days, as real ones do.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

from streams.codec import encode
from streams.restricted import (
    ComparedField,
    Identity,
    PairPlanted,
    PlantedAnswer,
    PlantedSide,
    PossibleLink,
)
from streams.values import Answer, LinkDoubt, LinkQuestion, LinkVerdict, NodeKind, Sex

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from anonymiser.desk.policy import DeskPolicy

_TRIES: Final = 200
_ADULT_YEARS: Final = 18
_DAYS_PER_YEAR: Final = 365.25
_NOTICED_DAYS_MAX: Final = 3
_ANSWER_HOURS: Final = (4, 72)
_GIVEN: Final = {
    Sex.FEMALE: ("Calla", "Dorit", "Fenna", "Gitte", "Ilka", "Marit", "Solvej", "Tuva", "Wenke"),
    Sex.MALE: ("Arvid", "Benno", "Elof", "Halvar", "Jorik", "Kasper", "Ravn", "Torben", "Vidar"),
}
_FAMILY: Final = (
    "Testmann",
    "Probefield",
    "Mockworth",
    "Samplewell",
    "Fictley",
    "Dummerton",
    "Inventas",
    "Specimenko",
)
_STREETS: Final = ("Nowhere Gardens", "Example Rise", "Placeholder Road", "Specimen Lane")
_GIVEN_PERCENT: Final = {"address": 70, "postcode": 85, "phone": 30}
_YES, _NO, _UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN
Answers = dict[LinkQuestion, tuple[Answer, Answer]]


@dataclass(frozen=True, slots=True)
class Described:
    """One invented person as one agency would have written it down."""

    identity: Identity = field(repr=False)
    sex: Sex


class Compared(Protocol):
    """What the linker's comparison says of two descriptions."""

    @property
    def is_question(self) -> bool:
        """Whether it would be put to a human."""

    @property
    def agreed(self) -> tuple[str, ...]:
        """Fields that agree."""

    @property
    def contradicted(self) -> tuple[str, ...]:
        """Fields that contradict."""

    @property
    def score(self) -> int:
        """The sum, in centibits."""

    @property
    def levels(self) -> tuple[ComparedField, ...]:
        """The waterfall."""

    @property
    def weights_version(self) -> int:
        """Which weights it was made with."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two descriptions, the truth about them, and what their holders would answer."""

    left: Described
    right: Described
    truth: LinkVerdict
    answers: Mapping[LinkQuestion, tuple[Answer, Answer]]


def plants_due(open_links: int, open_planted: int, policy: DeskPolicy) -> int:
    """Return how many pairs to plant for their share to be policy's; none while nothing is open."""
    if not open_links:
        return 0
    share = -(-open_links * policy.planted_per_hundred // 100)
    return max(0, max(share, policy.planted_min) - open_planted)


def plant(
    source: random.Random,
    compare: Callable[[Described, Described], Compared],
    at: datetime,
    since: datetime,
) -> PairPlanted | None:
    """Make one pair, noticed after `since`; None if the comparison asks about none of many.

    `since` is when the oldest real link that is open was noticed: an older one among younger
    would be told by its age.
    """
    for _ in range(_TRIES):
        pair = _KINDS[source.randrange(len(_KINDS))](source, at.date())
        compared = compare(pair.left, pair.right)
        if compared.is_question and compared.contradicted:
            return _planted(source, pair, compared, at, since)
    return None


def answered_at(link_id: UUID, asked_at: datetime) -> datetime:
    """Return when the answers about a planted pair appear: some hours to days, fixed by its id."""
    shortest, longest = _ANSWER_HOURS
    return asked_at + timedelta(hours=shortest + link_id.int % (longest - shortest))


def _planted(
    source: random.Random, pair: Pair, compared: Compared, at: datetime, since: datetime
) -> PairPlanted:
    earliest = max(since, at - timedelta(days=_NOTICED_DAYS_MAX))
    waited = int((at - earliest).total_seconds())
    noticed_at = earliest + timedelta(seconds=source.randint(0, max(0, waited)))
    link = PossibleLink(
        kind=NodeKind.PERSON,
        left_id=UUID(bytes=source.randbytes(16), version=4),
        right_id=UUID(bytes=source.randbytes(16), version=4),
        agreed=compared.agreed,
        contradicted=compared.contradicted,
        noticed_at=noticed_at,
        score=compared.score,
        weights_version=compared.weights_version,
        levels=compared.levels,
        doubt=LinkDoubt.CONTRADICTED,
    )
    left, right = (_side(source, one, at) for one in (pair.left, pair.right))
    return PairPlanted(
        link=encode(link),
        truth=pair.truth,
        left=left,
        right=right,
        answers=tuple(
            PlantedAnswer(question=question, left=left_says, right=right_says)
            for question, (left_says, right_says) in pair.answers.items()
        ),
        planted_at=at,
    )


def _side(source: random.Random, described: Described, at: datetime) -> PlantedSide:
    reports = source.choice((1, 1, 1, 2, 3))
    born = described.identity.born_on
    age = (at.date() - born).days / _DAYS_PER_YEAR if born is not None else None
    return PlantedSide(
        reports=reports,
        partners=source.randint(1, min(reports, 2)),
        is_child=age is not None and age < _ADULT_YEARS,
    )


# --- households -------------------------------------------------------------------


def _somebody(source: random.Random, today: date, sex: Sex | None = None) -> Described:
    sex = sex or source.choice((Sex.FEMALE, Sex.MALE))
    years = source.choice((9, 12, 13, 14, 15, 16, 17, 19, 24))
    born = today - timedelta(days=round(years * _DAYS_PER_YEAR) + source.randrange(1, 300))
    identity = Identity(
        given_name=source.choice(_GIVEN[sex]),
        family_name=source.choice(_FAMILY),
        born_on=born,
        address=f"{source.randint(1, 89)} {source.choice(_STREETS)}",
        postcode=f"S99 {source.randint(1, 9)}ZZ",
        phone=f"07700 900{source.randint(0, 999):03d}",
    )
    return Described(_incomplete(source, identity), sex)


def _incomplete(source: random.Random, identity: Identity) -> Identity:
    """Leave out what agencies leave out: pairs of one pattern would be told by it."""
    has = {name: source.randrange(100) < percent for name, percent in _GIVEN_PERCENT.items()}
    return replace(
        identity,
        address=identity.address if has["address"] else None,
        postcode=identity.postcode if has["postcode"] else None,
        phone=identity.phone if has["phone"] else None,
    )


def _changed(one: Described, sex: Sex | None = None, **fields: object) -> Described:
    return Described(replace(one.identity, **fields), sex or one.sex)  # type: ignore[arg-type]  # fields of Identity by name


def _another_name(source: random.Random, one: Described, sex: Sex, *, initial: bool = False) -> str:
    names: Iterator[str] = (name for name in _GIVEN[sex] if name != one.identity.given_name)
    fitting = list(names)
    alike = [name for name in fitting if name[0] == (one.identity.given_name or " ")[0]]
    return source.choice(alike if initial and alike else fitting)


def _twins(source: random.Random, today: date) -> Pair:
    one = _somebody(source, today)
    sex = source.choice((one.sex, one.sex, Sex.FEMALE, Sex.MALE))
    other = _changed(one, sex, given_name=_another_name(source, one, sex, initial=True))
    return Pair(one, other, LinkVerdict.DIFFERENT, _says(twin=(_YES, _YES)))


def _sibling_with_wrong_date(source: random.Random, today: date) -> Pair:
    one = _somebody(source, today)
    other = _changed(one, given_name=_another_name(source, one, one.sex))
    return Pair(one, other, LinkVerdict.DIFFERENT, _says(birth=(_YES, _NO)))


def _parent_of_one_name(source: random.Random, today: date) -> Pair:
    one = _somebody(source, today)
    born = one.identity.born_on
    years = source.randint(20, 34)
    older = None if born is None else born - timedelta(days=round(years * _DAYS_PER_YEAR))
    return Pair(one, _changed(one, born_on=older), LinkVerdict.DIFFERENT, _says())


def _called_by_another_name(source: random.Random, today: date) -> Pair:
    one = _somebody(source, today)
    other = _changed(one, given_name=_another_name(source, one, one.sex))
    return Pair(one, other, LinkVerdict.SAME, _says(name=(_YES, _YES)))


def _date_mistyped(source: random.Random, today: date) -> Pair:
    one = _somebody(source, today)
    born = one.identity.born_on or today
    wrong = date(born.year - 10, (born.month + 4) % 12 + 1, min(28, born.day % 28 + 2))
    return Pair(one, _changed(one, born_on=wrong), LinkVerdict.SAME, _says(birth=(_YES, _NO)))


def _sex_mistyped(source: random.Random, today: date) -> Pair:
    one = _somebody(source, today)
    other = _changed(one, Sex.MALE if one.sex is Sex.FEMALE else Sex.FEMALE)
    return Pair(one, other, LinkVerdict.SAME, _says(moved=(_NO, _UNKNOWN)))


def _says(
    twin: tuple[Answer, Answer] = (_NO, _NO),
    birth: tuple[Answer, Answer] = (_YES, _YES),
    name: tuple[Answer, Answer] = (_NO, _NO),
    moved: tuple[Answer, Answer] = (_NO, _NO),
) -> Answers:
    return {
        LinkQuestion.TWIN: twin,
        LinkQuestion.NHS_NUMBER: (_YES, _UNKNOWN),
        LinkQuestion.BIRTH_DATE: birth,
        LinkQuestion.MOVED: moved,
        LinkQuestion.OTHER_NAME: name,
    }


_KINDS: Final = (
    _twins,
    _twins,
    _sibling_with_wrong_date,
    _parent_of_one_name,
    _called_by_another_name,
    _date_mistyped,
    _sex_mistyped,
)
