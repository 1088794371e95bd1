"""Shared complaints in, experience issues with owner, status and inflow out: pages of the workbench, and JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, make_response, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from vocservice.errors import InputError, VocError
from vocservice.records import Json
from vocservice.store.accounts.users import ANALYST
from vocservice.store.analysed import issues
from vocservice.store.analysed.issues import Issue
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.answers import json_answer
from vocservice.web.problems import RequestError
from vocservice.web.requests import access
from vocservice.web.requests.query import Query
from vocservice.web.workbench.inflows import Inflows
from vocservice.web.workbench.pages import PATIENCE_SECONDS, looking_at, still_reading
from vocservice.web.workbench.selecting import asked_of

if TYPE_CHECKING:  # numpy is imported with the first figure
    from vocservice.reporting.inflow import Inflow
    from vocservice.reporting.regions import Region
    from vocservice.reporting.report import Report
    from vocservice.reporting.scope import Cause, Rung
    from vocservice.web.workbench.looking import Looking

blueprint = people.pages("issues")
api = Blueprint("issues_api", __name__)

RUNGS = ("candidate", "shared")
SHOWN_RUNGS = 30
_LONGEST = 255
_Cell = tuple[str, str]
_TOLD = ("id", "title", "stage", "factor", "cause", "owner", "status", "opened_on", "closed_on", "evidence")
_KEPT = ("records", "customers", "known_customers", "weeks", "expected", "ratio", "base", "q", "step", "words")


@dataclass(frozen=True, slots=True)
class Held:
    """An issue with its inflow."""

    issue: Issue
    inflow: "Inflow"

    @property
    def has_returned(self) -> bool:
        """It is closed, but complaints come in as before or more often."""
        return self.issue.status == issues.CLOSED and self.inflow.verdict in ("risen", "unchanged")


@dataclass(frozen=True, slots=True)
class Offer:
    """A possible issue: a rung as a whole, if none is open for it, and its causes without one."""

    rung: "Rung"
    is_whole: bool
    causes: tuple["Cause", ...]


@blueprint.get("/workbench/issues")
@require_role(ANALYST)
def listing() -> Response:
    """Issues with their inflow, and suggestions, causes with a later request; or a page with the progress of reading."""
    return _read() or _page()


@blueprint.post("/workbench/issues")
@require_role(ANALYST)
def open_one() -> Response:
    """Open an issue for a rung of the ladder or one of its causes, with its current evidence."""
    form, looking = request.form, _looking()
    looking.load()
    try:
        rung = _rung(looking.whole(), form.get("stage", ""), form.get("factor", ""))
        cause = _cause(looking, rung, form["cause"]) if form.get("cause") else None
        made = _opened(rung, cause, title=form.get("title", ""), owner=_owner(looking, form.get("owner", "")))
    except VocError as error:
        return _page(status=error.status if error.status < 500 else 422, fault=error.message)
    return make_response(redirect(url_for("issues.one", issue_id=made), 303))


@blueprint.get("/workbench/issues/<issue_id>")
@require_role(ANALYST)
def one(issue_id: str) -> Response:
    """One issue: evidence, inflow by week, owner and status; or a page with the progress of reading."""
    held = _issue(issue_id)
    return _read() or _one_page(held)


@blueprint.post("/workbench/issues/<issue_id>")
@require_role(ANALYST)
def move(issue_id: str) -> Response:
    """Change status or owner; it can be closed only when the inflow has fallen."""
    held, form = _issue(issue_id), request.form
    looking = _looking()
    looking.load()
    try:
        issues.check_seen(held, form.get("version", ""))
        owner, verdict = _owner(looking, form.get("owner", "")), Inflows(looking, [held]).of(held).verdict
        status = form.get("status", "")
        with people.database().write() as connection:
            if status in issues.LIVE and not held.is_live:
                _check_free(connection, held)
            issues.move(connection, person(), held, status=status, owner=owner, verdict=verdict)
    except VocError as error:
        return _one_page(held, status=error.status if error.status < 500 else 422, fault=error.message)
    return make_response(redirect(url_for("issues.one", issue_id=issue_id), 303))


@api.get("/v1/issues")
@access.require("feedback:read")
def listing_json() -> Response:
    """Every issue with its inflow, for API keys."""
    Query(request.args, known=())
    looking = _looking(access.key().workspace_id)
    with looking.database.read() as connection:
        found = issues.listed(connection, looking.workspace_id)
    return json_answer({"issues": [_told(held) for held in _held(looking, found)]})


@api.get("/v1/issues/<issue_id>")
@access.require("feedback:read")
def one_json(issue_id: str) -> Response:
    """One issue.

    Raises:
        RequestError: there is no such issue in the key's workspace (`not_found`).
    """
    looking = _looking(access.key().workspace_id)
    with looking.database.read() as connection:
        found = issues.by_id(connection, looking.workspace_id, issue_id)
    if found is None:
        raise RequestError("there is no such issue", code="not_found", status=404)
    return json_answer(_told(*_held(looking, [found])))


def _told(held: Held) -> Json:
    """An issue as JSON, without the user who opened it."""
    from vocservice.reporting.report import plain

    told = {name: plain(getattr(held.issue, name)) for name in _TOLD}
    return {**told, "changed_at": held.issue.changed_at.isoformat(), "has_returned": held.has_returned, "inflow": plain(held.inflow)}


def _looking(workspace_id: str | None = None) -> "Looking":
    return looking_at(workspace_id or person().workspace_id, asked_of(MultiDict()))


def _read() -> Response | None:
    """None once the records are read; until then a page with the progress."""
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
    inflows = Inflows(looking, found)
    return [Held(issue, inflows.of(issue)) for issue in found]


def _rungs(report: "Report") -> list["Rung"]:
    """The shared rungs; their words are only in the whole report."""
    return [rung for rung in report.scope.ladder if rung.step in RUNGS]


def _rung(report: "Report", stage: str, factor: str) -> "Rung":
    found = next((rung for rung in _rungs(report) if (rung.stage, rung.factor) == (stage, factor)), None)
    if found is None:
        raise InputError("no shared complaint blames this factor at this stage", code="parameter_invalid")
    return found


def _cause(looking: "Looking", rung: "Rung", record_id: str) -> "Cause":
    """The cause whose region contains a record: the one that was shown, even if causes were computed anew since.

    Raises:
        InputError: there is none (`parameter_invalid`).
    """
    from vocservice.reporting.themes import matrix_of
    from vocservice.store.analysed import vectors

    with looking.database.read() as connection:
        bundle, vector = vectors.of_records(connection, looking.workspace_id, [record_id]).get(record_id, ("", b""))
    regions = [(cause, cause.region) for cause in rung.causes if cause.region and cause.region.bundle == bundle]
    found = next((cause for cause, region in regions if region.holds(matrix_of([vector]))[0]), None)
    if found is None:
        raise InputError("the causes of this stage and factor have changed; reload the page", code="parameter_invalid")
    return found


def _opened(rung: "Rung", cause: "Cause | None", *, title: str, owner: str) -> str:
    """Create an issue for a cause or a whole rung; return its id.

    Raises:
        InputError: the title is unusable (`name_unusable`).
        ConflictError: one is already open for the same (`issue_open`).
    """
    from vocservice.store.analysed import issue_regions

    evidence = {name: getattr(cause or rung, name) for name in _KEPT} | ({"looked": rung.looked} if cause else {})
    words = ", ".join(cause.words)[:_LONGEST] if cause else ""
    values = {"stage": rung.stage, "factor": rung.factor, "cause": words, "title": title, "owner": owner}
    region = cause.region if cause else None
    with people.database().write() as connection:
        if cause:
            kept = issue_regions.of_workspace(connection, person().workspace_id)
            if cause not in _free(rung, _live_regions(issues.listed(connection, person().workspace_id), kept)):
                raise issues.taken()
        made = issues.open_one(connection, person(), **values, evidence=evidence)
        if region:
            issue_regions.keep(connection, person().workspace_id, made, region)
    return made


def _live_regions(found: Sequence[Issue], kept: Mapping[str, Sequence["Region"]]) -> Mapping[_Cell, Sequence[Sequence["Region"]]]:
    """The region of each live issue's cause, by stage and factor."""
    live: dict[_Cell, list[Sequence[Region]]] = {}
    for issue in found:
        if issue.is_live and issue.id in kept:
            live.setdefault((issue.stage, issue.factor), []).append(kept[issue.id])
    return live


