"""The issues page in a real browser: a line a cause, its form opened by the keyboard, without a fault that axe finds, shut and open."""

import pytest
from web.test_issues import LATE, PATH, WET, say, say_beside, say_cause, status_of
from web.visiting import Office

from e2e.sitting import NARROW, WIDE, Desk, needs_browser
from vocservice.web.workbench import looking

pytestmark = needs_browser

FORMS = f'form[action="{PATH}"]'


def test_a_cause_is_one_line_whose_form_opens_by_the_keyboard(office: Office, desk: Desk) -> None:
    say_cause(office, LATE, 0, 40, days_ago=60)
    say_cause(office, WET, 1, 30, days_ago=60)
    say_beside(office, days_ago=60)
    say(office, 70, days_ago=59, is_complaint=False)
    desk.sign_in(office.user("analyst").email)
    desk.open(PATH)
    desk.until(lambda: len(desk.driver.find_elements("css selector", FORMS)) == 3)  # with the causes, which may come later
    forms = desk.driver.find_elements("css selector", FORMS)
    lines = desk.driver.find_elements("css selector", ".list-group-item")
    assert not any(form.is_displayed() for form in forms) and max(line.size["height"] for line in lines) < 60
    no_faults(desk)
    desk.shape(*WIDE)
    desk.reach(".list-group-item summary")
    desk.type("\ue007")
    assert [form.is_displayed() for form in forms] == [True, False, False]
    no_faults(desk)
    desk.shape(*WIDE)
    desk.reach(f"{FORMS} button")
    desk.type("\ue007")
    desk.until(lambda: f"{PATH}/iss" in desk.driver.current_url)
    assert status_of(office) == ["open"]


def test_causes_that_take_long_appear_by_themselves(office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    say(office, 8, days_ago=3, is_complaint=True)
    monkeypatch.setattr(looking, "SMALL", 0)
    desk.sign_in(office.user("analyst").email)
    desk.open(PATH)
    assert "still being computed" in desk.words and not desk.driver.find_elements("css selector", FORMS)
    desk.until(lambda: len(desk.driver.find_elements("css selector", FORMS)) == 1)
    assert "Everything is shown now." in desk.words and "In common" in desk.words


def no_faults(desk: Desk) -> None:
    for theme in ("light", "dark"):
        desk.wear(theme)
        for size in (WIDE, NARROW):
            desk.shape(*size)
            assert desk.faults() == [] and desk.fits(), (theme, size)
