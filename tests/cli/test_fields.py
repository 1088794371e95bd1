"""Tests of `voc field`: which own fields of a workspace show as segments."""

import json

from web.test_workbench import set_record
from web.visiting import Office

from vocservice.store.schema import audit

from .conftest import Voc
from .test_people import office  # noqa: F401 - a fixture


def test_a_field_is_hidden_and_brought_back(office: Office, voc: Voc) -> None:  # noqa: F811 - the fixture
    for plan in ("pro", "free"):
        set_record(office, office.record(), details={"plan": plan, "region": "north", "email": "ada@example.org"})
    set_record(office, office.record(), details={"plan": "pro"})
    here = ("--workspace", "ws_one")
    assert voc("field", "list", *here).out.splitlines() == ["plan: 3 records, held", "region: 2 records, held"]
    assert [voc("field", "hide", name, *here).code for name in ("plan", "spare")] == [0, 0]
    found = json.loads(voc("field", "list", "--json", *here).out)["fields"]
    assert found == [
        {"name": "plan", "records": 3, "state": "hidden"},
        {"name": "region", "records": 2, "state": "held"},
        {"name": "spare", "records": 0, "state": "hidden"},
    ]
    assert "error [field_unknown]" in voc("field", "show", "region", *here).err
    assert voc("field", "show", "plan", *here).code == 0
    assert "plan: 3 records, held" in voc("field", "list", *here).out
    acts = [(row["actor"], row["action"], row["target"]) for row in office.door.rows(audit) if row["action"].startswith("field.")]
    assert acts == [("command line", f"field.{do}", name) for do, name in (("hide", "plan"), ("hide", "spare"), ("show", "plan"))]
