"""What may be decided about OCGs, roles, scores and grades, and the named error for the rest."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from consumers.ocg_network.deciding import (
    AtRiskError,
    BadReferenceError,
    By,
    DuplicateReferenceError,
    EverybodySplitOffError,
    ExpiryError,
    GradeError,
    Ground,
    NoReasonError,
    NoRoleError,
    NoSuchPersonError,
    NotAMemberError,
    NotGradableError,
    OcgNotArchivedError,
    OcgNotMappedError,
    PersonFacts,
    SameOcgError,
    TooFewMembersError,
    UnknownOcgError,
    decide_archive,
    decide_grade,
    decide_map,
    decide_members,
    decide_merge,
    decide_reactivate,
    decide_role,
    decide_role_end,
    decide_score,
    decide_split,
    months_after,
)
from consumers.ocg_network.ocgs import OcgBook
from consumers.ocg_network.scoring import ScoreOutOfRangeError
from streams.codes import ArchiveReason, GradeBasis, OcgRole, RoleEnd
from streams.parts import Grading
from streams.values import GradingScheme
from tests.invented_evidence import an_id
from tests.invented_ocgs import (
    EXAMPLE,
    HARM,
    LIKELIHOOD,
    POSITION,
    WHY,
    archived,
    confirmed,
    mapped,
    merged,
)

if TYPE_CHECKING:
    from uuid import UUID

AT = datetime(2026, 11, 26, 9, tzinfo=UTC)
BY = By("DS Invented", AT, WHY)
ADULTS = ("ada", "bob", "cy", "dee", "eve", "fay", "gus")
SIX = mapped("SY-1", *ADULTS[:6])


def a_book(*events) -> OcgBook:
    book = OcgBook()
    for offset, event in enumerate(events):
        book.apply(event, offset)
    return book


def ground(*, child=(), victim=(), thing=(), same: dict[str, str] | None = None) -> Ground:
    """Everybody is a known adult but those said to be a child, a victim only or a thing."""
    roots = same or {}
    return Ground(
        {
            an_id(name): PersonFacts(
                root=an_id(roots.get(name, name)),
                is_person=name not in thing,
                is_child=name in child,
                is_victim_only=name in victim,
            )
            for name in ADULTS
        },
        seen=9,
    )


def ids(*names: str) -> list[UUID]:
    return list(map(an_id, names))


def a_map(book=None, on=None, members=("ada", "bob", "cy"), reference="SY-2", by=BY):
    return decide_map(
        book or a_book(),
        on or ground(),
        by,
        ocg_id=an_id(reference),
        reference=reference,
        members=ids(*members),
    )


def a_role(book, on=None, person="ada", role=OcgRole.PRINCIPAL, last_day=None):
    return decide_role(
        book,
        on or ground(),
        BY,
        ocg_id=an_id("SY-1"),
        person_id=an_id(person),
        role=role,
        last_day=last_day,
    )


def a_split(book, members, on=None, reference="SY-2"):
    return decide_split(
        book,
        on or ground(),
        BY,
        ocg_id=an_id("SY-1"),
        new_ocg_id=an_id(reference),
        new_reference=reference,
        members=ids(*members),
    )


# --- OCGs ----------------------------------------------------------------------------------


def test_three_distinct_adults_may_be_mapped_by_a_named_person():
    (event,) = a_map()
    assert (event.members, event.seen, event.decided_by) == (
        tuple(ids("ada", "bob", "cy")),
        9,
        "DS Invented",
    )


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"members": ("ada", "bob")}, TooFewMembersError),
        ({"members": ("ada", "bob", "bob")}, TooFewMembersError),
        ({"on": ground(same={"cy": "bob"})}, TooFewMembersError),
        ({"on": ground(child=("cy",))}, AtRiskError),
        ({"on": ground(victim=("cy",))}, AtRiskError),
        ({"on": ground(thing=("cy",))}, NoSuchPersonError),
        ({"members": ("ada", "bob", "nobody")}, NoSuchPersonError),
        ({"reference": "Smith gang"}, BadReferenceError),
        ({"reference": "sy-12"}, BadReferenceError),
        ({"by": By("DS Invented", AT, ())}, NoReasonError),
    ],
)
def test_what_may_not_be_mapped_is_a_named_error(facts, error):
    with pytest.raises(error):
        a_map(**facts)


@pytest.mark.parametrize(
    "later", [(), (archived("SY-1"),), (mapped("SY-3", "ada", "bob"), merged("SY-3", "SY-1"))]
)
def test_a_reference_is_never_used_again(later):
    book = a_book(SIX, *later)
    with pytest.raises(DuplicateReferenceError):
        decide_map(
            book, ground(), BY, ocg_id=an_id("other"), reference="SY-1", members=ids(*ADULTS[:3])
        )


def a_change(book, on=None, add=(), remove=()):
    facts = {"ocg_id": an_id("SY-1"), "add": ids(*add), "remove": ids(*remove)}
    return decide_members(book, on or ground(), BY, **facts)


def test_mapping_again_sets_the_members_of_a_mapped_ocg_and_of_no_archived_one():
    (event,) = a_change(a_book(SIX), add=("gus",), remove=("ada", "bob", "cy"))
    assert event.members == tuple(ids("dee", "eve", "fay", "gus"))
    assert (event.reference, event.seen) == ("SY-1", 9)
    with pytest.raises(OcgNotMappedError):
        a_change(a_book(SIX, archived("SY-1")), add=("gus",))
    with pytest.raises(TooFewMembersError):
        a_change(a_book(SIX), remove=("ada", "bob", "cy", "dee"))
    with pytest.raises(NotAMemberError):
        a_change(a_book(SIX), remove=("gus",))


def test_nobody_says_anew_that_a_child_is_a_member():
    with pytest.raises(AtRiskError):
        a_change(a_book(SIX), ground(child=("gus",)), add=("gus",))
    with pytest.raises(AtRiskError):
        a_change(a_book(SIX), ground(child=("ada",)), add=("gus",))
    assert a_change(a_book(SIX), ground(child=("ada",)), add=("gus",), remove=("ada",))


def test_a_member_who_was_merged_into_another_is_not_added_twice():
    (event,) = a_change(a_book(SIX), ground(same={"ada": "gus"}), add=("gus",))
    assert event.members == SIX.members


def test_merging_needs_two_ocgs_that_are_mapped():
    book = a_book(SIX, mapped("SY-2", "ada", "bob", "gus"), mapped("SY-3", "cy", "dee", "eve"))
    assert decide_merge(book, BY, kept=an_id("SY-1"), absorbed=an_id("SY-2"))
    with pytest.raises(SameOcgError):
        decide_merge(book, BY, kept=an_id("SY-1"), absorbed=an_id("SY-1"))
    with pytest.raises(UnknownOcgError):
        decide_merge(book, BY, kept=an_id("SY-1"), absorbed=an_id("SY-9"))
    book.apply(merged("SY-1", "SY-2"), 3)
    with pytest.raises(OcgNotMappedError, match="SY-1"):
        decide_merge(book, BY, kept=an_id("SY-3"), absorbed=an_id("SY-2"))


def test_a_split_leaves_three_who_count_on_either_side():
    book = a_book(SIX)
    (event,) = a_split(book, ("ada", "bob", "cy"))
    assert set(event.members) == set(ids("ada", "bob", "cy"))
    with pytest.raises(EverybodySplitOffError):
        a_split(book, ADULTS[:6])
    with pytest.raises(TooFewMembersError, match="stay"):
        a_split(book, ADULTS[:4])
    with pytest.raises(TooFewMembersError, match="split off"):
        a_split(book, ADULTS[:2])
    with pytest.raises(TooFewMembersError, match="stay"):
        a_split(book, ("ada", "bob", "cy"), ground(child=("dee",)))
    with pytest.raises(NotAMemberError):
        a_split(book, ("ada", "bob", "gus"))
    with pytest.raises(AtRiskError):
        a_split(book, ("ada", "bob", "cy"), ground(child=("ada",)))


def test_archiving_and_reactivating_follow_each_other():
    book, reason = a_book(SIX), ArchiveReason.DISMANTLED
    with pytest.raises(OcgNotArchivedError):
        decide_reactivate(book, ground(), BY, ocg_id=an_id("SY-1"))
    (event,) = decide_archive(book, BY, ocg_id=an_id("SY-1"), reason=reason)
    book.apply(event, 1)
    with pytest.raises(OcgNotMappedError):
        decide_archive(book, BY, ocg_id=an_id("SY-1"), reason=reason)
    with pytest.raises(TooFewMembersError):
        decide_reactivate(book, ground(child=ADULTS[:4]), BY, ocg_id=an_id("SY-1"))
    assert decide_reactivate(book, ground(), BY, ocg_id=an_id("SY-1"))
    with pytest.raises(UnknownOcgError):
        decide_archive(book, BY, ocg_id=an_id("SY-9"), reason=reason)


# --- roles ---------------------------------------------------------------------------------


def test_a_role_lasts_six_months_unless_somebody_says_otherwise():
    (event,) = a_role(a_book(SIX))
    assert event.expires_on == date(2027, 5, 26)
    (longest,) = a_role(a_book(SIX), last_day=date(2027, 11, 26))
    assert longest.expires_on == date(2027, 11, 26)


@pytest.mark.parametrize("last_day", [date(2026, 11, 25), date(2027, 11, 27)])
def test_a_role_can_end_neither_before_today_nor_after_twelve_months(last_day):
    with pytest.raises(ExpiryError):
        a_role(a_book(SIX), last_day=last_day)


def test_six_months_after_the_last_of_august_is_the_last_of_february():
    assert months_after(date(2026, 8, 31), 6) == date(2027, 2, 28)
    assert months_after(date(2027, 8, 31), 6) == date(2028, 2, 29)


def test_who_is_no_member_or_is_to_be_protected_gets_no_role():
    with pytest.raises(NotAMemberError):
        a_role(a_book(SIX), person="gus")
    with pytest.raises(AtRiskError):
        a_role(a_book(SIX), ground(child=("ada",)))
    with pytest.raises(AtRiskError):
        a_role(a_book(SIX), ground(victim=("ada",)))
    with pytest.raises(OcgNotMappedError):
        a_role(a_book(SIX, archived("SY-1")))


def test_a_member_that_was_merged_into_another_id_is_still_a_member():
    (event,) = a_role(a_book(SIX), ground(same={"ada": "gus"}), person="gus")
    assert event.person_id == an_id("ada")


def test_renewing_keeps_the_role_and_needs_one():
    book = a_book(SIX, confirmed("SY-1", "ada"))
    (event,) = a_role(book, role=None)
    assert event.role is OcgRole.SIGNIFICANT
    with pytest.raises(NoRoleError):
        a_role(book, person="bob", role=None)


def test_ending_a_role_ends_it_under_every_id_of_the_person():
    book = a_book(SIX, confirmed("SY-1", "ada"), confirmed("SY-1", "bob"))
    on = ground(same={"ada": "bob"})
    facts = {"ocg_id": an_id("SY-1"), "reason": RoleEnd.LEFT}
    ended = decide_role_end(book, on, BY, person_id=an_id("bob"), **facts)
    assert {event.person_id for event in ended} == set(ids("ada", "bob"))
    with pytest.raises(NoRoleError):
        decide_role_end(book, on, BY, person_id=an_id("cy"), **facts)


# --- scores and grades ---------------------------------------------------------------------


def a_decided_score(book, values=EXAMPLE):
    harm, likelihood, position = values
    return decide_score(
        book,
        BY,
        score_id=an_id("score"),
        ocg_id=an_id("SY-1"),
        model=1,
        harm=dict(zip(HARM, harm, strict=True)),
        likelihood=dict(zip(LIKELIHOOD, likelihood, strict=True)),
        position=dict(zip(POSITION, position, strict=True)),
        confidence=3,
    )


def test_a_score_holds_inputs_and_the_version_of_the_model_and_no_total():
    (event,) = a_decided_score(a_book(SIX))
    assert event.model == 1
    assert [one.value for one in event.harm if one.factor is HARM[0]] == [3]


def test_a_score_out_of_range_or_of_an_archived_ocg_is_a_clear_error():
    with pytest.raises(ScoreOutOfRangeError, match="0 to 4"):
        a_decided_score(a_book(SIX), ((5, 3, 1, 2, 2, 0), *EXAMPLE[1:]))
    with pytest.raises(OcgNotMappedError):
        a_decided_score(a_book(SIX, archived("SY-1")))


def a_grade(
    scheme=GradingScheme.SCHEME_3X5X2, source="2", assessment="B", revision: int | None = 1
):
    return decide_grade(
        report_id=an_id("R1"),
        revision=revision,
        grading=Grading(scheme=scheme, source=source, assessment=assessment),
        basis=(GradeBasis.FIRST_HAND,),
        by="DS Invented",
        at=AT,
    )


def test_a_grade_fits_its_scheme_and_nothing_is_converted():
    (event,) = a_grade()
    assert event.grading.assessment == "B"
    assert a_grade(GradingScheme.SCHEME_5X5X5, "B", "2")
    for scheme, source, assessment in (
        (GradingScheme.SCHEME_3X5X2, "B", "2"),
        (GradingScheme.SCHEME_5X5X5, "2", "B"),
        (GradingScheme.SCHEME_3X5X2, "4", "A"),
        (GradingScheme.SCHEME_3X5X2, "2", None),
        (GradingScheme.UNGRADED, None, None),
    ):
        with pytest.raises(GradeError):
            a_grade(scheme, source, assessment)


def test_a_report_that_is_not_there_or_was_withdrawn_is_not_graded():
    with pytest.raises(NotGradableError):
        a_grade(revision=None)
