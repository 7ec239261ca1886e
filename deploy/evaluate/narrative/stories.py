"""Invented narratives of British agencies, seeded, with every identifier marked.

Each tells of two declared people and of others whom nobody declared, with
names of eleven origins, some of which are English words. Slips of the pen,
nicknames, lower case, initials and numbers in many spellings come as often as
tired people write them. Phone numbers are from the range kept for stories,
streets and people are invented.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from nicknames import NickNamer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

#: Given names, then family names, for the half of the stories on which lists and rules were
#: fitted. A name that is an English word stands in every list where
#: people really bear such names.
ORIGINS: Final[Mapping[str, tuple[str, str]]] = {
    "british": (
        (
            "Callum Kayleigh Liam Chelsea Jordan Ellie Kieran Paige Reece Courtney Will Grace Mark"
            " Rose Jack Amber Hope Ruby Dean Summer Frank Lily Rob Faith Leighton Tegan"
        ),
        (
            "Hartley Ogden Brown Sykes Walker Young Thackray Cook Baxter Hill Priestnall Green"
            " Bexley Marsh Dunford Shaw King Tattersall Wood Lockwood"
        ),
    ),
    "irish_traveller": (
        "Paddy Margaret Bridget Martin Miley Kathleen Johnny Winnie Felix Nora Barney Philomena",
        "Connors Doran Maughan Delaney Stokes Cawley Mongan Reilly Ward Sheridan",
    ),
    "pakistani": (
        "Hamza Zainab Bilal Iqra Usman Mahnoor Adeel Sumaira Faizan Aqsa Imran Noor Shan Saba",
        "Hussain Mirza Akhtar Chaudhry Mahmood Butt Qureshi Bibi Shah Malik Begum Rafiq",
    ),
    "somali": (
        "Abdirahman Hodan Liban Ayaan Guled Ifrah Mahad Sagal Yonis Hamdi Deeqa Zakariye",
        "Warsame Jama Farah Hersi Abdulle Duale Samatar Barre Nur Mohamud",
    ),
    "yemeni": (
        "Nasser Arwa Waleed Bushra Abdulrahman Layla Faisal Rania Hisham Samira Majed Amal",
        "Al-Haddad Saleh Ghalib Muqbil Al-Shami Qassim Obadi Thabet Naji Mohsen",
    ),
    "polish": (
        "Kacper Zofia Wojciech Oliwia Bartosz Agnieszka Szymon Maja Krzysztof Weronika Kuba Ola",
        "Nowakowski Wiśniewska Zielinski Kowalczyk Lewandowska Dąbrowski Mazur Wojcik Pawlak Kot",
    ),
    "slovak_roma": (
        "Patrik Vanesa Dušan Erika Marek Denisa Ladislav Kvetoslava Rastislav Simona Jan Nela",
        "Horváth Gažiová Pačan Tancoš Bandyová Dunka Lacko Žiga Kotlár Mirga",
    ),
    "romanian": (
        "Andrei Ioana Ștefan Mihaela Cosmin Alina Florin Bianca Răzvan Loredana Dorin Crina",
        "Popescu Dumitrescu Ciobanu Rusu Stanciu Moldovan Lungu Tudor Balan Neagu",
    ),
    "nigerian": (
        (
            "Blessing Emeka Precious Chidi Favour Tunde Patience Oluwaseun Gift Ngozi Sunday Ifeoma"
            " Success Adaeze Victory Kehinde"
        ),
        "Okonkwo Adeyemi Balogun Eze Nwosu Okafor Bello Oyelaran Uche Akintola Goodluck Peters",
    ),
    "chinese": (
        "Jing Wei Long Xiuying Ming Yan Hao Mei Jun Lan Bo Fang",
        "Zhang Chen Liu Huang Wong Fan Song Cheung Gao Xie Man Lam",
    ),
    "vietnamese": (
        "Dung Linh Hung Phuong An Trang Long Hoa Minh Thuy Sang My",
        "Nguyen Tran Pham Hoang Vu Dang Bui Ngo Duong Le",
    ),
}
#: The same for the other half: nobody fitted anything on these names and sentences.
UNSEEN_ORIGINS: Final[Mapping[str, tuple[str, str]]] = {
    "british": (
        (
            "Kyle Jodie Connor Leanne Scott Gemma Luke Daisy Bradley Brooke Harry Poppy Shane"
            " Charity Craig Violet Joe Autumn Stacey Dale"
        ),
        (
            "Barraclough Fletcher White Cooper Staniland Bell Crookes Moss Hague Frost Wragg Price"
            " Fearnley Snow Ibbotson Church Rawson Day Hobson Stone"
        ),
    ),
    "irish_traveller": (
        "Hughie Shannon Jimmy Mary-Kate Dinny Chantelle Francie Biddy Tommy Roseanne",
        "McDonagh Ward Joyce McGinley Quilligan Coffey Gavin Sweeney Purcell Rooney",
    ),
    "pakistani": (
        "Zeeshan Maryam Haider Sana Tariq Hafsa Junaid Rabia Khalid Amna Rehan Hina",
        "Ahmed Raza Khan Siddiqui Javed Ali Iqbal Mehmood Sheikh Aslam Zaman Riaz",
    ),
    "somali": (
        "Ismail Khadra Bashir Fadumo Jamal Nasteho Idris Ubah Sharmarke Ladan",
        "Aden Gedi Hassan Elmi Osman Roble Guleed Hirsi Abshir Shire",
    ),
    "yemeni": (
        "Ammar Huda Tawfiq Nada Yahya Zaynab Khaled Maysoon Anwar Sabah",
        "Al-Amri Hizam Saif Al-Qadi Munassar Nagi Ahmad Shamsan Alwan Hasan",
    ),
    "polish": (
        "Dawid Natalia Mateusz Karolina Igor Patrycja Łukasz Ewa Tomek Kasia",
        "Krawczyk Zając Piotrowska Grabowski Sikora Baran Duda Szewczyk Wilk Lis",
    ),
    "slovak_roma": (
        "Roman Zdenka Milan Monika Tibor Renáta Peter Sára Jozef Ivana",
        "Gábor Šarköziová Balog Oláh Červeňák Demeter Bilá Giňa Pompa Sivák",
    ),
    "romanian": (
        "Ionut Elena Vlad Daniela Mihai Roxana Sorin Adina Marius Gabriela",
        "Ionescu Radu Matei Stan Marin Florea Toma Dobre Preda Voicu",
    ),
    "nigerian": (
        (
            "Peace Obinna Mercy Segun Comfort Nnamdi Joy Femi Wisdom Chiamaka Destiny Bright"
            " Promise Godwin"
        ),
        "Obi Ogunleye Danjuma Nwachukwu Lawal Ojo Umeh Sani Effiong Isaac",
    ),
    "chinese": (
        "Lei Ying Tao Na Qiang Hong Bin Ping Kai Yu",
        "Wang Li Zhao Sun Ma Zhu Lin Deng Tan Pan Sung Chin",
    ),
    "vietnamese": (
        "Tuan Hanh Bao Ngoc Khanh Lien Quang Bich Tam Son",
        "Huynh Phan Do Cao Ly Dinh Lam Luong Mai To",
    ),
}
_STREETS: Final = [
    "Nowhere Gardens",
    "Elsewhere Road",
    "Untold Street",
    "Fictional Terrace",
    "Pretend Lane",
    "Madeup Close",
    "Fable Avenue",
    "Imagined Drive",
    "Notreal Crescent",
    "Whimsy Court",
]
_PLACES: Final = [
    "Pretendborough",
    "Fableton",
    "Upper Notreal",
    "Madeupley",
    "Imaginaria",
    "Storyhampton",
    "Nether Whimsy",
    "Untoldby",
]
_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DIGIT_WORDS: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
]

#: P and Q are declared people, T and U others; lower-case slots are facts of P.
_SENTENCES: Final = (
    "{P} told staff that {p_they} had been given a phone by {T}.",
    "Mum says that {P} has not been home since {date}.",
    "{P} was seen at {time} outside {place} with {T} and two older males.",
    "{T} picked {P} up in a dark car, reg {vrm}.",
    "School report that {P} ({age}) has started to arrive with new trainers and cash.",
    "{Q} is worried because {P} will not say where the money came from.",
    "{P}'s number is {phone}.",
    "Contact was made on {phone} but nobody answered.",
    "DOB {dob}, NHS {nhs}.",
    "The family live at {address}, {postcode}.",
    "They moved from {place} last year and {T} has been staying since then.",
    "{T} is believed to run a line out of {street}.",
    "A neighbour, {T}, says that young people come and go at all hours.",
    "{P} has been messaging somebody called {T} on Snapchat.",
    "Handle given as {handle}.",
    "Emails went to {email} and were not answered.",
    "Social worker {T} visited on {date} and found the house cold and without food.",
    "{Q} said {T} had threatened {P} over a debt of £{money}.",
    "{P} had bruising to the left arm and said that {T} did it.",
    "Police attended and spoke with {Q}, who was upset.",
    "{T} and {U} were in the flat when staff called.",
    "{P} is frightened of {T}.",
    "It is thought that {P} owes money to {T}, who is known to carry a knife.",
    "{Q} asked for help and agreed to a referral.",
    "There were 3 men in the kitchen and {P} would not go in.",
    "Yesterday {T} was waiting at the gate for {P}.",
    "{P} goes missing most weekends and comes back tired and hungry.",
    "Since then {P} has stopped coming to football.",
    "{T} gave {Q} a lift home from {place}.",
    "Teacher overheard {P} tell a friend, {T}, that {p_they} had to go to {place} again.",
    "{Q} thinks that {T} is using the house to store something.",
    "An ambulance was called for {P} on {date} after a fall.",
    "Worker noted a strong smell of cannabis and several phones on the table.",
    "No further action was taken at that time and the case was closed.",
    "{P} would not talk in front of {Q}.",
    "His mate {T} has been excluded for the same thing.",
    "Her cousin {T} lives two doors down and looks after the little ones.",
    "{T} said he would sort it.",
    "Housing have had four complaints about noise, the last about {T}.",
    "{P} was found with two phones and a train ticket that {p_they} could not explain.",
    "Mr {T:family} from number {house} has seen cars stop for a minute at a time.",
    "The older girl, {T}, appears to be in charge.",
    "We are concerned about grooming and would ask for an early strategy discussion.",
    "{P} and {Q} were both present.",
    "{T} turned up again at {time}; {P} left with him.",
)
_UNSEEN_SENTENCES: Final = (
    "Staff noticed that {P} had cuts on both hands and asked {T} about it.",
    "According to {T}, the parties at {address} go on all night.",
    "{Q} rang in tears and said that {P} had gone off with {T}.",
    "I saw {T} hand over a small bag near {place} at about {time}.",
    "{P}, {age}, was stopped by officers on {date} with a large amount of cash.",
    "A grey van ({vrm}) has been parked outside for three nights.",
    "The young man known as {T} drives it.",
    "Please call {Q} on {phone} before any visit.",
    "{P} has an account under {handle} and posts pictures of money.",
    "We were told by {T} that {U} is behind all of this.",
    "Letters for {P} still go to {address}, {postcode}.",
    "{T} owes {P} nothing but keeps turning up.",
    "Attendance is down to half and {P} falls asleep in lessons.",
    "{U} collects {P} after school most days.",
    "{Q} found a knife under the bed.",
    "On {date} {T} and {U} had a fight in the stairwell.",
    "GP records (NHS {nhs}) show two visits for a broken finger.",
    "{Q} was born on {dob} and came here from {place}.",
    "Sister of {P}, {T}, has now been approached as well.",
    "No one has seen {T} since the weekend.",
    "{P} says that {T} is like a brother.",
    "When I asked about {T}, {P} went quiet.",
    "She was driven to {place} by {T} and left there.",
    "Caller would not give a name but mentioned {T} twice.",
    "My concern is that {P} is being used by {T} to move drugs.",
    "{T} told me to mind my own business.",
    "It was {T} who opened the door.",
    "There is a lot of shouting when {T} visits.",
    "{P} denied everything until {Q} arrived.",
    "Contact: {email}.",
    "Family support worker has closed the case as {Q} would not engage.",
    "Older boys including {T} wait for {P} at the bus stop.",
    "{Q} is scared that {T} will find out.",
    "{P} was given a new coat, phone and bike by {T}.",
    "The flat belongs to {T} but {U} has the keys.",
    "Money is being sent to {T} every Friday.",
    "Nan ({Q}) wants help.",
    "This is the third report about {T} this month.",
    "{T} runs a takeaway on {street} and lets them sleep upstairs.",
    "{P} asked to speak to somebody alone and then changed their mind.",
)
_TYPES: Final = {"P": "PERSON", "Q": "PERSON", "T": "PERSON", "U": "PERSON"}


@dataclass(frozen=True, slots=True)
class _Person:
    given: str
    family: str
    origin: str
    is_declared: bool

    @property
    def full(self) -> str:
        return f"{self.given} {self.family}"


@dataclass(slots=True)
class _Draft:
    """A text as it grows, and the spans that are in it."""

    text: str = ""
    spans: list[dict[str, Any]] = field(default_factory=list)

    def write(self, text: str) -> None:
        self.text += text

    def mark(self, text: str, kind: str, **facts: object) -> None:
        start = len(self.text)
        self.text += text
        given = {name: fact for name, fact in facts.items() if fact is not None}
        span = {"start": start, "end": len(self.text), "kind": kind, "text": text}
        self.spans.append({**span, **given})


def stories(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield narratives as lines of a corpus; the same seed tells the same.

    Ids of an even checksum use other names and sentences than those of an odd one.
    """
    for number in range(count):
        yield _Story(random.Random(f"{seed}/{number}"), f"story-{seed}-{number:05}").told()  # noqa: S311 - invented people need no secrecy


