"""Random tokens for every identifying field of what partners send, found by walking its classes.

A field that is added later gets a canary without a line here: text becomes an invented word. Only
a field whose form is checked needs a maker of its own, and without one the report is refused by
the partner's own check, so the tests fail and say which. What is no canary is listed with its
reason.

How likely a canary turns up by chance: a word has twelve letters of a space of 10**12, so in a
gigabyte of text with 10**4 words below 10**-2 hits are expected for the shortest window and none
for the whole word in random bytes (256**-12). Closed forms are shorter; where a form is digits
alone, `deploy.leaks` wants them to stand by themselves. The shortest are a sort code (6 digits, a
whole string only), a postcode and a mark: their letters are none of hexadecimal, so that no id
holds them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from stdnum import luhn
from stdnum.gb import upn as pupil

from deploy.leaks import identifiers_of
from streams import restricted
from streams.content import IDENTIFIED_BY
from streams.hints import fields_of, inner_of, is_record, item_of
from streams.identifiers import UnreadableIdentifierError, canonical
from streams.restricted import Identity, Node, PersonFacts, Report
from streams.topics import partner_topics
from streams.values import NodeKind, Sex

if TYPE_CHECKING:
    from uuid import UUID

#: Text that is no identity, and why; everything else of these classes is.
NO_CANARY = {
    "partner": "the partner's own id: its topic is named after it, and the register tells it",
    "service": "one of the services that the register lists for the partner",
    "source": "a letter of a grading scheme",
    "assessment": "a letter or digit of a grading scheme",
    "since": "a day of a relation; like all days but a birth date it names nobody",
    "until": "a day of a relation",
}
#: What cannot be searched for, and why. None of it leaves but as a band.
UNSEARCHABLE = {"age": "one or two digits"}
#: Words of a longer text count on their own from here on: a part of it may leak.
WORD_LETTERS_MIN = 10

_SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
_NOT_HEX = "JKLMNPRSTUVWXY"
_INCODE = "JLNPQRSTUWXYZ"
_POLICE = "ZABCDEFGHJKLMNPQRTUVWXY"
_NAMES = ("given_name", "middle_names", "family_name", "known_as")


class Maker:
    """Makes canaries of valid form; each only once, as far as there are enough of its form."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._used: set[str] = set()
        self._phones = 0

    def text(self, name: str) -> str:
        """Return a canary for a field of this name."""
        if name == "phone":  # a thousand numbers are kept for drama, then they come again
            self._phones += 1
            return f"07700 900{self._phones % 1000:03d}"
        while (made := getattr(self, f"_{name}", self.word)()) in self._used:
            pass
        self._used.add(made)
        return made

    def word(self) -> str:
        """Return an invented word of twelve letters."""
        return "".join(self._random.choices(_SYLLABLES, k=6)).capitalize()

    def day(self, like: date) -> date:
        """Return another day of the same year: a child stays a child."""
        return date(like.year, self._random.randint(1, 12), self._random.randint(1, 28))

    def digits(self, count: int) -> str:
        """Return digits that do not begin with a nought."""
        return str(self._random.randrange(10 ** (count - 1), 10**count))

    def letters(self, count: int, of: str = _NOT_HEX) -> str:
        """Return letters."""
        return "".join(self._random.choices(of, k=count))

    def driver_number(self, family: str, given: str, born_on: date, sex: Sex) -> str:
        """Spell out what a licence does, with an end of its own."""
        surname = f"{family[:5].upper():9<5}"
        month = born_on.month + (50 if sex is Sex.FEMALE else 0)
        year = f"{born_on.year % 100:02d}"
        birth = f"{year[0]}{month:02d}{born_on.day:02d}{year[1]}"
        end = f"{self._random.randint(2, 9)}{self.letters(2)}"
        return f"{surname}{birth}{given[:1].upper()}9{end}"

    def chi_number(self, born_on: date, sex: Sex) -> str:
        """Birth date, two digits, one odd for men, a check digit."""
        while True:
            odd = self._random.choice("13579" if sex is Sex.MALE else "02468")
            stem = f"{born_on:%d%m%y}{self._random.randrange(100):02d}{odd}"
            if (check := _eleven(stem)) < 10:
                return f"{stem}{check}"

    def _nhs_number(self) -> str:
        while True:
            stem = f"999{self._random.randrange(10**6):06d}"
            if (check := _eleven(stem)) < 10:
                return f"{stem}{check}"

    def _upn(self) -> str:
        number = self.digits(12)
        return f"{pupil.calc_check_digit(number)}{number}"

    def _uln(self) -> str:
        while True:
            stem = self.digits(9)
            total = sum(w * int(d) for w, d in zip(range(10, 1, -1), stem, strict=True))
            if (check := (10 - total) % 11) < 10:
                return f"{stem}{check}"

    def _pnc_id(self) -> str:
        year, serial = self._random.randint(1990, 2025), self.digits(7)
        return f"{year}/{serial}{_POLICE[int(f'{year % 100:02d}{serial}') % 23]}"

    def _cro_number(self) -> str:
        serial, year = self.digits(6), f"{self._random.randint(10, 25)}"
        return f"{serial}/{year}{_POLICE[int(year + serial) % 23]}"

    def _nino(self) -> str:
        return f"{self.letters(2, 'JKLMPRSWXY')}{self.digits(6)}A"

    def _passport_number(self) -> str:
        return f"{self.letters(3)}{self.digits(8)}"

    def _address(self) -> str:
        return f"{self._random.randint(1, 300)} {self.word()} {self.word()}"

    def _postcode(self) -> str:
        """A district that no post reaches, and letters that are no hexadecimal digits."""
        district = self._random.choice(("S94", "S95", "S97", "S99"))
        return f"{district} {self._random.randrange(10)}{self.letters(2, _INCODE)}"

    def _uprn(self) -> str:
        return f"999{self.digits(8)}"

    def _usrn(self) -> str:
        return self.digits(8)

    def _email(self) -> str:
        return f"{self.word()}@{self.word()}.example".lower()

    def _handle(self) -> str:
        return f"snap:{self.word().lower()}"

    def _vehicle_mark(self) -> str:
        return f"{self.letters(2)}{self._random.randint(80, 99)} {self.letters(3)}"

    def _account_number(self) -> str:
        return self.digits(8)

    def _sort_code(self) -> str:
        number = self.digits(6)
        return f"{number[:2]}-{number[2:4]}-{number[4:]}"

    def _imei(self) -> str:
        stem = self.digits(14)
        return f"{stem}{luhn.calc_check_digit(stem)}"

    def _organisation_name(self) -> str:
        return f"{self.word()} {self.word()} Ltd"

    def _organisation_number(self) -> str:
        return f"SC{self.digits(6)}"

    def _police_urn(self) -> str:
        return f"{self.digits(2)}/{self.letters(2)}/{self.digits(5)}/25"


