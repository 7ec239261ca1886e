"""A product inherits the strictest handling of what it was made of."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.handling import may_have, strictest
from streams.parts import Handling
from streams.values import Audience, ConditionCode, HandlingCode

P, NONE = Handling(code=HandlingCode.P), Handling(code=HandlingCode.NONE)
HUB_ONLY = Handling(
    code=HandlingCode.C, recipients=(Audience.SAFEGUARDING,), conditions=(ConditionCode.A3,)
)
BOTH = Handling(
    code=HandlingCode.C, recipients=tuple(Audience), conditions=(ConditionCode.S2, ConditionCode.A1)
)
HANDLINGS = st.one_of(
    st.sampled_from([P, NONE]),
    st.builds(
        Handling,
        code=st.just(HandlingCode.C),
        recipients=st.sets(st.sampled_from(Audience)).map(lambda s: tuple(sorted(s))),
        conditions=st.sets(st.sampled_from(ConditionCode)).map(lambda s: tuple(sorted(s))),
    ),
)


def test_no_code_is_no_permission():
    assert strictest([P, NONE]).code is HandlingCode.NONE
    assert strictest([P, P]).code is HandlingCode.P


@pytest.mark.parametrize("inputs", list(permutations([P, NONE, HUB_ONLY, BOTH])))
def test_conditions_add_up_and_recipients_narrow_in_any_order(inputs):
    assert strictest(inputs) == Handling(
        code=HandlingCode.C,
        recipients=(Audience.SAFEGUARDING,),
        conditions=(ConditionCode.A1, ConditionCode.A3, ConditionCode.S2),
    )


def test_what_two_inputs_leave_to_nobody_in_common_goes_to_nobody():
    police_only = Handling(code=HandlingCode.C, recipients=(Audience.POLICE,))
    product = strictest([HUB_ONLY, police_only])
    assert not any(may_have(product, audience) for audience in Audience)


def test_a_product_of_nothing_goes_to_nobody():
    assert not any(may_have(strictest([]), audience) for audience in Audience)


@given(st.lists(HANDLINGS, min_size=1))
def test_no_audience_gains_by_a_product(inputs):
    product = strictest(inputs)
    for audience in Audience:
        assert not may_have(product, audience) or all(may_have(one, audience) for one in inputs)
    assert {c for one in inputs if one.code is HandlingCode.C for c in one.conditions} <= set(
        product.conditions
    )


@given(st.lists(HANDLINGS, min_size=1), st.lists(HANDLINGS, min_size=1))
def test_a_product_of_products_is_the_product_of_all(left, right):
    assert strictest([strictest(left), strictest(right)]) == strictest(left + right)
