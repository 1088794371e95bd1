"""A frame with scores in, drivers of the score out: regression with intervals, Shapley split of R², volume against impact.

The score is scaled to 0 to 1 here and reported in the sender's units if all scores share one scale, NPS as promoters minus
detractors. The figures are associations in what was said, not proof of cause.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
import numpy.typing as npt

from vocservice.errors import InputError
from vocservice.reporting.frame import NEGATIVE, NONE, POSITIVE, Bools, Codes, Frame, Ints, count_of, distinct
from vocservice.reporting.plural import plural
from vocservice.reporting.quotes import shown
from vocservice.reporting.scores import Scale, nps_of
from vocservice.reporting.stats import Z95, benjamini_hochberg, student, wilson

Floats = npt.NDArray[np.float64]

MIN_SCORED = 50
MIN_MENTIONS = 10
MIN_CUSTOMERS = 10
RECORDS_PER_PREDICTOR = 5
RIDGE = 1.0
RESAMPLES = 1000
BLOCKS = 500
ORDERINGS = 400
PART_RESAMPLES = 100
PART_ORDERINGS = 30
EXACT_UP_TO = 6
MAX_LEVELS = 10
CLEAR_Q = 0.05
SEED = 20250101
NPS = "NPS (\u22121 to +1)"
YES_TO = "yes to "  # prefix of the unit of yes/no questions
POOLED = "score scaled to 0 to 1"
_ANSWERS = (("yes", "no"), ("y", "n"), ("true", "false"), ("1", "0"))
_JITTER = 1e-8
_MIDDLE = (0.025, 0.975)
_QUADRANTS = {(True, True): "fix first", (True, False): "frequent, mild", (False, True): "rare, costly", (False, False): "watch"}


@dataclass(frozen=True, slots=True)
class Term:
    """One predictor: a factor with its polarity, a stage, or a scope; `kind` is factor, stage or scope."""

    kind: str
    key: str
    polarity: str | None = None

    @property
    def name(self) -> str:
        return f"{self.key}{self.polarity or ''}"


@dataclass(frozen=True, slots=True)
class Driver:
    """The effect of one term on the score, all else in the model equal.

    Attributes:
        n: scored records that mention it.
        share: of the scored records.
        impact: change of the score of a record that mentions it, with interval.
        without: change of the mean score if it were not mentioned at all, with interval: -impact x share.
        importance: its part of R² (LMG: the Shapley value of R²), with interval.
        p: two-sided, for no impact, from the spread of the resamples; q is corrected over all terms of the model.
        quadrant: in the priority matrix, for negative factors only.
    """

    term: Term
    n: int
    share: float
    impact: float
    low: float
    high: float
    without: float
    without_low: float
    without_high: float
    importance: float
    importance_low: float
    importance_high: float
    p: float
    q: float = 1.0
    quadrant: str | None = None

    @property
    def is_clear(self) -> bool:
        """Whether it is significant after correction over all terms."""
        return self.q <= CLEAR_Q


@dataclass(frozen=True, slots=True)
class Drivers:
    """The model of one kind of score (several pooled if its unit is `POOLED`), or the reason why there is none.

    Attributes:
        n: scored records.
        reason: why nothing is known; blank if the model was fitted.
        unit: the scale of impacts, in words.
        mean: mean score in that unit.
        r_squared: of all terms and controls; `controls_r_squared` of the controls alone.
        drivers: by importance.
        left_out: terms with too few mentions, with their number.
        controls: names of the controls.
        target: the yes/no column explained instead of a score; impacts are on the share of yes, 0 to 1.
    """

    n: int
    reason: str = ""
    unit: str = ""
    mean: float | None = None
    r_squared: float | None = None
    controls_r_squared: float | None = None
    drivers: tuple[Driver, ...] = ()
    left_out: tuple[tuple[Term, int], ...] = ()
    controls: tuple[str, ...] = ()
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Design:
    """Predictors (n, terms), controls (n, levels) and the score (n,)."""

    terms: tuple[Term, ...]
    predictors: Bools
    controls: Bools
    score: Floats

    def rows(self, at: Ints) -> Floats:
        """(1, controls, predictors, score) of some rows; for all rows at once they would take a gigabyte per million."""
        parts = [np.ones((len(at), 1)), self.controls[at], self.predictors[at], self.score[at, None]]
        return np.concatenate(parts, axis=1, dtype=np.float64)


def drivers_by_kind(frame: Frame, *, segments: Sequence[str] = ()) -> tuple[Drivers, ...]:
    """One model per kind of score with enough scores, most scores first; if none has, one of all kinds pooled.

    Args:
        frame: the records; those without a score are left out.
        segments: names of segments to control for, beside the channel.
    """
    counts = frame.scale.counts()
    kinds = [at for at in np.argsort(-counts, kind="stable").tolist() if counts[at] >= MIN_SCORED]
    frames = [frame.take(frame.scale.codes == at) for at in kinds] or [frame]
    return tuple(find_drivers(one, segments=segments) for one in frames)


def find_drivers(frame: Frame, *, segments: Sequence[str] = ()) -> Drivers:
    """Fit the model; several scales are each scaled to 0 to 1.

    Args:
        frame: the records; those without a score are left out.
        segments: names of segments to control for, beside channel and scale.
    """
    scored = frame.take(~np.isnan(frame.score))
    n = len(scored)
    if n < MIN_SCORED:
        return Drivers(n, f"only {plural(n, 'scored record')}; {MIN_SCORED} are needed")
    if float(np.ptp(scored.score)) == 0:
        return Drivers(n, "all scores are the same")
    if _unit(scored)[1] == NPS:
        scored = replace(scored, score=(nps_of(scored.score) + 1) / 2)
        if float(np.ptp(scored.score)) == 0:
            return Drivers(n, "all customers are promoters, or all passive, or all detractors")
    if (customers := distinct(scored.subject)) < MIN_CUSTOMERS:
        return Drivers(n, f"the scores are of only {plural(customers, 'customer')}; {MIN_CUSTOMERS} are needed")
    terms, columns = _terms(scored)
    counts = np.array([count_of(column) for column in columns.T], dtype=np.int64)
    kept = _kept(counts, n)
    left_out = tuple((term, int(count)) for term, count, keep in zip(terms, counts, kept, strict=True) if not keep and count)
    if not kept.any():
        return Drivers(n, f"no factor, stage or scope is mentioned by {MIN_MENTIONS} scored records or more", left_out=left_out)
    names, controls = _controls(scored, segments)
    chosen = tuple(term for term, keep in zip(terms, kept, strict=True) if keep)
    design = Design(chosen, columns[:, kept], controls, scored.score)
    return _fitted(design, scored, names, left_out)


def drivers_of_answers(frame: Frame, target: str, *, segments: Sequence[str] = ()) -> Drivers:
    """A model of a yes/no column, such as willingness to recommend: linear in the share of yes.

    Raises:
        InputError: it has other answers (`target_unfit`).
    """
    return replace(find_drivers(answered(frame, target), segments=[name for name in segments if name != target]), target=target)


def answered(frame: Frame, column: str) -> Frame:
    """The same frame with a yes/no column as the score: 1 for yes, 0 for no; other values have none.

    Raises:
        InputError: fewer than half of its values are yes or no, or all are the same word (`target_unfit`).
    """
    codes = frame.segments.get(column, Codes((), np.full(len(frame), NONE)))
    values = np.array([*_yes_or_no(codes.names), math.nan])  # the last one is for records without the column
    score, told = values[codes.codes], codes.codes != NONE
    if told.any() and not (is_answered(codes.names) and 2 * count_of(~np.isnan(score)) >= count_of(told)):
        raise InputError(f"the column {column!r} is not answered with yes and no; drivers cannot explain it", code="target_unfit")
    scale = Scale(f"{YES_TO}{shown(column)}", 0.0, 1.0)
    return replace(frame, scales=(scale,), scale=Codes((scale.name,), np.where(np.isnan(score), NONE, 0)), score=score)


def is_answered(names: Collection[str]) -> bool:
    """Whether values hold both yes and no."""
    said = {name.casefold() for name in names}
    return any(said.issuperset(pair) for pair in _ANSWERS)


def _yes_or_no(names: Collection[str]) -> Iterator[float]:
    """1, 0 or NaN for each value, by the first pair of words of which both occur."""
    said = {name.casefold() for name in names}
    yes, no = next((pair for pair in _ANSWERS if said.issuperset(pair)), ("", ""))
    for name in names:
        yield {yes: 1.0, no: 0.0}.get(name.casefold(), math.nan)


def lmg(gram: Floats, *, controls: int = 0, orderings: int = ORDERINGS, seed: int = SEED) -> tuple[Floats, float]:
    """Each predictor's part of R², averaged over the orders in which predictors can enter (Lindeman, Merenda and Gold 1980).

    Args:
        gram: centred cross-products, (controls + predictors + 1) square; controls first, the score last.
        controls: how many columns enter before all predictors.
        orderings: number of random orders to average (Grömping 2007); all orders if there are few predictors.
        seed: of the random orders.

    Returns:
        The parts, which with the controls' R² sum to the R² of the whole model, and the controls' R².
    """
    gram = _correlation(gram)
    count = len(gram) - controls - 1
    orders = _orders(count, orderings, seed)
    whole = np.concatenate(
        [np.tile(np.arange(controls), (len(orders), 1)), orders + controls, np.full((len(orders), 1), len(gram) - 1)], axis=1
    )
    lower = np.linalg.cholesky(gram[whole[:, :, None], whole[:, None, :]])
    steps = lower[:, -1, :-1] ** 2
    parts = np.zeros((len(orders), count))
    np.put_along_axis(parts, orders, steps[:, controls:], axis=1)
    return parts.mean(axis=0), float(steps[0, :controls].sum())


def _terms(frame: Frame) -> tuple[tuple[Term, ...], Bools]:
    factors = [(Term("factor", key, sign), frame.factors[:, at] == code) for at, key in enumerate(frame.factor_keys)
               for sign, code in (("+", POSITIVE), ("-", NEGATIVE))]  # fmt: skip
    stages = [(Term("stage", key), frame.stages[:, at]) for at, key in enumerate(frame.stage_keys)]
    scopes = [(Term("scope", "service_complaint"), frame.is_service), (Term("scope", "experience_issue"), frame.is_experience)]
    found = [*factors, *stages, *scopes]
    return tuple(term for term, _ in found), np.stack([column for _, column in found], axis=1)


def _kept(counts: npt.NDArray[np.int64], n: int) -> Bools:
    """Terms with enough mentions (and records without them), most mentioned first, at most one per five records."""
    enough = (counts >= MIN_MENTIONS) & (n - counts >= MIN_MENTIONS)
    order = np.argsort(-np.where(enough, counts, -1), kind="stable")[: n // RECORDS_PER_PREDICTOR]
    kept = np.zeros(len(counts), dtype=bool)
    kept[order] = True
    return np.asarray(kept & enough)


def _controls(frame: Frame, segments: Sequence[str]) -> tuple[tuple[str, ...], Bools]:
    """Indicators of the levels of channel, scale and segments, rare levels pooled; one level is dropped in favour of the mean."""
    wanted = {"channel": frame.channel, "scale of the score": frame.scale} | {
        name: frame.segments[name] for name in segments if name in frame.segments
    }
    blocks = {name: _indicators(codes) for name, codes in wanted.items()}
    used = {name: block for name, block in blocks.items() if block.shape[1]}
    return tuple(used), np.concatenate([np.zeros((len(frame), 0), dtype=bool), *used.values()], axis=1)


def _indicators(codes: Codes) -> Bools:
    counts = codes.counts()
    levels = [at for at in np.argsort(-counts, kind="stable")[:MAX_LEVELS].tolist() if counts[at] >= MIN_MENTIONS]
    table = np.stack([codes.codes == at for at in levels], axis=1) if levels else np.zeros((len(codes.codes), 0), dtype=bool)
    covers_all = bool(levels) and int(counts[levels].sum()) == len(codes.codes)
    return np.asarray(table[:, int(covers_all) :])


def _fitted(design: Design, frame: Frame, controls: tuple[str, ...], left_out: tuple[tuple[Term, int], ...]) -> Drivers:
    sums = _block_sums(design, frame.subject)
    size, unit, lowest = _unit(frame)
    width, count = sums.shape[-1], len(design.terms)
    impact = _solved(sums.sum(axis=0)[None], count)[0] * size
    resampled = _resampled(sums)
    gram = _centred(sums.sum(axis=0)[None])[0]
    importance, by_controls = lmg(gram, controls=width - count - 2)
    share = design.predictors.mean(axis=0)
    again = _solved(resampled, count) * size
    low, high = np.quantile(again, _MIDDLE, axis=0)
    unseen = _unseen(design, frame.subject) * size
    ends = np.maximum(np.minimum(low, impact - unseen[0]), -size), np.minimum(np.maximum(high, impact + unseen[1]), size)
    impacts = np.stack([impact, *ends, _spread(again, len(sums), width - 1)], axis=1)
    parts = np.stack([importance, *_part_interval(resampled, importance, controls=width - count - 2)], axis=1)
    freedom = _freedom(design, frame.subject)
    found = [_driver(term, len(frame), share[at], impacts[at], parts[at], freedom[at]) for at, term in enumerate(design.terms)]
    return Drivers(
        len(frame), "", unit, lowest + size * float(frame.score.mean()), float(importance.sum()) + by_controls, by_controls,
        tuple(sorted(_with_quadrants(_corrected(found)), key=lambda driver: (-driver.importance, driver.term.name))), left_out, controls,
    )  # fmt: skip


def _spread(again: Floats, blocks: int, fitted: int) -> Floats:
    """Standard error of each impact, (terms,).

    Resamples underestimate it if blocks are few relative to the parameters (HC1, MacKinnon and White 1985).
    """
    more = math.sqrt(blocks / (blocks - fitted)) if blocks > fitted else math.inf
    return np.asarray(np.maximum(again.std(axis=0, ddof=1), _JITTER) * more)


def _freedom(design: Design, subject: Ints) -> list[int]:
    """Degrees of freedom of the spread of each impact: customers behind the rarer of mentioning and not mentioning the term, less one."""
    rarer = (says if 2 * count_of(says) <= len(says) else ~says for says in design.predictors.T)
    return [max(distinct(subject[mask]) - 1, 1) for mask in rarer]


def _unseen(design: Design, subject: Ints) -> Floats:
    """Possible deviation down and up, of 0 to 1, of the mean for a term if all its scores are equal, (2, terms).

    Resamples of equal scores are equal; as many others as Wilson's interval for zero allows may lie at either end of the scale.
    """
    found = np.zeros((2, len(design.terms)))
    for at, says in enumerate(design.predictors.T):
        score = design.score[says]
        if float(np.ptp(score)) == 0:
            found[:, at] = wilson(0, distinct(subject[says]))[1] * np.array([score[0], 1 - score[0]])
    return found


def _part_interval(resampled: Floats, parts: Floats, *, controls: int) -> Floats:
    """Interval of each part of R² over resamples, (2, terms).

    A resample draws some blocks twice, so its R² is higher than that of the records; the interval is shifted back by that much.
    """
    found = np.stack([lmg(_centred(sums[None])[0], controls=controls, orderings=PART_ORDERINGS)[0] for sums in resampled[:PART_RESAMPLES]])
    low, high = np.quantile(found, _MIDDLE, axis=0) - (found.mean(axis=0) - parts)
    return np.asarray(np.maximum(np.stack([np.minimum(low, parts), np.maximum(high, parts)]), 0.0))


def _driver(term: Term, n: int, share: float, impact: Floats, part: Floats, freedom: int) -> Driver:
    value, low, high, spread, share = (float(found) for found in (*impact, share))
    without = -value * share, -high * share, -low * share
    importance, least, most = (max(float(found), 0.0) for found in part)
    spread = max(spread, ((value - low) if value > 0 else (high - value)) / Z95)
    p = student(value / spread, freedom)
    return Driver(term, round(share * n), share, value, low, high, *without, importance, least, most, p)


def _corrected(found: Sequence[Driver]) -> Sequence[Driver]:
    qs = benjamini_hochberg([driver.p for driver in found])
    return [replace(driver, q=q) for driver, q in zip(found, qs, strict=True)]


def _unit(frame: Frame) -> tuple[float, str, float]:
    """Width, name and lowest value of the scale; 0 to 1 for several pooled scales."""
    used = [scale for scale, count in zip(frame.scales, frame.scale.counts(), strict=True) if count]
    if len(used) != 1:
        return 1.0, POOLED, 0.0
    return (2.0, NPS, -1.0) if used[0].kind == "nps" else (used[0].high - used[0].low, used[0].name, used[0].low)


def _block_sums(design: Design, subject: npt.NDArray[np.int64]) -> Floats:
    """Cross-products of (1, controls, predictors, score) summed over blocks of customers: (blocks, width, width).

    All records of one customer are in one block, so resampling blocks respects their dependence.
    """
    customers, codes = np.unique(subject, return_inverse=True)
    shuffled = np.random.default_rng(SEED).permutation(len(customers))
    block = shuffled[codes] % min(BLOCKS, len(customers))
    order = np.argsort(block, kind="stable")
    starts = np.flatnonzero(np.diff(block[order], prepend=-1))
    parts = (design.rows(at) for at in np.split(order, starts[1:]))
    return np.stack([part.T @ part for part in parts])


def _resampled(sums: Floats) -> Floats:
    """Bootstrap of the blocks (Efron 1979; by customers: Field and Welsh 2007)."""
    blocks, width, _ = sums.shape
    weights = np.random.default_rng(SEED + 1).multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES)
    return np.asarray((weights @ sums.reshape(blocks, -1)).reshape(RESAMPLES, width, width))


def _centred(sums: Floats) -> Floats:
    """Centred cross-products, without the column of ones."""
    first = sums[:, :1, 1:]
    return np.asarray(sums[:, 1:, 1:] - np.swapaxes(first, 1, 2) * first / sums[:, :1, :1])


def _solved(sums: Floats, count: int) -> Floats:
    """Ridge coefficients of the last `count` predictors; the penalty equals one record, and none for the intercept."""
    gram = _centred(sums)
    left = gram[:, :-1, :-1] + RIDGE * np.eye(gram.shape[1] - 1)
    return np.asarray(np.linalg.solve(left, gram[:, :-1, -1:])[:, -count:, 0])


def _correlation(gram: Floats) -> Floats:
    """Scaled to a unit diagonal, with a little jitter so that identical predictors can be separated."""
    size = np.sqrt(np.maximum(np.diag(gram), _JITTER))
    return np.asarray(gram / np.outer(size, size) + _JITTER * np.eye(len(gram)))


def _orders(count: int, wanted: int, seed: int) -> npt.NDArray[np.int64]:
    """All orders of few predictors; else random ones, each with its reverse to reduce variance."""
    if count <= EXACT_UP_TO:
        return np.array(list(permutations(range(count))), dtype=np.int64).reshape(math.factorial(count), count)
    half = np.random.default_rng(seed).permuted(np.tile(np.arange(count), (wanted // 2, 1)), axis=1)
    return np.concatenate([half, half[:, ::-1]])


def _with_quadrants(found: Sequence[Driver]) -> Iterator[Driver]:
    """The priority matrix: negative factors by how often they are blamed and how much they cost, split at the medians."""
    blamed = [driver for driver in found if driver.term.polarity == "-"]
    volume = float(np.median([driver.share for driver in blamed])) if blamed else 0.0
    costs = [-driver.impact for driver in blamed if driver.is_clear and driver.impact < 0]
    cost = float(np.median(costs)) if costs else 0.0
    for driver in found:
        yield _placed(driver, volume, cost) if driver.term.polarity == "-" else driver


def _placed(driver: Driver, volume: float, cost: float) -> Driver:
    if not driver.is_clear or driver.impact >= 0:
        return replace(driver, quadrant="not clear")
    often, costly = driver.share >= volume, -driver.impact >= cost
    return replace(driver, quadrant=_QUADRANTS[often, costly])
