"""Figures in, formatted text out: shares in %, differences of shares in percentage points."""

from collections.abc import Callable, Mapping

from vocservice.reporting.chance import chance_text
from vocservice.reporting.drivers import NPS, YES_TO, Driver, Term
from vocservice.reporting.estimate import Estimate
from vocservice.reporting.journey import Change, Shift, Tested
from vocservice.reporting.measures import is_share, scale_in
from vocservice.reporting.plural import plural
from vocservice.reporting.trends import Point, Series
from vocservice.taxonomy import Taxonomy

POLARITY_NAMES: Mapping[str, str] = {"+": "positive", "-": "negative", "~": "mixed"}
MINUS = "\u2212"
_SHORT = ("nps", "csat", "ces")


def percent(value: float, digits: int = 0) -> str:
    return f"{100 * value:.{digits}f} %"


def signed(value: float, digits: int = 2) -> str:
    """With sign, using a true minus."""
    text = f"{abs(value):.{digits}f}"
    return text if not float(text) else f"{'+' if value > 0 else MINUS}{text}"


def number(value: float, digits: int = 2) -> str:
    """With a true minus, and no sign if positive."""
    return signed(value, digits).removeprefix("+")


def not_known(n: int) -> str:
    return f"not known: n = {n}"


def share_text(found: Estimate) -> str:
    """A share with its interval and n."""
    return _said(found, percent, lambda value: f"{100 * value:.0f}")


def net_text(found: Estimate) -> str:
    """A net sentiment with its interval and n."""
    return _said(found, signed)


def points(value: float) -> str:
    """A difference of shares; below ten points with one decimal, so that a small one is not shown as zero."""
    return f"{_bare_points(value)} points"


def points_text(found: Estimate) -> str:
    """A difference of shares with its interval, without n."""
    return _said(found, points, _bare_points, has_n=False)


def _bare_points(value: float) -> str:
    return signed(100 * value, 0 if abs(value) >= 0.1 else 1)


def level(value: float, figure: str) -> str:
    """The value of a followed figure."""
    return percent(value, 1) if is_share(figure) else number(value)


def moved(value: float, figure: str) -> str:
    """The change of a followed figure, or a part of it."""
    return points(value) if is_share(figure) else signed(value, 3)


def part_text(found: Estimate, figure: str) -> str:
    """A part of a change with its interval, without n."""
    return points_text(found) if is_share(figure) else _said(found, lambda value: signed(value, 3), has_n=False)


def difference_text(found: Tested) -> str:
    """A tested difference of shares or net sentiment."""
    if found.q is None:
        return "not known"
    said = _said(found.difference, signed, has_n=False) if isinstance(found, Shift) else points_text(found.difference)
    return f"{found.verdict}, {said}"


def mean_text(found: Estimate) -> str:
    """A mean with its interval and n."""
    return _said(found, number)


def _said(found: Estimate, say: Callable[[float], str], end: Callable[[float], str] | None = None, *, has_n: bool = True) -> str:
    """A value with its interval, both formatted the same way by default."""
    if found.value is None or found.low is None or found.high is None:
        return not_known(found.n)
    low, high = map(end or say, (found.low, found.high))
    return f"{say(found.value)} ({low} to {high})" + (f", n = {found.n}" if has_n else "")


def value_text(series: Series, point: Point) -> str:
    """A day or week with interval and n, and its number of customers if smaller."""
    says = {"count": _count_text, "share": share_text, "balance": net_text, "mean": mean_text}[series.kind]
    return says(point.estimate) + (f" of {plural(point.customers, 'customer')}" if point.customers < point.n else "")


def expected_text(series: Series, point: Point) -> str:
    """The expected 95 % range; blank if unknown."""
    if point.low is None or point.high is None:
        return ""
    if series.kind == "share":
        return f"expected {100 * point.low:.0f} to {percent(point.high)}"
    say = signed if series.kind == "balance" else number
    digits = 0 if series.kind == "count" else 2
    return f"expected {say(point.low, digits)} to {say(point.high, digits)}"


