"""Who may do what: every act needs a role of the register, and a co-ordinator decides nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from deploy.authority import (
    ALLOWED,
    Act,
    CoordinatorDecidesNothingError,
    NotYourRoleError,
    require,
)
from streams.codes import StaffRole
from streams.registry import Registry
from streams.shared import RoleRevoked
from tests.staff import assigned

LOOKS = {one for one in Act if one.name.startswith("LOOK_AT")}


def register(*events):
    registry = Registry()
    for event in events:
        registry.apply(event)
    return registry


def test_every_act_is_allowed_to_somebody():
    assert set(ALLOWED) == set(Act)
    assert all(ALLOWED.values())


@pytest.mark.parametrize("act", Act)
def test_an_act_is_allowed_to_its_roles_and_to_no_other(act):
    for role in set(StaffRole) - {StaffRole.COORDINATOR}:
        (one,) = assigned("Ada Testina", role)
        if role in ALLOWED[act]:
            require(register(one), "Ada Testina", act, one.decided_at)
        else:
            with pytest.raises(NotYourRoleError, match="rivelin staff assign"):
                require(register(one), "Ada Testina", act, one.decided_at)


@pytest.mark.parametrize("act", [one for one in Act if one not in LOOKS])
def test_a_co_ordinator_decides_nothing_whatever_else_they_are(act):
    roles = assigned("Ada Testina", *StaffRole)
    with pytest.raises(CoordinatorDecidesNothingError):
        require(register(*roles), "Ada Testina", act, roles[0].decided_at)


@pytest.mark.parametrize("act", sorted(LOOKS))
def test_a_co_ordinator_looks_where_a_role_allows_it(act):
    roles = assigned("Ada Testina", *StaffRole)
    require(register(*roles), "Ada Testina", act, roles[0].decided_at)


def test_a_role_ends_on_its_day_when_it_is_taken_back_and_helps_nobody_else():
    (one,) = assigned("Ada Testina", StaffRole.RATER, days=1)
    registry = register(one)
    at = one.decided_at
    require(registry, "Ada Testina", Act.SCORE_OCG, at)
    with pytest.raises(NotYourRoleError):
        require(registry, "Ada Testina", Act.SCORE_OCG, at + timedelta(days=1))
    with pytest.raises(NotYourRoleError):
        require(registry, "Bea Testina", Act.SCORE_OCG, at)
    gone = RoleRevoked(name=one.name, role=one.role, decided_by="Ada", decided_at=at)
    registry.apply(gone)
    with pytest.raises(NotYourRoleError):
        require(registry, "Ada Testina", Act.SCORE_OCG, at)


def test_a_police_role_opens_nothing_of_the_hub_and_the_other_way_round():
    both = {StaffRole.AUDITOR}
    assert ALLOWED[Act.LOOK_AT_POLICE_VIEW] & ALLOWED[Act.LOOK_AT_HUB_VIEW] == both
