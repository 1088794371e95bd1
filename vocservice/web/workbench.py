"""Stored analyses in, an analyst's figures out: pages, files and JSON, all of the same selection, which stands in the URL."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, request, url_for
from flask.blueprints import BlueprintSetupState

from vocservice.records import Json
from vocservice.render import visible
from vocservice.reporting.rows import SCORE_KINDS, Origin, rarely_collected, read_rows
from vocservice.store import reading, sources
from vocservice.store.database import Database
from vocservice.store.opened import Store
from vocservice.store.reading import NO_STAGE, Place, Taken
from vocservice.store.records import API
from vocservice.store.users import ANALYST
from vocservice.taxonomy import Taxonomy
from vocservice.web import access, case, people
from vocservice.web.answers import json_answer
from vocservice.web.library import Library, Making, Progress
from vocservice.web.page import CHANNELS
from vocservice.web.people import person, require_role
from vocservice.web.problems import RequestError
from vocservice.web.selecting import Asked, asked_of, searched_of
from vocservice.web.state import state
from vocservice.web.view import POLARITIES

if TYPE_CHECKING:  # numpy and pyarrow come with the first figure: gunicorn forks, and their threads must not be there before
    from vocservice.reporting.journey import Cell
    from vocservice.reporting.report import Report, Wish

blueprint = people.pages("workbench")
api = Blueprint("report", __name__)

PATIENCE_SECONDS = 3.0
AGAIN_SECONDS = 2
LISTED = 25
SHOWN_TURNS = 6
_NAME = "vocservice.library"
_TYPES: Mapping[str, str] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
}
_SETS: Mapping[str, str] = {"stage": "stages", "factor": "factors", "scope": "scope", "flag": "flags"}


@dataclass(frozen=True, slots=True)
class Links:
    """Where the figures of a report lead to."""

    asked: Asked

    def cell(self, cell: "Cell") -> str:
        """The records that a cell counts."""
        return url_for("workbench.verbatims") + self.asked.at(Place(cell.stage or NO_STAGE, cell.factor))

    def record(self, record_id: str) -> str:
        """The record on the desk."""
        return url_for("desk.record", record_id=record_id)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as the list shows it; of a transcript only turns with evidence."""

    taken: Taken
    turns: tuple[case.Turn, ...]
    labels: tuple[case.Given, ...]
    unshown: int


@blueprint.get("/workbench")
@require_role(ANALYST)
def overview() -> Response:
    """Every figure of a selection, or word of how far reading is."""
    from vocservice.reporting import page as report_page

    asked = asked_of(request.args)
    making = _making(state().stored.open(), person().workspace_id, asked)
    try:
        report = making.result(timeout=PATIENCE_SECONDS)
    except TimeoutError:
        answer = people.shown("reading.html", status=202, progress=making.progress, asked=asked, **_words())
        answer.headers["Refresh"] = str(AGAIN_SECONDS)
        return answer
    figures = report_page.figures(report, Links(asked))
    return people.shown("workbench.html", report=report, figures=figures, asked=asked, **_words())


@blueprint.get("/workbench/verbatims")
@require_role(ANALYST)
def verbatims() -> Response:
    """The records of a selection, the last received first, their evidence marked."""
    asked, cursor = searched_of(request.args)
    workspace_id, taxonomy = person().workspace_id, state().model.taxonomy()
    with people.database().read() as connection:
        _check_source(connection, workspace_id, asked)
        found = reading.page(connection, workspace_id, asked.selection, limit=LISTED, cursor=cursor or None)
    entries = [_entry(taken, taxonomy) for taken in found.taken]
    kept = {name: value for name, value in request.args.items() if name != "cursor" and value}
    more = f"{url_for('workbench.verbatims')}?{urlencode({**kept, 'cursor': found.cursor})}" if found.cursor else ""
    held = {**_words(), "q": " ".join(asked.selection.words), "cell": kept.get("cell", ""), "searched": reading.SEARCHED}
    return people.shown("verbatims.html", status=200, page=found, entries=entries, more=more, asked=asked, **held)


@blueprint.get("/workbench/report.html")
@require_role(ANALYST)
def report_html() -> Response:
    """The page of `voc report`: one file that needs nothing else."""
    from vocservice.reporting import page as report_page

    answer = Response(report_page.render(_report()).encode("utf-8", "replace"), content_type="text/html; charset=utf-8")
    answer.headers["Content-Security-Policy"] = f"{report_page.policy()}; frame-ancestors 'none'"
    return answer


@blueprint.get("/workbench/report.xlsx")
@require_role(ANALYST)
def report_xlsx() -> Response:
    """Every figure as a workbook."""
    from vocservice.reporting.workbook import write_workbook

    made = _report()
    return _file("report", "xlsx", lambda path: write_workbook(made, path))


@blueprint.get("/workbench/report.json")
@require_role(ANALYST)
def report_json() -> Response:
    """Every figure as JSON."""
    return _attached(_report().to_json(), "report", "json")


@blueprint.get("/workbench/records.parquet")
@require_role(ANALYST)
def records_parquet() -> Response:
    """The records of a selection, one row each, redacted texts only."""
    from vocservice.tables.write_records import write_records

    asked, workspace_id = asked_of(request.args), person().workspace_id
    with people.database().read() as connection:
        _check_source(connection, workspace_id, asked)
        rows = (_row(taken) for taken in reading.taken(connection, workspace_id, asked.selection))
        return _file("records", "parquet", lambda path: write_records(path, rows))


