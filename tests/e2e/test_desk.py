"""The desk in a real browser, by keys alone: sign in, decide, meet another's decision, take one back; pages in both themes."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import select
from web.visiting import PASSWORD, Office
from werkzeug.serving import make_server

from vocservice.store import schema

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="chromium and chromedriver (Debian packages) are not installed")
webdriver = pytest.importorskip("selenium.webdriver")

WIDE, NARROW = (1280, 1000), (500, 900)
SECONDS = 20


class Desk:
    """A headless browser in which one person sits at the desk."""

    def __init__(self, address: str):
        options = webdriver.ChromeOptions()
        options.binary_location = str(BROWSER)
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
        self.driver.set_page_load_timeout(SECONDS)
        self.driver.set_window_size(*WIDE)
        self.address = address

    def open(self, path: str) -> None:
        self.driver.get(self.address + path)

    def sign_in(self, email: str) -> None:
        self.open("/login")
        self.driver.find_element("name", "email").send_keys(email)
        self.driver.find_element("name", "password").send_keys(PASSWORD + "\n")
        self.until(lambda: "/login" not in self.driver.current_url)

    def press(self, key: str) -> None:
        """A key on the page, and wait for the page that follows."""
        body = self.driver.find_element("tag name", "body")
        body.send_keys(key)
        self.until(lambda: self._is_gone(body))

    def until(self, condition) -> None:  # type: ignore[no-untyped-def]
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, SECONDS).until(lambda _: condition())

    @property
    def words(self) -> str:
        return str(self.driver.find_element("tag name", "body").text)

    def _is_gone(self, element) -> bool:  # type: ignore[no-untyped-def]
        from selenium.common.exceptions import WebDriverException

        try:
            return not element.is_displayed()
        except WebDriverException:
            return True


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


@pytest.fixture
def address(office: Office) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, office.app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def desks(address: str) -> Iterator[list[Desk]]:
    """Two browsers."""
    made = [Desk(address), Desk(address)]
    yield made
    for desk in made:
        desk.driver.quit()


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


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_pages_fit_the_window_and_load_without_a_fault(office: Office, desks: list[Desk], theme: str, size: tuple[int, int]) -> None:
    record, desk = office.record(), desks[0]
    desk.sign_in(office.user("admin").email)
    desk.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]})
    desk.driver.set_window_size(*size)
    for path in ("/desk", f"/desk/{record}", "/workbench", "/batches", "/admin/sources", "/admin/audit", "/preferences"):
        desk.open(path)
        assert desk.driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), path
    assert [entry["message"] for entry in desk.driver.get_log("browser") if entry["level"] == "SEVERE"] == []
