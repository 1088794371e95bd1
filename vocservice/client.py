"""Python client of the HTTP API: the URL of a service and an API key in, its resources as frozen records out."""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from vocservice.errors import ApiError
from vocservice.pieces import Item, Record, body_of, packed, pieces, plain
from vocservice.records import Analysis, Json, Rejected
from vocservice.transport import JSON, TOO_LARGE, Request, Service
from vocservice.unpacking import read, read_analysis, read_result, read_results

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted record: the caller's id and the service's; `record` is None if it was erased before."""

    id: str
    record: str | None
    outcome: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Feedback:
    """A stored record; `analysis` is None until it is analysed."""

    record: str
    source: str
    source_name: str | None
    source_record: str
    status: str
    error_code: str | None
    revision: int
    channel: str | None
    score: Mapping[str, Any] | None
    needs_review: bool | None
    warnings: tuple[str, ...]
    created_at: datetime | None
    received_at: datetime
    analysis: Analysis | None

    @classmethod
    def of(cls, item: Json) -> "Feedback":
        """Parse a record from an answer."""
        found = item.get("analysis")
        return read(cls, {**item, "analysis": None if found is None else read_analysis(found)})


@dataclass(frozen=True, slots=True)
class Source:
    """A source and the health of its deliveries: `waiting` texts still to fetch, and the `fetch_code` of the last failed attempt."""

    id: str
    name: str
    adapter: str
    is_enabled: bool
    created_at: datetime
    last_received_at: datetime | None
    received: int
    quarantined: int
    warned: int
    signature_failures: int
    last_failure_at: datetime | None
    waiting: int = 0
    fetch_code: str | None = None


@dataclass(frozen=True, slots=True)
class SubjectBatch:
    """A batch whose file names a customer; `names_customer` is None if no worker has searched it yet."""

    id: str
    name: str
    status: str
    created_at: datetime
    names_customer: bool | None


@dataclass(frozen=True, slots=True)
class Held:
    """Everything stored about a customer: redacted records, oldest first, and batches."""

    items: tuple[Mapping[str, Any], ...]
    batches: tuple[SubjectBatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Erased:
    """How much of a customer was erased; a worker then searches the files of `batches_to_search` batches."""

    records: int
    bodies: int
    answers: int
    batches_to_search: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """A file to be labelled as a whole: its progress (`share`, 0 to 1), its contents and its errors."""

    id: str
    name: str
    status: str
    input_format: str
    input_bytes: int
    rows_total: int | None
    rows_done: int
    rows_rejected: int
    mapping: Mapping[str, str]
    options: Mapping[str, Any]
    share: float | None
    rows_per_second: float | None
    seconds_left: float | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    error: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Client(Service):
    """A client of a service. Holds no connection and is thread-safe.

    Takes the arguments of `Service`: `url`, `key`, `tries`, `timeout` and `longest_wait`. Every method raises `ApiError` if the service
    refuses (with its `code` and `status`) or cannot be reached (`unreachable`, status 503). A record that JSON cannot express raises
    `RecordError`; among many records it is returned as `Rejected`, and so is a record that is too large by itself.
    """

    def analyse(self, record: Record) -> Analysis:
        """Analyse one text or record at once, without storing it."""
        return read_analysis(self._json("POST", "/v1/analyse", plain(record)))

    def analyse_all(self, records: Iterable[Record], *, size: int = 100) -> Iterator[Analysis | Rejected]:
        """Analyse any number of records, in order, in requests of `size` records (at most 1000) or 4 MiB."""
        for some in pieces(records, size):
            yield from _placed(some, lambda body: self._answer(Request("POST", "/v1/analyse", body, {"Content-Type": JSON})), read_result)

    def send(self, record: Record, *, idempotency_key: str | None = None) -> Accepted:
        """Store one text or record, to be analysed later."""
        return read(Accepted, self._write(packed(plain(record)), idempotency_key or uuid.uuid4().hex))

    def send_all(self, records: Iterable[Record], *, size: int = 500) -> Iterator[Accepted | Rejected]:
        """Store any number of records, in order, in requests of `size` records (at most 1000) or 4 MiB."""
        for some in pieces(records, size):
            yield from _placed(some, lambda body: self._write(body, uuid.uuid4().hex), _receipt)

    def feedback(self, **filters: Any) -> Iterator[Feedback]:
        """Iterate over the stored records that match the filters of `GET /v1/feedback`, in order of receipt."""
        return map(Feedback.of, self._pages("/v1/feedback", filters))

    def one(self, record: str) -> Feedback:
        """Get a stored record."""
        return Feedback.of(self._json("GET", f"/v1/feedback/{_segment(record)}"))

    def erase(self, record: str) -> None:
        """Permanently erase a record; erasing it again is not an error."""
        self._json("DELETE", f"/v1/feedback/{_segment(record)}")

    def export_subject(self, subject: str) -> Held:
        """Get everything stored about a customer, and the batches whose files name them."""
        return read(Held, self._json("POST", "/v1/subjects/export", {"subject": subject}))

    def erase_subject(self, subject: str) -> Erased:
        """Permanently erase everything about a customer."""
        return read(Erased, self._json("POST", "/v1/subjects/erase", {"subject": subject}))

    def sources(self) -> list[Source]:
        """The sources of the workspace."""
        return [read(Source, item) for item in self._json("GET", "/v1/sources")["items"]]

    def report(self, **filters: Any) -> Json:
        """Every figure of the analysed records that fit the filters of `GET /v1/report`."""
        return self._json("GET", f"/v1/report{_query(filters)}")

    def charts(self) -> Json:
        """Every chart of the workbench by name: an answer of `GET /v1/charts`."""
        return self._json("GET", "/v1/charts")

    def chart(self, name: str, **filters: Any) -> Json:
        """The numbers of one chart: an answer of `GET /v1/charts/NAME`."""
        return self._json("GET", f"/v1/charts/{_segment(name)}{_query(filters)}")

    def compare(self, **sides: Any) -> Json:
        """Two sets of records side by side, their filters under `a_` and `b_`: an answer of `GET /v1/compare`."""
        return self._json("GET", f"/v1/compare{_query(sides)}")

    def issues(self) -> Json:
        """Experience issues with their evidence and inflow: an answer of `GET /v1/issues`."""
        return self._json("GET", "/v1/issues")

    def issue(self, issue_id: str) -> Json:
        """One experience issue: an answer of `GET /v1/issues/ISSUE_ID`."""
        return self._json("GET", f"/v1/issues/{_segment(issue_id)}")

    def watches(self) -> Json:
        """Digests and alerts of the workbench: an answer of `GET /v1/watches`."""
        return self._json("GET", "/v1/watches")

    def watch(self, watch_id: str) -> Json:
        """One digest or alert: an answer of `GET /v1/watches/WATCH_ID`."""
        return self._json("GET", f"/v1/watches/{_segment(watch_id)}")

    def search(self, **wishes: Any) -> Json:
        """Find records by words (`q`), by meaning (`about`) or by similarity to a record (`like`): an answer of `GET /v1/search`."""
        return self._json("GET", f"/v1/search{_query(wishes)}")

    def themes(self, **filters: Any) -> Json:
        """Themes of a selection or a cell: an answer of `GET /v1/themes`."""
        return self._json("GET", f"/v1/themes{_query(filters)}")

    def new_themes(self, **filters: Any) -> Json:
        """Themes that no factor explains: an answer of `GET /v1/new-themes`."""
        return self._json("GET", f"/v1/new-themes{_query(filters)}")

    def rules(self) -> Json:
        """The rules of the workspace: an answer of `GET /v1/rules`."""
        return self._json("GET", "/v1/rules")

    def rule(self, rule: str) -> Json:
        """One rule with its versions."""
        return self._json("GET", f"/v1/rules/{_segment(rule)}")

    def add_rule(self, rule: Json) -> Json:
        """Add a rule; it is not sent again after a broken connection."""
        return self._json("POST", "/v1/rules", rule, is_repeatable=False)

    def change_rule(self, rule: str, changed: Json) -> Json:
        """Save a new version of a rule; it is not sent again after a broken connection."""
        return self._json("PUT", f"/v1/rules/{_segment(rule)}", changed, is_repeatable=False)

    def try_rule(self, tried: Json) -> Json:
        """Test a rule on past records; nothing is stored."""
        return self._json("POST", "/v1/rules/test", tried)

    def endpoints(self) -> Json:
        """The endpoints that events are sent to, without their secrets: an answer of `GET /v1/endpoints`."""
        return self._json("GET", "/v1/endpoints")

    def endpoint(self, endpoint_id: str) -> Json:
        """One endpoint."""
        return self._json("GET", f"/v1/endpoints/{_segment(endpoint_id)}")

    def add_endpoint(self, endpoint: Json) -> Json:
        """Add an endpoint; its `secret` is in this answer alone. It is not sent again after a broken connection."""
        return self._json("POST", "/v1/endpoints", endpoint, is_repeatable=False)

    def change_endpoint(self, endpoint_id: str, changed: Json) -> Json:
        """Send it other events (`events`), pause it or resume it (`is_enabled`)."""
        return self._json("PATCH", f"/v1/endpoints/{_segment(endpoint_id)}", changed)

    def remove_endpoint(self, endpoint_id: str) -> None:
        """Remove an endpoint with the log of its deliveries."""
        self._json("DELETE", f"/v1/endpoints/{_segment(endpoint_id)}")

    def rotate_secret(self, endpoint_id: str) -> Json:
        """Make a new signing secret, in this answer alone; the old one signs beside it for 24 hours. It is not sent again by itself."""
        return self._json("POST", f"/v1/endpoints/{_segment(endpoint_id)}/secret", is_repeatable=False)

    def end_old_secrets(self, endpoint_id: str) -> None:
        """Sign with the newest secret alone from now on."""
        self._json("DELETE", f"/v1/endpoints/{_segment(endpoint_id)}/old-secrets")

    def deliveries(self, endpoint_id: str) -> Json:
        """What was and will be sent to an endpoint, the newest first."""
        return self._json("GET", f"/v1/endpoints/{_segment(endpoint_id)}/deliveries")

    def replay(self, endpoint_id: str) -> Json:
        """Send again what failed, under the same ids."""
        return self._json("POST", f"/v1/endpoints/{_segment(endpoint_id)}/replay")

    def taxonomy(self) -> Json:
        """Every label with its definition."""
        return self._json("GET", "/v1/taxonomy")

    def label_file(self, path: Path, *, mapping: Mapping[str, str] | None = None, **options: Any) -> Batch:
        """Upload a file to be labelled as a whole; it is sent again only if the service said that it did not accept it.

        Raises:
            OSError: the file cannot be read.
        """
        with path.open("rb") as file:
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(path.stat().st_size)}
            wishes = _wishes(mapping, options)
            request = Request("POST", f"/v1/batches{_query({'name': path.name, **wishes})}", file, headers, is_repeatable=False)
            return read(Batch, self._answer(request))

    def label_reference(self, reference: str, *, mapping: Mapping[str, str] | None = None, **options: Any) -> Batch:
        """Label files that are on the server: `reference` is the path of a file, a folder of Parquet files, or a pattern, in the
        workspace's folder there."""
        path = f"/v1/batches{_query({'reference': reference, **_wishes(mapping, options)})}"
        return read(Batch, self._json("POST", path, is_repeatable=False))

    def batches(self) -> Iterator[Batch]:
        """Iterate over the batches, newest first."""
        return (read(Batch, item) for item in self._pages("/v1/batches", {}))

    def batch(self, batch: str) -> Batch:
        """Get the progress of a batch."""
        return read(Batch, self._json("GET", f"/v1/batches/{_segment(batch)}"))

    def cancel_batch(self, batch: str) -> Batch:
        """Cancel a batch."""
        return read(Batch, self._json("POST", f"/v1/batches/{_segment(batch)}/cancel"))

    def delete_batch(self, batch: str) -> None:
        """Delete a batch that has ended."""
        self._json("DELETE", f"/v1/batches/{_segment(batch)}")

    def save_result(self, batch: str, path: Path) -> None:
        """Download the labelled file; it appears complete or not at all.

        Raises:
            OSError: the file cannot be written.
        """
        self._save(f"/v1/batches/{_segment(batch)}/result", path)

    def save_rejects(self, batch: str, path: Path) -> None:
        """Download the list of rejected rows; it appears complete or not at all.

        Raises:
            OSError: the file cannot be written.
        """
        self._save(f"/v1/batches/{_segment(batch)}/rejects", path)

    def save_partial(self, batch: str, path: Path) -> None:
        """Download what is labelled so far of an unfinished batch, as JSON Lines.

        Raises:
            OSError: the file cannot be written.
        """
        self._save(f"/v1/batches/{_segment(batch)}/partial", path)

    def _save(self, path: str, into: Path) -> None:
        partial = into.with_name(into.name + ".partial")
        try:
            with partial.open("wb") as file:
                self._answer(Request("GET", path), into=file)
            partial.replace(into)
        finally:
            partial.unlink(missing_ok=True)

    def _write(self, body: bytes, idempotency_key: str) -> Json:
        request = Request("POST", "/v1/feedback", body, {"Content-Type": JSON, "Idempotency-Key": idempotency_key})
        found: Json = self._answer(request)
        return found

    def _pages(self, path: str, filters: Mapping[str, Any]) -> Iterator[Json]:
        cursor: str | None = ""
        while cursor is not None:
            page = self._json("GET", f"{path}{_query({**filters, 'cursor': cursor or None})}")
            yield from page["items"]
            cursor = page["next"]

    def _json(self, method: str, path: str, value: Any = None, *, is_repeatable: bool = True) -> Json:
        body, headers = (None, {}) if value is None else (packed(value), {"Content-Type": JSON})
        found: Json = self._answer(Request(method, path, body, headers, is_repeatable))
        return found


