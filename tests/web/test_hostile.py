"""Tests that words which try to become markup are shown as text on every page, whoever wrote them: people, customers or their files.

Every place there is (`e2e.places`, which `test_places` holds to the routes) is answered over a store in which these words stand in every
column that somebody can write to.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.furnishing import furnished
from e2e.places import answers
from sqlalchemy import JSON, Column, String
from werkzeug.test import TestResponse

import vocservice
from vocservice.store import schema
from web.test_page import HOSTILE
from web.visiting import Office, Page

WORDS = tuple("".join(text.removesuffix(" crashed") for text in part) for part in (HOSTILE[:3], HOSTILE[3:7]))
FORBIDDEN = {"img", "iframe", "object", "embed", "base"}
SHORTEST_FREE = 100  # characters of a column; shorter ones hold ids, codes and hashes
# Columns long enough for words that hold none that a page shows.
WORDLESS = {
    *("alerts.days", "alerts.readers", "watches.days", "watches.readers", "watches.created_by", "watches.told"),
    *("analyses.bundle", "analyses.taxonomy", "annotations.bundle", "issue_regions.bundle", "rule_hits.bundle", "vectors.bundle"),
    *("annotations.labels", "bulk_steps.before", "drafts.labels", "second_readings.labels"),
    *("batches.created_by", "batches.options", "issues.opened_by", "records.source_key", "records.warnings"),
    *("deliveries.payload", "endpoints.events", "inbox.delivery_key"),
    *(
        "facts.name",
        "facts.value",
        "said.words",
        "idempotency.answer",
        "idempotency.name",
        "idempotency.route",
        "keys.scopes",
        "workspaces.name",
    ),
    *("jobs.error_message", "jobs.lease_owner", "jobs.payload", "jobs.target", "promotions.actor", "promotions.bundle"),
    *("rule_hits.evidence", "rule_versions.changed_by", "rule_versions.taxonomy", "rules.created_by"),
    *("users.oidc_subject", "users.password_hash", "users.preferences"),
}
# Pages that show none of the words: nobody wrote what stands there, or only who looks at it did.
SILENT = {
    *("login", "resume", "start", "analysed", "docs", "preferences", "preferences-said-saved"),
    *("desk-second", "desk-agreement", "desk-decisions", "decisions-in", "batches-new"),
    *("admin-bundle", "source-added", "workbench-reports"),
}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.chdir(tmp_path)
    return Office(tmp_path, monkeypatch)


@pytest.mark.parametrize("words", WORDS, ids=lambda words: ascii(words[:20]))
def test_nothing_that_anybody_wrote_becomes_markup(office: Office, words: str) -> None:
    silent = set()
    for place, answer in answers(office, words):
        page = Page(answer.text)
        assert answer.status_code == place.status, (place.name, answer.status_code)
        assert len(page.all("h1")) == 1 and not page.all("style"), place.name
        assert all(str(script.get("src", "")).startswith(("/static/", "/bootstrap/")) for script in page.all("script")), place.name
        check_elements(page, place.name)
        if place.status == 200 and not is_said(page.words, words, besides=1):  # once it is who is signed in
            silent.add(place.name)
    assert silent == SILENT


def test_only_the_figures_of_reports_are_taken_as_markup() -> None:
    """Those are escaped where they are made, by `vocservice.reporting`."""
    raw = re.compile(r"\|\s*safe\b|autoescape")
    templates = Path(vocservice.__file__).parent / "web" / "templates"
    found = {(path.name, line.strip()) for path in templates.iterdir() for line in path.read_text("utf-8").splitlines() if raw.search(line)}
    assert found == {(name, '<div class="figures">{{ figures | safe }}</div>') for name in ("compare.html", "workbench.html")}


def test_nothing_becomes_markup_in_the_report_that_is_saved(office: Office) -> None:
    admin = office.browser("admin")
    furnished(office, admin, WORDS[0])
    answer: TestResponse = admin.client.get("/workbench/report.html")
    page = Page(answer.text)
    assert answer.status_code == 200 and is_said(page.words, WORDS[0])
    assert len(page.all("h1")) == 1 and page.all("script") == []
    check_elements(page, "report")


def test_the_words_stand_in_every_column_that_somebody_can_write_to(office: Office) -> None:
    furnished(office, office.browser("admin", name=WORDS[0]), WORDS[0])
    without = set()
    for table in schema.metadata.sorted_tables:
        rows = office.door.rows(table)
        for column in filter(is_free, table.columns):
            if not any(is_said(text, WORDS[0]) for row in rows for text in texts(row[column.name])):
                without.add(f"{table.name}.{column.name}")
    assert without == WORDLESS


def check_elements(page: Page, name: str) -> None:
    assert not any(attribute.startswith("on") for _, attributes in page.elements for attribute in attributes), name
    assert not {tag for tag, _ in page.elements} & FORBIDDEN, name
    assert not any(str(link.get("href")).strip().lower().startswith(("javascript:", "data:")) for link in page.all("a")), name


def is_said(text: str, words: str, *, besides: int = 0) -> bool:
    """Whether a text has the words, or as much of their beginning or end as a short field takes, more often than that."""
    return max(text.count(part) for part in (words, words[:40], words[-40:])) > besides


def is_free(column: Column[object]) -> bool:
    kind = column.type
    return isinstance(kind, JSON) or isinstance(kind, String) and (kind.length is None or kind.length >= SHORTEST_FREE)


def texts(value: object) -> Iterator[str]:
    """Every text in a value of a column, keys too."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from texts(item)
        case dict():
            for item in (*value, *value.values()):
                yield from texts(item)
