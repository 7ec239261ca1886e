"""What the demo says to a person, chapter by chapter, as it happens; nobody's name is in it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from consumers.safeguarding.words import MEANS
from deploy.roles import ROLES
from streams.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from rich.console import Console

    from deploy.demo.agencies import Answer
    from deploy.demo.glimpses import AlertGlimpse, NetworkGlimpse, SealedGlimpse
    from deploy.demo.result import Result
    from producers.town.town import Town

_SHORT: Final = 8
_NETWORKS_SHOWN: Final = 4
_ROWS_SHOWN: Final = 14

_SAYS: Final[Mapping[str, str]] = {
    "SIBLING": "is a sibling of",
    "PARENT": "is a parent of",
    "KINSHIP_CARER": "is a kinship carer of",
    "FOSTER_CARER": "is a foster carer of",
    "FRIEND": "is a friend of",
    "ASSOCIATE": "associates with",
    "CO_OFFENDER": "offends together with",
    "MEMBER_OF": "is a member of",
    "EXPLOITS": "exploits",
    "RUNS_LINE": "runs the line",
    "USES_LINE": "uses the line",
    "LIVES_AT": "lives at",
    "CUCKOOED_AT": "is cuckooed at",
    "ATTENDS": "attends",
    "USES": "uses",
}
_WITHOUT_REASON: Final[Mapping[Outcome | None, str]] = {
    Outcome.DUPLICATE: "seen before, counted once",
    Outcome.WITHDRAWN: "taken back: nobody is tied by it any longer",
}


class Screen:
    """Prints chapters of at most one screen each; plain text when not on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._chapter = 0
        self._progress: Progress | None = None

    # --- chapters

    def town(self, town: Town) -> None:
        """Tell who there is."""
        children = sum(person.is_child_on(town.as_of) for person in town.people)
        self._open("A town that does not exist")
        self._say(
            f"{len(town.people)} people in {len(town.households)} households, {children} of them"
            f" children; {len(town.groups)} groups deal drugs, run lines and use children for it."
            " Most families have no part in any of it, and are written about all the same."
        )
        self._say(f"Seed {town.seed} makes exactly this town again.")

    def starting(self) -> None:
        """Say that the broker comes up."""
        self._open("A broker of its own")
        self._say(f"Starting Apache Kafka and {len(ROLES)} roles, each a process of its own …")

    def started(self, bootstrap: str, seconds: float) -> None:
        """Say where it is."""
        self._say(f"Everything runs at {bootstrap} after {seconds:.1f} s.")

    def partners(self, town: Town) -> None:
        """List who reports."""
        self._open("Partners come on board")
        table = self._table("partner", "sector", "services", "gateways", "agreement", "reports")
        for body in town.bodies:
            table.add_row(
                body.partner,
                body.type.value.lower().replace("_", " "),
                str(len(body.services)),
                str(len(body.gateways())),
                "lapsed" if body.lapsed else "in force",
                str(len(town.of(body.partner))),
            )
        self._console.print(table)

    def reporting(self, total: int) -> Reporting:
        """Open the chapter in which everybody reports; use it as a context."""
        self._open("They report, each from a process of its own, by the public SDK")
        return Reporting(self._console, total)

    def answered(self, answers: Sequence[Answer], urgent: int) -> None:
        """Tell what the door stopped, and what went to the duty officer."""
        self._say(f"{sum(a.outcome is not None for a in answers)} answers came back.")
        self._say("Stopped at the partner's own door, corrected and sent again:")
        for answer in answers:
            if answer.stopped:
                self._say(f"  {answer.step.partner}: {', '.join(map(_word, answer.stopped))}")
        self._say(f"{urgent} immediate risks went to the duty officer first and singly; told back:")
        for notice in sorted({answer.notice for answer in answers if answer.notice}):
            self._say(f"  {notice}")

    def police(self, sealed: SealedGlimpse | None, report: Mapping[str, Any] | None) -> None:
        """Show one report as the broker carries it, and one as police have it."""
        self._open("What police see: people without identities")
        if sealed is not None:
            self._say(
                f"From {sealed.partner} the broker holds: report {_short(sealed.report_id)},"
                f" revision {sealed.revision}, key epoch {sealed.epoch}, and {sealed.parts} sealed"
                f" parts of {sealed.bytes} bytes."
            )
        if report is not None:
            self._police_report(report)
        self._say("No name, no date of birth, no number, no address, no partner, no kin.")

    def _police_report(self, report: Mapping[str, Any]) -> None:
        facts = ", ".join(_word(fact["activity"]) for fact in report["facts"])
        self._say(
            f"Of some report police have: week {report['event_week']},"
            f" district {report['district']}, {facts}"
        )
        for node in report["nodes"]:
            child = {"YES": "a child", "NO": "no child"}.get(node["child_at_event"], "age unknown")
            what = f"{_word(node['role'])}, {child}" if node["kind"] == "PERSON" else ""
            self._say(f"  {_word(node['kind'])} {_short(node['entity_id'])}  {what}".rstrip())
        names = {node["node"]: _short(node["entity_id"]) for node in report["nodes"]}
        for tie in report["relations"]:
            self._say(f"  {names[tie['subject']]} {_SAYS[tie['kind']]} {names[tie['object']]}")

    def networks(self, found: Sequence[NetworkGlimpse]) -> None:
        """Show the candidate networks."""
        self._open("Networks appear")
        table = self._table("network", "core", "periphery", "at risk", "seen in", "reports")
        for network in found[:_NETWORKS_SHOWN]:
            table.add_row(
                _short(network.network_id),
                _several(network.core),
                _several(network.periphery),
                _several(network.at_risk),
                ", ".join(network.districts),
                str(network.reports),
            )
        self._console.print(table)
        self._say("Candidates, not mapped groups: a human decides. Children are victims first.")

    def alerts(self, found: Sequence[AlertGlimpse]) -> None:
        """Show the alerts, one with its reason."""
        self._open("The safeguarding hub is alerted")
        for rule, count in sorted(Counter(alert.rule for alert in found).items()):
            self._say(f"  {count:3}  {MEANS[rule]}")
        if found:
            alert = found[0]
            self._say(f"Why alert {_short(alert.alert_id)} for child {_short(alert.child_id)}:")
            for step in alert.path:
                tie = f"{_short(step['from'])} {_SAYS[step['kind']]} {_short(step['to'])}"
                self._say(f"  {tie}  (reports: {len(step['reports'])})")
        self._say("An alert is not a referral. Police never see these ties.")

    def withheld(self, answers: Sequence[Answer]) -> None:
        """Show what did not go on, and what its partner was told."""
        self._open("What did not go on, and why")
        table = self._table("partner", "outcome", "what it was told")
        others = [a for a in answers if a.outcome not in {None, Outcome.SHARED}]
        for answer in sorted(others, key=lambda one: str(one.outcome))[:_ROWS_SHOWN]:
            table.add_row(answer.step.partner, _word(str(answer.outcome)), _told(answer))
        self._console.print(table)

    def proof(self, result: Result) -> None:
        """Show the replay and the search."""
        self._open("Proof")
        same = "the same" if result.replay.is_equal else "NOT the same"
        self._say(f"Replay of the whole log, without keys: {same} state.")
        self._say(f"  live     {result.replay.live_hash}")
        self._say(f"  replayed {result.replay.replayed_hash}")
        megabytes = result.searched_bytes / 1_000_000
        if untold := len(result.findings.of_untold_age):
            self._say(
                f"{untold} alerts are about adults whose age the gate withheld: who may be a child"
                " counts as one."
            )
        if result.findings.questions:
            self._say(
                f"{result.findings.questions} times much agreed and something contradicted: a human"
                " is asked, nobody is merged."
            )
        self._say(
            f"Searched {megabytes:.1f} MB outside the enclave (records, keys, headers, logs,"
            f" stores) for every identifier that was reported: {len(result.leaks)} found."
        )

    def end(self, result: Result) -> None:
        """Show the figures, and say what to try next."""
        facts = result.as_dict()
        self._open("The figures")
        table = self._table("", "wanted", "found")
        for name in ("shared", "refused", "held", "quarantined", "duplicates"):
            outcome = Outcome.DUPLICATE if name == "duplicates" else Outcome(name.upper())
            wanted = result.truth.count(result.town, outcome)
            table.add_row(f"reports {name}", str(wanted), str(facts[name]))
        for name in ("networks", "exposed_children"):
            pair = facts[name]
            table.add_row(name.replace("_", " "), str(pair["expected"]), str(pair["found"]))
        table.add_row("false kin", "0", str(facts["false_kin"]))
        table.add_row("identifiers outside", "0", str(facts["leaks"]))
        table.add_row("replay equal", "yes", "yes" if result.replay.is_equal else "NO")
        self._console.print(table)
        for wrong in result.undoings():
            self._console.print(Text(f"NOT AS IT MUST BE: {wrong}", style="bold red"))
        if not result.undoings():
            self._console.print(
                Text(f"All as the town's own truth wants it, in {result.seconds:.0f} s.", "green")
            )

    def next_steps(self, home: str | None) -> None:
        """Say what to try next."""
        self._say("")
        if home:
            self._say(f"Everything is kept in {home}: RIVELIN_HOME={home} rivelin up")
        self._say("Next: `rivelin demo --seed 7`, `rivelin demo --json`, `rivelin demo --keep`;")
        self._say(
            "      `rivelin up` starts a system of your own, `rivelin --help` lists the rest."
        )

    # --- printing

    def _open(self, title: str) -> None:
        self._chapter += 1
        heading = Text(f"{self._chapter}  {title}", style="bold")
        self._console.print()
        if self._console.is_terminal:
            self._console.print(Panel(heading, expand=False, border_style="blue"))
        else:
            self._console.print(heading)

    def _say(self, text: str) -> None:
        self._console.print(Text(text))

    def _table(self, *columns: str) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        return table


class Reporting:
    """A bar on a terminal, silence elsewhere."""

    def __init__(self, console: Console, total: int) -> None:
        self._bar = Progress(
            TextColumn("  receipts"),
            BarColumn(),
            TextColumn("{task.completed:.0f} of {task.total:.0f}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("receipts", total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, done: int) -> None:
        """Show how many answers have come."""
        self._bar.update(self._task, completed=done)


def _short(identity: object) -> str:
    return str(identity)[:_SHORT]


def _several(ids: Sequence[str]) -> str:
    return ", ".join(map(_short, ids)) or "-"


def _told(answer: Answer) -> str:
    lawful = [
        r.removeprefix("alternative_") for r in answer.reasons if r.startswith("alternative_")
    ]
    reasons = [_word(r) for r in answer.reasons if not r.startswith("alternative_")]
    open_ways = f" (open: {', '.join(lawful)})" if lawful else ""
    return ", ".join(reasons or [_WITHOUT_REASON.get(answer.outcome, "")]) + open_ways


def _word(code: str) -> str:
    return code.lower().replace("_", " ")