def _placed(some: Sequence[Item], send: Callable[[bytes], Any], result: Callable[[Json], R]) -> Iterator[R | Rejected]:
    """The results of a piece, each at its record's position; a record that is too large by itself is rejected."""
    try:
        told = read_results(send(body_of(some)), len(some))
    except ApiError as error:
        if error.status != TOO_LARGE or len(some) > 1:
            raise
        yield Rejected(some[0].id, error.code, error.message)
    else:
        yield from (item.fault or result(one) for item, one in zip(some, told, strict=True))


def _receipt(item: Json) -> Accepted | Rejected:
    if item["status"] == "rejected":
        return Rejected(item["id"], item["error"]["code"], item["error"]["message"])
    return read(Accepted, item)


def _wishes(mapping: Mapping[str, str] | None, options: Mapping[str, Any]) -> Mapping[str, str]:
    return {"mapping": json.dumps(dict(mapping or {})), "options": json.dumps(options)}


def _query(values: Mapping[str, Any]) -> str:
    """Filters as query parameters; times and booleans in the service's format."""
    given = {name: value for name, value in values.items() if value is not None}
    shown = {name: str(value).lower() if isinstance(value, bool) else _text(value) for name, value in given.items()}
    return f"?{urlencode(shown)}" if shown else ""


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _segment(name: str) -> str:
    return quote(name, safe="")
