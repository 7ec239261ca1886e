"""What humans decide about possible links, and what the linker makes of questions by itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from streams.restricted import (
    LinkDecided,
    LinkReviewed,
    MergeDecided,
    PossibleLinkClosed,
    SplitDecided,
)
from streams.shared import LinkWeightsPublished, PublishedWeight
from streams.taxonomy import RelationKind
from streams.topics import REGISTRY, RESOLUTIONS, REVIEW_COMMANDS
from streams.values import (
    LinkBasis,
    LinkClosed,
    LinkDoubt,
    LinkVerdict,
    NodeKind,
    Sex,
    VoidReason,
)
from tests.enclave import (
    ARVID,
    NHS,
    OTHER_NHS,
    Enclave,
    corrected,
    person,
    report,
    seeded_ids,
    thing,
    tie,
)
from tests.linker_memory import remembered

HOME = {"address": "3 Nowhere Gardens", "postcode": "S99 9ZZ"}
TWIN = {"family_name": "Testmann", "born_on": date(2011, 5, 4), **HOME}
TOM, TIM = {**TWIN, "given_name": "Tom"}, {**TWIN, "given_name": "Tim"}
AT = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
async def enclave():
    return await Enclave().start()


async def review(enclave, verdict, left, right, by="reviewer-1"):
    event = LinkReviewed(
        kind=NodeKind.PERSON,
        left_id=left,
        right_id=right,
        verdict=verdict,
        decided_by=by,
        decided_at=AT,
    )
    await enclave.write(REVIEW_COMMANDS, event)
    await enclave.settle()


async def twins(enclave):
    """Two reports whose subjects are a question, and their ids."""
    tom, tim = report(person(**TOM)), report(person(**TIM), partner="porter-housing")
    await enclave.submit(tom, tim)
    (question,) = enclave.questions()
    assert {question.left_id, question.right_id} == {enclave.who(tom), enclave.who(tim)}
    return tom, tim, enclave.who(tom), enclave.who(tim)


def decided(enclave):
    return enclave.events(RESOLUTIONS, LinkDecided)


# --- verdicts -----------------------------------------------------------------


async def test_same_makes_them_one_even_over_a_contradiction(enclave):
    tom, tim, left, right = await twins(enclave)
    await review(enclave, LinkVerdict.SAME, left, right)
    assert enclave.who(tom) == enclave.who(tim)
    (merged,) = enclave.events(RESOLUTIONS, MergeDecided)
    assert merged.basis is LinkBasis.HUMAN
    (decision,) = decided(enclave)
    assert (decision.verdict, decision.void, decision.decided_by) == (
        LinkVerdict.SAME,
        None,
        "reviewer-1",
    )


async def test_different_parts_them_and_no_agreement_makes_them_one(enclave):
    tom, tim, left, right = await twins(enclave)
    await review(enclave, LinkVerdict.DIFFERENT, left, right)
    await enclave.submit(corrected(tim, person(**TOM)))
    assert enclave.who(tom) != enclave.who(tim)
    assert enclave.events(RESOLUTIONS, MergeDecided) == []
    assert len(enclave.questions()) == 1


async def test_a_strong_number_asks_again_of_two_that_were_parted_and_then_never(enclave):
    tom, tim, left, right = await twins(enclave)
    await review(enclave, LinkVerdict.DIFFERENT, left, right)
    await enclave.submit(corrected(tom, person(**TOM, nhs_number=NHS)))
    second = corrected(tim, person(**TIM, nhs_number=NHS))
    await enclave.submit(second)
    assert enclave.who(tom) != enclave.who(tim)
    assert [one.doubt for one in enclave.questions()] == [LinkDoubt.CONTRADICTED, LinkDoubt.PARTED]
    await review(enclave, LinkVerdict.DIFFERENT, left, right, by="reviewer-2")
    assert decided(enclave)[-1].void is None
    await enclave.submit(corrected(second, person(**TIM, nhs_number=NHS, phone="07700 900123")))
    assert len(enclave.questions()) == 2


async def test_unsure_is_on_record_and_leaves_the_question_open(enclave):
    tom, tim, left, right = await twins(enclave)
    await review(enclave, LinkVerdict.UNSURE, left, right)
    assert decided(enclave)[0].verdict is LinkVerdict.UNSURE
    assert enclave.linker.state.pairs.is_asked(left, right)
    await review(enclave, LinkVerdict.SAME, left, right, by="reviewer-2")
    assert enclave.who(tom) == enclave.who(tim)


async def test_different_after_same_undoes_exactly_that_merge(enclave):
    tom, tim, left, right = await twins(enclave)
    before = remembered(enclave.linker)
    await review(enclave, LinkVerdict.SAME, left, right)
    later = report(person(**TOM), partner="sheaf-health")
    await enclave.submit(later)
    await review(enclave, LinkVerdict.DIFFERENT, left, right, by="reviewer-2")
    (split,) = enclave.events(RESOLUTIONS, SplitDecided)
    assert (enclave.who(tom), enclave.who(tim)) == (left, right)
    assert split.decided_by == "reviewer-2"
    await enclave.withdraw(later)
    after = remembered(enclave.linker)
    for table in ("entities", "mentions", "spellings", "blocks", "seen", "merges", "moved"):
        left_out = {later.report_id.bytes}
        assert [row for row in after[table] if not mentions_one(row, left_out)] == before[table]


def mentions_one(row, ids):
    return any(isinstance(value, bytes) and value[-16:] in ids for value in row)


async def test_different_undoes_a_merge_that_no_human_made(enclave):
    by_number, by_name = report(person(nhs_number=NHS)), report(person(**ARVID))
    await enclave.submit(by_number, by_name)
    left, right = enclave.who(by_number), enclave.who(by_name)
    await enclave.submit(report(person(**ARVID, nhs_number=NHS), partner="porter-housing"))
    assert enclave.who(by_number) == enclave.who(by_name)
    await review(enclave, LinkVerdict.DIFFERENT, left, right)
    assert (enclave.who(by_number), enclave.who(by_name)) == (left, right)


async def test_the_merge_that_joined_two_is_the_one_that_is_undone(enclave):
    """Tim came to Tom, and both to a third: parting Tom and Tim leaves Tom with the third."""
    tom, tim, one, two = await twins(enclave)
    ann = report(person(**{**TWIN, "given_name": "Ann"}))
    await enclave.submit(ann)
    three = enclave.who(ann)
    await review(enclave, LinkVerdict.SAME, one, two)
    await review(enclave, LinkVerdict.SAME, two, three)
    assert enclave.who(tom) == enclave.who(tim) == enclave.who(ann)
    await review(enclave, LinkVerdict.DIFFERENT, one, two)
    assert enclave.who(tom) == enclave.who(ann) == one
    assert enclave.who(tim) == two


async def test_a_second_reviewer_who_says_the_other_is_a_new_decision(enclave):
    tom, tim, left, right = await twins(enclave)
    await review(enclave, LinkVerdict.DIFFERENT, left, right)
    await review(enclave, LinkVerdict.SAME, left, right, by="reviewer-2")
    assert enclave.who(tom) == enclave.who(tim)
    assert [one.decided_by for one in decided(enclave)] == ["reviewer-1", "reviewer-2"]


async def test_a_verdict_on_an_id_that_was_absorbed_holds_of_what_it_is_now(enclave):
    tom, tim, left, right = await twins(enclave)
    ann = report(person(**{**TWIN, "given_name": "Ann"}))
    await enclave.submit(ann)
    await review(enclave, LinkVerdict.SAME, left, right)
    await review(enclave, LinkVerdict.SAME, right, enclave.who(ann))
    assert decided(enclave)[-1].left_root == left
    assert enclave.who(ann) == enclave.who(tom) == enclave.who(tim)


@pytest.mark.parametrize(
    ("verdicts", "void"),
    [
        ((LinkVerdict.SAME, LinkVerdict.SAME), VoidReason.ALREADY_ONE),
        ((LinkVerdict.DIFFERENT, LinkVerdict.DIFFERENT), VoidReason.ALREADY_APART),
    ],
)
async def test_what_is_so_already_is_void_with_its_reason(enclave, verdicts, void):
    *_, left, right = await twins(enclave)
    for verdict in verdicts:
        await review(enclave, verdict, left, right)
    assert [one.void for one in decided(enclave)] == [None, void]


async def test_a_verdict_on_nobody_is_void_and_stops_nothing(enclave):
    tom, tim, left, right = await twins(enclave)
    await review(enclave, LinkVerdict.SAME, left, uuid4())
    await review(enclave, LinkVerdict.DIFFERENT, left, left)
    await enclave.withdraw(tim)
    await review(enclave, LinkVerdict.SAME, left, right)
    assert {one.void for one in decided(enclave)} == {VoidReason.UNKNOWN_ID}
    again = report(person(**TOM))
    await enclave.submit(again)
    assert enclave.who(again) == enclave.who(tom)


async def test_a_person_and_a_phone_are_not_the_same(enclave):
    told = report(person(**ARVID), thing(NodeKind.PHONE, phone="07700 900123"))
    await enclave.submit(told)
    await review(enclave, LinkVerdict.SAME, enclave.who(told), enclave.who(told, 1))
    assert decided(enclave)[0].void is VoidReason.OF_TWO_KINDS


async def test_a_linker_that_starts_anew_knows_every_verdict(enclave):
    *_, left, right = await twins(enclave)
    for verdict in (LinkVerdict.DIFFERENT, LinkVerdict.SAME, LinkVerdict.DIFFERENT):
        await review(enclave, verdict, left, right)
        before = remembered(enclave.linker)
        await enclave.restart(ids=enclave.linker._new_id)
        assert remembered(enclave.linker) == before


# --- questions ----------------------------------------------------------------


async def test_a_question_carries_the_waterfall_of_its_evidence(enclave):
    await twins(enclave)
    (question,) = enclave.questions()
    assert question.doubt is LinkDoubt.CONTRADICTED
    assert question.score == sum(one.centibits for one in question.levels)
    assert question.weights_version == enclave.linker._policy.weights.version
    assert {"given_name", "family_name", "born_on"} <= {one.field for one in question.levels}


async def two_with_a_wrong_date(enclave, *, beside):
    """Two persons that a wrong birth date keeps apart; `beside` is said of the second as well."""
    wrong = {**ARVID, "born_on": date(1949, 11, 30), "nhs_number": NHS}
    first, second = report(person(**ARVID)), report(person(**wrong), partner="porter-housing")
    await enclave.submit(first, second, report(person(**beside, nhs_number=NHS)))
    (question,) = enclave.questions()
    assert question.contradicted == ("born_on",)
    return first, second


async def test_a_question_is_settled_when_what_contradicted_is_corrected(enclave):
    first, second = await two_with_a_wrong_date(enclave, beside={"phone": "07700 900123"})
    await enclave.submit(corrected(second, person(**ARVID, nhs_number=NHS)))
    assert enclave.who(first) == enclave.who(second)
    (merged,) = enclave.events(RESOLUTIONS, MergeDecided)
    assert merged.basis is LinkBasis.AGREEMENT
    assert merged.kept_id == enclave.who(first)


async def test_a_question_stays_while_any_mention_still_contradicts(enclave):
    wrong = {"born_on": date(1949, 11, 30)}
    first, second = await two_with_a_wrong_date(enclave, beside=wrong)
    await enclave.submit(corrected(second, person(**ARVID, nhs_number=NHS)))
    assert enclave.who(first) != enclave.who(second)
    assert enclave.events(RESOLUTIONS, MergeDecided) == []


async def test_an_equal_number_settles_a_question(enclave):
    first, second = await two_with_a_wrong_date(enclave, beside={"phone": "07700 900123"})
    await enclave.submit(corrected(first, person(**ARVID, nhs_number=NHS)))
    assert enclave.who(first) == enclave.who(second)


async def test_a_question_that_nothing_supports_any_longer_is_withdrawn(enclave):
    _, tim, left, right = await twins(enclave)
    other = {"given_name": "Imke", "family_name": "Otherling", "born_on": date(2001, 1, 9)}
    await enclave.submit(corrected(tim, person(**other)))
    (closed,) = enclave.events(RESOLUTIONS, PossibleLinkClosed)
    assert {closed.left_id, closed.right_id} == {left, right}
    assert closed.reason in (LinkClosed.UNSUPPORTED, LinkClosed.GONE)
    assert not enclave.linker.state.pairs.is_asked(left, right)


async def test_a_question_about_somebody_who_is_withdrawn_is_closed(enclave):
    _, tim, left, right = await twins(enclave)
    await enclave.withdraw(tim)
    (closed,) = enclave.events(RESOLUTIONS, PossibleLinkClosed)
    assert closed.reason is LinkClosed.GONE
    assert not enclave.linker.state.pairs.is_asked(left, right)


async def test_twins_are_not_made_one_by_a_nickname_they_share(enclave):
    tom, tim, *_ = await twins(enclave)
    also = person(**{**TIM, "known_as": ("Tom",)})
    await enclave.submit(report(also, partner="sheaf-health"))
    assert enclave.who(tom) != enclave.who(tim)


async def test_two_numbers_part_whom_a_question_was_about(enclave):
    tom, tim, *_ = await twins(enclave)
    await enclave.submit(corrected(tom, person(**TOM, nhs_number=NHS, sex=Sex.MALE)))
    await enclave.submit(corrected(tim, person(**TIM, nhs_number=OTHER_NHS, sex=Sex.FEMALE)))
    assert enclave.who(tom) != enclave.who(tim)


# --- time ---------------------------------------------------------------------

YEAR = timedelta(days=365)
EVENT_AT = datetime(2026, 1, 3, 18, 30, tzinfo=UTC)


async def seen_again(enclave, kind, later, **identity):
    """Whether a thing seen again so much later is the same."""
    first = report(thing(kind, **identity), event_at=EVENT_AT - later)
    second = report(thing(kind, **identity), partner="porter-housing")
    await enclave.submit(first, second)
    return enclave.who(first) == enclave.who(second)


@pytest.mark.parametrize(
    ("kind", "identity", "soon", "late"),
    [
        (NodeKind.PHONE, {"phone": "07700 900123"}, YEAR, 3 * YEAR),
        (NodeKind.VEHICLE, {"vehicle_mark": "AB12 CDE"}, 2 * YEAR, 4 * YEAR),
    ],
)
async def test_a_thing_seen_again_after_long_may_be_anothers(kind, identity, soon, late):
    assert await seen_again(await Enclave().start(), kind, soon, **identity)
    enclave = await Enclave().start()
    assert not await seen_again(enclave, kind, late, **identity)
    (question,) = enclave.questions()
    assert question.doubt is LinkDoubt.REUSED


async def test_a_reused_number_joins_the_thing_it_was_last(enclave):
    assert not await seen_again(enclave, NodeKind.PHONE, 4 * YEAR, phone="07700 900123")
    third = report(thing(NodeKind.PHONE, phone="07700 900123"), partner="sheaf-health")
    await enclave.submit(third)
    second = next(one for key, one in enclave.mentions().items() if key[0] == "porter-housing")
    assert enclave.who(third) == second
    assert enclave.events(RESOLUTIONS, MergeDecided) == []


async def test_an_address_stays_an_address(enclave):
    assert await seen_again(enclave, NodeKind.ADDRESS, 20 * YEAR, **HOME)


async def test_a_recycled_phone_does_not_make_two_persons_one(enclave):
    phone = {"phone": "07700 900123"}
    before = report(
        person(given_name="Arvid", family_name="Testmann", **phone), event_at=EVENT_AT - 5 * YEAR
    )
    after = report(
        person(given_name="Arvid", family_name="Otherling", **phone), partner="porter-housing"
    )
    await enclave.submit(before, after)
    assert enclave.who(before) != enclave.who(after)


# --- relations ----------------------------------------------------------------


async def test_relations_alone_never_make_two_persons_one(enclave):
    mother = {"given_name": "Ines", "family_name": "Testmann", "nhs_number": NHS}
    told = [
        report(
            person("m", **mother),
            person("c", given_name=name, family_name="Testmann"),
            relations=(tie("m", RelationKind.PARENT, "c"),),
            partner=partner,
        )
        for name, partner in (("Tom", "loxley-council"), ("Tim", "porter-housing"))
    ]
    await enclave.submit(*told)
    assert enclave.who(told[0]) == enclave.who(told[1])
    assert enclave.who(told[0], 1) != enclave.who(told[1], 1)
    assert enclave.events(RESOLUTIONS, MergeDecided) == []


async def test_memory_of_relations_and_weeks_is_recovered(enclave):
    mother = {"given_name": "Ines", "family_name": "Testmann", "nhs_number": NHS}
    told = report(
        person("c", **TOM),
        person("m", **mother),
        thing(NodeKind.ORGANISATION, "s", organisation_name="St Invented Primary"),
        relations=(tie("m", RelationKind.PARENT, "c"), tie("c", RelationKind.ATTENDS, "s")),
    )
    await enclave.submit(told)
    before = remembered(enclave.linker)
    assert len(before["ties"]) == 2
    assert (
        len(enclave.linker.state.ties_of(enclave.linker.state.entity(enclave.who(told)).number))
        == 2
    )
    assert before["seen"]
    await enclave.restart(ids=seeded_ids(3))
    assert remembered(enclave.linker) == before


# --- weights ------------------------------------------------------------------


async def test_published_weights_hold_for_what_comes_after_them(enclave):
    ours = enclave.linker._policy.weights
    first = report(person(**ARVID))
    await enclave.submit(first)
    strict = LinkWeightsPublished(
        version=ours.version + 1,
        weights=tuple(
            PublishedWeight(field=one.field, level=one.level, centibits=one.centibits)
            for one in ours.levels
        ),
        threshold_centibits=ours.threshold + 100_000,
        review_threshold_centibits=ours.review_threshold,
        population=ours.population,
        trained_on="a test",
        decided_by="registrar",
        decided_at=AT,
    )
    await enclave.write(REGISTRY, strict)
    second = report(person(**ARVID), partner="porter-housing")
    await enclave.submit(second)
    assert enclave.who(first) != enclave.who(second)
    (question,) = enclave.questions()
    assert (question.weights_version, question.doubt) == (ours.version + 1, LinkDoubt.WEAK)
