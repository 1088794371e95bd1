"""Tests of batches over HTTP: what is taken and what is refused, whose they are, downloads, and the pages."""

import errno
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import analysis, fake_analyser
from flask.testing import FlaskClient
from sqlalchemy import delete
from werkzeug.test import TestResponse

from vocservice.batch.plan import Model, Plan
from vocservice.batch.shards import Shards, shards_of
from vocservice.jobs.worker import Worker
from vocservice.settings import BatchSettings, HttpLimits, Settings, StoreSettings
from vocservice.store import schema
from vocservice.store.accounts import keys
from vocservice.store.opened import Store
from vocservice.store.received import batches
from vocservice.store.received.batch_files import BatchFiles
from vocservice.text.rules import shipped_rules
from vocservice.web.app import create_app
from vocservice.web.batches.api import cancelled
from vocservice.web.requests.uploads import display_name
from web.sending import CHUNKED, check_problem
from web.storing import ELSEWHERE, WORKSPACE, Door
from web.test_openapi import check, schema_of
from web.visiting import Office, Page

TABLE = b"ref,words\nr-1,The app crashed.\nr-2,Lovely staff.\n"
MAPPING = {"id": "ref", "text": "words"}


class Desk:
    """An application whose batches lie in a folder of the test."""

    def __init__(self, door: Door, folder: Path, **limits: Any):
        self.door, self.folder = door, folder / "batches"
        self.settings = Settings(
            http=HttpLimits(max_body_bytes=2048), store=StoreSettings(), batches=BatchSettings(folder=str(self.folder), **limits)
        )
        self.app = create_app(fake_analyser(), self.settings, door.database)
        self.app.extensions["vocservice"] = type(door.app.extensions["vocservice"])(
            *(getattr(door.app.extensions["vocservice"], name) for name in ("model", "limits", "stored", "limiter", "ringer")),
            self.settings.batches,
        )
        self.client: FlaskClient = self.app.test_client()
        self.key = door.key("batches")

    def post(self, content: bytes, name: str = "Q1.csv", *, key: dict[str, str] | None = None, **parts: Any) -> TestResponse:
        fields = {part: json.dumps(value) for part, value in {"mapping": MAPPING, **parts}.items()}
        return self.client.post("/v1/batches", data={"file": (io.BytesIO(content), name), **fields}, headers=key or self.key)

    def refer(self, reference: str, *, key: dict[str, str] | None = None, **parts: Any) -> TestResponse:
        fields = {"reference": reference, "mapping": json.dumps(MAPPING), **parts}
        return self.client.post("/v1/batches", data=fields, content_type="multipart/form-data", headers=key or self.key)

    def get(self, path: str, *, key: dict[str, str] | None = None) -> TestResponse:
        return self.client.get(path, headers=key or self.key)

    def work(self) -> None:
        store = Store(self.door.database, self.door.vault)
        Worker(store, self.settings, lambda _: fake_analyser(), shipped_rules()).run(once=True)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def desk(door: Door, tmp_path: Path) -> Iterator[Desk]:
    return Desk(door, tmp_path)  # type: ignore[return-value]


