"""Tests of the page: whole, self-contained, honest where little is known, and safe from what customers and senders write."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vocservice.records import Evidence, Factor
from vocservice.reporting.page import TEMPLATES, render
from vocservice.reporting.quotes import Quoted, typical_quotes
from vocservice.reporting.report import Where
from vocservice.reporting.rows import Row, Score

from .made import MONDAY, TEXT, frame, report, rows, varied

WORKBENCH = Path(__file__).parents[2] / "vocservice" / "web" / "static" / "workbench.css"
VOID = {"meta", "link", "br", "img", "input", "hr"}
HOSTILE = "<script>alert('x')</script>\u202egnp.exe&\"\u0000"


class Outline(HTMLParser):
    """Collects tags with attributes, ids and what is not closed in order."""

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.faults: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def full() -> str:
    return render(report(varied(600), rows(5, "use", "technology-", start=9000, outcome="resolved", scope="both"), segment="region"))


@pytest.fixture(scope="module")
def page() -> str:
    return full()


def words(page: str) -> str:
    """What a reader sees."""
    page = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_page_is_whole_and_fetches_nothing(page: str) -> None:
    found = Outline(page)
    assert found.faults == [] and found.open == []
    assert {tag for tag, _ in found.tags} & {"script", "link", "img", "iframe", "form", "object"} == set()
    named = [value for _, attributes in found.tags for name, value in attributes.items() if name in ("src", "href", "xlink:href", "action")]
    assert named and all(value and value.startswith("#") for value in named)
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on") or name == "style"]
    assert "http://" not in page and "https://" not in page and "@import" not in page and "javascript:" not in page


def test_the_policy_allows_its_own_style_and_nothing_else(page: str) -> None:
    style = re.search(r"<style>(.*?)</style>", page, flags=re.DOTALL)
    policy = next(
        attributes["content"] for tag, attributes in Outline(page).tags if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert style and policy
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_landmarks_links_and_ids_hold(page: str) -> None:
    found = Outline(page).tags
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = [attributes["href"][1:] for _, attributes in found if attributes.get("href")]  # type: ignore[index]
    used += [one for _, attributes in found for one in (attributes.get("aria-labelledby") or "").split()]
    assert set(used) <= set(ids)
    assert {"header", "nav", "main", "footer", "h1"} <= {tag for tag, _ in found}
    assert ("html", {"lang": "en"}) in found and any(attributes.get("class") == "skip" for _, attributes in found)
    assert all(attributes.get("scope") for tag, attributes in found if tag == "th")


def test_every_drawing_has_title_description_and_table(page: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(drawings) >= 6
    for drawing in drawings:
        parsed = ElementTree.fromstring(drawing)  # noqa: S314 (our own)
        assert parsed.get("role") == "img" and parsed[0].tag == "title" and parsed[1].tag == "desc"
        assert parsed[0].text and parsed[1].text
    assert page.count("<figure>") == page.count("<summary>Numbers of “") - 2 == len(drawings)  # both maps have numbers, too


def test_every_definition_is_linked_and_every_figure_has_one(page: str) -> None:
    defined, linked = (set(re.findall(rf'{name}="#?def-([\w-]+)"', page)) for name in ("id", "href"))
    assert defined == linked and {"ladder", "unfixed", "quotes", "records"} <= defined
    heads = re.findall(r"<(caption|figcaption)>(.*?)</\1>", page, flags=re.DOTALL)
    assert len(heads) > 15 and [head for _, head in heads if 'href="#def-' not in head] == []
    for body in (page, render(report())):
        sections = re.findall(r'<section id="([\w-]+)"(.*?)</section>', body, flags=re.DOTALL)
        bare = [name for name, section in sections if "#def-" not in section]
        assert set(bare) <= {"definitions"} | ({"changes", "trends"} if body != page else set())


def test_a_cell_says_its_change_with_interval_where_one_points_and_in_the_table_under_the_map() -> None:
    days = {"before": MONDAY, "after": MONDAY + timedelta(days=28)}
    found = report(
        rows(30, "use", "technology+", at=days["before"]), rows(10, "use", "technology-", start=100, at=days["before"]),
        rows(30, "use", "technology-", start=200, at=days["after"]), rows(10, "use", "technology+", start=300, at=days["after"]),
    )  # fmt: skip
    page = render(found)
    assert found.comparison
    (change,) = found.comparison.clear
    assert change.difference.low is not None
    low = f"change +50 points ({100 * change.difference.low:+.0f} to +"
    titles = re.findall(r'title="(40 praise, 40 blame[^"]*)"', page)
    assert len(titles) == 2 and all(
        low in title and "q &lt; 0.0001" in title and ", up" in title for title in titles
    )  # the factor, and its group
    assert page.count("▲ blamed more</small>") == 2 and "Numbers of “Stages by factors" in page
    assert words(page).count("up, +50 points (") == 3  # both tables under the maps, and what changed


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("look", [0, 1], ids=["light", "dark"])
def test_text_and_marks_stand_out_in_both_looks(page: str, look: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", page, flags=re.DOTALL)
    assert len(blocks) == 2
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[look]))
    cells = ("good1", "good2", "good3", "bad1", "bad2", "bad3", "even0")
    texts = [("on-cell", cell) for cell in cells] + [(one, "paper") for one in ("ink", "quiet", "link")]
    texts += [("on-evidence", "evidence"), ("on-mark", "bad"), ("ink", "note"), ("quiet", "band")]
    assert [pair for pair in texts if contrast(*(colours[one] for one in pair)) < 4.5] == []
    marks = [(one, "paper") for one in ("good", "bad", "even", "edge", "hatch")] + [("bad", "band"), ("good", "band")]
    assert [pair for pair in marks if contrast(*(colours[one] for one in pair)) < 3 and pair[0] != "hatch"] == []


def hostile() -> list[Row]:
    text = f"{HOSTILE} {TEXT}"
    words = (Evidence(0, len(HOSTILE), None, HOSTILE),)
    return [
        replace(
            one,
            id=f"{HOSTILE}{number}",
            texts=(text,),
            channel=HOSTILE,
            segments={HOSTILE: HOSTILE},
            factors=(Factor("fulfilment", "-", 0.9, words),),
            model=HOSTILE,
            scope="service_complaint",
            at=MONDAY + timedelta(days=number),
        )
        for number, one in enumerate(rows(70, "purchase", "fulfilment-"))
    ]


def test_hostile_names_and_texts_are_shown_as_text() -> None:
    page = render(report(hostile(), title=HOSTILE, segment=HOSTILE, skipped={HOSTILE: 1}))
    found = Outline(page)
    assert found.faults == [] and "script" not in {tag for tag, _ in found.tags}
    assert "&lt;script&gt;" in page and "<mark>&lt;script&gt;" in page
    assert "\u202e" not in page and "\x00" not in page


def test_quotes_need_five_records_of_five_customers() -> None:
    def quoted(found: Sequence[Row]) -> tuple[Quoted, ...]:
        return typical_quotes(frame(found), found)

    assert quoted(rows(4, "use", "technology-")) == ()
    assert quoted(rows(9, "use", "technology-", subject="one")) == ()
    (five,) = quoted(rows(5, "use", "technology-"))
    assert (five.stage, five.factor, five.records, len(five.quotes)) == ("use", "technology", 5, 1)
    assert [(piece.text, piece.is_evidence) for piece in five.quotes[0].pieces] == [(TEXT, True)]


def test_a_long_text_is_cut_around_its_evidence() -> None:
    text = "word " * 200 + "BROKEN" + " word" * 200
    at = text.index("BROKEN")
    factor = Factor("technology", "-", 0.9, (Evidence(at, at + 6, None, "BROKEN"),))
    found = [replace(one, texts=(text,), factors=(factor,)) for one in rows(5, "use")]
    pieces = typical_quotes(frame(found), found)[0].quotes[0].pieces
    assert [piece.text for piece in pieces if piece.is_evidence] == ["BROKEN"]
    assert pieces[0].text == pieces[-1].text == "…" and sum(len(piece.text) for piece in pieces) < 330


def test_evidence_that_does_not_fit_its_text_is_shown_alone() -> None:
    factor = Factor("technology", "-", 0.9, (Evidence(3, 9, 1, "BROKEN"),))
    found = [replace(one, texts=(), factors=(factor,)) for one in rows(5, "use")]
    assert [piece.text for piece in typical_quotes(frame(found), found)[0].quotes[0].pieces] == ["BROKEN"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], ["There are no records", "not known: n = 0", "no record is dated", "only 0 scored records"]),
        (
            rows(1, "use", "technology-", level=-1, scope="both"),
            ["not known: n = 1", "No cell has that many records", " 1 record.", "1 record has a scope"],
        ),
        (rows(3, "use", "technology-", level=-1, scope="both"), ["not known: n = 3", "Not known: there is no transcript"]),
        (
            rows(20, "use", "brand+", at=MONDAY, level=1, scope="neither"),
            ["Whether anything stands out is not known", "two periods of four weeks"],
        ),
        (rows(20, "use", "brand+", at=date(2099, 1, 1)), ["20 dated after 2026-01-01", "no record is dated"]),
        (rows(20, has_unread_date=True), ["of these 20 with a date that cannot be read", "no record is dated"]),
        (rows(60, score=Score("nps", 11, 10)), ["60 scores lie outside their scale", "60 records."]),
        (rows(1, score=Score("nps", 11, 10)), ["1 score lies outside its scale, or has none, and is not used", "only 0 scored records"]),
        (rows(60, score=Score(None, 4)), ["scale assumed", "all scores are the same"]),
    ],
    ids=["none", "one", "three", "one week", "future", "unread", "outside", "one outside", "one label"],
)
def test_little_is_said_where_little_is_known(found: list[Row], said: list[str]) -> None:
    page = render(report(found))
    assert Outline(page).faults == []
    seen = words(page)
    assert [one for one in said if one not in seen] == []
    assert "nan" not in seen.lower().split() and "None" not in seen


def test_the_last_four_weeks_are_named_by_their_days() -> None:
    found = report(rows(9, "use", at=MONDAY), rows(9, "use", start=50, at=MONDAY + timedelta(days=30)))
    assert found.comparison is not None and found.comparison_is_default
    names = "the four weeks before, 2024-12-12 to 2025-01-08", "the last four weeks, 2025-01-09 to 2025-02-05"
    assert (found.comparison.before, found.comparison.after) == names
    assert all(name in words(render(found)) for name in names)


def test_too_few_records_to_test_a_cell_are_no_word_of_chance() -> None:
    few, many = rows(2, "use", "technology-", channel="chat"), rows(38, "use", "technology-", start=9, channel="email")
    wish = {"compared": (Where("channel", "chat"),)}
    assert "0 cells were tested" in (seen := words(render(report(few, many, **wish)))) and "Not known: too few records." in seen
    assert "No cell changed beyond chance." not in seen
    more = rows(30, "use", "technology-", start=99, channel="chat")
    assert "No cell changed beyond chance." in words(render(report(more, many, **wish)))


def test_cells_are_painted_only_where_the_interval_leaves_out_zero() -> None:
    page = render(
        report(rows(40, "use", "technology-"), rows(3, "use", "brand-"), rows(5, "use", "courtesy+"), rows(5, "use", "courtesy-"))
    )
    cells = re.findall(
        r'<td class="(\w+)" title="[^"]*">(?:−|\+)?[\d.]*(?:not known)?(?:<small>[^<]* to [^<]*</small>)?<small>n = (\d+)</small>', page
    )
    assert {("bad3", "40"), ("unknown", "3"), ("even", "10")} <= set(cells)
    assert page.count("(silent: no evidence)") == 14


def test_a_long_table_is_folded_and_a_short_one_is_not(page: str) -> None:
    folded = dict(re.findall(r'<details class="fold"><summary>(.+?) \((\d+) rows\)</summary>\s*<div class="scroll"', page))
    assert "Factors over all stages" in folded and all(int(count) > 10 for count in folded.values())
    short = render(report(rows(5, "use", "technology-")))
    assert "Steps of the ladder" not in short


def test_print_opens_what_is_folded() -> None:
    for sheet in (TEMPLATES / "report.css", WORKBENCH):
        assert ".fold::details-content { content-visibility: visible" in sheet.read_text(encoding="utf-8").partition("@media print")[2]
