"""A folder and a database URL in, proof out that what was accepted is analysed exactly once (see end_to_end.sh)."""

import argparse
import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from sqlalchemy import func, select, update

from vocservice.cli.webhook import post
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
from vocservice.store.schema import analyses, inbox, jobs, records, sources
from vocservice.text.rules import shipped_rules

PORT = 8017
BASE = f"http://127.0.0.1:{PORT}"
VOC = (sys.executable, "-m", "vocservice")
SECRET = "secret-of-the-example"
SECRETS = {"standard_webhooks": "whsec_" + base64.b64encode(SECRET.encode() * 2).decode(), "surveymonkey": f"client-0001&{SECRET}"}
TOKEN = "token-of-the-example"
SECONDS = 180


def main() -> None:
    """Run one scenario and say what it showed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("folder", "store", "redis"):
        arguments.add_argument(f"--{name}", default="")
    given = arguments.parse_args()
    Path(given.folder).mkdir(parents=True)
    environment = environment_of(Path(given.folder), given.store, given.redis)
    voc(environment, "init")
    urls = {name: add_source(environment, name) for name in ADAPTERS}
    ordered = add_source(environment, "generic", "in-order", options={"id": "/id", "text": ["/text"], "updated_at": "/updated"})
    server = subprocess.Popen([*VOC, "serve", "--bind", f"127.0.0.1:{PORT}", "--no-worker"], env=environment)
    try:
        wait_for(f"{BASE}/readyz", server)
        accepted = send_all(urls)
        send_reordered(ordered)
        print(f"accepted {accepted} deliveries of {len(urls)} adapters, each of the first ones twice")
        kill_a_worker(environment)
        work_off(environment)
        show(Database(given.store), accepted)
    finally:
        server.send_signal(signal.SIGTERM)
        print(f"server stopped with exit code {server.wait(60)}")


def environment_of(folder: Path, store: str, redis: str) -> dict[str, str]:
    """Short leases, so that the work of a killed worker is soon taken up."""
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
    """One command; its standard output."""
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


def send_all(urls: Mapping[str, str]) -> int:
    """Two samples of every adapter, the first one twice; the number of different deliveries."""
    for name, url in urls.items():
        for number, wanted in ((1, 202), (2, 202)):
            status, answer = post(url, name, secret_of(name), number=number)
            if status != wanted:
                sys.exit(f"{name}: {status} {answer}")
    for name in urls:
        status, answer = post(urls[name], name, secret_of(name), number=1)
        if status not in (200, 202):
            sys.exit(f"{name} again: {status} {answer}")
    return 2 * len(urls)


def send_reordered(url: str) -> None:
    """The newest version first, an older one after it."""
    for day, text in ((3, "The newest words: the driver was kind."), (1, "The oldest words: the parcel is late.")):
        body = json.dumps({"id": "r-1", "text": text, "updated": f"2026-03-0{day}T10:00:00Z"}).encode()
        with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=30) as answer:
            answer.read()


def kill_a_worker(environment: Mapping[str, str]) -> None:
    """A worker that dies as by `kill -9` between analysis and commit."""
    done = subprocess.run([*VOC, "worker", "--once"], env={**environment, "VOC_FAILPOINT": "after_analysis_before_commit"}, check=False)
    if done.returncode != -signal.SIGKILL:
        sys.exit(f"the worker was to be killed and ended with {done.returncode}")
    print("a worker was killed between analysis and commit")
    time.sleep(4)


def survey_api(url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """What SurveyMonkey would answer to one that asks for a response with the token of the source."""
    response = url.partition("/responses/")[2].partition("/")[0]
    if headers.get("Authorization") != f"Bearer {TOKEN}" or not response:
        return 401, b"{}"
    question = {"id": "q1", "heading": "What could be better?", "answers": [{"text": "The courier left my parcel in the rain."}]}
    body = {"id": response, "survey_id": "300", "date_modified": "2026-03-01T10:00:00+00:00", "pages": [{"questions": [question]}]}
    return 200, json.dumps(body).encode()


def work_off(environment: Mapping[str, str]) -> None:
    """A worker until nothing is due, with a stand-in for the one API that deliveries tell to ask."""
    os.environ.update(environment)
    settings = load_settings()
    store = open_store(settings.store)
    with store.database.write() as connection:
        source, workspace = connection.execute(
            select(sources.c.id, sources.c.workspace_id).where(sources.c.adapter == "surveymonkey")
        ).one()
        accesses.put(connection, store.vault, workspace, source, Access(TOKEN), actor="example")
        connection.execute(update(jobs).where(jobs.c.kind == FETCH).values(due_at=0))  # tried before there was a token
    fetching = Fetching(store, Policy(), {"surveymonkey": lambda *_: SurveyMonkeyConnector(http=survey_api)})
    errands = {FETCH: Errand(MAX_ATTEMPTS, fetching.run)}
    Worker(store, settings, loader(settings), shipped_rules(), errands=errands).run(once=True)
    store.database.close()


def show(database: Database, accepted: int) -> None:
    """As many records as deliveries, the reordered one in its newest version, each analysed once; no job is left."""
    with database.read() as connection:
        status = Counter(connection.scalars(select(records.c.status)))
        several = connection.execute(select(analyses.c.record_id).group_by(analyses.c.record_id).having(func.count() > 1)).all()
        current = connection.scalar(select(func.count()).select_from(analyses).where(analyses.c.is_current))
        left = connection.execute(select(jobs.c.kind, jobs.c.state)).all()
        kept = connection.scalar(select(func.count()).select_from(inbox))
        newest = connection.scalar(select(records.c.clean).where(records.c.source_record == "r-1"))
    print(f"inbox {kept}, records {dict(status)}, current analyses {current}, jobs left {[tuple(job) for job in left]}")
    faults = {
        "a record was analysed twice": bool(several),
        "a record is lost, doubled or not analysed": status != {"analysed": accepted + 1},
        "not every record has one analysis": current != accepted + 1,
        "work was left behind": bool(left),
        "a delivery was lost or doubled": kept is None or kept < accepted,
        "an older version won": "newest words" not in str(newest),
    }
    if found := [name for name, is_there in faults.items() if is_there]:
        sys.exit("; ".join(found))
    print("every accepted record was analysed exactly once")


if __name__ == "__main__":
    main()
