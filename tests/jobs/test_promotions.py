"""Tests of promotions: what serves, what a preview shows, how the history follows, and the way back."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest
from builders import FakePipeline
from commands import Voc
from sqlalchemy import delete, func, select

from vocservice import api
from vocservice.api import Analyser
from vocservice.errors import InputError
from vocservice.jobs.errands import Errand
from vocservice.jobs.reanalysis import Reanalysis, preview
from vocservice.records import Analysis, Label, RawVerbatim, Rejected, Result
from vocservice.settings import Settings
from vocservice.store.analysed import promotions
from vocservice.store.analysed.promotions import REANALYSE
from vocservice.store.jobs import Job
from vocservice.store.opened import Store
from vocservice.store.schema import analyses, audit, reviews
from vocservice.taxonomy import load_taxonomy

from .stores import add, add_transcript, analyses_each, job_states, make_due, statuses, worker_of

OLD, NEW = "old-1", "new-1"


class NewPipeline(FakePipeline):
    """Gives `advocacy` where the fake gives `use`."""

    def analyse(self, records: Iterable[RawVerbatim | Rejected], **_: object) -> Iterator[Result]:
        for found in super().analyse(records):
            yield replace(found, stages=(Label("advocacy", 0.8), *found.stages[1:])) if isinstance(found, Analysis) else found


ANALYSERS = {OLD: Analyser(FakePipeline(), OLD, load_taxonomy()), NEW: Analyser(NewPipeline(), NEW, load_taxonomy())}


def work(store: Store, settings: Settings, *, page: int = 3) -> None:
    """All that is due, the history included."""
    settings = settings.model_copy(update={"bundle": OLD})
    errands = {REANALYSE: Errand(20, Reanalysis(store, page=page, pause=0.0).run)}
    worker_of(store, settings, ANALYSERS.__getitem__, errands=errands).run(once=True)


def promote(store: Store, name: str) -> None:
    with store.database.write() as connection:
        promotions.promote(connection, name, model=name, actor="test", instead_of=OLD)


def current(store: Store) -> dict[str, int]:
    """How many records have their current analysis by each bundle."""
    with store.database.read() as connection:
        counted = select(analyses.c.bundle, func.count()).where(analyses.c.is_current).group_by(analyses.c.bundle)
        return {row[0]: row[1] for row in connection.execute(counted)}


def test_the_history_follows_a_promotion_and_old_analyses_are_kept(store: Store, settings: Settings) -> None:
    add(store, *(f"text {number}" for number in range(10)))
    work(store, settings)
    assert current(store) == {OLD: 10}
    promote(store, NEW)
    add(store, "came later", name="later")
    work(store, settings)
    assert current(store) == {NEW: 11}
    assert sorted(analyses_each(store)) == [1] + [2] * 10
    assert job_states(store) == [] and job_states(store, REANALYSE) == []


def test_a_roll_back_needs_no_model_for_what_was_analysed_before(store: Store, settings: Settings) -> None:
    add(store, "one", "two")
    add_transcript(store, "It crashed.", "Sorry.")
    work(store, settings)
    promote(store, NEW)
    work(store, settings)
    with store.database.read() as connection:
        assert promotions.previous(connection) == OLD
    with store.database.write() as connection:
        connection.execute(delete(reviews))
    promote(store, OLD)
    while job_states(store, REANALYSE):
        make_due(store)
        worker_of(store, settings, lambda _: pytest.fail("no model is needed"), errands={REANALYSE: Errand(20, Reanalysis(store).run)})
        claimed = worker_of(store, settings, errands={REANALYSE: Errand(20, Reanalysis(store).run)})
        claimed._errands.turn()
        claimed._errands.finish()
    assert current(store) == {OLD: 3} and job_states(store) == []
    assert set(analyses_each(store)) == {2}
    with store.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(reviews)) == 3  # the queue follows what is current


def test_a_newer_promotion_ends_the_way_through_the_history_of_the_one_before(store: Store, settings: Settings) -> None:
    add(store, *(f"text {number}" for number in range(10)))
    work(store, settings)
    promote(store, NEW)
    promote(store, OLD)
    work(store, settings)
    assert current(store) == {OLD: 10} and set(analyses_each(store)) == {1}


class Slow(FakePipeline):
    """Something happens before its results are there."""

    def __init__(self, meanwhile: Callable[[], None]):
        super().__init__()
        self.meanwhile = meanwhile

    def analyse(self, records: Iterable[RawVerbatim | Rejected], **_: object) -> Iterator[Result]:
        given = list(records)
        self.meanwhile()
        yield from super().analyse(given)


def test_a_worker_that_is_late_with_the_bundle_before_overwrites_nothing(store: Store, settings: Settings) -> None:
    """While it analyses, another bundle is promoted, and another worker goes through the whole history with it."""
    add(store, "one", "two", "three")
    before = settings.model_copy(update={"bundle": OLD})

    def promoted() -> None:
        promote(store, NEW)
        work(store, settings)

    slow = {**ANALYSERS, OLD: Analyser(Slow(promoted), OLD, load_taxonomy())}
    worker_of(store, before, slow.__getitem__).run(once=True)
    assert current(store) == {NEW: 3} and set(analyses_each(store)) == {1} and job_states(store) == []


def test_what_comes_in_behind_the_walk_through_the_history_has_the_bundle_that_serves(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker has looked which bundle serves, and takes its work only then."""
    late = worker_of(store, settings.model_copy(update={"bundle": OLD}), ANALYSERS.__getitem__)
    claim, begun = late._claim, list[str]()

    def claimed() -> list[Job]:
        if not begun:
            begun.append(NEW)
            promote(store, NEW)
            work(store, settings)
            add(store, "came in behind")
        return claim()

    monkeypatch.setattr(late, "_claim", claimed)
    late.run(once=True)
    assert current(store) == {NEW: 1} and job_states(store) == []


