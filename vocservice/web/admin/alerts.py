"""Forms in, alerts out: who is told when which records come to the review desk."""

from collections.abc import Mapping
from functools import partial

from flask import Response, abort, make_response, redirect, request, url_for

from vocservice.errors import InputError
from vocservice.store.accounts.users import ADMIN
from vocservice.store.review import alerts, rules, urgency
from vocservice.store.review.alerts import Wish
from vocservice.store.review.rule_hits import REVIEW
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.requests.telling import DAYS, Form, form_sent, number_in_form, offered, told_in_form
from vocservice.web.shown.view import label_name
from vocservice.web.state import state

blueprint = people.pages("alerts")

_BLANK: Form = {"when": ["instant"], "cool_down": ["15"], "day": DAYS[:5]}
_DOES: Mapping[str, str] = {
    "enable": "is on again",
    "disable": "is paused",
    "delete": "has been deleted",
    "try": "A test mail is on its way",
}


@blueprint.get("/admin/alerts")
@require_role(ADMIN)
def listing() -> Response:
    """The alerts of this workspace, and a form for another."""
    return _page()


@blueprint.post("/admin/alerts")
@require_role(ADMIN)
def add() -> Response:
    """A new alert."""
    try:
        wish, known = Wish(*told_in_form(), tuple(request.form.getlist("label")), number_in_form("urgency")), _labels()
        with people.database().write() as connection:
            alerts.create(connection, person(), wish, known=known)
    except InputError as error:
        return _page(status=422, fault=error.message, form=form_sent())
    return make_response(redirect(url_for("alerts.listing"), 303))


@blueprint.post("/admin/alerts/<alert_id>")
@require_role(ADMIN)
def change(alert_id: str) -> Response:
    """Silence an alert, let it speak, delete it, or try it out."""
    do, user = request.form.get("do", ""), person()
    if do not in _DOES:
        raise people.PageError("Not possible", "This action on an alert is unknown.", status=422)
    try:
        with people.database().write() as connection:
            held = alerts.get(connection, user.workspace_id, alert_id)
            if do == "delete":
                alerts.remove(connection, held, actor=user.actor)
            elif do == "try":
                alerts.ask_try(connection, held)
            else:
                alerts.set_enabled(connection, held, do == "enable", actor=user.actor)
    except InputError as error:
        if error.code == "alert_unknown":
            abort(404)
        return _page(status=422, fault=error.message)
    return _page(said=f"{held.name} {_DOES[do]}." if do != "try" else f"{_DOES[do]}, if a worker runs and a mail server is set.")


def _page(*, status: int = 200, fault: str = "", said: str = "", form: Form = _BLANK) -> Response:
    with people.database().read() as connection:
        found = alerts.listed(connection, person().workspace_id)
    values = {"alerts": found, "labels": _labels(), "form": form, **offered(alerts.READ_BY)}
    values["label_name"] = partial(label_name, state().model.taxonomy())
    return people.shown("admin_alerts.html", status=status, fault=fault, said=said, **values)


def _labels() -> list[str]:
    """What may put a record on the desk: the call itself, what it is filtered by, and the rules that call for a person."""
    taxonomy = state().model.taxonomy()
    of_sets = [f"{name}.{key}" for name in (*urgency.SHOWN_SETS, "outcome") if name in taxonomy for key in taxonomy[name].keys]
    with people.database().read() as connection:
        named = [rule.name for rule in rules.listed(connection, person().workspace_id) if rule.effect == REVIEW]
    installed = [rule.id for rule in state().model.installed_rules() or () if rule.effect == REVIEW]
    of_rules = [f"{urgency.RULES}.{name}" for name in dict.fromkeys([*installed, *named])]
    return [urgency.NEEDS_REVIEW, *of_sets, *of_rules]
