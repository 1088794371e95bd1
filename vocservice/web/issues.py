"""Complaints that many customers share in, experience issues with owner, status and inflow out: pages of the workbench, and JSON."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, make_response, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from vocservice.errors import InputError, VocError
from vocservice.records import Json
from vocservice.store import issues
from vocservice.store.issues import Issue
from vocservice.store.users import ANALYST
from vocservice.web import access, people
from vocservice.web.answers import json_answer
from vocservice.web.people import person, require_role
from vocservice.web.problems import RequestError
from vocservice.web.selecting import asked_of
from vocservice.web.workbench import PATIENCE_SECONDS, looking_at, still_reading

if TYPE_CHECKING:  # numpy comes with the first figure
    from vocservice.reporting.inflow import Inflow
    from vocservice.reporting.report import Report
    from vocservice.reporting.scope import Rung
    from vocservice.web.looking import Looking

blueprint = people.pages("issues")
api = Blueprint("issues_api", __name__)

RUNGS = ("candidate", "shared")
SHOWN_RUNGS = 30
_TOLD = ("id", "title", "stage", "factor", "owner", "status", "opened_on", "evidence")
_KEPT = ("records", "customers", "known_customers", "weeks", "expected", "ratio", "base", "q", "step", "words")


@dataclass(frozen=True, slots=True)
class Held:
    """An issue with how its complaints come in."""

    issue: Issue
    inflow: "Inflow"

    @property
    def has_returned(self) -> bool:
        """It was closed, and complaints come in again as before or more."""
        return self.issue.status == issues.CLOSED and self.inflow.verdict in ("risen", "unchanged")


@blueprint.get("/workbench/issues")
@require_role(ANALYST)
def listing() -> Response:
    """Issues with their inflow, and what should become one; or word of how far reading is."""
    return _read() or _page()


@blueprint.post("/workbench/issues")
@require_role(ANALYST)
def open_one() -> Response:
    """Make an issue of a rung of the ladder, with the evidence that it has now."""
    form, looking = request.form, _looking()
    looking.load()
    try:
        rung = _rung(looking.whole(), form.get("stage", ""), form.get("factor", ""))
        values = {
            "stage": rung.stage,
            "factor": rung.factor,
            "title": form.get("title", ""),
            "owner": _owner(looking, form.get("owner", "")),
        }
        with people.database().write() as connection:
            made = issues.open_one(connection, person(), **values, evidence={name: asdict(rung)[name] for name in _KEPT})
    except VocError as error:
        return _page(status=error.status if error.status < 500 else 422, fault=error.message)
    return make_response(redirect(url_for("issues.one", issue_id=made), 303))


@blueprint.get("/workbench/issues/<issue_id>")
@require_role(ANALYST)
def one(issue_id: str) -> Response:
    """One issue: evidence, inflow by week, owner and status; or word of how far reading is."""
    held = _issue(issue_id)
    return _read() or _one_page(held)


@blueprint.post("/workbench/issues/<issue_id>")
@require_role(ANALYST)
def move(issue_id: str) -> Response:
    """Another status or owner; it closes only when the inflow has fallen."""
    held, form = _issue(issue_id), request.form
    looking = _looking()
    looking.load()
    try:
        issues.check_seen(held, form.get("version", ""))
        owner, verdict = _owner(looking, form.get("owner", "")), _inflows(looking)(held).verdict
        with people.database().write() as connection:
            issues.move(connection, person(), held, status=form.get("status", ""), owner=owner, verdict=verdict)
    except VocError as error:
        return _one_page(held, status=error.status if error.status < 500 else 422, fault=error.message)
    return make_response(redirect(url_for("issues.one", issue_id=issue_id), 303))


@api.get("/v1/issues")
@access.require("feedback:read")
def listing_json() -> Response:
    """Every issue with its inflow, for whoever has an API key."""
    looking = _looking(access.key().workspace_id)
    with looking.database.read() as connection:
        found = issues.listed(connection, looking.workspace_id)
    return json_answer({"issues": [_told(held) for held in _held(looking, found)]})


@api.get("/v1/issues/<issue_id>")
@access.require("feedback:read")
def one_json(issue_id: str) -> Response:
    """One issue.

    Raises:
        RequestError: there is none of this id in the workspace of the key (`not_found`).
    """
    looking = _looking(access.key().workspace_id)
    with looking.database.read() as connection:
        found = issues.by_id(connection, looking.workspace_id, issue_id)
    if found is None:
        raise RequestError("there is no such issue", code="not_found", status=404)
    return json_answer(_told(*_held(looking, [found])))


def _told(held: Held) -> Json:
    """An issue as JSON; who opened it is left out."""
    from vocservice.reporting.report import plain

    told = {name: plain(getattr(held.issue, name)) for name in _TOLD}
    return {**told, "changed_at": held.issue.changed_at.isoformat(), "has_returned": held.has_returned, "inflow": plain(held.inflow)}


def _looking(workspace_id: str | None = None) -> "Looking":
    return looking_at(workspace_id or person().workspace_id, asked_of(MultiDict()))


def _read() -> Response | None:
    """Nothing once the records are read; until then the page that says so."""
    looking = _looking()
    try:
        looking.load(timeout=PATIENCE_SECONDS)
    except TimeoutError:
        return still_reading(looking)
    return None


def _issue(issue_id: str) -> Issue:
    with people.database().read() as connection:
        found = issues.by_id(connection, person().workspace_id, issue_id)
    return found if found else abort(404)


def _held(looking: "Looking", found: Sequence[Issue]) -> list[Held]:
    inflow = _inflows(looking)
    return [Held(issue, inflow(issue)) for issue in found]


def _inflows(looking: "Looking") -> Callable[[Issue], "Inflow"]:
    """What tells the inflow of any issue; the records are laid out once for all of them."""
    from vocservice.reporting.inflow import inflow_of

    frame = looking.load().columns.frame(looking.mask())
    return lambda issue: inflow_of(frame, stage=issue.stage, factor=issue.factor, opened=issue.opened_on, today=looking.today)


def _rungs(report: "Report") -> list["Rung"]:
    """Those that are shared; their words only in the whole report."""
    return [rung for rung in report.scope.ladder if rung.step in RUNGS]


def _rung(report: "Report", stage: str, factor: str) -> "Rung":
    found = next((rung for rung in _rungs(report) if (rung.stage, rung.factor) == (stage, factor)), None)
    if found is None:
        raise InputError("no complaint that several customers share blames this factor at this stage", code="parameter_invalid")
    return found


def _owner(looking: "Looking", key: str) -> str:
    if key not in looking.taxonomy.owners:
        raise InputError("there is no such owner", code="parameter_invalid")
    return key


def _page(*, status: int = 200, fault: str = "") -> Response:
    looking = _looking()
    with people.database().read() as connection:
        found = issues.listed(connection, looking.workspace_id)
    live = {(issue.stage, issue.factor) for issue in found if issue.is_live}
    held = _held(looking, found)
    rungs = [rung for rung in _rungs(looking.at_once()) if (rung.stage, rung.factor) not in live][:SHOWN_RUNGS]
    return people.shown("issues.html", status=status, fault=fault, held=held, rungs=rungs, **_words(looking))


def _one_page(issue: Issue, *, status: int = 200, fault: str = "") -> Response:
    looking = _looking()
    (held,) = _held(looking, [issue])
    return people.shown("issue.html", status=status, fault=fault, held=held, issue=issue, statuses=issues.STATUSES, **_words(looking))


def _words(looking: "Looking") -> dict[str, Any]:
    from vocservice.reporting import words
    from vocservice.reporting.definitions import definitions
    from vocservice.reporting.scope import CUSTOMERS

    taxonomy = looking.taxonomy
    return {
        "stage_name": lambda key: words.label_of(taxonomy, "stages", key),
        "factor_name": lambda key: words.label_of(taxonomy, "factors", key),
        "owners": {key: words.owner_name(taxonomy, key) for key in taxonomy.owners},
        "share": words.share_text,
        "definitions": definitions(customers=CUSTOMERS),
        "net": words.net_text,
    }
