from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from anonymiser.keyring import new_keys
from anonymiser.report_keys import open_tokens, record_key, report_prefix, seal_tokens
from anonymiser.tokens import (
    AGREEMENT_LEVELS,
    FIELDS_OF,
    STRONG_FIELDS,
    TOKEN_BYTES,
    Tokeniser,
)
from streams.identifiers import read
from streams.restricted import FieldToken, Identity, ReportSubmitted
from streams.sealing import UnsealError
from streams.values import NodeKind

KEYS = new_keys(lambda count: bytes(range(1, count + 1)))
OTHER_KEYS = new_keys(lambda count: bytes(range(2, count + 2)))
REPORT = UUID("7b0c7c9e-4f1d-4a53-9a6e-0c6a3f2b1d04")


def tokens(kind=NodeKind.PERSON, keys=KEYS, **identity) -> dict[str, set[bytes]]:
    spelt, faults = read(Identity(**identity))
    assert not faults
    found: dict[str, set[bytes]] = {}
    for token in Tokeniser(keys).tokens_of(kind, spelt):
        found.setdefault(token.field, set()).add(token.token)
    return found


def agreeing(left, right) -> set[str]:
    return {field for field in left.keys() & right.keys() if left[field] & right[field]}


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("nhs_number", "9434765919", "943 476 5919"),
        ("pnc_id", "81/34U", "1981/0000034U"),
        ("phone", "07700 900123", "+44 7700 900123"),
        ("postcode", "s12he", "S1 2HE"),
        ("family_name", "O'Neill", "ONEILL"),
        ("given_name", "Zoë", "zoe"),
    ],
)
def test_two_spellings_give_the_same_tokens(field, one, other):
    assert tokens(**{field: one}) == tokens(**{field: other})


def test_a_token_has_sixteen_bytes():
    assert all(len(token) == TOKEN_BYTES for token in tokens(nhs_number="9434765919")["nhs_number"])


def test_a_token_is_hmac_sha_256_under_a_subkey_of_its_field_and_epoch():
    info = f"rivelin token 1\x1flink\x1fnhs_number\x1f{KEYS.token_epoch}".encode()
    subkey = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(KEYS.token)
    expected = hmac.digest(subkey, b"9434765919", "sha256")[:TOKEN_BYTES]
    assert tokens(nhs_number="9434765919")["nhs_number"] == {expected}


def test_another_key_gives_other_tokens():
    ours, theirs = tokens(nhs_number="9434765919"), tokens(keys=OTHER_KEYS, nhs_number="9434765919")
    assert not agreeing(ours, theirs)


def test_another_epoch_gives_other_tokens():
    later = replace(KEYS, token_epoch=2)
    first, second = tokens(upn="B801200005001"), tokens(keys=later, upn="B801200005001")
    assert not agreeing(first, second)


def test_the_same_text_in_two_fields_gives_unrelated_tokens():
    found = tokens(given_name="Taylor", family_name="Taylor", middle_names="Taylor")
    exact = [
        found[f"{field}.exact"].pop() for field in ("given_name", "family_name", "middle_names")
    ]
    assert len(set(exact)) == 3


def test_every_transform_of_one_value_is_separate():
    found = tokens(given_name="Al")
    values = [token for field in found.values() for token in field]
    assert len(values) == len(set(values))


@pytest.mark.parametrize(
    "identity",
    [
        {"nhs_number": "9999999999"},
        {"given_name": "UNKNOWN", "family_name": "n/a"},
        {"postcode": "ZZ99 3VZ"},
        {"born_on": date(1900, 1, 1)},
        {"known_as": ("?", "unknown")},
    ],
)
def test_a_placeholder_gives_no_token(identity):
    assert tokens(**identity) == {}


def test_a_placeholder_beside_a_value_makes_no_combined_token():
    assert "place" not in tokens(address="7 Mill Street", postcode="ZZ99 3VZ")


def test_names_written_the_wrong_way_round_meet():
    left = tokens(given_name="Ada", family_name="Byron")
    right = tokens(given_name="Byron", family_name="Ada")
    assert not agreeing(left, right)
    for level in ("near", "sound"):
        assert left[f"given_name.{level}"] == right[f"family_name.{level}"]