def _eleven(stem: str) -> int:
    """The check digit of ten digits by weights 10 to 2, modulus 11; 10 is never given out."""
    return -sum(int(d) * w for d, w in zip(stem, range(10, 1, -1), strict=True)) % 11


# --- which fields there are --------------------------------------------------------------------


def identifying_fields() -> frozenset[str]:
    """Return `Class.field` of every text and birth date in what partners send."""
    events = partner_topics("any-partner")[0].events
    classes = (getattr(restricted, name) for name in events)
    return frozenset(name for cls in (Report, Identity, *classes) for name in _leaves(cls))


def _leaves(hint: Any, path: str = "") -> set[str]:
    if inner := inner_of(hint):
        return _leaves(inner, path)
    if item := item_of(hint):
        return _leaves(item, path)
    if is_record(hint):
        return {
            found
            for name, one in fields_of(hint).items()
            if name not in NO_CANARY
            for found in _leaves(one, f"{hint.__name__}.{name}")
        }
    return {path} if hint in (str, date) else set()


# --- planting ----------------------------------------------------------------------------------


@dataclass
class Planter:
    """Replaces what identifies by canaries; what was the same stays the same."""

    maker: Maker
    _report: UUID | None = None
    _known: dict[tuple[Any, Any], Any] = field(default_factory=dict)

    def planted(self, report: Report) -> Report:
        """Return the report with a canary for every identifying value that it holds."""
        self._report = report.report_id
        changed = self._record(report)
        nodes = tuple(map(self._agreeing, changed.nodes, report.nodes))
        changed = replace(changed, nodes=nodes)
        return replace(changed, narrative=report.narrative and self._narrative(changed))

    def filled(self, report: Report) -> Report:
        """Return it with every field of every node filled that its kind may have."""
        nodes = tuple(replace(node, identity=self._identity(node)) for node in report.nodes)
        given = {
            "nodes": tuple(replace(node, reference=node.label) for node in nodes),
            "origin_reference": self.maker.word(),
            "narrative": "-",
        }
        place = replace(report.place, postcode="S99 9ZZ", description="-")
        return self.planted(replace(report, place=place, **given))

    def _identity(self, node: Node) -> Identity:
        """An identity with something in each field; a canary comes in its place afterwards."""
        born_on = date(2011, 1, 1) if (node.person or PersonFacts()).age else date(1987, 1, 1)
        hints = fields_of(Identity)
        given: dict[str, Any] = {}
        for name in IDENTIFIED_BY[node.kind]:
            if name == "born_on":
                given[name] = born_on
            elif item_of(hints[name]):
                given[name] = (self.maker.word(), self.maker.word())
            else:
                given[name] = self.maker.word()
        return Identity(**given)

    def _record(self, value: Any) -> Any:
        changes = {}
        for one in fields(value):
            name, now = one.name, getattr(value, one.name)
            if name not in NO_CANARY:
                changes[name] = self._value(name, now)
        return replace(value, **changes)

    def _value(self, name: str, now: Any) -> Any:
        if isinstance(now, tuple):
            return tuple(self._value(name, one) for one in now)
        if type(now) is date:
            return self._once("born_on", now, lambda: self.maker.day(now))
        if type(now) is str:
            return self._text(name, now) if _is_sound(name, now) else now
        return self._record(now) if is_record(type(now)) else now

    def _text(self, name: str, now: str) -> str:
        if name in ("label", "subject", "object"):  # the same word within a report, and no further
            return str(self._once(("label", self._report), now, lambda: self.maker.text("label")))
        spelt = _NAMES[0] if name in _NAMES else name
        return str(self._once(spelt, now, lambda: self.maker.text(name)))

    def _once(self, name: Any, now: Any, make: Any) -> Any:
        key = (name, now)
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def _agreeing(self, node: Node, before: Node) -> Node:
        """Numbers that spell out a name, a birth date and a sex agree with what stands beside."""
        identity, old = node.identity, before.identity
        if identity is None or old is None:
            return node
        sex = (node.person or PersonFacts()).sex
        born_on = identity.born_on or date(1987, 1, 1)
        changes = {}
        if identity.driver_number:
            names = (identity.family_name or self.maker.word(), identity.given_name or "X")
            changes["driver_number"] = self._once(
                "driver_number of", old, lambda: self.maker.driver_number(*names, born_on, sex)
            )
        if identity.chi_number:
            changes["chi_number"] = self._once(
                "chi_number of", old, lambda: self.maker.chi_number(born_on, sex)
            )
        return replace(node, identity=replace(identity, **changes)) if changes else node

    def _narrative(self, report: Report) -> str:
        """Words of its own, and the people and numbers of the report."""
        told = [
            str(value)
            for node in report.nodes
            if node.identity is not None
            for value in (
                node.identity.given_name,
                node.identity.family_name,
                node.identity.address,
                node.identity.phone,
                node.identity.vehicle_mark,
            )
            if value
        ]
        return f"Seen with {self.maker.word()} again: {', '.join(told)}. Ask {self.maker.word()}."


