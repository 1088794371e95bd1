"""Errors and rejections that another choice of columns or speakers would help in, the same with the options that choose out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from vocservice.batch.engines import Engine
from vocservice.batch.shards import Shards
from vocservice.errors import InputError
from vocservice.records import Rejected, Result
from vocservice.tables.columns import ColumnsError
from vocservice.tables.source import Record

_OF_REJECTIONS: Mapping[str, str] = {
    "speaker": "; or name the customers (voc classify --customer NAME)",
    "text": " (voc classify --text-column or --mapping)",
}


class Choosing:
    """An engine whose rejections name the options of `voc classify` that would help."""

    def __init__(self, engine: Engine):
        self._engine = engine

    def run(self, records: Iterator[Record], shards: Shards | None) -> Iterator[Result]:
        return map(_with_option, self._engine.run(records, shards))


@contextmanager
def told_by(options: Mapping[str, str]) -> Iterator[None]:
    """Name the options that choose the column of a field; a field without one is chosen by a mapping.

    Raises:
        InputError: for a `ColumnsError`.
    """
    try:
        yield
    except ColumnsError as error:
        raise InputError(error.told(options.get(error.field, "with --mapping")), code=error.code) from None


def _with_option(result: Result) -> Result:
    if isinstance(result, Rejected) and result.field:
        return replace(result, message=f"{result.message}{_OF_REJECTIONS.get(result.field, '')}")
    return result
