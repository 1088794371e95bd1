"""Open inputs and an analyser in, a preview of the run out: columns, encoding, languages and time; nothing is written."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import click

from vocservice.api import Analyser
from vocservice.batch.inputs import Inputs
from vocservice.cli.summary import numbered
from vocservice.records import Analysis, Rejected, Result
from vocservice.tables import Facts
from vocservice.tables.formats import shown_name

SAMPLE = 20
COUNTING_SECONDS = 2.0
WARM_UP = "The parcel came a day late, but the driver was friendly."


def preview(inputs: Inputs, analyser: Analyser, *, as_json: bool) -> None:
    """Analyse the first records and print what was found."""
    records = iter(inputs)
    sample = list(islice(records, SAMPLE))
    analyser.analyse(WARM_UP)  # warm-up is not part of the time per record
    started = time.perf_counter()
    results = list(analyser.stream(sample))
    each = (time.perf_counter() - started) / max(len(results), 1)
    total = _estimated_total(inputs, len(sample), records)
    found = {
        "inputs": [_described(source.facts) for source in inputs.sources],
        "sample": len(sample),
        "languages": dict(_languages(results)),
        "rejected": dict(Counter(result.code for result in results if isinstance(result, Rejected))),
        "records": total,
        "seconds": round(each * total, 1) if total is not None else None,
        "model": analyser.model,
    }
    click.echo(json.dumps(found) if as_json else "\n".join(_lines(found)))


def _described(facts: Facts) -> dict[str, Any]:
    return {
        "name": shown_name(facts.path),
        "format": facts.format,
        "encoding": facts.encoding,
        "delimiter": facts.delimiter,
        "columns": len(facts.columns),
        "fields": dict(facts.fields),
        "other_text_columns": [name for name in facts.text_candidates if name != facts.text_column],
        "header_rows": facts.header_rows,
        "header_kind": facts.header_kind,
        "sheets": list(facts.sheets),
    }


def _languages(results: list[Result]) -> Counter[str]:
    """Languages of the sample; a record rejected for its language counts as `other`."""
    found = Counter(result.language for result in results if isinstance(result, Analysis))
    other = sum(isinstance(result, Rejected) and result.code == "unsupported_language" for result in results)
    return found + Counter({"other": other})


def _estimated_total(inputs: Inputs, seen: int, rest: Iterator[object]) -> int | None:
    """Number of records: counted briefly, then estimated from the remaining bytes; None for a pipe."""
    if inputs.total_bytes is None:
        return None
    until = time.perf_counter() + COUNTING_SECONDS
    total = seen
    for total, _ in enumerate(rest, seen + 1):
        if time.perf_counter() > until:
            estimate = round(total * inputs.total_bytes / max(inputs.bytes_read, 1))
            return min(estimate, inputs.selection.limit or estimate)
    return total


def _lines(found: dict[str, Any]) -> Iterator[str]:
    for described in found["inputs"]:
        yield from _input_lines(described)
    yield f"languages of the first {found['sample']}: {_counts(found['languages'])}"
    if found["rejected"]:
        yield f"rejected of the first {found['sample']}: {_counts(found['rejected'])}"
    if found["records"] is not None:
        yield f"about {numbered(found['records'], 'record')}, {found['seconds']} s with model {found['model']}"
    yield "nothing was written (--dry-run)"


def _input_lines(described: dict[str, Any]) -> Iterator[str]:
    kinds = [described["format"], described["encoding"], f"delimiter {described['delimiter']!r}" if described["delimiter"] else None]
    yield f"{described['name']}: {', '.join(filter(None, kinds))}"
    if described["columns"]:
        yield f"  {numbered(described['columns'], 'column')}: " + ", ".join(
            f"{field} from {name!r}" for field, name in described["fields"].items()
        )
    if described["columns"] and "id" not in described["fields"]:
        yield "  no id column found: records are numbered by row (row-1); name one with --id-column"
    if described["header_rows"] > 1:
        kind = "" if described["header_kind"] == "plain" else f" ({described['header_kind']})"
        yield f"  the first {described['header_rows']} rows are the header{kind}, no records"
    if described["other_text_columns"]:
        yield f"  other columns that could be the text: {', '.join(map(repr, described['other_text_columns']))}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{key} {count}" for key, count in counts.items()) or "none"
