"""Two selections in, a comparison out: pages without scripts and JSON; the URL contains both selections.

Without parameters, the last four weeks that have records are compared with the four before.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, request, url_for

from vocservice.store.accounts.users import ANALYST
from vocservice.store.analysed.reading import OWN, Selection
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.answers import json_answer
from vocservice.web.requests import access
from vocservice.web.workbench.knowing import known
from vocservice.web.workbench.looking import Looking
from vocservice.web.workbench.pages import PATIENCE_SECONDS, Links, attached, looking_at, still_reading, whole_page, words_of, written_file
from vocservice.web.workbench.prints import drawn
from vocservice.web.workbench.selecting import FIRST, NOT, SECOND, Asked, Sides, Values, is_chosen, sides_of, values_of

if TYPE_CHECKING:  # numpy is imported with the first figure: gunicorn forks, and numpy's threads must not exist before
    from vocservice.reporting.contrast import Contrast
    from vocservice.reporting.frame import Bools

blueprint = people.pages("comparing")
api = Blueprint("comparing_api", __name__)

OTHERS = "all other records"
_ONE_SIDED = ("q", "cell", "about", "like")  # parts of a saved segment that a side of a comparison does not have
_SAID: Mapping[str, str] = {
    "since": "from",
    "until": "to",
    "score_kind": "score",
    "level_from": "sentiment from",
    "level_to": "sentiment to",
    "score_from": "score from",
    "score_to": "score to",
    "needs_review": "needs review",
    "is_corrected": "corrected",
    "customer_of": "customer of",
}


@blueprint.get("/workbench/compare")
@require_role(ANALYST)
def compare() -> Response:
    """Both sets side by side; or a page with the progress of reading."""
    from vocservice.reporting import page

    asked = sides_of(request.args)
    looking = _looking(person().workspace_id, asked)
    try:
        looking.load(timeout=PATIENCE_SECONDS)
    except TimeoutError:
        return still_reading(looking)
    sides, words = asked or _weeks(looking), words_of(looking)
    found = _contrast(looking, sides, _names(sides, words["choices"]))
    links = _links(sides.first), _links(sides.second)
    pictures = partial(_picture_address, sides)
    lists = [url_for("workbench.verbatims") + link.asked.query if link else "" for link in links]
    forms = ((FIRST, "First set"), (SECOND, "Second set"))
    held = {"sides": sides, "forms": forms, "found": found, "lists": lists, **words}
    return people.shown(
        "compare.html", figures=page.contrasted(found, links, pictures=pictures), kept=_kept(sides, words["segments"]), **held
    )


@blueprint.get("/workbench/compare.json")
@require_role(ANALYST)
def compare_file() -> Response:
    """The same as JSON."""
    return _json(person().workspace_id, sides_of(request.args))


@blueprint.get("/workbench/compare.html")
@require_role(ANALYST)
def compare_html() -> Response:
    """The same as one self-contained file."""
    from vocservice.reporting.page import render_contrast

    looking, make = _made()
    return whole_page(render_contrast(make(), made=looking.today))


@blueprint.get("/workbench/compare.xlsx")
@require_role(ANALYST)
def compare_xlsx() -> Response:
    """The same as a workbook."""
    from vocservice.reporting.workbook import write_contrast

    _, make = _made()
    found = make()
    return written_file("compare", "xlsx", lambda path: write_contrast(found, path))


@blueprint.get("/workbench/compare.pdf")
@require_role(ANALYST)
def compare_pdf() -> Response:
    """The same as an A4 PDF."""
    from vocservice.reporting.page import render_contrast

    looking, make = _made()
    return attached(drawn(make, lambda browser, found: browser.pdf(render_contrast(found, made=looking.today))), "compare", "pdf")


@blueprint.get("/workbench/compare/<name>.png")
@require_role(ANALYST)
def compare_picture(name: str) -> Response:
    """One of the maps as a picture for slides, 1600 by 900."""
    from vocservice.reporting.page import contrast_slide

    looking, make = _made()
    draw = partial(contrast_slide, key=name, made=looking.today)
    return attached(drawn(make, lambda browser, found: browser.png(draw(found) or abort(404))), f"compare-{name}", "png")


@api.get("/v1/compare")
@access.require("feedback:read")
def compare_json() -> Response:
    """The same for API keys."""
    workspace_id, asked = access.key().workspace_id, sides_of(request.args)
    return _json(workspace_id, _known(workspace_id, asked) if asked else None)


def _known(workspace_id: str, asked: Sides) -> Sides:
    """Both sets; misspelt keys are errors."""
    first, second = (known(workspace_id, side) if side else None for side in (asked.first, asked.second))
    return Sides(first, second)


def _made() -> "tuple[Looking, Callable[[], Contrast]]":
    """A look at the requested sets, and a function that compares them, however long it takes."""
    asked = sides_of(request.args)
    looking = _looking(person().workspace_id, asked)

    def make() -> "Contrast":
        looking.load()
        sides = asked or _weeks(looking)
        return _contrast(looking, sides, _names(sides, words_of(looking)["choices"]))

    return looking, make


def _picture_address(sides: Sides, name: str) -> str:
    return url_for("comparing.compare_picture", name=name) + sides.query


def _json(workspace_id: str, asked: Sides | None) -> Response:
    looking = _looking(workspace_id, asked)
    looking.load()
    sides = asked or _weeks(looking)
    return json_answer({"asked": sides.values, **_contrast(looking, sides, _names(sides, {})).to_dict()})


def _looking(workspace_id: str, asked: Sides | None) -> Looking:
    return looking_at(workspace_id, Asked(Selection()), *filter(None, (asked.first, asked.second) if asked else ()))


def _weeks(looking: Looking) -> Sides:
    first, second = (Selection(since=since, until=until) for since, until in looking.periods())
    return Sides(first, second)


def _contrast(looking: Looking, sides: Sides, names: tuple[str, str]) -> "Contrast":
    from vocservice.reporting.contrast import contrast
    from vocservice.store.analysed.reported import anchors_for

    columns = looking.load().columns
    counted, frame = ~columns.is_skipped, columns.frame()
    masks = _masks(looking, sides)
    with looking.database.read() as connection:
        anchors = anchors_for(connection, looking.workspace_id, frame)
    return contrast(frame, masks[0][counted], masks[1][counted], names=names, anchors=anchors)


def _masks(looking: Looking, sides: Sides) -> "tuple[Bools, Bools]":
    """The rows of both; an unspecified set is the complement of the other."""
    first, second = (looking.mask_of(side or Selection()) for side in (sides.first, sides.second))
    return (first if sides.first else ~second), (second if sides.second else ~first)


def _names(sides: Sides, choices: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    """Each set in words."""
    first, second = (_name(values_of(side), choices) for side in (sides.first, sides.second))
    return first, second


def _name(values: Values, choices: Mapping[str, Mapping[str, str]]) -> str:
    inverted = values.get(NOT, ())
    said = (
        f"{_SAID.get(name, name.removeprefix(OWN))} {'not ' if name in inverted else ''}{_said(name, value, choices)}"
        for name, value in values.items()
        if name != NOT
    )
    return ", ".join(said) or OTHERS


def _said(name: str, value: str | list[str], choices: Mapping[str, Mapping[str, str]]) -> str:
    """One or several values in words; custom values unchanged, without their count."""
    if isinstance(value, list):
        return " or ".join(_said(name, one, choices) for one in value)
    return value if name.startswith(OWN) else choices.get(name, {}).get(value, value)


def _links(side: Selection | None) -> Links | None:
    return Links(Asked(side)) if side else None


def _kept(sides: Sides, segments: list[tuple[Any, str, list[str]]]) -> list[tuple[str, str, str]]:
    """Each saved segment by name, with the queries that put it on either side, without its comparison periods."""
    found = []
    for view, _, _ in segments:
        values = {name: value for name, value in view.filters.items() if is_chosen(name)}
        if values and view.filters.keys().isdisjoint(_ONE_SIDED):
            found.append((view.name, sides.with_side(FIRST, values), sides.with_side(SECOND, values)))
    return found
