"""Tests of decisions in files: out as CSV, Excel and JSON Lines, back in from three tools, and nothing overruled."""

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import python_calamine
import xlsxwriter
from sqlalchemy import select, update

from vocservice.store import schema
from vocservice.store.review import annotations, exchange, labelling
from vocservice.taxonomy import load_taxonomy
from web.storing import ELSEWHERE, WORKSPACE
from web.visiting import Browser, Office, talk


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def decide(browser: Browser, record: str, decision: str = "confirm", **fields: object) -> None:
    assert browser.send(f"/desk/{record}", f"/desk/{record}", {"decision": decision, **fields}).status_code == 303


def sent(browser: Browser, content: bytes, name: str):  # type: ignore[no-untyped-def]
    form = browser.page("/desk/decisions").form("/desk/decisions")
    return browser.post(form, {"file": (io.BytesIO(content), name)})


def kept(office: Office) -> list[Any]:
    with office.database.read() as connection:
        return list(connection.execute(select(schema.annotations).order_by(schema.annotations.c.created_at)).all())


def as_lines(office: Office, shape: str) -> list[dict[str, Any]]:
    with office.database.read() as connection:
        return [exchange.SHAPES[shape](one) for one in annotations.examples(connection, WORKSPACE)]


def jsonl(values: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def test_csv_and_excel_hold_the_same_rows_and_no_formula(office: Office) -> None:
    record, browser = office.record(text="=1+1 crashed"), office.browser()
    decide(browser, record, "correct", stages=["use", "purchase"], sentiment="-2")
    raw = browser.client.get("/desk/decisions.csv").data
    (row,) = csv.DictReader(io.StringIO(raw.decode("utf-8-sig")))
    assert (row["id"], row["text"], row["stages"], row["sentiment"]) == (record, "'=1+1 crashed", "use|purchase", "-2")
    book = python_calamine.load_workbook(io.BytesIO(browser.client.get("/desk/decisions.xlsx").data))
    header, cells = book.get_sheet_by_index(0).to_python()
    assert dict(zip(header, cells, strict=True))["text"] == "=1+1 crashed" and list(row) == header
    assert json.loads(browser.client.get("/desk/decisions.jsonl").data)["stages"] == "use|purchase"


def test_a_workbook_that_came_back_changed_is_a_new_decision(office: Office) -> None:
    record, ada, grace = office.record(), office.browser(name="Ada"), office.browser(name="Grace")
    decide(ada, record)
    book = python_calamine.load_workbook(io.BytesIO(ada.client.get("/desk/decisions.xlsx").data))
    header, cells = book.get_sheet_by_index(0).to_python()
    changed = dict(zip(header, cells, strict=True)) | {"scope": "both", "sentiment": "-2"}
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream) as back:
        sheet = back.add_worksheet()
        sheet.write_row(0, 0, header)
        sheet.write_row(1, 0, [changed[name] for name in header])
    assert "1 stored as your decisions" in sent(grace, stream.getvalue(), "back.xlsx").text
    assert (kept(office)[-1].user_id, kept(office)[-1].labels["scope"], kept(office)[-1].labels["sentiment"]) == (grace.user.id, "both", -2)


def test_a_table_that_came_back_changed_is_a_new_decision_and_sent_again_nothing(office: Office) -> None:
    record, ada, grace = office.record(), office.browser(name="Ada"), office.browser(name="Grace")
    decide(ada, record)
    raw = ada.client.get("/desk/decisions.csv").data.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(raw)))
    rows[0] |= {"scope": "both", "factors": "courtesy-|technology~", "sentiment": "-2"}
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    answer = sent(grace, stream.getvalue().encode(), "back.csv")
    assert "1 stored as your decisions" in answer.text, answer.text
    assert "1 unchanged" in sent(grace, stream.getvalue().encode(), "back.csv").text
    first, second = kept(office)
    assert (second.user_id, second.decision, second.labels["scope"], second.labels["sentiment"]) == (grace.user.id, "correct", "both", -2)
    assert second.labels["factors"] == [{"key": "courtesy", "polarity": "-"}, {"key": "technology", "polarity": "~"}]
    assert first.undone_at is None


