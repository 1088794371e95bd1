"""The first rows of a table in, its header out: unique column keys, names as written, and the extra header rows of survey exports."""

import json
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from vocservice.tables.cells import as_text

MAX_HEADER_ROWS = 3
_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a table.

    Attributes:
        names: as in the first header row, including blanks and duplicates.
        keys: the same, made unique; the keys of every `row`.
        labels: second names, from the second header row (question text, sub-question), or blanks.
        imports: what Qualtrics writes in its third header row, or empty objects.
        rows: number of header rows.
        kind: `plain`, `qualtrics` or `surveymonkey`.
    """

    names: tuple[str, ...]
    keys: tuple[str, ...]
    labels: tuple[str, ...]
    imports: tuple[Mapping[str, Any], ...]
    rows: int = 1
    kind: str = "plain"

    def __len__(self) -> int:
        return len(self.keys)


def read_header(rows: Sequence[Sequence[object]]) -> Header:
    """Build the header from the first rows (one to three) of a table."""
    names = tuple(as_text(cell) for cell in rows[0])
    width = len(names)
    imports = _imports(rows[2]) if len(rows) > 2 else ()
    if any(imports):
        return Header(names, unique(names), _fit(rows[1], width), _fit_imports(imports, width), 3, "qualtrics")
    if len(rows) > 1 and _is_second_header(names, rows[1]):
        kind = "surveymonkey" if plain(names[0]) == "respondentid" else "qualtrics"
        return Header(names, unique(names), _fit(rows[1], width), ({},) * width, 2, kind)
    return Header(names, unique(names), ("",) * width, ({},) * width)


def plain(name: str) -> str:
    """A name for comparing: letters and digits only, lower case (`Response ID`, `response_id` and `ResponseId` are one)."""
    return _NOT_WORD.sub("", name.casefold()) or name.strip()


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Make names unique: a blank becomes `column_3`, a repeat `text_2`."""
    taken = {name for name in names if name.strip()}
    keys, tried = dict[str, None](), dict[str, int]()
    for number, name in enumerate(names, 1):
        base = name if name.strip() else f"column_{number}"
        is_free = base not in keys and (base == name or base not in taken)
        keys[base if is_free else _next_free(base, taken, keys, tried)] = None
    return tuple(keys)


def _next_free(base: str, taken: Container[str], keys: Container[str], tried: dict[str, int]) -> str:
    """The base with the next unused number; `tried` remembers where to continue, as a header may repeat a name often."""
    number = next(n for n in count(tried.get(base, 2)) if f"{base}_{n}" not in taken and f"{base}_{n}" not in keys)
    tried[base] = number + 1
    return f"{base}_{number}"


def _is_second_header(names: Sequence[str], second: Sequence[object]) -> bool:
    """SurveyMonkey has sub-questions in a second row without an id; old Qualtrics has V1, V2 there."""
    if not names or not second:
        return False
    first = as_text(second[0]).strip()
    return (plain(names[0]) == "respondentid" and not first) or (names[0] == "V1" and plain(first) == "responseid")


def _imports(cells: Sequence[object]) -> tuple[Mapping[str, Any], ...]:
    return tuple(_import(as_text(cell)) for cell in cells)


def _import(cell: str) -> Mapping[str, Any]:
    if not (cell.lstrip().startswith("{") and "ImportId" in cell):
        return {}
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("ImportId"), str) else {}


def _fit(cells: Sequence[object], width: int) -> tuple[str, ...]:
    texts = [as_text(cell) for cell in cells[:width]]
    return tuple(texts + [""] * (width - len(texts)))


def _fit_imports(imports: Sequence[Mapping[str, Any]], width: int) -> tuple[Mapping[str, Any], ...]:
    return (*imports[:width], *({},) * (width - len(imports)))
