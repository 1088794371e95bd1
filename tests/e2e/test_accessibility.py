"""Every page by axe (WCAG 2.2 AA) in both themes, wide and as a phone; none scrolls sideways, none loads with a fault."""

from itertools import product

from web.test_hostile import WORDS
from web.visiting import Office

from e2e.furnishing import furnished
from e2e.places import Place, tour
from e2e.sitting import NARROW, WIDE, Desk, needs_browser

pytestmark = needs_browser

# Of the tables whose rows are cards on a phone: those that scroll all the same.
WIDER = """
return [...document.querySelectorAll("table.cards")].map((one) => one.closest(".table-responsive"))
  .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.ariaLabel)
"""
SMALL = """
return [...document.querySelectorAll(".queue tbody :is(input, a)")].map((one) => one.getBoundingClientRect())
  .filter((box) => Math.min(box.width, box.height) < 24 || box.left < 0 || box.right > innerWidth).length
"""
SHAPES = {"wide": WIDE, "narrow": NARROW}


def test_no_page_has_a_fault(office: Office, desk: Desk) -> None:
    assert [fault for place in tour(office, desk) for fault in (*failures(desk, place), *faults(desk, place))] == []


def test_a_row_of_the_queue_is_a_card_on_a_phone(office: Office, desk: Desk) -> None:
    admin = office.browser("admin")
    furnished(office, admin)
    desk.sign_in(admin.user.email)
    desk.open("/desk")
    desk.shape(*NARROW)
    assert desk.driver.execute_script(WIDER) == []
    assert len(desk.driver.find_elements("css selector", ".queue tbody tr")) > 1 and desk.driver.execute_script(SMALL) == 0
    assert faults(desk, Place("desk", "/desk")) == []


def test_words_that_try_to_become_markup_are_nothing_to_the_browser(office: Office, desk: Desk) -> None:
    """It would hold severe that it had to refuse what the content security policy forbids."""
    assert [fault for place in tour(office, desk, WORDS[0]) for fault in failures(desk, place)] == []


def failures(desk: Desk, place: Place) -> list[str]:
    """What the browser holds severe; that the page itself is refused is no news."""
    severe = [entry["message"] for entry in desk.driver.get_log("browser") if entry["level"] == "SEVERE"]
    return [f"{place.name} {message}" for message in severe if f"with a status of {place.status} " not in message]


def faults(desk: Desk, place: Place) -> list[str]:
    """What axe finds in each theme and size, and whether the page fits."""
    found = []
    for theme, (size, (width, height)) in product(("light", "dark"), SHAPES.items()):
        desk.wear(theme)
        desk.shape(width, height)
        found += [f"{place.name} {theme} {size} {fault}" for fault in desk.faults()]
        found += [] if desk.fits() else [f"{place.name} {size} scrolls sideways"]
    return [*found, *(f"{place.name}: the cards of {label} scroll sideways" for label in desk.driver.execute_script(WIDER))]


def test_a_fault_is_found(desk: Desk) -> None:
    desk.open("/login")
    desk.driver.execute_script("document.querySelector('label').remove()")
    assert [fault.partition(":")[0] for fault in desk.faults()] == ["label"]
