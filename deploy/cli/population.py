"""`rivelin population set`, `show` and `example`: what small cells are counted in."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import datetime  # noqa: TC003 - typer reads it
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import progress, say, show_json, show_table

if TYPE_CHECKING:
    from streams.shared import DistrictPopulation, ReferencePopulationSet

_ADULT = "ADULT"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    population = typer.Typer(
        help="Set and show the reference population that small cells are counted in.",
        no_args_is_help=True,
    )
    population.callback()(lambda: None)
    population.command(name="set")(set_population)
    population.command()(show)
    population.command()(example)
    app.add_typer(population, name="population")


def set_population(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="CSV: district, police_area, sex, age_band, count, optional household.",
        ),
    ],
    *,
    by: Annotated[str, typer.Option("--by", help="Who decides; stands in the register.")],
    name: Annotated[
        str | None,
        typer.Option("--name", help="Which tables these are; the file's name if left out."),
    ] = None,
    counted_on: Annotated[
        datetime | None,
        typer.Option(
            "--counted-on",
            formats=["%Y-%m-%d"],
            help="The day the tables tell of, such as census day; today if left out.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")] = False,
) -> None:
    """Let small cells be counted in these tables from here on.

    Rows count people by postcode district, sex (FEMALE, MALE, OTHER) and age
    band (AGE_0_4, AGE_5_10, AGE_11_15, AGE_16_17, ADULT), as public census
    tables do; rows of one district, sex and band add up. `police_area` is the
    police force area of the district. `household` names the others behind the
    same door as SEX:BAND with spaces between; without that column the gate
    guesses on the low side how many share a household of that make-up.

    Exit codes: 0 done, 3 the file does not hold what it must, 5 no broker answers.
    """
    from deploy import registry  # noqa: PLC0415 - keeps --help quick
    from deploy.population import read_population  # noqa: PLC0415 - the same
    from deploy.settings import Settings  # noqa: PLC0415 - the same
    from deploy.views import now  # noqa: PLC0415 - the same
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same
    from streams.shared import ReferencePopulationSet  # noqa: PLC0415 - the same

    districts = read_population(file)
    if counted_on is not None and counted_on.date() > now().date():
        raise InvalidInputError("--counted-on: the tables cannot tell of a day that has not come")
    event = ReferencePopulationSet(
        name=name or file.stem,
        districts=districts,
        decided_by=by,
        decided_at=now(),
        counted_on=None if counted_on is None else counted_on.date(),
    )
    with progress("setting the reference population …"):
        asyncio.run(registry.set_population(Settings(), event))
    _answer(event, as_json=as_json)


def show(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")] = False,
) -> None:
    """Show which reference population is set, by district.

    Exit codes: 0 done, 5 no broker answers.
    """
    from deploy import registry  # noqa: PLC0415 - keeps --help quick
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    event = asyncio.run(registry.read_registry(Settings())).population
    if event is not None:
        _answer(event, as_json=as_json)
    elif as_json:
        show_json(None)
    else:
        say("No reference population is set, so no place leaves: `rivelin population set`.")


def example(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The CSV to write.")],
    people: Annotated[
        int, typer.Option(min=1_000, max=2_000_000, help="How many live in the invented city.")
    ] = 400_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed counts the same.")] = 1,
) -> None:
    """Write the census of an invented city, to try `rivelin population set` with.

    Nothing is written over. Exit codes: 0 done, 3 the file is there already.
    """
    from datetime import date  # noqa: PLC0415 - keeps --help quick

    from deploy.population import write_population  # noqa: PLC0415 - the same
    from producers.town.city import build_city, census  # noqa: PLC0415 - the same
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same

    if file.exists():
        raise InvalidInputError(f"{file} is there already")
    city = build_city(seed, people, date(2026, 9, 1))
    rows = write_population(file, census(city))
    say(f"{rows} rows about {len(city.residents):,} people who do not exist: {file}")


def _answer(event: ReferencePopulationSet, *, as_json: bool) -> None:
    districts = [_district(one) for one in event.districts]
    if as_json:
        facts = {"name": event.name, "decided_by": event.decided_by}
        days = {"decided_at": event.decided_at.isoformat(), "counted_on": _day(event)}
        show_json({**facts, **days, "districts": districts})
        return
    rows = ([str(value) for value in one.values()] for one in districts)
    show_table(("district", "police area", "people", "children", "households"), rows)
    people = sum(one["people"] for one in districts)
    say(f"{event.name}: {people:,} people on {_day(event)}, set by {event.decided_by}.")


def _day(event: ReferencePopulationSet) -> str:
    return (event.counted_on or event.decided_at.date()).isoformat()


def _district(one: DistrictPopulation) -> dict[str, Any]:
    count: defaultdict[bool, int] = defaultdict(int)
    for cell in one.cells:
        count[cell.age_band == _ADULT] += cell.count
    return {
        "district": one.district,
        "police_area": one.police_area,
        "people": count[True] + count[False],
        "children": count[False],
        "households": "told" if any(cell.households for cell in one.cells) else "guessed",
    }
