"""An application that listens, and two browsers that look at it."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from web.visiting import Office
from werkzeug.serving import make_server

from e2e.sitting import Desk
from vocservice.web.workbench import looking


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.chdir(tmp_path)  # files of batches lie beside the store
    made = Office(tmp_path, monkeypatch)
    monkeypatch.setattr(looking, "SMALL_SECONDS", 0.15)  # as people meet it: what takes long follows
    return made


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
def desks(address: str, tmp_path: Path) -> Iterator[list[Desk]]:
    """Two browsers."""
    made = [Desk(address, tmp_path), Desk(address, tmp_path)]
    yield made
    for desk in made:
        desk.driver.quit()


@pytest.fixture
def desk(address: str, tmp_path: Path) -> Iterator[Desk]:
    """One browser."""
    made = Desk(address, tmp_path)
    yield made
    made.driver.quit()
