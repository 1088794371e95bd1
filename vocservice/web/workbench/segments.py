"""A request to a workbench page and a name in, a saved segment out: a named link, private or shared."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, make_response, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from vocservice.errors import InputError
from vocservice.store.accounts.users import ANALYST
from vocservice.store.review import views
from vocservice.store.review.views import WORKBENCH
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.problems import RequestError
from vocservice.web.workbench.selecting import FIRST, SECOND, Values, encoded, sides_of, sought_of

blueprint: Blueprint = people.pages("segments")


@blueprint.post("/workbench/segments")
@require_role(ANALYST)
def save() -> Response:
    """Save the request of a URL: filters, words, a cell, or two sets to compare."""
    asked = _asked(request.args)
    name, is_shared = request.form.get("name", ""), request.form.get("shared") == "1"
    with people.database().write() as connection:
        views.save(connection, person(), name, asked, is_shared=is_shared, page=WORKBENCH)
    return _back(asked)


@blueprint.post("/workbench/segments/<view_id>/delete")
@require_role(ANALYST)
def delete(view_id: str) -> Response:
    """Forget one."""
    asked = _asked(request.args)
    with people.database().write() as connection:
        views.forget(connection, person(), view_id)
    return _back(asked)


def address_of(asked: Values) -> str:
    """The page that answers a request, by its parameters."""
    return url_for(_endpoint(asked)) + (f"?{encoded(asked)}" if asked else "")


def address_of_saved(asked: Mapping[str, Any]) -> str:
    """The same with the parameters in the order of the page's own address: PostgreSQL keeps another."""
    try:
        return address_of(_asked(MultiDict(asked)))
    except (RequestError, InputError):
        return address_of(asked)


def _endpoint(asked: Values) -> str:
    if any(name.startswith((FIRST, SECOND)) for name in asked):
        return "comparing.compare"
    if asked.keys() & {"about", "like"}:
        return "asking.search"
    return "workbench.verbatims" if asked.keys() & {"q", "cell"} else "workbench.overview"


def _asked(args: MultiDict[str, str]) -> Values:
    """The validated parameters of a URL.

    Raises:
        RequestError: one is unknown, repeated or wrong.
        InputError: a day, period or cell is incomplete (`parameter_invalid`).
    """
    if any(name.startswith((FIRST, SECOND)) for name in args):
        sides = sides_of(args)
        return sides.values if sides else {}
    return sought_of(args).values


def _back(asked: Values) -> Response:
    return make_response(redirect(address_of(asked), 303))
