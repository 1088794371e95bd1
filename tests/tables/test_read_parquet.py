"""Tests of `read_parquet`: typed cells, and files that cannot be used."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vocservice.errors import InputError
from vocservice.records import RawVerbatim
from vocservice.tables import read

from .builders import ids, records, saved, texts


def parquet(folder: Path, columns: dict[str, Any], **options: Any) -> str:
    path = folder / "in.parquet"
    pq.write_table(pa.table(columns), path, **options)
    return str(path)


def test_cells_keep_their_types_and_ids_become_text(tmp_path: Path) -> None:
    day = date(2024, 5, 1)
    path = parquet(tmp_path, {"id": [7, 12345678901], "text": ["a", None], "n": [1.5, None], "day": [day, day], "tags": [["x"], []]})
    with read(path) as source:
        first, second = list(source)
    assert first.row == {"id": 7, "text": "a", "n": 1.5, "day": day, "tags": ["x"]}
    assert isinstance(second, RawVerbatim)
    assert (first.id, second.id, second.text) == ("7", "12345678901", "")
    assert source.bytes_read == source.total_bytes


def test_a_score_may_be_a_decimal(tmp_path: Path) -> None:
    found = records(parquet(tmp_path, {"text": ["a", "b", "c"], "nps": [Decimal("9.00"), Decimal("7.50"), None]}))
    scores = [one.score for one in found if isinstance(one, RawVerbatim)]
    assert scores == [{"kind": "nps", "value": 9}, {"kind": "nps", "value": 7.5}, None]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
def test_every_kind_of_text_is_read(tmp_path: Path, kind: pa.DataType) -> None:
    assert texts(parquet(tmp_path, {"id": ["NA", "007"], "comment": pa.array(["NA", "null"], type=kind)})) == ["NA", "null"]


@pytest.mark.parametrize(
    "column",
    [pa.array([["a"]]), pa.array([{"x": "a"}]), pa.array([b"a"]), pa.array([b"a"], type=pa.large_binary())],
    ids=["list", "struct", "binary", "large binary"],
)
@pytest.mark.parametrize("name", ["text", "id"])
def test_nested_and_binary_columns_are_refused(tmp_path: Path, column: pa.Array, name: str) -> None:
    with pytest.raises(InputError, match=f"the {name} column does not hold text; choose another for '{name}'; .* the type of this one is"):
        read(parquet(tmp_path, {"text": ["a"], "id": ["b"]} | {name: column}))


@pytest.mark.parametrize(
    "beyond",
    [
        pa.array([None] * 300 + [4_000_000], pa.int32()).cast(pa.date32()),
        pa.array([None] * 300 + [10**15], pa.int64()).cast(pa.timestamp("s")),
        pa.array([None] * 300 + [-(10**15)], pa.int64()).cast(pa.timestamp("ms", "UTC")),
        pa.array([None] * 300 + [2**62], pa.int64()).cast(pa.duration("s")),
    ],
    ids=lambda column: str(column.type),
)
def test_a_date_beyond_the_calendar_tells_about_where(tmp_path: Path, beyond: pa.Array) -> None:
    path = parquet(tmp_path, {"text": ["a"] * 301, "day": beyond})
    with pytest.raises(InputError, match=r"in\.parquet: column 2 of rows 257 to 301 holds a date beyond the years 1 to 9999"):
        records(path)


def test_nanoseconds_and_int96_are_read(tmp_path: Path) -> None:
    stamp = pa.array([1_700_000_000_123_456_789], type=pa.timestamp("ns", "UTC"))
    path = parquet(tmp_path, {"text": ["a"], "created_at": stamp, "old": stamp})
    expected = datetime(2023, 11, 14, 22, 13, 20, 123456, UTC)
    (record,) = records(path)
    assert record.row is not None
    assert record.row["created_at"] == expected
    path = parquet(tmp_path, {"text": ["a"], "old": stamp}, use_deprecated_int96_timestamps=True)
    (record,) = records(path)
    assert record.row is not None
    assert record.row["old"].replace(tzinfo=UTC) == expected


def test_int96_is_read_beyond_the_years_that_nanoseconds_reach(tmp_path: Path) -> None:
    when = datetime(3024, 5, 1, 10, 30)
    column = pa.array([when], type=pa.timestamp("us"))
    (record,) = records(parquet(tmp_path, {"text": ["a"], "old": column}, use_deprecated_int96_timestamps=True))
    assert record.row is not None and record.row["old"] == when


def test_missing_ids_are_row_numbers(tmp_path: Path) -> None:
    assert ids(parquet(tmp_path, {"text": ["a", "b"]})) == ["row-1", "row-2"]
    assert ids(parquet(tmp_path, {"id": [None, "x"], "text": ["a", "b"]})) == ["row-1", "x"]


def test_a_missing_text_column_is_listed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="known to hold the text; .* are 'remark'$"):
        read(parquet(tmp_path, {"remark": ["a"]}))


@pytest.mark.parametrize("content", [b"", b"id,text\n1,a\n", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="damaged"):
        read(saved(tmp_path, "in.parquet", content))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    whole = Path(parquet(tmp_path, {"text": [f"words {n}" for n in range(5000)]})).read_bytes()
    with pytest.raises(InputError, match="damaged"):
        read(saved(tmp_path, "cut.parquet", whole[: len(whole) // 2]))


def test_a_damaged_page_is_an_input_error_while_reading(tmp_path: Path) -> None:
    whole = bytearray(Path(parquet(tmp_path, {"text": [f"words {n * 7919}" for n in range(5000)]}, compression="gzip")).read_bytes())
    whole[200:2000] = b"\xff" * 1800
    with pytest.raises(InputError, match="damaged"):
        records(saved(tmp_path, "bad.parquet", bytes(whole)))


def test_damage_is_told_with_the_last_row_before_it(tmp_path: Path) -> None:
    path = Path(parquet(tmp_path, {"text": [f"words {n * 7919}" for n in range(600)]}, row_group_size=300, use_dictionary=False))
    data = bytearray(path.read_bytes())
    page = pq.read_metadata(path).row_group(1).column(0).data_page_offset
    data[page + 20 : page + 400] = b"\xaa" * 380
    with pytest.raises(InputError, match="damaged or cut off .* after row (256|300)$"):
        records(saved(tmp_path, "bad.parquet", bytes(data)))


def test_a_huge_row_group_is_read_in_small_batches(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"text": [f"words {n} " + "x" * 1000 for n in range(20_000)]}, row_group_size=20_000, compression="none")
    before = pa.total_allocated_bytes()
    with read(path) as source:
        peak = max(pa.total_allocated_bytes() - before for _ in source)
    assert peak < 10_000_000


def test_an_empty_table_has_no_records(tmp_path: Path) -> None:
    assert records(parquet(tmp_path, {"text": pa.array([], type=pa.string())})) == []
