"""Rules of a workspace: pages where everybody reads them, support leads test them, and admins write them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Response, abort, make_response, redirect, request, url_for

from vocservice.errors import ConflictError, InputError, RuleError
from vocservice.render import percent
from vocservice.rules.names import FIELDS, SETS, read_rule
from vocservice.store.accounts import users
from vocservice.store.accounts.users import ADMIN, ANALYST, SUPPORT_LEAD
from vocservice.store.database import now
from vocservice.store.review import rule_trials, rules
from vocservice.store.review.rule_trials import Trial
from vocservice.store.review.rules import Draft, Rule
from vocservice.taxonomy import Taxonomy
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.shown.view import TITLES
from vocservice.web.state import state

blueprint = people.pages("rules")

TEXTS = ("name", "owner", "expression", "reason", "effect", "tag", "assignee")
DAYS = (7, 30, 90, 365)
BLANK = Draft(name="", owner="", expression="", reason="")


@blueprint.get("/rules")
@require_role(ANALYST)
def listing() -> Response:
    """The rules, and the matches of each."""
    return _list_page()


@blueprint.post("/rules")
@require_role(ADMIN)
def add() -> Response:
    """Add a rule, disabled at first."""
    user, draft = person(), _draft()
    try:
        with people.database().write() as connection:
            made = rules.create(connection, user.workspace_id, draft, _taxonomy(), is_enabled=False, actor=user.actor)
    except (InputError, RuleError) as error:
        return _list_page(status=422, fault=error.message, draft=draft)
    return _to(made.id)


@blueprint.post("/rules/test")
@require_role(SUPPORT_LEAD)
def test() -> Response:
    """Test a rule on past records; nothing is stored."""
    expression = request.form.get("expression", "")
    days = next((days for days in DAYS if str(days) == request.form.get("days")), DAYS[2])
    try:
        node = read_rule(expression, _taxonomy())
    except RuleError as error:
        return _trial_page(expression, days, status=422, fault=error.message)
    with people.database().read() as connection:
        since = now(connection) - timedelta(days=days)
        found = rule_trials.run(connection, person().workspace_id, node, since=since)
    return _trial_page(str(node), days, trial=found)


@blueprint.get("/rules/<rule_id>")
@require_role(ANALYST)
def one(rule_id: str) -> Response:
    """One rule with its versions."""
    return _rule_page(_rule(rule_id))


@blueprint.post("/rules/<rule_id>")
@require_role(ADMIN)
def change(rule_id: str) -> Response:
    """Save a new version; matches of earlier versions keep theirs."""
    held, draft = _rule(rule_id), _draft()
    if request.form.get("version") != str(held.version):
        return _rule_page(held, status=409, fault="Somebody changed this rule since you opened it; nothing was stored.", draft=draft)
    try:
        with people.database().write() as connection:
            rules.change(connection, held, draft, _taxonomy(), actor=person().actor)
    except (ConflictError, InputError, RuleError) as error:
        return _rule_page(held, status=409 if isinstance(error, ConflictError) else 422, fault=error.message, draft=draft)
    return _to(rule_id)


@blueprint.post("/rules/<rule_id>/state")
@require_role(ADMIN)
def switch(rule_id: str) -> Response:
    """Enable or disable a rule."""
    held = _rule(rule_id)
    with people.database().write() as connection:
        rules.set_enabled(connection, held, request.form.get("do") == "enable", actor=person().actor)
    return _to(rule_id)


def fault_of(rule: Rule, taxonomy: Taxonomy) -> str:
    """What a rule names that the current taxonomy lacks; blank if nothing."""
    try:
        read_rule(rule.expression, taxonomy)
    except RuleError as error:
        return error.message
    return ""


def _rule(rule_id: str) -> Rule:
    """A rule of this workspace; others are not found: 404."""
    with people.database().read() as connection:
        try:
            return rules.get(connection, person().workspace_id, rule_id)
        except InputError:
            abort(404)


def _draft() -> Draft:
    texts = {name: request.form.get(name, "")[:3000] for name in TEXTS}
    points = request.form.get("urgency", "").strip()
    return Draft(**texts, urgency=int(points) if points.isascii() and points.isdigit() and len(points) < 5 else -1)


def _draft_of(rule: Rule) -> Draft:
    values = {name: getattr(rule, name) or "" for name in TEXTS}
    return Draft(**values, urgency=rule.urgency)


def _list_page(*, status: int = 200, fault: str = "", draft: Draft = BLANK) -> Response:
    with people.database().read() as connection:
        found = rules.listed(connection, person().workspace_id)
        hits = rules.hits_each(connection, person().workspace_id)
    faults = {rule.id: fault_of(rule, _taxonomy()) for rule in found}
    return people.shown("rules.html", status=status, rules=found, hits=hits, faults=faults, fault=fault, draft=draft, **_words())


def _rule_page(held: Rule, *, status: int = 200, fault: str = "", draft: Draft | None = None) -> Response:
    with people.database().read() as connection:
        versions = rules.versions(connection, held)
        hits = rules.hits_of(connection, held)
    values = {"rule": held, "versions": versions, "hits": hits, "draft": draft or _draft_of(held), "broken": fault_of(held, _taxonomy())}
    return people.shown("rule.html", status=status, fault=fault, **values, **_words())


def _trial_page(expression: str, days: int, *, status: int = 200, fault: str = "", trial: Trial | None = None) -> Response:
    asked = {"expression": expression, "days": days}
    return people.shown("rule_trial.html", status=status, asked=asked, fault=fault, trial=trial, **_words())


def _words() -> Mapping[str, Any]:
    """The choices of the forms, and how values are worded."""
    user, taxonomy = person(), _taxonomy()
    with people.database().read() as connection:
        found = users.listed(connection, user.workspace_id)
    return {
        "may_write": user.may(ADMIN),
        "may_test": user.may(SUPPORT_LEAD),
        "days": DAYS,
        "fields": FIELDS,
        "sets": [(SETS.get(held.name, held.name), TITLES.get(held.name, held.name), held) for held in taxonomy.sets],
        "percent": percent,
        "names": {one.actor: one.name for one in found},
        "deciders": [one for one in found if one.is_active and one.may(SUPPORT_LEAD)],
    }


def _taxonomy() -> Taxonomy:
    return state().model.taxonomy()


def _to(rule_id: str) -> Response:
    return make_response(redirect(url_for("rules.one", rule_id=rule_id), 303))
