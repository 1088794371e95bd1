"""An empty office in, one in which every page has something to show out, and the ids that stand for the parameters of routes.

Whatever somebody else wrote can be replaced by one text, for the tests of texts that try to become markup.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from builders import conversation, piece
from sqlalchemy import update
from web.storing import WORKSPACE
from web.test_rules import analysed, switched
from web.visiting import Browser, Office, read_twice

from vocservice.records import Evidence, Factor, Label, Scope
from vocservice.rules.tokens import quoted
from vocservice.store import audit, schema
from vocservice.store.analysed import endpoints, issues, outbound
from vocservice.store.audit import Act
from vocservice.store.database import now

SECRET = "s3cret-of-the-tests-0123"
MOST_BYTES = 64 * 1024  # of a form, so that one too large is soon sent
TALK = (
    ("customer", "Your app crashed again while I was paying, I want to cancel."),
    ("agent", "Sorry to hear that. May I have your order number?"),
    ("customer", "I gave it to your colleague yesterday. This is the third time!"),
    ("agent", "Thank you, I have refunded the order."),
    ("customer", "Great, that was quick, thanks."),
)
SHOPPERS = 10  # at least five customers for each of two values
EVIDENCE = {"records": 12, "customers": 9, "weeks": 4, "ratio": 2.1, "base": "the share of the stage", "q": 0.01}
PARTS: Mapping[str, Mapping[str, Any]] = {  # how far batches are
    "running": {"rows_total": 4000, "rows_done": 1500, "rows_rejected": 12, "rate": 250.0},
    "done": {"rows_total": 4000, "rows_done": 4000, "rows_rejected": 12},
    "failed": {"rows_total": None, "rows_done": 1000, "rows_rejected": 0, "error_code": "file_unreadable"},
}


def furnished(office: Office, browser: Browser, words: str = "") -> Mapping[str, tuple[str, ...]]:
    """Fill an office; returns the ids that each parameter of a route stands for.

    Args:
        browser: of an admin.
        words: stands for all that people and customers wrote; their own by default.
    """
    state = office.app.extensions["vocservice"]
    office.app.extensions["vocservice"] = replace(state, limits=state.limits.model_copy(update={"max_body_bytes": MOST_BYTES}))
    rule, records = _rule(browser, words), tuple(_records(office, browser, words))
    _tell_fields(office, browser, words)
    _save_views(browser, words)
    ids = {
        "rule_id": (rule,),
        "record_id": records,
        "batch_id": tuple(_batches(office, browser, words)),
        "source_id": tuple(_sources(office, browser, words)),
        "issue_id": (_issue(office, browser, words),),
        "watch_id": (_watch(office, browser, words),),
        "endpoint_id": (_endpoint(office, words),),
        "alert_id": (_alert(office, browser, words),),
        "inbox_id": (str(office.door.rows(schema.inbox)[0]["id"]),),
        "key_id": (_key(office, browser, words),),
    }
    _keep_report()
    if words:
        with office.database.write() as connection:
            audit.write(connection, WORKSPACE, Act(words, words[:64], words, {words: words}))
    return ids


def _sent(browser: Browser, path: str, fields: Mapping[str, Any]) -> str:
    """Send the form of a page; returns what it leads to."""
    answer = browser.send(path, path, fields)
    assert answer.status_code in (200, 303), answer.text
    return answer.headers.get("Location", "") or answer.text


def _rule(browser: Browser, words: str) -> str:
    told = {"name": words[:50] or "Angry", "owner": words or "Ada", "reason": words or "may leave", "tag": words[:40] or "angry"}
    unknown = f" and metadata[{quoted(words)}] is unknown" if words else ""
    path = _sent(browser, "/rules", {**told, "expression": f"churn_risk > 0.3{unknown}", "effect": "review", "urgency": "10"})
    assert switched(browser, path, "enable").status_code == 303
    return path.rpartition("/")[2]


def _records(office: Office, browser: Browser, words: str) -> Iterator[str]:
    """One on which two readers differ, one to be read second by who uses the browser, one that waits, one that somebody decided, and one
    that another person has open."""
    turns = tuple((speaker, words or text) for speaker, text in TALK)
    text, again = turns[0][1], turns[2][1]
    disputed = office.record(
        text=text,
        stages=(Label("purchase", 0.9, (_piece(text, "while I was paying", 0),)),),
        factors=(Factor("technology", "-", 0.9, (_piece(text, "Your app crashed again while I was paying", 0),)),),
        flags=(Label("churn_risk", 0.83, (_piece(text, "I want to cancel", 0),)),),
        scope=Scope("experience_issue", 0.7, "head:scope", (_piece(again, "I gave it to your colleague", 2),)),
        conversation=replace(conversation(*turns), reasons=(Label("repeat_contact", 0.7, (_piece(again, "This is the third time!", 2),)),)),
        subject="s1",
    )
    said = {"text": words, "flags": (Label("churn_risk", 0.5, (_piece(words, words, None),)),)} if words else {}
    second, waiting, settled = office.record(**said), analysed(office, **said, subject="s1"), office.record(**said)
    office.record(text=words or "The app crashed. Support was lovely and fixed it.")
    grace = office.browser(name=words or "Grace Hopper")
    _decide(grace, settled, {"decision": "correct", "note": words or "Settled by phone."})
    with pytest.MonkeyPatch.context() as patch:
        read_twice(patch, 1)
        _decide(browser, disputed, {"decision": "correct", "note": words or "The refund came late.", "scope": "both"})
        for record in (disputed, second):
            _decide(grace, record, {"decision": "confirm", "note": words})
    _decide(browser, waiting, {"note": words or "Call back"}, "/draft")
    act = {"pick": waiting, "action": "tag", "tag": words[:40] or "vip"}
    assert browser.send("/desk", "/desk/bulk", act).status_code == 303
    if words:
        _say(office, disputed, grace, words)
    held = office.record(**said)
    grace.page(f"/desk/{held}")
    with office.database.write() as connection:  # however long the tour takes
        theirs = update(schema.claims).where(schema.claims.c.record_id == held)
        connection.execute(theirs.values(lease_until=now(connection) + timedelta(days=1)))
    yield from (disputed, second, waiting, settled, held)


def _decide(browser: Browser, record: str, fields: Mapping[str, str], to: str = "") -> None:
    form = browser.page(f"/desk/{record}").form(f"/desk/{record}")
    answer = browser.post({**form, "action": f"/desk/{record}{to}"}, fields)
    assert answer.status_code == 303, answer.text


def _say(office: Office, record: str, person: Browser, words: str) -> None:
    """Let a transcript as its sender sent it, and the address of somebody who decided on it, say nothing else."""
    turns = [{"speaker": speaker, "text": words, "at": words, "author": words} for speaker, _ in TALK]
    sent = {"clean": {"id": words, "turns": turns, "question": words, "author": words}, "details": {"note": words, words: [words]}}
    named = {"channel": words[:64], "source_record": words, "source_version": words}
    with office.database.write() as connection:
        connection.execute(update(schema.records).where(schema.records.c.id == record).values(**sent, **named))
        connection.execute(update(schema.reviews).where(schema.reviews.c.record_id == record).values(channel=words[:64]))
        connection.execute(update(schema.users).where(schema.users.c.id == person.user.id).values(email=words))


def _piece(text: str, part: str, turn: int | None) -> Evidence:
    """Evidence of a part of a text; of all of one that has it not."""
    return piece(text, part if part in text else text, turn)


def _batches(office: Office, browser: Browser, words: str) -> Iterator[str]:
    """One that waits for its columns, and one of each that a worker has or had."""
    lines = io.StringIO()
    csv.writer(lines).writerows([["ref", words or "words"], ["r-1", words or "The app crashed."], ["r-2", words or "Lovely staff."]])
    for status in ("draft", *PARTS):
        form = browser.page("/batches/new").form("/batches/new")
        made = browser.post(form, {"file": (io.BytesIO(lines.getvalue().encode()), "Q1.csv")})
        assert made.status_code == 303, made.text
        batch = made.headers["Location"].rpartition("/")[2]
        _advance(office, batch, status, words)
        yield batch


def _advance(office: Office, batch: str, status: str, words: str) -> None:
    """As a worker would leave it, from a minute ago; its file's name as its sender wrote it."""
    with office.database.write() as connection:
        at = now(connection)
        values: dict[str, Any] = {"status": status, "name": words or "Q1.csv", **PARTS.get(status, {})}
        if status != "draft":
            values |= {"started_at": at - timedelta(minutes=1)}
        if status in ("done", "failed"):
            values |= {"finished_at": at, "expires_at": at + timedelta(days=7)}
        if words:
            values |= {"mapping": {"text": words}}
        if status == "failed":
            values |= {"error_message": words or "the file ends in the middle of row 1001"}
        connection.execute(update(schema.batches).where(schema.batches.c.id == batch).values(**values))


