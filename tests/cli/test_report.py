"""Tests of `voc report`: labelled and raw inputs, outputs, exit codes, and what must never be printed or written over."""

import json
from pathlib import Path
from typing import Any

import pytest
from builders import CANARY, MODEL, TEXT, saved

from vocservice.api import Analyser

from .conftest import Voc


def line(number: int) -> str:
    channel, region = "email" if number % 2 else "chat", "north" if number % 3 else "south"
    return f"r{number},{TEXT},{channel},2025-01-{number % 28 + 1:02d},{number % 11},{region}\n"


ROWS = "id,comment,channel,created_at,nps,region\n" + "".join(map(line, range(60)))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return saved(tmp_path, "in.csv", ROWS)


def figures(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def test_raw_records_are_labelled_first(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    ran = voc("report", table, "-o", tmp_path / "r.html", "--json", tmp_path / "r.json", "--xlsx", tmp_path / "r.xlsx")
    assert (ran.code, ran.out) == (0, "") and "60 records reported in r.html, r.json, r.xlsx" in ran.err
    heads = figures(tmp_path / "r.json")["headlines"]
    assert (heads["records"], heads["channels"], heads["models"]) == (60, {"chat": 30, "email": 30}, {MODEL: 60})
    assert heads["scores"][0]["name"] == "nps (0 to 10)" and heads["dates"]["dated"] == 60
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_a_labelled_table_gives_the_same_figures(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser, suffix: str) -> None:
    labelled = tmp_path / f"labelled.{suffix}"
    assert voc("classify", table, "-o", labelled, "--no-progress").code == 0
    analyser.pipeline.seen.clear()  # type: ignore[attr-defined]
    for number, source in enumerate((table, labelled)):
        assert voc("report", source, "--json", tmp_path / f"{number}.json", "--segment-column", "region").code == 0
    assert len(analyser.pipeline.seen) == 60  # type: ignore[attr-defined]
    first, second = (figures(tmp_path / f"{number}.json") for number in range(2))
    assert first == second


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_with_a_row_a_label_is_refused(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser, suffix: str) -> None:
    exploded = tmp_path / f"exploded.{suffix}"
    assert voc("classify", table, "-o", exploded, "--explode", "factors", "--no-progress").code == 0
    ran = voc("report", exploded, "--json", tmp_path / "r.json")
    assert ran.code == 2 and f"exploded.{suffix}: has one row per label" in ran.err and "without --explode" in ran.err


def test_json_lines_carry_their_own_fields(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    made = analyser.analyse({"id": "a", "text": TEXT}).to_dict()
    told = {"channel": "email", "created_at": "2025-01-06", "score": {"kind": "nps", "value": 9}, "metadata": {"region": "north"}}
    lines = [made | told | {"id": f"r{number}"} for number in range(8)]
    lines += [{"id": "x", "status": "rejected", "error": {"code": "empty_text", "message": ""}}, {"id": "raw", "text": TEXT} | told]
    source = saved(tmp_path, "in.jsonl", "\n".join(map(json.dumps, lines)) + "\n{broken\n\n[1]\n")
    ran = voc("report", source, "--json", "-", "--segment-column", "region", "--compare", "channel=email")
    found = json.loads(ran.out)
    assert ran.code == 3 and "3 left out: empty_text 1, invalid_json 1, invalid_type 1" in ran.err
    assert found["headlines"]["records"] == 9 and found["headlines"]["scores"][0]["nps"]["value"] == 1.0
    assert [(one["name"], one["records"]) for one in found["segments"]] == [("north", 9)]


def test_a_yes_or_no_is_explained(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    made = analyser.analyse({"id": "a", "text": TEXT}).to_dict()
    lines = [made | {"id": f"r{number}", "recommended": ["yes", "no", "no"][number % 3], "region": "north"} for number in range(60)]
    source = saved(tmp_path, "in.jsonl", "\n".join(map(json.dumps, lines)))
    ran = voc("report", source, "--json", "-", "--target-column", "recommended")
    assert ran.code == 0 and (json.loads(ran.out)["drivers"]["target"], json.loads(ran.out)["drivers"]["n"]) == ("recommended", 60)
    refused = voc("report", source, "--json", "-", "--target-column", "region")
    assert refused.code == 2 and "error [target_unfit]" in refused.err


def test_labels_find_what_the_raw_file_told(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    """JSON Lines of `voc classify` hold labels only."""
    labelled = tmp_path / "labelled.jsonl"
    assert voc("classify", table, "-o", labelled, "--no-progress").code == 0
    names = ("raw", "joined", "alone")
    for name, arguments in zip(names, ([table], [labelled, "--origin", table], [labelled]), strict=True):
        options = [] if name == "alone" else ["--compare", "region=north"]
        assert voc("report", *arguments, "--json", tmp_path / f"{name}.json", *options).code == 0
    raw, joined, alone = (figures(tmp_path / f"{name}.json") for name in names)
    assert joined == raw and alone["headlines"]["dates"]["dated"] == 0


def test_standard_input_to_standard_output(voc: Voc, analyser: Analyser) -> None:
    ran = voc("report", "-", "-o", "-", given=json.dumps({"id": "a", "text": TEXT}).encode())
    assert ran.code == 0 and "<h1>" in ran.out and "1 records reported in standard output" in ran.err


def test_columns_can_be_named(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    source = saved(tmp_path, "in.csv", f"Nr,Words,Wann,Wo,Note,Wer\n1,{TEXT},2025-01-06,shop,4,anna\n2,{TEXT},2025-01-07,shop,5,anna\n")
    names = {"id": "Nr", "text": "Words", "date": "Wann", "channel": "Wo", "score": "Note", "subject": "Wer"}
    options = [part for name, column in names.items() for part in (f"--{name}-column", column)]
    ran = voc("report", source, "--json", "-", "--score-kind", "csat", *options)
    heads = json.loads(ran.out)["headlines"]
    assert (heads["channels"], heads["customers"], heads["dates"]["first"]) == ({"shop": 2}, 1, "2025-01-06")
    assert heads["scores"][0]["name"] == "csat (1 to 5)" and "anna" not in ran.out


@pytest.mark.parametrize(("since", "until", "records"), [("2025-01-05", "2025-01-08", 8), ("2025-01-27", None, 4), (None, "2025-01-01", 3)])
def test_a_period_holds_both_its_days(
    since: str | None, until: str | None, records: int, table: Path, tmp_path: Path, voc: Voc, analyser: Analyser
) -> None:
    days = [part for name, day in (("--since", since), ("--until", until)) if day for part in (name, day)]
    assert voc("report", table, "--json", tmp_path / "r.json", "-o", tmp_path / "r.html", *days).code == 0
    found = figures(tmp_path / "r.json")
    dates = found["headlines"]["dates"]
    assert (found["headlines"]["records"], dates["undated"], found["since"], found["until"]) == (records, 0, since, until)
    assert dates["first"] >= (since or "") and dates["last"] <= (until or "9999")
    if since and until:  # the four days before it
        assert [found["comparison"][name] for name in ("before", "after")] == ["2025-01-01 to 2025-01-04", f"{since} to {until}"]


def test_a_period_needs_dates(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    source = saved(tmp_path, "in.csv", f"id,text\n1,{TEXT}\n")
    ran = voc("report", source, "--json", tmp_path / "r.json", "--since", "2025-01-01")
    assert ran.code == 2 and "no record has a date" in ran.err and not (tmp_path / "r.json").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-o", "out.html", "--since", "2025-02-01", "--until", "2025-01-01"],
        ["-o", "out.html", "--since", "yesterday"],
        ["-o", "out.docx"],
        ["-o", "-", "--json", "-"],
        ["--xlsx", "-"],
        ["-o", "out.html", "--compare", "north"],
        ["-o", "out.html", *["--compare", "a=b"] * 3],
        ["-o", "out.html", "--segment-column", "nowhere"],
        ["-o", "out.html", "--compare", "region=west"],
        ["-o", "out.html", "--score-column", "nowhere"],
        ["-o", "missing/out.html"],
    ],
)
def test_what_cannot_be_done_is_refused(
    arguments: list[str], table: Path, tmp_path: Path, voc: Voc, analyser: Analyser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert voc("report", table, *arguments).code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_an_input_is_never_written_over(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    source = saved(tmp_path, "in.json", json.dumps({"id": "a", "text": TEXT}))
    assert voc("report", source, "--json", source).code == 2
    assert json.loads(source.read_bytes())["id"] == "a"


def test_labels_of_another_taxonomy_need_its_file(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    made = analyser.analyse({"id": "a", "text": TEXT}).to_dict() | {"taxonomy": "mine/1"}
    ran = voc("report", saved(tmp_path, "in.jsonl", json.dumps(made)), "--json", "-")
    assert ran.code == 2 and "--taxonomy" in ran.err


def test_rejected_texts_are_counted_and_never_printed(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    source = saved(tmp_path, "in.csv", f"id,text\na,{TEXT}\nb,poison {CANARY}\n")
    ran = voc("report", source, "-o", tmp_path / "r.html")
    assert ran.code == 3 and "1 left out: analysis_failed 1" in ran.err
    assert CANARY not in ran.err + ran.out + (tmp_path / "r.html").read_text(encoding="utf-8")


class Drawn:
    """A browser that draws nothing and remembers the pages."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def pdf(self, page: str) -> bytes:
        self.pages.append(page)
        return b"%PDF-1.4 drawn"

    def png(self, page: str) -> bytes:
        self.pages.append(page)
        return b"\x89PNG drawn"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    browser = Drawn()
    monkeypatch.setattr("vocservice.cli.report.Browser.find", lambda: browser)
    return browser


def test_a_pdf_is_the_page_and_charts_are_a_picture_each(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser, drawn: Drawn) -> None:
    ran = voc("report", table, "-o", tmp_path / "r.pdf", "--charts", tmp_path / "charts")
    assert ran.code == 0 and "reported in r.pdf, charts" in ran.err
    assert (tmp_path / "r.pdf").read_bytes() == b"%PDF-1.4 drawn" and "Journey map" in drawn.pages[0]
    names = sorted(path.name for path in (tmp_path / "charts").iterdir())
    assert names[:3] == ["01-journey.png", "02-journey-cells.png", "03-scope.png"] and len(names) == len(drawn.pages) - 1
    assert all("http" not in page.replace("http-equiv", "") for page in drawn.pages)


def test_without_a_browser_nothing_is_read_or_written(
    table: Path, tmp_path: Path, voc: Voc, analyser: Analyser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    ran = voc("report", table, "-o", tmp_path / "r.pdf")
    assert ran.code == 2 and "browser_missing" in ran.err and "chromium" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"] and not analyser.pipeline.seen  # type: ignore[attr-defined]


def test_a_folder_that_cannot_be_is_said_before_any_work(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser, drawn: Drawn) -> None:
    for folder in (table, tmp_path / "no" / "such"):
        ran = voc("report", table, "--charts", folder)
        assert ran.code == 2 and "output_unwritable" in ran.err and not analyser.pipeline.seen  # type: ignore[attr-defined]


def test_an_anchor_set_tells_a_new_model_from_what_people_say(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    made = analyser.analyse({"id": "a", "text": TEXT}).to_dict()

    def lines(model: str, count: int, day: str, start: int) -> str:
        told = {"created_at": day, "channel": "email", "model": model}
        return "".join(json.dumps(made | told | {"id": f"r{start + number}"}) + "\n" for number in range(count))

    source = saved(tmp_path, "in.jsonl", lines(MODEL, 20, "2025-01-06", 0) + lines("m-2", 20, "2025-02-10", 100))
    anchors = [saved(tmp_path, f"{model}.jsonl", lines(model, 40, "2025-01-01", 0)) for model in (MODEL, "m-2")]
    arguments = [
        source,
        "--json",
        tmp_path / "out.json",
        "--compare",
        "date=2025-01-01..2025-01-31",
        "--compare",
        "date=2025-02-01..2025-02-28",
    ]
    assert voc("report", *arguments).code == 0
    assert figures(tmp_path / "out.json")["causes"][0]["causes"][3]["part"]["value"] is None
    assert voc("report", *arguments, "--anchors", anchors[0], "--anchors", anchors[1]).code == 0
    found = figures(tmp_path / "out.json")["causes"][0]
    assert (found["anchors"], [cause["part"]["value"] for cause in found["causes"]]) == (40, [0.0, 0.0, 0.0, 0.0])
    raw = saved(tmp_path, "raw.csv", ROWS)
    both = saved(tmp_path, "both.jsonl", lines(MODEL, 40, "2025-01-01", 0) + json.dumps({"id": "b", "text": TEXT}) + "\n")
    for unlabelled in (raw, both):
        ran = voc("report", *arguments, "--anchors", unlabelled)
        assert ran.code == 2 and "label the anchor texts" in ran.err