def bomb() -> bytes:
    """A workbook that unpacks to far more than its size."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * 48 * 1024**2)
    return made.getvalue()


def parquet(*, cut: int = 0, **more: str | bytes) -> bytes:
    made = io.BytesIO()
    pq.write_table(pa.table({name: [value] * 100 for name, value in {"words": "The app crashed.", **more}.items()}), made)
    return made.getvalue()[: -cut or None]


def test_a_file_is_taken_labelled_and_given_back(desk: Desk) -> None:
    taken = desk.post(TABLE, options={"format": "tsv"})
    batch = taken.get_json()
    assert taken.status_code == 202 and taken.headers["Location"] == f"/v1/batches/{batch['id']}"
    check(schema_of("/v1/batches", "post", 202, "application/json"), batch)
    assert (batch["status"], batch["name"], batch["mapping"]) == ("queued", "Q1.csv", MAPPING)
    assert desk.files() == ["input.csv"]
    waits = check_problem(desk.get(f"/v1/batches/{batch['id']}/result"), 409, "batch_not_done")
    assert waits["detail"] == "there is no result: the batch waits for a worker"
    desk.work()
    found = desk.get(f"/v1/batches/{batch['id']}").get_json()
    check(schema_of("/v1/batches/{batch_id}", "get", 200, "application/json"), found)
    assert (found["status"], found["rows_done"], found["share"], found["error"]) == ("done", 2, 1.0, None)
    result = desk.get(f"/v1/batches/{batch['id']}/result")
    assert result.headers["Content-Disposition"] == f"attachment; filename={batch['id']}.tsv"
    assert result.headers["Cache-Control"] == "no-store" and result.data.startswith(b"ref\twords\tstatus\tvoc_")
    assert desk.get(f"/v1/batches/{batch['id']}/rejects").data == b""
    assert desk.client.delete(f"/v1/batches/{batch['id']}", headers=desk.key).status_code == 204
    assert desk.files() == [] and desk.door.rows(schema.batches) == []


@pytest.mark.parametrize("is_form", [True, False], ids=["form", "body"])
def test_19_a_file_that_is_cut_off_on_its_way_is_refused_and_leaves_nothing(desk: Desk, is_form: bool) -> None:
    cut = {"CONTENT_LENGTH": "1500", "wsgi.input_terminated": True}
    data: Any = {"file": (io.BytesIO(TABLE), "Q1.csv"), "mapping": json.dumps(MAPPING)} if is_form else TABLE
    query = {} if is_form else {"name": "Q1.csv", "mapping": json.dumps(MAPPING)}
    kind = "multipart/form-data" if is_form else "text/csv"
    answer = desk.client.post("/v1/batches", data=data, query_string=query, content_type=kind, headers=desk.key, environ_overrides=cut)
    check_problem(answer, 400, "bad_request")
    assert desk.files() == [] and desk.door.rows(schema.batches) == []


@pytest.mark.parametrize("name", ["Q1.csv", ""], ids=["name", "content type"])
def test_a_file_may_be_the_body_itself(desk: Desk, name: str) -> None:
    query = {"name": name, "mapping": json.dumps(MAPPING)}
    taken = desk.client.post("/v1/batches", query_string=query, data=TABLE, content_type="text/csv", headers=desk.key)
    assert (taken.status_code, taken.get_json()["input_format"]) == (202, "csv")


@pytest.mark.parametrize(
    ("suffix", "media_type", "content"),
    [
        ("json", "application/json", b'[{"id": "a", "text": "It broke."}]'),
        ("vtt", "text/vtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\n<v Caller>It broke.\n"),
        ("txt", "text/plain", b"Customer: It broke.\n"),
    ],
)
def test_formats_that_are_only_read_give_json_lines(desk: Desk, suffix: str, media_type: str, content: bytes) -> None:
    for query in ({"name": f"a.{suffix}"}, {}):
        taken = desk.client.post("/v1/batches", query_string=query, data=content, content_type=media_type, headers=desk.key)
        assert (taken.status_code, taken.get_json()["input_format"], taken.get_json()["options"]["format"]) == (202, suffix, "jsonl")
    query = {"name": f"a.{suffix}", "options": json.dumps({"format": suffix})}
    refused = desk.client.post("/v1/batches", query_string=query, data=content, content_type=media_type, headers=desk.key)
    check_problem(refused, 400, "option_invalid")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.csv", "passwd.csv"),
        ("CON.csv", "CON.csv"),
        ("a" * 300 + ".csv", "a" * 80 + "..."),
        ("\u202evsc.exe.csv", "?vsc.exe.csv"),
    ],
    ids=["folders", "device", "long", "right to left"],
)
def test_a_clients_name_is_only_shown(desk: Desk, name: str, shown: str) -> None:
    assert desk.post(TABLE, name).get_json()["name"] == shown
    assert desk.files() == ["input.csv"]
    assert display_name("..\\..\\boot.csv") == "boot.csv"


@pytest.mark.parametrize(
    ("content", "name", "parts", "status", "code"),
    [
        (TABLE, "../../etc/passwd", {}, 415, "format_unknown"),
        (TABLE, "CON", {}, 415, "format_unknown"),
        (TABLE, "a.csv.gz", {}, 415, "format_unknown"),
        (b"", "a.csv", {}, 400, "file_empty"),
        (bomb(), "a.xlsx", {}, 400, "input_unusable"),
        (bomb(), "a.csv", {}, 400, "input_unusable"),
        (TABLE, "a.xlsx", {}, 400, "format_mismatch"),
        (TABLE, "a.parquet", {}, 400, "format_mismatch"),
        (parquet(cut=20), "a.parquet", {"mapping": {}}, 400, "input_unusable"),
        (TABLE, "a.csv", {"mapping": {"text": "nowhere"}}, 400, "input_unusable"),
        (TABLE, "a.csv", {"mapping": {"colour": "words"}}, 400, "mapping_invalid"),
        (TABLE, "a.csv", {"mapping": ["words"]}, 400, "mapping_invalid"),
        (TABLE, "a.csv", {"options": {"format": "pdf"}}, 400, "option_invalid"),
        (TABLE, "a.csv", {"options": {"limit": 0}}, 400, "option_invalid"),
        (TABLE, "a.csv", {"options": {"sheet": "one"}}, 400, "option_invalid"),
        (TABLE, "a.csv", {"options": {"format": "xlsx", "excel": True}}, 400, "option_invalid"),
        (TABLE, "a.csv", {"options": {"folder": "/"}}, 400, "option_invalid"),
    ],
)
def test_what_cannot_be_labelled_is_refused_and_leaves_nothing(
    desk: Desk, content: bytes, name: str, parts: dict[str, Any], status: int, code: str
) -> None:
    check_problem(desk.post(content, name, **parts), status, code)
    assert desk.files() == [] and desk.door.rows(schema.batches) == []


@pytest.mark.parametrize("content", [TABLE, b"\x89PNG\r\n\x1a\n\0\0"], ids=["columns", "no text"])
def test_an_error_names_the_file_as_it_was_sent(desk: Desk, content: bytes) -> None:
    found = check_problem(desk.post(content, "Q1 answers.csv", mapping={"text": "nowhere"}), 400, "input_unusable")
    assert found["detail"].startswith("Q1 answers.csv: ") and "input.csv" not in found["detail"]


@pytest.fixture
def referring(door: Door, tmp_path: Path) -> tuple[Desk, Path]:
    """A desk that takes files by reference, and the folder of its workspace."""
    mine = tmp_path / "sources" / WORKSPACE / "exports"
    mine.mkdir(parents=True)
    (mine / "Q1.csv").write_bytes(TABLE)
    return Desk(door, tmp_path, sources=str(tmp_path / "sources")), mine.parent


@pytest.mark.parametrize("is_form", [True, False], ids=["form", "parameter"])
def test_a_file_on_the_server_is_labelled_as_one_that_was_sent_and_stays(referring: tuple[Desk, Path], is_form: bool) -> None:
    desk, mine = referring
    query = {"reference": "exports/Q1.csv", "mapping": json.dumps(MAPPING)}
    taken = desk.refer("exports/Q1.csv") if is_form else desk.client.post("/v1/batches", query_string=query, headers=desk.key)
    batch = taken.get_json()
    assert (taken.status_code, batch["name"], batch["input_bytes"]) == (202, "Q1.csv", len(TABLE))
    desk.work()
    by_reference = desk.get(f"/v1/batches/{batch['id']}/result").data
    sent = desk.post(TABLE).get_json()
    desk.work()
    assert by_reference == desk.get(f"/v1/batches/{sent['id']}/result").data and by_reference.count(b"\n") == 3
    assert (mine / "exports" / "Q1.csv").read_bytes() == TABLE


def _linked_folder(mine: Path) -> str:
    (mine / "away").symlink_to(mine.parent / "elsewhere", target_is_directory=True)
    return "away/secret.csv"


def _linked_file(mine: Path) -> str:
    (mine / "secret.csv").symlink_to(mine.parent / "elsewhere" / "secret.csv")
    return "secret.csv"


def _link_within(mine: Path) -> str:
    (mine / "again.csv").symlink_to(mine / "exports" / "Q1.csv")
    return "again.csv"


def _pipe(mine: Path) -> str:
    os.mkfifo(mine / "pipe.csv")
    return "pipe.csv"


def _foreign(mine: Path) -> str:
    other = mine.parent / ELSEWHERE
    other.mkdir()
    (other / "theirs.csv").write_bytes(TABLE)
    return f"../{ELSEWHERE}/theirs.csv"


REFUSED: Mapping[str, Callable[[Path], str]] = {
    "up": lambda _: "../elsewhere/secret.csv",
    "up and down": lambda _: "exports/../../elsewhere/secret.csv",
    "absolute": lambda mine: str(mine / "exports" / "Q1.csv"),
    "outside, absolute": lambda mine: str(mine.parent / "elsewhere" / "secret.csv"),
    "here": lambda _: "./exports/Q1.csv",
    "empty": lambda _: "",
    "a part that is empty": lambda _: "exports//Q1.csv",
    "NUL": lambda _: "exports/Q1.csv\0.csv",
    "not there": lambda _: "exports/Q2.csv",
    "too deep": lambda _: "a/" * 40 + "b.csv",
    "too long": lambda _: "a" * 300 + ".csv",
    "folder that is a link": _linked_folder,
    "file that is a link": _linked_file,
    "link within the folder": _link_within,
    "pipe": _pipe,
    "another workspace's": _foreign,
}


@pytest.mark.parametrize("case", [*REFUSED])
def test_what_is_no_plain_file_of_the_workspaces_folder_is_as_none(referring: tuple[Desk, Path], case: str) -> None:
    desk, mine = referring
    secret = mine.parent / "elsewhere" / "secret.csv"
    secret.parent.mkdir()
    secret.write_bytes(TABLE)
    check_problem(desk.refer(REFUSED[case](mine)), 404, "reference_unknown")
    assert desk.files() == [] and desk.door.rows(schema.batches) == []


def test_a_workspace_reaches_its_own_folder_only(referring: tuple[Desk, Path]) -> None:
    desk, _ = referring
    check_problem(desk.refer("exports/Q1.csv", key=desk.door.key("batches", workspace=ELSEWHERE)), 404, "reference_unknown")
    check_problem(desk.refer("exports/Q1.csv", key=desk.door.key("feedback:read")), 403, "scope_missing")


def test_references_are_off_by_default_and_never_beside_a_file(desk: Desk, referring: tuple[Desk, Path]) -> None:
    check_problem(desk.refer("exports/Q1.csv"), 400, "references_off")
    taking, _ = referring
    check_problem(taking.refer("exports/Q1.csv", file=(io.BytesIO(TABLE), "Q1.csv")), 400, "file_missing")
    answer = taking.client.post("/v1/batches?reference=exports/Q1.csv", data=TABLE, content_type="text/csv", headers=taking.key)
    check_problem(answer, 400, "file_missing")


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("a.zip", TABLE, 415, "format_unknown"),
        ("a.xlsx", TABLE, 400, "format_mismatch"),
        ("a.xlsx", b"", 400, "file_empty"),
        ("a.csv", b"words\n" + b"x" * 5000, 413, "body_too_large"),
    ],
)
def test_a_file_on_the_server_is_checked_as_one_that_is_sent(
    door: Door, tmp_path: Path, name: str, content: bytes, status: int, code: str
) -> None:
    desk = Desk(door, tmp_path, sources=str(tmp_path / "sources"), max_bytes=4096)
    mine = tmp_path / "sources" / WORKSPACE
    mine.mkdir(parents=True)
    (mine / name).write_bytes(content)
    check_problem(desk.refer(name), status, code)
    assert desk.files() == []


class Full(PosixPath):
    """A file on a disk that is full."""

    def open(self, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        return FullFile()

    def chmod(self, *_: Any, **__: Any) -> None:
        pass


class FullFile(io.BytesIO):
    def write(self, _: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def refused_chmod(*_: Any, **__: Any) -> None:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


UNWRITABLE = {
    "a file stands where the folder should": lambda patch, desk: desk.folder.write_bytes(b""),
    "nothing may be changed there": lambda patch, desk: patch.setattr(Path, "chmod", refused_chmod),
    "the disk is full": lambda patch, desk: patch.setattr(BatchFiles, "input", lambda files, found: Full(files.folder / found)),
}


@pytest.mark.parametrize("case", UNWRITABLE)
def test_a_folder_that_cannot_be_written_is_told_and_leaves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    with monkeypatch.context() as broken:
        UNWRITABLE[case](broken, desk)
        check_problem(desk.post(TABLE), 500, "batch_folder_unwritable")
    assert desk.files() == [] and desk.door.count(schema.batches) == 0


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_that_is_too_large_is_refused(door: Door, tmp_path: Path, chunked: bool) -> None:
    desk = Desk(door, tmp_path, max_bytes=4096)
    body = b"words\n" + b"crashed\n" * 1000
    more: dict[str, Any] = {"environ_overrides": CHUNKED} if chunked else {}
    answer = desk.client.post(
        "/v1/batches?name=a.csv", input_stream=io.BytesIO(body), content_type="text/csv", headers=desk.key,
        **({"content_length": len(body)} if not chunked else {}), **more,
    )  # fmt: skip
    check_problem(answer, 413, "body_too_large")
    check_problem(desk.post(body, "a.csv"), 413, "body_too_large")
    assert desk.files() == []


def test_only_so_many_are_open(door: Door, tmp_path: Path) -> None:
    desk = Desk(door, tmp_path, max_open=1)
    first = desk.post(TABLE).get_json()["id"]
    refused = desk.post(TABLE)
    check_problem(refused, 429, "too_many_batches")
    assert refused.headers["Retry-After"]
    check_problem(desk.client.delete(f"/v1/batches/{first}", headers=desk.key), 409, "batch_open")
    cancelled = desk.client.post(f"/v1/batches/{first}/cancel", headers=desk.key)
    assert cancelled.get_json()["status"] == "cancelled" and desk.files() == []
    assert desk.client.post(f"/v1/batches/{first}/cancel", headers=desk.key).status_code == 200
    assert desk.post(TABLE).status_code == 202
    desk.work()
    second = desk.get("/v1/batches").get_json()["items"][0]["id"]
    check_problem(desk.client.post(f"/v1/batches/{second}/cancel", headers=desk.key), 409, "batch_ended")


def test_files_that_a_worker_has_just_taken_up_stay_with_it(desk: Desk) -> None:
    batch_id = desk.post(TABLE).get_json()["id"]
    with desk.door.database.write() as connection:
        seen = batches.get(connection, WORKSPACE, batch_id)
        batches.begin(connection, WORKSPACE, batch_id)
    with desk.app.app_context():
        assert cancelled(seen, actor="test").status == "cancelled"
    assert desk.files()


def put_shards(desk: Desk, batch_id: str, *texts: str, output_format: str = "csv") -> None:
    """Shards of one record each, as a worker leaves them on its way."""
    output = BatchFiles.of(str(desk.folder), WORKSPACE, batch_id).result(output_format)
    model = Model(id="fake-1", taxonomy="voc", files={})
    plan = Plan(program="1", inputs=(), model=model, settings={}, options={}, mapping={}, shard_records=1)
    with Shards.open(output, plan, resume=False) as shards:
        for number, text in enumerate(texts):
            assert len(list(shards.recorded(number, [analysis(text)]))) == 1


def test_what_is_labelled_so_far_is_given_while_a_batch_runs(desk: Desk) -> None:
    batch_id = desk.post(TABLE).get_json()["id"]
    path = f"/v1/batches/{batch_id}/partial"
    nothing = desk.get(path)
    assert (nothing.status_code, nothing.data) == (200, b"")
    with desk.door.database.write() as connection:
        batches.begin(connection, WORKSPACE, batch_id)
    put_shards(desk, batch_id, "The app crashed.", "Lovely staff.")
    found = desk.get(path)
    assert found.headers["Content-Disposition"] == f"attachment; filename={batch_id}.partial.jsonl"
    assert found.mimetype == "application/x-ndjson" and found.headers["Cache-Control"] == "no-store"
    lines = [json.loads(line) for line in found.data.splitlines()]
    assert lines == [json.loads(json.dumps(analysis(text).to_dict())) for text in ("The app crashed.", "Lovely staff.")]


def _taken_away(desk: Desk, batch_id: str) -> None:
    shutil.rmtree(shards_of(BatchFiles.of(str(desk.folder), WORKSPACE, batch_id).result("csv")))


def _begun_anew(desk: Desk, batch_id: str) -> None:
    put_shards(desk, batch_id, "Another model.", "Another model, too.")


@pytest.mark.parametrize("change", [_taken_away, _begun_anew])
def test_labels_so_far_end_where_their_run_ends_or_starts_over(desk: Desk, change: Callable[[Desk, str], None]) -> None:
    batch_id = desk.post(TABLE).get_json()["id"]
    put_shards(desk, batch_id, "The app crashed.", "Lovely staff.")
    answer = desk.client.get(f"/v1/batches/{batch_id}/partial", headers=desk.key, buffered=False)
    told = iter(answer.response)
    first = next(told)
    change(desk, batch_id)
    assert [json.loads(line)["text"] for line in (first, *told)] == ["The app crashed."]  # type: ignore[arg-type]


def test_a_cancelled_batch_keeps_what_was_labelled_and_one_that_is_done_has_its_result(desk: Desk) -> None:
    batch_id = desk.post(TABLE).get_json()["id"]
    with desk.door.database.write() as connection:
        batches.begin(connection, WORKSPACE, batch_id)
    put_shards(desk, batch_id, "The app crashed.")
    desk.client.post(f"/v1/batches/{batch_id}/cancel", headers=desk.key)
    desk.work()
    assert "input.csv" not in desk.files()
    assert "was cancelled" in check_problem(desk.get(f"/v1/batches/{batch_id}/result"), 409, "batch_not_done")["detail"]
    assert desk.get(f"/v1/batches/{batch_id}/partial").data.count(b"\n") == 1
    assert desk.client.delete(f"/v1/batches/{batch_id}", headers=desk.key).status_code == 204 and desk.files() == []
    done = desk.post(TABLE).get_json()["id"]
    desk.work()
    check_problem(desk.get(f"/v1/batches/{done}/partial"), 409, "batch_ended")


def test_pages_go_on_where_the_last_one_ended(desk: Desk) -> None:
    made = [desk.post(TABLE).get_json()["id"] for _ in range(3)]
    first = desk.get("/v1/batches?limit=2").get_json()
    check(schema_of("/v1/batches", "get", 200, "application/json"), first)
    second = desk.get(f"/v1/batches?limit=2&cursor={first['next']}").get_json()
    assert [item["id"] for item in first["items"] + second["items"]] == made[::-1] and second["next"] is None
    with desk.door.database.write() as connection:
        connection.execute(delete(schema.batches).where(schema.batches.c.id == made[1]))
    assert desk.get(f"/v1/batches?limit=2&cursor={first['next']}").get_json() == second
    for cursor in ("x", made[1], f"9{first['next']}"):
        check_problem(desk.get(f"/v1/batches?cursor={cursor}"), 400, "cursor_invalid")


def test_batches_of_another_workspace_are_as_none_and_a_scope_is_needed(desk: Desk) -> None:
    batch = desk.post(TABLE).get_json()["id"]
    stranger = desk.door.key("batches", workspace=ELSEWHERE)
    for path in ("", "/result", "/rejects", "/partial"):
        check_problem(desk.get(f"/v1/batches/{batch}{path}", key=stranger), 404, "batch_unknown")
    check_problem(desk.client.delete(f"/v1/batches/{batch}", headers=stranger), 404, "batch_unknown")
    check_problem(desk.client.post(f"/v1/batches/{batch}/cancel", headers=stranger), 404, "batch_unknown")
    assert desk.get("/v1/batches", key=stranger).get_json()["items"] == []
    check_problem(desk.post(TABLE, key=desk.door.key("feedback:read")), 403, "scope_missing")
    check_problem(desk.client.post("/v1/batches", data=TABLE), 401, "key_required")


def test_48_a_batch_that_was_taken_is_done_though_its_key_is_revoked_meanwhile(desk: Desk) -> None:
    batch = desk.post(TABLE).get_json()["id"]
    with desk.door.database.write() as connection:
        (row,) = [row for row in keys.listed(connection, WORKSPACE) if row.scopes == ("batches",)]
        keys.revoke(connection, row, actor="test")
    check_problem(desk.get(f"/v1/batches/{batch}"), 401, "key_invalid")
    desk.work()
    assert desk.get(f"/v1/batches/{batch}", key=desk.door.key("batches")).get_json()["status"] == "done"


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Office, Desk]]:
    office = Office(tmp_path, monkeypatch)
    desk = Desk(office.door, tmp_path)
    office.app = desk.app
    yield office, desk
    office.door.close()


def test_an_analyst_uploads_chooses_columns_starts_and_downloads(pages: tuple[Office, Desk]) -> None:
    office, desk = pages
    ada, bob = office.browser("analyst", name="Ada"), office.browser("analyst", name="Bob")
    large = TABLE + b"r-3,It works.\n" * 300  # beyond http.max_body_bytes
    form = ada.page("/batches/new").form("/batches/new")
    answer = ada.post(form, {"file": (io.BytesIO(large), "<b>Q1</b>.csv")})
    assert answer.status_code == 303
    path = answer.headers["Location"]
    draft = ada.page(path)
    assert "Lovely staff." in draft.words and "Lovely staff." not in bob.page(path).words
    assert not draft.all("b")
    start = draft.form(f"{path}/start")
    assert ada.post(start, {"column.text": "nowhere"}).status_code == 400
    assert ada.post(start, {"column.text": "words", "format": "jsonl"}).status_code == 303
    waiting = ada.page(path)
    assert any(meta.get("http-equiv") == "refresh" for meta in waiting.all("meta"))
    assert [part["data-again"] for part in waiting.all("div") if "data-again" in part] == ["5"]
    assert not any(meta.get("http-equiv") == "refresh" for meta in ada.page(f"{path}?refresh=off").all("meta"))
    assert "labelled so far" not in waiting.words
    put_shards(desk, path.rpartition("/")[2], "The app crashed.", output_format="jsonl")
    assert "labelled so far" in ada.page(path).words and bob.client.get(f"{path}/partial").data.count(b"\n") == 1
    desk.work()
    assert "302 of 302 rows done" in " ".join(ada.page(path).words.split())
    assert bob.client.get(f"{path}/result").data.count(b"\n") == 302
    assert ada.send(path, f"{path}/delete").status_code == 303
    assert desk.files() == [] and "There are no batches yet." in ada.page("/batches").words


TURNS = b"number,who,said\n1,Customer,It crashed.\n"
WRONG_COLUMNS = [
    ("a.csv", TABLE, {"column.text": "nowhere"}, "'Text' is not there; choose another; its columns are 'ref', 'words'"),
    ("a.csv", TABLE, {"column.text": "words", "column.channel": "nowhere"}, "the column chosen for 'Channel' is not there"),
    ("a.csv", TABLE, {"column.text": ""}, "no column is known to hold the text; choose one for 'Text'; its columns are 'ref', 'words'"),
    ("a.csv", TURNS, {"column.text": "said", "column.speaker": "who"}, "choose for 'Record id' the column that tells"),
    ("a.parquet", parquet(review=b"It crashed."), {"column.text": "review"}, "text column does not hold text; choose another for 'Text'"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "chosen", "told"), WRONG_COLUMNS)
def test_a_wrong_column_is_told_in_the_words_of_the_page(
    name: str, content: bytes, chosen: dict[str, str], told: str, pages: tuple[Office, Desk]
) -> None:
    office, _ = pages
    ada = office.browser("analyst")
    path = ada.post(ada.page("/batches/new").form("/batches/new"), {"file": (io.BytesIO(content), name)}).headers["Location"]
    answer = ada.post(ada.page(path).form(f"{path}/start"), chosen)
    words = Page(answer.text).words
    assert answer.status_code == 400 and told in words
    assert "--" not in words and "text_column" not in words and "choose it below" not in words


def test_a_wrong_column_is_told_by_its_key_to_a_program(desk: Desk) -> None:
    refused = desk.post(TABLE, mapping={"text": "nowhere"})
    check_problem(refused, 400, "input_unusable")
    assert refused.get_json()["detail"].startswith("Q1.csv: the column chosen for 'mapping.text' is not there; ")


def test_a_page_says_what_is_wrong_with_an_upload_and_forms_of_others_are_refused(pages: tuple[Office, Desk]) -> None:
    office, desk = pages
    ada = office.browser("analyst")
    form = ada.page("/batches/new").form("/batches/new")
    empty, unreadable = "a.csv: the file is empty", "a.parquet: no column holds text; its columns are 'words'"
    named = [(b"", "a.csv", 400, empty), (parquet(words=b"x"), "a.parquet", 400, unreadable)]
    for content, name, status, told in (*named, (TABLE, "CON", 415, ""), (bomb(), "a.xlsx", 400, "")):
        answer = ada.post(form, {"file": (io.BytesIO(content), name)})
        page = Page(answer.text)
        assert answer.status_code == status and any(p.get("role") == "alert" for p in page.all("p")) and told in page.words
    forged = ada.client.post("/batches/new", data={"file": (io.BytesIO(TABLE), "a.csv"), "token": "x"})
    assert forged.status_code == 403 and desk.files() == []
    assert desk.app.test_client().get("/batches").status_code == 302


def test_the_page_takes_a_file_on_the_server_where_that_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(tmp_path, monkeypatch)
    desk = Desk(office.door, tmp_path, sources=str(tmp_path / "sources"))
    office.app = desk.app
    mine = tmp_path / "sources" / WORKSPACE
    mine.mkdir(parents=True)
    (mine / "Q1.csv").write_bytes(TABLE)
    ada, stranger = office.browser("analyst"), office.browser("admin", workspace=ELSEWHERE)
    token = ada.page("/batches/new").form("/batches/new")
    refused = ada.post(token, {"reference": "../Q1.csv"})
    assert refused.status_code == 404 and any(p.get("role") == "alert" for p in Page(refused.text).all("p"))
    assert stranger.post(stranger.page("/batches/new").form("/batches/new"), {"reference": "Q1.csv"}).status_code == 404
    taken = ada.post(token, {"reference": "Q1.csv"})
    assert taken.status_code == 303 and "Lovely staff." in ada.page(taken.headers["Location"]).words
    assert any(field.get("name") == "reference" for field in ada.page("/batches/new").all("input"))
    office.door.close()


def test_the_page_names_no_files_on_the_server_by_default(pages: tuple[Office, Desk]) -> None:
    office, _ = pages
    ada = office.browser("analyst")
    assert not any(field.get("name") == "reference" for field in ada.page("/batches/new").all("input"))
    assert ada.post(ada.page("/batches/new").form("/batches/new"), {"reference": "Q1.csv"}).status_code == 400


def test_batches_of_another_workspace_have_no_page(pages: tuple[Office, Desk]) -> None:
    office, desk = pages
    batch = desk.post(TABLE).get_json()["id"]
    stranger = office.browser("admin", workspace=ELSEWHERE)
    for path in ("", "/result", "/rejects", "/partial"):
        assert stranger.client.get(f"/batches/{batch}{path}").status_code == 404
    assert batch not in stranger.client.get("/batches").text
