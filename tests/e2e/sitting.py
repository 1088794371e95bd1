"""A headless browser in which one person sits at the pages, for the tests that need a real one."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from web.visiting import PASSWORD

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(not (BROWSER and DRIVER), reason="chromium and chromedriver (Debian packages) are not installed")
AXE = Path(__file__).parent / "axe" / "axe.min.js"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
WIDE, NARROW = (1280, 1000), (390, 844)  # a window; a phone, which is emulated: no window is so narrow
SECONDS = 20
SEND = """
const [action, fields] = arguments;
const form = [...document.forms].find((one) => one.getAttribute("action") === action) ?? document.forms[0];
form.setAttribute("action", action);
for (const [name, values] of Object.entries(fields)) {
  for (const old of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) old.disabled = true;
  for (const value of values) form.append(Object.assign(document.createElement("input"), {type: "hidden", name, value}));
}
HTMLFormElement.prototype.submit.call(form);
"""
LOOK_SECONDS = 0.05  # between two looks at a page; selenium's own is half a second
MOST_TABS = 250  # more than any page of the desk has
AXE_SECONDS = 120  # a journey map has some thousand cells, and a shared machine its slow minutes


class Desk:
    """A headless browser in which one person sits at the desk; what it downloads lies in `downloads`."""

    def __init__(self, address: str, downloads: Path):
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = str(BROWSER)
        # Pages scroll smoothly, and a driver clicks where an element stood before it moved: people who want no motion have none.
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-prefers-reduced-motion"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads), "download.prompt_for_download": False})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
        self.driver.set_page_load_timeout(SECONDS)
        self.driver.set_script_timeout(AXE_SECONDS)
        self.address, self.downloads = address, downloads
        self.shape(*WIDE)

    def without_scripts(self) -> None:
        """From the next page on no script of a page runs."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})

    def open(self, path: str) -> None:
        self.driver.get(self.address + path)

    def sign_in(self, email: str) -> None:
        self.open("/login")
        self.driver.find_element("name", "email").send_keys(email)
        self.driver.find_element("name", "password").send_keys(PASSWORD + "\n")
        self.until(lambda: "/login" not in self.driver.current_url)

    def forget(self) -> None:
        """Sign out, without a word to the application."""
        self.driver.delete_all_cookies()

    def send(self, action: str, fields: Mapping[str, str | Sequence[str]], file: tuple[str, bytes] | None = None) -> None:
        """Send the form of the page that goes to `action`, its first one where none does, with some fields and a file, and wait."""
        body = self.driver.find_element("tag name", "body")
        if file:
            name, content = file
            (self.downloads / name).write_bytes(content)
            self.driver.find_element("css selector", "input[type=file]").send_keys(str(self.downloads / name))
        self.driver.execute_script(
            SEND, action, {name: [value] if isinstance(value, str) else list(value) for name, value in fields.items()}
        )
        self.until(lambda: self._is_gone(body))

    @property
    def status(self) -> int:
        """Of the page that is shown."""
        return int(self.driver.execute_script("return performance.getEntriesByType('navigation')[0].responseStatus"))

    def press(self, key: str) -> None:
        """A key on the page, and wait for the page that follows."""
        body = self.driver.find_element("tag name", "body")
        body.send_keys(key)
        self.until(lambda: self._is_gone(body))

    def type(self, *keys: str) -> None:
        """Keys to whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def reach(self, selector: str) -> None:
        """Tab until what it selects has the focus."""
        for _ in range(MOST_TABS):
            self.type("\ue004")
            if self.driver.execute_script("return document.activeElement.matches(arguments[0])", selector):
                return
        raise AssertionError(f"no Tab leads to {selector}")

    def follow(self, path: str) -> None:
        """The link to this path, by Tab and Enter."""
        self.reach(f'a[href="{path}"]')
        self.type("\ue007")

    def until(self, condition: Any, *, seconds: float = SECONDS) -> None:
        """Wait for it; a page that goes away while it is looked at is looked at again."""
        from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        gone = (NoSuchElementException, StaleElementReferenceException)
        WebDriverWait(self.driver, seconds, poll_frequency=LOOK_SECONDS, ignored_exceptions=gone).until(lambda _: condition())

    def wear(self, theme: str) -> None:
        """Light or dark, as the system would have it."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]})

    def shape(self, width: int, height: int) -> None:
        """So many pixels; as a phone where that is narrow."""
        self.width = width
        if width < WIDE[0]:
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            return
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.driver.set_window_size(width, height)

    def fits(self) -> bool:
        """Whether the page is no wider than what shows it; a phone would show it small."""
        return bool(self.driver.execute_script("return document.documentElement.scrollWidth <= arguments[0]", self.width))

    def faults(self) -> list[str]:
        """What axe finds against WCAG 2.2 AA on the page as it stands: rule, place, and why."""
        if not self.driver.execute_script("return 'axe' in window"):  # a page keeps it, in every theme and size
            self.driver.execute_script(AXE.read_text(encoding="utf-8"))
        found = self.driver.execute_async_script(
            "const done = arguments[1]; axe.run({runOnly: arguments[0], resultTypes: ['violations']}).then(done, done)", list(RULES)
        )
        return [f"{fault['id']}: {node['target']} {node['failureSummary']}" for fault in found["violations"] for node in fault["nodes"]]

    @property
    def words(self) -> str:
        return str(self.driver.execute_script("return document.body?.innerText ?? ''"))  # the driver's own walks through each cell

    def _is_gone(self, element: Any) -> bool:
        from selenium.common.exceptions import WebDriverException

        try:
            return not element.is_displayed()
        except WebDriverException:
            return True
