"""The decisions of the desk as a file out; a file that people or other tools changed in, as decisions of who sent it.

Nothing is overruled: a row that rests on another decision than the one that stands is counted and left out.
"""

import csv
import io
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from flask import Response, request

from vocservice.errors import InputError
from vocservice.store import annotations, audit, exchange
from vocservice.store.audit import Act
from vocservice.store.exchange import COLUMNS, Incoming, Outcome
from vocservice.store.users import SUPPORT_LEAD
from vocservice.web import people, uploads
from vocservice.web.people import person, require_role
from vocservice.web.state import state

blueprint = people.pages("exchange")

TYPES: Mapping[str, str] = {
    "jsonl": "application/jsonl; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
MOST_ROWS, MOST_BYTES = 20_000, 32 * 1024**2
OUTCOMES: Mapping[Outcome, str] = {
    "stored": "stored as your decisions",
    "same": "as they stand already",
    "conflict": "left: somebody decided since the file was written",
    "unknown": "left: no such record here",
    "refused": "left: labels that the taxonomy has not",
}


@blueprint.get("/desk/decisions")
@require_role(SUPPORT_LEAD)
def form() -> Response:
    """What can be taken out, and the form to send it back in."""
    return people.shown("exchange.html", outcomes=OUTCOMES, found=None, fault="")


@blueprint.get("/desk/decisions.csv")
@require_role(SUPPORT_LEAD)
def as_csv() -> Response:
    """Every decision that stands, as CSV that Excel reads."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    writer.writerows([_safe(cell) for cell in row] for row in _rows("csv"))
    return _attached(b"\xef\xbb\xbf" + stream.getvalue().encode("utf-8", "replace"), "csv")


@blueprint.get("/desk/decisions.xlsx")
@require_role(SUPPORT_LEAD)
def as_xlsx() -> Response:
    """The same as a workbook."""
    from vocservice.tables.write_xlsx import write_table

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "decisions.xlsx"
        write_table(path, COLUMNS, _rows("xlsx"))
        return _attached(path.read_bytes(), "xlsx")


@blueprint.get("/desk/decisions.jsonl")
@require_role(SUPPORT_LEAD)
def as_jsonl() -> Response:
    """The same as JSON Lines to train on, turns included."""
    with people.database().read() as connection:
        examples = list(annotations.examples(connection, person().workspace_id))
    _audit("annotations.export", format="jsonl", records=len(examples))
    return _attached(b"".join(orjson.dumps(exchange.as_table(one)) + b"\n" for one in examples), "jsonl")


@blueprint.post("/desk/decisions")
@require_role(SUPPORT_LEAD, takes_file=True)
def take() -> Response:
    """Store the decisions of a file, row by row."""
    try:
        rows = list(_incoming())
    except InputError as error:
        return people.shown("exchange.html", status=error.status, outcomes=OUTCOMES, found=None, fault=error.message)
    found = Counter(_taken(row) for row in rows)
    _audit("annotations.import", **dict(found))
    return people.shown("exchange.html", outcomes=OUTCOMES, found=found, fault="")


def _taken(row: Incoming | None) -> Outcome:
    if row is None:
        return "refused"
    taxonomy = state().model.taxonomy()
    with people.database().write() as connection:
        return exchange.take(connection, person(), row, taxonomy)


def _rows(kind: str) -> Iterator[tuple[object, ...]]:
    with people.database().read() as connection:
        rows = [exchange.cells(one) for one in annotations.examples(connection, person().workspace_id)]
    _audit("annotations.export", format=kind, records=len(rows))
    return iter(rows)


def _incoming() -> Iterator[Incoming | None]:
    """What each row of the file says; None for one that says nothing."""
    sent = uploads.sent_in_form(request)
    kind = sent.name.rpartition(".")[2].casefold()
    if kind not in TYPES:
        raise InputError("send a file that ends in .csv, .xlsx or .jsonl", code="decisions_unusable")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"sent.{kind}"
        content = sent.stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise InputError(f"a file has {MOST_BYTES // 1024**2} MB at most", code="decisions_unusable")
        path.write_bytes(content)
        for number, value in enumerate(exchange_values(path, kind)):
            if number >= MOST_ROWS:
                raise InputError(f"a file holds {MOST_ROWS} rows at most", code="decisions_unusable")
            yield exchange.incoming(value)


def exchange_values(path: Path, kind: str) -> Iterator[Mapping[str, Any]]:
    """The objects of JSON Lines (or of one list), or the rows of a table as texts."""
    if kind == "jsonl":
        yield from _json_values(path.read_bytes())
        return
    from vocservice.tables import read

    with read(str(path), id_column="id", text_column="text") as source:
        for record in source:
            row = record.row or {}
            yield {str(name): "" if cell is None else str(cell).removeprefix("'") for name, cell in row.items()}


def _json_values(raw: bytes) -> Iterator[Mapping[str, Any]]:
    try:
        whole = orjson.loads(raw) if raw.lstrip()[:1] == b"[" else [orjson.loads(line) for line in raw.splitlines() if line.strip()]
    except ValueError:
        raise InputError("the file is not JSON Lines", code="invalid_json") from None
    yield from (value if isinstance(value, dict) else {} for value in whole)


def _safe(cell: object) -> object:
    from vocservice.tables.cells import safe_for_sheets

    return safe_for_sheets(cell) if isinstance(cell, str) else cell


def _attached(body: bytes, kind: str) -> Response:
    answer = Response(body, content_type=TYPES[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="decisions.{kind}"'
    return answer


def _audit(action: str, **details: Any) -> None:
    user = person()
    with people.database().write() as connection:
        audit.write(connection, user.workspace_id, Act(user.actor, action, user.workspace_id, details))
