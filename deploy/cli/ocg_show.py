"""How OCGs, roles, scores and what explains them are shown to people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy.cli.asking import handling_line, second, short
from deploy.cli.output import say, show_table, show_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from consumers.ocg_network.scoring import Model

Facts = dict[str, Any]

_A_HUMAN = "A named human mapped each of these; a candidate network is no OCG."
_RENEW = "A role that expires is confirmed again by a named human: `rivelin ocg role renew`."


def ocgs(found: Sequence[Mapping[str, Any]]) -> None:
    """Show OCGs, one a line."""
    columns = (
        *("reference", "status", "members", "at risk", "roles", "harm", "likelihood", "risk"),
        *("confidence", "scored", "doubted reports", "last decision"),
    )
    show_table(columns, map(_line, found))
    for one in found:
        if one["below_three"]:
            say(f"{one['reference']}: fewer than three of its members count now; decide anew.")
    say(_A_HUMAN)


def _line(one: Mapping[str, Any]) -> Sequence[object]:
    letters = {"PRINCIPAL": "P", "SIGNIFICANT": "S", "PERIPHERAL": "p"}
    roles = [
        f"{one['roles'][role]}{sign}" for role, sign in letters.items() if role in one["roles"]
    ]
    return (
        one["reference"],
        one["status"].lower(),
        one["members"],
        one["at_risk"] or "",
        " ".join(roles),
        one["total_harm"],
        one["total_likelihood"],
        one["risk"] if one["risk"] is not None else "not scored",
        one["confidence"],
        one["scored_at"] and one["scored_at"][:10],
        one["doubted_reports"] or "",
        f"{one['changed_at'][:10]} {one['changed_by']}",
    )


def ocg(found: Mapping[str, Any]) -> None:
    """Show one OCG."""
    show_text(f"OCG {found['reference']} ({found['status'].lower()}), {found['ocg_id']}")
    show_text(f"Mapped {second(found['mapped_at'])}; last decision by {found['changed_by']}")
    if found["absorbed_into"]:
        show_text(f"It was merged into {short(found['absorbed_into'])}.")
    if found["areas"]:
        show_text(f"Seen in: {', '.join(found['areas'])}")
    _score_line(found)
    show_table(
        ("person", "standing", "role", "until", "confirmed by", "network", "reports", "note"),
        map(_member, found["members_now"]),
        title="Members",
    )
    _overlap(found)
    _edge(found["edge"])
    show_text(handling_line(found["handling"]))
    show_text(found["note"])


def _score_line(found: Mapping[str, Any]) -> None:
    if found["risk"] is None:
        show_text("Not scored yet.")
        return
    show_text(
        f"Risk {found['risk']} = harm {found['total_harm']} x likelihood"
        f" {found['total_likelihood']}; beside it confidence {found['confidence']} of 4"
    )
    if found["scored_before"]:
        show_text(f"Scored before it was changed ({found['scored_before']}): score it anew.")
    if found["score_doubted"]:
        show_text("The score rests on a doubted report.")


def _member(one: Mapping[str, Any]) -> Sequence[object]:
    looks = []
    if one["split_since"]:
        looks.append("split since it was mapped: is this still the member?")
    if one["role_void"]:
        looks.append("role void by a split: confirm again")
    if one["role_not_counted"]:
        looks.append("role not counted")
    if one["doubted"]:
        looks.append("rests on a doubted report")
    return (
        short(one["person_id"]),
        one["means"],
        one["role"],
        one["expires_on"],
        one["confirmed_by"],
        one["network_id"] and short(one["network_id"]),
        one["reports"],
        "; ".join(looks),
    )


def _overlap(found: Mapping[str, Any]) -> None:
    rows = (
        (
            short(one["network_id"]),
            f"{one['members_in']} of {one['members']}",
            one["not_members"],
        )
        for one in found["overlap"]
    )
    columns = ("candidate network", "members in it", "others in it")
    show_table(columns, rows, title="Candidate networks as they are now; none of them is an OCG")


def _edge(edge: Mapping[str, Any]) -> None:
    if edge["people"]:
        rows = (
            (
                short(one["person_id"]),
                one["since"],
                " ".join(word for word in ("new", "tentative") if one[word]),
                " ".join(map(short, one["tied_to"])),
                " ".join(map(short, one["through"])),
                one["reports"],
            )
            for one in edge["people"]
        )
        columns = ("person", "tied since", "", "to", "through", "reports")
        show_table(columns, rows, title="At the edge: tied to members, no members themselves")
        if any(one["tentative"] for one in edge["people"]):
            show_text("Tentative: nobody has graded what ties them (`rivelin grade list`).")
    if edge["left_out"]:
        show_text(
            f"{edge['left_out']} more at the edge are children or victims: they are for the hub."
        )


def history(found: Iterable[Mapping[str, Any]]) -> None:
    """Show what was decided."""
    columns = ("when", "decision", "by", "about", "why", "reports", "doubted")
    show_table(columns, map(_entry, found))


def _entry(one: Mapping[str, Any]) -> Sequence[object]:
    about = [
        one["other_reference"],
        one["person_id"] and short(one["person_id"]),
        one["role"],
        f"{len(one['members'])} members" if one["members"] else None,
    ]
    why = [*([one["reason"]] if one["reason"] else ()), *one["reasons"]]
    return (
        second(one["decided_at"]),
        one["decided"].replace("_", " ").lower(),
        one["decided_by"] or "its last day was over",
        " ".join(word for word in about if word),
        ", ".join(why),
        len(one["report_ids"]) or "",
        _doubted(one["doubted"]),
    )


def _doubted(doubted: Mapping[str, str]) -> str:
    if not doubted:
        return ""
    words = " ".join(f"{short(report)} {why}" for report, why in doubted.items())
    return f"rests on a doubted report: {words}"


def roles(found: Iterable[Mapping[str, Any]]) -> None:
    """Show roles that stand."""
    columns = ("OCG", "person", "role", "until", "confirmed by", "why", "note")
    rows = (
        (
            one["reference"],
            short(one["person_id"]),
            one["role"],
            one["expires_on"],
            one["confirmed_by"],
            ", ".join(one["reasons"]),
            "rests on a doubted report" if one["doubted"] else "",
        )
        for one in found
    )
    show_table(columns, rows)
    say(_RENEW)


# --- scores -----------------------------------------------------------------------------------


def model_facts(model: Model) -> Facts:
    """Return a scoring model as plain values."""
    parts = (("harm", model.harm), ("likelihood", model.likelihood))
    factors = [
        {"part": part, "factor": factor.value, "weight": weight, "means": model.means[factor]}
        for part, weights in parts
        for factor, weight in weights.items()
    ]
    beside = [
        {
            "part": "organisational position",
            "factor": factor.value,
            "weight": None,
            "means": model.means[factor],
        }
        for factor in model.position
    ]
    return {
        "version": model.version,
        "name": model.name,
        "scale": dict(enumerate(model.scale)),
        "factors": [*factors, *beside],
    }


def model(found: Mapping[str, Any]) -> None:
    """Show a scoring model."""
    show_text(found["name"])
    scale = ", ".join(f"{value} {word}" for value, word in found["scale"].items())
    show_text(f"Each factor: {scale}. Risk = sum of harm x sum of likelihood.")
    columns = ("part", "factor", "weight", "means")
    show_table(columns, ([one[name] for name in columns] for one in found["factors"]))


def trajectory(found: Sequence[Mapping[str, Any]]) -> None:
    """Show scores over time, one a line, factor by factor."""
    factors = list(dict.fromkeys(name for one in found for name in _inputs(one)))
    columns = ("when", "by", "harm", "likelihood", "risk", "confidence")
    rows = (
        (
            second(one["decided_at"]),
            one["decided_by"],
            one["total_harm"],
            one["total_likelihood"],
            one["risk"],
            one["confidence"],
            *(_inputs(one).get(factor) for factor in factors),
            "rests on a doubted report" if one["doubted"] else "",
        )
        for one in found
    )
    show_table((*columns, *(_word(factor) for factor in factors), "note"), rows)


def _inputs(one: Mapping[str, Any]) -> Mapping[str, int]:
    return {**one["harm"], **one["likelihood"], **one["position"]}


def _word(code: str) -> str:
    return code.replace("_", " ").lower()


def totals(found: Mapping[str, Any]) -> None:
    """Show both totals and the change in per cent."""
    rows = (
        (
            second(one["at"]),
            one["mapped"],
            one["risk"],
            one["unscored"] or "",
        )
        for one in (found["from"], found["to"])
    )
    show_table(("at", "mapped OCGs", "total risk", "not scored"), rows)
    show_text(f"Mapped OCGs: {_percent(found['percent']['mapped'])}")
    show_text(f"Total risk: {_percent(found['percent']['risk'])}")


def _percent(change: float | None) -> str:
    return "nothing to compare with" if change is None else f"{change:+} %"


def explanation(found: Mapping[str, Any]) -> None:
    """Show what moved the total, OCG by OCG, then factor by factor."""
    totals(found)
    columns = ("OCG", "what", "before", "after", "change", "by factor", "beside it")
    show_table(columns, map(_moved, found["ocgs"]), title=f"Change {found['change']:+}")
    if found["factors"]:
        parts = ((_word(factor), f"{part:+}") for factor, part in found["factors"].items())
        show_table(("factor", "part"), parts, title="By factor, of OCGs that were rated anew")
    show_text(found["note"])


def _moved(one: Mapping[str, Any]) -> Sequence[object]:
    parts = [f"{_word(factor)} {part:+}" for factor, part in one["factors"].items()]
    if one["whole"]:
        parts.append(f"as a whole {one['whole']:+}")
    beside = [
        f"{_word(factor)} {before} to {after}"
        for factor, (before, after) in one["position"].items()
        if None not in {before, after} and before != after
    ]
    beside += [
        f"{each['executed_on']} {_word(each['lever'])} ({_word(each['impact'] or 'not assessed')})"
        for each in one["disruptions"]
    ]
    return (
        one["reference"],
        _word(one["moved"]),
        one["before"],
        one["after"],
        f"{one['change']:+}",
        ", ".join(parts),
        "; ".join(beside),
    )
