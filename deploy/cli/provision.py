"""`rivelin provision`: help below the threshold: listed, offered, taken up."""

from __future__ import annotations

import re
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer

from deploy.cli.asking import AsJson, AsOf, Id, Name, PurposeCode, ask, hub, second, short
from deploy.cli.codes import code_of
from deploy.cli.hub_deciding import NOTE, decide_as_hub, found_id, said
from deploy.cli.output import say, show_json, show_table

Kind = Annotated[
    str,
    typer.Option(
        "--kind",
        help="MENTORING, SPORT, ARTS, YOUTH_CLUB, PARENT_TRAINING, FAMILY_SUPPORT, COUNSELLING or"
        " ALTERNATIVE_EDUCATION.",
    ),
]
Sector = Annotated[
    str, typer.Option("--sector", help="Who has it: VOLUNTARY, COUNCIL, SCHOOL, HEALTH and so on.")
]
Area = Annotated[str, typer.Option("--area", help="Where: a postcode district, such as S5.")]
Places = Annotated[int, typer.Option("--places", help="How many places it has; 0 ends it.")]
Again = Annotated[
    str | None,
    typer.Option("--again", help="Id of a listed provision: list it anew with other places."),
]
Alert = Annotated[str, typer.Argument(help="The alert whose person is offered a place.")]
Offer = Annotated[str, typer.Argument(help="An offer's id, or the beginning of one.")]
TakenUp = Annotated[bool, typer.Option("--taken-up/--refused", help="How the family answered.")]
WithoutOffer = Annotated[
    bool,
    typer.Option("--without-offer", help="Alerts assessed at level 1 or 2 that have no offer."),
]
_DISTRICT = re.compile(r"[A-Z]{1,2}[0-9][0-9A-Z]?")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="Help below the threshold of social care.", no_args_is_help=True)
    group.command("list")(provision_list)
    group.command("add")(provision_add)
    group.command("offer")(provision_offer)
    group.command("answer")(provision_answer)
    app.add_typer(group, name="provision")


