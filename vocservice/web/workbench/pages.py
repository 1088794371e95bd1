"""Stored analyses in, an analyst's figures out: pages, files and JSON for the same selection, which is in the URL."""

import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, request, url_for
from flask.blueprints import BlueprintSetupState

from vocservice.render import LEVEL_NAMES, visible
from vocservice.reporting.rows import SCORE_KINDS
from vocservice.store.accounts.users import ANALYST
from vocservice.store.analysed import own, reading
from vocservice.store.analysed.exported import exported, written
from vocservice.store.analysed.reading import ANY, NO, NO_LABEL, NO_STAGE, OWN, YES, Selection, Taken
from vocservice.store.received import sources
from vocservice.store.received.records import API
from vocservice.store.review import views
from vocservice.taxonomy import Taxonomy
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.answers import json_answer
from vocservice.web.page import CHANNELS
from vocservice.web.problems import RequestError
from vocservice.web.requests import access
from vocservice.web.requests.naming import SETS
from vocservice.web.shown.view import POLARITIES
from vocservice.web.state import state
from vocservice.web.workbench.knowing import known
from vocservice.web.workbench.library import Library
from vocservice.web.workbench.looking import Looking, and_before, weeks_until
from vocservice.web.workbench.narrowing import during, narrowed
from vocservice.web.workbench.proof import entry_of
from vocservice.web.workbench.segments import address_of_saved
from vocservice.web.workbench.selecting import Asked, asked_of, own_named, query_of, searched_of
from vocservice.web.workbench.tables import Tables

if TYPE_CHECKING:  # numpy and pyarrow are imported with the first figure: gunicorn forks, and their threads must not exist before
    from vocservice.reporting.journey import Cell
    from vocservice.reporting.report import Report

blueprint = people.pages("workbench")
api = Blueprint("report", __name__)

PATIENCE_SECONDS = 3.0
AGAIN_SECONDS = 2
_NAME = "vocservice.library"
_TYPES: Mapping[str, str] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
    "pdf": "application/pdf",
    "png": "image/png",
}
ALSO: Mapping[str, Mapping[str, str]] = {
    "stage": {NO_STAGE: "no stage given"},
    "scope": {
        "any_service": "Service complaint, alone or with an issue",
        "any_experience": "Experience issue, alone or with a complaint",
        ANY: "any scope",
        NO_LABEL: "no scope given",
    },
    "outcome": {ANY: "any outcome", NO_LABEL: "no outcome given"},
}


@dataclass(frozen=True, slots=True)
class Links:
    """Links of the figures of a report; `lists` is the page of records, which hundreds of them link to."""

    asked: Asked
    lists: str = field(default_factory=lambda: url_for("workbench.verbatims"))

    def cell(self, cell: "Cell") -> str:
        """URL of the records that a cell counts."""
        return self.of(stage=cell.stage or NO_STAGE, factor=cell.factor)

    def of(self, **wanted: Any) -> str:
        """URL of the records that also meet these filters; blank if filters cannot express them."""
        found = narrowed(self.asked.selection, wanted)
        return self.lists + query_of(found) if found else ""

    def sides(self, report: "Report") -> tuple["Links", "Links"]:
        """Links into the two periods that a report compares."""
        last, selection = report.headlines.dates.last or report.made, self.asked.selection
        if report.since:
            first, second = and_before(report.since, report.until or max(last, report.since))
            selection = replace(selection, since=None, until=None)
        else:
            first, second = self.asked.periods or weeks_until(last)
        return _during(selection, first, report.made), _during(selection, second, report.made)

    def chart(self, name: str) -> str:
        """URL of the numbers of a chart."""
        return url_for("charts.chart", name=name) + self.asked.query

    def picture(self, name: str) -> str:
        """URL of a chart as a picture."""
        return url_for("prints.picture", name=name) + self.asked.query

    def record(self, record_id: str) -> str:
        """URL of the record on the desk."""
        return url_for("desk.record", record_id=record_id)


def _during(selection: Selection, days: tuple[date, date], today: date) -> Links:
    return Links(Asked(during(selection, days[0], min(days[1], today))))


