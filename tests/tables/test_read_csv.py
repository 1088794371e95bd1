"""Tests of `read_csv` with `rows`, `dialect`, `header` and `columns`: what comes out of delimited text."""

import tracemalloc
from pathlib import Path

import pytest

from vocservice.errors import InputError
from vocservice.records import RawVerbatim, Rejected
from vocservice.tables import lines, read, rows

from .builders import CANARY, codes, ids, records, saved, texts


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends_are_found(tmp_path: Path, delimiter: str, end: str) -> None:
    rows = [("id", "text", "channel"), ("1", "late, again; really", "email"), ("2", "fine", "chat"), ("3", "two\nlines", "chat")]
    body = end.join(delimiter.join(f'"{cell}"' for cell in row) for row in rows) + end
    with read(saved(tmp_path, "in.csv", body)) as source:
        found = list(source)
    assert source.facts.delimiter == delimiter
    assert [record.text for record in found if isinstance(record, RawVerbatim)] == ["late, again; really", "fine", "two\nlines"]


@pytest.mark.parametrize(
    "text", ["NA", "None", "null", "n/a", "nan", "-", "=1+1", "'quoted'", "  spaced  ", "1e5", "007", "tab\there", "\0", "“curly”", "TRUE"]
)
def test_a_text_survives_byte_for_byte(tmp_path: Path, text: str) -> None:
    assert texts(saved(tmp_path, "in.csv", f"id,text\n1,{text}\n2,next\n")) == [text, "next"]


@pytest.mark.parametrize("given", ["007", "1e5", "12345678901234567890", "1.0", "NA", "-", " 7"])
def test_an_id_survives_byte_for_byte(tmp_path: Path, given: str) -> None:
    assert ids(saved(tmp_path, "in.csv", f"id,text\n{given},hello\n")) == [given]


def test_a_row_keeps_every_cell_as_a_string(tmp_path: Path) -> None:
    (record,) = records(saved(tmp_path, "in.csv", "id,text,n,empty\n007,hi,1.50,\n"))
    assert record.row == {"id": "007", "text": "hi", "n": "1.50", "empty": ""}


def test_ragged_rows_are_rejected_by_number_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.csv", f"id,text\n1,one\n2,{CANARY},x\n3\n4,four\n5,five,\n")
    found = records(path)
    assert [type(record) for record in found] == [RawVerbatim, Rejected, Rejected, RawVerbatim, RawVerbatim]
    assert [record.message for record in found if isinstance(record, Rejected)] == [
        "row 2 (line 3) has 3 cells where the header has 2; quote cells that hold the delimiter",
        "row 3 (line 4) has 1 cell where the header has 2; write a delimiter for each blank cell",
    ]
    assert ids(path) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    "bad",
    [
        f'2,"never closed {CANARY}',
        f'2,"says "hello" {CANARY}"',
        f'2,"closed too early" {CANARY}',
    ],
)
@pytest.mark.parametrize("after", ['3,"quoted, well"\n4,plain\n', "3,plain\n4,plain\n", '3,"a ""b"" c"\n4,"two\nlines"\n'])
def test_a_stray_quote_costs_one_line_and_no_neighbour(tmp_path: Path, bad: str, after: str) -> None:
    path = saved(tmp_path, "in.csv", f"id,text\n1,first\n{bad}\n{after}")
    assert codes(path) == ["ok", "ragged_row", "ok", "ok"]
    rejected = records(path)[1]
    assert isinstance(rejected, Rejected)
    assert "row 2 (line 3)" in rejected.message
    assert "quote" in rejected.message
    assert CANARY not in repr(rejected)


def test_an_unclosed_quote_in_the_last_row_is_rejected(tmp_path: Path) -> None:
    assert codes(saved(tmp_path, "in.csv", 'id,text\n1,fine\n2,"open')) == ["ok", "ragged_row"]


def test_an_unclosed_quote_before_many_rows_loses_none_of_them(tmp_path: Path) -> None:
    body = "".join(f"{n},words words words\n" for n in range(2, 20_000))
    assert codes(saved(tmp_path, "in.csv", f'id,text\n1,"open\n{body}')) == ["ragged_row"] + ["ok"] * 19_998


