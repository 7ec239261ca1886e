"""A product is handled as strictly as the strictest report it was made from."""

from __future__ import annotations

from datetime import UTC, datetime

from consumers.network import look
from consumers.network.tables import REPORTS
from consumers.safeguarding import look as hub_look
from deploy.pipeline import Pipeline
from streams.memory import LogicalClock, MemoryLog
from streams.parts import Handling
from streams.taxonomy import RelationKind
from streams.values import Audience, ConditionCode, HandlingCode, PartnerType, Role
from tests.enclave import Enclave, onboarded, person, report, tie

P = Handling(code=HandlingCode.P)
STRICT = Handling(
    code=HandlingCode.C, recipients=tuple(Audience), conditions=(ConditionCode.A3, ConditionCode.S1)
)
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


ADULTS = {"Arvid": "9434765919", "Enno": "9434765870", "Imke": "4010232137"}


def crew(handling, child=None):
    """A report that ties three people to one another, and Arvid to a child."""
    people = [person(name, given_name=name, nhs_number=number) for name, number in ADULTS.items()]
    ties = [tie("Arvid", RelationKind.CO_OFFENDER, name) for name in ("Enno", "Imke")]
    if child is not None:
        people.append(person(child, age=12, role=Role.VICTIM, given_name=child))
        ties.append(tie("Arvid", RelationKind.EXPLOITS, child))
    return report(*people, relations=tuple(ties), handling=handling)


async def told(*reports):
    entry = onboarded("loxley-council", PartnerType.COUNCIL)
    pipeline = Pipeline(MemoryLog(LogicalClock(NOW)), Enclave().keys, [entry])
    await pipeline.start()
    await pipeline.send(reports)
    await pipeline.settle()
    return pipeline


async def test_a_merged_person_and_the_network_are_handled_as_the_strictest_report():
    pipeline = await told(crew(P, "Otto"), crew(STRICT), crew(Handling()))
    with pipeline.networks.snapshot() as view:
        (network,) = look.networks(view.connection)
        shown = look.network(view.connection, network["network_id"])
        people = look.persons(view.connection)
    assert shown["handling"] == {
        "code": "C",
        "recipients": ["POLICE", "SAFEGUARDING"],
        "conditions": ["A3", "S1"],
    }
    assert {one["reports"] for one in people if not one["is_child"]} == {3}


async def test_a_report_without_a_code_makes_a_product_that_is_not_taken_for_permitted():
    pipeline = await told(crew(P, "Otto"), crew(Handling()))
    with pipeline.networks.snapshot() as view:
        (network,) = look.networks(view.connection)
        assert look.network(view.connection, network["network_id"])["handling"]["code"] == "NONE"


async def test_an_alert_is_handled_as_the_strictest_report_of_its_path():
    pipeline = await told(crew(P), crew(STRICT, "Otto"), crew(P, "Ottilie"))
    with pipeline.alerts.snapshot() as view:
        found = {
            tuple(hub_look.alert(view.connection, one["alert_id"])["handling"]["conditions"])
            for one in hub_look.alerts(view.connection)
        }
    assert found <= {(), ("A3", "S1")}
    assert ("A3", "S1") in found


async def test_each_report_keeps_its_handling_beside_its_evidence():
    pipeline = await told(crew(P, "Otto"), crew(STRICT))
    with pipeline.networks.snapshot() as view:
        texts = {row["handling"] for row in view.rows(REPORTS)}
    assert texts == {
        '["P", [], []]',
        '["C", ["POLICE", "SAFEGUARDING"], ["A3", "S1"]]',
    }
