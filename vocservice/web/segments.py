"""Filters of the workbench and a name in, a saved segment out, for oneself or for everybody in the workspace: a link under a name."""

from flask import Blueprint, Response, make_response, redirect, request, url_for

from vocservice.store import views
from vocservice.store.users import ANALYST
from vocservice.store.views import WORKBENCH
from vocservice.web import people
from vocservice.web.people import person, require_role
from vocservice.web.selecting import asked_of

blueprint: Blueprint = people.pages("segments")


@blueprint.post("/workbench/segments")
@require_role(ANALYST)
def save() -> Response:
    """Keep the filters of the URL."""
    asked = asked_of(request.args)
    name, is_shared = request.form.get("name", ""), request.form.get("shared") == "1"
    with people.database().write() as connection:
        views.save(connection, person(), name, asked.values, is_shared=is_shared, page=WORKBENCH)
    return _back()


@blueprint.post("/workbench/segments/<view_id>/delete")
@require_role(ANALYST)
def delete(view_id: str) -> Response:
    """Forget one."""
    with people.database().write() as connection:
        views.forget(connection, person(), view_id)
    return _back()


def _back() -> Response:
    query = request.query_string.decode("ascii", "replace")
    return make_response(redirect(url_for("workbench.overview") + (f"?{query}" if query else ""), 303))
