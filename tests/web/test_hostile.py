"""Tests that texts, names, rules and issues that try to become markup are shown as text on the pages beside the queue."""

from pathlib import Path

import pytest
from builders import conversation
from sqlalchemy import update

from vocservice.records import Label
from vocservice.store import schema
from vocservice.store.analysed import issues
from web.test_page import HOSTILE
from web.visiting import Office, Page

OWN = ("/desk/second", "/desk/agreement", "/desk/decisions", "/rules", "/workbench/issues", "/workbench/themes", "/workbench")
EVIDENCE = {"records": 9, "customers": 9, "weeks": 2, "q": 0.01, "ratio": 3.0, "base": 0.1, "words": [HOSTILE[0]]}
FORBIDDEN = {"img", "iframe", "object", "embed", "style"}


@pytest.mark.parametrize("text", HOSTILE[:7], ids=lambda text: ascii(text[:20]))
def test_nothing_stored_becomes_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    office = Office(tmp_path, monkeypatch, second_share=1)
    first, second = office.browser("admin", name=text), office.browser("admin", name=f"{text} 2")
    record = office.record(text=text, flags=(Label("churn_risk", 0.9),))
    talked = office.record(text=text, conversation=conversation(("customer", text), ("agent", text)))
    turns = [{"speaker": "customer", "text": text, "at": text, "author": text}, {"speaker": "agent", "text": text, "at": text}]
    sent = {"clean": {"id": text, "turns": turns, "question": text, "author": text}, "details": {"note": text, text: [text]}}
    with office.database.write() as connection:
        connection.execute(update(schema.records).where(schema.records.c.id == talked).values(**sent))
    first.send(f"/desk/{record}", f"/desk/{record}", {"decision": "correct", "scope": "both", "note": text})
    second_pages = [first.page("/desk/second"), second.page("/desk/second")]
    second.send(f"/desk/{record}", f"/desk/{record}", {"decision": "confirm", "note": text})
    rule = {"name": text, "owner": text, "reason": text, "expression": "churn_risk > 0.1"}
    assert first.send("/rules", "/rules", rule).status_code == 303
    with office.database.write() as connection:
        opened = issues.open_one(connection, first.user, stage="use", factor="technology", title=text, owner="", evidence=EVIDENCE)
    tried = first.client.post("/rules/test", data=dict(first.page("/rules").form("/rules")["fields"]) | rule | {"days": "90"})
    assert tried.status_code in (200, 202), tried.status_code
    pages = [*second_pages, *(first.page(path) for path in OWN), Page(tried.text), first.page(f"/workbench/issues/{opened}")]
    pages += [first.page(path) for path in (f"/desk/{talked}", "/workbench/verbatims")]
    for page in pages:
        assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
        assert not {tag for tag, _ in page.elements} & FORBIDDEN
        assert all(str(script.get("src", "")).startswith("/static/") for script in page.all("script"))
        assert len(page.all("h1")) == 1
        assert not any("javascript:" in str(link.get("href")) for link in page.all("a"))
    shown = {path: page.words for path, page in zip(OWN, pages[2:], strict=False)}
    assert text in shown["/rules"] and text in shown["/workbench/issues"]
