"""A store with many flagged transcripts in, milliseconds of the desk's pages out, compared with an almost empty desk.

    python -m benchmarks.desk [--records 100000] [--decided 0.05] [--rounds 20] [--store URL]

Server time: the application is called in this process, without a network. Besides wall time it reports CPU
time of this process (on SQLite that is everything), which other load does not affect. The store is created in a
temporary folder; with `--store` it is an existing empty database, such as one of PostgreSQL.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import insert

from vocservice.chunks import chunked
from vocservice.reporting.recovery import blamed, is_unfixed
from vocservice.settings import HttpLimits, Settings, StoreSettings
from vocservice.store import migrate, schema
from vocservice.store.accounts import users
from vocservice.store.database import Database, now
from vocservice.store.ids import new_id
from vocservice.store.review import annotations, urgency
from vocservice.store.sealing import new_key

WORKSPACE, PASSWORD = "ws_desk", "correct horse battery"
REASONS = ("unresolved_anger", "repeat_contact", "churn_risk", "abandoned", "agent_conduct", "escalation")
SCOPES = ("service_complaint", "experience_issue", "both", "neither")
FACTORS = ("technology", "brand")  # the first of which is mended
FEW = 50
_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds of one page: median, 95th percentile, and median CPU time."""

    page: str
    median: float
    slow: float
    work: float


def result_of(number: int, chance: random.Random) -> dict[str, Any]:
    """The analysis of a made-up transcript."""
    said = ("The app lost my order again and nobody answers.", "Let me look into that for you.", "This is the third time I ask.")
    turns = [
        {"speaker": "agent" if at % 2 else "customer", "text": said[at % 3], "sentiment": None if at % 2 else {"level": -1, "score": -0.4}}
        for at in range(12)
    ]
    reasons = [{"key": key, "probability": round(chance.random(), 4), "evidence": []} for key in chance.sample(REASONS, 2)]
    return {
        "id": f"r-{number}",
        "status": "ok",
        "text": "\n".join(str(turn["text"]) for turn in turns),
        "turns": turns,
        "stages": [{"key": "use", "probability": 0.9, "evidence": []}],
        "factors": [{"key": FACTORS[number % 2], "polarity": "-", "probability": 0.8, "evidence": []}],
        "sentiment": {"level": -1, "score": -0.4, "probabilities": {"-1": 0.6}},
        "scope": {"key": chance.choice(SCOPES), "probability": 0.7, "because": "head:scope", "evidence": []},
        "flags": [{"key": "churn_risk", "probability": round(chance.random(), 4), "evidence": []}],
        "outcome": {"key": "unresolved" if number % 3 else "resolved", "probability": 0.8, "evidence": []},
        "needs_review": {"value": True, "probability": round(chance.uniform(0.5, 1), 4)},
        "reasons": reasons,
        "model": "made-up",
        "taxonomy": "voc/1.0.0",
    }


def fill(database: Database, count: int, *, workspace: str, decided: float = 0.05) -> None:
    """Create flagged transcripts with analyses and queue entries, a share of them decided, and a closed issue."""
    chance = random.Random(7)  # noqa: S311 - made-up data, the same every time
    with database.read() as connection:
        at = now(connection)
        begin = at - timedelta(days=3)
    with database.write() as connection:
        issue = {"id": new_id("iss"), "workspace_id": workspace, "stage": "use", "factor": FACTORS[0], "cause": "", "title": "It"}
        issue |= {"owner": "it", "status": "closed", "evidence": {}, "opened_by": "benchmark", "opened_at": begin, "changed_at": at}
        connection.execute(insert(schema.issues).values(**issue, closed_at=at))
    for numbers in chunked(range(count), _AT_ONCE):
        rows = [_rows(number, chance, workspace, begin + timedelta(seconds=2.5 * number), decided) for number in numbers]
        with database.write() as connection:
            for table in (schema.records, schema.analyses, schema.reviews, schema.review_labels, schema.review_causes):
                connection.execute(insert(table), [values for row in rows for values in row[table.name]])


def _rows(number: int, chance: random.Random, workspace: str, at: Any, decided: float) -> Mapping[str, list[dict[str, Any]]]:
    """The rows of one transcript, by table."""
    result, record_id = result_of(number, chance), new_id("rec")
    labels = urgency.given(result)
    own = {"record_id": record_id, "workspace_id": workspace}
    given = annotations.given_labels(result)
    unfixed = is_unfixed(given["outcome"], given["scope"])
    record = {"id": record_id, "workspace_id": workspace, "source_key": "api", "source_record": f"r-{number}", "channel": "chat"}
    record |= {"revision": 1, "status": "analysed", "is_transcript": True, "received_at": at, "subject_hash": f"s{number // 3}"}
    return {
        "records": [record],
        "analyses": [
            own
            | {"id": new_id("ana"), "revision": 1, "bundle": "made-up", "taxonomy": "voc/1.0.0"}
            | {"is_current": True, "result": result, "created_at": at}
        ],
        "reviews": [
            own
            | {"revision": 1, "urgency": urgency.urgency(labels, urgency.rules()), "scope": result["scope"]["key"], "is_unfixed": unfixed}
            | {"channel": "chat", "entered_at": at, "decided_at": at + timedelta(hours=1) if number % 100 < 100 * decided else None}
        ],
        "review_labels": [{"record_id": record_id, "label": label} for label in urgency.shown(labels)],
        "review_causes": [{"record_id": record_id, "stage": stage, "factor": factor} for stage, factor in blamed(result, given) if unfixed],
    }