@pytest.mark.parametrize("shape", list(exchange.SHAPES))
def test_every_shape_that_goes_out_comes_back_as_it_was(office: Office, shape: str) -> None:
    for number, fields in enumerate(({"scope": "both", "stages": ["use"]}, {"sentiment": "2", "factors.courtesy": "+"})):
        decide(office.browser(), office.record(**({"text": "It crashed."} if number else {})), "correct", **fields)
    decide(office.browser(), office.record(), "dismiss")
    lines = as_lines(office, shape)
    assert len(lines) == 3 and "3 unchanged" in sent(office.browser(), json.dumps(lines).encode(), "back.json").text
    assert len(kept(office)) == 3


def calls(line: dict[str, Any], key: str) -> dict[str, Any]:
    """A line of any shape that says whether a person should look."""
    if task := line.get("annotations"):
        task[0]["result"] = [*(one for one in task[0]["result"] if one["from_name"] != "needs_review"), choice("needs_review", key)]
        return line
    if answers := line.get("suggestions"):
        answers["needs_review"]["value"] = key
        return line
    return line | {"needs_review": key == "yes"}


def choice(name: str, *keys: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(keys)}}


def test_whether_a_person_should_look_comes_back_changed_from_every_shape(office: Office) -> None:
    browser = office.browser()
    for shape in exchange.SHAPES:
        record = office.record()
        decide(browser, record, "dismiss")
        (line,) = [line for line in as_lines(office, shape) if record in json.dumps(line)]
        assert "1 stored" in sent(browser, jsonl([calls(line, "yes")]), "back.jsonl").text
    assert [row.labels["needs_review"] for row in kept(office)] == [False, True] * 3


def test_whether_a_person_should_look_is_a_column_and_no_word_of_a_text(office: Office) -> None:
    talked, written, browser = office.record(), office.record(text="It crashed."), office.browser()
    decide(browser, talked, "dismiss")
    decide(browser, written)
    rows = list(csv.DictReader(io.StringIO(browser.client.get("/desk/decisions.csv").data.decode("utf-8-sig"))))
    assert {row["id"]: row["needs_review"] for row in rows} == {talked: "no", written: ""}
    changed = [row | {"needs_review": "yes"} for row in rows]
    told = sent(browser, jsonl(changed), "back.jsonl").text
    assert "1 stored" in told and "1 skipped: labels that are not in the taxonomy" in told


def test_reasons_alone_say_whether_a_person_should_look_where_nothing_else_does(office: Office) -> None:
    browser, lines = office.browser(), []
    cases = [({"reasons": ""}, False), ({"reasons": "", "needs_review": "yes"}, True), ({"reasons": "abandoned"}, True)]
    for changes, _ in cases:
        decide(browser, record := office.record())
        (line,) = [line for line in as_lines(office, "jsonl") if line["id"] == record]
        lines.append({name: value for name, value in line.items() if name != "needs_review"} | changes)
    assert "3 stored" in sent(browser, jsonl(lines), "back.jsonl").text
    assert [row.labels["needs_review"] for row in kept(office)[3:]] == [expected for _, expected in cases]


