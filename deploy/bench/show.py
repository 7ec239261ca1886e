"""The figures as tables that `docs/BENCHMARKS.md` can take as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from deploy.bench.meter import LOAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_ORDER: Final = (
    "broker",
    "anonymiser",
    "linker",
    "gate",
    "ocg-network",
    "safeguarding",
    LOAD,
)


def as_markdown(figures: Mapping[str, Any]) -> str:
    """Return all tables, each under a line that says what it is."""
    return "\n".join(_lines(figures))


def intake_as_markdown(figures: Mapping[str, Any]) -> str:
    """Return what intake costs alone, as two tables."""
    return "\n".join(_intake_lines(figures))


def linking_as_markdown(figures: Mapping[str, Any]) -> str:
    """Return what linking costs alone, as a table and two sentences."""
    return "\n".join(_linking_lines(figures))


def recovery_as_markdown(figures: Mapping[str, Any]) -> str:
    """Return how long each kill kept reports waiting, as a table."""
    kills = figures["kills"]
    head = (
        f"SIGKILL at {figures['rate']:.0f} reports a second, {figures['measured_at']}, Python"
        f" {figures['python']}, {figures['cores']} cores (load average {figures['load_average']});"
        " seconds until the reports that it hit were out:"
    )
    rows = (tuple(one.values()) for one in kills)
    return "\n".join((head, "", *_table(tuple(kills[0]), rows)))


def replay_as_markdown(figures: Mapping[str, Any]) -> str:
    """Return what a replay took, projection by projection."""
    projections = figures["projections"]
    head = (
        f"{figures['reports']} reports for each audience, read from a broker and folded in"
        f" {figures['seconds']} s, {figures['measured_at']}:"
    )
    rows = (tuple(one.values()) for one in projections)
    return "\n".join((head, "", *_table(tuple(projections[0]), rows)))


def _linking_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"Linking alone, {figures['measured_at']}, Python {figures['python']}, one core (load"
        f" average {figures['load_average']}); {figures['base_mb']} MB resident before the first"
        " person."
    )
    curve = figures["curve"]
    yield from ("", *_table(tuple(curve[0]), (tuple(one.values()) for one in curve)))
    restart, rebuild = figures["restart"], figures["rebuild"]
    yield ""
    yield (
        f"A start on the store of {restart['persons']} persons takes {restart['seconds']} s; a"
        f" rebuild from the log {rebuild['cpu_us_per_record']} CPU microseconds a mention."
    )


def _intake_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"Intake alone, {figures['measured_at']}, Python {figures['python']}, one core (load"
        f" average {figures['load_average']}): {figures['reports']} reports without narrative,"
        f" {figures['nodes_per_report']} nodes and {figures['tokens_per_report']} tokens each."
    )
    rates, costs = figures["reports_per_core_second"], figures["microseconds"]
    yield from ("", *_table(("", "reports a second a core"), rates.items()))
    yield from ("", *_table(("step", "CPU microseconds a report"), costs.items()))


def security_as_markdown(figures: Mapping[str, Any]) -> str:
    """Return what mutual TLS costs, with plain text beside it."""
    head = (
        f"Commits of 200 records, read back, and of one; medians of {figures['rounds']} rounds in"
        f" turns, {figures['measured_at']}, Python {figures['python']}, {figures['cores']} cores"
        f" (load average {figures['load_average']}):"
    )
    ways = ("plain text", "mutual TLS", "ratio")
    rows = ((way, *figures[way].values()) for way in ways)
    return "\n".join((head, "", *_table(("", *figures["ratio"]), rows)))


def _lines(figures: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"Measured {figures['measured_at']}, Python {figures['python']}, {figures['cores']} cores"
        f" (load average {figures['load_average']} before), {figures['partners']} partners;"
        f" everything running after {figures['start_seconds']} s."
    )
    reports = figures["growth"]["curve"][-1]["reports"]
    yield from ("", f"Steady rates, one report at a time, on a log of {reports} reports:", "")
    yield from _table(_STEADY, (_steady(figures[name]) for name in ("latency", "sustained")))
    yield from ("", "CPU milliseconds per report, by process:", "")
    yield from _table(("at", *_ORDER, "sum without load"), _cpu_rows(figures))
    yield from (
        "",
        "Growth, as fast as reports come out (CPU ms per report since the last row):",
        "",
    )
    yield from _table(("reports in the log", "/s", *_ORDER), _curve_rows(figures))
    if intake := figures.get("intake"):
        yield from ("", *_intake_lines({**figures, **intake}))
    yield from ("", "Memory, MB resident:", "")
    yield from _table(("reports in the log", *_ORDER), _memory_rows(figures))


_STEADY: Final = (
    "offered/s",
    "released/s",
    "waiting at the end",
    "to police p50 ms",
    "p99",
    "to alert p50 ms",
    "p99",
    "max",
    "immediate risk to police p50 ms",
    "p99",
    "cores without load",
)


def _steady(phase: Mapping[str, Any]) -> Sequence[object]:
    police, alert = phase["publish_to_police_ms"], phase["publish_to_alert_ms"]
    urgent = phase["immediate_risk_to_police_ms"]
    return (
        phase["offered_per_second"],
        phase["released_per_second"],
        phase["waiting_at_the_end"],
        police["p50"],
        police["p99"],
        alert["p50"],
        alert["p99"],
        alert["max"],
        urgent["p50"],
        urgent["p99"],
        _own(phase["cores"]),
    )


def _cpu_rows(figures: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    for name in ("growth", "latency", "sustained"):
        phase = figures[name]
        each = phase["cpu_ms_per_report"]
        yield (f"{phase['released_per_second']}/s", *_by_process(each), _own(each))


def _curve_rows(figures: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    for point in figures["growth"]["curve"]:
        each = _by_process(point["cpu_ms_per_report"])
        yield (point["reports"], point["released_per_second"], *each)


def _memory_rows(figures: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    for point in figures["growth"]["curve"]:
        yield (point["reports"], *_by_process(point["memory_mb"]))
    yield ("all", *_by_process(figures["memory_mb"]))


def _by_process(values: Mapping[str, float]) -> Sequence[object]:
    return [values.get(name, "") for name in _ORDER]


def _own(values: Mapping[str, float]) -> float:
    return round(sum(value for name, value in values.items() if name != LOAD), 2)


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield _row(columns)
    yield _row(["---"] * len(columns))
    yield from (_row(row) for row in rows)


def _row(cells: Iterable[object]) -> str:
    return f"|{'|'.join(str(cell) for cell in cells)}|"