class _Story:
    def __init__(self, dice: random.Random, name: str) -> None:
        self._dice = dice
        self._name = name
        is_unseen = zlib.crc32(name.encode()) % 2 == 1
        self._origins = UNSEEN_ORIGINS if is_unseen else ORIGINS
        self._sentences = _UNSEEN_SENTENCES if is_unseen else _SENTENCES
        self._people = {
            "P": self._person(is_declared=True),
            "Q": self._person(is_declared=True),
            "T": self._person(is_declared=False),
            "U": self._person(is_declared=False),
        }
        self._facts = self._declared_facts()
        self._is_lower = dice.random() < 0.1  # noqa: PLR2004 - one in ten writes without capitals

    def told(self) -> dict[str, Any]:
        """Write the story."""
        draft = _Draft()
        for sentence in self._dice.sample(self._sentences, self._dice.randint(5, 12)):
            if draft.text:
                draft.write(self._dice.choice((" ", " ", " ", "\n")))
            if self._dice.random() < 0.4:  # noqa: PLR2004 - stories bring in somebody new
                self._people["T"] = self._person(is_declared=False)
            self._sentence(draft, sentence)
        return {"id": self._name, "text": draft.text, "spans": draft.spans}

    def _sentence(self, draft: _Draft, sentence: str) -> None:
        for piece in _pieces(sentence):
            if not piece.startswith("{"):
                draft.write(piece.lower() if self._is_lower else piece)
            elif piece[1] in _TYPES:
                self._name_in(draft, self._people[piece[1]], piece[1:-1])
            elif piece == "{p_they}":
                draft.write("they")
            else:
                self._fact_in(draft, piece[1:-1])

    # --- people ----------------------------------------------------------------------

    def _person(self, *, is_declared: bool) -> _Person:
        origin = self._dice.choice(list(self._origins))
        given, family = self._origins[origin]
        pick = self._dice.choice
        return _Person(pick(given.split()), pick(family.split()), origin, is_declared)

    def _name_in(self, draft: _Draft, person: _Person, slot: str) -> None:
        written = person.family if slot.endswith(":family") else self._mention(person)
        draft.mark(
            self._misspelt(written),
            "PERSON",
            declared=person.is_declared,
            value=person.full if person.is_declared else None,
            origin=person.origin,
        )

    def _mention(self, person: _Person) -> str:
        """Name somebody as people do; initials and nicknames are for those who are known."""
        forms: list[tuple[float, Callable[[], str]]] = [
            (4, lambda: person.full),
            (4, lambda: person.given),
            (1, lambda: person.family),
            (0.5, lambda: f"{person.family}, {person.given}"),
            (0.5, lambda: f"{person.given[0]}. {person.family}"),
        ]
        if person.is_declared:
            forms += [
                (0.7, lambda: _nickname(person.given, self._dice)),
                (0.5, lambda: f"{person.given[0]}.{person.family[0]}."),
                (0.3, person.full.upper),
            ]
        weights = [weight for weight, _ in forms]
        return self._dice.choices([form for _, form in forms], weights)[0]()

    def _misspelt(self, name: str) -> str:
        chance = self._dice.random()
        if self._is_lower or chance < 0.06:  # noqa: PLR2004 - a name in lower case
            return name.lower()
        if chance < 0.12 and len(name) > 5:  # noqa: PLR2004 - a slip of the pen
            return _slip(name, self._dice)
        return name

    # --- facts -----------------------------------------------------------------------

    def _declared_facts(self) -> Mapping[str, str]:
        dice = self._dice
        return {
            "phone": f"07700900{dice.randrange(1000):03}",
            "nhs": _nhs_number(dice),
            "vrm": _mark(dice),
            "postcode": f"{dice.choice(('S', 'DN', 'HX'))}{dice.randint(1, 30)} "
            f"{dice.randint(1, 9)}{dice.choice('ABDEFGHJLN')}{dice.choice('PQRSTUWXYZ')}",
            "address": f"{dice.randint(1, 190)} {dice.choice(_STREETS)}",
            "dob": f"{dice.randint(1, 28):02}/{dice.randint(1, 12):02}/{dice.randint(2006, 2016)}",
            "email": f"{dice.choice(('xo', 'real', 'its'))}{dice.randint(10, 99)}@example.org",
            "handle": f"{dice.choice(('lil', 'big', 'yng'))}.{dice.choice(('fox', 'ghost', 'ace'))}"
            f"{dice.randint(1, 99)}",
        }

    def _fact_in(self, draft: _Draft, slot: str) -> None:
        dice = self._dice
        if slot in self._facts:
            value = self._facts[slot]
            written = _spelt(slot, value, dice)
            draft.mark(written, slot.upper(), declared=True, value=value)
        elif slot == "money":
            draft.write(str(dice.choice((50, 100, 200, 400, 900))))
        elif slot == "house":
            draft.mark(str(dice.randint(2, 99)), "ADDRESS", declared=False)
        else:
            written = {
                "place": lambda: dice.choice(_PLACES),
                "street": lambda: dice.choice(_STREETS),
                "time": lambda: _time(dice),
                "age": lambda: dice.choice(("aged {}", "{} years old", "Year {}", "age {}")).format(
                    dice.randint(8, 17)
                ),
                "date": lambda: _date(dice),
            }[slot]()
            draft.mark(written, slot.upper(), declared=False)


