"""Drafts of an admin in, rules of the workspace out: a change is a new version, and none is ever overwritten.

Every change is written to the audit log in the caller's transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, get_args

from sqlalchemy import BindParameter, Connection, RowMapping, Select, and_, bindparam, func, insert, select, update

from vocservice.errors import ConflictError, InputError, RuleError
from vocservice.records import Json
from vocservice.rules.names import read_rule
from vocservice.rules.parse import parse
from vocservice.store import audit
from vocservice.store.accounts.users import ANALYST
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.review import handling, urgency
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import alerts, rule_hits, rule_versions, rules, users
from vocservice.taxonomy import Taxonomy

Effect = Literal["review", "route"]
LONGEST_NAME, LONGEST_OWNER, LONGEST_REASON = 50, 100, 500
MOST_RULES = 200
MOST_URGENCY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A draft of a rule.

    Attributes:
        effect: `review` puts matching records into the queue; `route` only adds the tag or the assignee.
        urgency: points that a hit adds in the queue, 0 to 100.
        tag: added to the record, blank for none.
        assignee: e-mail of the person who gets the record if nobody has it, blank for nobody.
    """

    name: str
    owner: str
    expression: str
    reason: str
    effect: str = "review"
    urgency: int = 20
    tag: str = ""
    assignee: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, or one of its versions; `assignee` is an e-mail address."""

    id: str
    workspace_id: str
    version: int
    is_enabled: bool
    name: str
    owner: str
    expression: str
    reason: str
    effect: Effect
    urgency: int
    tag: str | None
    assignee_id: str | None
    assignee: str | None
    taxonomy: str
    changed_by: str
    changed_at: datetime
    created_at: datetime

    def to_dict(self) -> Json:
        """The rule as shown by the command line and the API."""
        stamps = {"changed_by": self.changed_by, "changed_at": self.changed_at.isoformat(), "created_at": self.created_at.isoformat()}
        return {name: getattr(self, name) for name in _TOLD} | stamps


_TOLD = ("id", "name", "owner", "expression", "reason", "effect", "urgency", "tag", "assignee", "is_enabled", "version", "taxonomy")


def create(connection: Connection, workspace_id: str, draft: Draft, taxonomy: Taxonomy, *, is_enabled: bool, actor: str) -> Rule:
    """Create a rule; it applies to analyses from now on.

    Raises:
        RuleError: its text is not a rule, or names something missing from the taxonomy (`rule_invalid`).
        InputError: another field is unusable (`rule_unusable`, `tag_unusable`), its name is taken (`name_taken`), or there are too many
            (`rules_full`).
    """
    values, at = _checked(connection, workspace_id, draft, taxonomy), now(connection)
    if connection.execute(select(func.count()).where(rules.c.workspace_id == workspace_id)).scalar_one() >= MOST_RULES:
        raise InputError(f"a workspace has at most {MOST_RULES} rules; change one that is off", code="rules_full")
    row = {"id": new_id("rule"), "workspace_id": workspace_id, "name": values["name"], "version": 1, "is_enabled": is_enabled}
    if not insert_if_new(connection, rules, row | {"created_by": actor, "created_at": at}):
        raise InputError("there is a rule of this name already", code="name_taken")
    _keep_version(connection, row, values, at=at, actor=actor)
    _audit(connection, workspace_id, actor, "rule.create", str(row["id"]), version=1, enabled=is_enabled)
    return get(connection, workspace_id, str(row["id"]))


def change(connection: Connection, held: Rule, draft: Draft, taxonomy: Taxonomy, *, actor: str) -> Rule:
    """Save a new version of a rule, unless unchanged. Alerts on the rule follow its new name.

    Raises:
        RuleError, InputError: as in `create`.
        ConflictError: it was changed since it was read (`rule_conflict`).
    """
    values, at = _checked(connection, held.workspace_id, draft, taxonomy), now(connection)
    if all(getattr(held, name) == value for name, value in values.items()):
        return held
    _check_free(connection, held, values["name"])
    standing = update(rules).where(rules.c.id == held.id, rules.c.version == held.version)
    if not connection.execute(standing.values(name=values["name"], version=held.version + 1)).rowcount:
        raise ConflictError("somebody changed this rule since you opened it; nothing was stored", code="rule_conflict")
    row = {"id": held.id, "workspace_id": held.workspace_id, "version": held.version + 1}
    _keep_version(connection, row, values, at=at, actor=actor)
    if values["name"] != held.name:
        _rename_in_alerts(connection, held, values["name"])
    _audit(connection, held.workspace_id, actor, "rule.change", held.id, version=held.version + 1)
    return get(connection, held.workspace_id, held.id)


def set_enabled(connection: Connection, held: Rule, is_enabled: bool, *, actor: str) -> None:
    """Enable or disable a rule; its hits stay."""
    if held.is_enabled != is_enabled:
        connection.execute(update(rules).where(rules.c.id == held.id).values(is_enabled=is_enabled))
        _audit(connection, held.workspace_id, actor, f"rule.{'enable' if is_enabled else 'disable'}", held.id)


def get(connection: Connection, workspace_id: str, rule_id: str) -> Rule:
    """A rule of a workspace.

    Raises:
        InputError: there is none (`rule_unknown`).
    """
    row = connection.execute(_standing(workspace_id).where(rules.c.id == rule_id)).mappings().one_or_none()
    if row is None:
        raise InputError("there is no such rule", code="rule_unknown")
    return _rule(row)


def listed(connection: Connection, workspace_id: str) -> list[Rule]:
    """The rules of a workspace by name."""
    return [_rule(row) for row in connection.execute(_standing(workspace_id).order_by(rules.c.name)).mappings()]


def enabled(connection: Connection, workspace_id: str) -> list[Rule]:
    """The enabled rules."""
    return [_rule(row) for row in connection.execute(_that_count(), {"workspace": workspace_id}).mappings()]


def taker(connection: Connection, rule: Rule) -> str | None:
    """The id of a rule's assignee; None for nobody, or if that person may no longer decide."""
    return connection.scalar(_deciders(rule.workspace_id).where(users.c.id == rule.assignee_id)) if rule.assignee_id else None


