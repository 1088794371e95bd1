"""The issues page in a real browser: a line a cause, its form opened by the keyboard, without a fault that axe finds, shut and open."""

from web.test_issues import LATE, PATH, WET, say, say_beside, say_cause, status_of
from web.visiting import Office

from e2e.sitting import NARROW, WIDE, Desk, needs_browser

pytestmark = needs_browser

FORMS = f'form[action="{PATH}"]'


def test_a_cause_is_one_line_whose_form_opens_by_the_keyboard(office: Office, desk: Desk) -> None:
    say_cause(office, LATE, 0, 40, days_ago=60)
    say_cause(office, WET, 1, 30, days_ago=60)
    say_beside(office, days_ago=60)
    say(office, 70, days_ago=59, is_complaint=False)
    desk.sign_in(office.user("analyst").email)
    desk.open(PATH)
    desk.until(lambda: len(desk.driver.find_elements("css selector", FORMS)) == 3)
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


def no_faults(desk: Desk) -> None:
    for theme in ("light", "dark"):
        desk.wear(theme)
        for size in (WIDE, NARROW):
            desk.shape(*size)
            assert desk.faults() == [] and desk.fits(), (theme, size)