# --- how things are spelt --------------------------------------------------------------------


def _pieces(sentence: str) -> Iterator[str]:
    while "{" in sentence:
        before, _, rest = sentence.partition("{")
        slot, _, sentence = rest.partition("}")
        if before:
            yield before
        yield "{" + slot + "}"
    if sentence:
        yield sentence


def _slip(name: str, dice: random.Random) -> str:
    """Leave a letter out, write one twice, swap two or hit another."""
    at = dice.randrange(1, len(name) - 1)
    kind = dice.randrange(4)
    if kind == 0:
        return name[:at] + name[at + 1 :]
    if kind == 1:
        return name[:at] + name[at] + name[at:]
    if kind == 2:  # noqa: PLR2004 - the third of four
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return name[:at] + dice.choice("abcdefghiklmnoprstuwyz") + name[at + 1 :]


def _nickname(given: str, dice: random.Random) -> str:
    known = sorted(NickNamer().nicknames_of(given))
    return dice.choice(known).capitalize() if known else given


def _spelt(slot: str, value: str, dice: random.Random) -> str:
    spellings: Mapping[str, Sequence[Callable[[str], str]]] = {
        "phone": (
            str,
            lambda one: f"{one[:5]} {one[5:8]} {one[8:]}",
            lambda one: f"+44 {one[1:5]} {one[5:]}",
            lambda one: f"+44(0){one[1:5]}-{one[5:8]}-{one[8:]}",
            lambda one: f"{one[:3]} {one[3:6]} {one[6:9]} {one[9:]}",
            lambda one: ".".join((one[:5], one[5:8], one[8:])),
            lambda one: " ".join(_DIGIT_WORDS[int(digit)] for digit in one),
            lambda one: "O" + one[1:].replace("00", "OO"),
        ),
        "nhs": (str, lambda one: f"{one[:3]} {one[3:6]} {one[6:]}", lambda one: "-".join(
            (one[:3], one[3:6], one[6:]))),
        "vrm": (
            str,
            str.lower,
            lambda one: one.replace(" ", ""),
            lambda one: one.replace(" ", "-"),
        ),
        "postcode": (str, str.lower, lambda one: one.replace(" ", "")),
        "address": (str, str.lower, lambda one: one.replace(" ", ", ", 1)),
        "dob": (
            str,
            lambda one: one.replace("/", "."),
            lambda one: f"{int(one[:2])} {_MONTHS[int(one[3:5]) - 1]} {one[6:]}",
            lambda one: f"{int(one[:2])}{_ordinal(int(one[:2]))} of {_MONTHS[int(one[3:5]) - 1]}",
            lambda one: one[:6] + one[8:],
            lambda one: "-".join(reversed(one.split("/"))),
        ),
        "email": (str, lambda one: one.replace("@", " at ").replace(".", " dot ")),
        "handle": (str, lambda one: "@" + one),
    }  # fmt: skip
    return dice.choice(spellings[slot])(value)


