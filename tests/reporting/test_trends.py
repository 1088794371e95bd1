"""Tests of trends: what stands out, what does not, the split of a change, and days that cannot be."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocservice.reporting.expected import History, expected_value
from vocservice.reporting.findings import anomalies_of
from vocservice.reporting.followed import followed
from vocservice.reporting.frame import Codes
from vocservice.reporting.measures import NET, NPS, SENTIMENT
from vocservice.reporting.rows import Row, Score
from vocservice.reporting.slots import Seen
from vocservice.reporting.stats import benjamini_hochberg
from vocservice.reporting.trends import Series, dates_of, handovers_of, kitagawa, periods, series_of, splits

from .made import MONDAY, frame, report, row, rows


def week(number: int, n: int, negative: int) -> list[Row]:
    """The records of one week, spread over its days; so many of them negative."""
    start = MONDAY + timedelta(days=7 * number)
    return [row(1000 * number + at, level=-1 if at < negative else 1, at=start + timedelta(days=at % 7)) for at in range(n)]


def series(found: list[list[Row]], figure: str = "negative sentiment") -> Series:
    return next(one for one in series_of(frame(*found), buckets=("week",)) if one.figure == figure)


def test_a_week_far_from_the_weeks_before_stands_out() -> None:
    usual = [week(number, 60, 20 + number % 3) for number in range(10)]
    found = series([*usual, week(10, 60, 45)])
    assert [(point.start, point.verdict) for point in found.anomalies] == [(MONDAY + timedelta(days=70), "high")]
    assert series([*usual, week(10, 60, 3)]).anomalies[0].verdict == "low"
    assert series([*usual, week(10, 60, 22)]).anomalies == ()


def test_an_unsteady_past_widens_what_is_expected() -> None:
    steady = series([week(number, 60, 20) for number in range(9)]).points[-1]
    unsteady = series([week(number, 60, 5 if number % 2 else 35) for number in range(9)]).points[-1]
    assert steady.low is not None and steady.high is not None and unsteady.low is not None and unsteady.high is not None
    assert unsteady.high - unsteady.low > 1.5 * (steady.high - steady.low)


def test_few_records_or_a_short_past_are_not_tested() -> None:
    short = series([week(number, 60, 20) for number in range(4)])
    small = series([week(number, 9, 3) for number in range(12)])
    assert {point.verdict for point in (*short.points, *small.points)} == {"unknown"}


def test_a_crowd_stands_out_and_a_week_that_is_cut_off_does_not() -> None:
    usual = [week(number, 50 + number % 4, 10) for number in range(10)]
    assert [point.verdict for point in series([*usual, week(10, 150, 30)], "records").points][-1] == "high"
    cut = series([*usual, week(10, 3, 1)], "records").points[-1]
    assert cut.is_partial and cut.verdict == "unknown"


@pytest.mark.parametrize(("is_kept", "verdict"), [(False, "unknown"), (True, "low")], ids=["day in progress", "period that is over"])
def test_the_day_in_progress_is_no_low(is_kept: bool, verdict: str) -> None:
    """Early on a day few records are there; at the end of a kept period the same few are all there are."""
    last = MONDAY + timedelta(days=40)
    found = [rows(30 + number % 3, start=100 * number, at=MONDAY + timedelta(days=number)) for number in range(40)]
    made = report(*found, rows(3, start=9000, at=last), today=last, is_kept=is_kept)
    volume = next(one for one in made.series if (one.figure, one.bucket) == ("records", "day"))
    assert volume.points[-1].start == last
    assert (volume.points[-1].is_partial, volume.points[-1].verdict) == (not is_kept, verdict)


@pytest.mark.parametrize(
    ("silent", "is_live", "weeks"),
    [(21, True, 14), (21, False, 11), (56, True, 19), (57, True, 11), (0, True, 11)],
    ids=["three weeks", "a file ends", "eight weeks", "long ago", "none"],
)
def test_a_feed_that_dies_is_told(silent: int, is_live: bool, weeks: int) -> None:
    """Eleven weeks of some fifty records, then none."""
    usual = [week(number, 50 + number % 4, 10) for number in range(11)]
    until = MONDAY + timedelta(days=76 + silent)
    found = series_of(frame(*usual), buckets=("week",), whole_until=until, is_live=is_live)
    volume = next(one for one in found if one.figure == "records")
    assert len(volume.points) == weeks and {len(one.points) for one in found} == {weeks}
    told = [(point.start, point.n, point.verdict) for point in volume.anomalies]
    assert told[:1] == ([(MONDAY + timedelta(days=77), 0, "low")] if weeks > 11 else [])


def test_silent_days_are_in_the_findings_of_a_watch() -> None:
    found = [rows(30 + number % 3, start=100 * number, at=MONDAY + timedelta(days=number)) for number in range(40)]
    said = [one.said for one in anomalies_of(frame(*found), today=MONDAY + timedelta(days=42))]
    assert any(one.startswith(f"Records, day {MONDAY + timedelta(days=41)}: n = 0; expected ") and ", q " in one for one in said)
    assert list(anomalies_of(frame(*found), today=MONDAY + timedelta(days=40))) == []


def test_the_weekday_is_no_anomaly() -> None:
    """Mondays are always bad: a bad Monday is usual, a bad Thursday is not."""
    found = []
    for number in range(63):
        day = MONDAY + timedelta(days=number)
        bad = 24 if day.weekday() == 0 or number == 59 else 6
        found += [row(100 * number + at, level=-1 if at < bad else 1, at=day) for at in range(30)]
    daily = next(one for one in series_of(frame(found), buckets=("day",)) if one.figure == "negative sentiment")
    assert [point.start for point in daily.anomalies] == [MONDAY + timedelta(days=59)]


@pytest.mark.parametrize(("days", "weeks", "shown"), [(400, 58, 91), (10, 2, 10), (1, 1, 1)], ids=["a year", "ten days", "one day"])
def test_there_are_always_weeks_and_the_latest_days_corrected_together(days: int, weeks: int, shown: int) -> None:
    found = series_of(frame([row(number, at=MONDAY + timedelta(days=number)) for number in range(days)]))
    assert {(one.figure, one.bucket): len(one.points) for one in found if one.figure in ("records", "both at once")} == {
        (figure, bucket): count for figure in ("records", "both at once") for bucket, count in (("week", weeks), ("day", shown))
    }


def test_q_pays_for_the_days_too() -> None:
    usual = [week(number, 60, 20 + number % 3) for number in range(10)]
    found = frame(*usual, week(10, 60, 36))
    (alone,), (both,) = (
        [one.points[-1].q for one in series_of(found, buckets=buckets) if (one.figure, one.bucket) == ("negative sentiment", "week")]
        for buckets in (("week",), ("week", "day"))
    )
    assert alone is not None and both is not None and both > alone


def test_one_old_record_does_not_make_a_thousand_weeks() -> None:
    assert len(series([[row(at=date(1970, 1, 1))], week(0, 20, 5)]).points) == 104


def test_days_after_today_and_no_days_are_counted_apart() -> None:
    found = frame(rows(2, at=MONDAY), rows(3), rows(1, at=date(2099, 1, 1)))
    dates = dates_of(found, today=date(2025, 6, 1))
    assert (dates.dated, dates.undated, dates.future, dates.first, dates.last) == (2, 3, 1, MONDAY, MONDAY)
    assert series_of(frame(rows(3))) == ()


def codes(names: list[str]) -> Codes:
    known = tuple(sorted(set(names)))
    return Codes(known, np.array([known.index(name) for name in names], dtype=np.int64))


def test_kitagawa_by_hand() -> None:
    """Chat from half to a fifth of the records, its rate from .2 to .4; e-mail's stays .6."""
    before = np.array([1.0] + [0.0] * 4 + [1.0] * 3 + [0.0] * 2), codes(["chat"] * 5 + ["email"] * 5)
    after = np.array([0.4, 0.4] + [0.6] * 8), codes(["chat"] * 2 + ["email"] * 8)
    found = kitagawa("x", before, after)
    assert found is not None
    assert (found.before, found.after) == (pytest.approx(0.4), pytest.approx(0.56))
    assert found.mix == pytest.approx(-0.3 * 0.3 + 0.3 * 0.6) and found.rate == pytest.approx(0.35 * 0.2)


