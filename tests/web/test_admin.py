"""Tests of the admin pages: what is shown once, what is refused, dead letters put right, and names that try to become markup."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from builders import fake_analyser
from sqlalchemy import select, update

from vocservice import api
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.registry import ADAPTERS
from vocservice.jobs.reanalysis import Previewing
from vocservice.settings import BundleSettings
from vocservice.store import appending, audit, jobs, schema
from vocservice.store.accounts import keys
from vocservice.store.analysed import previews, promotions
from vocservice.store.jobs import Lease
from vocservice.store.opened import Store
from vocservice.store.received import accesses, quarantine
from vocservice.store.received.accesses import Access
from vocservice.web import model
from vocservice.web.admin.pages import SCOPES
from web.storing import ELSEWHERE, WORKSPACE
from web.test_page import HOSTILE
from web.visiting import PASSWORD, Browser, Office, Page

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS10ZXN0cy0wMTIzNDU2Nzg5"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


@pytest.fixture
def admin(office: Office) -> Browser:
    return office.browser("admin")


def added(admin: Browser, **fields: str):  # type: ignore[no-untyped-def]
    return admin.send("/admin/sources", "/admin/sources", {"name": "Shop", "adapter": "generic", "secret": "", **fields})


def test_a_source_shows_its_url_once(office: Office, admin: Browser) -> None:
    answer = added(admin)
    assert answer.status_code == 200
    (url,) = re.findall(r"http://localhost/v1/hooks/[\w-]{43}", answer.text)[:1]
    (row,) = office_rows(office, schema.sources)
    assert url not in admin.client.get(f"/admin/sources/{row.id}").text
    assert "Shop" in admin.client.get("/admin/sources").text
    assert office.app.test_client().get(url.removeprefix("http://localhost")).status_code == 200


def test_another_url_is_shown_once_and_the_old_one_is_ended(office: Office, admin: Browser) -> None:
    first = hook_of(added(admin).text)
    (row,) = office_rows(office, schema.sources)
    path = f"/admin/sources/{row.id}"
    assert "still works until" not in admin.page(path).words
    answer = admin.send(path, f"{path}/url", {"do": "renew"})
    second, client = hook_of(answer.text), office.app.test_client()
    assert answer.status_code == 200 and second != first and "still works until" in Page(answer.text).words
    assert second not in admin.client.get(path).text
    assert [client.post(hook, json={"id": hook, "text": "Late again."}).status_code for hook in (first, second)] == [202, 202]
    assert admin.send(path, f"{path}/url", {"do": "end"}).status_code == 303
    assert [client.post(hook, json={"id": "r-2", "text": "Late again."}).status_code for hook in (first, second)] == [401, 202]
    assert "still works until" not in admin.page(path).words
    assert {row.source_id for row in office_rows(office, schema.records)} == {row.id}


def hook_of(markup: str) -> str:
    (found,) = set(re.findall(r"/v1/hooks/[\w-]{43}", markup))
    return str(found)


def office_rows(office: Office, table):  # type: ignore[no-untyped-def]
    with office.database.read() as connection:
        return connection.execute(select(table)).all()


@pytest.mark.parametrize(
    "fields", [{"name": " "}, {"adapter": "x"}, {"options": "[1]"}, {"options": "{"}, {"options": '{"x": 1}'}, {"secret": SECRET}], ids=str
)
def test_a_source_that_cannot_be_is_refused_with_a_reason(office: Office, admin: Browser, fields: dict[str, str]) -> None:
    answer = added(admin, **fields)
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    assert office_rows(office, schema.sources) == []


@pytest.mark.parametrize("name", [name for name, adapter in ADAPTERS.items() if not adapter.needs_secret][:3])
def test_the_sample_of_a_sender_goes_through_and_stores_nothing(office: Office, admin: Browser, name: str) -> None:
    assert added(admin, adapter=name, secret="").status_code == 200
    (row,) = office_rows(office, schema.sources)
    answer = admin.send(f"/admin/sources/{row.id}", f"/admin/sources/{row.id}/test")
    assert "Nothing was stored" in answer.text, answer.text
    assert office_rows(office, schema.inbox) == []


@pytest.mark.parametrize(
    "fields",
    [{"adapter": "qualtrics", "secret": SECRET}, {"options": '{"id": "/ref", "text": ["/comment"], "items": "/list"}'}],
    ids=["with a shared key", "mapped"],
)
def test_the_sample_is_of_the_form_that_the_source_takes(office: Office, admin: Browser, fields: dict[str, str]) -> None:
    assert added(admin, **fields).status_code == 200
    (row,) = office_rows(office, schema.sources)
    answer = admin.send(f"/admin/sources/{row.id}", f"/admin/sources/{row.id}/test")
    assert answer.status_code == 200 and "checked and read: 1 event. Nothing was stored" in answer.text, answer.text


def test_secrets_are_changed_with_two_at_a_time(office: Office, admin: Browser) -> None:
    added(admin, adapter="typeform", secret=SECRET)
    (row,) = office_rows(office, schema.sources)
    path = f"/admin/sources/{row.id}"
    before = "1 of at most 2" in admin.page(path).words
    answer = admin.send(path, f"{path}/secrets", {"do": "add", "secret": "another-s3cret-of-the-tests-0123"})
    assert before and answer.status_code == 303, answer.text
    assert "2 of at most 2" in admin.page(path).words
    assert admin.send(path, f"{path}/secrets", {"do": "remove"}).status_code == 303
    assert "1 of at most 2" in admin.page(path).words
    assert admin.send(path, f"{path}/state", {"do": "disable"}).status_code == 303
    assert ", off, since" in admin.page(path).words
    assert "another-s3cret" not in repr(office_rows(office, schema.audit))


def test_a_sender_that_signs_nothing_is_given_no_secret(office: Office, admin: Browser) -> None:
    added(admin, adapter="trustpilot")
    (row,) = office_rows(office, schema.sources)
    path = f"/admin/sources/{row.id}"
    page = admin.page(path)
    assert "anyone who knows the URL can send" in page.words and "of at most 2" not in page.words
    refused = admin.post({**page.form(f"{path}/test"), "action": f"{path}/secrets"}, {"do": "add", "secret": SECRET})
    assert refused.status_code == 422 and "standard_webhooks" in refused.text


def test_the_short_address_leads_to_the_first_of_the_admin_pages(admin: Browser) -> None:
    answer = admin.client.get("/admin")
    assert answer.status_code == 302 and answer.headers["Location"].endswith("/admin/sources")


def test_options_are_shown_and_changed(office: Office, admin: Browser) -> None:
    added(admin, options='{"id": "/ref", "text": ["/commnt"]}')
    (row,) = office_rows(office, schema.sources)
    path = f"/admin/sources/{row.id}"
    page = admin.client.get(path).text
    assert "/commnt" in page and "null" not in page
    assert admin.send(path, f"{path}/options", {"options": '{"id": "/ref", "text": ["/comment"]}'}).status_code == 303
    assert office_rows(office, schema.sources)[0].options["text"] == ["/comment"]
    refused = admin.send(path, f"{path}/options", {"options": '{"unheard_of": 1}'})
    assert refused.status_code == 422 and "unheard_of" in refused.text
    assert office_rows(office, schema.sources)[0].options["text"] == ["/comment"]


@pytest.mark.parametrize(
    ("page", "wrong", "kept"),
    [
        (
            "sources",
            {"name": "Shop", "adapter": "zendesk", "secret": SECRET, "options": "{oops"},
            ("Shop", "{oops", 'value="zendesk" selected'),
        ),
        ("users", {"name": "Joan", "email": "joan@example.org", "role": "admin", "password": PASSWORD[:3]}, ("Joan", "joan@example.org")),
        ("keys", {"name": "loader", "scope": ["analyse"], "days": "soon"}, ("loader", 'value="analyse" checked', 'value="soon"')),
    ],
    ids=str,
)
def test_a_refused_form_keeps_what_was_written_but_no_secret(
    admin: Browser, page: str, wrong: dict[str, object], kept: tuple[str, ...]
) -> None:
    path = f"/admin/{page}"
    answer = admin.send(path, path, wrong)
    assert answer.status_code == 422 and all(piece in answer.text for piece in kept)
    assert all(f'value="{wrong[name]}"' not in answer.text for name in ("secret", "password") if name in wrong)


def test_every_scope_of_a_key_says_what_it_lets_do() -> None:
    assert tuple(SCOPES) == keys.SCOPES


def test_a_key_is_shown_once_and_revoked(office: Office, admin: Browser) -> None:
    answer = admin.send("/admin/keys", "/admin/keys", {"name": "loader", "scope": ["analyse"], "days": "30"})
    (token,) = set(re.findall(r"voc_[0-9a-f]{10}_[\w-]{43}", answer.text))
    with office.database.read() as connection:
        key = keys.verify(connection, token)
    assert key and key.scopes == ("analyse",)
    assert token not in admin.client.get("/admin/keys").text
    assert admin.send("/admin/keys", f"/admin/keys/{key.id}/revoke").status_code == 303
    with office.database.read() as connection:
        assert keys.verify(connection, token) is None


def test_a_key_is_rotated_and_the_old_one_goes_on_for_a_while(office: Office, admin: Browser) -> None:
    first = re.findall(
        r"voc_[0-9a-f]{10}_[\w-]{43}", admin.send("/admin/keys", "/admin/keys", {"name": "loader", "scope": ["analyse"]}).text
    )[0]
    with office.database.read() as connection:
        old = keys.verify(connection, first)
    assert old
    form = {**admin.page("/admin/keys").form("/admin/keys"), "action": f"/admin/keys/{old.id}/rotate"}
    (second,) = set(re.findall(r"voc_[0-9a-f]{10}_[\w-]{43}", admin.post(form).text))
    with office.database.read() as connection:
        after, new = keys.verify(connection, first), keys.verify(connection, second)
    assert after and new and after.expires_at and (new.name, new.scopes) == ("loader", ("analyse",))
    assert second not in admin.client.get("/admin/keys").text and "key.rotate" in admin.page("/admin/audit").words
    page = admin.client.get("/admin/keys").text
    assert f"/admin/keys/{old.id}/rotate" not in page and f"/admin/keys/{new.id}/rotate" in page and "rotated, ends" in page
    again = admin.post(form)  # as a reload sends it
    assert (again.status_code, "This key was rotated already" in again.text) == (422, True)
    assert admin.post({**form, "action": "/admin/keys/nothing/rotate"}).status_code == 404


def test_the_token_of_a_senders_api_is_kept_and_forgotten(office: Office, admin: Browser) -> None:
    added(admin, adapter="generic")
    added(admin, name="Thin", adapter="qualtrics", secret="")
    plain, thin = (row.id for row in sorted(office_rows(office, schema.sources), key=lambda row: row.adapter))
    path = f"/admin/sources/{thin}"
    assert "Fetching answers" not in admin.page(f"/admin/sources/{plain}").words and "No token is stored yet" in admin.page(path).words
    for wrong in ({}, {"api_token": "token-of-the-api", "base_url": "http://plain.example"}):
        assert admin.send(path, f"{path}/access", wrong).status_code == 422
    given = {"api_token": "token-of-the-api", "base_url": "https://fra1.qualtrics.com"}
    assert admin.send(path, f"{path}/access", given).status_code == 303
    assert "for https://fra1.qualtrics.com" in admin.page(path).words and given["api_token"] not in admin.client.get(path).text
    with office.database.read() as connection:
        assert accesses.of(connection, office.door.vault, thin) == Access(*given.values())
    assert admin.send(path, f"{path}/access", {"do": "forget"}).status_code == 303
    assert "No token is stored yet" in admin.page(path).words
    assert {"source.access", "source.access_forget"} <= {row.action for row in office_rows(office, schema.audit)}


def test_a_source_tells_what_its_records_were_warned_of(office: Office, admin: Browser) -> None:
    path = re.findall(r"/v1/hooks/[\w-]{43}", added(admin, secret="").text)[0]
    record = {"id": "r-1", "text": "Nul \0 in it.", "created_at": "no time"}
    assert office.app.test_client().post(path, json=record).status_code == 202
    (row,) = office_rows(office, schema.sources)
    words = admin.page(f"/admin/sources/{row.id}").words
    assert "1 with warnings" in words and "nul_replaced 1" in words and "timestamp_unusable 1" in words


UNUSABLE_KEYS = [
    {"scope": []},
    {"scope": ["all"]},
    {"days": "x"},
    {"days": "0"},
    {"days": "99999"},
    {"days": "0001000000000000"},
    {"name": ""},
]


@pytest.mark.parametrize("fields", UNUSABLE_KEYS, ids=str)
def test_a_key_that_cannot_be_is_refused(office: Office, admin: Browser, fields: dict[str, object]) -> None:
    answer = admin.send("/admin/keys", "/admin/keys", {"name": "loader", "scope": ["analyse"], "days": "", **fields})
    assert answer.status_code == 422
    assert office_rows(office, schema.keys) == []


def test_users_are_added_and_kept_out(office: Office, admin: Browser) -> None:
    fields = {"name": "Grace", "email": "grace@example.org", "role": "support_lead", "password": PASSWORD}
    assert admin.send("/admin/users", "/admin/users", fields).status_code == 303
    assert admin.send("/admin/users", "/admin/users", fields).status_code == 422
    grace = next(row for row in office_rows(office, schema.users) if row.name == "Grace")
    changes = {"analyst": "Grace has the role analyst now.", "support_lead": "Grace has the role support lead now."}
    for role, said in reversed(changes.items()):
        assert said in admin.send("/admin/users", f"/admin/users/{grace.id}", {"do": "role", "role": role}).text
    assert "Grace is signed out" in admin.send("/admin/users", f"/admin/users/{grace.id}", {"do": "disable"}).text
    after = next(row for row in office_rows(office, schema.users) if row.name == "Grace")
    assert (after.role, after.is_active) == ("analyst", False)
    answer = admin.send("/admin/users", f"/admin/users/{admin.user.id}", {"do": "disable"})
    assert (answer.status_code, "No other admin" in answer.text) == (422, True)


def test_a_role_that_is_refused_is_not_chosen_for_whoever_is_added_next(office: Office, admin: Browser) -> None:
    answer = admin.send("/admin/users", f"/admin/users/{admin.user.id}", {"do": "role", "role": "support_lead"})
    assert (answer.status_code, role_of_next(answer.text)) == (422, "analyst")
    fields = {"name": "Grace", "email": "grace", "role": "support_lead", "password": PASSWORD}
    assert role_of_next(admin.send("/admin/users", "/admin/users", fields).text) == "support_lead"


def role_of_next(markup: str) -> str:
    return str(dict(Page(markup).form("/admin/users")["fields"])["role"])


def test_a_dead_letter_is_looked_at_put_right_and_taken_in(office: Office, admin: Browser) -> None:
    answer = added(admin, adapter="google_forms", secret="")
    path = re.findall(r"/v1/hooks/[\w-]{43}", answer.text)[0]
    sample = ADAPTERS["google_forms"].sample()
    sender = office.app.test_client()
    assert sender.post(path, data=b'{"oops"', content_type="application/json").status_code == 202
    (letter,) = office_rows(office, schema.inbox)
    assert "Nothing was selected." in admin.send("/admin/dead-letters", "/admin/dead-letters", {}).text
    assert "The body is not valid JSON at line 1, character" in admin.client.get("/admin/dead-letters").text
    form = admin.page("/admin/dead-letters").form("/admin/dead-letters")
    body = admin.post({**form, "action": f"/admin/dead-letters/{letter.id}/body"})
    assert "{&#34;oops&#34;" in body.text and "The body is not valid JSON at line 1, character" in body.text
    put = Page(body.text).form(f"/admin/dead-letters/{letter.id}")
    assert "Still unusable" in admin.post(put, {"body": "{}"}).text
    assert "Read and accepted" in admin.post(put, {"body": sample.body.decode()}).text
    actions = [row.action for row in office_rows(office, schema.audit)]
    assert actions.count("delivery.look") == 1 and "delivery.correct" in actions
    assert "oops" not in repr(office_rows(office, schema.audit))


def test_dead_jobs_are_given_up_on_the_page_but_for_those_that_are_owed(office: Office, admin: Browser) -> None:
    with office.database.write() as connection:
        for kind in ("preview", "erase_files"):
            jobs.enqueue(connection, WORKSPACE, kind, "x")
        connection.execute(update(schema.jobs).values(state="dead", error_code="worker_lost"))
    ids = [row.id for row in office_rows(office, schema.jobs)]
    answer = admin.send("/admin/dead-letters", "/admin/dead-letters", {"id": ids, "do": "discard"})
    assert "1 discarded. 1 cannot be discarded: try again." in answer.text
    assert [row.kind for row in office_rows(office, schema.jobs)] == ["erase_files"]


def test_a_body_that_its_adapter_fails_at_blocks_no_other_and_stays_as_corrected(
    office: Office, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = re.findall(r"/v1/hooks/[\w-]{43}", added(admin, adapter="google_forms", secret="").text)[0]
    sample, sender, kind = ADAPTERS["google_forms"].sample(), office.app.test_client(), type(ADAPTERS["google_forms"])
    parse = kind.parse

    def fail(self: object, delivery: Delivery, options: object) -> object:
        if b"oops" in delivery.body:
            raise KeyError("of the body")
        return parse(self, delivery, options)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "parse", fail)
    for body in (b'{"oops": 1}', b"{"):
        assert sender.post(path, data=body, content_type="application/json").status_code == 202
    letters = {row.error_code: row.id for row in office_rows(office, schema.inbox)}
    form = admin.page("/admin/dead-letters").form("/admin/dead-letters")
    put = Page(admin.post({**form, "action": f"/admin/dead-letters/{letters['parse_failed']}/body"}).text)
    fixed = put.form(f"/admin/dead-letters/{letters['parse_failed']}")
    (told,) = [part for part in Page(admin.post(fixed, {"body": "oops, better"}).text).all("p") if part.get("role") == "alert"]
    assert "alert-danger" in str(told["class"])
    assert "oops, better" in admin.post({**form, "action": f"/admin/dead-letters/{letters['parse_failed']}/body"}).text
    other = next(letter for code, letter in letters.items() if code != "parse_failed")
    with office.database.write() as connection:
        quarantine.correct(connection, office.door.vault, WORKSPACE, other, sample.body, actor="test")
    assert "1 will be tried again, 1 still unusable." in admin.post(form, {"id": list(letters.values())}).text


def test_the_audit_log_is_shown_and_checked(office: Office, admin: Browser) -> None:
    added(admin)
    page = admin.page("/admin/audit?check=1")
    assert "The chain is intact" in page.words and "source.create" in page.words and "login" in page.words
    assert "source.create" not in admin.page("/admin/audit?action=login").words
    with office.database.write() as connection:
        for statement in appending.unmade(connection.dialect.name):
            connection.exec_driver_sql(statement)
        connection.execute(schema.audit.update().where(schema.audit.c.action == "login").values(target="other"))
        assert audit.first_broken(connection)
    assert "broken at entry" in admin.page("/admin/audit?check=1").words


LEASE = Lease("test")


def compare(office: Office, name: str) -> None:
    """Do as a worker does what the page asked for."""
    store, candidate = Store(office.database, office.door.vault), replace(fake_analyser(), model=name)
    with office.database.write() as connection:
        (job,) = jobs.claim(connection, LEASE, limit=1, kinds=[previews.PREVIEW])
    Previewing(store, lambda _: candidate).run(job, LEASE)


def serving(office: Office) -> str | None:
    with office.database.read() as connection:
        return promotions.serving(connection)


def test_a_bundle_is_compared_then_promoted_and_rolled_back(office: Office, admin: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "bundles", lambda: ["new-1", "old-1"])
    monkeypatch.setattr(api, "bundle_id", lambda name: name)
    monkeypatch.setattr(model.Model, "configured", lambda _: "old-1")
    path = "/admin/bundle"
    assert "fake-1" in admin.page(path).words
    form = admin.page(path).form(f"{path}/preview")
    for wrong in ({"bundle": "other"}, {"sample": "0"}, {"sample": "99999"}):
        assert admin.post(form, wrong).status_code == 422
    promote = {**form, "action": f"{path}/promote"}
    assert "Compare this bundle" in admin.post(promote).text and serving(office) is None
    office.record()
    with office.database.write() as connection:
        connection.execute(schema.records.update().values(clean={"id": "a", "text": "The app crashed."}))
    assert admin.post(form).status_code == 303
    assert "new-1: waiting for a worker" in admin.page(path).words
    assert "A comparison is already queued or running" in admin.post(form).text
    compare(office, "new-1")
    page = admin.page(path)
    assert "waiting for a worker" not in page.words
    assert "1 record compared" in page.words and "stages.use" in page.words
    assert admin.post(page.form(f"{path}/promote")).status_code == 303
    assert serving(office) == "new-1" and "This bundle is in use." in admin.page(path).words
    back = admin.page(path).form(f"{path}/rollback")
    assert admin.post(back).status_code == 422 and serving(office) == "new-1"  # old-1 cannot be loaded
    monkeypatch.setattr(model.Model, "check", lambda _, name: name)
    assert admin.post(back).status_code == 303 and serving(office) == "old-1"
    assert admin.post(back).status_code == 422 and serving(office) == "old-1"  # sent twice, it counts once
    acts = [(row.actor, row.action, row.target) for row in office_rows(office, schema.audit) if row.action.startswith("bundle.")]
    assert [act[1:] for act in acts] == [("bundle.preview", "new-1"), ("bundle.promote", "new-1"), ("bundle.rollback", "old-1")]
    assert {act[0] for act in acts} == {admin.user.actor}
    assert {row.kind for row in office_rows(office, schema.jobs)} == {promotions.REANALYSE}


@pytest.mark.parametrize(("promoters", "mine", "elsewhere"), [((), True, False), ((ELSEWHERE,), False, True), (("no such",), False, False)])
def test_only_admins_of_named_workspaces_change_what_serves_all_of_them(
    promoters: tuple[str, ...], mine: bool, elsewhere: bool, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = office.app.extensions["vocservice"]
    monkeypatch.setitem(office.app.extensions, "vocservice", replace(found, bundles=BundleSettings(promoters=promoters)))
    for workspace, may in ((WORKSPACE, mine), (ELSEWHERE, elsewhere)):
        admin = office.browser("admin", workspace=workspace)
        page = admin.page("/admin/bundle")
        assert ("admins of another workspace" in page.words) is not may and "Promotions" in page.words
        assert any("/admin/bundle" in str(form["action"]) for form in page.forms) is may or not api.bundles()
        token = {"action": "", "fields": page.forms[0]["fields"]}
        for what in ("preview", "promote", "rollback"):
            assert admin.post({**token, "action": f"/admin/bundle/{what}"}, {"bundle": "none"}).status_code == (422 if may else 403)


def test_a_comparison_that_failed_says_why(office: Office, admin: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "bundles", lambda: ["new-1"])
    for _ in range(2):  # asked for again, the failure is forgotten
        assert admin.send("/admin/bundle", "/admin/bundle/preview").status_code == 303
        with office.database.write() as connection:
            connection.execute(schema.jobs.update().values(state="dead", error_code="bundle_invalid"))
    assert "new-1: could not be compared, bundle_invalid." in admin.page("/admin/bundle").words


@pytest.mark.parametrize("text", HOSTILE[:6], ids=lambda text: ascii(text[:20]))
def test_a_name_is_never_markup(office: Office, admin: Browser, text: str) -> None:
    added(admin, name=text, adapter="google_forms", secret="")
    office.user(name=text)
    admin.send("/admin/keys", "/admin/keys", {"name": text, "scope": ["analyse"], "days": ""})
    (row,) = office_rows(office, schema.sources)
    for path in ("/admin/sources", f"/admin/sources/{row.id}", "/admin/keys", "/admin/users", "/admin/audit", "/admin/dead-letters"):
        page = admin.page(path)
        assert not any(attribute.startswith("on") for _, attributes in page.elements for attribute in attributes)
        assert {str(script["src"]) for script in page.all("script")} == {"/static/keys.js"}
        assert not {tag for tag, _ in page.elements} & {"img", "svg", "iframe", "style"}
        assert len(page.all("h1")) == 1
