"""Every page there is, as people reach it: the routes of the application and what is sent to them in, places out.

A page with parameters has an example of each (`furnishing`); what answers a form is listed here. A browser shows places by `tour`,
a client without one by `answers`; `tests/web/test_places.py` tells of routes that are in neither.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from web.visiting import PASSWORD, Browser, Office, Page
from werkzeug.test import TestResponse

from e2e.furnishing import MOST_BYTES, furnished
from e2e.sitting import Desk

Ids = Mapping[str, Sequence[str]]
Fields = Mapping[str, str | Sequence[str]]

# Routes that answer GET with a file, not with a page.
FILES = re.compile(r"\.(html|xlsx|json|parquet|csv|jsonl|pdf|png)$|/(result|rejects|partial)$|/reports/<|/oidc")
OPEN = ("page.form", "openapi.docs")  # pages for whoever comes
# Pages that show something else when something is asked of them.
ASKED = (
    "/desk?state=decided",
    "/desk?state=draft&sort=oldest",
    "/admin/audit?check=1",
    "/preferences?said=saved",
    "/workbench?channel=chat",
    "/workbench/search?q=app",
    "/workbench/verbatims?q=app",
    "/workbench/compare?a_channel=chat&b_channel=phone",
)


@dataclass(frozen=True, slots=True)
class Place:
    """A page as somebody reaches it.

    Attributes:
        name: of its picture.
        path: what is opened.
        action: where the form of the opened page goes that is sent, its first one where none goes there; blank where the page is meant.
        fields: what is written over what stands in the form.
        file: name and content of the file that is sent with it.
        status: of the page that is there in the end.
    """

    name: str
    path: str
    action: str = ""
    fields: Fields = field(default_factory=dict)
    file: tuple[str, bytes] | None = None
    status: int = 200


def tour(office: Office, desk: Desk, words: str = "") -> Iterator[Place]:
    """Every place in turn, once it is shown in a browser: to nobody in particular, then to an admin.

    Args:
        words: stands for all that others wrote; their own by default.
    """
    admin = office.browser("admin", name=words or "Ada Lovelace")
    ids = furnished(office, admin, words)
    for place in outside(admin.user.email, ids):
        desk.forget()
        yield _shown(desk, place)
    desk.sign_in(admin.user.email)
    for place in inside(office, ids):
        yield _shown(desk, place)


def answers(office: Office, words: str) -> Iterator[tuple[Place, TestResponse]]:
    """Every place in turn and what the application answers, without a browser, where all that others wrote is the same words."""
    admin = office.browser("admin", name=words)
    ids = furnished(office, admin, words)
    for place in outside(admin.user.email, ids):
        yield place, answered(Browser(office.app.test_client(), admin.user), place)
    for place in inside(office, ids):
        yield place, answered(admin, place)


def answered(browser: Browser, place: Place) -> TestResponse:
    """What a client gets."""
    opened = browser.client.get(place.path, follow_redirects=True)
    if not place.action:
        return opened
    forms = Page(opened.text).forms
    form = next((form for form in forms if form["action"] == place.action), forms[0])
    sent = {name: list(value) if not isinstance(value, str) else value for name, value in place.fields.items()}
    with_file = {"file": (io.BytesIO(place.file[1]), place.file[0])} if place.file else {}
    return browser.post({**form, "action": place.action}, {**sent, **with_file}, follow=True)


def outside(email: str, ids: Ids) -> Iterator[Place]:
    """What somebody meets who is not signed in; the last lets them in."""
    record = f"/desk/{ids['record_id'][2]}"
    written = {"decision": "confirm", "note": "Call back on Monday."}
    yield Place("login", "/login")
    yield Place("login-refused", "/login", "/login", {"email": "nobody@example.org", "password": "of nobody"}, status=401)
    yield Place("login-expired", "/login", record, written, status=401)
    kept = {f"draft.{name}": value for name, value in written.items()}
    yield Place("resume", "/login", "/login", {"email": email, "password": PASSWORD, "next": record, **kept})


def inside(office: Office, ids: Ids) -> Iterator[Place]:
    """What an admin meets, who may do everything."""
    named = {value: f"{name.removesuffix('_id')}{at or ''}" for name, values in ids.items() for at, value in enumerate(values)}
    for path in (*paths(office, ids), *ASKED):
        words = [named.get(part, part) for part in re.split(r"[/?&=]", path) if part]
        yield Place("-".join(words) or "start", path)
    one = {name.removesuffix("_id"): values[0] for name, values in ids.items()}
    _, _, waiting, settled, held = ids["record_id"]
    yield from _of_start()
    yield from _of_desk(f"/desk/{waiting}", f"/desk/{settled}", waiting)
    yield from _of_held(f"/desk/{held}")
    yield from _of_decisions(waiting, settled)
    yield from _of_rules(f"/rules/{one['rule']}")
    yield from _of_admin(one)
    yield from _of_workbench(one)
    yield from _of_batches(ids["batch_id"][0], ids["batch_id"][2])
    yield from _of_faults(f"/desk/{waiting}")


def paths(office: Office, ids: Ids) -> Iterator[str]:
    """The path of every page that is opened, of one with parameters for each of their examples.

    Raises:
        KeyError: a parameter has none.
    """
    for rule in office.app.url_map.iter_rules():
        is_page = rule.endpoint in OPEN or hasattr(office.app.view_functions[rule.endpoint], "role")
        if is_page and "GET" in (rule.methods or ()) and rule.rule != "/login" and not FILES.search(rule.rule):
            yield from filled(rule.rule, sorted(rule.arguments), ids)


def filled(pattern: str, names: Sequence[str], ids: Ids) -> Iterator[str]:
    """The paths of a route, with each example of its parameters.

    Raises:
        KeyError: a parameter has none.
    """
    for values in product(*(ids[name] for name in names)):
        of = dict(zip(names, values, strict=True))
        yield re.sub(r"<(?:\w+:)?(\w+)>", lambda found, of=of: of[found[1]], pattern)


def _of_start() -> Iterator[Place]:
    yield Place("analysed", "/", "/", {"text": "The app crashed twice. Support was lovely and fixed it."})
    yield Place("not-analysed", "/", "/", {"text": "poison"}, status=422)


def _of_desk(waiting: str, settled: str, record_id: str) -> Iterator[Place]:
    """A conflict is that of somebody who opened the page before the other decided."""
    noted = {"decision": "confirm", "note": "Settled by phone."}
    yield Place("conflict", settled, settled, {**noted, "steps": "0"}, status=409)
    crowd = {"decision": "correct", "stages": ("awareness", "discovery", "purchase", "use")}
    yield Place("too-many-labels", waiting, waiting, crowd, status=422)
    older = {"note": "of an older window", "revision": "1", "bundle": "fake-1", "steps": "0", "draft_version": "0"}
    yield Place("draft-conflict", waiting, f"{waiting}/draft", older, status=409)
    yield Place("undo-not-mine", waiting, f"{waiting}/undo", {"annotation": "ann_none"}, status=400)
    yield Place("several-nothing", "/desk", "/desk/bulk", status=422)
    yield Place("several-done", "/desk", "/desk/bulk", {"pick": (record_id,), "action": "snooze:1"})
    yield Place("several-no-undo", "/desk", "/desk/bulk/blk_none/undo", status=400)
    yield Place("view-nameless", "/desk", "/desk/views", {"name": ""}, status=400)
    yield Place("view-not-there", "/desk", "/desk/views/view_none/delete", status=400)


def _of_held(held: str) -> Iterator[Place]:
    """A decision is sent that was begun before the other person took the record over."""
    begun = {"submission": "begun-before-they-had-it", "revision": "1", "bundle": "fake-1", "steps": "0", "draft_version": "0"}
    yield Place("held-conflict", held, held, {**begun, "decision": "confirm", "note": "I call them back."}, status=409)
    yield Place("taken-over", held, f"{held}/take")


def _of_decisions(waiting: str, settled: str) -> Iterator[Place]:
    lines = (
        {"id": settled, "scope": "both", "annotated_at": ""},
        {"id": "rec_none", "scope": "both"},
        {"id": waiting, "scope": "sideways"},
    )
    content = "\n".join(map(json.dumps, lines)).encode()
    yield Place("decisions-in", "/desk/decisions", "/desk/decisions", file=("decisions.jsonl", content))
    yield Place("decisions-refused", "/desk/decisions", "/desk/decisions", file=("decisions.odt", b"PK"), status=400)


def _of_rules(rule: str) -> Iterator[Place]:
    yield Place("trial", "/rules", "/rules/test", {"expression": "churn_risk > 0.3", "days": "90"})
    yield Place("trial-refused", "/rules", "/rules/test", {"expression": "churn_risk >"}, status=422)
    told = {"name": "Calm", "owner": "Ada", "reason": "All is well", "expression": "mood is good"}
    yield Place("rule-refused", "/rules", "/rules", told, status=422)
    yield Place("rule-conflict", rule, rule, {**told, "version": "0"}, status=409)


def _of_admin(one: Mapping[str, str]) -> Iterator[Place]:
    source, letters, letter = f"/admin/sources/{one['source']}", "/admin/dead-letters", f"/admin/dead-letters/{one['inbox']}"
    yield Place("source-added", "/admin/sources", "/admin/sources", {"name": "Shop", "adapter": "google_forms"})
    yield Place("source-refused", "/admin/sources", "/admin/sources", {"name": "Shop", "options": "[]"}, status=422)
    yield Place("source-url-renewed", source, f"{source}/url", {"do": "renew"})
    yield Place("source-tried", source, f"{source}/test")
    yield Place("source-secret-refused", source, f"{source}/secrets", {"secret": "", "do": "add"}, status=422)
    yield Place("source-options-refused", source, f"{source}/options", {"options": "[]"}, status=422)
    yield Place("source-access-refused", source, f"{source}/access", {"do": "keep"}, status=422)
    yield Place("key-added", "/admin/keys", "/admin/keys", {"name": "loader", "scope": ("analyse",), "days": "30"})
    yield Place("key-rotated", "/admin/keys", f"/admin/keys/{one['key']}/rotate")
    yield Place("key-refused", "/admin/keys", "/admin/keys", {"name": "loader", "scope": ()}, status=422)
    yield Place("key-revoked-twice", "/admin/keys", "/admin/keys/key_none/revoke", status=404)
    yield Place("user-refused", "/admin/users", "/admin/users", {"name": "Lin", "email": "lin", "password": "short"}, status=422)
    yield Place("user-not-changed", "/admin/users", "/admin/users/usr_none", {"do": "disable"}, status=404)
    yield Place("letters-sent-back", letters, letters, {"id": (one["inbox"],), "do": "retry"})
    yield Place("letter-body", letters, f"{letter}/body")
    yield Place("letter-corrected", letters, letter, {"body": '{"answer": "The app crashed'})
    yield Place("alert-refused", "/admin/alerts", "/admin/alerts", {"name": "", "when": "instant"}, status=422)
    yield Place("alert-paused", "/admin/alerts", f"/admin/alerts/{one['alert']}", {"do": "disable"})
    endpoints, endpoint = "/admin/endpoints", f"/admin/endpoints/{one['endpoint']}"
    yield Place("endpoint-refused", endpoints, endpoints, {"url": "http://example.org"}, status=422)
    yield Place("endpoint-rotated", endpoint, f"{endpoint}/secret")
    yield Place("endpoint-paused", endpoint, endpoint, {"do": "disable"})
    yield Place("field-not-there", "/admin/fields", "/admin/fields", {"name": "", "do": "hide"}, status=422)
    for act in ("preview", "promote", "rollback"):
        yield Place(f"bundle-no-{act}", "/admin/bundle", f"/admin/bundle/{act}", {"bundle": "none"}, status=422)


def _of_workbench(one: Mapping[str, str]) -> Iterator[Place]:
    watches, watch, issue = "/workbench/watches", f"/workbench/watches/{one['watch']}", f"/workbench/issues/{one['issue']}"
    yield Place("watch-refused", watches, watches, {"name": ""}, status=422)
    yield Place("watch-silent", watches, watch, {"do": "disable"})
    yield Place("watch-not-changed", watch, watch, {"name": "", "do": "save"}, status=422)
    cell = {"stage": "use", "factor": "technology", "title": "Crashes"}
    yield Place("issue-refused", "/workbench/issues", "/workbench/issues", cell, status=400)
    yield Place("issue-not-closed", issue, issue, {"status": "closed"}, status=409)
    yield Place("segment-nameless", "/workbench", "/workbench/segments", {"name": ""}, status=400)
    yield Place("segment-not-there", "/workbench", "/workbench/segments/view_none/delete", status=400)


def _of_batches(draft: str, done: str) -> Iterator[Place]:
    new, batch = "/batches/new", f"/batches/{draft}"
    yield Place("upload-refused", new, new, file=("Q1.exe", b"MZ"), status=415)
    yield Place("columns-refused", batch, f"{batch}/start", {"column.text": "none of them"}, status=400)
    yield Place("batch-not-cancelled", f"/batches/{done}", f"/batches/{done}/cancel", status=409)
    yield Place("batch-not-there", batch, "/batches/bat_none/delete", status=404)


def _of_faults(record: str) -> Iterator[Place]:
    """By the status alone; conflicts (409) are above."""
    yield Place("password-refused", "/preferences", "/preferences/password", {"old": "not mine", "new": "x" * 12}, status=422)
    yield Place("fault-403", record, record, {"token": "of another site"}, status=403)
    yield Place("fault-404", "/desk/rec_none", status=404)
    yield Place("fault-413", record, record, {"note": "x" * (MOST_BYTES + 1)}, status=413)


def _shown(desk: Desk, place: Place) -> Place:
    desk.open(place.path)
    if place.action:
        desk.send(place.action, place.fields, place.file)
    assert desk.status == place.status, f"{place.name}: {desk.status}"
    return place
