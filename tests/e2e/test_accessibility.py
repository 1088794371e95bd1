"""Every page by axe (WCAG 2.2 AA) in both themes, wide and as a phone; none scrolls sideways, none loads with a fault."""

import pytest
from web.visiting import Browser, Office

from e2e.places import conflict, furnished, paths
from e2e.sitting import NARROW, WIDE, Desk, needs_browser

pytestmark = needs_browser


@pytest.fixture
def admin(office: Office) -> Browser:
    return office.browser("admin")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_no_page_has_a_fault_that_axe_finds(office: Office, admin: Browser, desk: Desk, theme: str, size: tuple[int, int]) -> None:
    ids = furnished(office, admin)
    desk.sign_in(admin.user.email)
    desk.wear(theme)
    desk.shape(*size)
    faults = []
    for path in paths(office, ids):
        desk.open(path)
        faults += [f"{path} {fault}" for fault in desk.faults()]
        if not desk.fits():
            faults.append(f"{path} scrolls sideways")
    assert [entry["message"] for entry in desk.driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    conflict(office, desk)  # the browser calls its 409 severe
    assert faults + desk.faults() == [] and desk.fits()


def test_a_fault_is_found(desk: Desk) -> None:
    desk.open("/login")
    desk.driver.execute_script("document.querySelector('label').remove()")
    assert [fault.partition(":")[0] for fault in desk.faults()] == ["label"]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_page_to_sign_in_has_no_fault(desk: Desk, size: tuple[int, int]) -> None:
    desk.shape(*size)
    for theme in ("light", "dark"):
        desk.wear(theme)
        desk.open("/login")
        assert desk.faults() == [] and desk.fits()
