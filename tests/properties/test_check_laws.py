"""The laws of the check: whatever a partner writes is judged by name, and never quoted."""

from __future__ import annotations

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from producers.check import InvalidReportError, check, read
from streams import codec
from streams.json_form import to_json
from streams.sealing import SealingPrivateKey, open_submission, seal
from tests.invented_reports import report

SECRET = "Zzyzx"  # stands in every odd value, so that a quoted one is found
KEY = SealingPrivateKey.generate(1)

odd = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(max_size=30),
        st.sampled_from(["", " ", SECRET, f"{SECRET}\ud800", "9434765918", "2011-13-01", "P", "C"]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["label", "kind", SECRET, "identity"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(data, path=()):
    """Every place in a JSON value, as the keys that lead there."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


PLACES = tuple(places(to_json(report())))


def put(data, path, value):
    changed = copy.deepcopy(data)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


def refusal(data) -> tuple[InvalidReportError | None, object]:
    try:
        return None, read(data)
    except InvalidReportError as error:
        return error, None


def told_by(error: InvalidReportError) -> str:
    return f"{error} {error.problems!r}"


@settings(max_examples=400, deadline=None)
@given(path=st.sampled_from(PLACES), value=odd)
def test_whatever_stands_in_a_field_is_read_or_refused_by_name_and_never_quoted(path, value):
    error, whole = refusal(put(to_json(report()), path, value))
    if error is not None:
        assert error.problems
        assert SECRET not in told_by(error)
        assert all(one.remedy.endswith(".") for one in error.problems)
        return
    assert check(whole) == ()
    submission = seal(whole, KEY.public())  # what passes the check can be sent
    arrived = codec.decode(codec.encode(submission), type(submission))
    assert open_submission(arrived, KEY).report == whole


@settings(max_examples=200, deadline=None)
@given(value=odd)
def test_what_is_no_report_at_all_is_refused_too(value):
    error, _ = refusal(value)
    assert error is not None
    assert SECRET not in told_by(error)
