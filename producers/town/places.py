"""Sheffield as a map of invented homes: its outcodes and wards are facts, all else is made up.

Facts: the postcode districts that lie in the city and the 28 wards of its council. Which
district a ward lies in is simplified to the one or two it mostly lies in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING, Final

from producers.town.official import uprn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from producers.town.dice import Dice

OUTCODES: Final = (
    *(f"S{number}" for number in range(1, 15)),
    "S17",
    "S20",
    "S35",
    "S36",
)

WARDS: Final[Mapping[str, tuple[str, ...]]] = {
    "Beauchief and Greenhill": ("S8",),
    "Beighton": ("S20",),
    "Birley": ("S12",),
    "Broomhill and Sharrow Vale": ("S10", "S11"),
    "Burngreave": ("S3", "S4"),
    "City": ("S1", "S2"),
    "Crookes and Crosspool": ("S10",),
    "Darnall": ("S9",),
    "Dore and Totley": ("S17",),
    "East Ecclesfield": ("S35",),
    "Ecclesall": ("S11",),
    "Firth Park": ("S5",),
    "Fulwood": ("S10",),
    "Gleadless Valley": ("S14",),
    "Graves Park": ("S8",),
    "Hillsborough": ("S6",),
    "Manor Castle": ("S2",),
    "Mosborough": ("S20",),
    "Nether Edge and Sharrow": ("S7",),
    "Park and Arbourthorne": ("S2",),
    "Richmond": ("S13",),
    "Shiregreen and Brightside": ("S5", "S9"),
    "Southey": ("S5", "S6"),
    "Stannington": ("S6",),
    "Stocksbridge and Upper Don": ("S36",),
    "Walkley": ("S6",),
    "West Ecclesfield": ("S35",),
    "Woodhouse": ("S13",),
}

_INWARD_LETTERS: Final = "ABDEFGHJLNPQRSTUWXYZ"
_STREET_STEMS: Final = (
    "Bramblefold Otterside Larkhammer Siltmoor Whistleford Cinderbeck Foxglade Ravenhurl "
    "Hobthrush Millrace Alderwick Puddlers Thornacre Emberley Grindlestone Heronmere Kestrelgate "
    "Loomside Mosspike Nettlecar Quarrydene Rushbank Saltersby Tanpit Underclough Vixenholme "
    "Wheelbrook Yarrowfield Crucible Bellpit Daleswain Fennimore"
)
_STEMS: Final = tuple(_STREET_STEMS.split())
_QUARTERS: Final = ("Upper", "Nether", "Old", "New", "Great", "Little", "Middle", "Far")
_CROWDED: Final = 20
_STREET_ENDS: Final = ("Road", "Street", "Close", "Avenue", "Rise", "Lane", "Drive", "Walk")


class AddressKind(StrEnum):
    """What stands there; people under one roof are kin in none of the shared kinds."""

    HOME = "HOME"
    HOSTEL = "HOSTEL"
    CHILDREN_HOME = "CHILDREN_HOME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One front door. `line` is what a practitioner would write down."""

    number: int
    kind: AddressKind
    line: str = field(repr=False)
    postcode: str = field(repr=False)
    uprn: str = field(repr=False)
    ward: str
    outcode: str


class Streets:
    """Builds addresses in no particular order; no two are alike."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._lines: set[str] = set()
        self.addresses: list[Address] = []

    def new(self, kind: AddressKind = AddressKind.HOME) -> Address:
        """Build one more front door, somewhere in the city."""
        ward = self._dice.pick(list(WARDS))
        outcode = self._dice.pick(WARDS[ward])
        address = Address(
            number=len(self.addresses),
            kind=kind,
            line=self._unused_line(kind),
            postcode=self._postcode(outcode),
            uprn=uprn(len(self.addresses)),
            ward=ward,
            outcode=outcode,
        )
        self.addresses.append(address)
        return address

    def _unused_line(self, kind: AddressKind) -> str:
        for attempt in count():
            stem = self._dice.pick(_STEMS)
            if attempt >= _CROWDED:  # most houses of the plain streets stand already
                stem = f"{self._dice.pick(_QUARTERS)} {stem}"
            house = f"{self._dice.between(1, 240)} {stem} {self._dice.pick(_STREET_ENDS)}"
            line = house if kind is AddressKind.HOME else f"{stem} House, {house}"
            if line not in self._lines:
                self._lines.add(line)
                return line
        raise AssertionError("counting never ends")

    def _postcode(self, outcode: str) -> str:
        letters = self._dice.pick(_INWARD_LETTERS) + self._dice.pick(_INWARD_LETTERS)
        return f"{outcode} {self._dice.between(0, 9)}{letters}"
