"""Tests of `encoding` and `stream`: what bytes are text, in which encoding, and what is refused."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from vocservice.errors import InputError
from vocservice.tables import read, stream
from vocservice.tables.encoding import detect

from .builders import codes, ids, saved, texts

WORDS = "The café said “sorry” – crème brûlée was cold, señor"
TABLE = f"id,text\n1,{WORDS.replace(',', ';')}\n"


@pytest.mark.parametrize(
    ("codec", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-32", "utf-32"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "cp1252"),
    ],
)
def test_the_same_words_come_out_of_every_encoding(tmp_path: Path, codec: str, found: str) -> None:
    body = TABLE if not codec.startswith("utf-16-") else TABLE.encode("ascii", "ignore").decode()
    path = saved(tmp_path, "in.csv", body.encode(codec))
    assert detect(path).name == found
    assert texts(path) == [body.splitlines()[1][2:]]


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_both_byte_orders_of_utf16_are_read(tmp_path: Path, mark: bytes) -> None:
    codec = "utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"
    assert texts(saved(tmp_path, "in.csv", mark + TABLE.encode(codec))) == [TABLE.splitlines()[1][2:]]


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1251", "Посылка опоздала на три дня и поддержка молчала всё это время"),
        ("cp932", "荷物が三日も遅れました。電話をしてもだれも出ませんでした。"),
        ("gb18030", "包裹晚了三天才到，客服电话一直没有人接听。"),
        ("cp1250", "Zamówienie przyszło za późno, obsługa była nieuprzejma i źle zapakowała"),
    ],
)
def test_other_legacy_encodings_are_guessed_from_enough_text(tmp_path: Path, codec: str, text: str) -> None:
    path = saved(tmp_path, "in.tsv", ("id\ttext\n" + f"1\t{text}\n" * 3).encode(codec))
    assert texts(path) == [text] * 3


def test_a_late_legacy_byte_is_found_beyond_any_sample(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.csv", b"id,text\n" + b"1,plain words\n" * 40_000 + b"2,caf\xe9\n")
    assert texts(path)[-1] == "café"


def test_one_bad_byte_in_utf8_costs_one_row(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.csv", "id,text\n1,crème brûlée\n".encode() + b"2,caf\xe9 noir\n" + "3,ça va\n".encode())
    assert codes(path) == ["ok", "invalid_encoding", "ok"]
    assert ids(path) == ["1", "2", "3"]
    assert texts(path) == ["crème brûlée", "ça va"]


def test_of_as_many_good_as_bad_characters_the_good_ones_tell(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.csv", "id,text\n1,café\n".encode() + b"2,caf\xe9\n")
    assert (codes(path), texts(path)) == (["ok", "invalid_encoding"], ["café"])


@pytest.mark.parametrize("tail", [b"\x00\xd8", b"\x41"])
def test_utf16_with_half_a_character_costs_one_row(tmp_path: Path, tail: bytes) -> None:
    path = saved(tmp_path, "in.csv", "id,text\n1,good\n2,bad".encode("utf-16") + tail)
    assert codes(path) == ["ok", "invalid_encoding"]


def zip_bytes() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a.csv", "id,text\n1,hello\n")
    return held.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (zip_bytes(), "zip"),
        (b"PAR1abcdPAR1", "Parquet"),
        (gzip.compress(b"id,text\n1,a\n", mtime=0), "gzip"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "Excel"),
        (b"%PDF-1.7", "PDF"),
        (b"", "empty"),
    ],
)
def test_a_csv_that_is_something_else_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(InputError, match=what):
        read(saved(tmp_path, "in.csv", content))


def test_a_jsonl_that_is_a_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="zip"):
        read(saved(tmp_path, "in.jsonl", zip_bytes()))


@pytest.mark.parametrize("name", ["none.csv", "none.jsonl", "none.parquet", "none.xlsx", "x" * 300 + ".csv", "a\0b.csv"])
def test_a_missing_or_impossible_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be opened"):
        read(str(tmp_path / name))


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "xlsx"])
def test_a_folder_is_refused(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"in.{suffix}").mkdir()
    with pytest.raises(InputError, match="folder"):
        read(str(tmp_path / f"in.{suffix}"))


def test_gzip_is_unpacked_and_progress_counts_packed_bytes(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.csv.gz", gzip.compress(TABLE.encode()))
    with read(path) as source:
        assert len(list(source)) == 1
        assert source.bytes_read == source.total_bytes == Path(path).stat().st_size


def test_a_gzip_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "RATIO_FROM", 1024)
    path = saved(tmp_path, "in.csv.gz", gzip.compress(b"id,text\n" + b"1,a\n" * 2_000_000, mtime=0))
    with pytest.raises(InputError, match="far more"):
        read(path)


def test_a_gzip_file_that_unpacks_to_more_than_any_file_may_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, "in.csv.gz", gzip.compress(b"id,text\n" + b"".join(b"%d,word %d\n" % (n, n * 7919) for n in range(5000))))
    monkeypatch.setattr(stream, "MAX_UNPACKED", 50_000)
    with pytest.raises(InputError, match="unpacks to far more"):
        texts(path)


@pytest.mark.parametrize("cut", [30, 5000])
def test_a_cut_gzip_is_an_input_error(tmp_path: Path, cut: int) -> None:
    whole = gzip.compress(b"id,text\n" + b"".join(b"%d,word %d\n" % (n, n * 7919) for n in range(5000)))
    with pytest.raises(InputError, match="damaged or cut off"):
        list(read(saved(tmp_path, "in.csv.gz", whole[:cut])))


def test_what_only_claims_to_be_gzip_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="damaged"):
        read(saved(tmp_path, "in.csv.gz", TABLE))
