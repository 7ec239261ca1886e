"""L0: what gives itself away by its form: numbers with checksums, contacts, dates, places, ages.

Patterns run on the readable form (`spelling.plain`). A check digit only tells
what a number is called; a number of five digits or more never stays, for a
mistyped one still finds its owner. Sources of the forms: domain.md section 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stdnum import imei, luhn
from stdnum.gb import nhs

from anonymiser.narrative.spans import Kind, Layer, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MONTHS: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_UNITS: Final = "one|two|three|four|five|six|seven|eight|nine"
_TEENS: Final = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_TENS: Final = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_CARDINAL: Final = rf"(?:(?:{_TENS})(?:[\s-]+(?:{_UNITS}))?|{_TEENS}|{_UNITS})"
_ORDINAL: Final = (
    r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth"
    r"|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth"
    r"|(?:twenty|thirty)[\s-]+(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)"
    r"|twentieth|thirtieth)"
)
_DAY: Final = r"\d{1,2}\s?(?:st|nd|rd|th)?"
_YEAR: Final = (
    rf"(?:\d{{4}}|'?\d{{2}}(?!\s?[:\d])|two\s+thousand(?:\s+and)?(?:\s+{_CARDINAL})?"
    rf"|(?:nineteen|twenty)[\s-]+(?:{_TEENS}|{_CARDINAL}))"
)
_SURE_STREETS: Final = (
    r"(?:street|road|avenue|lane|crescent|terrace|gardens|boulevard|mews|cul-de-sac|estate"
    r"|st|rd|ave|ln|cres|gdns|blvd)"
)
_STREETS: Final = (
    r"(?:street|road|avenue|lane|crescent|terrace|gardens|boulevard|mews|estate|st|rd|ave|ln|cres"
    r"|close|drive|way|court|grove|place|park|hill|view|rise|walk|green|square|row|house|flats"
    r"|towers?|heights|croft|bank|gate|fold|mount|dr|ct|pl|sq)"
)
_WORD: Final = r"[^\W\d_][\w'-]*"
#: Words before "street" or "road" that name none.
_NO_NAME: Final = (
    r"(?:the|a|an|this|that|these|those|his|her|their|our|your|my|its|main|same|side|busy|quiet|next"
    r"|other|another|any|every|each|some|which|of|on|in|off|across|up|down|along|and|or|from|to|into"
    r"|back|whole|open|ring|slip|access|country|local|nearby|one|two|public|high|dead|residential)"
)


@dataclass(frozen=True, slots=True)
class _Family:
    """Rules that share what they cannot do without: a sign, or one of some words.

    In a rule, group 1, where there is one, is what may not stay.
    """

    rules: tuple[tuple[Kind, re.Pattern[str]], ...]
    words: frozenset[str] = frozenset()
    sign: re.Pattern[str] | None = None


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _family(*rules: tuple[Kind, str], words: str = "", sign: str | None = None) -> _Family:
    compiled = tuple((kind, _compiled(pattern)) for kind, pattern in rules)
    return _Family(compiled, frozenset(words.split()), _compiled(sign) if sign else None)


_CONTACTS: Final = _family(
    (
        Kind.EMAIL,
        (
            r"[\w.+'-]{1,64}(?:@|\s@\s|\s?[(\[]\s?at\s?[)\]]\s?)[\w-]{1,63}"
            r"(?:\s?(?:\.|[(\[]\s?dot\s?[)\]])\s?\w{1,63}){1,5}"
        ),
    ),
    (Kind.EMAIL, r"\b[\w.+-]{1,64}\s+at\s+[\w-]{1,63}(?:\s+dot\s+\w{1,63}){1,5}"),
    (Kind.LINK, r"\b(?:https?|hxxps?|ftp)\s?:\s?/\s?/\s?\S{1,200}|\bwww\s?\.\s?\S{1,200}"),
    (
        Kind.LINK,
        (
            r"\b(?:[\w-]{1,63}\.){1,5}"
            r"(?:com|co|uk|org|net|gov|edu|info|biz|tv|app|gg|me|io|ly)\b(?:/\S{0,200})?"
        ),
    ),
    (Kind.LINK, r"/{2,3}\s?[a-z]{1,30}\.[a-z]{1,30}\.[a-z]{1,30}"),
    (Kind.HANDLE, r"(?<![\w@])@\s?[\w.]{2,64}"),
    sign=r"[@/]|\.\w|[(\[]\s?(?:at|dot)\s?[)\]]",
    words="dot www",
)
_HANDLES: Final = _family(
    (
        Kind.HANDLE,
        (
            r"\b(?:snapchat|snap|insta(?:gram)?|tik\s?tok|user\s?name|handle|gamer\s?tag|psn|discord"
            r"|telegram|facebook|twitter)(?:\s+(?:name|id|user|account|handle|tag))?"
            r"\s{0,3}(?::|=|\bis\b|\bcalled\b)\s{0,3}[\"']?([\w.-]{1,64})"
        ),
    ),
    words="snapchat snap insta instagram tik tiktok user username handle gamer gamertag psn discord"
    " telegram facebook twitter",
)
_NUMBERS: Final = _family(
    # --- official numbers with letters: UPN, NINO, PNC and CRO, police URN, driver number, IBAN
    (Kind.IDENTIFIER, r"\b[A-Z]\s?\d(?:\s?\d){10}\s?[\dA-Z]\b"),
    (Kind.IDENTIFIER, r"\b[A-Z]\s?[A-Z]\s?\d\s?\d[\s-]?\d\s?\d[\s-]?\d\s?\d[\s-]?[A-D]\b"),
    (Kind.IDENTIFIER, r"\b(?:SF\s?)?\d{2,6}\s?/\s?\d{1,7}\s?[A-Z]\b"),
    (Kind.IDENTIFIER, r"\b\d{2}\s?[A-Z]{2}\s?/?\s?\d{3,6}\s?/?\s?\d{2}\b"),
    (Kind.IDENTIFIER, r"\b[A-Z9]{5}\s?\d{6}\s?[A-Z9]{2}\s?\w{3}\b"),
    (Kind.ACCOUNT, r"\b[A-Z]{2}\d{2}(?:[\s-]?[A-Z0-9]{4}){3,7}(?:[\s-]?[A-Z0-9]{1,3})?\b"),
    (Kind.VEHICLE, r"\b[A-Z]{2}\d{2}\s?-?[A-Z]{3}\b"),
    (Kind.VEHICLE, r"\b[A-Z]\d{1,3}\s?[A-Z]{3}\b|\b[A-Z]{3}\s?\d{1,3}[A-Z]\b"),
    (Kind.PLACE, r"\b[A-Z]{1,2}\d[A-Z\d]?\s{0,3}[\dOI][ABD-HJLNP-UW-Z]{2}\b"),
    (Kind.PLACE, r"\b[MAB]\d{1,4}(?:\(M\))?\b|\bjunction\s+\d{1,2}\b"),
    (Kind.PLACE, r"\b(?:bus|tram|route|train|line)\s+(?:number\s+|no\.?\s?)?(\d{1,3}[a-z]?)\b"),
    # --- dates and times
    (Kind.DATE, r"\b\d{1,4}\s?[./-]\s?\d{1,2}\s?[./-]\s?\d{1,4}\b"),
    (Kind.DATE, rf"\b{_DAY}\s?[-/.]?\s?(?:of\s+)?{_MONTHS}\b(?:,?\s?[-/.]?\s?{_YEAR}\b)?"),
    (Kind.DATE, rf"\b{_MONTHS}\.?\s+(?:the\s+)?{_DAY}\b(?:,?\s+{_YEAR}\b)?"),
    (Kind.DATE, rf"\b(?:in|since|during|until|till|by|before|after|of)\s+({_MONTHS}\s+{_YEAR})\b"),
    (Kind.DATE, r"\b(?:19|20)\d{2}s?\b|\bon\s+the\s+(\d{1,2}\s?(?:st|nd|rd|th))\b"),
    (
        Kind.TIME,
        (
            r"\b\d{1,2}\s?[:.]\s?\d{2}(?:\s?[:.]\s?\d{2})?"
            r"(?:\s?(?:am|pm|a\.m\.?|p\.m\.?|hrs|hours))?\b"
        ),
    ),
    (
        Kind.TIME,
        (
            r"\b\d{1,2}\s?(?:am|pm|a\.m\.?|p\.m\.?|o'?clock)\b"
            r"|\b\d{3,4}\s?(?:hrs?|hours|h)\b"
        ),
    ),
    (
        Kind.TIME,
        (
            rf"\b(?:half|quarter|\d{{1,2}}|{_CARDINAL})\s+(?:minutes\s+)?(?:past|to)\s+"
            r"\d{1,2}\b"
        ),
    ),
    # --- ages and school years
    (Kind.AGE, r"\b(?:aged?|ages)\s{0,3}(?:of|is|about|around|only|:)?\s{0,3}\d{1,3}\b"),
    (
        Kind.AGE,
        (
            r"\b\d{1,3}[\s-]{0,3}(?:and\s+a\s+half[\s-]{0,3})?(?:years?|yrs?|months?|mths?|weeks?"
            r"|wks?)[\s-]{0,3}(?:old|of\s+age)s?\b"
        ),
    ),
    (Kind.AGE, r"\b\d{1,3}[\s-]?(?:y/o|yo|y\.o\.?|m/o)\b"),
    (Kind.AGE, r"\b(?:years?|yrs?|y|key\s+stage|ks)\s?-?\d{1,2}\b"),
    (
        Kind.AGE,
        (
            r"\b(?:turn(?:s|ed|ing)?|nearly|almost|just|only|is|was|being|now|be)\s+"
            r"(\d{1,2})\b(?!\s*[%a-z])"
        ),
    ),
    (Kind.AGE, r"\b\d{1,3}(?:st|nd|rd|th)\s+birthday\b"),
    # --- where somebody lives
    (
        Kind.ADDRESS,
        (
            r"\b(?:(?:flat|apt|apartment|unit|room|floor|block|no|number|house)\.?\s?)?\d{1,5}[a-z]?"
            rf"(?:\s?[-/]\s?\d{{1,4}}[a-z]?)?,?\s+(?:(?!{_NO_NAME}\s){_WORD}\s+){{1,3}}?{_STREETS}\b\.?"
        ),
    ),
    (
        Kind.ADDRESS,
        r"\b(?:flat|apt|apartment|unit|room|block|caravan|pitch|plot)\.?\s?\d{1,5}[a-z]?\b",
    ),
    (Kind.ADDRESS, r"\b(?:house|door|number|no\.?|po\s+box|at)\s+(?:number\s+)?(\d{1,5}[a-z]?)\b"),
    (Kind.NUMBER, r"(?:\+\s?|\(\s?\+?)?\d(?:[\s\-./()_,:*]{0,3}\d){4,}"),
    sign=r"\d",
)
_CALENDAR: Final = _family(
    (Kind.DATE, rf"\b{_MONTHS}\.?\s+(?:the\s+)?{_ORDINAL}\b(?:,?\s+{_YEAR}\b)?"),
    (Kind.DATE, rf"\b{_ORDINAL}\s+(?:day\s+)?(?:of\s+)?{_MONTHS}\b(?:,?\s+{_YEAR}\b)?"),
    (Kind.DATE, rf"\b(?:in|since|during|until|till|by|before|after|of)\s+({_MONTHS}\s+{_YEAR})\b"),
    (Kind.DATE, r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b"),
    (Kind.DATE, r"\b(?:january|february|april|june|july|september|october|november|december)\b"),
    (
        Kind.DATE,
        (
            r"\b(?:two\s+thousand|nineteen\s+(?:hundred|eighty|ninety)|twenty\s+(?:ten|eleven"
            r"|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen))(?:[\s-]+(?:and\s+)?"
            rf"{_CARDINAL})?\b"
        ),
    ),
    (Kind.AGE, rf"\b{_ORDINAL}\s+birthday\b"),
    words="jan january feb february mar march apr april may jun june jul july aug august sep sept"
    " september oct october nov november dec december thousand nineteen twenty birthday monday"
    " tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays"
    " fridays saturdays sundays",
)
_CLOCK: Final = _family(
    (
        Kind.TIME,
        (
            rf"\b(?:half|quarter|{_CARDINAL})\s+(?:minutes\s+)?(?:past|to)\s+"
            rf"(?:{_UNITS}|ten|eleven|twelve|noon|midnight)\b"
        ),
    ),
    (Kind.TIME, rf"\b{_CARDINAL}\s+(?:am|pm|o'?clock|thirty|fifteen|forty[\s-]five)\b"),
    words="past half quarter o'clock oclock am pm noon midnight fifteen thirty forty one two three"
    " four five six seven eight nine ten eleven twelve",
)
_AGES: Final = _family(
    (Kind.AGE, rf"\b(?:aged?|ages)\s{{0,3}}(?:of|is|about|around|only|:)?\s{{0,3}}{_CARDINAL}\b"),
    (
        Kind.AGE,
        (
            rf"\b{_CARDINAL}[\s-]{{0,3}}(?:and\s+a\s+half[\s-]{{0,3}})?(?:years?|yrs?|months?"
            r"|weeks?)[\s-]{0,3}(?:old|of\s+age)s?\b"
        ),
    ),
    (Kind.AGE, rf"\b(?:years?|yrs?|key\s+stage)\s?-?{_CARDINAL}\b"),
    (
        Kind.AGE,
        (
            rf"\b(?:turn(?:s|ed|ing)?|nearly|almost|just|only|is|was|being|now|be)\s+"
            rf"({_TEENS}|{_TENS})\b(?!\s*[%a-z])"
        ),
    ),
    (Kind.AGE, r"\b(?:in|into|started|starting|joined)\s+(reception|nursery|sixth\s+form)\b"),
    words="age aged ages old year years yr yrs stage turn turns turned turning reception nursery"
    f" sixth {_TEENS} {_TENS}".replace("|", " "),
)
_PLACES: Final = _family(
    (Kind.PLACE, rf"\b(?!{_NO_NAME}\s)({_WORD}\s+{_SURE_STREETS})\b"),
    (Kind.ADDRESS, r"\b(?:flat|apt|apartment|unit|room|block)\.?\s+[b-z]\b"),
    (Kind.ADDRESS, rf"\b(?:house|door|number)\s+(?:number\s+)?({_TENS}(?:[\s-]+(?:{_UNITS}))?)\b"),
    (Kind.ADDRESS, rf"\b{_CARDINAL}\s+(?:{_WORD}\s+){{1,2}}?{_SURE_STREETS}\b"),
    words=f"{_SURE_STREETS[3:-1]} flat apt apartment unit room block number door".replace("|", " "),
)
_SAID: Final = _family(
    (
        Kind.NUMBER,
        (
            r"\b(?:(?:double|triple|treble)[\s,-]{1,3})?(?:zero|nought|oh|o|one|two|three|four|five|six"
            r"|seven|eight|nine|\d)(?:[\s,.-]{1,3}(?:(?:double|triple|treble)[\s,-]{1,3})?(?:zero|nought"
            r"|oh|o|one|two|three|four|five|six|seven|eight|nine|hundred|\d)){3,}\b"
        ),
    ),
    words="zero nought oh o double triple treble one two three four five six seven eight nine",
)
_FAMILIES: Final = (_CONTACTS, _HANDLES, _NUMBERS, _CALENDAR, _CLOCK, _AGES, _PLACES, _SAID)
_BY_WORD: Final = {
    word: tuple(number for number, family in enumerate(_FAMILIES) if word in family.words)
    for word in frozenset().union(*(family.words for family in _FAMILIES))
}
_WORDS: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
#: How far around its trigger a rule looks.
_REACH: Final = 80
_NHS_DIGITS: Final = 10
_PHONE_DIGITS: Final = (10, 11)
_ACCOUNT_DIGITS: Final = 8
_SORT_CODE_DIGITS: Final = 6
_IMEI_DIGITS: Final = 15
_CARD_DIGITS: Final = range(13, 20)


def found_by_form(text: str) -> Iterator[Span]:
    """Yield what the patterns find in a readable text; findings may overlap."""
    for family, triggers in zip(_FAMILIES, _triggers(text), strict=True):
        for start, end in _around(text, triggers):
            for kind, pattern in family.rules:
                for match in pattern.finditer(text, start, end):
                    yield _span(match, kind)


def _triggers(text: str) -> list[list[tuple[int, int]]]:
    """Return for each family where it has to look."""
    found: list[list[tuple[int, int]]] = [
        [] if family.sign is None else [match.span() for match in family.sign.finditer(text)]
        for family in _FAMILIES
    ]
    for match in _WORDS.finditer(text):
        for number in _BY_WORD.get(match.group().lower(), ()):
            found[number].append(match.span())
    return found


def _span(match: re.Match[str], kind: Kind) -> Span:
    group = 1 if match.re.groups and match.group(1) is not None else 0
    named = kind_of_digits(match.group(group)) if kind is Kind.NUMBER else kind
    return Span(match.start(group), match.end(group), named, Layer.PATTERN)


def _around(text: str, triggers: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the stretches around the triggers, cut between words, that do not touch."""
    stretches: list[tuple[int, int]] = []
    for first, last in sorted(triggers):
        start = max(0, first - _REACH)
        end = min(len(text), last + _REACH)
        if stretches and start <= stretches[-1][1]:
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((start, end))
    return [(_boundary(text, start, -1), _boundary(text, end, 1)) for start, end in stretches]


def _boundary(text: str, at: int, step: int) -> int:
    """Move outwards to the next space, but no further than a word can be long."""
    for _ in range(_REACH):
        if at in {0, len(text)} or text[at - (step < 0)].isspace():
            break
        at += step
    return at


def kind_of_digits(run: str) -> Kind:
    """Name a run of digits by its length and check digit."""
    digits = "".join(filter(str.isdigit, run))
    if digits.startswith(("0", "44")) and _is_phone(digits):
        return Kind.PHONE
    if len(digits) == _NHS_DIGITS and nhs.is_valid(digits):
        return Kind.IDENTIFIER
    if len(digits) == _IMEI_DIGITS and imei.is_valid(digits):
        return Kind.PHONE
    if len(digits) in _CARD_DIGITS and luhn.is_valid(digits):
        return Kind.ACCOUNT
    is_account = len(digits) in {_ACCOUNT_DIGITS, _SORT_CODE_DIGITS}
    return Kind.ACCOUNT if is_account and "-" in run else Kind.NUMBER


def _is_phone(digits: str) -> bool:
    national = digits.removeprefix("00").removeprefix("44").lstrip("0")
    return len(national) + 1 in _PHONE_DIGITS
