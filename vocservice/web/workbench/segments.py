"""A request to a workbench page and a name in, a saved segment out: a named link, private or shared."""

from flask import Blueprint, Response, make_response, redirect, request, url_for

from vocservice.store.accounts.users import ANALYST
from vocservice.store.review import views
from vocservice.store.review.views import WORKBENCH
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.workbench.selecting import FIRST, SECOND, Values, encoded, sides_of, sought_of

blueprint: Blueprint = people.pages("segments")


@blueprint.post("/workbench/segments")
@require_role(ANALYST)
def save() -> Response:
    """Save the request of a URL: filters, words, a cell, or two sets to compare."""
    asked = _asked()
    name, is_shared = request.form.get("name", ""), request.form.get("shared") == "1"
    with people.database().write() as connection:
        views.save(connection, person(), name, asked, is_shared=is_shared, page=WORKBENCH)
    return _back(asked)


@blueprint.post("/workbench/segments/<view_id>/delete")
@require_role(ANALYST)
def delete(view_id: str) -> Response:
    """Forget one."""
    asked = _asked()
    with people.database().write() as connection:
        views.forget(connection, person(), view_id)
    return _back(asked)


def address_of(asked: Values) -> str:
    """The page that answers a request, by its parameters."""
    return url_for(_endpoint(asked)) + (f"?{encoded(asked)}" if asked else "")


def _endpoint(asked: Values) -> str:
    if any(name.startswith((FIRST, SECOND)) for name in asked):
        return "comparing.compare"
    if asked.keys() & {"about", "like"}:
        return "asking.search"
    return "workbench.verbatims" if asked.keys() & {"q", "cell"} else "workbench.overview"


def _asked() -> Values:
    """The validated parameters of the URL.

    Raises:
        RequestError: one is unknown, repeated or wrong.
        InputError: a day, period or cell is incomplete (`parameter_invalid`).
    """
    if any(name.startswith((FIRST, SECOND)) for name in request.args):
        sides = sides_of(request.args)
        return sides.values if sides else {}
    return sought_of(request.args).values


def _back(asked: Values) -> Response:
    return make_response(redirect(address_of(asked), 303))
