"""A folder and a database URL in, a demonstration out that accepted records are analysed exactly once (see end_to_end.sh)."""

import argparse
import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import stories
from sqlalchemy import select, update
from stories import Posting

from vocservice.ingest.connector import SurveyMonkeyConnector
from vocservice.ingest.registry import ADAPTERS
from vocservice.jobs.errands import Errand
from vocservice.jobs.fetching import MAX_ATTEMPTS, Fetching
from vocservice.jobs.guard import Policy
from vocservice.jobs.model import loader
from vocservice.jobs.worker import Worker
from vocservice.settings import load_settings
from vocservice.store.database import Database
from vocservice.store.opened import open_store
from vocservice.store.received import accesses
from vocservice.store.received.accesses import Access
from vocservice.store.received.records import FETCH
from vocservice.store.schema import analyses, jobs, records, sources
from vocservice.text.rules import shipped_rules

PORT = 8017
BASE = f"http://127.0.0.1:{PORT}"
VOC = (sys.executable, "-m", "vocservice")
SECRET = "secret-of-the-example"
SECRETS = {"standard_webhooks": "whsec_" + base64.b64encode(SECRET.encode() * 2).decode(), "surveymonkey": f"client-0001&{SECRET}"}
TOKEN = "token-of-the-example"
SECONDS = 180
KEPT, TAKEN_BACK = 1, 2  # the records of each adapter
NEW = {"created", "waiting"}


def main() -> None:
    """Run one scenario and report its result."""
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("folder", "store", "redis"):
        arguments.add_argument(f"--{name}", default="")
    given = arguments.parse_args()
    Path(given.folder).mkdir(parents=True)
    environment = environment_of(Path(given.folder), given.store, given.redis)
    voc(environment, "init")
    urls = {name: add_source(environment, name) for name in ADAPTERS}
    server = subprocess.Popen([*VOC, "serve", "--bind", f"127.0.0.1:{PORT}", "--no-worker"], env=environment)
    try:
        wait_for(f"{BASE}/readyz", server)
        begun = {name: begin(name, url) for name, url in urls.items()}
        kill_a_worker(environment)
        with working(environment) as work:
            work()
            for name, url in urls.items():
                print(f"{name}: {'; '.join((*begun[name], *end(name, url)))}")
            work()
        show(Database(given.store))
    finally:
        server.send_signal(signal.SIGTERM)
        print(f"server stopped with exit code {server.wait(60)}")


def environment_of(folder: Path, store: str, redis: str) -> dict[str, str]:
    """Short leases, so that work of a killed worker is soon retried."""
    return {
        **os.environ,
        "VOC_STORE__URL": store,
        "VOC_STORE__KEY_FILE": str(folder / "voc.key"),
        "VOC_BATCHES__FOLDER": str(folder / "batches"),
        "VOC_HTTP__PUBLIC_URL": BASE,
        "VOC_JOBS__LEASE_SECONDS": "3",
        "VOC_REDIS_URL": redis,
    }