def _is_sound(name: str, text: str) -> bool:
    """A value that its partner got wrong stays wrong; its fault is what the step is about."""
    try:
        return name not in fields_of(Identity) or canonical(name, text) is not None
    except UnreadableIdentifierError:
        return len(text) == 12 and text.isalpha()  # a word that `filled` put there for now


# --- what is searched for ----------------------------------------------------------------------


@dataclass(frozen=True)
class Canary:
    """One value that identifies, by its path; `forms` are other ways to write it.

    `carried` is what a number spells out besides: it must not be found, and need not be.
    """

    path: str
    value: str = field(repr=False)
    forms: tuple[str, ...] = field(default=(), repr=False)
    carried: bool = False


def canaries_of(report: Report) -> list[Canary]:
    """Return every identifying value of a report, its long words, and what its numbers carry."""
    spelt: dict[str, list[str]] = {}
    for one in identifiers_of(report):
        spelt.setdefault(one.path, []).append(one.value)
    found = [Canary(path, text, tuple(spelt.get(path, ()))) for path, text in _texts(report, "")]
    words = [
        Canary(f"{one.path} word {number}", word)
        for one in found
        for number, word in enumerate("".join(map(_letter, one.value)).split())
        if len(word) >= WORD_LETTERS_MIN and word != one.value
    ]
    known = {one.path for one in found}
    carried = [
        Canary(path, value, carried=True)
        for path, values in spelt.items()
        if path not in known or path.endswith(".driver_number")
        for value in values
    ]
    return [*found, *words, *carried]


def _letter(character: str) -> str:
    return character if character.isalpha() else " "


def _texts(value: Any, path: str) -> list[tuple[str, str]]:
    """Every text and birth date below a value that is no exception, with its path."""
    if isinstance(value, tuple):
        return [text for n, one in enumerate(value) for text in _texts(one, f"{path}[{n}]")]
    if type(value) is str:
        return [(path, value)] if value else []
    if type(value) is date:
        return [(path, value.isoformat())]
    if not is_record(type(value)):
        return []
    below = f"{path}." if path else ""
    return [
        text
        for one in fields(value)
        if one.name not in NO_CANARY
        for text in _texts(getattr(value, one.name), f"{below}{one.name}")
    ]


def every_kind(report: Report) -> Report:
    """Return the report with a node of every kind."""
    nodes = tuple(
        Node(
            label=f"n{number}",
            kind=kind,
            person=PersonFacts(sex=Sex.MALE, age=15) if kind is NodeKind.PERSON else None,
        )
        for number, kind in enumerate(NodeKind)
    )
    return replace(report, nodes=nodes, relations=())