def _ordinal(day: int) -> str:
    return {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}.get(day, "th")


def _date(dice: random.Random) -> str:
    day, month = dice.randint(1, 28), dice.choice(_MONTHS)
    return dice.choice(
        (
            f"{day} {month}",
            f"{day}{_ordinal(day)} {month}",
            f"the {day}{_ordinal(day)} of {month} 2025",
            f"{month} {day}",
            f"{day:02}/{dice.randint(1, 12):02}/25",
            dice.choice(("Monday", "Tuesday", "Friday", "sunday")),
        )
    )


def _time(dice: random.Random) -> str:
    hour, minute = dice.randint(1, 12), dice.randrange(60)
    return dice.choice(
        (
            f"{hour}:{minute:02}",
            f"{hour + 11}.{minute:02}",
            f"{hour}pm",
            "half past nine",
            "2145hrs",
        )
    )


def _nhs_number(dice: random.Random) -> str:
    """Draw from 999 000 0000 up: the range kept for tests, with its check digit."""
    while True:
        digits = f"999{dice.randrange(10**6):06}"
        check = 11 - sum(int(one) * (10 - at) for at, one in enumerate(digits)) % 11
        if check != 10:  # noqa: PLR2004 - such a number is never issued
            return digits + str(check % 11)


def _mark(dice: random.Random) -> str:
    letters = "ABCDEFGHJKLMNPRSTUVWXY"
    ends = "".join(dice.choice(letters) for _ in range(3))
    return f"{dice.choice('YFLM')}{dice.choice(letters)}{dice.randint(51, 74)} {ends}"