@api.get("/v1/report")
def report() -> Response:
    """Every figure of a selection, for whoever has an API key."""
    key = access.require("feedback:read")
    making = _making(state().stored.open(), key.workspace_id, asked_of(request.args))
    return json_answer(making.result().to_dict())


@blueprint.record_once
def _attach(setup: BlueprintSetupState) -> None:
    setup.app.extensions[_NAME] = Library()


def _report() -> "Report":
    return _making(state().stored.open(), person().workspace_id, asked_of(request.args)).result()


def _making(store: Store, workspace_id: str, asked: Asked) -> Making:
    """The report of a selection as the workspace now is, begun where it is not there."""
    from vocservice.reporting.report import Wish

    library: Library = current_app.extensions[_NAME]
    taxonomy, today = state().model.taxonomy(), datetime.now(UTC).date()
    with store.database.read() as connection:
        _check_source(connection, workspace_id, asked)
        stamp = reading.stamp(connection, workspace_id)
    wish = Wish(today=today, compared=asked.compared)

    def make(progress: Progress) -> "Report":
        return _made(store.database, workspace_id, asked, taxonomy, wish, progress)

    return library.get((workspace_id, asked, stamp, taxonomy.id, today), make, total=stamp.count)


def _made(database: Database, workspace_id: str, asked: Asked, taxonomy: Taxonomy, wish: "Wish", progress: Progress) -> "Report":
    from vocservice.reporting.report import make_report

    with rarely_collected(), database.read() as connection:
        return make_report(read_rows(_counted(reading.pairs(connection, workspace_id, asked.selection), progress)), taxonomy, wish)


def _counted(pairs: Iterator[tuple[Json, Origin]], progress: Progress) -> Iterator[tuple[Json, Origin]]:
    for progress.read, pair in enumerate(pairs, 1):
        yield pair


def _check_source(connection: Any, workspace_id: str, asked: Asked) -> None:
    """A source of somebody else is none."""
    wanted = asked.selection.source
    if wanted not in (None, API) and wanted not in {source.id for source in sources.listed(connection, workspace_id)}:
        raise RequestError("there is no such source", code="source_unknown", status=404)


def _entry(taken: Taken, taxonomy: Taxonomy) -> Entry:
    seen = case.shown(taken.analysis, taxonomy)
    spoken = seen.turns if len(seen.turns) == 1 else tuple(turn for turn in seen.turns if any(mark.names for mark in turn.marks))
    labels = tuple(label for label in seen.labels if label.set in ("stages", "factors", "scope", "flags"))
    return Entry(taken, spoken[:SHOWN_TURNS], labels, len(seen.turns) - len(spoken[:SHOWN_TURNS]))


def _row(taken: Taken) -> Json:
    """A record as a row of the Parquet file."""
    given, score = taken.analysis, taken.score or {}
    mood = given.get("sentiment") or {}
    return {
        "record": taken.id,
        "source": taken.source or API,
        "channel": taken.channel,
        "created_at": taken.at,
        "received_at": taken.received_at,
        "subject": taken.subject,
        "score_kind": score.get("kind"),
        "score_value": score.get("value"),
        "score_scale": score.get("scale"),
        "text": given.get("text"),
        "stages": [label["key"] for label in given.get("stages") or ()],
        "factors": [f"{label['key']}{label['polarity']}" for label in given.get("factors") or ()],
        "flags": [label["key"] for label in given.get("flags") or ()],
        "sentiment": mood.get("level"),
        "sentiment_score": mood.get("score"),
        "scope": (given.get("scope") or {}).get("key"),
        "outcome": (given.get("outcome") or {}).get("key"),
        "reasons": [label["key"] for label in given.get("reasons") or ()],
        "needs_review": (given.get("needs_review") or {}).get("value"),
        "model": given.get("model"),
        "taxonomy": given.get("taxonomy"),
        "is_corrected": taken.is_corrected,
    }


def _file(name: str, suffix: str, write: Callable[[Path], object]) -> Response:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.{suffix}"
        write(path)
        return _attached(path.read_bytes(), name, suffix)


def _attached(body: bytes, name: str, suffix: str) -> Response:
    answer = Response(body, content_type=_TYPES[suffix])
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{suffix}"'
    return answer


def _words() -> dict[str, Any]:
    """The choices of the filters, and how keys are said."""
    taxonomy, workspace_id = state().model.taxonomy(), person().workspace_id
    with people.database().read() as connection:
        channels = reading.channels(connection, workspace_id)
        named = {source.id: source.name for source in sources.listed(connection, workspace_id)}
    choices: dict[str, Mapping[str, str]] = {
        "channel": {name: CHANNELS.get(name, visible(name)) for name in channels},
        "source": {API: "Sent to the API", **{key: visible(name) for key, name in named.items()}},
        **{name: _labels(taxonomy, held) for name, held in _SETS.items()},
        "polarity": {str(sign): words for sign, (words, _) in POLARITIES.items()},
        "score_kind": {kind: kind for kind in SCORE_KINDS},
    }
    choices["stage"] = {**choices["stage"], NO_STAGE: "no stage given"}
    return {"choices": choices, "channels": CHANNELS}


def _labels(taxonomy: Taxonomy, name: str) -> Mapping[str, str]:
    return {label.key: label.label for label in taxonomy[name].labels} if name in taxonomy else {}