def versions(connection: Connection, held: Rule) -> list[Rule]:
    """Every version of a rule, newest first."""
    chosen = _all().where(rules.c.id == held.id).order_by(rule_versions.c.version.desc())
    return [_rule(row) for row in connection.execute(chosen).mappings()]


def hits_each(connection: Connection, workspace_id: str) -> dict[str, int]:
    """Number of matching records per rule, over all versions, by id."""
    counted = select(rule_hits.c.rule_id, func.count(rule_hits.c.record_id.distinct()))
    rows = connection.execute(counted.where(rule_hits.c.workspace_id == workspace_id).group_by(rule_hits.c.rule_id))
    return {row[0]: row[1] for row in rows}


def hits_of(connection: Connection, held: Rule) -> int:
    """Number of matching records of a rule, over all versions."""
    return connection.execute(select(func.count(rule_hits.c.record_id.distinct())).where(rule_hits.c.rule_id == held.id)).scalar_one()


def _checked(connection: Connection, workspace_id: str, draft: Draft, taxonomy: Taxonomy) -> dict[str, Any]:
    """The columns of a draft."""
    texts = {name: _text(name, getattr(draft, name), most) for name, most in _LONGEST.items()}
    if draft.effect not in get_args(Effect):
        raise InputError(f"the effect of a rule is {' or '.join(get_args(Effect))}", code="rule_unusable")
    if not 0 <= draft.urgency <= MOST_URGENCY:
        raise InputError(f"the urgency of a rule is from 0 to {MOST_URGENCY} points", code="rule_unusable")
    tag = handling.checked_tag(draft.tag) if draft.tag.strip() else None
    assignee = _assignee(connection, workspace_id, draft.assignee)
    if draft.effect == "route" and not (tag or assignee):
        raise InputError("a rule that routes names a tag or a person", code="rule_unusable")
    plain = {"effect": draft.effect, "urgency": draft.urgency, "tag": tag, "assignee_id": assignee, "taxonomy": taxonomy.id}
    return texts | plain | {"expression": _in_full(draft.expression, taxonomy)}