def provision_list(
    *,
    without_offer: WithoutOffer = False,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show what help there is and how many places are free, and what was offered."""
    from consumers.safeguarding import hub_look  # noqa: PLC0415 - keeps --help quick
    from deploy.views import now  # noqa: PLC0415 - the same

    if without_offer:
        question = hub(
            "provision list without offer", lambda one, _: hub_look.without_offer(one, now())
        )
        found = ask(question, name, purpose, as_of)
        _show_without_offer(found, as_json=as_json)
        return

    def both(connection: Any, _: str) -> Any:  # noqa: ANN401 - loaded when used
        return hub_look.provisions(connection), hub_look.offers(connection)

    listed, made = ask(hub("provision list", both), name, purpose, as_of)
    if as_json:
        show_json({"provisions": listed, "offers": made, "note": NOTE})
        return
    columns = ("provision", "kind", "sector", "area", "places", "free", "standing")
    show_table(columns, map(_provision_row, listed))
    if made:
        show_table(("offer", "provision", "alert", "offered", "answer"), map(_offer_row, made))
    say(NOTE)


def provision_add(  # noqa: PLR0913 - each is one option of the command
    *,
    kind: Kind,
    area: Area,
    places: Places,
    sector: Sector = "VOLUNTARY",
    again: Again = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """List help that an organisation has, or list it anew (--again) with other places.

    Exit codes: 0 done, 3 an option does not hold or fewer places than are taken, 4 no role.
    """
    from consumers.safeguarding.hub_look import find_provision  # noqa: PLC0415 - keeps --help quick
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.codes import ProvisionKind  # noqa: PLC0415 - the same
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same
    from streams.hub import ProvisionListed  # noqa: PLC0415 - the same
    from streams.values import PartnerType  # noqa: PLC0415 - the same

    where = area.strip().upper()
    if not _DISTRICT.fullmatch(where):
        raise InvalidInputError("--area is a postcode district such as S5")
    what = code_of(ProvisionKind, kind, "--kind")
    who_has_it = code_of(PartnerType, sector, "--sector")
    one = uuid4()
    if again is not None:
        one = UUID(found_id("provision add", find_provision, again, name, purpose))
    event, who = decide_as_hub(
        Act.LIST_PROVISION,
        f"provision add {one}",
        lambda _, who, at: ProvisionListed(
            provision_id=one,
            kind=what,
            sector=who_has_it,
            area=where,
            places=places,
            decided_by=who.name,
            decided_at=at,
        ),
        name,
        purpose,
    )
    told = f"{event.provision_id} is listed by {who.name} with {places} places."
    _tell(event, told if places else f"{event.provision_id} has ended.", as_json=as_json)


def provision_offer(
    provision_id: Id,
    alert_id: Alert,
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Offer a place to the person of an alert.

    Exit codes: 0 done, 3 it has ended, no place is free or it was offered already, 4 no role.
    """
    from consumers.safeguarding.hub_look import find_provision  # noqa: PLC0415 - keeps --help quick
    from consumers.safeguarding.look import find_alert  # noqa: PLC0415 - the same
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.hub import ProvisionOffered  # noqa: PLC0415 - the same

    provision = found_id("provision offer", find_provision, provision_id, name, purpose)
    alert = found_id("provision offer", find_alert, alert_id, name, purpose)
    event, who = decide_as_hub(
        Act.LIST_PROVISION,
        f"provision offer {provision} {alert}",
        lambda _, who, at: ProvisionOffered(
            offer_id=uuid4(),
            provision_id=UUID(provision),
            alert_id=UUID(alert),
            decided_by=who.name,
            decided_at=at,
        ),
        name,
        purpose,
    )
    _tell(event, f"Offer {event.offer_id} is made by {who.name}.", as_json=as_json)


def provision_answer(
    offer_id: Offer,
    *,
    taken_up: TakenUp,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Tell whether an offer was taken up; refused it gives its place back.

    Exit codes: 0 done, 3 it was answered already or there is none, 4 no role allows it.
    """
    from consumers.safeguarding.hub_look import find_offer  # noqa: PLC0415 - keeps --help quick
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.hub import ProvisionAnswered  # noqa: PLC0415 - the same

    one = found_id("provision answer", find_offer, offer_id, name, purpose)
    event, who = decide_as_hub(
        Act.LIST_PROVISION,
        f"provision answer {one}",
        lambda _, who, at: ProvisionAnswered(
            offer_id=UUID(one), taken_up=taken_up, decided_by=who.name, decided_at=at
        ),
        name,
        purpose,
    )
    answer = "is taken up" if taken_up else "was refused; its place is free again"
    _tell(event, f"Offer {one} {answer}, told by {who.name}.", as_json=as_json)


def _tell(event: object, text: str, *, as_json: bool) -> None:
    if as_json:
        show_json(said(event))
    else:
        say(text)
        say(NOTE)


def _show_without_offer(found: Any, *, as_json: bool) -> None:  # noqa: ANN401 - plain values
    if as_json:
        show_json({"alerts": found, "note": NOTE})
        return
    columns = ("alert", "person", "level", "owner", "raised")
    rows = (
        (
            short(one["alert_id"]),
            short(one["child_id"]),
            f"{one['level']} {one['level_name']}",
            one["owner"],
            second(one["raised_at"]),
        )
        for one in found
    )
    show_table(columns, rows)
    say(NOTE)


def _provision_row(one: Any) -> tuple[object, ...]:  # noqa: ANN401 - plain values
    return (
        short(one["provision_id"]),
        one["kind"],
        one["sector"],
        one["area"],
        one["places"],
        one["free"],
        "ended" if one["ended"] else "open",
    )


def _offer_row(one: Any) -> tuple[object, ...]:  # noqa: ANN401 - plain values
    answer = {None: "waits", True: "taken up", False: "refused"}[one["taken_up"]]
    return (
        short(one["offer_id"]),
        short(one["provision_id"]),
        short(one["alert_id"]),
        second(one["offered_at"]),
        answer,
    )
