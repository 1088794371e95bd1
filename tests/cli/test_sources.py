"""Tests of `voc source`, `voc key` and `voc webhook`: what is shown once, what is never shown, and a delivery to a server that runs."""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from databases import blank, url_in
from pydantic import SecretStr
from sqlalchemy import delete, select
from web.storing import ELSEWHERE, WORKSPACE, opened
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from vocservice.ingest.registry import ADAPTERS
from vocservice.settings import Settings, StoreSettings
from vocservice.store import schema
from vocservice.store.accounts import keys
from vocservice.store.database import Database
from vocservice.store.received import sources
from vocservice.store.sealing import new_key
from vocservice.web.app import create_app

from .conftest import Voc

SECRET = "typeform-secret-one"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A store with one workspace, as the environment names it."""
    key = new_key()
    database, _ = opened(tmp_path, key=key)
    with database.write() as connection:
        connection.execute(delete(schema.workspaces).where(schema.workspaces.c.id == ELSEWHERE))
    monkeypatch.setenv("VOC_STORE__URL", url_in(tmp_path))
    monkeypatch.setenv("VOC_STORE__KEYS", json.dumps([key]))
    yield database
    database.close()


def served(application: object) -> Iterator[BaseWSGIServer]:
    server = make_server("127.0.0.1", 0, application, threaded=True)  # type: ignore[arg-type]
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def token_of(out: str) -> str:
    return next(line for line in out.splitlines() if "/v1/hooks/" in line).rpartition("/")[2]


def test_a_source_has_the_address_of_the_settings(store: Database, voc: Voc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_HTTP__PUBLIC_URL", "https://voc.example.com/")
    made = voc("source", "add", "Shop survey", "--adapter", "typeform", "--secret", "-", given=f"{SECRET}\n".encode())
    assert "\nhttps://voc.example.com/v1/hooks/" in made.out and made.err == ""


def test_a_source_is_made_listed_rotated_and_disabled(store: Database, voc: Voc) -> None:
    made = voc("source", "add", "Shop survey", "--adapter", "typeform", "--secret", "-", given=f"{SECRET}\n".encode())
    assert made.code == 0 and SECRET not in made.out + made.err and "http.public_url is not set" in made.err
    with store.read() as connection:
        assert sources.by_token(connection, token_of(made.out))
    assert voc("source", "secret", "Shop survey", "--add", "typeform-secret-two").code == 0
    assert voc("source", "secret", "Shop survey", "--remove").code == 0
    assert voc("source", "disable", "Shop survey").code == 0
    (found,) = json.loads(voc("source", "list", "--json").out)["sources"]
    assert (found["name"], found["adapter"], found["is_enabled"], found["received"]) == ("Shop survey", "typeform", False, 0)
    assert "Shop survey (typeform)  disabled" in voc("source", "list").out
    assert voc("source", "disable", "Shop survey", "--enable").code == 0


def test_a_url_is_renewed_and_the_old_one_ended(store: Database, voc: Voc) -> None:
    first = token_of(voc("source", "add", "Shop survey", "--adapter", "typeform", "--secret", SECRET).out)
    renewed = voc("source", "url", "Shop survey", "--renew")
    assert renewed.code == 0 and "the old URL still works for 24 hours" in renewed.out and "http.public_url is not set" in renewed.err
    ended = voc("source", "url", "Shop survey", "--end")
    assert ended.code == 0 and "only the newest URL is accepted" in ended.out
    with store.read() as connection:
        assert sources.by_token(connection, first) is None and sources.by_token(connection, token_of(renewed.out))
    last = voc("source", "url", "Shop survey", "--renew", "--overlap", "0")
    with store.read() as connection:
        assert sources.by_token(connection, token_of(renewed.out)) is None and sources.by_token(connection, token_of(last.out))


@pytest.mark.parametrize(
    "arguments",
    [
        ("source", "add", "x", "--adapter", "nobody"),
        ("source", "add", "x", "--adapter", "typeform"),
        ("source", "add", "x", "--adapter", "generic", "--secret", SECRET),
        ("source", "add", "x", "--adapter", "generic", "--option", "unheard_of=1"),
        ("source", "add", "x", "--adapter", "generic", "--option", "unheard_of"),
        ("source", "add", "x", "--adapter", "generic", "--workspace", "nowhere"),
        ("source", "secret", "x"),
        ("source", "disable", "x"),
        ("source", "url", "x"),
        ("source", "url", "x", "--renew"),
        ("source", "url", "x", "--renew", "--end"),
        ("key", "add", "x"),
        ("key", "add", "x", "--scope", "everything"),
        ("key", "revoke", "key_none"),
        ("webhook", "send", "--url", "http://127.0.0.1:1/x"),
        ("webhook", "send", "--source", "nobody"),
        ("webhook", "send", "--url", "http://127.0.0.1:1/x", "--adapter", "generic"),
        ("webhook", "send", "--url", "file:///etc/passwd", "--adapter", "generic"),
        ("webhook", "send", "--url", "http://127.0.0.1:1/x", "--adapter", "typeform"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_two(store: Database, voc: Voc, arguments: tuple[str, ...]) -> None:
    ran = voc(*arguments)
    assert ran.code == 2 and "internal_error" not in ran.err


def test_a_key_is_shown_once_rotated_and_revoked(store: Database, voc: Voc) -> None:
    token = voc("key", "add", "loader", "--scope", "analyse", "--scope", "feedback:write").out.strip()
    with store.read() as connection:
        key = keys.verify(connection, token)
    assert key and key.scopes == ("feedback:write", "analyse") and key.workspace_id == WORKSPACE
    successor = voc("key", "rotate", key.prefix, "--overlap", "0").out.strip()
    with store.read() as connection:
        assert keys.verify(connection, token) is None and keys.verify(connection, successor)
    assert voc("key", "revoke", successor.split("_")[1]).code == 0
    shown = voc("key", "list")
    assert "revoked" in shown.out and token not in shown.out
    assert [found["is_valid"] for found in json.loads(voc("key", "list", "--json").out)["keys"]] == [False, False]


def test_without_a_store_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, voc: Voc) -> None:
    monkeypatch.setenv("VOC_STORE__URL", blank(tmp_path))
    monkeypatch.setenv("VOC_STORE__KEYS", json.dumps([new_key()]))
    ran = voc("source", "list")
    assert ran.code == 2 and "voc init" in ran.err


def test_a_sample_is_signed_and_sent(store: Database, voc: Voc, fake: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from vocservice.settings import load_settings

    settings = Settings(store=StoreSettings(url=SecretStr(store.url.render_as_string()), keys=load_settings().store.keys))
    for server in served(create_app(fake, settings)):  # type: ignore[arg-type]
        made = voc("source", "add", "Shop survey", "--adapter", "typeform", "--secret", SECRET)
        url = f"http://127.0.0.1:{server.port}/v1/hooks/{token_of(made.out)}"
        sent = [voc("webhook", "send", "--source", "Shop survey", "--url", url) for _ in range(2)]
        assert [(ran.code, ran.out[:3]) for ran in sent] == [(0, "202"), (0, "200")]
        assert voc("webhook", "send", "--adapter", "typeform", "--secret", SECRET, "--number", "2", "--url", url).out.startswith("202")
        refused = voc("webhook", "send", "--adapter", "typeform", "--secret", "typeform-secret-bad", "--url", url)
        assert refused.code == 1 and refused.out.startswith("401")


def test_a_sample_is_checked_here_without_a_url(store: Database, voc: Voc) -> None:
    assert voc("source", "add", "Shop survey", "--adapter", "typeform", "--secret", SECRET).code == 0
    for named in (("--source", "Shop survey"), ("--source", "typeform"), *(("--adapter", name) for name in ADAPTERS)):
        ran = voc("webhook", "send", *named)
        assert (ran.code, "the sample was checked and read, " in ran.out) == (0, True), named
    with store.read() as connection:
        assert not connection.execute(select(schema.inbox)).all()


def test_the_sample_that_is_sent_has_the_form_that_the_source_takes(
    store: Database, voc: Voc, fake: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vocservice.settings import load_settings

    settings = Settings(store=StoreSettings(url=SecretStr(store.url.render_as_string()), keys=load_settings().store.keys))
    for server in served(create_app(fake, settings)):  # type: ignore[arg-type]
        for name, given in (
            ("Events", ("qualtrics", "--secret", SECRET)),
            ("Own", ("generic", "--option", 'id="/ref"', "--option", 'text=["/t"]')),
        ):
            url = f"http://127.0.0.1:{server.port}/v1/hooks/{token_of(voc('source', 'add', name, '--adapter', *given).out)}"
            sent = voc("webhook", "send", "--source", name, "--url", url)
            assert (sent.code, sent.out[:3], "quarantined" in sent.out) == (0, "202", False), sent.out


def test_no_redirect_is_followed(voc: Voc) -> None:
    seen: list[str] = []

    @Request.application
    def redirecting(request: Request) -> Response:
        seen.append(request.path)
        return Response(status=307, headers={"Location": "/elsewhere"})

    for server in served(redirecting):
        ran = voc("webhook", "send", "--adapter", "generic", "--url", f"http://127.0.0.1:{server.port}/here")
        assert ran.code == 1 and ran.out.startswith("307")
    assert seen == ["/here"]


def test_the_token_of_a_senders_api_is_kept_sealed_and_forgotten(store: Database, voc: Voc) -> None:
    voc("source", "add", "Qualtrics", "--adapter", "qualtrics")
    kept = voc("source", "access", "Qualtrics", "--token", "-", "--base-url", "https://fra1.qualtrics.com", given=b"token-of-the-api\n")
    assert kept.code == 0 and "token-of-the-api" not in kept.out + kept.err
    with store.read() as connection:
        named = dict(connection.execute(select(schema.facts.c.name, schema.facts.c.value)).all())
    sealed = next(value for name, value in named.items() if name.startswith("access:"))
    assert "token-of-the-api" not in sealed
    assert [voc("source", "access", "Qualtrics", "--forget").code for _ in range(2)] == [0, 0]
    with store.read() as connection:
        assert not connection.execute(select(schema.facts).where(schema.facts.c.name.startswith("access:"))).all()
        told = connection.scalars(select(schema.audit.c.action).order_by(schema.audit.c.number)).all()
    assert [action for action in told if action.startswith("source.access")] == ["source.access", "source.access_forget"]


@pytest.mark.parametrize("wrong", [(), ("--token", "x", "--forget"), ("--token", "x", "--base-url", "http://plain.example")])
def test_an_access_that_cannot_be_is_refused(store: Database, voc: Voc, wrong: tuple[str, ...]) -> None:
    voc("source", "add", "Qualtrics", "--adapter", "qualtrics")
    assert voc("source", "access", "Qualtrics", *wrong).code == 2