@given(*[st.lists(st.tuples(st.floats(-5, 5), st.sampled_from(["a", "b", "c", "d"])), min_size=1, max_size=20)] * 2)
def test_mix_and_rate_sum_to_the_change(before: list[tuple[float, str]], after: list[tuple[float, str]]) -> None:
    sides = [(np.array([value for value, _ in side]), codes([name for _, name in side])) for side in (before, after)]
    found = kitagawa("x", *sides)
    assert found is not None and found.mix + found.rate == pytest.approx(found.change, abs=1e-9)


def test_a_side_without_records_has_no_split() -> None:
    assert kitagawa("x", (np.array([]), codes([])), (np.array([1.0]), codes(["a"]))) is None
    assert splits(frame(), frame(), followed(frame(), frame())) == ()


def test_a_channel_that_is_new_is_all_mix() -> None:
    found = kitagawa("x", (np.array([0.0, 0.0]), codes(["a", "a"])), (np.array([0.0, 1.0]), codes(["a", "b"])))
    assert found is not None and (found.mix, found.rate) == (pytest.approx(0.5), 0.0)


def test_another_model_is_marked_with_its_first_day() -> None:
    found = frame(rows(3, at=MONDAY, model="m-1"), rows(3, at=MONDAY + timedelta(days=3), model="m-2"), rows(1, model="m-3"))
    assert [(one.day, one.kind, one.before, one.after) for one in handovers_of(found)] == [
        (MONDAY + timedelta(days=3), "model", "m-1", "m-2")
    ]