def _sources(office: Office, browser: Browser, words: str) -> Iterator[str]:
    """One with a secret, one with options; and another, whose delivery could not be used."""
    options = json.dumps({"id": "/id", "text": ["/text"], "channel": words[:64] or "chat"})
    for number, (adapter, secret, chosen) in enumerate((("qualtrics", SECRET, ""), ("generic", "", options), ("google_forms", "", ""))):
        told = _sent(
            browser,
            "/admin/sources",
            {"name": f"{words or 'Shop'} {number}", "adapter": adapter, "secret": secret, "options": chosen},
        )
    hook = re.findall(r"/v1/hooks/[\w-]{43}", told)[0]
    body = (words or '{"answer": "The app crashed').encode()
    assert office.app.test_client().post(hook, data=body, content_type="application/json").status_code == 202
    if words:
        with office.database.write() as connection:
            connection.execute(update(schema.inbox).values(content_type=words, error_message=words))
    made = {row["adapter"]: str(row["id"]) for row in office.door.rows(schema.sources)}
    yield from (made["qualtrics"], made["generic"])


def _tell_fields(office: Office, browser: Browser, words: str) -> None:
    """Let enough customers tell a field for it to become a segment, and hide another."""
    for number in range(SHOPPERS):
        record = office.record(text="The staff were lovely.", stages=(), factors=(), scope=None, flags=(), subject=f"shopper {number}")
        told = {words[-40:] or "plan": (words[-40:] or "pro") if number % 2 else "free", "city": ("Bonn", "Ulm")[number % 2]}
        with office.database.write() as connection:
            connection.execute(update(schema.records).where(schema.records.c.id == record).values(details=told))
    hidden = browser.send("/admin/fields", "/admin/fields", {"name": words[:40] or "city", "do": "hide"})
    assert hidden.status_code == 303, hidden.text