def opened(url: str) -> Database:
    """A database with all tables."""
    database = Database(url)
    migrate.upgrade(database)
    return database


def application(database: Database, url: str, *, key: str = "") -> Flask:
    """The service over it, without a model; a reopened store needs the original key."""
    from vocservice.web.app import create_app

    store = StoreSettings(url=SecretStr(url), keys=(SecretStr(key or new_key()),))
    return create_app(None, Settings(store=store, http=HttpLimits(loads_model=False)), database)


def client_of(app: Flask, database: Database, workspace: str) -> FlaskClient:
    """A signed-in support lead, in a new workspace."""
    with database.write() as connection:
        values = {"id": workspace, "name": workspace, "keeps_originals": False, "created_at": now(connection)}
        connection.execute(insert(schema.workspaces).values(**values))
        email = f"{workspace}@example.org"
        users.add(connection, workspace, email=email, name="Ada", role="support_lead", password=PASSWORD, actor="benchmark")
    return signed_in(app, email)


def signed_in(app: Flask, email: str) -> FlaskClient:
    """The user with this address."""
    client = app.test_client()
    token = client.get("/login").text.partition('name="token" value="')[2].partition('"')[0]
    client.post("/login", data={"token": token, "email": email, "password": PASSWORD})
    return client


PAGES = (
    ("queue", "/desk"),
    ("queue, one reason", "/desk?label=reasons.churn_risk"),
    ("queue, one scope", "/desk?scope=both"),
    ("queue, the oldest first", "/desk?sort=oldest"),
    ("queue, only overdue", "/desk?overdue=1"),
    ("queue, decided", "/desk?state=decided"),
    ("queue, recovered while the cause stands", "/desk?unfixed=1"),
    ("the same, decided", "/desk?unfixed=1&state=decided"),
    ("next item (address)", "/desk/next"),
)


def measured(client: FlaskClient, *, rounds: int) -> Iterator[Timed]:
    """Every page of the desk; the next item counts its redirect and its page."""
    for name, path in PAGES:
        yield Timed(name, *_seconds(client, path, rounds))
    yield Timed("next item (with its page)", *_seconds(client, "/desk/next", rounds, follows=True))


def _seconds(client: FlaskClient, path: str, rounds: int, *, follows: bool = False) -> tuple[float, float, float]:
    found, worked = [], []
    for _ in range(rounds + 1):
        began, busy = time.perf_counter(), time.thread_time()
        answer = client.get(path, follow_redirects=follows)
        found.append(1000 * (time.perf_counter() - began))
        worked.append(1000 * (time.thread_time() - busy))
        if answer.status_code not in (200, 302):
            raise RuntimeError(f"{path} answered {answer.status_code}")
    kept = sorted(found[1:])  # the first one compiles the template
    return statistics.median(kept), kept[min(len(kept) - 1, int(0.95 * len(kept)))], statistics.median(worked[1:])


def report(many: Sequence[Timed], few: Sequence[Timed], *, records: int) -> str:
    """A table of both."""
    head = f"| page | {records:,} flagged: median ms | 95 of 100 below | processor ms | {FEW} flagged: median ms | processor ms |"
    pairs = zip(many, few, strict=True)
    rows = (f"| {a.page} | {a.median:.0f} | {a.slow:.0f} | {a.work:.0f} | {b.median:.0f} | {b.work:.0f} |" for a, b in pairs)
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|", *rows])


@click.command(help=__doc__)
@click.option("--records", default=100_000, show_default=True)
@click.option("--decided", default=0.05, show_default=True, help="Share of them that somebody decided on.")
@click.option("--rounds", default=20, show_default=True)
@click.option("--store", default="", help="URL of an empty database; a temporary SQLite file by default.")
def main(records: int, decided: float, rounds: int, store: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = store or f"sqlite:///{Path(folder) / 'voc.db'}"
        database = opened(url)
        app = application(database, url)
        few, many = client_of(app, database, "ws_few"), client_of(app, database, WORKSPACE)
        fill(database, FEW, workspace="ws_few")
        began = time.perf_counter()
        fill(database, records, workspace=WORKSPACE, decided=decided)
        click.echo(f"{records:,} records made in {time.perf_counter() - began:.0f} s", err=True)
        found = [list(measured(client, rounds=rounds)) for client in (many, few)]
        click.echo(report(*found, records=records))
        database.close()


if __name__ == "__main__":
    main()
