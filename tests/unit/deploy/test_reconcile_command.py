"""What `rivelin reconcile` says under its table."""

from __future__ import annotations

import pytest

from deploy.cli.reconcile import _verdict


@pytest.mark.parametrize(
    ("missing", "late", "said"),
    [
        (0, 0, "Every submission has its outcome."),
        (3, 0, "Still on its way: 3, none for too long."),
        (3, 1, "1 has none."),
        (3, 2, "2 have none."),
    ],
)
def test_what_is_on_its_way_is_not_told_as_done(missing, late, said):
    assert _verdict(missing, late) == said
