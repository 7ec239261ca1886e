"""Confirmed roles: who holds one, after each decision of police."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from streams.roles import ConfirmedRoles, OcgStatus, RoleChange, expiry_of
from tests.invented_ocgs import (
    LAST_DAY,
    an_id,
    archived,
    confirmed,
    ended,
    expired,
    mapped,
    merged,
    reactivated,
    split,
)


def holds(person: str, seen: int, at: int) -> RoleChange:
    return RoleChange(an_id(person), stands=True, seen=seen, at=at)


def gone(person: str, at: int) -> RoleChange:
    return RoleChange(an_id(person), stands=False, seen=-1, at=at)


class Told:
    """Confirmed roles that are told events at offsets 0, 1, 2 and on."""

    def __init__(self, *events) -> None:
        self.roles = ConfirmedRoles()
        self.events: list = []
        self.last: tuple[RoleChange, ...] = ()
        for event in events:
            self.tell(event)

    def tell(self, event) -> tuple[RoleChange, ...]:
        self.last = self.roles.apply(event, len(self.events))
        self.events.append(event)
        return self.last

    def holders(self) -> set[str]:
        names = {an_id(name): name for name in ("ada", "bob", "cy", "dee")}
        return {names[person] for person in self.roles.holders()}


ABC = mapped("SY-1", "ada", "bob", "cy")


def test_a_member_without_a_confirmed_role_holds_none():
    assert Told(ABC).holders() == set()


def test_a_confirmation_begins_and_an_end_ends_it():
    told = Told(ABC, confirmed("SY-1", "ada", seen=7))
    assert told.last == (holds("ada", 7, 1),)
    assert told.tell(ended("SY-1", "ada")) == (gone("ada", 2),)
    assert told.holders() == set()


@pytest.mark.parametrize(
    "void",
    [
        confirmed("SY-1", "dee"),
        confirmed("SY-9", "ada"),
        ended("SY-1", "ada"),
        archived("SY-9"),
        reactivated("SY-1"),
        merged("SY-1", "SY-1"),
        merged("SY-1", "SY-9"),
        split("SY-1", "SY-2", "dee"),
        expired("SY-1", "ada"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_refers_to_nothing_the_topic_named_before_is_void(void):
    told = Told(ABC)
    assert not told.roles.accepts(void, 1)
    assert told.tell(void) == ()
    assert told.tell(confirmed("SY-1", "ada"))


def test_renewing_tells_that_more_was_seen():
    told = Told(ABC, confirmed("SY-1", "ada", seen=7), confirmed("SY-1", "ada", seen=9))
    assert told.last == (holds("ada", 9, 2),)


def test_an_archived_ocg_has_no_holders_until_it_is_reactivated():
    told = Told(ABC, confirmed("SY-1", "ada"), archived("SY-1"))
    assert told.holders() == set()
    assert told.tell(reactivated("SY-1")) == (holds("ada", 5, 3),)


def test_a_role_in_another_ocg_stays_when_one_is_archived():
    told = Told(ABC, mapped("SY-2", "ada", "cy", "dee"))
    told.tell(confirmed("SY-1", "ada", seen=3))
    told.tell(confirmed("SY-2", "ada", seen=4))
    assert told.tell(archived("SY-2")) == (holds("ada", 3, 4),)
    assert told.holders() == {"ada"}


def test_a_role_goes_along_when_ocgs_merge_and_the_later_confirmation_stands():
    told = Told(ABC, mapped("SY-2", "ada", "cy", "dee"))
    for event in (confirmed("SY-2", "ada", 3), confirmed("SY-1", "ada", 4)):
        told.tell(event)
    told.tell(confirmed("SY-2", "dee", 5))
    assert told.tell(merged("SY-1", "SY-2")) == ()
    assert told.holders() == {"ada", "dee"}
    assert told.roles.role(an_id("SY-2"), an_id("ada")).seen == 4
    assert told.tell(ended("SY-2", "dee")) == (gone("dee", 6),)


def test_who_is_split_off_is_to_be_confirmed_anew_and_who_stays_keeps_the_role():
    told = Told(ABC, confirmed("SY-1", "ada"), confirmed("SY-1", "bob"))
    assert told.tell(split("SY-1", "SY-2", "ada")) == (gone("ada", 3),)
    assert told.holders() == {"bob"}
    assert told.tell(confirmed("SY-1", "ada")) == ()
    assert told.tell(confirmed("SY-2", "ada"))


def test_who_is_no_member_after_mapping_again_has_no_role():
    told = Told(ABC, confirmed("SY-1", "ada"), confirmed("SY-1", "bob"))
    assert told.tell(mapped("SY-1", "bob", "cy", "dee")) == (gone("ada", 3),)


def test_a_role_ends_when_its_own_deadline_has_passed_and_not_by_that_of_an_earlier_one():
    later = LAST_DAY + timedelta(days=90)
    told = Told(ABC, confirmed("SY-1", "ada"), confirmed("SY-1", "ada", last_day=later))
    assert told.tell(expired("SY-1", "ada", LAST_DAY)) == ()
    assert told.tell(expired("SY-1", "ada", later))
    assert told.holders() == set()


def test_a_role_lasts_to_midnight_in_london_in_summer_and_in_winter():
    assert expiry_of(date(2027, 6, 30)) == datetime(2027, 6, 30, 23, tzinfo=UTC)
    assert expiry_of(date(2026, 12, 31)) == datetime(2027, 1, 1, 0, tzinfo=UTC)


def test_a_role_expires_while_its_ocg_is_archived():
    told = Told(ABC, confirmed("SY-1", "ada"), archived("SY-1"), expired("SY-1", "ada"))
    assert told.tell(reactivated("SY-1")) == ()
    assert told.holders() == set()


def test_a_tail_that_comes_again_changes_nothing():
    told = Told(ABC, confirmed("SY-1", "ada"), archived("SY-1"), reactivated("SY-1"))
    told.tell(ended("SY-1", "ada"))
    for start in range(len(told.events)):
        for offset, event in list(enumerate(told.events))[start:]:
            assert told.roles.apply(event, offset) == ()
    assert told.holders() == set()
    assert told.roles.ocgs[an_id("SY-1")].status is OcgStatus.MAPPED
