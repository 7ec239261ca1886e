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

    with pytest.raises(DamagedDeskStoreError, match="delete it"):
        DeskStore.look(store)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_how_much_waits_is_not_known_of_a_store_that_was_cut_short(store, share):
    whole = store.read_bytes()
    store.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(DamagedDeskStoreError):
        waiting_in(store.parent)


def test_where_no_desk_ran_nothing_is_wrong(tmp_path):
    assert waiting_in(tmp_path) is None
