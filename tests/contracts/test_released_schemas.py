"""What was released is never edited, and every new version reads what old ones wrote."""

from __future__ import annotations

import json
from copy import deepcopy
from itertools import combinations

import avro.schema
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from schemas import CATALOGUE
from tests.contracts.release import current, fingerprint, released

NAMES = sorted({schema.name for schema in CATALOGUE})
REPORT = CATALOGUE.versions("rivelin.shared.PoliceReportShared")[0].definition


def reads(new, old):
    """Whether Apache's checker says that a reader of the new schema reads the old one's records."""
    reader, writer = (avro.schema.parse(json.dumps(definition)) for definition in (new, old))
    verdict = ReaderWriterCompatibilityChecker().get_compatibility(reader=reader, writer=writer)
    return verdict.compatibility is SchemaCompatibilityType.compatible


def test_no_released_schema_was_edited_or_removed():
    now = current()
    assert {key: now.get(key) for key in released()} == released()


def test_every_schema_is_released():
    """Fails on a new file: `python -m tests.contracts.release` writes its fingerprint down."""
    assert current().keys() == released().keys()


def test_an_edit_of_a_single_word_changes_the_fingerprint():
    edited = deepcopy(REPORT)
    edited["fields"][0]["doc"] += " More."
    assert fingerprint(edited) != fingerprint(REPORT)
    assert fingerprint(dict(reversed(REPORT.items()))) == fingerprint(REPORT)


@pytest.mark.parametrize("name", NAMES)
def test_every_version_reads_itself_and_all_before_it(name):
    versions = [schema.definition for schema in CATALOGUE.versions(name)]
    assert all(reads(version, version) for version in versions)
    assert all(reads(new, old) for old, new in combinations(versions, 2))


# --- the checker refuses what would break a reader ----------------------------


def add_optional_field(report):
    report["fields"].append({"name": "ward", "type": ["null", "string"], "default": None})


def add_symbol(report):
    enum_of(report, "purpose")["symbols"].append("TEACH")


def change_doc(report):
    report["doc"] = "Other words."


def remove_field(report):
    del report["fields"][-1]


def make_nullable(report):
    report["fields"][1] |= {"type": ["null", "long"], "default": None}


def add_required_field(report):
    report["fields"].append({"name": "ward", "type": "string"})


def remove_symbol(report):
    enum_of(report, "purpose")["symbols"].pop()


def retype(report):
    report["fields"][1]["type"] = "string"


def rename_field(report):
    report["fields"][1]["name"] = "version"


def rename_record(report):
    report["name"] = "rivelin.shared.ReportShared"


def require_what_was_optional(report):
    field = next(field for field in report["fields"] if field["name"] == "district")
    field["type"] = "string"
    del field["default"]


def resize_uuid(report):
    report["fields"][0]["type"]["size"] = 8


def enum_of(report, field_name):
    return next(field for field in report["fields"] if field["name"] == field_name)["type"]


@pytest.mark.parametrize(
    "change", [add_optional_field, add_symbol, change_doc, remove_field, make_nullable]
)
def test_a_change_that_keeps_old_records_readable_is_allowed(change):
    changed = deepcopy(REPORT)
    change(changed)
    assert changed != REPORT
    assert reads(changed, REPORT)


@pytest.mark.parametrize(
    "change",
    [
        add_required_field,
        remove_symbol,
        retype,
        rename_field,
        rename_record,
        require_what_was_optional,
        resize_uuid,
    ],
)
def test_a_breaking_change_is_refused(change):
    changed = deepcopy(REPORT)
    change(changed)
    assert not reads(changed, REPORT)