def test_a_nickname_meets_its_full_name():
    short, full = tokens(given_name="Liz"), tokens(given_name="Elizabeth")
    assert full["given_name.exact"] <= short["given_name.nickname"]
    assert "given_name.exact" not in agreeing(short, full)


def test_spellings_of_one_forename_meet():
    agreed = agreeing(tokens(given_name="Mohammed"), tokens(given_name="Muhamad"))
    assert "given_name.spelling" in agreed
    assert "given_name.exact" not in agreed


def test_an_initial_is_hashed_as_an_initial_only():
    assert set(tokens(given_name="R.")) == {"given_name.initial", "given_name.alias"}


def test_a_title_is_no_forename():
    assert not {field for field in tokens(given_name="Mrs") if field.startswith("given_name")}


def test_an_alias_meets_the_given_name_of_another_report():
    agreed = agreeing(tokens(given_name="Ada", known_as=("Spike",)), tokens(given_name="Spike"))
    assert agreed == {"given_name.alias"}


def test_names_that_sound_alike_meet():
    assert "given_name.sound" in agreeing(
        tokens(given_name="Mohammed"), tokens(given_name="Muhammad")
    )


def test_either_half_of_a_double_name_meets_the_single_one():
    double = tokens(family_name="Smith-Jones")
    assert "family_name.part" in agreeing(double, tokens(family_name="Jones"))
    assert "family_name.part" in agreeing(double, tokens(family_name="Smith"))


def test_a_birth_date_with_day_and_month_swapped_meets():
    agreed = agreeing(tokens(born_on=date(2010, 2, 3)), tokens(born_on=date(2010, 3, 2)))
    assert "born_on.swap" in agreed
    assert "born_on.exact" not in agreed


@pytest.mark.parametrize("other", [date(2010, 2, 4), date(2010, 12, 3), date(2011, 2, 3)])
def test_a_birth_date_with_one_wrong_digit_meets(other):
    agreed = agreeing(tokens(born_on=date(2010, 2, 3)), tokens(born_on=other))
    assert "born_on.near" in agreed
    assert "born_on.exact" not in agreed


def test_birth_dates_with_two_wrong_digits_do_not_meet():
    left, right = tokens(born_on=date(2010, 2, 3)), tokens(born_on=date(2011, 2, 14))
    assert agreeing(left, right) == set()


def test_an_address_is_strong_only_with_its_postcode():
    kind = NodeKind.ADDRESS
    left = tokens(kind, address="7 Mill St", postcode="S1 2HE")
    right = tokens(kind, address="7, Mill Street", postcode="s12he")
    assert agreeing(left, right) == {"place"}
    assert tokens(kind, address="7 Mill St") == {}


def test_an_account_is_sort_code_and_number_or_the_iban_that_holds_both():
    kind = NodeKind.ACCOUNT
    british = tokens(kind, sort_code="60-16-13", account_number="31926819")
    assert british == tokens(kind, account_number="GB29 NWBK 6016 1331 9268 19")
    assert set(tokens(kind, account_number="DE89370400440532013000")) == {"account"}
    assert tokens(kind, account_number="31926819") == {}


def test_a_thing_gets_no_token_of_a_person():
    assert set(tokens(NodeKind.PHONE, phone="07700 900123", given_name="Ada")) == {"phone"}


def test_scripts_without_metaphone_still_match_exactly():
    found = tokens(given_name="李明")
    assert "given_name.exact" in found
    assert "given_name.metaphone" not in found


