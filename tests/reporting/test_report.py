"""Tests of a whole report: a golden set of figures, comparisons that are asked for, JSON and the workbook."""

import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from vocservice.errors import InputError
from vocservice.reporting.report import Report, Where
from vocservice.reporting.rows import Score
from vocservice.reporting.workbook import sheets_of, write_workbook

from .made import MONDAY, report, row, rows, varied


def small() -> Report:
    """Twelve complaints of ten customers, eight praises, in two channels and two months."""
    late = [
        row(
            number,
            "purchase",
            "fulfilment- communication-",
            level=-1,
            sentiment=-0.5,
            scope="service_complaint",
            channel="email",
            subject=f"c{number % 10}",
            score=Score("nps", 3, 10),
            at=MONDAY + timedelta(days=30 + number),
        )
        for number in range(12)
    ]
    kind = rows(
        8, "use", "courtesy+", start=20, level=2, sentiment=1.0, scope="neither", channel="chat", score=Score("nps", 9, 10), at=MONDAY
    )
    return report(late, kind, skipped={"empty_text": 2})


def test_the_golden_figures() -> None:
    found = small().to_dict()
    heads, scope = found["headlines"], found["scope"]
    assert (heads["records"], heads["customers"], heads["skipped"]) == (20, 18, {"empty_text": 2})
    assert heads["sentiment"] == {"n": 20, "value": -0.2, "low": pytest.approx(-0.6249, abs=1e-4), "high": pytest.approx(0.2678, abs=1e-4)}
    assert heads["heard"] == {"customers": 18, "worth": pytest.approx(400 / 24)}
    assert heads["scores"][0]["nps"]["value"] == -0.2 and heads["scores"][0]["mean"]["value"] == 5.4
    assert {key: one["value"] for key, one in scope["shares"].items()} == {
        "service_complaint": 0.6,
        "experience_issue": 0.0,
        "both": 0.0,
        "neither": 0.4,
    }
    cells = {
        (one["stage"], one["factor"]): one["net"]["value"] for stage in found["journey"]["stages"] for one in stage["cells"] if one["n"]
    }
    assert cells == {("purchase", "fulfilment"): -1.0, ("purchase", "communication"): -1.0, ("use", "courtesy"): 1.0}
    assert [(one["key"], one["records"]) for one in scope["owners"][:3]] == [("marketing", 12), ("operations", 12), ("digital", 0)]
    assert [(one["factor"], one["step"], one["records"], one["customers"]) for one in scope["ladder"]] == [
        ("communication", "shared", 12, 10),
        ("fulfilment", "shared", 12, 10),
    ]
    assert found["drivers"]["reason"] == "only 20 scored records; 50 are needed"
    assert (found["comparison"]["n_before"], found["comparison"]["n_after"]) == (8, 12)
    sentiment = next(one for one in found["splits"] if one["figure"] == "mean sentiment")
    assert (sentiment["mix"], sentiment["rate"]) == (-1.5, 0.0)
    assert found["comparison"]["channels"]["is_different"] is True
    assert (found["format"], found["taxonomy"], found["made"]) == (1, "voc/1.0.0", "2026-01-01")


def test_a_report_is_the_same_every_time() -> None:
    assert report(varied(200)).to_dict() == report(varied(200)).to_dict()


def test_every_figure_is_json() -> None:
    for found in (report(), small(), report(varied(300), segment="region")):
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["headlines"]


@pytest.mark.parametrize(
    ("compared", "names"),
    [
        ((Where("channel", "email"),), ("all others", "channel=email")),
        ((Where("region", "north"), Where("region", "south")), ("region=north", "region=south")),
        ((Where("date", "2025-01-06..2025-01-07"),), ("all others", "date=2025-01-06..2025-01-07")),
    ],
)
def test_sets_that_are_asked_for_are_compared(compared: tuple[Where, ...], names: tuple[str, str]) -> None:
    found = report(varied(300), compared=compared).comparison
    assert found and (found.before, found.after) == names and found.n_before + found.n_after == 300
    assert min(found.n_before, found.n_after) > 0


@pytest.mark.parametrize(
    "wish",
    [
        {"segment": "shop"},
        {"compared": (Where("shop", "a"),)},
        {"compared": (Where("region", "west"),)},
        {"compared": (Where("date", "January"),)},
    ],
)
def test_what_is_not_there_cannot_be_compared(wish: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        report(varied(60), **wish)


@pytest.mark.parametrize("where", [Where("region", "EU"), Where("channel", "chat")])
def test_without_a_usable_record_there_is_nothing_to_compare(where: Where) -> None:
    with pytest.raises(InputError, match="no record has the value asked for"):
        report([], skipped={"empty_text": 3}, compared=(where,))


def test_segments_are_told_one_by_one() -> None:
    found = {one.name: one for one in report(varied(300), segment="region").segments}
    assert found.keys() == {"north", "south"} and sum(one.records for one in found.values()) == 300
    assert found["north"].score.is_known and found["north"].score_name == "nps (0 to 10)"


def test_twelve_values_stand_beside_what_is_left() -> None:
    given = {f"s{n:02}": 3 + n for n in range(12)} | {"other": 8}
    made = (rows(count, start=100 * at, segments={"shop": name}) for at, (name, count) in enumerate(given.items()))
    found = report(*made, segment="shop")
    assert {one.name: one.records for one in found.segments} == given


def test_a_workbook_holds_every_table_as_text_and_numbers(tmp_path: Path) -> None:
    made = report([replace(one, id="=1+1") for one in varied(300)], segment="region")
    write_workbook(made, tmp_path / "out.xlsx")
    book = CalamineWorkbook.from_path(str(tmp_path / "out.xlsx"))
    assert book.sheet_names == ["Contents", "Charts", *(sheet.name for sheet in sheets_of(made))]
    with zipfile.ZipFile(tmp_path / "out.xlsx") as parts:
        names = [Path(name) for name in parts.namelist()]
    assert sum(name.match("xl/tables/*.xml") for name in names) == len(book.sheet_names) - 1
    assert sum(name.match("xl/charts/chart*.xml") for name in names) == 16  # scope, drivers, seven series by week and by day
    journey = book.get_sheet_by_name("Journey").to_python()
    assert journey[0][:5] == ["stage", "factor", "positive", "negative", "mixed"] and len(journey) == 1 + 9 * 16
    assert ["purchase", "fulfilment", 0.0] in [line[:3] for line in journey]
    assert sum(line[3] for line in journey[1:]) == sum(one.negative for one in made.journey.cells())
    quotes = book.get_sheet_by_name("Quotes").to_python()
    assert {row[4] for row in quotes[1:]} == {"=1+1"}


def test_an_empty_workbook_is_still_one(tmp_path: Path) -> None:
    write_workbook(report(), tmp_path / "out.xlsx")
    assert "Drivers" in CalamineWorkbook.from_path(str(tmp_path / "out.xlsx")).sheet_names