@blueprint.get("/workbench")
@require_role(ANALYST)
def overview() -> Response:
    """Every figure of a selection, slow ones with a later request; or a page with the progress of reading."""
    from vocservice.reporting import page as report_page

    looking = looking_at(person().workspace_id, asked_of(request.args))
    try:
        looking.load(timeout=PATIENCE_SECONDS)
    except TimeoutError:
        return still_reading(looking)
    report = looking.at_once()
    figures = report_page.figures(report, Links(looking.asked))
    answer = people.shown("workbench.html", report=report, figures=figures, asked=looking.asked, **words_of(looking))
    if report.pending:
        looking.begin()
    return answer


@blueprint.get("/workbench/verbatims")
@require_role(ANALYST)
def verbatims() -> Response:
    """The records of a selection, last received first, with marked evidence; or a page with the progress of reading."""
    asked, cursor = searched_of(request.args)
    after = reading.line_of(cursor) if cursor else None
    looking = looking_at(person().workspace_id, asked)
    try:
        looking.load(timeout=PATIENCE_SECONDS)
    except TimeoutError:
        return still_reading(looking)
    found = looking.page(looking.mask(), after=after)
    entries = [entry_of(taken, looking.taxonomy, asked.selection) for taken in found.taken]
    kept = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor" and value]
    more = f"{url_for('workbench.verbatims')}?{urlencode([*kept, ('cursor', found.cursor)])}" if found.cursor else ""
    state_query = f"?{urlencode(kept)}" if kept else ""
    held = {
        **words_of(looking),
        "q": request.args.get("q", ""),
        "cell": request.args.get("cell", ""),
        "state": state_query,
        "count": looking.count(),
    }
    return people.shown("verbatims.html", status=200, page=found, entries=entries, more=more, asked=asked, **held)


@blueprint.get("/workbench/report.html")
@require_role(ANALYST)
def report_html() -> Response:
    """The page of `voc report`: one self-contained file."""
    from vocservice.reporting import page as report_page

    return whole_page(report_page.render(_report()))


@blueprint.get("/workbench/report.xlsx")
@require_role(ANALYST)
def report_xlsx() -> Response:
    """Every figure as a workbook."""
    from vocservice.reporting.workbook import write_workbook

    made = _report()
    return written_file("report", "xlsx", lambda path: write_workbook(made, path))


@blueprint.get("/workbench/report.json")
@require_role(ANALYST)
def report_json() -> Response:
    """Every figure as JSON."""
    return attached(_report().to_json(), "report", "json")


@blueprint.get("/workbench/records.parquet")
@require_role(ANALYST)
def records_parquet() -> Response:
    """The records of a selection, one row each, with redacted texts only."""
    from vocservice.tables.write_records import write_records

    looking = looking_at(person().workspace_id, asked_of(request.args))
    ids, segments = looking.ids(), looking.segments()

    def write(path: Path, records: Iterable[Taken]) -> None:
        write_records(path, (exported(taken, segments) for taken in records))

    return written_file("records", "parquet", lambda path: written(looking.database, looking.workspace_id, ids, path, write))


@api.get("/v1/report")
@access.require("feedback:read")
def report() -> Response:
    """Every figure of a selection, for API keys."""
    key = access.key()
    return json_answer(looking_for(key.workspace_id, asked_of(request.args)).whole().to_dict())


@blueprint.record_once
def _attach(setup: BlueprintSetupState) -> None:
    setup.app.extensions[_NAME] = (Library(), Tables())


def still_reading(looking: Looking) -> Response:
    """A page with the progress of reading, which refreshes."""
    answer = people.shown("reading.html", status=202, progress=looking.table.progress, asked=looking.asked, **words_of(looking))
    answer.headers["Refresh"] = str(AGAIN_SECONDS)
    return answer


def _report() -> "Report":
    return looking_at(person().workspace_id, asked_of(request.args)).whole()


def looking_at(workspace_id: str, asked: Asked, *others: Selection) -> Looking:
    """A look at a workspace; other selections are only checked.

    Raises:
        RequestError: one of the sources is not in this workspace (`source_unknown`).
    """
    library, tables = current_app.extensions[_NAME]
    database, taxonomy = state().stored.open().database, state().model.taxonomy()
    with database.read() as connection:
        _check_sources(connection, workspace_id, {source for one in (asked.selection, *others) for source in one.told("source")})
    table = tables.get(database, workspace_id, taxonomy)
    return Looking(database, workspace_id, taxonomy, asked, datetime.now(UTC).date(), table, tables, library, state().themes.customers)


