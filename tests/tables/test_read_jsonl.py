"""Tests of `read_jsonl`: one object a line, broken lines in their place."""

import io
import os
import sys
from pathlib import Path
from threading import Thread

import pytest

from vocservice.errors import InputError
from vocservice.records import RawVerbatim, Rejected
from vocservice.tables import lines, read

from .builders import CANARY, codes, ids, records, saved, texts


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_lines_are_read_in_every_encoding_with_a_mark(tmp_path: Path, end: str, codec: str) -> None:
    body = end.join(['{"id": "1", "text": "café\u0085\u2028x"}', "", "  ", '{"id": "2", "text": "b"}', ""])
    assert texts(saved(tmp_path, "in.jsonl", body.encode(codec))) == ["café\u0085\u2028x", "b"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f'{{"id": "2", "text": "{CANARY}', "invalid_json"),
        (f'{{"id": "2", "text": {CANARY}}}', "invalid_json"),
        ('{"id": "2", "text": NaN}', "invalid_json"),
        ('{"id": "2", "text": "x", "n": 1e999}', "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ('{"id": "2", "text": "x", "n": ' + "[" * 5000 + "]" * 5000 + "}", "invalid_json"),
        ('{"id": "2", "text": "\\ud800"}', "invalid_encoding"),
        ('{"id": "2", "text": 7}', "invalid_type"),
        ("[1]", "invalid_type"),
        ("null", "invalid_type"),
        ('{"id": "2"}', "missing_text"),
        ('{"id": "2", "turns": [1]}', "invalid_turns"),
    ],
)
def test_a_bad_line_is_rejected_by_number_and_the_rest_goes_on(tmp_path: Path, line: str, code: str) -> None:
    path = saved(tmp_path, "in.jsonl", f'{{"id": "1", "text": "a"}}\n\n{line}\n{{"id": "3", "text": "c"}}\n')
    assert codes(path) == ["ok", code, "ok"]
    rejected = records(path)[1]
    assert isinstance(rejected, Rejected)
    assert rejected.message.startswith("line 3")
    assert CANARY not in repr(rejected)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            '{"id": "1", "text": "a", "score": NaN}',
            "line 1 is not valid JSON at character 35; write one whole object a line, with null for",
        ),
        ('{"id": "1", "text": "a", "score": 1e999}', "line 1 is not valid JSON at character 35: a number is too large; write"),
        ('{"id": "1", "text": "a", "n": ' + "[" * 5000, "line 1 is not valid JSON: it is nested more than 1,024 levels deep; write"),
    ],
)
def test_a_line_that_is_no_json_is_told_where_and_why(tmp_path: Path, line: str, told: str) -> None:
    (rejected,) = records(saved(tmp_path, "in.jsonl", f"{line}\n"))
    assert isinstance(rejected, Rejected) and rejected.message.startswith(told)


def test_bytes_that_are_not_utf8_cost_one_line(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.jsonl", b'{"id":"1","text":"a"}\n{"id":"2","text":"caf\xe9"}\n{"id":"3","text":"c"}')
    assert codes(path) == ["ok", "invalid_encoding", "ok"]


def test_a_cut_last_line_is_rejected(tmp_path: Path) -> None:
    assert codes(saved(tmp_path, "in.jsonl", '{"id":"1","text":"a"}\n{"id":"2","te')) == ["ok", "invalid_json"]


def test_an_overlong_line_is_skipped_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines.read_lines, "__kwdefaults__", {"limit": 1000})
    path = saved(tmp_path, "in.jsonl", '{"id":"1","text":"a"}\n{"id":"2","text":"' + "x" * 5000 + '"}\n{"id":"3","text":"c"}\n')
    assert codes(path) == ["ok", "text_too_long", "ok"]


def test_a_long_line_within_the_limit_is_read(tmp_path: Path) -> None:
    assert [len(text or "") for text in texts(saved(tmp_path, "in.jsonl", '{"id":"1","text":"' + "x" * 2_000_000 + '"}'))] == [2_000_000]


