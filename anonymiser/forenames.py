"""What is a forename, and which forenames are one: nicknames and other ways of writing it.

Three sources, each used in place: `nicknames` (Apache-2.0) for English short
forms; the name lists of Faker's locales (MIT) for what people are called in
some sixty countries; and the tables below for names that come into Latin
letters in several ways, which neither has. That a name is known only ever
keeps two people apart: of two different known names neither is a slip of the
pen for the other (see `anonymiser.linker.match`).
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final

from faker.providers import person
from nicknames import NickNamer

from streams.identifiers.names import name_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

_TITLES: Final = """
    mr mrs miss ms mx dr sir dame lord lady rev reverend prof professor baron baroness
    count countess captain major colonel hon honourable the
"""
TITLES: Final = frozenset(_TITLES.split())
"""What stands where a forename should and is none."""
FULL_NAMES_MAX: Final = 4
"""A short form of more names (Lee, Chris) stands only for those that begin as it does, in order."""

#: One name a line, its spellings in Latin letters; the first is the canon. Own list.
_SPELLINGS: Final = """
    muhammad mohammed mohammad mohamed mohamad muhammed muhamad muhamed mohamud mahamed maxamed
    ahmed ahmad achmed axmed
    mahmoud mahmood mehmood mahmud
    aisha aysha ayesha aishah aaisha aicha caasha
    fatima fatimah faatimah fatma faduma
    khadija khadijah khadeeja hadija khadiija
    zainab zaynab zeinab zeynab zaineb
    maryam mariam meryem mariyam maryama maariya
    amina aminah aamina ameena aamino
    hafsa hafsah hafza
    safa safah safaa
    iqra iqrah
    halima haleema halimah xaliimo
    sumaya sumayyah sumayya sumaiya
    ruqayya ruqayyah rukaya rukayah ruqaya
    yusuf yousuf yousef yusef youssef yousif yuusuf
    ibrahim ebrahim ibraheem ibraahim
    ismail ismael esmail ismaeel ismaciil
    omar umar umer cumar
    uthman usman osman othman cusmaan
    hassan hasan hasaan xasan
    hussein hussain husain husayn hossein xuseen
    ali aly caali
    abdullah abdallah abdulla abdalla cabdullahi abdullahi
    abdulrahman abdurrahman abderrahman abdurahman cabdiraxmaan
    abdulaziz abdelaziz
    abdi cabdi
    bilal bilaal belal
    hamza hamzah
    idris idrees edris
    isa eesa issa essa ciise
    musa moussa moosa mousa muuse
    haroon haroun harun
    zakariya zakaria zakariyya zakarie
    zain zayn
    rayyan rayan rayaan
    imran imraan
    saeed said saeid sayid
    salman salmaan
    tariq tarek tarik tareq
    khalid khaled kaled
    jamal jamaal gamal
    kareem karim
    rashid rasheed rachid
    nasir nasser naser
    yasin yaseen yassin yasiin
    laila layla leila leyla
    noor nur nour
    zoya zoia
    inaya inaaya inayah
    iman imaan eman
    laiba layba
    simran simren
    harpreet harprit
    gurpreet gurprit
    jaspreet jasprit
    oliwia oliwja
    zuzanna zuzana
    aleksandr alexandr aleksander
    sergei sergey serhii serhiy
    dmitri dmitry dmytro
    yuri yury iurii yuriy
    andrei andrey andriy andrii
    mikhail mykhailo mihail
    nikolai nikolay mykola
    oleksandr olexandr
    kateryna katerina ekaterina yekaterina
    yulia julia iulia yuliya
    natalia nataliya natalya natalja
    svetlana svitlana
    tatiana tatyana tetiana tetyana
    sana sanaa
    neil neal
    phuong fuong
    xiao hsiao
    tallulah talulah
    isobelle isobel isabelle isabel
    haydn hayden haydon
    kieran kieron kieren ciaran keiran kyran
    sean shaun shawn
    catherine katherine kathryn catharine cathryn katharine
    geoffrey jeffrey geoffery
    graham graeme grahame
    philip phillip
    alan allan allen
    steven stephen stephan
    sara sarah
    ann anne
    teresa theresa
    lindsay lindsey
