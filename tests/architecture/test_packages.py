"""The house as a whole: names that are ours alone, purity by name, pins without addresses."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))

# A module touches the world only if its name, or its folder's, says so.
WORLDLY = re.compile(r"(^|_)(worker|store|web|cli|sdk|outbox|settings|keyring|clock|file_drop)s?$")
WORLDLY_FOLDERS = {"kafka", "deploy", "web", "cli"}
WORLD = {
    *("aiokafka", "faust", "mode", "sqlite3"),
    *("socket", "subprocess", "threading", "signal"),
    *("os", "shutil", "tempfile", "getpass", "platform"),
    *("time", "random", "secrets"),
}
# What a pure module may name: a generator with a seed, and the source of randomness that a caller
# may replace (as a default it is named, never called).
HARMLESS = {"random.Random", "os.urandom"}
NEVER_CALLED = {"os.urandom", "uuid.uuid1", "uuid.uuid4", "uuid4", "uuid1"}
CLOCKS = {"now", "utcnow", "today"}


def modules():
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def is_worldly(path):
    parts = path.relative_to(ROOT).parts
    return bool(WORLDLY_FOLDERS & set(parts) or any(WORLDLY.search(Path(p).stem) for p in parts))


def worldly_names(path):
    """Every name by which a module reaches for the world."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.ImportFrom(module=str(module), level=0) if module.partition(".")[0] in WORLD:
                yield module
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in WORLD:
                yield from {f"{module}.{name}"} - HARMLESS
            case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCKS:
                yield name
            case ast.Call(func=called) if ast.unparse(called) in NEVER_CALLED:
                yield ast.unparse(called)


def test_our_package_names_are_ours_alone():
    owners = packages_distributions()

    assert {name: set(owners.get(name, ["rivelin"])) for name in PACKAGES} == {
        name: {"rivelin"} for name in PACKAGES
    }


def test_our_package_names_hide_no_module_of_python():
    assert not set(PACKAGES) & sys.stdlib_module_names


def test_a_module_touches_the_world_only_if_its_name_says_so():
    guilty = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in modules()
        if not is_worldly(path) and (found := set(worldly_names(path)))
    }

    assert guilty == {}


def test_every_module_opens_with_one_line_on_what_it_is():
    silent = [
        str(path.relative_to(ROOT))
        for path in modules()
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert silent == []


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_requirements_are_pinned_by_hash_and_name_no_address(path):
    text = path.read_text()

    assert "://" not in text
    assert "index-url" not in text
    pins = re.split(r"\n(?=\S)", text.strip())
    assert pins
    assert all("==" in pin and "--hash=sha256:" in pin for pin in pins)


def test_every_dependency_is_pinned_in_both_lists():
    wanted = {re.match(r"[\w.-]+", line)[0] for line in PYPROJECT["project"]["dependencies"]}

    for name in ("runtime.txt", "dev.txt"):
        assert wanted <= _pinned(name), name


def test_what_others_link_with_is_no_dependency_of_ours():
    assert "splink" in _pinned("beside.txt")
    assert not {"splink", "duckdb", "pyarrow", "pandas"} & (
        _pinned("runtime.txt") | _pinned("dev.txt")
    )


def _pinned(name):
    text = (ROOT / "requirements" / name).read_text()
    return set(re.findall(r"^([\w.-]+)==", text, flags=re.MULTILINE))


def test_tests_run_on_what_is_shipped():
    runtime, dev = (
        dict(
            re.findall(
                r"^([\w.-]+)==(\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE
            )
        )
        for name in ("runtime.txt", "dev.txt")
    )

    assert {name: dev[name] for name in runtime} == runtime


def test_the_wheel_carries_schemas_and_the_jar_lock(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    shipped = set(zipfile.ZipFile(wheel).namelist())

    data = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in {".avsc", ".lock", ".json", ".html", ".css", ".csv"}
    }
    assert "deploy/jars.lock" in data
    assert data <= shipped
    assert {name.partition("/")[0] for name in shipped} <= {*PACKAGES, "rivelin-0.1.0.dist-info"}