def test_other_tools_are_asked_for_nothing_that_they_refuse_and_have_what_the_files_say_as_options(office: Office) -> None:
    decide(office.browser(), office.record(), "correct", scope="both", **{"factors.courtesy": "-"})
    (task,), (record,) = as_lines(office, "label-studio"), as_lines(office, "argilla")
    assert "completed_by" not in task["annotations"][0] and record["responses"] == {}
    taxonomy = load_taxonomy()
    view = ElementTree.fromstring(labelling.label_studio_config(taxonomy))  # noqa: S314 - our own
    asked = {one.attrib["name"]: {option.attrib["value"] for option in one} for one in view.iter("Choices")}
    assert {one.attrib["toName"] for one in view.iter("Choices")} == {"text"} and set(asked) == set(exchange.ASKED)
    for part in [*task["annotations"][0]["result"], *task["predictions"][0]["result"]]:
        assert set(part["value"]["choices"]) <= asked[part["from_name"]]
    settings = json.loads(labelling.argilla_settings(taxonomy))
    questions = {one["name"]: one for one in settings["questions"]}
    assert {name: {option["value"] for option in one["settings"]["options"]} for name, one in questions.items()} == asked
    assert [name for name, one in questions.items() if one["required"]] == ["sentiment", "scope"]
    assert all(len(option["description"]) <= 1000 for one in questions.values() for option in one["settings"]["options"])
    for name, answer in record["suggestions"].items():
        is_multi = questions[name]["settings"]["type"] == "multi_label_selection"
        assert answer["value"] and isinstance(answer["value"], list) is is_multi
        assert set(answer["value"] if is_multi else [answer["value"]]) <= asked[name]
    assert None not in record["metadata"].values()


def test_changes_of_label_studio_and_argilla_are_read(office: Office) -> None:
    record = office.record()
    decide(office.browser(), record)
    (task,) = as_lines(office, "label-studio")
    task["annotations"][0]["result"].append(choice("scope", "both"))
    assert "1 stored" in sent(office.browser(), json.dumps([task]).encode(), "export.jsonl").text
    (found,) = as_lines(office, "argilla")
    found["responses"]["stages"] = [{"value": ["use"], "user_id": "x"}]  # the other sets were left blank
    assert "1 stored" in sent(office.browser(), jsonl([found]), "back.jsonl").text
    last = kept(office)[-1].labels
    assert (last["scope"], last["stages"], last["flags"]) == ("both", ["use"], [])


def test_what_others_suggest_and_what_was_skipped_changes_nothing(office: Office) -> None:
    decide(office.browser(), office.record())
    (found,), (task,) = as_lines(office, "argilla"), as_lines(office, "label-studio")
    found["suggestions"] = {"sentiment": {"value": "-1", "agent": "another model"}}
    assert "1 stored" not in sent(office.browser(), jsonl([found]), "back.jsonl").text
    task["annotations"].append({"was_cancelled": True, "result": []})
    assert "1 stored" not in sent(office.browser(), json.dumps([task]).encode(), "export.jsonl").text
    assert len(kept(office)) == 1


def test_a_number_is_read_as_its_text_also_where_it_is_zero(office: Office) -> None:
    decide(office.browser(), office.record())
    (line,) = as_lines(office, "jsonl")
    assert "1 stored" in sent(office.browser(), jsonl([line | {"sentiment": 0}]), "back.jsonl").text
    assert kept(office)[-1].labels["sentiment"] == 0


@pytest.mark.parametrize("result", [5, [{"from_name": "flags", "value": {"choices": 5}}]])
def test_a_task_of_another_form_is_counted_and_left(office: Office, result: object) -> None:
    decide(office.browser(), office.record())
    (task,) = as_lines(office, "label-studio")
    task["annotations"][0]["result"] = result
    assert "1 skipped: labels that are not in the taxonomy" in sent(office.browser(), jsonl([task]), "back.jsonl").text
    assert len(kept(office)) == 1


def test_a_decision_made_since_is_not_overruled(office: Office) -> None:
    record, ada = office.record(), office.browser(name="Ada")
    decide(ada, record)
    (line,) = as_lines(office, "jsonl")
    decide(ada, record, "dismiss")
    assert "1 skipped: decided, undone or changed since" in sent(office.browser(), jsonl([line | {"scope": "both"}]), "back.jsonl").text
    assert [row.decision for row in kept(office)] == ["confirm", "dismiss"]


def test_a_row_of_a_decision_that_was_undone_brings_it_not_back(office: Office) -> None:
    record, ada = office.record(), office.browser(name="Ada")
    decide(ada, record, "correct", scope="both")
    (line,) = as_lines(office, "jsonl")
    assert ada.send(f"/desk/{record}", f"/desk/{record}/undo").status_code == 303
    assert "1 skipped: decided, undone or changed since" in sent(ada, jsonl([line]), "back.jsonl").text
    assert len(kept(office)) == 1