_LONGEST: Mapping[str, int] = {"name": LONGEST_NAME, "owner": LONGEST_OWNER, "reason": LONGEST_REASON}


def _in_full(expression: str, taxonomy: Taxonomy) -> str:
    """The stored form of a rule, with every label under its set; refused if it cannot be parsed again."""
    full = str(read_rule(expression, taxonomy))
    try:
        parse(full)
    except RuleError as error:
        raise RuleError(f"written in full, every label under its set: {error.message}") from None
    return full


def _text(name: str, given: str, most: int) -> str:
    text = " ".join(given.split())
    if not text or len(text) > most or not text.isprintable():
        raise InputError(f"the {name} of a rule has 1 to {most} printable characters", code="rule_unusable")
    return text


def _assignee(connection: Connection, workspace_id: str, email: str) -> str | None:
    if not email.strip():
        return None
    found = connection.scalar(_deciders(workspace_id).where(users.c.email == email.strip().lower()))
    if found is None:
        raise InputError("who gets the records must be somebody who may decide in this workspace", code="rule_unusable")
    return str(found)


def _deciders(workspace_id: str) -> Select[Any]:
    """The ids of users who may decide."""
    return select(users.c.id).where(users.c.workspace_id == workspace_id, users.c.is_active, users.c.role != ANALYST)


def _check_free(connection: Connection, held: Rule, name: str) -> None:
    taken = select(rules.c.id).where(rules.c.workspace_id == held.workspace_id, rules.c.name == name, rules.c.id != held.id)
    if connection.scalar(taken) is not None:
        raise InputError("there is a rule of this name already", code="name_taken")


def _rename_in_alerts(connection: Connection, held: Rule, name: str) -> None:
    """Alerts refer to a rule by name: update those on this one."""
    old, new = f"{urgency.RULES}.{held.name}", f"{urgency.RULES}.{name}"
    found = select(alerts.c.id, alerts.c.labels).where(alerts.c.workspace_id == held.workspace_id)
    for alert_id, labels in connection.execute(found).all():
        if old in labels:
            renamed = list(dict.fromkeys(new if label == old else label for label in labels))
            connection.execute(update(alerts).where(alerts.c.id == alert_id).values(labels=renamed))


def _keep_version(connection: Connection, row: Mapping[str, Any], values: Mapping[str, Any], *, at: datetime, actor: str) -> None:
    named = {"rule_id": row["id"], "workspace_id": row["workspace_id"], "version": row["version"]}
    connection.execute(insert(rule_versions).values(**named, **values, changed_by=actor, changed_at=at))


def _audit(connection: Connection, workspace_id: str, actor: str, action: str, rule_id: str, **details: Any) -> None:
    audit.write(connection, workspace_id, Act(actor, action, rule_id, details))


def _all() -> Select[Any]:
    """Every version, with its rule."""
    columns = [column for column in rule_versions.c if column.name not in ("rule_id", "workspace_id")]
    whole = select(rules.c.id, rules.c.workspace_id, rules.c.is_enabled, rules.c.created_at, *columns, users.c.email.label("assignee"))
    return whole.join(rule_versions, rule_versions.c.rule_id == rules.c.id).outerjoin(users, users.c.id == rule_versions.c.assignee_id)


def _standing(workspace_id: str | BindParameter[str]) -> Select[Any]:
    return _all().where(and_(rules.c.workspace_id == workspace_id, rule_versions.c.version == rules.c.version))


@cache  # run for every analysed record: building it costs more than running it
def _that_count() -> Select[Any]:
    return _standing(bindparam("workspace")).where(rules.c.is_enabled).order_by(rules.c.id)


def _rule(row: RowMapping) -> Rule:
    return Rule(**{name: row[name] for name in Rule.__dataclass_fields__})