def test_periods_need_records_on_both_sides() -> None:
    assert periods(frame(rows(9, at=MONDAY))) is None
    assert periods(frame(rows(9))) is None
    masks = periods(frame(rows(5, at=MONDAY), rows(6, at=MONDAY + timedelta(days=28))))
    assert masks is not None and [int(mask.sum()) for mask in masks] == [5, 6]


@pytest.mark.parametrize(("has_year", "verdict"), [(False, "high"), (True, "usual")], ids=["no year before", "the same a year ago"])
def test_a_season_that_comes_every_year_is_no_anomaly(has_year: bool, verdict: str) -> None:
    """Blame rises to a half in three weeks of each year; one that has seen it before expects it."""
    weeks = range(80) if has_year else range(40, 80)
    found = []
    for week in weeks:
        blamed = 50 if week % 52 in (22, 23, 24) else 10
        day = MONDAY + timedelta(weeks=week)
        found += rows(blamed, "use", "fulfilment-", start=week * 1000, at=day) + rows(100 - blamed, "use", start=week * 1000 + 500, at=day)
    series = next(one for one in series_of(frame(found), buckets=("week",)) if one.figure == "fulfilment-")
    start = MONDAY + timedelta(weeks=52 + 22)
    assert next(point.verdict for point in series.points if point.start == start) == verdict


def scored(number: int, scores: list[float], kind: str = "stars", *, customers: int | None = None) -> list[Row]:
    """The scores of one week, a customer each or of so many in turn."""
    start = MONDAY + timedelta(days=7 * number)
    who = [f"c{number}-{at % (customers or len(scores))}" for at in range(len(scores))]
    return [
        row(1000 * number + at, score=Score(kind, value, None), at=start + timedelta(days=at % 7), subject=who[at])
        for at, value in enumerate(scores)
    ]


