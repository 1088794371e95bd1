"""Every page there is, as a browser reaches it: the routes of the application in, paths out; those that need an id have an example."""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from builders import conversation, piece
from web.storing import WORKSPACE
from web.visiting import Browser, Office, read_twice

from e2e.sitting import Desk
from vocservice.records import Factor, Label, Scope
from vocservice.store import schema
from vocservice.store.analysed import issues

TABLE = b"ref,words\nr-1,The app crashed.\nr-2,Lovely staff.\n"
SECRET = "s3cret-of-the-tests-0123"
# Routes that answer GET with a file, not with a page.
FILES = re.compile(r"\.(html|xlsx|json|parquet|csv|jsonl|pdf|png)$|/(result|rejects|partial)$|/reports/<|/oidc")
TALK = (
    ("customer", "Your app crashed again while I was paying, I want to cancel."),
    ("agent", "Sorry to hear that. May I have your order number?"),
    ("customer", "I gave it to your colleague yesterday. This is the third time!"),
    ("agent", "Thank you, I have refunded the order."),
    ("customer", "Great, that was quick, thanks."),
)


EVIDENCE = {"records": 12, "customers": 9, "weeks": 4, "ratio": 2.1, "base": "the share of the stage", "q": 0.01, "words": ["paying"]}


def furnished(office: Office, browser: Browser) -> Mapping[str, tuple[str, ...]]:
    """Fill an office; returns the ids that each parameter of a route stands for."""
    browser.send("/admin/sources", "/admin/sources", {"name": "Shop", "adapter": "generic", "secret": SECRET})
    browser.send("/admin/keys", "/admin/keys", {"name": "loader", "scope": ["analyse"], "days": "30"})
    form = browser.page("/batches/new").form("/batches/new")
    batch = browser.post(form, {"file": (io.BytesIO(TABLE), "Q1.csv")}).headers["Location"].rpartition("/")[2]
    rule = {"name": "Angry", "owner": "Ada", "expression": "churn_risk > 0.6", "reason": "may leave", "effect": "review", "urgency": "10"}
    made = browser.send("/rules", "/rules", rule)
    assert made.status_code == 303, made.text
    browser.send("/workbench/watches", "/workbench/watches", {"name": "Monday", "digest_at": "08:30", "endpoints": "on"})
    _keep_report()
    return {
        "rule_id": (made.headers["Location"].partition("?")[0].rpartition("/")[2],),
        "record_id": tuple(_records(office, browser)),
        "batch_id": (batch,),
        "source_id": (str(office.door.rows(schema.sources)[0]["id"]),),
        "issue_id": (_issue(office, browser),),
        "watch_id": (str(office.door.rows(schema.watches)[0]["id"]),),
    }


def paths(office: Office, ids: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """The path of every page, of one with parameters for each of their examples.

    Raises:
        KeyError: a parameter has none.
    """
    for rule in office.app.url_map.iter_rules():
        is_page = rule.endpoint == "page.form" or hasattr(office.app.view_functions[rule.endpoint], "role")
        if is_page and "GET" in (rule.methods or ()) and not FILES.search(rule.rule):
            for values in product(*(ids[name] for name in sorted(rule.arguments))):
                of = dict(zip(sorted(rule.arguments), values, strict=True))
                yield re.sub(r"<(?:\w+:)?(\w+)>", lambda found, of=of: of[found[1]], rule.rule)


def conflict(office: Office, desk: Desk) -> None:
    """The page that says that somebody else decided in between."""
    record, other = office.record(), office.browser(name="Joan Clarke")
    desk.open(f"/desk/{record}")
    other.send(f"/desk/{record}", f"/desk/{record}", {"decision": "dismiss", "note": "Settled by phone."})
    desk.press("a")


def _records(office: Office, browser: Browser) -> Iterator[str]:
    """One on which two readers differ, one to be read second by who uses the browser, and one that waits."""
    text, again = TALK[0][1], TALK[2][1]
    disputed = office.record(
        text=text,
        stages=(Label("purchase", 0.9, (piece(text, "while I was paying", 0),)),),
        factors=(Factor("technology", "-", 0.9, (piece(text, "Your app crashed again while I was paying", 0),)),),
        flags=(Label("churn_risk", 0.83, (piece(text, "I want to cancel", 0),)),),
        scope=Scope("experience_issue", 0.7, "head:scope", (piece(again, "I gave it to your colleague", 2),)),
        conversation=replace(conversation(*TALK), reasons=(Label("repeat_contact", 0.7, (piece(again, "This is the third time!", 2),)),)),
        subject="s1",
    )
    second, waiting = office.record(), office.record(subject="s1")
    office.record(text="The app crashed. Support was lovely and fixed it.")
    grace = office.browser(name="Grace Hopper")
    with pytest.MonkeyPatch.context() as patch:
        read_twice(patch, 1)
        browser.send(f"/desk/{disputed}", f"/desk/{disputed}", {"decision": "correct", "note": "The refund came late.", "scope": "both"})
        for record in (disputed, second):
            grace.send(f"/desk/{record}", f"/desk/{record}", {"decision": "confirm"})
    yield from (disputed, second, waiting)


def _issue(office: Office, browser: Browser) -> str:
    with office.database.write() as connection:
        cell = {"stage": "purchase", "factor": "technology"}
        return issues.open_one(connection, browser.user, **cell, title="Payments fail", owner="digital", evidence=EVIDENCE)


def _keep_report() -> None:
    """A report as a worker leaves it, for the list of them."""
    folder = Path("var/reports", WORKSPACE)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "2026-W40.html").write_text("<!doctype html><title>Week 40</title>", encoding="utf-8")
