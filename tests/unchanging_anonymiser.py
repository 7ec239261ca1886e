"""A control: an anonymiser that changes nothing. It lives under tests; nothing installed has it.

Linker and intake are left out of the way: what the partner wrote stands on the
gate's input as it was written, wherever a field takes it.
"""

from __future__ import annotations

from uuid import UUID, uuid5

from streams.codec import decode
from streams.restricted import LinkedNode, PersonFacts, ReportLinked, ReportSubmitted
from streams.sealing import open_submission
from streams.values import AgeBand, ChildAtEvent

_IDS = UUID(int=0x7E57)
NOTHING = PersonFacts()


def unchanged(record_value, keys, received_at, *, narrative=True):
    """Make of a sealed submission a linked report in which nothing is generalised or redacted."""
    submission = decode(record_value, ReportSubmitted)
    report = open_submission(submission, keys.sealing[submission.key_epoch]).report
    numbers = {node.label: number for number, node in enumerate(report.nodes)}
    return ReportLinked(
        partner=report.partner,
        report_id=report.report_id,
        revision=report.revision,
        supersedes=report.supersedes,
        received_at=received_at,
        origin_id=uuid5(_IDS, f"{report.partner} {report.report_id}"),
        immediate_risk=report.immediate_risk,
        service=report.service,
        data_category=report.data_category,
        gateway=report.gateway,
        purpose=report.purpose,
        event_week=report.event_at.isoformat(),
        district=report.place.postcode,
        nodes=tuple(_node(number, node) for number, node in enumerate(report.nodes)),
        relations=tuple(
            _relation(one, numbers[one.subject], numbers[one.object]) for one in report.relations
        ),
        facts=report.facts,
        source=report.source,
        grading=report.grading,
        handling=report.handling,
        submission=record_value,
        redacted=report.narrative if narrative else None,
    )


def _node(number, node):
    person = node.person or NOTHING
    return LinkedNode(
        node=number,
        kind=node.kind,
        entity_id=raw_id(node),
        sex=person.sex,
        age_band=AgeBand.UNKNOWN,
        child_at_event=ChildAtEvent.UNKNOWN,
        role=person.role,
        protected=node.protected,
        conflict=node.conflict,
    )


def raw_id(node):
    """The name itself where an id should stand."""
    name = (node.identity and (node.identity.given_name or node.identity.phone)) or node.label
    return UUID(bytes=name.encode()[:16].ljust(16, b"\0"))


def _relation(one, subject, target):
    from streams.restricted import NumberedRelation  # noqa: PLC0415 - one caller

    return NumberedRelation(subject=subject, object=target, kind=one.kind)
