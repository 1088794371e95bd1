"""A selection in, its themes, and growing themes that no factor explains, out: pages and JSON.

Grouping takes a while in one thread and is cached until the workspace changes; pages that would wait show that and refresh.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState

from vocservice.store.accounts.users import ANALYST
from vocservice.store.analysed.reading import ANY, GROUP, Selection
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.answers import json_answer
from vocservice.web.requests import access
from vocservice.web.state import state
from vocservice.web.workbench.library import Library
from vocservice.web.workbench.looking import Looking
from vocservice.web.workbench.pages import AGAIN_SECONDS, PATIENCE_SECONDS, looking_at, looking_for, words_of
from vocservice.web.workbench.selecting import Asked, asked_of, placed_of

if TYPE_CHECKING:  # numpy is imported with the first figure: gunicorn forks, and numpy's threads must not exist before
    from vocservice.reporting.emerging import Emerging, Period
    from vocservice.reporting.frame import Bools
    from vocservice.reporting.themes import Themes

blueprint = people.pages("themes")
api = Blueprint("themes_api", __name__)

_NAME = "vocservice.themes"
_Made = Callable[[Looking, int], Any]


@blueprint.get("/workbench/themes")
@require_role(ANALYST)
def themes() -> Response:
    """The themes of a selection, or of a cell of the journey map."""
    return _page("themes.html", placed_of(request.args), _themes)


@blueprint.get("/workbench/new-themes")
@require_role(ANALYST)
def new_themes() -> Response:
    """Themes that no factor explains, in two periods."""
    return _page("new_themes.html", asked_of(request.args), _emerging)


@api.get("/v1/themes")
@access.require("feedback:read")
def themes_json() -> Response:
    """The themes of a selection, for API keys."""
    key = access.key()
    return _json(looking_for(key.workspace_id, placed_of(request.args)), _themes)


@api.get("/v1/new-themes")
@access.require("feedback:read")
def new_themes_json() -> Response:
    """The themes that no factor explains, for API keys."""
    key = access.key()
    return _json(looking_for(key.workspace_id, asked_of(request.args)), _emerging)


@blueprint.record_once
def _attach(setup: BlueprintSetupState) -> None:
    setup.app.extensions[_NAME] = Library()


def _page(template: str, asked: Asked, make: _Made) -> Response:
    from vocservice.reporting.definitions import definitions
    from vocservice.reporting.scope import CUSTOMERS
    from vocservice.reporting.words import net_text, share_text

    looking = looking_at(person().workspace_id, asked)
    try:
        looking.load(timeout=PATIENCE_SECONDS)
        found = _kept(looking, make, timeout=PATIENCE_SECONDS)
    except TimeoutError:
        found = None
    said = {"share_text": share_text, "net_text": net_text, "customers": state().themes.customers}
    said["definitions"] = definitions(customers=CUSTOMERS)
    shown = people.shown(template, status=200 if found else 202, found=found, asked=asked, **said, **words_of(looking))
    if found is None:
        shown.headers["Refresh"] = str(AGAIN_SECONDS)
    return shown


def _json(looking: Looking, make: _Made) -> Response:
    from vocservice.reporting.report import plain

    looking.load()
    return json_answer(plain(_kept(looking, make, timeout=None)))


def _kept(looking: Looking, make: _Made, *, timeout: float | None) -> Any:
    """Compute something from a look, cached.

    Raises:
        TimeoutError: it is not ready in time.
    """
    library: Library = current_app.extensions[_NAME]
    least = state().themes.customers
    return library.get((make.__name__, *looking.key(), least), lambda: make(looking, least)).result(timeout=timeout)


def _themes(looking: Looking, least: int) -> "Themes":
    from vocservice.reporting.themes import LARGEST, themes_of

    selection = looking.asked.selection
    mask = _polar(looking, looking.mask(), selection)
    with looking.database.read() as connection:
        return themes_of(_said(connection, looking, mask, LARGEST, factor=_factor(selection)), least=least, total=int(mask.sum()))


def _emerging(looking: Looking, least: int) -> "Emerging":
    from vocservice.reporting.emerging import emerging

    before, after = (_period(looking, *period) for period in looking.periods())
    return emerging(before, after, least=least)


def _period(looking: Looking, first: date, last: date) -> "Period":
    from vocservice.store.analysed.saying import period_of

    with looking.database.read() as connection:
        return period_of(connection, looking.workspace_id, looking.load().columns, looking.mask(), (first, last))


def _said(connection: Any, looking: Looking, mask: "Bools", limit: int, *, factor: str | None = None) -> list[Any]:
    from vocservice.store.analysed.choosing import lines
    from vocservice.store.analysed.saying import said_of

    ids = [line[1] for line in lines(looking.load().columns, mask, limit=limit)]
    return said_of(connection, looking.workspace_id, ids, factor=factor)


def _factor(selection: Selection) -> str | None:
    """The single requested factor."""
    cell = selection.cell
    if cell is None:
        return selection.factor
    return None if cell.factor == ANY or cell.factor.startswith(GROUP) else cell.factor


def _polar(looking: Looking, mask: "Bools", selection: Selection) -> "Bools":
    """For a cell with a polarity, only records whose factor has it."""
    from vocservice.store.analysed.choosing import chosen

    cell, polarity = selection.cell, selection.polarity
    if cell is None or polarity is None or cell.polarity is not None:
        return mask
    return mask & chosen(looking.load().columns, Selection(cell=replace(cell, polarity=polarity)))
