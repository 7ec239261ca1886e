"""The rows of a network: what the fold needs to start again, and what people look at.

All of it is a function of the topic of the evidence alone (`police.intelligence` or
`safeguarding.intelligence`), but for DECISIONS and the columns `is_nominal` and
`is_suspected_nominal` of ENTITIES, which police decide on a topic of their own. So views as of a
moment can go by the offset of the evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, String, Table

from consumers.past import COMPARED, DATED

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

METADATA: Final = MetaData()


def _key(name: str, kind: type[TypeEngine[Any]] = String) -> Column[Any]:
    return Column(name, kind, primary_key=True)


def _text(name: str, *, optional: bool = False) -> Column[str]:
    return Column(name, String, nullable=optional)


def _number(name: str, *, optional: bool = False) -> Column[int]:
    return Column(name, Integer, nullable=optional)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _table(name: str, *parts: Column[Any]) -> Table:
    return Table(name, METADATA, *parts, sqlite_with_rowid=False)


# --- what the fold starts again from ---------------------------------------------

REPORTS: Final = _table(
    "reports",
    _key("report_id"),
    _flag("is_withdrawn"),  # then all that follows is empty
    _number("revision", optional=True),
    _text("origin_id", optional=True),
    _text("event_week", optional=True),
    _text("district", optional=True),
    Column("is_criminal", Boolean, nullable=True),
    _text("scheme", optional=True),  # the grade that stands: of police, once they gave one
    _text("source", optional=True),
    _text("assessment", optional=True),
    _text("handling", optional=True),  # JSON: code, recipients, conditions
)
MENTIONS: Final = _table(
    "mentions",
    _key("report_id"),
    _key("node", Integer),
    _text("kind"),
    _text("entity_id"),
    _text("child_at_event"),
    _text("role"),
    _text("age_band"),
)
RELATIONS: Final = _table(
    "relations",
    _key("report_id"),
    _key("number", Integer),
    _number("subject"),
    _number("object"),
    _text("kind"),
)
FACTS: Final = _table(
    "facts",
    _key("report_id"),
    _key("number", Integer),
    _text("theme"),
    _text("activity"),
    _text("four_p"),
)
GRADES: Final = _table(
    "grades",  # by police, of the revision that stands and of those still to come
    _key("report_id"),
    _key("revision", Integer),
    _text("scheme"),
    _text("source", optional=True),
    _text("assessment", optional=True),
)
AGES: Final = _table("ages", _key("person_id"), _key("week"), _text("age_band"))
REDIRECTS: Final = _table("redirects", _key("absorbed_id"), _text("kept_id"))
WAITING_SPLITS: Final = _table(
    "waiting_splits", _key("report_id"), _key("node", Integer), _text("entity_id")
)
SPLITS: Final = _table("splits", _key("person_id"), _number("last_at"))
DECISIONS: Final = _table(
    "decisions", _key("person_id"), _number("enrolled"), _number("seen"), _number("discharged")
)
NAMES: Final = _table(
    "names",  # of networks, also of those that are none any longer
    _key("network_id"),
    _text("carrier_id"),
    _number("since"),  # the offset of the event that formed it
    _number("people"),  # 0 while it sleeps
    _number("turned"),  # the offset of the event that woke it or put it to sleep
)

# --- what people look at -----------------------------------------------------------

ENTITIES: Final = _table(
    "entities",
    _key("entity_id"),
    _text("kind"),
    _flag("is_child"),
    _flag("is_suspect"),
    _flag("is_victim"),
    _flag("is_nominal"),
    _flag("is_suspected_nominal"),
    _text("network_id", optional=True),
    _number("reports"),
    _flag("is_deal_line"),
    _flag("is_cuckooed"),
    _text("age_band"),
)
TIES: Final = _table(
    "ties",
    _key("subject_id"),
    _key("object_id"),
    _key("kind"),
    _number("weight"),
    _number("reports"),
    _text("first_week"),
    _text("last_week"),
    _text("weakest_scheme"),
    _text("weakest_source", optional=True),
    _text("weakest_assessment", optional=True),
    _flag("tentative"),
    _number("doubted"),
)
PAIRS: Final = _table(
    "pairs",
    _key("low_id"),
    _key("high_id"),
    _number("weight"),
    _text("first_week"),
    _text("last_week"),
    _flag("tentative"),
    _number("doubted"),
)
NETWORKS: Final = _table(
    "networks",
    _key("network_id"),
    _number("people"),  # who count towards three: neither children nor victims only
    _number("children"),
    _number("victims"),
    _number("others"),
    _number("since"),
)
HISTORY: Final = _table(
    "network_history",  # grows only
    _key("network_id"),
    _key("offset", Integer),  # of the event on the topic of the evidence
    _key("number", Integer),
    _text("change"),  # see consumers.network.identity.Change
    _text("other_id", optional=True),
    _number("people"),  # who count afterwards
)

Index("mentions_by_entity", MENTIONS.c.entity_id)
Index("facts_by_theme", FACTS.c.theme)
Index("ties_by_object", TIES.c.object_id)
Index("history_by_other", HISTORY.c.other_id)
Index("entities_by_network", ENTITIES.c.network_id)

for _compared in (ENTITIES, TIES):
    _compared.info[COMPARED] = True
for _dated in (REPORTS, GRADES, REDIRECTS, SPLITS):
    _dated.info[DATED] = True

NETWORK_TABLES: Final = (
    REPORTS,
    MENTIONS,
    RELATIONS,
    FACTS,
    GRADES,
    AGES,
    REDIRECTS,
    WAITING_SPLITS,
    SPLITS,
    DECISIONS,
    NAMES,
    ENTITIES,
    TIES,
    PAIRS,
    NETWORKS,
    HISTORY,
)
