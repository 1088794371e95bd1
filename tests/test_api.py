"""Tests of `api` and `frames`: what callers may hand in, what they get back, and what importing costs."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import CANARY, TEXT, FakePipeline, analysis, fake_analyser

import vocservice
from vocservice.api import Analyser, bundle_folder, to_record
from vocservice.errors import BundleError, ConfigError, InputError, VocError
from vocservice.inference.bundle import Manifest
from vocservice.records import Analysis, RawTurn, RawVerbatim, Rejected
from vocservice.settings import Settings
from vocservice.tables import read
from vocservice.tables.layout import Layout
from vocservice.tables.source import Facts
from vocservice.turns import is_turns

TURNS = [{"speaker": "customer", "text": "Where is my refund?"}, {"speaker": "agent", "text": "It is on its way."}]
RAW_TURNS = [RawTurn("customer", "Where is my refund?"), RawTurn("agent", "It is on its way.")]


def code(result: Any) -> str:
    return result.code if isinstance(result, Rejected) else "ok"


def test_importing_the_package_is_light() -> None:
    heavy = ("onnxruntime", "spacy", "tokenizers", "numpy", "pandas", "polars", "pydantic", "rich", "torch", "flask")
    program = f"import sys, vocservice; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "x",
    [TEXT, {"id": "r", "text": TEXT}, {"comment": TEXT}, {"turns": TURNS}, {"turns": RAW_TURNS}, TURNS, RAW_TURNS, RawVerbatim("v", TEXT)],
)
def test_one_thing_gives_one_result(x: Any, fake: Analyser) -> None:
    assert isinstance(fake.analyse(x), Analysis)


@pytest.mark.parametrize("turns", [TURNS, RAW_TURNS, {"turns": TURNS}, {"turns": RAW_TURNS}])
def test_turns_make_a_transcript(turns: Any, fake: Analyser) -> None:
    result = fake.analyse(turns)
    assert [turn.speaker for turn in result.conversation.turns] == ["customer", "agent"]


def test_a_text_that_is_a_dialogue_makes_a_transcript(fake: Analyser) -> None:
    text = "Customer: Where is my refund?\nAgent: It is on its way.\nCustomer: Thanks."
    for x in (text, {"id": "r", "text": text}, [text], pd.DataFrame({"text": [text]})):
        found = fake.analyse(x)
        if isinstance(x, pd.DataFrame):
            assert list(found["text"]) == [text] and list(found["voc_scope"]) == ["experience_issue"]
        else:
            (result,) = found if isinstance(found, list) else [found]
            assert [turn.speaker for turn in result.conversation.turns] == ["customer", "agent", "customer"]


def test_a_record_keeps_its_id_and_a_text_is_numbered(fake: Analyser) -> None:
    assert fake.analyse({"id": 7, "text": TEXT}).id == "7"
    assert [result.id for result in fake.analyse([TEXT, {"id": "b", "text": TEXT}, TEXT])] == ["item-1", "b", "item-3"]


@pytest.mark.parametrize(
    "x", [[TEXT, TEXT], (TEXT, TEXT), (text for text in (TEXT, TEXT)), {TEXT: 1, "other": 2}.keys(), [TURNS, {"turns": TURNS}]]
)
def test_many_things_give_a_list(x: Any, fake: Analyser) -> None:
    results = fake.analyse(x)
    assert isinstance(results, list) and [code(result) for result in results] == ["ok", "ok"]


def test_nothing_gives_nothing(fake: Analyser) -> None:
    assert fake.analyse([]) == [] and fake.analyse(iter(())) == []


def test_what_is_wrong_in_a_list_is_rejected_in_its_place(fake: Analyser) -> None:
    items = [
        TEXT,
        None,
        float("nan"),
        5,
        b"bytes",
        {"id": "x"},
        {"text": 3},
        "\ud800",
        {"turns": []},
        {"turns": [{"speaker": "me", "text": "a"}]},
        TEXT,
    ]
    codes = ["ok", "missing_text", "missing_text", "invalid_type", "invalid_type", "missing_text"]
    codes += ["invalid_type", "invalid_encoding", "invalid_turns", "empty_text", "ok"]
    assert [code(result) for result in fake.analyse(items)] == codes


def test_a_broken_turn_rejects_the_transcript(fake: Analyser) -> None:
    assert code(fake.analyse([TURNS[0], {"speaker": "agent"}])) == "invalid_turns"
    assert code(fake.analyse([TURNS[0], {"text": "who says so?"}])) == "invalid_turns"


def test_records_with_a_speaker_column_are_records() -> None:
    assert not is_turns([{"id": "1", "text": TEXT, "speaker": "x"}, {"id": "2", "text": TEXT}])
    assert not is_turns([]) and not is_turns("text") and not is_turns([TURNS])


@pytest.mark.parametrize("x", [None, 5, 1.5, True, b"bytes", bytearray(b"x"), object()])
def test_what_holds_no_words_is_refused(x: Any, fake: Analyser) -> None:
    with pytest.raises(InputError) as caught:
        fake.analyse(x)
    assert caught.value.code == "invalid_type" and "bytes'" not in caught.value.message


def test_rejections_pass_through(fake: Analyser) -> None:
    rejected = Rejected("a", "invalid_json", "line 1 is not valid JSON")
    assert fake.analyse(rejected) is rejected


def test_a_stream_is_lazy() -> None:
    analyser, taken = fake_analyser(), []

    def texts() -> Any:
        for number in range(1_000_000):
            taken.append(number)
            yield TEXT

    assert isinstance(next(analyser.stream(texts())), Analysis) and len(taken) == 1


def test_messages_never_hold_the_text(fake: Analyser) -> None:
    for item in ({"text": [CANARY]}, {"turns": [{"speaker": CANARY, "text": "a"}]}, {"turns": CANARY}, f"{CANARY}\ud800"):
        assert CANARY not in fake.analyse(item).message


# --- frames ---------------------------------------------------------------------------------------------------------

NAMES = list(Layout(Facts("x", "frame")).added_names)


def test_a_series_gives_the_columns_of_the_tables_under_its_index(fake: Analyser) -> None:
    series = pd.Series([TEXT, "poison", TEXT], index=["c", "a", "a"])
    frame = fake.analyse(series)
    assert list(frame.columns) == NAMES and list(frame.index) == ["c", "a", "a"]
    assert list(frame["status"]) == ["ok", "rejected", "ok"]
    assert list(frame["voc_error_code"].fillna("")) == ["", "analysis_failed", ""]
    assert frame["voc_sentiment"].dtype == "Int64" and frame["voc_sentiment"].iloc[0] == -1
    assert frame["voc_factors"].iloc[0] == "technology-|courtesy+"


def test_a_frame_keeps_its_columns(fake: Analyser) -> None:
    frame = pd.DataFrame({"key": [1, 2], "comment": [TEXT, TEXT], "voc_scope": ["x", "y"]}, index=[10, 20])
    found = fake.analyse(frame)
    assert list(found.columns[:3]) == ["key", "comment", "voc_scope"] and "voc_scope_2" in found.columns
    assert list(found.index) == [10, 20] and list(found["voc_scope"]) == ["x", "y"]


def test_a_frame_with_a_column_named(fake: Analyser) -> None:
    frame = pd.DataFrame({"text": ["poison"], "said": [TEXT], "n": [7.0]})
    assert list(fake.analyse(frame, text_column="said", id_column="n")["status"]) == ["ok"]
    assert isinstance(fake.pipeline, FakePipeline) and fake.pipeline.seen[0].id == "7"


def test_repeated_and_numbered_column_names(fake: Analyser) -> None:
    frame = pd.DataFrame([[TEXT, "poison", 1]], columns=["text", "text", 3])
    found = fake.analyse(frame)
    assert list(found["status"]) == ["ok"] and len(found.columns) == 3 + len(NAMES)


FRAMES: list[Callable[[dict[str, list[Any]]], Any]] = [pd.DataFrame, pl.DataFrame, pa.table]


@pytest.mark.parametrize("frame", FRAMES, ids=["pandas", "polars", "arrow"])
def test_a_frame_is_analysed_as_the_file_of_it_is(frame: Any, fake: Analyser, tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {
        "id": ["a", ""], "comment": [TEXT, TEXT], "channel": [" email ", None], "question": ["", "Why?"],
        "created at": [datetime(2024, 5, 1, 9, 30), None], "NPS": [9, None], "tags": [["x"], []],
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    with read(str(tmp_path / "in.parquet")) as source:
        expected = [replace(record, row=None) for record in source]
    fake.analyse(frame(columns))
    assert isinstance(fake.pipeline, FakePipeline) and [replace(record, row=None) for record in fake.pipeline.seen] == expected
    assert (expected[0].created_at, expected[0].score, expected[1].channel) == ("2024-05-01T09:30:00", {"kind": "nps", "value": 9}, None)


@pytest.mark.parametrize(
    "series", [pd.Series([TURNS, None]), pl.Series([TURNS, None]), pa.array([TURNS, None])], ids=["pandas", "polars", "arrow"]
)
def test_a_series_may_hold_transcripts(series: Any, fake: Analyser) -> None:
    found = fake.analyse(series)
    assert "voc_outcome" in (found.column_names if isinstance(found, pa.Table) else found.columns)
    assert isinstance(fake.pipeline, FakePipeline)
    assert [[turn.text for turn in record.turns] for record in fake.pipeline.seen] == [[turn["text"] for turn in TURNS], []]


def test_a_series_may_hold_records_and_the_arrays_that_pandas_reads_from_parquet(fake: Analyser, tmp_path: Path) -> None:
    pq.write_table(pa.table({"said": [TURNS]}), tmp_path / "in.parquet")
    fake.analyse(pd.Series([{"id": "r", "text": TEXT, "channel": "email"}, pd.read_parquet(tmp_path / "in.parquet")["said"].iloc[0]]))
    assert isinstance(fake.pipeline, FakePipeline)
    first, second = fake.pipeline.seen
    assert (first.id, first.channel, len(second.turns)) == ("r", "email", 2)


@pytest.mark.parametrize("cell", [b"words", ["words"], {"text": "words"}], ids=["bytes", "list", "object"])
@pytest.mark.parametrize("frame", FRAMES, ids=["pandas", "polars", "arrow"])
def test_a_text_column_that_holds_no_text_is_refused(frame: Any, cell: Any, fake: Analyser) -> None:
    with pytest.raises(InputError, match="text_column="):
        fake.analyse(frame({"text": [None, cell]}))


def test_a_series_of_bytes_is_refused(fake: Analyser) -> None:
    with pytest.raises(InputError, match="bytes"):
        fake.analyse(pd.Series([b"words"]))


def test_a_date_beyond_the_calendar_is_an_input_error(fake: Analyser) -> None:
    with pytest.raises(InputError, match="created_at column"):
        fake.analyse(pa.table({"text": [TEXT], "date": pa.array([4_000_000], pa.int32()).cast(pa.date32())}))


@pytest.mark.parametrize("options", [{}, {"text_column": "other"}])
def test_a_frame_without_the_text_column_is_refused(options: Any, fake: Analyser) -> None:
    with pytest.raises(InputError, match="text_column="):
        fake.analyse(pd.DataFrame({"a": [1]}), **options)


def test_a_frame_without_columns_is_refused(fake: Analyser) -> None:
    with pytest.raises(InputError):
        fake.analyse(pd.DataFrame())


def test_missing_cells_of_any_kind_are_empty_texts(steps: Analyser) -> None:
    cells = pd.Series([TEXT, None, float("nan"), pd.NA, "", "  "], dtype="object")
    assert list(steps.analyse(cells)["voc_error_code"].fillna("ok")) == ["ok", *["empty_text"] * 5]


def test_an_empty_series_gives_an_empty_frame(fake: Analyser) -> None:
    assert fake.analyse(pd.Series([], dtype="object")).shape == (0, len(NAMES))
    assert fake.analyse(pl.Series("t", [], dtype=pl.String)).shape == (0, len(NAMES))


def test_polars_comes_back_as_polars(fake: Analyser) -> None:
    series = fake.analyse(pl.Series("comment", [TEXT, None, "poison"]))
    assert isinstance(series, pl.DataFrame) and series.columns == NAMES
    frame = fake.analyse(pl.DataFrame({"id": ["a"], "comment": [TEXT]}))
    assert frame.columns == ["id", "comment", *NAMES] and frame["voc_sentiment"].dtype == pl.Int64


def test_arrow_comes_back_as_arrow(fake: Analyser) -> None:
    column = pa.chunked_array([[TEXT, None], ["poison"]])
    for array in (column, column.combine_chunks()):
        made = fake.analyse(array)
        assert isinstance(made, pa.Table) and made.column_names == NAMES
        assert made["status"].to_pylist() == ["ok", "ok", "rejected"]
    for table in (pa.table({"id": ["a"], "comment": [TEXT]}), pa.record_batch({"id": ["a"], "comment": [TEXT]})):
        made = fake.analyse(table)
        assert made.column_names == ["id", "comment", *NAMES] and made["voc_sentiment"].type == pa.int64()
        assert made["id"].to_pylist() == ["a"]
    assert fake.analyse(pa.table({"text": pa.array([], pa.string())})).shape == (0, 1 + len(NAMES))


@pytest.mark.parametrize("x", [[TEXT, "poison"], pd.Series([TEXT, "poison"]), pa.array([TEXT, "poison"])], ids=lambda x: type(x).__name__)
def test_a_bar_counts_the_records_and_changes_nothing(x: Any, fake: Analyser, capsys: pytest.CaptureFixture[str]) -> None:
    plain = fake.analyse(x)
    assert capsys.readouterr().err == ""
    watched = fake.analyse(x, progress=True)
    assert "2/2" in capsys.readouterr().err
    assert list(watched) == list(plain) if isinstance(x, list) else watched.equals(plain)


def test_the_frame_layer_imports_no_library() -> None:
    program = "import sys, vocservice.frames; print([n for n in ('pandas', 'polars', 'pyarrow') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"


# --- the real steps, without a model --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TEXT, "ok"),
        ("", "empty_text"),
        (" \n\t", "empty_text"),
        ("\ud83d", "invalid_encoding"),
        ("a\udc00b", "invalid_encoding"),
        ("The app\0 is broken", "ok"),
        ("\U0001f621\U0001f621\U0001f621", "ok"),
        ("x", "ok"),
        ("a" * 100_000, "ok"),
        ("e\u0301" * 10_000, "ok"),
        ("great app " * 10_000, "ok"),
        ("great app " * 100_000, "text_too_long"),
        ("a" * 100_001, "text_too_long"),
        ("=1+1", "ok"),
        ("\u202eevil\u202c app", "ok"),
    ],
)
def test_any_text_comes_out_in_time(text: str, expected: str, steps: Analyser) -> None:
    start = time.process_time()
    result = steps.analyse(text)
    assert code(result) == expected and time.process_time() - start < 20
    if isinstance(result, Analysis):
        assert all(result.text[piece.start : piece.end] == piece.text for label in result.stages for piece in label.evidence)


def test_duplicates_are_answered_each(steps: Analyser) -> None:
    results = steps.analyse([{"id": "a", "text": TEXT}] * 3 + [{"id": "a", "text": "other words here"}])
    assert [result.id for result in results] == ["a"] * 4


# --- loading --------------------------------------------------------------------------------------------------------


def test_a_bundle_that_is_not_there_is_named() -> None:
    with pytest.raises(BundleError, match="no bundle nowhere-9"):
        bundle_folder("nowhere-9")


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json is missing"):
        vocservice.load(tmp_path, settings=Settings())


def test_a_bundle_of_another_format_is_refused(tmp_path: Path) -> None:
    manifest = Manifest(
        format=99, version="v", taxonomy="voc/1.0.0", base="b", width=1, max_window=8, created="", files={}, data={}, seed=0, recipe={}
    )
    (tmp_path / "manifest.json").write_text(manifest.model_dump_json())
    with pytest.raises(BundleError, match="format 99"):
        vocservice.load(tmp_path, settings=Settings())


def test_wrong_settings_stop_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_CHUNK", "0")
    with pytest.raises(ConfigError):
        vocservice.load()


def test_a_taxonomy_that_is_not_there_stops_the_load(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read taxonomy"):
        vocservice.load(taxonomy=tmp_path / "none.toml", settings=Settings())


def test_a_record_object_is_taken_as_it_is() -> None:
    record = RawVerbatim("a", TEXT)
    assert to_record(record, default_id="x") is record


def test_the_real_bundle_analyses_a_text_a_transcript_and_a_frame(real: Analyser) -> None:
    one = real.analyse(TEXT)
    assert isinstance(one, Analysis) and one.model == real.model and one._repr_html_().startswith("<div")  # type: ignore[attr-defined]
    assert real.analyse(TURNS).conversation is not None
    assert list(real.analyse(pd.Series([TEXT, ""]))["status"]) == ["ok", "rejected"]


@pytest.mark.parametrize("text", ["\U0001f621" * 3, "a" * 100_000, "The app\0 broke", "e\u0301" * 10_000])
def test_the_real_bundle_survives_odd_texts(text: str, real: Analyser) -> None:
    assert isinstance(real.analyse(text), Analysis)


def test_the_real_bundle_gives_each_of_a_batch_what_it_gets_alone(real: Analyser) -> None:
    texts = [TEXT, "Delivery was late again.", "ok"]
    alone = [real.analyse(text) for text in texts]
    for one, other in zip(real.analyse(texts), alone, strict=True):
        assert [label.key for label in one.stages] == [label.key for label in other.stages]
        assert one.sentiment.score == pytest.approx(other.sentiment.score, abs=1e-3)


def test_errors_belong_to_one_tree() -> None:
    assert issubclass(InputError, VocError) and analysis().to_dict()["status"] == "ok"
