"""The screen of the Fortify story fits a page, whatever it is shown on."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from deploy.demo.fortify_screen import COLUMNS_MAX, FortifyScreen
from producers.town.town import build_town


@pytest.mark.parametrize("columns", [40, 80, 300])
def test_no_line_is_wider_than_a_page_or_the_terminal(columns):
    shown = StringIO()
    town = build_town(1, 60, 1)
    FortifyScreen(Console(file=shown, width=columns)).starting(town)
    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= min(columns, COLUMNS_MAX)
