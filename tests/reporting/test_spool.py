"""Tests of rows on disk: they come back as they were, give the same report, and memory does not grow with their words."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from reporting.made import TAXONOMY, TODAY, row, varied
from vocservice.records import Evidence
from vocservice.reporting import spool as module
from vocservice.reporting.report import Wish, make_report, report_of
from vocservice.reporting.rows import Fetched, Origin, Reading, Row, Score
from vocservice.reporting.spool import Spool

WISH = Wish(today=TODAY)


def told(rows: list[Row], words: str = "") -> Iterator[tuple[dict[str, Any], Origin, bytes]]:
    """The analyses that rows come from."""
    for one in rows:
        labels = {name: [label.to_dict() for label in getattr(one, name)] for name in ("stages", "factors")}
        analysis = {"id": one.id, "status": "ok", "text": (one.texts[0] if one.texts else "") + words, **labels}
        plain = {"flags": [], "sentiment": {"level": one.level, "score": one.sentiment} if one.level is not None else None}
        score = {"kind": one.score.kind, "value": one.score.value, "scale": one.score.scale} if one.score else None
        at = one.at.isoformat() if one.at else None
        scope = {"key": one.scope} if one.scope else None
        named = {"scope": scope, "model": one.model, "taxonomy": one.taxonomy}
        yield {**analysis, **plain, **named}, Origin(at, one.channel, one.subject, score), one.vector


def filled(rows: list[Row], words: str = "") -> Spool:
    made = Spool()
    made.fill(told(rows, words))
    return made


def test_rows_come_back_as_they_were() -> None:
    odd = row(1, "use recovery", "courtesy+ technology-", at=date(2025, 1, 6), score=Score("nps", 9.0, 10.0), segments={"shop": "N\udc80"})
    whole = replace(
        odd, texts=("one", "two \u2028"), flags=("churn_risk",), level=-2, sentiment=-0.5, vector=bytes(range(256)), outcome="resolved"
    )
    bare = Row(id="")
    with Spool() as made:
        for one in (whole, bare):
            made._add(one)
        assert (len(made), made[0], made[1]) == (2, whole, bare)
        assert made.many([1, 0]) == {0: whole, 1: bare} and isinstance(made, Fetched)
        assert isinstance(made[0].factors[0].evidence[0], Evidence) and made.taxonomies == {TAXONOMY.id}


@pytest.mark.parametrize("at_once", [1, 7, 20_000])
def test_the_report_is_the_same_as_of_rows_in_memory(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    with filled(varied(120)) as made:
        rows = [made[at] for at in range(len(made))]
        found = report_of(made.columns(TAXONOMY).frame(), made, {}, WISH)
    assert found.to_dict() == make_report(Reading(tuple(rows)), TAXONOMY, WISH).to_dict()
    assert found.headlines.records == 120


def test_what_is_no_analysis_is_counted_and_an_empty_input_is_a_report() -> None:
    with Spool() as made:
        made.fill([({"status": "rejected", "error": {"code": "empty_text"}}, Origin(), b""), (3, Origin(), b"")])
        assert dict(made.skipped) == {"empty_text": 1, "invalid_type": 1}
        assert report_of(made.columns(TAXONOMY).frame(), made, made.skipped, WISH).headlines.records == 0


def test_memory_does_not_grow_with_the_words() -> None:
    peaks = []
    for words in ("", " and more words" * 500):
        tracemalloc.start()
        with filled(varied(400), words) as made:
            made.columns(TAXONOMY)
            peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from vocservice.errors import OutputError

    class Full:
        def write(self, _: bytes) -> None:
            raise OSError(28, "No space left on device")

    made = Spool()
    made._file.close()
    monkeypatch.setattr(made, "_file", Full())
    with pytest.raises(OutputError, match="TMPDIR"):
        made.fill(told(varied(3)))