@pytest.mark.parametrize(
    ("kind", "figure", "usual", "bad", "value", "bounds"),
    [
        ("stars", "mean stars (1 to 5)", [4.0, 5.0, 5.0, 3.0], [1.0, 2.0], 1.5, (1.0, 5.0)),
        ("ces", "mean ces (1 to 7)", [6.0, 7.0, 5.0, 6.0], [1.0, 3.0], 2.0, (1.0, 7.0)),
        ("csat", "mean csat (1 to 5)", [4.0, 5.0, 5.0, 3.0], [1.0, 2.0], 1.5, (1.0, 5.0)),
        ("nps", NPS, [9.0, 10.0, 8.0, 9.0], [2.0, 9.0, 5.0], -1 / 3, (-1.0, 1.0)),
    ],
)
def test_each_kind_of_score_has_a_series_in_its_own_unit_and_a_bad_week_stands_out(
    kind: str, figure: str, usual: list[float], bad: list[float], value: float, bounds: tuple[float, float]
) -> None:
    weeks = [scored(number, usual * 15, kind) for number in range(10)]
    found = series([*weeks, scored(10, bad * (60 // len(bad)), kind)], figure)
    assert [(point.start, point.verdict) for point in found.anomalies] == [(MONDAY + timedelta(days=70), "low")]
    last = found.points[-1]
    assert (last.n, last.hits, last.customers, last.estimate.n) == (60, 60, 60, 60) and last.estimate.value == pytest.approx(value)
    assert found.bounds == bounds and last.low is not None and last.high is not None and bounds[0] <= last.low < last.high <= bounds[1]
    assert last.estimate.low is not None and last.estimate.high is not None and last.estimate.low < value < last.estimate.high
    assert series([*weeks, scored(10, usual * 15, kind)], figure).anomalies == ()


def test_net_and_mean_sentiment_have_a_series_and_a_score_that_nobody_gave_has_none() -> None:
    found = {one.figure: one for one in series_of(frame(*(week(number, 60, 20) for number in range(3))), buckets=("week",))}
    assert [point.estimate.value for point in found[NET].points] == [pytest.approx(1 / 3)] * 3
    assert found[SENTIMENT].kind == "mean" and NPS not in found and not any("stars" in name for name in found)


def test_a_score_of_equal_values_is_not_sure_of_the_next() -> None:
    """One four among fives is no alarm, though nobody gave one before."""
    weeks = [scored(number, [5.0] * 40) for number in range(9)]
    assert series([*weeks, scored(9, [5.0] * 39 + [4.0])], "mean stars (1 to 5)").anomalies == ()
    assert series([*weeks, scored(9, [5.0] * 20 + [1.0] * 20)], "mean stars (1 to 5)").anomalies[0].verdict == "low"


def test_a_customer_who_writes_forty_times_makes_no_anomaly_and_the_interval_knows() -> None:
    usual = [week(number, 60, 20 + number % 3) for number in range(10)]
    loud = [row(20_000 + at, level=-1, at=MONDAY + timedelta(days=70), subject="loud") for at in range(40)]
    rest = week(10, 20, 7)
    found = series([*usual, [*loud, *rest]])
    last = found.points[-1]
    assert (last.hits, last.n, last.customers, last.verdict) == (47, 60, 21, "usual")
    assert last.estimate.low is not None and last.estimate.high is not None and last.estimate.high - last.estimate.low > 0.5
    many = series([*usual, [*(row(20_000 + at, level=-1, at=MONDAY + timedelta(days=70)) for at in range(40)), *rest]])
    assert many.points[-1].verdict == "high"


def test_few_customers_are_not_tested_however_much_they_write() -> None:
    usual = [week(number, 60, 20) for number in range(10)]
    nine = [row(20_000 + at, level=-1, at=MONDAY + timedelta(days=70), subject=f"n{at % 9}") for at in range(60)]
    assert series([*usual, nine]).points[-1].verdict == "unknown"


def alarms(seed: int, *, unsteady: float, odd: float | None = None) -> tuple[int, bool]:
    """Of twelve shares over forty weeks of a hundred records, how many points stand out, and whether the odd one does."""
    draw, weeks = np.random.default_rng(seed), 40
    pasts = [[week for week in range(at - 1, at - 9, -1) if week >= 0] for at in range(weeks)]
    found = []
    for at in range(12):
        n = draw.poisson(100, weeks).astype(float)
        rates = draw.beta(0.3 * (1 / unsteady - 1), 0.7 * (1 / unsteady - 1), weeks) if unsteady else np.full(weeks, 0.3)
        if odd and not at:
            rates[30] = odd
        hits = draw.binomial(n.astype(int), rates).astype(float)
        seen = Seen(n, hits, hits, n, hits, n, np.zeros(weeks))
        history = History.of_shares(hits, n, pasts)
        found += [expected_value(seen, history, week, past, ([], []), is_share=True) for week, past in enumerate(pasts)]
    q = benjamini_hochberg([one.p if one else None for one in found])
    return sum(value <= 0.05 for value in q), q[30] <= 0.05


@pytest.mark.parametrize("unsteady", [0.0, 0.005, 0.02], ids=["chance alone", "somewhat", "quite"])
def test_shares_that_go_up_and_down_by_themselves_hardly_ever_stand_out_and_one_clear_week_does(unsteady: float) -> None:
    assert sum(alarms(seed, unsteady=unsteady)[0] > 0 for seed in range(20)) <= 3
    assert sum(alarms(seed, unsteady=unsteady, odd=0.85)[1] for seed in range(20)) >= 17


def test_a_mean_of_scores_is_no_surer_than_they_are() -> None:
    """Forty weeks of thirty stars, most of them five: the lopsided tail makes no alarms."""
    draw = np.random.default_rng(5)
    weeks = [scored(number, draw.choice([1.0, 4.0, 5.0], 30, p=[0.08, 0.12, 0.8]).tolist()) for number in range(40)]
    assert series(weeks, "mean stars (1 to 5)").anomalies == ()


def test_a_crowd_after_weeks_without_any_record_is_no_fault() -> None:
    """The latest hundred weeks begin with nothing: no week before the crowd has a past to vary about."""
    found = series([[row(at=MONDAY - timedelta(weeks=200))], week(0, 60, 20), week(1, 50, 20), week(2, 55, 20)], "records")
    assert [(point.n, point.verdict) for point in found.points][-3:-1] == [(60, "unknown"), (50, "high")]