def voc(environment: Mapping[str, str], *arguments: str) -> str:
    """Run one command; return its standard output."""
    done = subprocess.run([*VOC, *arguments], env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def add_source(environment: Mapping[str, str], adapter: str, name: str = "", *, options: Mapping[str, object] | None = None) -> str:
    """The URL of a new source."""
    wanted = [f"--option={key}={json.dumps(value)}" for key, value in (options or {}).items()]
    wanted += ["--secret", secret_of(adapter)] if secret_of(adapter) else []
    told = voc(environment, "source", "add", name or adapter, "--adapter", adapter, *wanted)
    return next(line for line in told.splitlines() if line.startswith(BASE))


def secret_of(adapter: str) -> str:
    return SECRETS.get(adapter, SECRET) if ADAPTERS[adapter].needs_secret else ""


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urlopen(url, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.3)
    sys.exit("the service did not start")


def begin(name: str, url: str) -> tuple[str, ...]:
    """Send two records of an adapter, the first one twice and then an outdated version of it; return the outcomes in words."""
    expect(name, deliver(name, url, stories.first(name, KEPT)), 202, NEW)
    expect(name, deliver(name, url, stories.first(name, TAKEN_BACK)), 202, NEW)
    again = deliver(name, url, stories.first(name, KEPT))
    if again[0] != 200 or not again[1]["duplicate"]:
        sys.exit(f"{name}: the same delivery again was answered {again}")
    late = stories.older(name, KEPT)
    if late is None:
        return "accepted", "again: duplicate", "tells no versions"
    expect(name, deliver(name, url, late), 202, {"stale"})
    return "accepted", "again: duplicate", "older version, late: loses"


def end(name: str, url: str) -> tuple[str, ...]:
    """Delete the second record after its analysis, and send it once more; return the outcome in words."""
    taken_back = stories.gone(name, TAKEN_BACK)
    if taken_back is None:
        return ("has no deletions",)
    expect(name, deliver(name, url, taken_back), 202, {"erased"})
    expect(name, deliver(name, url, stories.replayed(name, TAKEN_BACK)), 202, {"erased"})
    return "taken back: erased", "replayed: stays erased"


def deliver(name: str, url: str, posting: Posting) -> tuple[int, Mapping[str, Any]]:
    """The status and the receipt of a delivery, signed as its sender does."""
    secret = secret_of(name)
    signed = ADAPTERS[name].sign(posting.body, secret, now=datetime.now(UTC), delivery_id=posting.delivery_id, url=url) if secret else {}
    try:
        with urlopen(Request(url, posting.body, {**signed, "Content-Type": posting.content_type}), timeout=30) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def expect(name: str, answer: tuple[int, Mapping[str, Any]], status: int, outcomes: Collection[str]) -> None:
    found = {record["outcome"] for record in answer[1].get("records", ())}
    if answer[0] != status or not found or not found <= set(outcomes):
        sys.exit(f"{name}: expected {status} and {sorted(outcomes)}, not {answer}")


def kill_a_worker(environment: Mapping[str, str]) -> None:
    """Run a worker that dies as by `kill -9` between analysis and commit."""
    done = subprocess.run([*VOC, "worker", "--once"], env={**environment, "VOC_FAILPOINT": "after_analysis_before_commit"}, check=False)
    if done.returncode != -signal.SIGKILL:
        sys.exit(f"the worker was to be killed and ended with {done.returncode}")
    print("a worker was killed between analysis and commit")
    time.sleep(4)


def survey_api(url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """SurveyMonkey's answer to a request for a response with the source's token."""
    response = url.partition("/responses/")[2].partition("/")[0]
    if headers.get("Authorization") != f"Bearer {TOKEN}" or not response:
        return 401, b"{}"
    question = {"id": "q1", "heading": "What could be better?", "answers": [{"text": "The courier left my parcel in the rain."}]}
    body = {"id": response, "survey_id": "300", "date_modified": "2026-03-01T10:00:00+00:00", "pages": [{"questions": [question]}]}
    return 200, json.dumps(body).encode()


@contextmanager
def working(environment: Mapping[str, str]) -> Iterator[Callable[[], object]]:
    """A worker that runs until nothing is due, at each call, with a stand-in for the sender API named in deliveries."""
    os.environ.update(environment)
    settings = load_settings()
    store = open_store(settings.store)
    with store.database.write() as connection:
        chosen = select(sources.c.id, sources.c.workspace_id).where(sources.c.adapter == "surveymonkey")
        source, workspace = connection.execute(chosen).one()
        accesses.put(connection, store.vault, workspace, source, Access(TOKEN), actor="example")
        connection.execute(update(jobs).where(jobs.c.kind == FETCH).values(due_at=0))  # attempted before there was a token
    fetching = Fetching(store, Policy(), {"surveymonkey": lambda *_: SurveyMonkeyConnector(http=survey_api)})
    load, errands = cache(loader(settings)), {FETCH: Errand(MAX_ATTEMPTS, fetching.run)}
    yield lambda: Worker(store, settings, load, shipped_rules(), errands=errands).run(once=True)
    store.database.close()


def show(database: Database) -> None:
    """Check that each remaining record is analysed once, and that nothing of deleted ones and no job is left."""
    with database.read() as connection:
        rows = connection.execute(select(records.c.id, records.c.status, records.c.clean)).all()
        analysed = Counter(connection.scalars(select(analyses.c.record_id)))
        left = [tuple(job) for job in connection.execute(select(jobs.c.kind, jobs.c.state))]
    erased = sum(story.gone is not None for story in stories.STORIES.values())
    status = Counter(row.status for row in rows)
    print(f"records {dict(status)}, analyses {analysed.total()}, jobs left {left}")
    faults = {
        "a record is lost or doubled": status != {"analysed": 2 * len(ADAPTERS) - erased, "erased": erased},
        "a record was not analysed exactly once": analysed != Counter(row.id for row in rows if row.status == "analysed"),
        "an older version won": any(stories.OLDER in str(row.clean) for row in rows),
        "a text came back": any(row.clean for row in rows if row.status == "erased"),
        "work was left behind": bool(left),
    }
    if found := [name for name, is_there in faults.items() if is_there]:
        sys.exit("; ".join(found))
    print("every accepted record was analysed exactly once, and what was taken back is gone")


if __name__ == "__main__":
    main()
