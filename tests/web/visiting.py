"""People in a browser, for the tests of pages: users of every role, records on the desk, and forms sent as a browser would."""

from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from builders import analysis, conversation, piece
from flask.testing import FlaskClient
from sqlalchemy import insert
from werkzeug.test import TestResponse

from vocservice.records import Analysis, Label
from vocservice.store import schema
from vocservice.store.accounts import users
from vocservice.store.accounts.users import User
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.review import reviews, urgency
from web.storing import WORKSPACE, Door

PASSWORD = "correct horse battery"
TALK = (("customer", "Your app crashed again, I want to cancel."), ("agent", "Sorry."), ("customer", "Third time. Get me your boss."))


class Page(HTMLParser):
    """The elements, forms and words of a page."""

    def __init__(self, markup: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.forms: list[dict[str, Any]] = []
        self.words = ""
        self._open = ""
        self._select: dict[str, str | None] = {}
        self._options: list[tuple[str, bool]] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        if tag == "form":
            self.forms.append({"action": found.get("action"), "method": found.get("method"), "fields": []})
            self._open = "form"
        elif tag == "select":
            self._select, self._options = found, []
        elif self._open and tag == "input" and (found.get("type") not in ("checkbox", "radio") or "checked" in found):
            self.forms[-1]["fields"].append((found.get("name"), found.get("value") or ""))
        elif tag == "option":
            self._options.append((found.get("value") or "", "selected" in found))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = ""
        elif tag == "select" and self._open:
            self.forms[-1]["fields"] += [(self._select.get("name"), value) for value in self._chosen()]

    def _chosen(self) -> list[str]:
        """What a browser sends of a list: of one in which nothing is selected, the first line."""
        chosen = [value for value, is_selected in self._options if is_selected]
        return chosen if "multiple" in self._select or chosen else [value for value, _ in self._options[:1]]

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def undefined(self) -> set[str]:
        """Definitions that no figure of the page links to, and links to one that is not there."""
        told = {str(one["id"]) for one in self.all("dt") if str(one.get("id")).startswith("def-")}
        return told ^ {str(one["href"])[1:] for one in self.all("a") if str(one.get("href")).startswith("#def-")}

    def form(self, action: str) -> dict[str, Any]:
        """The form with this action, else the first whose action begins so."""
        exact = [form for form in self.forms if form["action"] == action]
        return (exact or [form for form in self.forms if str(form["action"]).startswith(action)])[0]


class Office:
    """An application over a fresh store, with people who sign in."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, second_share: float = 0, sends_mail: bool = False):
        read_twice(monkeypatch, second_share)  # not the share of the installation, which would choose by the ids of the day
        monkeypatch.setattr("vocservice.web.workbench.looking.SMALL_SECONDS", 60.0)  # whole pages, however slow the machine is
        for page in ("pages", "issues", "asking", "comparing", "themes"):
            monkeypatch.setattr(f"vocservice.web.workbench.{page}.PATIENCE_SECONDS", 60.0)
        self.door = Door(folder)
        self.app, self.database = self.door.app, self.door.database
        self.mail(sends=sends_mail)

    def mail(self, *, sends: bool) -> None:
        """Whether the installation has a mail server."""
        self.app.extensions["vocservice"] = replace(self.app.extensions["vocservice"], sends_mail=sends)

    def user(self, role: str = "support_lead", *, name: str = "Ada", email: str = "", workspace: str = WORKSPACE) -> User:
        address = email or f"{new_id(role)}@example.org"
        with self.database.write() as connection:
            return users.add(connection, workspace, email=address, name=name, role=role, password=PASSWORD, actor="test")

    def browser(self, role: str = "support_lead", **who: str) -> "Browser":
        """A browser in which a new user of this role is signed in."""
        user = self.user(role, **who)
        browser = Browser(self.app.test_client(), user)
        answer = browser.sign_in()
        assert answer.status_code == 303, answer.text
        return browser

    def record(self, *, workspace: str = WORKSPACE, subject: str | None = None, record_id: str = "", **changes: Any) -> str:
        """A record with its analysis, on the desk."""
        result, record_id = talk(**changes), record_id or new_id("rec")
        with self.database.write() as connection:
            at = now(connection)
            values = {
                "id": record_id,
                "workspace_id": workspace,
                "source_key": "api",
                "source_record": record_id,
                "revision": 1,
                "status": "analysed",
                "channel": "chat",
                "is_transcript": result.conversation is not None,
                "subject_hash": subject,
                "received_at": at,
            }
            connection.execute(insert(schema.records).values(**values))
            self.analyse(connection, record_id, result, workspace=workspace)
        return record_id

    def analyse(self, connection: Any, record_id: str, result: Analysis, *, workspace: str = WORKSPACE, revision: int = 1) -> None:
        values = {
            "id": new_id("ana"),
            "record_id": record_id,
            "workspace_id": workspace,
            "revision": revision,
            "bundle": "fake-1",
            "taxonomy": "voc/1.0.0",
            "is_current": True,
            "result": result.to_dict(),
            "created_at": now(connection),
        }
        connection.execute(insert(schema.analyses).values(**values))
        reviews.enter(connection, workspace, record_id, revision=revision, result=result.to_dict())


class Browser:
    """A client and who uses it."""

    def __init__(self, client: FlaskClient, user: User):
        self.client, self.user = client, user

    def sign_in(self, password: str = PASSWORD, **more: str) -> TestResponse:
        form = Page(self.client.get("/login").text).form("/login")
        return self.client.post("/login", data={**dict(form["fields"]), "email": self.user.email, "password": password, **more})

    def page(self, path: str, status: int = 200) -> Page:
        answer = self.client.get(path)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return Page(answer.text)

    def send(self, path: str, action: str, changes: Mapping[str, Any] | None = None) -> TestResponse:
        """Send the first form of a page that goes to `action`, with some fields changed."""
        return self.post(self.page(path).form(action), changes)

    def post(self, form: Mapping[str, Any], changes: Mapping[str, Any] | None = None, *, follow: bool = False) -> TestResponse:
        fields: dict[str, Any] = {}
        for name, value in form["fields"]:
            fields.setdefault(name, []).append(value)
        return self.client.post(str(form["action"]), data={**fields, **(changes or {})}, follow_redirects=follow)


def read_twice(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    """Let a second person read this share of the decided records."""
    everything = replace(urgency.rules(), second_reading=urgency.SecondReading(share=share))
    monkeypatch.setattr(urgency, "rules", lambda: everything)


def talk(text: str = "", **changes: Any) -> Analysis:
    """The analysis of a transcript that needs review, with evidence in its turns; with a text, of that."""
    if text:
        return analysis(text, **{"flags": (Label("churn_risk", 0.5),), **changes})
    first = TALK[0][1]
    flag = Label("churn_risk", 0.5, (piece(first, "cancel", 0),))
    return analysis(first, stages=(), factors=(), scope=None, flags=(flag,), conversation=conversation(*TALK))
