"""Tests of counts: exact while few wait, else made beside the request, of which no reader waits for more than the last."""

import time
from pathlib import Path

import pytest

from vocservice.web.desk.tally import Counted, Tally
from web.storing import WORKSPACE
from web.visiting import Office


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def counted(office: Office, tally: Tally) -> Counted:
    return tally.of(office.database, WORKSPACE)


def test_few_are_counted_as_they_are(office: Office) -> None:
    office.record(), office.record()
    found = counted(office, Tally())
    assert found.counts and found.counts.pending == 2 and found.at is None


def test_many_are_counted_beside_the_request(office: Office) -> None:
    office.record(), office.record()
    tally = Tally(few=1, seconds=0)
    assert counted(office, tally) == Counted()
    end = time.monotonic() + 20
    while (found := counted(office, tally)).counts is None and time.monotonic() < end:
        time.sleep(0.02)
    assert found.counts and found.counts.pending == 2 and found.at is not None


def test_a_queue_that_is_not_counted_yet_offers_every_filter(office: Office) -> None:
    office.record(), office.record()
    object.__setattr__(office.app.extensions["vocservice"], "tally", Tally(few=1))
    page = office.browser().page("/desk?label=flags.churn_risk")
    assert "the counts follow" in page.words and "Reason: Repeat contact" in page.words
    assert len([link for link in page.all("a") if "data-line" in link]) == 2
