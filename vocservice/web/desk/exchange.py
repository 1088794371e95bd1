"""Decisions as a file out; a file changed by people or other tools in, stored as decisions of the uploader.

Nothing is overwritten: rows based on a decision that is no longer the current one are counted and left out.
"""

import csv
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count, islice
from pathlib import Path
from typing import Any

import orjson
from flask import Response, request

from vocservice.errors import InputError
from vocservice.store import audit
from vocservice.store.accounts.users import SUPPORT_LEAD
from vocservice.store.audit import Act
from vocservice.store.review import annotations, exchange
from vocservice.store.review.annotations import Example
from vocservice.store.review.exchange import COLUMNS, Outcome
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.requests import uploads
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
    "same": "unchanged",
    "conflict": "skipped: decided, undone or changed since the file was written, or open with somebody else",
    "unknown": "skipped: no such record in this workspace",
    "refused": "skipped: labels that are not in the taxonomy",
}


@blueprint.get("/desk/decisions")
@require_role(SUPPORT_LEAD)
def form() -> Response:
    """The links to export decisions, and the form to import them."""
    return people.shown("exchange.html", outcomes=OUTCOMES, found=None, fault="")


@blueprint.get("/desk/decisions.csv")
@require_role(SUPPORT_LEAD)
def as_csv() -> Response:
    """The current decision on each record, as CSV for Excel."""
    return _written("csv", _write_csv)


@blueprint.get("/desk/decisions.xlsx")
@require_role(SUPPORT_LEAD)
def as_xlsx() -> Response:
    """The same as a workbook."""
    from vocservice.tables.write_xlsx import write_table

    return _written("xlsx", lambda path, examples: write_table(path, COLUMNS, map(exchange.cells, examples)))


@blueprint.get("/desk/decisions.jsonl")
@require_role(SUPPORT_LEAD)
def as_jsonl() -> Response:
    """The same as JSON Lines for training, with turns."""
    return _written("jsonl", _write_lines)


@blueprint.post("/desk/decisions")
@require_role(SUPPORT_LEAD, takes_file=True)
def take() -> Response:
    """Store the decisions of a file, row by row."""
    try:
        rows = [exchange.incoming(value) for value in _sent()]
    except InputError as error:
        return people.shown("exchange.html", status=error.status, outcomes=OUTCOMES, found=None, fault=error.message)
    found = exchange.bring_in(people.database(), person(), rows, state().model.taxonomy())
    return people.shown("exchange.html", outcomes=OUTCOMES, found=found, fault="")


def _sent() -> list[Any]:
    """The rows of the uploaded file.

    Raises:
        InputError: the file cannot be used.
    """
    sent = uploads.file_in_form(request)
    kind = (sent.filename or "").rpartition(".")[2].casefold()
    if kind not in (*TYPES, "json"):
        raise InputError("send a file that ends in .csv, .xlsx, .jsonl or .json", code="decisions_unusable")
    content = sent.stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise InputError(f"a file has {MOST_BYTES // 1024**2} MB at most", code="decisions_unusable")
    rows = exchange.values_of(content) if kind.startswith("json") else list(islice(_cells(content, kind), MOST_ROWS + 1))
    if len(rows) > MOST_ROWS:
        raise InputError(f"a file holds {MOST_ROWS} rows at most", code="decisions_unusable")
    return rows


def _cells(content: bytes, kind: str) -> Iterator[Mapping[str, str]]:
    """The rows of a table, each cell as text."""
    from vocservice.tables import read

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"sent.{kind}"
        path.write_bytes(content)
        with read(str(path), id_column="id", text_column="text") as source:
            for record in source:
                row = record.row or {}
                yield {str(name): "" if cell is None else str(cell).removeprefix("'") for name, cell in row.items()}


def _written(kind: str, write: Callable[[Path, Iterable[Example]], object]) -> Response:
    """The decisions as a file; written one by one, so that only the file is in memory as a whole."""
    counted = count()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"decisions.{kind}"
        with people.database().read() as connection:
            examples = annotations.examples(connection, person().workspace_id)
            write(path, (example for example, _ in zip(examples, counted, strict=False)))
        _audit(kind, next(counted))
        answer = Response(path.read_bytes(), content_type=TYPES[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="decisions.{kind}"'
    return answer


def _write_csv(path: Path, examples: Iterable[Example]) -> None:
    from vocservice.tables.cells import safe_for_sheets

    with path.open("w", encoding="utf-8-sig", errors="replace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for example in examples:
            writer.writerow([safe_for_sheets(cell) if isinstance(cell, str) else cell for cell in exchange.cells(example)])


def _write_lines(path: Path, examples: Iterable[Example]) -> None:
    with path.open("wb") as file:
        file.writelines(orjson.dumps(exchange.as_table(example)) + b"\n" for example in examples)


def _audit(kind: str, records: int) -> None:
    user = person()
    with people.database().write() as connection:
        act = Act(user.actor, "annotations.export", user.workspace_id, {"format": kind, "records": records})
        audit.write(connection, user.workspace_id, act)
