"""Results of a run in, its summary on standard error (or as JSON) out: counts, time, rate, model; no texts."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import click

from vocservice.records import Rejected, Result
from vocservice.tables.formats import STANDARD_STREAM, shown_name


def numbered(count: int, noun: str) -> str:
    """A count with its noun: `1 record`, `2 records`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


@dataclass
class Summary:
    """Counts of a run; timing starts on creation."""

    model: str
    output: str
    records: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.perf_counter)

    def add(self, result: Result) -> None:
        """Count one result."""
        self.records += 1
        if isinstance(result, Rejected):
            self.codes[result.code] += 1

    @property
    def rejected(self) -> int:
        return self.codes.total()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    def counts(self) -> dict[str, Any]:
        """Total and rejected records, by code."""
        return {
            "records": self.records,
            "ok": self.records - self.rejected,
            "rejected": self.rejected,
            "rejected_by_code": dict(self.codes.most_common()),
        }

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON gives it."""
        seconds = self.seconds
        return {
            **self.counts(),
            "seconds": round(seconds, 2),
            "records_per_second": round(self.records / seconds, 1) if seconds > 0 else None,
            "model": self.model,
            "output": self.output,
        }

    def print(self, *, as_json: bool) -> None:
        """Print the summary; to standard error if records go to standard output."""
        found = self.to_dict()
        if as_json:
            click.echo(json.dumps(found), err=self.output == STANDARD_STREAM)
            return
        rate = f"{found['seconds']} s ({found['records_per_second']} records/s)"
        click.echo(f"{numbered(self.records, 'record')} in {rate}, model {self.model}", err=True)
        if self.rejected:
            click.echo(f"{self.rejected} rejected: {self._by_code()}{self._where()}", err=True)

    def _by_code(self) -> str:
        return ", ".join(f"{code} {count}" for code, count in self.codes.most_common())

    def _where(self) -> str:
        return "" if self.output == STANDARD_STREAM else f" (listed in {shown_name(self.output)}.rejects.jsonl)"