def test_every_token_field_a_node_can_carry_is_told_to_the_linker():
    levels = {field for fields in AGREEMENT_LEVELS.values() for field in fields}
    strong = {field for fields in STRONG_FIELDS.values() for field in fields}
    assert set().union(*FIELDS_OF.values()) == levels | strong
    full = tokens(
        given_name="Philip", middle_names="Sam", family_name="Smith", known_as=("Bobby",),
        born_on=date(2010, 2, 3), nhs_number="9434765919", upn="B801200005001", uln="9276308686",
        pnc_id="81/34U", cro_number="65656/91H", nino="AB123456C", uprn="10001",
        driver_number="MORGA657054SM9IJ", passport_number="925665416", address="7 Mill St",
        postcode="S1 2HE", phone="07700 900123", email="a@example.org", handle="@a_b",
        vehicle_mark="AB12CDE", account_number="31926819", sort_code="601613",
        imei="490154203237518", chi_number="1904851231",
    )  # fmt: skip
    assert set(full) | {"given_name.nickname", "born_on.new_year"} == FIELDS_OF[NodeKind.PERSON]


def test_strong_fields_of_a_person_are_numbers_that_are_theirs_alone():
    assert "phone" not in STRONG_FIELDS[NodeKind.PERSON]
    assert "nhs_number" in STRONG_FIELDS[NodeKind.PERSON]


def test_a_label_has_one_token_in_a_report_and_another_in_every_other():
    tokeniser = Tokeniser(KEYS)
    first = tokeniser.label_token("loxley", REPORT, "child")
    assert first == tokeniser.label_token("loxley", REPORT, "child")
    others = {
        tokeniser.label_token("loxley", REPORT, "sister"),
        tokeniser.label_token("rivelin", REPORT, "child"),
        tokeniser.label_token("loxley", UUID(int=1), "child"),
    }
    assert first not in others
    assert len(others) == 3


def test_a_content_digest_is_keyed():
    assert Tokeniser(KEYS).content_digest(b"x") != Tokeniser(OTHER_KEYS).content_digest(b"x")
    assert len(Tokeniser(KEYS).content_digest(b"x")) == 32


# --- tokens under a subject's data key ---


SOME = (FieldToken(field="nhs_number", token=b"n" * 16), FieldToken(field="x.y", token=b"m" * 16))


def test_sealed_tokens_open_with_their_key_and_label_only():
    sealed = seal_tokens(SOME, b"k" * 32, b"label")
    assert open_tokens(sealed, b"k" * 32, b"label") == SOME
    for key, label in ((b"j" * 32, b"label"), (b"k" * 32, b"other")):
        with pytest.raises(UnsealError):
            open_tokens(sealed, key, label)
    assert b"nhs_number" not in sealed


def test_a_duplicate_does_not_push_out_the_keys_of_the_first_sealing():
    def submission(**changes):
        facts = {
            "report_id": REPORT, "revision": 1, "supersedes": None, "partner": "loxley",
            "content_schema": 1, "key_epoch": 1, "immediate_risk": False, "sealed_keys": b"one",
            "parts": (),
        }  # fmt: skip
        return ReportSubmitted(**(facts | changes))

    keys = {
        record_key(submission()),
        record_key(submission(sealed_keys=b"two")),
        record_key(submission(revision=2)),
        record_key(submission(partner="loxle", report_id=UUID(int=1))),
    }
    assert len(keys) == 4
    assert record_key(submission()) == record_key(submission(immediate_risk=True))
    ours = [key for key in keys if key.startswith(report_prefix("loxley", REPORT))]
    assert len(ours) == 3


def halves(family_name):
    return tokens(family_name=family_name)["family_name.part"]


def test_an_article_is_no_half_of_a_name():
    assert halves("al-Hassan") & halves("Hassan")
    assert not halves("al-Hassan") & halves("al-Amin")
    assert not halves("de la Cruz") & halves("de la Rosa")


def test_mac_and_mc_meet():
    assert halves("MacDonald") & halves("McDonald")
    assert not halves("MacDonald") & halves("Macy")


def test_the_words_of_a_long_name_meet_in_any_order_with_or_without_sons_of():
    one = {"given_name": "Ahmad", "family_name": "bin Hassan al-Farsi"}
    other = {"given_name": "Hassan", "middle_names": "Farsi", "family_name": "Ahmad"}
    assert "name.bag" in agreeing(tokens(**one), tokens(**other))
    short = {"given_name": "Ahmad", "family_name": "bin Hassan"}
    swapped = {"given_name": "Bin Hassan", "family_name": "Ahmad"}
    assert "name.bag" in agreeing(tokens(**short), tokens(**swapped))
