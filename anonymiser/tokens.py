"""Identifiers become keyed hashes: HMAC-SHA-256 of canonical forms, cut to 16 bytes.

A subkey for each purpose, field with transform, and epoch separates the
domains: the same digits as NHS number and as ULN give two unrelated tokens.
The fuzzy recipe grows by adding transforms to `TRANSFORMS` or `COMBINED`.

Source: ADR-0003; HMAC and its cut are RFC 2104, HKDF is RFC 5869; the
transforms are privacy.md section 2.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

import jellyfish
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nicknames import NickNamer

from streams.identifiers import account_of_iban, name_parts, outcode
from streams.restricted import FieldToken
from streams.values import NodeKind

if TYPE_CHECKING:
    from uuid import UUID

    from anonymiser.keyring import Keys
    from streams.identifiers import Spelt

TOKEN_BYTES: Final = 16
DIGEST_BYTES: Final = 32
NICKNAMES_MAX: Final = 12
_SUBKEY_BYTES: Final = 32
_NAMER: Final = NickNamer()

Transform: TypeAlias = Callable[["Spelt"], Iterable[str]]
"""A readable value to the texts that are hashed for one token field; often just one."""
Forms: TypeAlias = Mapping[str, tuple["Spelt", ...]]
"""Field to its readable values; only `known_as` has several."""


# --- transforms --------------------------------------------------------------------------------


def _exact(spelt: Spelt) -> Iterable[str]:
    return (_form(spelt),)


def _metaphone(spelt: Spelt) -> Iterable[str]:
    """Empty for scripts that metaphone does not know."""
    form = _form(spelt)
    return filter(None, (jellyfish.metaphone(form),)) if form.isascii() else ()


def _first_three(spelt: Spelt) -> Iterable[str]:
    return (_form(spelt)[:3],)


def _initial(spelt: Spelt) -> Iterable[str]:
    return (_form(spelt)[:1],)


def _letters(spelt: Spelt) -> Iterable[str]:
    """The first letter, then all in alphabetical order, doubled ones once: Lewsi meets Lewis.

    A letter left out or another in its place would make one of many twins (Tom, Tim).
    """
    form = _form(spelt)
    single = "".join(letter for letter, after in pairwise(form + " ") if letter != after)
    return filter(None, (single[:1] + "".join(sorted(single)),))


def _parts(spelt: Spelt) -> Iterable[str]:
    """Each half of a double name, so that either half alone still agrees."""
    return name_parts(str(spelt.value))


def _nicknames(spelt: Spelt) -> Iterable[str]:
    """The name itself and the full names it may stand for: Bob and Robert meet in `robert`."""
    return _full_names(_form(spelt))


def _full_names(name: str) -> tuple[str, ...]:
    return (name, *sorted(_NAMER.canonicals_of(name) - {name})[:NICKNAMES_MAX])


def _day_month_swapped(spelt: Spelt) -> Iterable[str]:
    """Day and month in ascending order: 3 February and 2 March of a year meet."""
    form = _form(spelt)
    return (form[:4] + "".join(sorted((form[4:6], form[6:8]))),)


def _one_digit_masked(spelt: Spelt) -> Iterable[str]:
    """Each digit behind the century hidden in turn: one mistyped digit still agrees."""
    form = _form(spelt)
    return (form[:place] + "*" + form[place + 1 :] for place in range(2, len(form)))


def _outcode(spelt: Spelt) -> Iterable[str]:
    return (outcode(_form(spelt)),)


def _form(spelt: Spelt) -> str:
    return spelt.form or ""


_NAME: Final[Mapping[str, Transform]] = {
    "exact": _exact,
    "part": _parts,
    "letters": _letters,
    "metaphone": _metaphone,
    "first3": _first_three,
    "initial": _initial,
}
TRANSFORMS: Final[Mapping[str, Mapping[str, Transform]]] = {
    "given_name": {**_NAME, "nickname": _nicknames},
    "family_name": _NAME,
    "middle_names": {"exact": _exact, "initial": _initial},
    "known_as": {"exact": _exact},
    "born_on": {"exact": _exact, "swap": _day_month_swapped, "mask": _one_digit_masked},
    "postcode": {"exact": _exact, "outcode": _outcode},
    "organisation_name": {"exact": _exact},
}
"""Fields whose token names carry a transform ("given_name.metaphone")."""

_WHOLE: Final = (
    *("nhs_number", "upn", "uln", "pnc_id", "cro_number", "nino", "driver_number"),
    *("passport_number", "uprn", "phone", "email", "handle", "vehicle_mark", "imei"),
    "organisation_number",
)
"""Fields that are hashed as they are, under their own name."""


def _swapped_names(forms: Forms) -> Iterable[str]:
    """Given and family name in ascending order: written the wrong way round they meet."""
    return _joined(sorted((*_of(forms, "given_name"), *_of(forms, "family_name"))), 2)


def _aliases(forms: Forms) -> Iterable[str]:
    """Given name and every other name used: one report's alias is another's given name."""
    return (*_of(forms, "given_name"), *_of(forms, "known_as"))


def _place(forms: Forms) -> Iterable[str]:
    return _joined((*_of(forms, "postcode"), *_of(forms, "address")), 2)


def _account(forms: Forms) -> Iterable[str]:
    """Sort code and number; a British IBAN holds both, any other IBAN stands for itself."""
    numbers = _of(forms, "account_number")
    if numbers and not numbers[0].isdigit():
        return _joined(account_of_iban(numbers[0]) or numbers, 1)
    return _joined((*_of(forms, "sort_code"), *numbers), 2)


def _of(forms: Forms, field: str) -> tuple[str, ...]:
    return tuple(_form(spelt) for spelt in forms.get(field, ()))


def _joined(forms: Iterable[str], at_least: int) -> Iterable[str]:
    parts = tuple(forms)
    return ("\x1f".join(parts),) if len(parts) >= at_least else ()


COMBINED: Final[Mapping[str, Callable[[Forms], Iterable[str]]]] = {
    "name.swap": _swapped_names,
    "given_name.alias": _aliases,
    "place": _place,
    "account": _account,
}
"""Token fields made of several fields."""

# --- what the linker may rely on -----------------------------------------------------------------

STRONG_FIELDS: Final[Mapping[NodeKind, frozenset[str]]] = {
    NodeKind.PERSON: frozenset(
        {"nhs_number", "upn", "uln", "pnc_id", "cro_number", "nino"}
        | {"driver_number", "passport_number"}
    ),
    NodeKind.ADDRESS: frozenset({"uprn", "place"}),
    NodeKind.PHONE: frozenset({"phone", "imei"}),
    NodeKind.VEHICLE: frozenset({"vehicle_mark"}),
    NodeKind.ACCOUNT: frozenset({"account"}),
    NodeKind.HANDLE: frozenset({"handle", "email"}),
    NodeKind.ORGANISATION: frozenset({"organisation_number"}),
}
"""Token fields of which one equal token means: the same subject."""

AGREEMENT_LEVELS: Final[Mapping[str, tuple[str, ...]]] = {
    "given_name": (
        *("given_name.exact", "given_name.nickname", "given_name.alias", "given_name.part"),
        *("given_name.letters", "given_name.metaphone", "given_name.first3", "given_name.initial"),
    ),
    "family_name": (
        *("family_name.exact", "family_name.part", "family_name.letters", "family_name.metaphone"),
        *("family_name.first3", "family_name.initial"),
    ),
    "middle_names": ("middle_names.exact", "middle_names.initial"),
    "known_as": ("known_as.exact",),
    "name": ("name.swap",),
    "born_on": ("born_on.exact", "born_on.swap", "born_on.mask"),
    "postcode": ("postcode.exact", "postcode.outcode"),
    "place": ("place",),
    "uprn": ("uprn",),
    "phone": ("phone",),
    "email": ("email",),
    "handle": ("handle",),
    "vehicle_mark": ("vehicle_mark",),
    "account": ("account",),
    "imei": ("imei",),
    "organisation_name": ("organisation_name.exact",),
}
"""What may agree without being strong: the token fields of each, best agreement first."""

_SUPPORTING: Final[Mapping[NodeKind, frozenset[str]]] = {
    NodeKind.PERSON: frozenset(
        field
        for name, levels in AGREEMENT_LEVELS.items()
        if name != "organisation_name"
        for field in levels
    ),
    NodeKind.ORGANISATION: frozenset({"organisation_name.exact", "postcode.exact", "place"}),
}
FIELDS_OF: Final[Mapping[NodeKind, frozenset[str]]] = {
    kind: strong | _SUPPORTING.get(kind, frozenset()) for kind, strong in STRONG_FIELDS.items()
}
"""Every token field a node of this kind can carry; nothing else of its identity is hashed."""


# --- hashing -------------------------------------------------------------------------------------


class Tokeniser:
    """Hashes under one token key. The derived subkeys are kept, the values never."""

    __slots__ = ("_epoch", "_key", "_subkeys")

    def __init__(self, keys: Keys) -> None:
        self._key = keys.token
        self._epoch = keys.token_epoch
        self._subkeys: dict[tuple[str, str], bytes] = {}

    def tokens_of(self, kind: NodeKind, spelt: Iterable[Spelt]) -> tuple[FieldToken, ...]:
        """Return the tokens of one subject, by field, then token; placeholders give none."""
        texts = _texts_of(kind, _forms_of(spelt))
        found = {(field, self._hash("link", field, text)[:TOKEN_BYTES]) for field, text in texts}
        return tuple(FieldToken(field=field, token=token) for field, token in sorted(found))

    def label_token(self, partner: str, report_id: UUID, label: str) -> bytes:
        """Return a token that is the same for one label in all revisions of one report only."""
        text = f"{partner}\x1f{report_id}\x1f{label}"
        return self._hash("label", "label", text)[:TOKEN_BYTES]

    def origin_token(self, reference: str) -> bytes:
        """Return the token of an origin reference; two partners that quote one number meet."""
        return self._hash("origin", "origin_reference", reference)[:TOKEN_BYTES]

    def content_digest(self, content: bytes) -> bytes:
        """Return the keyed digest (32 bytes) of a report in its canonical encoding."""
        return hmac.digest(self._subkey("content", "report"), content, "sha256")

    def _hash(self, purpose: str, field: str, text: str) -> bytes:
        return hmac.digest(self._subkey(purpose, field), text.encode(), "sha256")

    def _subkey(self, purpose: str, field: str) -> bytes:
        subkey = self._subkeys.get((purpose, field))
        if subkey is None:
            subkey = self._subkeys[purpose, field] = self._derive(purpose, field)
        return subkey

    def _derive(self, purpose: str, field: str) -> bytes:
        info = f"rivelin token 1\x1f{purpose}\x1f{field}\x1f{self._epoch}".encode()
        hkdf = HKDF(algorithm=SHA256(), length=_SUBKEY_BYTES, salt=None, info=info)
        return hkdf.derive(self._key)


def _forms_of(spelt: Iterable[Spelt]) -> Forms:
    forms: dict[str, tuple[Spelt, ...]] = {}
    for one in spelt:
        if one.form is not None:
            forms[one.field] = (*forms.get(one.field, ()), one)
    return forms


def _texts_of(kind: NodeKind, forms: Forms) -> Iterable[tuple[str, str]]:
    """Token field and text of everything that is hashed for a node of this kind."""
    wanted = FIELDS_OF[kind]
    for field, values in forms.items():
        for token_field, transform in _TRANSFORMS_OF.get(field, ()):
            if token_field in wanted:
                yield from ((token_field, text) for one in values for text in transform(one))
    for token_field, combine in COMBINED.items():
        if token_field in wanted:
            yield from ((token_field, text) for text in combine(forms))


_TRANSFORMS_OF: Final[Mapping[str, tuple[tuple[str, Transform], ...]]] = {
    **{field: ((field, _exact),) for field in _WHOLE},
    **{
        field: tuple((f"{field}.{name}", transform) for name, transform in transforms.items())
        for field, transforms in TRANSFORMS.items()
    },
}