def looking_for(workspace_id: str, asked: Asked) -> Looking:
    """A look for a program: sources may be given by name; misspelt keys are errors, because they would match nothing.

    Raises:
        RequestError: there is no such source or label (`parameter_invalid`).
    """
    return looking_at(workspace_id, replace(asked, selection=known(workspace_id, asked.selection)))


def _check_sources(connection: Any, workspace_id: str, wanted: set[str]) -> None:
    """Sources of other workspaces do not exist."""
    wanted -= {API}
    if wanted and not wanted <= {source.id for source in sources.listed(connection, workspace_id)}:
        raise RequestError("there is no such source", code="source_unknown", status=404)


def whole_page(page: str) -> Response:
    """A self-contained page of `reporting.page`."""
    from vocservice.reporting.page import policy

    answer = Response(page.encode("utf-8", "replace"), content_type="text/html; charset=utf-8")
    answer.headers["Content-Security-Policy"] = f"{policy()}; frame-ancestors 'none'"
    return answer


def written_file(name: str, suffix: str, write: Callable[[Path], object]) -> Response:
    """A download written by another function."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.{suffix}"
        write(path)
        return attached(path.read_bytes(), name, suffix)


def attached(body: bytes, name: str, suffix: str) -> Response:
    """A download."""
    answer = Response(body, content_type=_TYPES[suffix])
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{suffix}"'
    return answer


def words_of(looking: Looking) -> dict[str, Any]:
    """The choices of the filters, the wording of keys, and the saved segments, each with its hidden custom fields."""
    with people.database().read() as connection:
        named = {source.id: source.name for source in sources.listed(connection, looking.workspace_id)}
        kept = views.listed(connection, person(), page=views.WORKBENCH)
        hidden = own.of(connection, looking.workspace_id).hidden
    choices = _choices(looking, {API: "Sent to the API", **{key: visible(name) for key, name in named.items()}}, hidden)
    segments = [(view, address_of_saved(view.filters), sorted(own_named(view.filters) & hidden)) for view in kept]
    return {"choices": choices, "channels": CHANNELS, "segments": segments}


def _choices(looking: Looking, named: Mapping[str, str], hidden: Collection[str]) -> Mapping[str, Mapping[str, str]]:
    from vocservice.reporting.drivers import is_answered
    from vocservice.reporting.words import metric_name, owner_name

    taxonomy, levels = looking.taxonomy, {str(level): name for level, name in LEVEL_NAMES.items()}
    counts = looking.own()
    found: dict[str, Mapping[str, str]] = {
        "channel": {name: CHANNELS.get(name, visible(name)) for name in looking.told("channel")},
        "source": named,
        **{name: _labels(taxonomy, held) for name, held in SETS.items()},
        "polarity": {str(sign): words for sign, (words, _) in POLARITIES.items()},
        "score_kind": {kind: kind for kind in SCORE_KINDS},
        "fixed": {YES: "yes, the issues of its causes are closed", NO: "no, it stands"},
        "needs_review": {"true": "yes", "false": "no"},
        "is_corrected": {"true": "yes, by a person", "false": "no"},
        "level_from": levels,
        "level_to": levels,
        "owner": {key: owner_name(taxonomy, key) for key in taxonomy.owners},
        "metric": {key: metric_name(taxonomy, key) for key in taxonomy.metrics},
        "by": {name: visible(name) for name in counts},
        "target": {name: visible(name) for name, values in counts.items() if is_answered(values)},
        "hidden": {name: visible(name) for name in hidden},
        **{OWN + name: {value: f"{visible(value)} ({n})" for value, n in values.items()} for name, values in counts.items()},
        **{name: {key: visible(key) for key in looking.told(name)} for name in ("model", "taxonomy")},
    }
    return {name: {**choices, **ALSO.get(name, {})} for name, choices in found.items()}


def _labels(taxonomy: Taxonomy, name: str) -> Mapping[str, str]:
    return {label.key: label.label for label in taxonomy[name].labels} if name in taxonomy else {}
