"""A file with the caller's mapping and options in, checked, with its first rows, out; before anything is queued."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from vocservice.batch.inputs import Inputs, Selection
from vocservice.errors import InputError
from vocservice.jobs.places import as_sent
from vocservice.store.received.batches import Options
from vocservice.tables import Facts, read
from vocservice.tables.cells import as_text
from vocservice.tables.columns import ALIASES, ColumnsError, named
from vocservice.tables.formats import WRITTEN, written_as
from vocservice.tables.labels import EXPLODABLE
from vocservice.tables.places import Place
from vocservice.tables.source import wishes
from vocservice.web.problems import RequestError

FIELDS = tuple(ALIASES)
KEYS: Mapping[str, str] = {field: f"mapping.{field}" for field in FIELDS}
PREVIEW_ROWS = 5
_LONGEST_CELL = 200
_LONGEST_NAME = 1000
_MOST_ROWS = 2**31 - 1


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= _LONGEST_NAME and "\0" not in value


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_ROWS


_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "format": (lambda value: value in WRITTEN, f"one of {', '.join(WRITTEN)}"),
    "sheet": (_is_name, "the name of a sheet"),
    "limit": (_is_count, "a whole number from 1"),
    "excel": (lambda value: isinstance(value, bool), "true or false"),
    "explode": (_is_name, "the name of a label set"),
}


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows of a file: columns, field to column, cells as text, and the sheets of a workbook."""

    columns: tuple[str, ...]
    fields: Mapping[str, str]
    rows: tuple[tuple[str, ...], ...]
    sheets: tuple[str, ...]
    has_text: bool


def mapping_of(value: Any) -> dict[str, str]:
    """The mapping of a request: field to column.

    Raises:
        RequestError: it is not an object of strings, or names an unknown field (`mapping_invalid`).
    """
    if not isinstance(value, dict) or not all(map(_is_name, value.values())):
        raise RequestError("mapping is an object of fields with the names of their columns", code="mapping_invalid")
    try:
        return wishes(id_column=None, text_column=None, mapping=value)
    except InputError:
        raise RequestError(f"the fields of a mapping are {', '.join(FIELDS)}", code="mapping_invalid") from None


def options_of(value: Any, *, input_format: str) -> Options:
    """The options of a request, which `voc classify` has too.

    Raises:
        RequestError: an option is unknown, has an invalid value, or does not fit the formats (`option_invalid`).
    """
    if not isinstance(value, dict) or not value.keys() <= _CHECKS.keys():
        raise _fault(f"options is an object with any of {', '.join(_CHECKS)}")
    given = {name: item for name, item in value.items() if item is not None}
    for name, item in given.items():
        fits, kind = _CHECKS[name]
        if not fits(item):
            raise _fault(f"the option {name} must be {kind}")
    options = Options(**{"format": written_as(input_format), **given})
    _check_together(options, input_format)
    return options


def check_files(places: Sequence[Place], mapping: Mapping[str, str], options: Options, *, names: Mapping[str, str] = KEYS) -> None:
    """Check that the files can be read, have the columns, and fit into one output.

    Args:
        places: the files.
        mapping: field to column.
        options: what the caller asked for.
        names: the fields as the caller calls them.

    Raises:
        InputError: they do not.
    """
    selection = Selection(mapping=mapping, sheet=options.sheet)
    with _named(places, names), Inputs.open(places, selection, is_table=options.format != "jsonl") as inputs:
        next(iter(inputs), None)


def preview_of(places: Sequence[Place], *, sheet: str | None = None, names: Mapping[str, str] = KEYS) -> Preview:
    """The first rows of files.

    Raises:
        InputError: the first one cannot be read.
    """
    with _named(places, names):
        return _preview_by_any_column(places[0], sheet)


@contextmanager
def _named(places: Sequence[Place], names: Mapping[str, str]) -> Iterator[None]:
    """Word errors with the file name as sent and the names of the fields."""
    try:
        yield
    except ColumnsError as error:
        raise InputError(as_sent(error.told(f"for '{names[error.field]}'"), places), code=error.code) from None
    except InputError as error:
        raise InputError(as_sent(error.message, places), code=error.code) from None


def _preview_by_any_column(place: Place, sheet: str | None) -> Preview:
    try:
        return _preview(place, {}, sheet, has_text=True)
    except ColumnsError as error:
        first = error
    reason: InputError = first
    for column in first.columns:  # any column that can hold a text will do to see them all
        try:
            return _preview(place, {"text": column}, sheet, has_text=False)
        except ColumnsError as error:
            is_no_text = (error.fault, error.field) == ("not_text", "text")
            reason = InputError(f"{error.file}: no column holds text; its columns are {named(first.columns)}") if is_no_text else error
        except InputError as error:
            reason = error
    raise reason


def explodable(names: tuple[str, ...]) -> tuple[str, ...]:
    """The label sets that can be written as one row per label."""
    return tuple(dict.fromkeys((*EXPLODABLE, *names)))


def _preview(place: Place, wanted: Mapping[str, str], sheet: str | None, *, has_text: bool) -> Preview:
    with read(place.path, mapping=wanted, sheet=sheet, partitions=place.partitions) as source:
        rows = [dict(record.row or {}) for record in islice(source, PREVIEW_ROWS)]
        facts = source.facts
    columns = tuple(dict.fromkeys((*facts.columns, *facts.fields.values()))) or tuple(dict.fromkeys(key for row in rows for key in row))
    fields = _fields(facts, columns)
    if not has_text:
        fields.pop("text", None)
    cells = tuple(tuple(as_text(row.get(column))[:_LONGEST_CELL] for column in columns) for row in rows)
    return Preview(columns, fields, cells, facts.sheets, has_text)


def _fields(facts: Facts, columns: tuple[str, ...]) -> dict[str, str]:
    """Field to column, as found; keys of JSON Lines go by the fields' names."""
    return dict(facts.fields) or {field: field for field in FIELDS if field in columns}


def _check_together(options: Options, input_format: str) -> None:
    if options.sheet is not None and input_format != "xlsx":
        raise _fault("the option sheet is for Excel workbooks")
    if options.excel and options.format not in ("csv", "tsv"):
        raise _fault("the option excel is for CSV and TSV")
    if options.explode is not None and options.format == "jsonl":
        raise _fault("the option explode is for tables, not for JSON Lines")


def _fault(message: str) -> RequestError:
    return RequestError(message, code="option_invalid")
