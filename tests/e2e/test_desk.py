"""The desk in a real browser, by keys alone: sign in, decide, meet another's decision, take one back."""

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
