"""Tests of drivers: effects that were put in are found, parts of R² sum to it, and little data gives no answer."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vocservice.errors import InputError
from vocservice.reporting.drivers import NPS, POOLED, Driver, drivers_by_kind, drivers_of_answers, find_drivers, lmg
from vocservice.reporting.gist import gist
from vocservice.reporting.page import render
from vocservice.reporting.rows import Row, Score
from vocservice.reporting.words import without_text

from .made import frame, report, row, rows, varied


def by_name(found: tuple[Driver, ...]) -> dict[str, Driver]:
    return {one.term.name: one for one in found}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_effects_that_were_put_in_are_within_the_interval(seed: int) -> None:
    found = by_name(find_drivers(frame(varied(2000, seed=seed, score=None))).drivers)
    for name, effect in {"fulfilment-": -3.0, "courtesy+": 1.0}.items():
        slack = 0.15  # rounding and the ends of the scale bend the truth a little
        assert found[name].low - slack <= effect <= found[name].high + slack
        assert found[name].is_clear
    assert abs(found["price_value-"].impact) < 0.4


def test_what_it_would_be_without_it_is_impact_times_share() -> None:
    found = find_drivers(frame(varied(1000, score=None)), segments=["region"])
    one = by_name(found.drivers)["fulfilment-"]
    assert one.without == pytest.approx(-one.impact * one.share) and one.without_low <= one.without <= one.without_high
    assert one.without == pytest.approx(0.9, abs=0.25)
    assert found.unit == "score (0 to 10)" and found.controls == ("channel", "region")
    assert one.quadrant == "fix first" and by_name(found.drivers)["courtesy+"].quadrant is None


def test_parts_and_controls_sum_to_r_squared() -> None:
    found = find_drivers(frame(varied(1000)))
    assert found.r_squared is not None and found.controls_r_squared is not None
    assert sum(one.importance for one in found.drivers) + found.controls_r_squared == pytest.approx(found.r_squared)
    assert 0.3 < found.r_squared < 1 and found.drivers[0].term.name == "fulfilment-"


def gram_of(x: np.ndarray, y: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    whole = np.column_stack([x, y])
    whole = whole - whole.mean(axis=0)
    return np.asarray(whole.T @ whole)


def r_squared(x: np.ndarray, y: np.ndarray) -> float:  # type: ignore[type-arg]
    design = np.column_stack([np.ones(len(y)), x])
    rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return 1 - float(rest @ rest) / float(((y - y.mean()) ** 2).sum())


def test_lmg_of_two_predictors_by_hand() -> None:
    """The mean of entering first and entering last."""
    draw = np.random.default_rng(5)
    x = draw.normal(size=(200, 2)) @ np.array([[1.0, 0.6], [0.0, 0.8]])
    y = x @ [1.0, 0.5] + draw.normal(size=200)
    alone, other, both = r_squared(x[:, :1], y), r_squared(x[:, 1:], y), r_squared(x, y)
    parts, _ = lmg(gram_of(x, y))
    assert list(parts) == pytest.approx([(alone + both - other) / 2, (other + both - alone) / 2], abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(0, 3), st.integers(0, 10_000))
def test_lmg_sums_to_r_squared(predictors: int, controls: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(60, predictors + controls))
    y = x.sum(axis=1) + draw.normal(size=60)
    parts, by_controls = lmg(gram_of(x, y), controls=controls, orderings=20)
    assert float(parts.sum()) + by_controls == pytest.approx(r_squared(x, y), abs=1e-5)
    assert (parts >= 0).all()


def test_predictors_that_say_the_same_share_their_part() -> None:
    draw = np.random.default_rng(3)
    x = draw.normal(size=100)
    parts, _ = lmg(gram_of(np.column_stack([x, x]), x + draw.normal(size=100)))
    assert parts[0] == pytest.approx(parts[1], rel=1e-3)


def nps(*values: float) -> list:  # type: ignore[type-arg]
    return [one for number, value in enumerate(values) for one in rows(1, start=number, score=Score("nps", value, 10))]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([], "only 0 scored records; 50 are needed"),
        (nps(*range(10)), "only 10 scored records; 50 are needed"),
        (nps(*[7] * 60), "all scores are the same"),
        (nps(*range(6)) * 10, "all customers are promoters, or all passive, or all detractors"),
        (nps(*range(10)) * 6, "no factor, stage or scope is mentioned by 10 scored records or more"),
    ],
)
def test_little_data_gives_a_reason_and_no_figures(found: list, reason: str) -> None:  # type: ignore[type-arg]
    drivers = find_drivers(frame(found))
    assert (drivers.reason, drivers.drivers, drivers.r_squared) == (reason, (), None)


def test_few_customers_give_a_reason_however_much_they_write() -> None:
    told = [replace(one, subject=f"c{at % 9}") for at, one in enumerate(varied(200))]
    assert find_drivers(frame(told)).reason == "the scores are of only 9 customers; 10 are needed"


def test_terms_said_too_rarely_are_named_with_their_n() -> None:
    few = rows(3, "use", "brand-", start=900, score=Score("nps", 2, 10))
    found = find_drivers(frame(varied(300), few))
    assert ("brand-", 3) in {(term.name, count) for term, count in found.left_out}
    assert "brand-" not in by_name(found.drivers)


def test_scores_of_two_scales_meet_between_zero_and_one() -> None:
    stars = rows(30, "use", "brand-", start=5000, score=Score("stars", 1, 5)) + rows(30, "use", start=6000, score=Score("stars", 5, 5))
    found = find_drivers(frame(varied(200), stars))
    assert found.unit == POOLED and "scale of the score" in found.controls


def test_each_kind_with_enough_scores_has_a_model_of_its_own_and_nps_counts_promoters_less_detractors() -> None:
    stars = [row(9000 + at, "use", "brand-" if at % 2 else "", score=Score("stars", 1 + (at % 2 == 0) * 3 + at % 2, 5)) for at in range(80)]
    few = rows(49, start=9500, score=Score("csat", 3, 5))
    nps_model, stars_model = drivers_by_kind(frame(varied(300), stars, few))
    assert (nps_model.unit, nps_model.n, stars_model.unit, stars_model.n) == (NPS, 300, "stars (1 to 5)", 80)
    assert by_name(stars_model.drivers).keys() >= {"brand-"} and "brand-" not in by_name(nps_model.drivers)
    values = frame(varied(300)).score * 10
    assert nps_model.mean == pytest.approx(float((values >= 9).mean() - (values <= 6).mean()))
    assert by_name(nps_model.drivers)["fulfilment-"].is_clear


def test_kinds_are_pooled_only_where_none_has_enough() -> None:
    (pooled,) = drivers_by_kind(frame(varied(40), rows(45, "use", "brand-", start=9000, score=Score("stars", 2, 5))))
    assert (pooled.unit, pooled.n) == (POOLED, 85)


def test_customers_not_records_make_the_interval() -> None:
    """The same people asked ten times know no more."""
    once = varied(200)
    many = [one for one in once for _ in range(10)]
    narrow, wide = (by_name(find_drivers(frame(found)).drivers)["fulfilment-"] for found in (many, once))
    assert narrow.high - narrow.low > 0.6 * (wide.high - wide.low)


def test_parts_of_r_squared_have_intervals_around_them() -> None:
    found = {driver.term.name: driver for driver in find_drivers(frame(varied(600))).drivers}
    assert all(0 <= one.importance_low <= one.importance <= one.importance_high <= 1 for one in found.values())
    assert found["fulfilment-"].importance_low > found["courtesy+"].importance_high
    assert found["service_complaint"].importance_low < 0.005


def recommending(yes: str = "yes", no: str = "no", *, count: int = 600) -> list[Row]:
    """Rows that are recommended by nine in ten, by four in ten where fulfilment is blamed."""
    draw = np.random.default_rng(3)
    found = varied(count, score=None)
    late = [any(factor.key == "fulfilment" for factor in one.factors) for one in found]
    return [
        replace(one, segments={**one.segments, "would": yes if draw.random() < 0.9 - 0.5 * bad else no})
        for one, bad in zip(found, late, strict=True)
    ]


@pytest.mark.parametrize(("yes", "no"), [("yes", "no"), ("Yes", "NO"), ("1", "0"), ("True", "False"), ("y", "n")])
def test_a_yes_or_no_is_explained_as_the_share_of_yes(yes: str, no: str) -> None:
    told = recommending(yes, no)
    found = drivers_of_answers(frame(told, rows(40, start=900)), "would", segments=["region", "would"])
    assert (found.n, found.target, found.unit) == (600, "would", "yes to would (0 to 1)")
    assert found.controls == ("channel", "region")
    assert found.mean == pytest.approx(sum(one.segments["would"] == yes for one in told) / 600)
    late = by_name(found.drivers)["fulfilment-"]
    assert late.low <= -0.5 <= late.high and late.is_clear and late is found.drivers[0]
    assert not by_name(found.drivers)["price_value-"].is_clear


def test_other_answers_are_left_out_and_of_too_many_nothing_is_explained() -> None:
    maybe = rows(100, start=900, segments={"would": "maybe"})
    assert drivers_of_answers(frame(recommending(count=100), maybe), "would").n == 100
    for told in (recommending(count=90), recommending("1", "2"), recommending("yes", "n"), recommending("yes", "yes")):
        with pytest.raises(InputError, match="not answered with yes and no") as caught:
            drivers_of_answers(frame(told, maybe), "would")
        assert caught.value.code == "target_unfit"


def test_a_column_without_values_is_not_known() -> None:
    assert drivers_of_answers(frame(varied(100)), "would").reason == "only 0 scored records; 50 are needed"


def test_a_column_named_as_a_kind_of_score_is_still_a_share() -> None:
    told = [replace(one, segments={"nps": one.segments["would"]}) for one in recommending()]
    assert drivers_of_answers(frame(told), "nps").unit == "yes to nps (0 to 1)"


def test_a_report_explains_the_column_first_and_the_scores_after_it() -> None:
    told = [replace(one, score=Score("stars", 1 + at % 5, 5)) for at, one in enumerate(recommending())]
    made = report(told, target="would", segment="would")
    assert [model.target for model in (made.drivers, *made.other_drivers)] == ["would", None]
    assert made.other_drivers[0].unit == "stars (1 to 5)"
    page = render(made)
    assert "600 records answer <bdi>would</bdi> with yes or no" in page and "without it the share of yes would be" in page
    assert report([replace(one, score=None) for one in told], target="would").other_drivers == ()
    for wanted in ("region", "gone"):
        with pytest.raises(InputError):
            report(told, target=wanted)


def chance(seed: int) -> list[Row]:
    """Scores dealt out at random to records that say a dozen things."""
    draw = np.random.default_rng(seed)
    factors = ("fulfilment", "courtesy", "price_value", "process", "technology", "communication")
    return [
        row(number, ("purchase", "use")[int(draw.integers(2))],
            " ".join(f"{key}{'-+'[int(draw.integers(2))]}" for key in factors if draw.random() < 0.3),
            score=Score("stars", int(draw.integers(1, 6)), 5))
        for number in range(250)
    ]  # fmt: skip


def test_of_many_terms_chance_makes_none_clear() -> None:
    """Of a dozen intervals of 95 % about every second report has one that leaves out zero; q pays for the dozen."""
    made = [find_drivers(frame(chance(seed))).drivers for seed in range(20)]
    assert sum(any(one.low > 0 or one.high < 0 for one in found) for found in made) >= 6
    assert sum(any(one.is_clear for one in found) for found in made) <= 3


def test_what_q_does_not_hold_is_not_clear_anywhere() -> None:
    seed = next(seed for seed in range(20) if any(one.high < 0 < one.q - 0.05 for one in find_drivers(frame(chance(seed))).drivers))
    made = report(chance(seed))
    odd = next(one for one in made.drivers.drivers if one.high < 0 < one.q - 0.05)
    assert odd.p <= odd.q and not odd.is_clear and without_text(odd, made.drivers.unit) == "no clear effect"
    assert odd.quadrant in (None, "not clear") and not any(one.topic == "Pulls the score down" for one in gist(made))
    page = render(made)
    assert 'class="dot bad"' not in page and f"q = {odd.q:.2g}" in page


def test_those_who_all_give_the_same_score_leave_room_for_others() -> None:
    """Twelve of 1 and 48 of 5: of none in twelve others Wilson's interval lets expect 24 %, of 48 7 %."""
    told = [row(at, "use", "fulfilment-" if at < 12 else "courtesy+", score=Score("stars", 1 if at < 12 else 5, 5)) for at in range(60)]
    found = by_name(find_drivers(frame(told)).drivers)
    late, kind = found["fulfilment-"], found["courtesy+"]
    assert late.high == pytest.approx(late.impact + 0.2425 * 4, abs=1e-3) and kind.low == pytest.approx(kind.impact - 0.0741 * 4, abs=1e-3)
    assert all(-4 <= one.low <= one.impact <= one.high <= 4 and one.is_clear for one in (late, kind))