def test_a_worker_with_a_bundle_of_its_own_keeps_what_it_made(store: Store, settings: Settings) -> None:
    add(store, "one")
    promote(store, NEW)
    worker_of(store, settings, ANALYSERS.__getitem__, bundle=OLD, errands={}).run(once=True)
    assert current(store) == {OLD: 1}


def test_new_feedback_does_not_wait_behind_the_history(store: Store, settings: Settings) -> None:
    add(store, *(f"text {number}" for number in range(12)))
    work(store, settings)
    promote(store, NEW)
    walker = Errand(20, Reanalysis(store, page=4, pause=0.0).run)
    worker = worker_of(store, settings, ANALYSERS.__getitem__, errands={REANALYSE: walker})
    for _ in range(5):
        worker._errands.turn()
        worker._errands.finish()
    assert len(job_states(store)) == 4


def test_a_promotion_is_audited_and_the_first_one_can_be_taken_back(store: Store) -> None:
    with store.database.read() as connection, pytest.raises(InputError):
        promotions.previous(connection)
    promote(store, NEW)
    with store.database.read() as connection:
        assert (promotions.serving(connection), promotions.previous(connection)) == (NEW, OLD)
        row = connection.execute(select(audit).where(audit.c.action == "bundle.promote")).one()
    assert (row.target, row.details) == (NEW, {"before": OLD})


def test_a_preview_counts_labels_gained_and_lost_and_writes_nothing(store: Store, settings: Settings) -> None:
    add(store, "one", "two", "three")
    add_transcript(store, "It crashed.", "Sorry.")
    work(store, settings)
    with store.database.read() as connection:
        drawn = promotions.sample(connection, 10)
        assert len(promotions.sample(connection, 2)) == 2
    same, other = preview(drawn, ANALYSERS[OLD]), preview(drawn, ANALYSERS[NEW])
    assert (same.records, same.unchanged, same.moved) == (4, 4, ())
    assert other.unchanged == 0
    assert [(one.label, one.gained, one.lost) for one in other.moved] == [("stages.advocacy", 4, 0), ("stages.use", 0, 4)]
    assert current(store) == {OLD: 4}


def test_the_commands_preview_promote_and_roll_back(store: Store, settings: Settings, voc: Voc, monkeypatch: pytest.MonkeyPatch) -> None:
    from vocservice.cli import promote as command

    mine = settings.model_copy(update={"bundle": OLD})
    monkeypatch.setattr(command, "load_settings", lambda: mine)
    monkeypatch.setattr(api, "bundles", lambda: [OLD, NEW])
    monkeypatch.setattr(api, "load", lambda name, **_: ANALYSERS[name])
    add(store, "one", "two")
    work(store, settings)
    shown = json.loads(voc("promote", NEW, "--preview", "--sample", "5", "--json").out)
    assert shown["records"] == 2 and shown["moved"][0] == {"label": "stages.advocacy", "gained": 2, "lost": 0}
    with store.database.read() as connection:
        assert promotions.serving(connection) is None
    assert "+2 -0" in voc("promote", NEW, "--preview").out
    assert voc("promote", NEW).code == 0
    work(store, settings)
    assert current(store) == {NEW: 2}
    assert voc("rollback").code == 0
    work(store, settings)
    assert current(store) == {OLD: 2} and statuses(store) == {"r-0": "analysed", "r-1": "analysed"}
