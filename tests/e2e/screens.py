"""A folder in, a picture of every page in light and dark out: `python -m tests.e2e.screens FOLDER`; for people to look at."""

import logging
import os
import sys
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import pytest  # noqa: E402 - the tests' own folder comes first
from selenium.common.exceptions import WebDriverException  # noqa: E402
from web.visiting import Office  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

from e2e.places import tour  # noqa: E402
from e2e.sitting import NARROW, WIDE, Desk  # noqa: E402

TRIES = 3


def main(folder: Path) -> None:
    """Take every picture; `phone` is in the name of those of a narrow window."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as work, pytest.MonkeyPatch.context() as patch:
        os.chdir(work)
        office = Office(Path(work), patch)
        server = make_server("127.0.0.1", 0, office.app, threaded=True)
        Thread(target=server.serve_forever, daemon=True).start()
        desk = Desk(f"http://127.0.0.1:{server.port}", Path(work))
        try:
            take(office, desk, folder)
        finally:
            desk.driver.quit()
            server.shutdown()


def take(office: Office, desk: Desk, folder: Path) -> None:
    """Every place in both themes and both sizes, each as high as it is."""
    for place in tour(office, desk):
        for theme, (size, (width, height)) in product(("light", "dark"), (("", WIDE), ("-phone", NARROW))):
            desk.wear(theme)
            desk.shape(width, height)
            high = desk.driver.execute_script("return document.documentElement.scrollHeight")
            desk.shape(width, max(height, min(high + 150, 6000)))
            keep(desk, folder / f"{place.name}-{theme}{size}.png")


def keep(desk: Desk, path: Path) -> None:
    """One picture; a browser that is too slow for it is asked twice more."""
    for left in reversed(range(TRIES)):
        try:
            desk.driver.save_screenshot(str(path))
            return
        except WebDriverException:  # among them the renderer's own timeout of ten seconds
            if not left:
                raise


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/screens").resolve())
