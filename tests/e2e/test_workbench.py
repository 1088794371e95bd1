"""The workbench in a browser, over a large workspace: figures, a filter, down to the records of a cell and back, a file, every page."""

import re
from collections import defaultdict

import pyarrow.parquet as pq
from selenium.webdriver.support.ui import Select
from web.storing import WORKSPACE
from web.visiting import Office

from benchmarks.workspace import fill
from e2e.places import paths
from e2e.sitting import NARROW, WIDE, Desk, needs_browser

pytestmark = needs_browser
COUNT = 100_000  # `benchmarks.workbench` measures the same pages over a million
PATIENCE_SECONDS = 120  # the first look packs every record
CELL = "table.map.wide td[class] a"
STATUS = "return performance.getEntriesByType('navigation')[0].responseStatus"
COVERED = """
return [...document.querySelectorAll(arguments[0])].filter((link) => {
  link.scrollIntoView({block: "nearest", inline: "nearest"});
  const {left, top, width, height} = link.getBoundingClientRect();
  return !link.contains(document.elementFromPoint(left + width / 2, top + height / 2));
}).map((link) => link.textContent);
"""


def shown(desk: Desk) -> int:
    """How many records the figures rest on; 0 while they are being read."""
    found = re.search(r"^(\d+) records\b", desk.words, flags=re.MULTILINE)
    return int(found[1]) if found else 0


def test_from_figures_to_the_records_of_a_cell_and_back(office: Office, desk: Desk) -> None:
    fill(office.database, COUNT, workspace_id=WORKSPACE, is_new=False)
    desk.sign_in(office.user("analyst").email)
    desk.driver.set_page_load_timeout(PATIENCE_SECONDS)
    desk.open("/workbench")
    desk.until(lambda: shown(desk), seconds=PATIENCE_SECONDS)
    assert shown(desk) == COUNT

    Select(desk.driver.find_element("id", "channel")).select_by_value("phone")
    desk.driver.find_element("css selector", "form[role=search] button").click()
    desk.until(lambda: "channel=phone" in desk.driver.current_url and shown(desk))
    count = shown(desk)
    assert 0 < count < COUNT / 10  # one in twenty came by phone

    for width, height in (NARROW, WIDE):
        desk.shape(width, height)
        assert desk.driver.execute_script(COVERED, CELL) == []  # the names of the rows stay in sight, over none that has the focus
    cell = desk.driver.find_element("css selector", CELL)
    counted = int(cell.text.partition("n = ")[2].split()[0])
    cell.click()
    desk.until(lambda: "/workbench/verbatims" in desk.driver.current_url)
    assert "channel=phone" in desk.driver.current_url
    assert desk.driver.find_elements("css selector", "mark") and desk.driver.find_elements("css selector", "a[data-line]")
    desk.driver.find_element("link text", "Figures for these filters").click()
    desk.until(lambda: shown(desk) == counted)
    desk.driver.back()
    desk.driver.back()
    desk.until(lambda: shown(desk) == count)

    desk.driver.find_element("link text", "Records as Parquet").click()
    desk.until(lambda: (desk.downloads / "records.parquet").is_file())
    assert set(pq.read_table(desk.downloads / "records.parquet")["channel"].to_pylist()) == {"phone"}
    assert pq.read_metadata(desk.downloads / "records.parquet").num_rows == count

    for path in (path for path in paths(office, defaultdict(tuple)) if path.startswith("/workbench")):  # those without parameters
        desk.open(path)
        desk.until(lambda: desk.driver.execute_script(STATUS) != 202, seconds=PATIENCE_SECONDS)  # it asks again by itself
        assert desk.driver.execute_script(STATUS) == 200 and not desk.driver.find_elements("css selector", "main [role=alert]"), path
    assert [entry["message"] for entry in desk.driver.get_log("browser") if entry["level"] == "SEVERE"] == []
