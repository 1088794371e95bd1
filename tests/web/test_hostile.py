"""Tests that words which try to become markup are shown as text on every page, whoever wrote them: people, customers or their files."""

from pathlib import Path

import pytest
from e2e.places import answers

from web.test_page import HOSTILE
from web.visiting import Office, Page

WORDS = tuple("".join(text.removesuffix(" crashed") for text in part) for part in (HOSTILE[:3], HOSTILE[3:7]))
FORBIDDEN = {"img", "iframe", "object", "embed", "style", "base"}
# Pages that show what each kind of writer wrote.
SAYING = (
    "desk",
    "desk-record",
    "rules",
    "rules-rule",
    "trial",
    "workbench",
    "workbench-verbatims",
    "workbench-issues",
    "workbench-issues-issue",
    "workbench-watches",
    "admin-sources",
    "admin-keys",
    "admin-users",
    "admin-alerts",
    "letter-body",
    "batches",
    "batches-batch",
    "conflict",
)


@pytest.mark.parametrize("words", WORDS, ids=lambda words: ascii(words[:20]))
def test_nothing_that_anybody_wrote_becomes_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    said = set()
    for place, answer in answers(Office(tmp_path, monkeypatch), words):
        page = Page(answer.text)
        assert answer.status_code == place.status, (place.name, answer.status_code)
        assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes), place.name
        assert not {tag for tag, _ in page.elements} & FORBIDDEN, place.name
        assert all(str(script.get("src", "")).startswith(("/static/", "/bootstrap/")) for script in page.all("script")), place.name
        assert len(page.all("h1")) == 1, place.name
        assert not any(str(link.get("href")).strip().lower().startswith(("javascript:", "data:")) for link in page.all("a")), place.name
        said |= {place.name} if page.words.count(words) > 1 else set()  # once it is who is signed in
    assert set(SAYING) <= said