def level_text(kind: str, found: Estimate) -> str:
    """A balance or a mean with its interval and n."""
    return net_text(found) if kind == "balance" else mean_text(found)


def _count_text(found: Estimate) -> str:
    return f"n = {found.n}"


def series_title(taxonomy: Taxonomy, series: Series) -> str:
    """The title of a series."""
    return f"{figure_name(taxonomy, series.figure)} by {series.bucket}"


def label_of(taxonomy: Taxonomy, name: str, key: str | None) -> str:
    """The name of a label; the key if the taxonomy has none."""
    if key is None:
        return "no stage"
    found = (label.label for label in taxonomy[name].labels if label.key == key) if name in taxonomy else iter(())
    return next(found, key)


def cell_name(taxonomy: Taxonomy, stage: str | None, factor: str) -> str:
    """A cell of the journey map."""
    return f"{label_of(taxonomy, 'factors', factor)} at {label_of(taxonomy, 'stages', stage)}"


def scale_name(name: str) -> str:
    """A kind of score with its range."""
    kind, space, rest = name.partition(" ")
    return f"{kind.upper()}{space}{rest}" if kind in _SHORT else name


def figure_name(taxonomy: Taxonomy, figure: str) -> str:
    """Name of a followed figure: flags, stages (negative records) and factors (blamed) by label, others unchanged."""
    kind, _, key = figure.partition(" ")
    if kind == "flag":
        return label_of(taxonomy, "flags", key)
    if kind == "stage":
        return f"Negative records at {label_of(taxonomy, 'stages', key.removesuffix('-'))}"
    if scale := scale_in(figure):
        return f"Mean {scale_name(scale)}"
    if figure.endswith("-"):
        return f"{label_of(taxonomy, 'factors', figure.removesuffix('-'))}, {POLARITY_NAMES['-']}"
    return figure[:1].upper() + figure[1:]


def term_name(taxonomy: Taxonomy, term: Term) -> str:
    """Name of a driver: a factor with its polarity, a stage or a scope."""
    sets = {"factor": "factors", "stage": "stages", "scope": "scope"}
    name = label_of(taxonomy, sets[term.kind], term.key)
    return f"{name}, {POLARITY_NAMES[term.polarity]}" if term.polarity else f"{name} ({term.kind})"


def owner_name(taxonomy: Taxonomy, key: str) -> str:
    """An owner's description up to the colon."""
    return taxonomy.owners.get(key, key).partition(":")[0]


def metric_name(taxonomy: Taxonomy, key: str) -> str:
    """A metric's description up to the comma."""
    return taxonomy.metrics.get(key, key).partition(",")[0]


def change_text(change: Change) -> str:
    """How often a cell is blamed in both sets, and the difference."""
    if change.q is None:
        return f"Blamed before: {share_text(change.before)}, after: {share_text(change.after)}; change not known"
    return (
        f"Blamed before: {share_text(change.before)}, after: {share_text(change.after)}; "
        f"change {points_text(change.difference)}, {chance_text(change.q, 'q')}, {change.verdict}"
    )


def impact_text(driver: Driver, *, digits: int = 2) -> str:
    """Impact with its interval."""
    return f"{signed(driver.impact, digits)} ({signed(driver.low, digits)} to {signed(driver.high, digits)})"


def without_text(driver: Driver, unit: str) -> str:
    """The mean score without the term, in plain words."""
    if not driver.is_clear:
        return "no clear effect"
    size = abs(driver.without)
    if unit == NPS:
        whole = f"{100 * size:.0f}" if size >= 0.005 else "less than 1"
        return f"without it NPS would be {whole} {'point' if whole.split()[-1] == '1' else 'points'} {_way(driver)}"
    if unit.startswith(YES_TO):
        return f"without it the share of yes would be {100 * size:.1f} points {_way(driver)}"
    amount = f"{size:.2f}" if size >= 0.005 else "less than 0.01"
    return f"without it the mean would be {amount} {_way(driver)} on {scale_name(unit)}"


def _way(driver: Driver) -> str:
    return "higher" if driver.without > 0 else "lower"
