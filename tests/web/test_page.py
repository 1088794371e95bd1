"""Tests of the start page: the form, labels with evidence, and texts that try to become markup."""

import re
from html.parser import HTMLParser
from io import BytesIO

import pytest
from builders import CANARY
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from vocservice.errors import BundleError
from vocservice.settings import Settings
from vocservice.web import model
from vocservice.web.app import create_app
from web.conftest import MakeClient
from web.sending import CHUNKED, check_problem

FORM = "application/x-www-form-urlencoded"
LIMIT = 2048
TEXT = "The app crashed twice. Support was lovely and fixed it."
HOSTILE = [
    "</script><script>alert(1)</script> crashed",
    '"><img src=x onerror=alert(1)> crashed',
    "<svg/onload=alert(1)> crashed",
    "<a href='javascript:alert(1)'>crashed</a>",
    "{{ 7*7 }} {% raw %} crashed",
    "&lt;b&gt; crashed",
    "</mark></textarea><h1>crashed",
    "\u202egnp.exe crashed \u200b",
    "a" + "\u0301" * 10_000 + " crashed",
    "<crashed>",
]
FRAME = {"html", "head", "meta", "title", "link", "body", "a", "header", "h1", "h2", "p", "main", "section"}  # fmt: skip
RESULT = {"bdi", "mark", "small", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "q"}  # fmt: skip
INPUT = {"form", "label", "textarea", "select", "option", "input", "button", "footer", "nav", "ul", "li"}  # fmt: skip
ELEMENTS = FRAME | RESULT | INPUT


class Page(HTMLParser):
    """The elements, attributes and words of a page."""

    def __init__(self, markup: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def form(client: FlaskClient, body: bytes, *, is_declared: bool = True) -> TestResponse:
    """Send the bytes of a form as they are."""
    if is_declared:
        return client.post("/", data=body, content_type=FORM)
    return client.post("/", input_stream=BytesIO(body), content_type=FORM, environ_overrides=CHUNKED)


def sent(client: FlaskClient, text: str, **fields: str) -> Page:
    answer = client.post("/", data={"text": text, **fields})
    assert answer.status_code == 200
    return Page(answer.text)


def test_the_form_is_labelled(client: FlaskClient) -> None:
    page = Page(client.get("/").text)
    fields = {str(field["id"]) for tag in ("textarea", "select", "input") for field in page.all(tag)}
    assert fields == {"text", "channel", "question"} == {str(label["for"]) for label in page.all("label")}
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    assert page.all("a")[0]["href"] == "#main"
    assert page.all("form")[0]["method"] == "post"


def test_nothing_comes_from_elsewhere_and_nothing_runs(client: FlaskClient) -> None:
    page = sent(client, TEXT)
    links = [value for _, attributes in page.elements for name, value in attributes.items() if name in ("href", "src", "action")]
    assert all(str(link).startswith(("/", "#", "data:,")) for link in links)
    assert not page.all("script")
    sheets = [link for link in page.all("link") if link["rel"] == "stylesheet"]
    assert [link.get("media") for link in sheets] == [None, None, "(prefers-color-scheme: dark)"]
    for sheet in sheets:
        found = client.get(str(sheet["href"]))
        assert found.status_code == 200 and not re.search(r"@import|url\((?!\"data:image/svg)", found.text)


def test_the_labels_are_shown_with_evidence_probability_and_owner(client: FlaskClient) -> None:
    page = sent(client, TEXT)
    assert "crashed [Use, Technology, negative, Experience issue]" in page.words
    for words in (
        "Journey stages",
        "90%",
        "Product: what is sold",
        "Courtesy, positive",
        "Withheld",
        "Stage: Advocacy (30%)",
        "Model fake-1",
    ):
        assert words in page.words
    assert {mark["class"] for mark in page.all("mark")} == {"bad", "good"}


def test_a_pasted_dialogue_is_shown_by_turns(client: FlaskClient) -> None:
    page = sent(client, "Agent: How can I help?\r\nCustomer: The app crashed.\r\nAgent: Sorry.")
    assert " ".join(page.words.split()).count("agentHow can I help?") == 1 and "customerThe app crashed." in page.words
    assert len([p for p in page.all("p") if "text" in (p.get("class") or "").split()]) == 3


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_a_text_is_never_markup(client: FlaskClient, text: str) -> None:
    page = sent(client, text)
    assert {tag for tag, _ in page.elements} <= ELEMENTS
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert len(page.all("h1")) == 1
    assert "\u202e" not in page.words


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "no customer text"), ("   ", "no customer text"), ("Das Paket kam leider viel zu spät an und war kaputt.", "English")],
)
def test_a_text_that_cannot_be_processed_says_why(steps_client: FlaskClient, text: str, words: str) -> None:
    answer = steps_client.post("/", data={"text": text})
    page = Page(answer.text)
    assert answer.status_code == 422
    assert words in page.words
    assert [section for section in page.all("section") if section.get("role") == "alert"]


def test_what_was_sent_is_shown_only_as_analysed(steps_client: FlaskClient) -> None:
    answer = steps_client.post("/", data={"text": "Mail me at jo.bloggs@example.com, the app crashed.", "question": CANARY})
    assert "crashed" in answer.text
    assert "jo.bloggs" not in answer.text and CANARY not in answer.text
    assert "Masked before reading" in answer.text


def test_a_text_over_the_limit_is_refused(limited: MakeClient) -> None:
    answer = limited(max_text=20).post("/", data={"text": f"{CANARY} {CANARY}"})
    assert (answer.status_code, CANARY in answer.text) == (422, False)


@pytest.mark.parametrize("is_declared", [True, False])
def test_a_form_is_read_whole_or_not_at_all(limited: MakeClient, is_declared: bool) -> None:
    client = limited(max_body_bytes=LIMIT, max_text=LIMIT)
    fits = b"text=" + b"x" * (LIMIT - 5)
    assert form(client, fits, is_declared=is_declared).status_code == 200
    check_problem(form(client, fits + b"y", is_declared=is_declared), 413, "body_too_large")


@pytest.mark.parametrize("body", [b"", b"text=%ff%fe", b"text=\xff", b"&&&===", b"x=" + CANARY.encode(), b"text[]=" + CANARY.encode()])
def test_a_form_that_holds_no_text_says_so(steps_client: FlaskClient, body: bytes) -> None:
    answer = form(steps_client, body)
    assert answer.status_code in (200, 422)
    assert CANARY not in answer.text and "Traceback" not in answer.text


def test_the_channel_stays_chosen_and_an_unknown_one_is_ignored(client: FlaskClient) -> None:
    chosen = [option for option in sent(client, TEXT, channel="chat").all("option") if "selected" in option]
    assert chosen == [{"value": "chat", "selected": None}]
    assert CANARY not in client.post("/", data={"text": TEXT, "channel": CANARY}).text


def test_without_a_model_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise BundleError("no current bundle")

    monkeypatch.setattr(model, "load", missing)
    client = create_app(settings=Settings()).test_client()
    assert "No model is loaded yet" in client.get("/").text
    answer = client.post("/", data={"text": TEXT})
    assert (answer.status_code, "No current bundle" in answer.text) == (503, True)