def _save_views(browser: Browser, words: str) -> None:
    """Filters under a name, of the desk and of the workbench."""
    desk = urlencode({"channel": "chat", "tag": words[:40] or "vip"})
    workbench = urlencode({"channel": "chat", f"own.{words[-40:] or 'plan'}": words[-40:] or "pro"})
    for page, to, name in ((f"/desk?{desk}", "/desk/views", "Chats"), (f"/workbench?{workbench}", "/workbench/segments", "Pro chats")):
        saved = browser.send(page, to, {"name": words or name, "shared": "1"})
        assert saved.status_code == 303, saved.text


def _issue(office: Office, browser: Browser, words: str) -> str:
    evidence = {**EVIDENCE, "words": [words or "paying"]}
    cell = {"stage": "purchase", "factor": "technology", "cause": words}
    with office.database.write() as connection:
        return issues.open_one(connection, browser.user, **cell, title=words or "Payments fail", owner="digital", evidence=evidence)


def _watch(office: Office, browser: Browser, words: str) -> str:
    (segment,) = (row["id"] for row in office.door.rows(schema.views) if row["page"] == "workbench")
    when = {"when": "digest", "digest_at": "08:30", "zone": "UTC", "day": ["Mon"]}
    _sent(browser, "/workbench/watches", {"name": words or "Monday", "segment": segment, **when, "endpoints": "on"})
    return str(office.door.rows(schema.watches)[0]["id"])


def _alert(office: Office, browser: Browser, words: str) -> str:
    when = {"when": "instant", "zone": "Europe/Berlin", "cool_down": "15"}
    told = {"name": words or "Angry", "label": [f"rules.{words[:50] or 'Angry'}"], "urgency": "40", "endpoints": "on"}
    _sent(browser, "/admin/alerts", {**told, **when})
    return str(office.door.rows(schema.alerts)[0]["id"])


def _endpoint(office: Office, words: str) -> str:
    """With a delivery of every state."""
    url = f"https://hooks.example.org/{words}"
    with office.database.write() as connection:
        made, _ = endpoints.create(connection, office.door.vault, WORKSPACE, url=url, actor="test")
        for state in ("queued", "delivered", "failed"):
            outbound.tell_found(connection, WORKSPACE, {"watch": "wch_1"})
            newest = outbound.log_of(connection, made, limit=1)[0]
            if state != "queued":
                outbound.note(connection, newest.id, state=state, status=204 if state == "delivered" else 500)
    return made.id


def _key(office: Office, browser: Browser, words: str) -> str:
    _sent(browser, "/admin/keys", {"name": words or "loader", "scope": ["analyse"], "days": "30"})
    return str(office.door.rows(schema.keys)[0]["id"])


def _keep_report() -> None:
    """A report as a worker leaves it, for the list of them."""
    folder = Path("var/reports", WORKSPACE)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "2026-W40.html").write_text("<!doctype html><title>Week 40</title>", encoding="utf-8")
