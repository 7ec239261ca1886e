"""Who may do what: acts of people, and the roles of the register that allow each.

A name alone allows nothing. A role is assigned by an administrator until a day (`rivelin staff`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from deploy.registry import UnknownPartnerError, registry_in
from streams.codec import encode
from streams.codes import StaffRole
from streams.errors import DeniedError, InvalidInputError
from streams.ports import Outgoing
from streams.shared import DecisionRefused
from streams.topics import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from streams.ports import Log
    from streams.registry import Registry

NAME_CHARS_MAX: Final = 80


class NotYourRoleError(DeniedError):
    """No role of this person allows the act. An administrator assigns one: `rivelin staff assign`.

    The message names the roles that would do.
    """


class CoordinatorDecidesNothingError(DeniedError):
    """A member of the co-ordination team facilitates and never decides, whatever else they are.

    Source: domain.md section 8, rule 40.
    """


class Act(StrEnum):
    """What a person asks the system to do or to show."""

    LOOK_AT_POLICE_VIEW = "look at a police view"
    LOOK_AT_HUB_VIEW = "look at a view of the hub"
    LOOK_AT_DISRUPTIONS = "look at disruptions"
    LOOK_AT_WITHHELD = "count what was withheld"
    GRADE_REPORT = "grade a report"
    DECIDE_ON_NOMINAL = "enrol or discharge a nominal"
    DECIDE_ON_OCG = "map, merge, split, archive or reactivate an OCG"
    CONFIRM_ROLE = "confirm or end a role"
    SCORE_OCG = "score an OCG"
    ASK_HUB_VIEW = "ask the hub's view"
    PLAN_DISRUPTION = "plan a disruption, or tell how it went"
    ASSESS_IMPACT = "assess an impact"
    RECORD_OUTCOME = "record an outcome, an intervention or a concern"
    CLAIM_ALERT = "claim an alert"
    ASSESS_THRESHOLD = "assess the level of need"
    REFER = "refer"
    ANSWER_REFERRAL = "accept or decline a referral"
    CLOSE_ALERT = "close an alert"
    RELEASE_NOTICE = "release a notice or a message"
    ADOPT_RULES = "adopt rules"
    RUN_LABORATORY = "run the threshold laboratory"
    DECIDE_ON_FINDING = "decide on a finding"
    LIST_PROVISION = "list or offer provision"
    NOTIFY_SLAVERY = "notify suspected modern slavery"
    LOOK_AT_METERS = "look at the meters"
    GIVE_HUB_VIEW = "give the hub's view, or declare protection"


_POLICE: Final = frozenset(
    {StaffRole.ANALYST, StaffRole.LEAD_RESPONSIBLE_OFFICER, StaffRole.RATER, StaffRole.ASSESSOR}
)
_HUB: Final = frozenset({StaffRole.HUB_PRACTITIONER, StaffRole.HUB_LEAD})
_DISRUPTS: Final = frozenset(
    {StaffRole.DISRUPTION_OFFICER, StaffRole.LEAD_RESPONSIBLE_OFFICER, StaffRole.ANALYST}
)
_LEAD: Final = frozenset({StaffRole.HUB_LEAD})
#: Looks, which a co-ordinator may take as well.
_LOOKS: Final = frozenset(
    {
        *(Act.LOOK_AT_POLICE_VIEW, Act.LOOK_AT_HUB_VIEW, Act.LOOK_AT_DISRUPTIONS),
        *(Act.LOOK_AT_WITHHELD, Act.LOOK_AT_METERS),
    }
)
_WATCHES: Final = frozenset({StaffRole.AUDITOR, StaffRole.COORDINATOR})

ALLOWED: Final[Mapping[Act, frozenset[StaffRole]]] = {
    Act.LOOK_AT_POLICE_VIEW: _POLICE | {StaffRole.AUDITOR},
    Act.LOOK_AT_HUB_VIEW: _HUB | {StaffRole.SOCIAL_WORKER, StaffRole.AUDITOR},
    Act.LOOK_AT_DISRUPTIONS: _POLICE | _DISRUPTS | _WATCHES,
    Act.LOOK_AT_WITHHELD: frozenset({StaffRole.AUDITOR}),
    Act.GRADE_REPORT: frozenset({StaffRole.ANALYST}),
    Act.DECIDE_ON_NOMINAL: frozenset({StaffRole.ANALYST, StaffRole.LEAD_RESPONSIBLE_OFFICER}),
    Act.DECIDE_ON_OCG: frozenset({StaffRole.ANALYST}),
    Act.CONFIRM_ROLE: frozenset({StaffRole.ANALYST, StaffRole.LEAD_RESPONSIBLE_OFFICER}),
    Act.SCORE_OCG: frozenset({StaffRole.RATER}),
    Act.ASK_HUB_VIEW: frozenset({StaffRole.ANALYST, StaffRole.LEAD_RESPONSIBLE_OFFICER}),
    Act.PLAN_DISRUPTION: _DISRUPTS,
    Act.ASSESS_IMPACT: frozenset({StaffRole.ASSESSOR}),
    Act.RECORD_OUTCOME: _DISRUPTS,
    Act.CLAIM_ALERT: _HUB,
    Act.ASSESS_THRESHOLD: _HUB,
    Act.REFER: _HUB,
    Act.ANSWER_REFERRAL: frozenset({StaffRole.SOCIAL_WORKER}),
    Act.CLOSE_ALERT: _HUB,
    Act.RELEASE_NOTICE: _HUB,
    Act.ADOPT_RULES: _LEAD,
    Act.RUN_LABORATORY: _HUB,
    Act.DECIDE_ON_FINDING: _LEAD,
    Act.LIST_PROVISION: _HUB,
    Act.NOTIFY_SLAVERY: _HUB,
    Act.LOOK_AT_METERS: frozenset(StaffRole),
    Act.GIVE_HUB_VIEW: _LEAD,
}


def require(registry: Registry, name: str, act: Act, at: datetime) -> None:
    """Let a named person do this at an instant, or refuse.

    Raises: NotYourRoleError, CoordinatorDecidesNothingError.
    """
    held = {one.role for one in registry.roles_of(name, at)}
    if StaffRole.COORDINATOR in held and act not in _LOOKS:
        raise CoordinatorDecidesNothingError(
            f"you may not {act}: a member of the co-ordination team never decides"
        )
    if not held & ALLOWED[act]:
        wanted = " or ".join(sorted(ALLOWED[act]))
        raise NotYourRoleError(
            f"you may not {act}: the register gives this name no role of {wanted}"
            " today; an administrator assigns one with `rivelin staff assign`"
        )


async def allow_meters(log: Log, name: str, partner: str | None, at: datetime) -> None:
    """Let a person see an agency's own meters if they act for it, or audit; all see the whole.

    Raises: DeniedError, recorded; UnknownPartnerError.
    """
    await allow(log, name, Act.LOOK_AT_METERS, f"meters show {partner or 'all'}", at)
    register = await registry_in(log)
    held = register.roles_of(name, at)
    is_own = any(one.agency == partner or one.role is StaffRole.AUDITOR for one in held)
    if partner is not None and not is_own:
        await _refused(log, name, Act.LOOK_AT_METERS, f"meters show {partner}", at)
        raise NotYourRoleError("an agency's own meters are for those who act for it, and auditors")
    if partner is not None and register.entry(partner) is None:
        raise UnknownPartnerError(f"{partner} is no partner of the register")


async def _refused(log: Log, name: str, act: Act, subject: str, at: datetime) -> None:
    event = DecisionRefused(actor=name, act=act.name, subject=subject, at=at)
    await log.append([Outgoing(OPERATIONS, encode(event))])


async def allow(log: Log, name: str, act: Act, subject: str, at: datetime) -> None:
    """Let a person do it by the register as it is now; a refusal goes on the record.

    `subject` names the record concerned: ids and codes only.
    Raises: DeniedError, InvalidInputError for a name that is none.
    """
    if not name.strip() or len(name) > NAME_CHARS_MAX:
        raise InvalidInputError(f"a name has up to {NAME_CHARS_MAX} characters")
    try:
        require(await registry_in(log), name, act, at)
    except DeniedError:
        await _refused(log, name, act, subject, at)
        raise
