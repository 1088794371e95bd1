"""A folder in, a picture of every page in light and dark out: `python -m tests.e2e.screens FOLDER [PLACE...]`; for people to look at."""

import logging
import os
import sys
from collections.abc import Collection
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
HIGHEST = 6000  # of one picture; a browser draws none of any height


def main(folder: Path, names: Collection[str] = ()) -> None:
    """Take every picture, or those of some places; `phone` is in the name of those of a narrow window."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as work, pytest.MonkeyPatch.context() as patch:
        os.chdir(work)
        office = Office(Path(work), patch)
        server = make_server("127.0.0.1", 0, office.app, threaded=True)
        Thread(target=server.serve_forever, daemon=True).start()
        desk = Desk(f"http://127.0.0.1:{server.port}", Path(work))
        try:
            take(office, desk, folder, names)
        finally:
            desk.driver.quit()
            server.shutdown()


def take(office: Office, desk: Desk, folder: Path, names: Collection[str]) -> None:
    """Every place in both themes and both sizes, to its end: a high one goes on in further pictures, `-2` and so on."""
    for place in tour(office, desk):
        if names and place.name not in names:
            continue
        for theme, (size, (width, height)) in product(("light", "dark"), (("", WIDE), ("-phone", NARROW))):
            desk.wear(theme)
            desk.shape(width, height)
            high = desk.driver.execute_script("return document.documentElement.scrollHeight")
            for part, top in enumerate(range(0, high, HIGHEST), 1):
                desk.shape(width, max(height, min(high - top + 150, HIGHEST)))
                desk.driver.execute_script("window.scrollTo({top: arguments[0], behavior: 'instant'})", top)
                keep(desk, folder / f"{place.name}-{theme}{size}{f'-{part}' if part > 1 else ''}.png")


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
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/screens").resolve(), sys.argv[2:])