def test_missing_ids_are_line_numbers_and_duplicates_stay(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.jsonl", '{"text":"a"}\n\n{"text":"b"}\n{"id":"x","text":"c"}\n{"id":"x","text":"c"}\n')
    assert ids(path) == ["line-1", "line-3", "x", "x"]


def test_a_number_of_many_digits_survives_as_id(tmp_path: Path) -> None:
    assert ids(saved(tmp_path, "in.jsonl", '{"id": 123456789012345678901234567890, "text": "a"}')) == ["123456789012345678901234567890"]


def test_nul_and_emoji_survive(tmp_path: Path) -> None:
    assert texts(saved(tmp_path, "in.jsonl", '{"id":"1","text":"a\\u0000b \\ud83d\\ude00"}')) == ["a\0b 😀"]


def test_a_repeated_key_takes_its_last_value(tmp_path: Path) -> None:
    assert texts(saved(tmp_path, "in.jsonl", '{"id":"1","text":"a","text":"b"}')) == ["b"]


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    assert records(saved(tmp_path, "in.jsonl", "")) == []


def test_one_json_document_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="JSON Lines"):
        records(saved(tmp_path, "in.jsonl", '[\n{"id":"1","text":"a"}\n]\n'))


def test_keys_can_be_named_by_the_caller(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.jsonl", '{"key":"k","remark":"hi","via":"email"}\n{"key":"l"}')
    first, second = records(path, id_column="key", text_column="remark", mapping={"channel": "via"})
    assert isinstance(first, RawVerbatim)
    assert (first.id, first.text, first.channel) == ("k", "hi", "email")
    assert isinstance(second, Rejected)
    assert (second.id, second.code) == ("l", "missing_text")
    assert second.message == "line 2: there is no text under 'remark', the key chosen as the text column"
    assert second.field == "text"
    (long,) = records(saved(tmp_path, "long.jsonl", '{"id": "m"}'), text_column="what " * 9)
    assert isinstance(long, Rejected) and "no text under (key 1, a long name), the key" in long.message


def test_where_no_key_is_known_to_hold_the_text_the_remedy_is_told(tmp_path: Path) -> None:
    for name, content in (("in.jsonl", '{"remark": "hi"}\n'), ("in.json", '[{"remark": "hi"}]')):
        (found,) = records(saved(tmp_path, name, content))
        assert isinstance(found, Rejected) and found.message.endswith(", or choose the key of the text as the text column")
        assert found.field == "text"


@pytest.mark.parametrize(
    ("body", "expected"), [('{"id":"1","text":"a"}\n', False), ('{"id":"1","text":"a"}\n' * 9000 + '{"turns":[]}', True)]
)
def test_transcripts_are_announced(tmp_path: Path, body: str, expected: bool) -> None:
    with read(saved(tmp_path, "in.jsonl", body)) as source:
        assert source.facts.transcripts is expected


def test_a_named_pipe_is_read_once_and_whole(tmp_path: Path) -> None:
    path, body = tmp_path / "in.jsonl", b'{"id":"1","text":"a"}\n' * 20_000
    os.mkfifo(path)
    sender = Thread(target=path.write_bytes, args=(body,), daemon=True)
    sender.start()
    with read(str(path)) as source:
        assert len(list(source)) == 20_000
    assert (source.total_bytes, source.facts.transcripts) == (None, True)
    sender.join()


@pytest.mark.parametrize("name", ["in.csv", "in.tsv", "in.csv.gz", "in.parquet", "in.xlsx"])
def test_a_table_in_a_named_pipe_is_refused(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=f"{name}: a pipe can only be JSON Lines"):
        read(str(tmp_path / name))


class Standard:
    """A stand-in for sys.stdin."""

    def __init__(self, content: bytes):
        self.buffer = io.BytesIO(content)


def test_standard_input_is_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Standard(b'\xef\xbb\xbf{"id":"1","text":"a"}\n{"id":"2","text":"b"}'))
    with read("-") as source:
        assert [record.id for record in source] == ["1", "2"]
    assert source.total_bytes is None
    assert source.bytes_read == 46
