"""A store that a full disk or a careless hand cut short: told in one line, never a trace."""

from __future__ import annotations

import pytest

from anonymiser.desk.rows_store import DamagedDeskStoreError, store_path
from anonymiser.desk.store import DeskStore, waiting_in


@pytest.fixture
def store(tmp_path):
    DeskStore.open(store_path(tmp_path)).close()
    return store_path(tmp_path)


def test_a_store_that_is_none_is_told_as_damaged(store):
    store.write_bytes(b"no store at all, " * 400)

    with pytest.raises(DamagedDeskStoreError, match="sets it aside"):
        DeskStore.look(store)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_how_much_waits_is_not_known_of_a_store_that_was_cut_short(store, share):
    whole = store.read_bytes()
    store.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(DamagedDeskStoreError):
        waiting_in(store.parent)


def test_where_no_desk_ran_nothing_is_wrong(tmp_path):
    assert waiting_in(tmp_path) is None


@pytest.mark.parametrize("share", [0.0001, 0.3, 0.6, 0.9])
def test_the_desk_sets_a_damaged_store_aside_and_begins_with_an_empty_one(store, share):
    whole = store.read_bytes()
    store.write_bytes(whole[: int(len(whole) * share)])

    opened = DeskStore.open(store)

    assert set(opened.positions().values()) == {0}
    assert opened.set_aside.parent == store.parent
    assert opened.set_aside.name.startswith(f"{store.name}.damaged-")
    assert whole.startswith(opened.set_aside.read_bytes())  # kept as it was found
    opened.close()
    assert waiting_in(store.parent).links == 0


def test_a_sound_store_is_left_where_it_is(store):
    opened = DeskStore.open(store)

    assert opened.set_aside is None
    opened.close()
    assert [one.name for one in store.parent.iterdir()] == [store.name]
