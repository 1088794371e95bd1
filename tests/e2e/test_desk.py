"""The desk in a real browser, by keys alone: sign in, decide, meet another's decision, take one back."""

import pytest
from sqlalchemy import select
from web.visiting import Office

from e2e.sitting import Desk, needs_browser
from vocservice.store import schema

pytestmark = needs_browser


def decisions(office: Office) -> list[str]:
    with office.database.read() as connection:
        table = schema.annotations
        return list(connection.scalars(select(table.c.decision).where(table.c.undone_at.is_(None)).order_by(table.c.created_at)))


def test_twenty_transcripts_are_decided_by_keys_beside_a_second_reader(office: Office, desks: list[Desk]) -> None:
    records = [office.record() for _ in range(20)]
    first, second = desks
    first.sign_in(office.user(name="Ada").email)
    second.sign_in(office.user(name="Grace").email)
    assert "20 waiting, 0 decided" in first.words
    second.open(f"/desk/{records[0]}")  # Grace holds one, and reads on while Ada works

    first.press("n")
    for number in range(19):
        assert "/desk/rec_" in first.driver.current_url
        first.press("a" if number % 2 else "x")
    assert sorted(set(decisions(office))) == ["confirm", "dismiss"] and len(decisions(office)) == 19

    first.open(f"/desk/{records[0]}")  # the one that Grace holds: decided all the same, and Grace is told
    first.press("a")
    second.press("x")
    assert "Ada" in second.words and len(decisions(office)) == 20

    first.open(f"/desk/{records[1]}")
    first.press("u")
    assert len(decisions(office)) == 19
    first.open("/desk")
    assert "1 waiting, 19 decided" in first.words


def test_what_is_corrected_by_keys_comes_out_as_a_file_that_training_reads(office: Office, desk: Desk) -> None:
    pytest.importorskip("torch", reason="what training needs is not installed (make setup-train)")
    from training.custom import read_labelled
    from vocservice.taxonomy import load_taxonomy

    records = [office.record() for _ in range(4)]
    desk.sign_in(office.user(name="Ada").email)
    desk.open(f"/desk/{records[0]}")
    body = desk.driver.find_element("tag name", "body")
    body.send_keys("1")  # the first reason; opens the labels
    body.send_keys("e")
    desk.type("late refund")
    desk.until(lambda: "Draft saved." in desk.words)
    desk.open(f"/desk/{records[0]}")
    assert "Your draft of" in desk.words and desk.driver.find_element("id", "note").get_attribute("value") == "late refund"
    desk.press("c")
    assert decisions(office) == ["correct"]

    desk.open("/desk")
    for key in "jvjvb":  # two lines chosen, then what to do with them
        desk.driver.switch_to.active_element.send_keys(key)
    desk.type("Conf", "\ue004", "\ue004", "\ue007")  # Tab, Tab, Enter
    desk.until(lambda: "Confirmed: 2 records." in desk.words)
    desk.press("u")
    desk.until(lambda: "Confirmed: undone." in desk.words)
    assert decisions(office) == ["correct"]

    desk.open("/desk/decisions")
    desk.driver.find_element("partial link text", "JSON Lines").click()
    desk.until(lambda: (desk.downloads / "decisions.jsonl").is_file())
    (example,) = read_labelled(desk.downloads / "decisions.jsonl", load_taxonomy())
    assert "cancel" in example.text