@pytest.mark.parametrize("line", ['",x",",\n', '1,"open ""x\n', '",""\n'])
def test_quotes_that_never_close_are_read_in_bounded_time(tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines_read, taking = [0], rows._Feeder.__next__

    def counted(self: rows._Feeder) -> str:
        lines_read[0] += 1
        return taking(self)

    monkeypatch.setattr(rows._Feeder, "__next__", counted)
    path = saved(tmp_path, "in.csv", "id,text\n" + line * 20_000 + "1,last\n")
    assert codes(path)[-1] == "ok" and lines_read[0] < 200_000


@pytest.mark.parametrize(("name", "most"), [("MAX_ROW_LINES", 5), ("MAX_ROW", 29)])
def test_a_row_has_so_many_lines_and_characters_at_most(tmp_path: Path, name: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, "in.csv", 'id,text\n1,"' + "word\n" * 5 + '"\n2,"' + "a\n" * 4 + '"\n')
    assert codes(path) == ["ok", "ok"]
    monkeypatch.setattr(rows, name, most)
    assert codes(path) == ["ragged_row"] * 6 + ["ok"]


@pytest.mark.parametrize(("header", "message"), [('"text', "header row"), ('id,"text', "known to hold the text")])
def test_an_unclosed_quote_in_the_header_is_an_input_error(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(saved(tmp_path, "in.csv", f"{header}\n1,a\n"))


def test_a_quote_inside_a_bare_cell_is_a_character(tmp_path: Path) -> None:
    assert texts(saved(tmp_path, "in.csv", 'id,text\n1,a 5" screen\n2,b\n')) == ['a 5" screen', "b"]


def test_tabs_without_quoting_keep_their_quotes(tmp_path: Path) -> None:
    assert texts(saved(tmp_path, "in.tsv", 'id\ttext\n1\t"Great" they said\n2\tok\n')) == ['"Great" they said', "ok"]


def test_blanks_before_quotes_are_skipped_when_the_header_has_them(tmp_path: Path) -> None:
    assert texts(saved(tmp_path, "in.csv", '"id", "text"\n"1", "a, b"\n')) == ["a, b"]


def test_a_declared_delimiter_is_obeyed(tmp_path: Path) -> None:
    with read(saved(tmp_path, "in.csv", "sep=;\nid;text\n1;a,b\n")) as source:
        assert [record.text for record in source if isinstance(record, RawVerbatim)] == ["a,b"]
    assert source.facts.header_rows == 2


@pytest.mark.parametrize("delimiter", ["#", "~", " "])
def test_a_declared_delimiter_counts_where_none_would_be_found(delimiter: str, tmp_path: Path) -> None:
    lines = "sep=,", "id,text", "1,late", "2,cold"
    assert texts(saved(tmp_path, "in.csv", "\n".join(lines).replace(",", delimiter))) == ["late", "cold"]


def test_a_single_column_may_hold_bare_commas(tmp_path: Path) -> None:
    assert texts(saved(tmp_path, "in.csv", "text\nlate, and cold\nfine\n")) == ["late, and cold", "fine"]


@pytest.mark.parametrize("size", [200_000, 1_000_000])
def test_a_very_long_cell_is_read(tmp_path: Path, size: int) -> None:
    assert [len(text or "") for text in texts(saved(tmp_path, "in.csv", f'id,text\n1,"{"é" * size}"\n2,b\n'))] == [size, 1]


def test_a_cell_over_the_limit_is_rejected_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.csv", f"id,text\n1,a\n2,{'x' * 11_000_000}\n3,c\n")
    assert codes(path) == ["ok", "text_too_long", "ok"]


def test_an_overlong_line_is_skipped_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines.read_lines, "__kwdefaults__", {"limit": 1000})
    assert codes(saved(tmp_path, "in.csv", f"id,text\n1,a\n2,{'x' * 5000}\r\n3,c\n")) == ["ok", "text_too_long", "ok"]


@pytest.mark.parametrize("body", ["id,text", "id,text\n", "\ufeffid,text\r\n", "\n\nid,text\n\n\n"])
def test_a_header_alone_gives_no_records(tmp_path: Path, body: str) -> None:
    assert records(saved(tmp_path, "in.csv", body)) == []


@pytest.mark.parametrize("body", ["", "\ufeff", "\n\n\n"])
def test_a_file_without_header_is_an_input_error(tmp_path: Path, body: str) -> None:
    with pytest.raises(InputError, match=r"empty|no header"):
        read(saved(tmp_path, "in.csv", body))


def test_blank_lines_are_not_rows_but_empty_texts_are(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.csv", "id,text\n\n1,\n\n,x\n,\n")
    assert texts(path) == ["", "x", ""]
    assert ids(path) == ["1", "row-2", "row-3"]


def test_duplicate_and_blank_headers_become_unique(tmp_path: Path) -> None:
    with read(saved(tmp_path, "in.csv", "id,text,text,,,text_2,column_4\n1,a,b,c,d,e,f\n")) as source:
        (record,) = list(source)
    assert source.facts.headers == ("id", "text", "text", "", "", "text_2", "column_4")
    assert source.facts.columns == ("id", "text", "text_3", "column_4_2", "column_5", "text_2", "column_4")
    assert list((record.row or {}).values()) == ["1", "a", "b", "c", "d", "e", "f"]
    assert isinstance(record, RawVerbatim)
    assert record.text == "a"


def test_a_header_that_repeats_one_name_costs_no_time(tmp_path: Path) -> None:
    with read(saved(tmp_path, "in.csv", f"text{',a' * 100_000}\nfine{',' * 100_000}\n")) as source:
        assert (source.facts.columns[1:3], source.facts.columns[-1]) == (("a", "a_2"), "a_100000")


def test_duplicate_ids_are_kept(tmp_path: Path) -> None:
    assert ids(saved(tmp_path, "in.csv", "id,text\n1,a\n1,a\n")) == ["1", "1"]


@pytest.mark.parametrize(
    "name",
    ["text", "Comment", "VERBATIM", "review", "Feedback", "body", "answer", "Review Text", "review_text", "comments", " Text "],
)
def test_the_text_column_is_found_by_name(tmp_path: Path, name: str) -> None:
    assert texts(saved(tmp_path, "in.csv", f"n,{name},z\n1,hello,2\n")) == ["hello"]


@pytest.mark.parametrize("name", ["id", "ID", "ResponseId", "Respondent ID", "review_id", "response_id", "record_id"])
def test_the_id_column_is_found_by_name(tmp_path: Path, name: str) -> None:
    assert ids(saved(tmp_path, "in.csv", f"{name},text\nr-9,hello\n")) == ["r-9"]


def test_rows_without_id_column_are_numbered(tmp_path: Path) -> None:
    assert ids(saved(tmp_path, "in.csv", "text,n\na,1\nb,2\n")) == ["row-1", "row-2"]


def test_a_missing_text_column_lists_the_columns_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column is known to hold the text; choose one for 'text'; its columns are 'id', 'remark'$"):
        read(saved(tmp_path, "in.csv", "id,remark\n1,a\n"))


@pytest.mark.parametrize(
    "above", ["Survey of May,,\n", "Customer,,Your view\n", "Survey of May\n,,\n"], ids=["title", "groups", "title, blanks"]
)
def test_a_header_under_a_title_is_seen_and_the_remedy_told(tmp_path: Path, above: str) -> None:
    path = saved(tmp_path, "in.csv", f"{above}id,mood,comment\n1,fine,{CANARY}\n")
    for wish in ({}, {"text_column": "comment"}):
        with pytest.raises(InputError, match="if the header stands further down, delete the rows above it") as caught:
            read(path, **wish)
        assert CANARY not in str(caught.value)


def test_of_a_file_without_header_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="if the first row is a record, put a row with the names of the columns above it"):
        read(saved(tmp_path, "in.csv", "1,fine,7\n2,slow,3\n"))


def test_one_column_of_texts_needs_no_delimiter(tmp_path: Path) -> None:
    said = ["Good, but slow", "Slow; very slow", "a|b, c; d", "fine"]
    with read(saved(tmp_path, "in.csv", "\n".join(["comment", *said, ""]))) as source:
        assert source.facts.delimiter is None and [record.text for record in source] == said  # type: ignore[union-attr]


def test_a_file_without_header_does_not_leak_its_first_row(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(saved(tmp_path, "in.csv", f"1,I waited for two whole weeks {CANARY}\n2,fine\n"))
    assert CANARY not in caught.value.message


def test_columns_can_be_named_by_the_caller(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.csv", "key,remark,medium,text\n5,hello,email,other\n")
    (record,) = records(path, id_column="key", text_column="Remark", mapping={"channel": "medium"})
    assert isinstance(record, RawVerbatim)
    assert (record.id, record.text, record.channel) == ("5", "hello", "email")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text_column": "nope"}, "the column chosen for 'text' is not there"),
        ({"id_column": "nope"}, "the column chosen for 'id' is not there"),
        ({"mapping": {"channel": "nope"}}, "the column chosen for 'channel' is not there"),
        ({"mapping": {"colour": "id"}}, "unknown fields"),
        ({"limit": -1}, "limit"),
    ],
)
def test_a_wrong_wish_is_an_input_error(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        records(saved(tmp_path, "in.csv", "id,text\n1,a\n"), **options)
    assert "--" not in caught.value.message


def test_optional_columns_are_carried(tmp_path: Path) -> None:
    head = "id,text,Channel,question,Created At,language,subject,NPS"
    (record,) = records(saved(tmp_path, "in.csv", f"{head}\n1,a,email,Why?,2024-05-01,en,c-7,9\n"))
    assert isinstance(record, RawVerbatim)
    assert (record.channel, record.question, record.created_at, record.language, record.subject) == (
        "email",
        "Why?",
        "2024-05-01",
        "en",
        "c-7",
    )
    assert record.score == {"kind": "nps", "value": 9}


@pytest.mark.parametrize("cell", ["", "n/a", "nan", "inf", "1e999", "x"])
def test_a_score_that_is_no_number_is_left_out(tmp_path: Path, cell: str) -> None:
    (record,) = records(saved(tmp_path, "in.csv", f"id,text,score\n1,a,{cell}\n"))
    assert isinstance(record, RawVerbatim)
    assert record.score is None


def test_the_limit_counts_rejected_rows(tmp_path: Path) -> None:
    assert codes(saved(tmp_path, "in.csv", "id,text\n1,a\n2\n3,c\n"), limit=2) == ["ok", "ragged_row"]


QUALTRICS = (
    "StartDate,RecordedDate,ResponseId,Q1,Q2\n"
    '"Start Date","Recorded Date","Response ID","How ""likely""?","What, in your words,\ncould be better?"\n'
    '"{""ImportId"":""startDate"",""timeZone"":""America/Denver""}","{""ImportId"":""recordedDate"",""timeZone"":""America/Denver""}",'
    '"{""ImportId"":""_recordId""}","{""ImportId"":""QID1"",""choiceId"":""1""}","{""ImportId"":""QID2_TEXT""}"\n'
    "2025-07-01 11:13:44,2025-07-01 11:20:00,R_1,9,Shorter waiting\n"
    "2025-07-01 11:13:44,2025-07-01 11:20:00,R_2,1,\n"
)


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_qualtrics_headers_are_not_responses(tmp_path: Path, codec: str) -> None:
    with read(saved(tmp_path, "in.csv", QUALTRICS.encode(codec))) as source:
        first, second = list(source)
    assert isinstance(first, RawVerbatim)
    assert (source.facts.header_rows, source.facts.header_kind, source.facts.text_column) == (3, "qualtrics", "Q2")
    assert (first.id, first.text, second.id) == ("R_1", "Shorter waiting", "R_2")
    assert first.created_at == "2025-07-01T17:20:00+00:00"
    assert first.question == "What, in your words, could be better?"


def test_a_qualtrics_zone_is_that_of_the_column_with_the_time(tmp_path: Path) -> None:
    imports = '"{""ImportId"":""_recordId"",""timeZone"":""UTC""}","{""ImportId"":""recordedDate"",""timeZone"":""Asia/Tokyo""}"'
    content = f'ResponseId,RecordedDate,Text\nId,Recorded,Say\n{imports},"{{""ImportId"":""QID1_TEXT""}}"\nR_1,2025-07-01 10:00:00,Late\n'
    with read(saved(tmp_path, "in.csv", content)) as source:
        (record,) = list(source)
    assert isinstance(record, RawVerbatim) and record.created_at == "2025-07-01T01:00:00+00:00"


def test_a_qualtrics_column_can_be_named_by_its_import_id(tmp_path: Path) -> None:
    assert texts(saved(tmp_path, "in.csv", QUALTRICS), text_column="QID1") == ["9", "1"]


def test_old_qualtrics_headers_are_two_rows(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.csv", "V1,V2,Q1\nResponseID,ResponseSet,Say more\nR_1,Default,Too slow\n")
    assert (ids(path, text_column="Q1"), texts(path, text_column="Q1")) == (["R_1"], ["Too slow"])


@pytest.mark.parametrize("second", [",,Response,Open-Ended Response", ",,,Open-Ended Response"])
def test_surveymonkey_headers_are_not_responses(tmp_path: Path, second: str) -> None:
    head = 'Respondent ID,Collector ID,How was it?,"What, if anything, went wrong?"'
    with read(saved(tmp_path, "in.csv", f"{head}\n{second}\n991,1,Good,The lift was broken\n")) as source:
        (record,) = list(source)
    assert isinstance(record, RawVerbatim)
    assert (source.facts.header_rows, record.id, record.text) == (2, "991", "The lift was broken")
    assert record.question == "What, if anything, went wrong?"


def test_a_blank_second_surveymonkey_row_is_header_too(tmp_path: Path) -> None:
    assert texts(saved(tmp_path, "in.csv", "Respondent ID,Comment\n,\n991,Broken lift\n")) == ["Broken lift"]


def test_a_google_play_export_is_read(tmp_path: Path) -> None:
    head = "Package Name,Review Submit Date and Time,Star Rating,Review Title,Review Text,Review Link"
    link = "https://play.google.com/console/reviews?reviewId=gp%3AAOq-1&x=1"
    body = f"{head}\ncom.example,2024-03-01T10:00:00Z,2,Meh,Crashes à lot,{link}\ncom.example,2024-03-01T10:00:00Z,5,,,\n"
    first, second = records(saved(tmp_path, "reviews_com.example_202403.csv", body.encode("utf-16")))
    assert isinstance(first, RawVerbatim)
    assert (first.id, first.text, first.created_at) == ("gp:AOq-1", "Crashes à lot", "2024-03-01T10:00:00Z")
    assert first.score == {"kind": "stars", "value": 2}
    assert isinstance(second, RawVerbatim)
    assert (second.id, second.text) == ("row-2", "")


def test_memory_stays_flat_over_many_rows(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    with path.open("w") as file:
        file.write("id,text,channel\n")
        file.writelines(f'{n},"Parcel {n} was late, the desk said ""sorry""",email\n' for n in range(60_000))
    read(str(path), limit=1).close()
    tracemalloc.start()
    try:
        with read(str(path)) as source:
            count = sum(1 for _ in source)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 60_000
    assert peak < 10_000_000


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    with read(saved(tmp_path, "in.csv", "id,text\n" + "1,word\n" * 100_000)) as source:
        next(source)
        assert 0 < source.bytes_read < (source.total_bytes or 0)
        list(source)
        assert source.bytes_read == source.total_bytes


def test_a_closed_source_gives_nothing_more(tmp_path: Path) -> None:
    source = read(saved(tmp_path, "in.csv", "id,text\n1,a\n2,b\n"))
    source.close()
    source.close()
    assert list(source) == []
