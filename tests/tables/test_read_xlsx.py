"""Tests of `read_xlsx`: ids, dates and sheets as people see them, and archives that are refused."""

import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from vocservice.errors import InputError
from vocservice.records import RawVerbatim
from vocservice.tables import read, read_xlsx

from .builders import ids, records, saved, texts


def workbook(folder: Path, *sheets: list[list[Any]]) -> str:
    path = folder / "in.xlsx"
    with xlsxwriter.Workbook(str(path), {"default_date_format": "yyyy-mm-dd hh:mm", "strings_to_formulas": False}) as book:
        for rows in sheets:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return str(path)


def test_ids_have_no_point_zero_and_dates_are_iso(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["id", "text", "created_at", "day", "n"],
        [7, "late", datetime(2024, 5, 1, 9, 30), date(2024, 5, 2), 1.5],
        ["007", "NA", "", "", ""],
    ]
    first, second = records(workbook(tmp_path, rows))
    assert isinstance(first, RawVerbatim)
    assert (first.id, second.id, first.created_at) == ("7", "007", "2024-05-01T09:30:00")
    assert first.row == {"id": 7, "text": "late", "created_at": "2024-05-01T09:30:00", "day": "2024-05-02", "n": 1.5}


def test_a_long_number_is_an_id_of_all_its_digits(tmp_path: Path) -> None:
    path = workbook(
        tmp_path, [["id", "text"], [9_999_999_999_999_990, "late"], [123_456_789_012_345_600, "late"], [0.5, "late"], [1e18, "late"]]
    )
    assert ids(path) == ["9999999999999990", "123456789012345600", "0.5", "1e+18"]


def test_texts_survive_and_blank_rows_do_not_count(tmp_path: Path) -> None:
    path = workbook(tmp_path, [["id", "text"], ["1", "=1+1"], [], ["", "two\nlines"], ["3", ""]])
    assert texts(path) == ["=1+1", "two\nlines", ""]
    assert ids(path) == ["1", "row-2", "3"]


def test_the_first_sheet_is_read_unless_another_is_named(tmp_path: Path) -> None:
    path = workbook(tmp_path, [["text"], ["one"]], [["text"], ["two"]])
    assert texts(path) == ["one"]
    assert texts(path, sheet="Sheet2") == ["two"]
    with pytest.raises(InputError, match="no such sheet; the workbook has 'Sheet1', 'Sheet2'"):
        read(path, sheet="Sheet9")


def test_survey_headers_are_skipped_here_too(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["ResponseId", "Q1"],
        ["Response ID", "Why?"],
        ['{"ImportId":"_recordId"}', '{"ImportId":"QID1_TEXT"}'],
        ["R_1", "Slow"],
    ]
    with read(workbook(tmp_path, rows)) as source:
        assert [record.id for record in source] == ["R_1"]
    assert source.facts.header_rows == 3


def test_a_header_alone_gives_no_records_and_an_empty_sheet_is_refused(tmp_path: Path) -> None:
    assert records(workbook(tmp_path, [["id", "text"]])) == []
    with pytest.raises(InputError, match="empty"):
        read(workbook(tmp_path, []))


def test_of_a_first_sheet_without_texts_the_others_are_told(tmp_path: Path) -> None:
    path = workbook(tmp_path, [["Notes for the reader"]], [["id", "text"], [1, "Good."]])
    with pytest.raises(InputError, match="this is the first of the sheets 'Sheet1', 'Sheet2': choose another"):
        read(path)
    assert texts(path, sheet="Sheet2") == ["Good."]


def test_a_sheet_with_a_long_name_is_told_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "long.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet("What did we do well this May")
    with pytest.raises(InputError, match=r"the workbook has \(sheet 1, a long name\)"):
        read(str(path), sheet="Sheet9")


def test_a_header_under_merged_cells_is_seen_and_the_remedy_told(tmp_path: Path) -> None:
    path = tmp_path / "merged.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.merge_range(0, 0, 0, 2, "Survey of May")
        sheet.write_row(1, 0, ["id", "mood", "comment"])
        sheet.write_row(2, 0, [1, "fine", "Good."])
    with pytest.raises(
        InputError, match="no column is known to hold the text; .* if the header stands further down, delete the rows above it"
    ):
        read(str(path))


def test_a_sheet_without_text_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column is known to hold the text"):
        read(workbook(tmp_path, [["id", "remark"], ["1", "a"]]))


@pytest.mark.parametrize("content", [b"", b"id,text\n", b"PK\x03\x04broken", b"\xd0\xcf\x11\xe0" + b"\0" * 600])
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="damaged"):
        read(saved(tmp_path, "in.xlsx", content))


def test_a_truncated_workbook_is_refused(tmp_path: Path) -> None:
    whole = Path(workbook(tmp_path, [["text"], ["one"]])).read_bytes()
    with pytest.raises(InputError, match="damaged"):
        read(saved(tmp_path, "cut.xlsx", whole[: len(whole) // 2]))


def test_a_zip_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.xlsx", "w") as archive:
        archive.writestr("a.txt", "hello")
    with pytest.raises(InputError, match="cannot be read"):
        read(str(tmp_path / "in.xlsx"))


def bomb(folder: Path, size: int) -> str:
    path = Path(workbook(folder, [["text"], ["one"]]))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet9.xml", b"\0" * size)
    return str(path)


def test_a_zip_bomb_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="far more"):
        read(bomb(tmp_path, 64 * 1024**2))


def test_a_zip_bomb_that_states_a_false_size_is_stopped(tmp_path: Path) -> None:
    path = Path(bomb(tmp_path, 64 * 1024**2))
    true_size, false_size = (64 * 1024**2).to_bytes(4, "little"), (100).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(true_size, false_size))
    with pytest.raises(InputError, match="far more"):
        read(str(path))


def test_an_archive_of_too_many_parts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_xlsx, "MAX_ENTRIES", 3)
    with pytest.raises(InputError, match="more than 3 parts"):
        read(workbook(tmp_path, [["text"], ["one"]]))


@pytest.mark.parametrize("reference", ["A4294967295", "A99999999999999999999", "xfd1048576", "ZZZZZZ1"])
def test_a_cell_reference_out_of_bounds_is_refused(tmp_path: Path, reference: str) -> None:
    whole = Path(workbook(tmp_path, [["text", "n"], ["one", 2]]))
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(tmp_path / "bad.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'r="B2"', f'r="{reference}"'.encode()).replace(b'r="A1"', b'r="AAAA1"'))
    with pytest.raises(InputError):
        read(str(tmp_path / "bad.xlsx"))


def test_a_sheet_with_far_corners_is_refused_before_it_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "in.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "text")
        sheet.write(1_048_575, 16_383, "far")
    with pytest.raises(InputError, match="spans more than"):
        read(str(path))


@pytest.mark.parametrize("before", range(1, 14))
def test_a_far_corner_is_found_where_two_pieces_meet(before: int) -> None:
    reference = b' r="XFD1048576"'
    extent = read_xlsx._Extent("in.xlsx")
    extent.add(b'<c r="A1">' + b"x" * 100 + reference[:before])
    with pytest.raises(InputError, match="spans more than"):
        extent.add(reference[before:] + b">")
