"""What is asked for of the broker, as data: the tests on a real broker are in integration/."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deploy.acls import Grant, Permission, Resource, grants, is_stale, wanted
from deploy.certificates import OWN_PRINCIPALS
from deploy.pki import Pki, RevocationReason
from streams.topics import PUBLIC_KEYS, ROLE_PRINCIPALS, SHARED_TOPICS, partner_topics

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
PARTNERS = ("loxley-homes", "owlerton-school")


@pytest.fixture
def pki(tmp_path):
    made = Pki(tmp_path / "pki")
    made.create(AT)
    return made


def test_every_writer_and_reader_of_the_table_is_a_principal_that_certificates_are_issued_to():
    specs = (*SHARED_TOPICS, *partner_topics("loxley-homes"))
    named = {one for spec in specs for one in (*spec.writers, *spec.readers)}

    assert named - {"everyone", "partner:loxley-homes"} <= set(ROLE_PRINCIPALS)


def test_a_partner_may_write_its_submissions_read_its_feedback_and_the_public_keys():
    assert grants(PARTNERS)["partner:loxley-homes"] == {
        Grant(Resource.TOPIC, "partner.loxley-homes.submissions", "WRITE"),
        Grant(Resource.TOPIC, "partner.loxley-homes.feedback", "READ"),
        Grant(Resource.TOPIC, PUBLIC_KEYS, "READ"),
    }


def test_no_role_may_make_alter_or_delete_anything():
    for principal, mine in grants(PARTNERS).items():
        if principal != "administrator":
            assert {one.operation for one in mine} <= {"READ", "WRITE", "DESCRIBE"}


def test_no_grant_is_a_wildcard():
    assert not any("*" in one.name for mine in grants(PARTNERS).values() for one in mine)


def test_each_live_certificate_has_its_principals_grants_and_a_super_user_none(pki):
    pki.ensure(OWN_PRINCIPALS, AT)
    pki.renew("linker", AT)

    asked = wanted(pki.issued(), PARTNERS, AT)

    mine = {name: {one.grant for one in asked if one.principal == f"User:{name}"}
            for name in ("linker.1", "linker.2", "node.1", "supervisor.1")}  # fmt: skip
    assert mine["linker.1"] == mine["linker.2"] == grants(PARTNERS)["linker"]
    assert mine["node.1"] == mine["supervisor.1"] == set()


def test_a_revoked_certificate_is_denied_everything_and_has_no_grant(pki):
    pki.issue("linker", AT)
    pki.revoke("linker", AT, RevocationReason.KEY_COMPROMISE)

    asked = wanted(pki.issued(), PARTNERS, AT)

    assert {one.grant.resource for one in asked} == set(Resource)
    assert all(one.is_denied and one.grant.operation == "ALL" for one in asked)


def test_an_ended_certificate_has_nothing(pki):
    pki.issue("linker", AT)

    assert wanted(pki.issued(), PARTNERS, AT + timedelta(days=91)) == frozenset()


def test_what_is_left_of_an_ended_certificate_is_stale_and_what_is_a_strangers_is_not(pki):
    pki.issue("linker", AT)
    read = Grant(Resource.TOPIC, PUBLIC_KEYS, "READ")
    own, stranger = Permission("User:linker.1", read), Permission("User:linker.9", read)

    assert not is_stale(own, pki.issued(), AT)
    assert is_stale(own, pki.issued(), AT + timedelta(days=91))
    for other in (stranger, Permission("User:*", read), Permission("Group:linker.1", read)):
        assert not is_stale(other, pki.issued(), AT + timedelta(days=91))


def test_a_permission_reads_as_a_sentence():
    prefix = Grant(Resource.TRANSACTIONAL_ID, "rivelin-intake-", "WRITE", is_prefix=True)

    assert str(Permission("User:anonymiser.1", prefix)) == (
        "User:anonymiser.1 may WRITE transactional id rivelin-intake- and all that begin so"
    )