def _check_free(connection: Any, issue: Issue) -> None:
    """Check that reviving an issue does not conflict with another for the same cause.

    Raises:
        ConflictError: one is (`issue_open`).
    """
    from vocservice.reporting.regions import may_be_one
    from vocservice.store.analysed import issue_regions

    kept = issue_regions.of_workspace(connection, person().workspace_id)
    if own := kept.get(issue.id):
        live = _live_regions(issues.listed(connection, person().workspace_id), kept)
        if any(may_be_one(own, one) for one in live.get((issue.stage, issue.factor), ())):
            raise issues.taken()


def _free(rung: "Rung", live: Mapping[_Cell, Sequence[Sequence["Region"]]]) -> tuple["Cause", ...]:
    """The causes of a rung for which no issue may be open."""
    from vocservice.reporting.regions import may_be_one

    taken = live.get((rung.stage, rung.factor), ())
    return tuple(cause for cause in rung.causes if cause.region and not any(may_be_one([cause.region], one) for one in taken))


def _offers(report: "Report", found: Sequence[Issue]) -> list[Offer]:
    """The first rungs with suggestions."""
    from vocservice.store.analysed import issue_regions

    with people.database().read() as connection:
        live = _live_regions(found, issue_regions.of_workspace(connection, person().workspace_id))
    whole = {(issue.stage, issue.factor) for issue in found if issue.is_live and not issue.cause}
    offers = (Offer(rung, (rung.stage, rung.factor) not in whole, _free(rung, live)) for rung in _rungs(report))
    return [offer for offer in offers if offer.is_whole or offer.causes][:SHOWN_RUNGS]


def _owner(looking: "Looking", key: str) -> str:
    if key not in looking.taxonomy.owners:
        raise InputError("there is no such owner", code="parameter_invalid")
    return key


def _page(*, status: int = 200, fault: str = "") -> Response:
    looking = _looking()
    with people.database().read() as connection:
        found = issues.listed(connection, looking.workspace_id)
    report = looking.at_once()
    shown = {"held": _held(looking, found), "offers": _offers(report, found), "pending": report.pending}
    answer = people.shown("issues.html", status=status, fault=fault, **shown, **_words(looking))
    if report.pending:
        looking.begin()
    return answer


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
        "cell_name": lambda stage, factor: words.cell_name(taxonomy, stage, factor),
        "owners": {key: words.owner_name(taxonomy, key) for key in taxonomy.owners},
        "share": words.share_text,
        "definitions": definitions(customers=CUSTOMERS, behind_cause=max(CUSTOMERS, looking.cause_customers)),
        "points": words.points_text,
    }