def test_a_row_of_an_earlier_text_is_left(office: Office) -> None:
    record, browser = office.record(), office.browser()
    decide(browser, record)
    (line,) = as_lines(office, "jsonl")
    with office.database.write() as connection:
        connection.execute(update(schema.records).values(revision=2))
        connection.execute(update(schema.analyses).values(is_current=False))
        office.analyse(connection, record, talk(), revision=2)
    assert "1 skipped: decided, undone or changed since" in sent(browser, jsonl([line | {"scope": "both"}]), "back.jsonl").text
    assert "1 stored" in sent(browser, jsonl([{"id": record, "scope": "both"}]), "new.jsonl").text
    assert [row.revision for row in kept(office)] == [1, 2]


LEFT = [
    ({"id": "rec_nowhere", "scope": "both"}, "no such record"),
    ({"scope": "nonsense"}, "labels that are not in the taxonomy"),
    ({"sentiment": "9"}, "labels that are not in the taxonomy"),
    ({"factors": "courtesy"}, "labels that are not in the taxonomy"),
    ({"stages": "use|purchase|advocacy|discovery"}, "labels that are not in the taxonomy"),
    ({"id": None}, "labels that are not in the taxonomy"),
]


@pytest.mark.parametrize(("change", "words"), LEFT, ids=lambda value: str(value)[:30])
def test_what_makes_no_sense_is_counted_and_left(office: Office, change: dict[str, Any], words: str) -> None:
    decide(office.browser(), office.record())
    (line,) = as_lines(office, "jsonl")
    assert f"1 skipped: {words}" in sent(office.browser(), jsonl([line | change]), "back.jsonl").text
    assert len(kept(office)) == 1


@pytest.mark.parametrize(("content", "name"), [(b"{", "a.jsonl"), (b"x", "a.exe"), (b"PK", "a.xlsx"), (b"", "a.csv")])
def test_a_file_that_is_none_is_refused(office: Office, content: bytes, name: str) -> None:
    assert sent(office.browser(), content, name).status_code in (400, 415, 422)


def test_another_workspace_is_neither_read_nor_written(office: Office) -> None:
    decide(office.browser(), office.record())
    (line,) = as_lines(office, "jsonl")
    stranger = office.browser(workspace=ELSEWHERE)
    assert "no such record in this workspace" in sent(stranger, jsonl([line | {"scope": "both"}]), "back.jsonl").text
    assert stranger.client.get("/desk/decisions.jsonl").data == b""


def test_what_argilla_s_own_library_writes_is_read() -> None:
    """As argilla 2.8.0 writes records: one that somebody answered, and one of ours that has no label and no answer."""
    about = {"decision": "confirm", "model": "fake-1", "annotator": "usr_1", "annotated_at": "2026-11-28T09:00:00+00:00"}
    plain: dict[str, Any] = {"fields": {"text": "It crashed."}, "metadata": about, "vectors": {}, "status": "pending", "_server_id": None}
    answers = {"factors": ["technology~"], "sentiment": "-2"}
    responses = {name: [{"value": value, "user_id": "00000000-0000-0000-0000-000000000001"}] for name, value in answers.items()}
    suggested = {"scope": {"value": "both", "score": None, "agent": "usr_1"}}
    answered = exchange.incoming({"id": "rec_1", **plain, "suggestions": suggested, "responses": responses})
    assert answered is not None and answered.labels["factors"] == ("technology~",) and answered.labels["sentiment"] == ("-2",)
    assert answered.labels["stages"] == () and "scope" not in answered.labels
    bare = exchange.incoming({"id": "rec_2", **plain, "suggestions": {}, "responses": {}})
    assert bare is not None and (bare.labels, bare.annotated_at) == ({}, about["annotated_at"])
    assert exchange.incoming({"id": "rec_3", **plain, "metadata": {}, "suggestions": {}, "responses": {}}) is None
