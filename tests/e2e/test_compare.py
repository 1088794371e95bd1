"""Two sets side by side in a real browser: chosen by the form, without a fault that axe finds in either theme, wide and as a phone."""

import pytest
from selenium.webdriver.support.ui import Select
from web.test_compare import PAGE, PHONE_CHAT, filled
from web.visiting import Office

from e2e.sitting import NARROW, WIDE, Desk, needs_browser

pytestmark = needs_browser


def test_two_sets_are_chosen_and_stand_side_by_side(office: Office, desk: Desk) -> None:
    filled(office)
    desk.sign_in(office.user("analyst").email)
    desk.open(PAGE)
    for name, channel in (("a_channel", "phone"), ("b_channel", "chat")):
        Select(desk.driver.find_element("id", name)).select_by_value(channel)
    for name in ("a_since", "a_until", "b_since", "b_until"):  # the last eight weeks stand in the form at first
        desk.driver.execute_script("document.getElementById(arguments[0]).value = ''", name)
    desk.driver.find_element("css selector", "form[role=search] button").click()
    desk.until(lambda: "a_channel=phone" in desk.driver.current_url and "Both journey maps" in desk.words)
    assert "First: channel Phone, n = 12. Second: channel Chat, n = 12." in desk.words
    places = [map_.location for map_ in desk.driver.find_elements("css selector", ".pair .map")]
    assert places[0]["y"] == places[1]["y"] and places[0]["x"] < places[1]["x"]
    desk.driver.find_element("css selector", ".map.wide td a").click()
    desk.until(lambda: "channel=phone" in desk.driver.current_url and "/workbench/verbatims" in desk.driver.current_url)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_fault_is_found_in_any_size(office: Office, desk: Desk, theme: str) -> None:
    filled(office)
    desk.sign_in(office.user("analyst").email)
    desk.wear(theme)
    for size in (WIDE, NARROW):
        desk.shape(*size)
        for path in (PAGE, PAGE + PHONE_CHAT, "/workbench"):
            desk.open(path)
            assert desk.faults() == [], path
            assert desk.fits(), path
