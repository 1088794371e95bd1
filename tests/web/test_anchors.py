"""Tests of the anchor set of a workspace: records that two bundles labelled tell what the new one did to a figure."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from builders import analysis, piece
from sqlalchemy import insert, update

from vocservice.records import Scope
from vocservice.store import schema
from vocservice.store.analysed.anchors import anchors
from vocservice.store.database import now
from vocservice.store.ids import new_id
from web.storing import WORKSPACE
from web.visiting import Office

NOW = datetime.now(UTC)
TEXT = "It crashed."
DAYS = {"before": 40, "after": 5}


def scope(key: str) -> Scope:
    return Scope(key, 0.9, "head:scope", (piece(TEXT, "crashed"),))


def say(office: Office, count: int, side: str) -> None:
    """Records that the old bundle called neither and the new one an experience issue; which of both counts is the side's."""
    for _ in range(count):
        record = office.record(text=TEXT, scope=scope("experience_issue"))
        old = {**analysis(TEXT, scope=scope("neither")).to_dict(), "model": "fake-0"}
        with office.database.write() as connection:
            mine = schema.analyses.c.record_id == record
            connection.execute(update(schema.analyses).where(mine).values(is_current=side == "after"))
            values = {"id": new_id("ana"), "record_id": record, "workspace_id": WORKSPACE, "revision": 1, "bundle": "fake-0", "result": old}
            values |= {"taxonomy": "voc/1.0.0", "is_current": side == "before", "created_at": now(connection)}
            connection.execute(insert(schema.analyses).values(**values))
            at = NOW - timedelta(days=DAYS[side])
            connection.execute(update(schema.records).where(schema.records.c.id == record).values(created_at=at))


def test_what_the_new_bundle_did_is_not_taken_for_what_people_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(tmp_path, monkeypatch)
    say(office, 20, "before")
    say(office, 20, "after")
    with office.database.read() as connection:
        assert len(list(anchors(connection, WORKSPACE))) == 80
        assert list(anchors(connection, "wsp_other")) == []
    report = office.browser("analyst").client.get("/workbench/report.json").get_json()
    found = next(one for one in report["causes"] if one["figure"] == "share of experience issues")
    assert (found["change"]["value"], found["anchors"]) == (1.0, 40)
    assert {cause["name"]: cause["part"]["value"] for cause in found["causes"]} == {
        "customers": 0.0, "channel mix": 0.0, "taxonomy version": 0.0, "model version": 1.0}  # fmt: skip


def test_who_comes_after_a_promotion_pushes_no_anchor_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vocservice.store.analysed.anchors.MOST", 5)
    office = Office(tmp_path, monkeypatch)
    say(office, 5, "before")
    before = chosen(office)
    label_again(office, before, "fake-2")
    say(office, 40, "after")
    assert chosen(office) == before and len(before) == 5


def chosen(office: Office) -> set[str]:
    with office.database.read() as connection:
        return {str(analysis["id"]) for analysis, _ in anchors(connection, WORKSPACE)}


def label_again(office: Office, ids: set[str], bundle: str) -> None:
    """A promotion went through the history."""
    with office.database.write() as connection:
        for record in ids:
            values = {"id": new_id("ana"), "record_id": record, "workspace_id": WORKSPACE, "revision": 1, "bundle": bundle}
            result = {**analysis(TEXT, scope=scope("neither")).to_dict(), "model": bundle}
            values |= {"result": result, "taxonomy": "voc/1.0.0", "is_current": False, "created_at": now(connection)}
            connection.execute(insert(schema.analyses).values(**values))