"""

#: Names that people here bear and the lists lack, so that nobody's twin is less safe for where
#: the name comes from. Own list.
_ALSO_BORNE: Final = """
    abdul adeel adnan afzal akram aleena amna anam aqsa arshad asad asif asma ateeq ayaan azhar
    babar bushra danish ehsan faisal faiza fahad farah farhan farooq fawad ghulam habib hafiz
    haider hamid haris hina humaira iftikhar ijaz ikram imtiaz irfan ishaq jameel javed junaid
    kainat kamran kashif kiran kulsoom maham mahnoor majid malik maqsood mehreen misbah mubashir
    mudassar nabeel nadeem nadia naheed naila nasreen naveed nazia nimra nosheen parveen qasim
    rabia rehan riaz rizwan rubina rukhsana saad saba sadaf sadia saima sajid saleem samina saqib
    shabnam shahid shahzad shabbir shakeel shazia shoaib sidra sobia sufyan sumera tahir talha
    tanveer tayyab tehmina umair usama uzma wajid waqar waqas waseem yasmin yasir zahid zaheer
    zara zeeshan zubair zunaira syed syeda
    amandeep amarjit anil anjali arjun arun ashok baljit balwinder bhavna daljit deepak dev dilip
    divya gagandeep gurdeep gurmeet hardeep harjit inderjit jagdeep jasbir jaswinder kamaljit
    karan kavita kulwinder lakhvir lakshmi mandeep manjit manpreet meena mohinder mukesh navdeep
    navjot neha nikhil nisha parminder pooja pradeep prakash pritpal priya rahul rajesh rajinder
    rakesh ramesh ranjit ravi ritu rohan rupinder sandeep sanjay satnam shanti sukhdeep
    sukhwinder suman sunil sunita suresh surinder vijay vikram vinod vishal
    alireza amir arash azadeh babak behnam behrouz bijan dariush elham farhad farid fariba
    farzaneh fereshteh golnaz hamed hamidreza kaveh kianoush laleh mahsa masoud mehdi mehrdad
    mina mohsen mojtaba morteza nasrin navid neda nima omid parisa pouya reza roya shahram shirin
    siamak soheila soraya taraneh vahid yalda zahra aram azad barzan dilan heval hiwa karwan
    nazdar rebin rebwar rojin sarkawt shler shwan zana
    abdifatah abdinasir abshir asha deqa dahir faysal fowsia guled hibo hodan idil ifrah jama
    liban mahad nimco sahra sagal ubah warsame zamzam
    bin bo chao dan fang feng gang hao hong hua hui jian jie jing juan jun kai lan lei li lin
    ling long mei min ming na peng ping qiang qing rui shan tao ting wei wen xia xin xiu xue yan
    yang ying yong yu yuan yun zhen zhi
    albie arlo barnaby cai carys cerys darcey esmae esme ffion finlay finley finnley isla jac
    jenson kairo kye lowri lyra maisie neve oakley osian reggie ronnie saffron sapphire seren
    tallulah verity
"""
_NAMER: Final = NickNamer()


def full_names(name: str) -> tuple[str, ...]:
    """Return the names that a folded forename may be short for, without itself; often none.

    Two short forms of one name are not each other's: Katy and Kathleen may be sisters.
    """
    found = sorted(_NAMER.canonicals_of(name) - {name})
    if len(found) <= FULL_NAMES_MAX:
        return tuple(found)
    return tuple(one for one in found if one[0] == name[0])[: 2 * FULL_NAMES_MAX]


def spelling(name: str) -> str | None:
    """Return the canon of a folded forename that is written in several ways; None for others."""
    return _canons().get(name)


def read_lists() -> None:
    """Read the lists now (0.7 s), so that no report waits for them."""
    _known()


def is_forename(name: str) -> bool:
    """Tell whether a list knows the folded name as a forename."""
    return name in _known()


def are_forenames(names: tuple[str, ...]) -> bool:
    """Tell whether each folded half of a double name is one; of nothing it is not."""
    return bool(names) and all(map(is_forename, names))


@cache
def _canons() -> dict[str, str]:
    """Spelling to canon; a name of two lines keeps the first."""
    canons: dict[str, str] = {}
    for line in _SPELLINGS.strip().splitlines():
        canon, *others = name_parts(line)
        for spelling in (canon, *others):
            canons.setdefault(spelling, canons.get(canon, canon))
    return canons


@cache
def _known() -> frozenset[str]:
    """Some thirty thousand names, read from the lists once."""
    listed = frozenset(_names_of_locales()) | frozenset(_canons()) | set(_ALSO_BORNE.split())
    return listed | frozenset(name for name in _english() if name)


def _english() -> Iterator[str]:
    for name, nicknames in NickNamer.default_lookup().items():
        yield from (name, *nicknames)


def _names_of_locales() -> Iterator[str]:
    """The forenames that Faker's providers carry; read, never drawn."""
    for module in iter_modules(person.__path__):
        provider = import_module(f"{person.__name__}.{module.name}").Provider
        for attribute in dir(provider):
            if attribute.startswith("first_name"):
                yield from _folded(getattr(provider, attribute))


def _folded(names: object) -> Iterator[str]:
    if not isinstance(names, tuple | list | set | frozenset | dict):
        return
    for name in names:
        yield from name_parts(name) if isinstance(name, str) else ()
