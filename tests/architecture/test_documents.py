"""The documents tell what is there: links lead somewhere, lists are whole, words are the code's."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from deploy.cli import COMMAND_MODULES, EXIT_CODES, build_app
from deploy.roles import ROLES
from streams.identifiers import RULES
from streams.values import Outcome

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
#: Written so that this file does not hold what it looks for.
FORBIDDEN = (
    "python" + "hosted",
    "pypi" + ".org",
    "npm" + "js.",
    "maven" + ".apache",
    "repo1" + ".maven",
)


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page):
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    missing = [one for one in targets if "://" not in one and not (page.parent / one).exists()]
    assert missing == []


def test_the_index_of_decisions_lists_every_decision():
    written = {path.name for path in (ROOT / "docs" / "adr").glob("0*.md")}
    assert set(LINK.findall(text_of("docs/adr/README.md"))) == written


def test_the_glossary_knows_every_outcome_and_role():
    glossary = text_of("docs/GLOSSARY.md").casefold()
    assert [one for one in Outcome if one.casefold() not in glossary] == []
    assert [role for role in ROLES if role not in glossary] == []


def test_the_guide_for_partners_explains_every_outcome():
    guide = text_of("docs/CONNECTING.md")
    assert [one for one in Outcome if f"| `{one}` |" not in guide] == []


def test_the_guide_for_partners_tells_the_rule_of_every_identifier_and_every_reason_to_refuse_one():
    guide = text_of("docs/CONNECTING.md")
    rows = "\n".join(line.split("|")[1] for line in guide.splitlines() if line.startswith("| `"))
    assert [one for one in (*RULES, "born_on") if f"`{one}`" not in rows] == []
    reasons = ("wrong_kind", "disagrees_with_family_name", "disagrees_with_birth_date")
    assert [one for one in (*reasons, "disagrees_with_sex") if f"`{one}`" not in guide] == []


def test_the_guide_for_operators_tells_every_exit_code_and_role():
    guide = text_of("docs/OPERATIONS.md")
    line = next(line for line in guide.splitlines() if line.startswith("Exit codes"))
    assert [code for _, code in EXIT_CODES if f"{code} " not in line] == []
    assert [role for role in ROLES if f"| `{role}` |" not in guide] == []


def test_commands_that_the_documents_show_exist():
    known = {group.name for group in build_app().registered_groups}
    known |= {
        command.name or command.callback.__name__ for command in build_app().registered_commands
    }
    shown = set()
    for page in PAGES:
        shown |= set(re.findall(r"`rivelin ([a-z]+)", page.read_text(encoding="utf-8")))
    assert COMMAND_MODULES
    assert shown - known == set()


def test_no_tracked_file_names_a_package_registry():
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    if not any(tracked):
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in tracked if name and (ROOT / name).is_file()]
    found = [
        path.name
        for path in paths
        if any(word in path.read_text(encoding="utf-8", errors="ignore") for word in FORBIDDEN)
    ]
    assert found == []
