"""The benchmark's own parts: what it sends is valid, what it prints is what it measured."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deploy.bench import cases
from deploy.bench.intake import measure_intake
from deploy.bench.meter import LOAD, Sample, between
from deploy.bench.run import quantiles
from deploy.bench.show import as_markdown, intake_as_markdown
from producers.check import check

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def test_every_report_passes_the_partners_own_check():
    for serial in [*range(80), *range(99_000, 99_080)]:
        assert check(cases.report(serial, NOW), NOW) == ()


def test_the_same_serial_gives_the_same_report_and_no_two_share_an_id():
    reports = [cases.report(serial, NOW) for serial in range(200)]

    assert reports == [cases.report(serial, NOW) for serial in range(200)]
    assert len({report.report_id for report in reports}) == 200


def test_people_of_different_cases_never_share_a_number():
    owners = {}
    for serial in range(0, 40_000, cases.REPORTS_PER_CASE):
        for node in cases.report(serial, NOW).nodes:
            case = serial // cases.REPORTS_PER_CASE
            assert owners.setdefault(node.identity.nhs_number, case) == case


def test_every_partner_sends_its_share():
    senders = [cases.report(serial, NOW).partner for serial in range(200)]

    assert {senders.count(cases.partner_name(number)) for number in range(20)} == {10}
    assert {entry.partner for entry in cases.entries(NOW)} == set(senders)


def test_intake_is_timed_step_by_step_and_its_parts_are_within_the_whole():
    figures = measure_intake(16, NOW)
    told = intake_as_markdown({**figures, "measured_at": "now", "python": "3", "load_average": 1.0})

    assert figures["reports"] == 16
    assert figures["nodes_per_report"] > 2
    assert figures["tokens_per_report"] > 40
    assert all(cost > 0 for cost in figures["microseconds"].values())
    assert len(figures["reports_per_core_second"]) == 3
    assert "|opened to encoded|" in told


@pytest.mark.parametrize(
    ("seconds", "p50", "p99", "highest"),
    [([0.1], 100, 100, 100), ([n / 1000 for n in range(1, 101)], 51, 100, 100)],
)
def test_quantiles_are_read_off_the_ordered_values(seconds, p50, p99, highest):
    expected = {"count": len(seconds), "p50": p50, "p99": p99, "max": highest}

    assert quantiles(list(reversed(seconds))) == expected


def test_nothing_measured_has_no_quantiles():
    assert quantiles([])["p99"] is None


def test_what_a_process_spent_lies_between_two_looks():
    first = Sample(10.0, {"gate": 1.0, "linker": 5.0}, {})
    last = Sample(20.0, {"gate": 3.0, "linker": 0.5}, {})

    spent = between(first, last)

    assert spent.cores() == {"gate": 0.2, "linker": 0.05}  # the linker began anew
    assert spent.ms_each(100) == {"gate": 20.0, "linker": 5.0}


def test_the_tables_hold_what_was_measured():
    phase = {
        "offered_per_second": 100.0,
        "released_per_second": 99.5,
        "waiting_at_the_end": 7,
        "publish_to_police_ms": {"p50": 201, "p99": 302},
        "publish_to_alert_ms": {"p50": 253, "p99": 404, "max": 505},
        "immediate_risk_to_police_ms": {"p50": 91, "p99": 122},
        "cores": {"gate": 0.25, LOAD: 0.9},
        "cpu_ms_per_report": {"gate": 1.25, LOAD: 2.0},
    }
    point = {
        "reports": 1_000,
        "released_per_second": 340.0,
        "cpu_ms_per_report": {"gate": 1.5},
        "memory_mb": {"gate": 61.0},
    }
    text = as_markdown(
        {
            "measured_at": "2026-03-02T08:00:00+00:00", "python": "3.11.7", "cores": 2,
            "load_average": 0.1, "partners": 20, "start_seconds": 4.2,
            "memory_mb": {"gate": 63.5},
            "latency": phase, "sustained": phase, "growth": {**phase, "curve": [point]},
        }
    )  # fmt: skip

    assert "|100.0|99.5|7|201|302|253|404|505|91|122|0.25|" in text
    assert "|1000|340.0|||" in text
    assert "61.0" in text
    assert "|all||||63.5|||" in text
