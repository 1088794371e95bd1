"""Numbers in, accessible SVG out: a title, a description, no script, and the same numbers as a table.

Colours are CSS variables and never the only cue: sides, signs, dashes and hatching say the same.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from vocservice.reporting.plural import plural
from vocservice.reporting.words import percent

WIDTH = 720
LABELS = 230
LINE = 26
TOP = 28
_PLOT_HEIGHT = 200
_LEFT = 48
_DIGITS = 9
_ROUNDED = 1e-9


@dataclass(frozen=True, slots=True)
class Chart:
    """An SVG with the equivalent table."""

    key: str
    title: str
    description: str
    svg: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of an interval chart; unknown values are hatched with their n, unclear ones take no side."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    note: str
    is_clear: bool = True


@dataclass(frozen=True, slots=True)
class Dot:
    """One day or week of a line; None leaves a gap."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    is_odd: bool
    note: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One point of a scatter, numbered in the table."""

    label: str
    x: float
    y: float
    is_clear: bool


def intervals(key: str, title: str, bars: Sequence[Bar], *, bounds: tuple[float, float], unit: str, has_sides: bool = True) -> Chart:
    """Values with intervals, one row each (a forest plot); with `has_sides`, clear values are coloured by side of zero."""
    low, high = _bounds(bars, bounds)
    height = TOP + LINE * len(bars) + 24
    zero = _across(0.0, low, high)
    parts = [f'<line class="axis" x1="{zero:.1f}" x2="{zero:.1f}" y1="{TOP - 8}" y2="{height - 22}"/>']
    for at, bar in enumerate(bars):
        parts += _interval(bar, TOP + LINE * at + LINE / 2, (low, high), has_sides=has_sides)
    parts += [_text(_across(x, low, high), height - 6, _number(x), "middle") for x in sorted({low, 0.0, high})]
    ends = f"from {_number(low)} to {_number(high)}"
    description = f"{plural(len(bars), 'line')} with 95 % intervals, {ends}: {unit}. The table below holds every number."
    rows = tuple((bar.label, bar.note) for bar in bars)
    return Chart(key, title, description, _svg(key, title, description, height, parts), ("", unit), rows)


def lines(key: str, title: str, dots: Sequence[Dot], *, unit: str, bounds: tuple[float, float] | None = None) -> Chart:
    """A series with its expected range as a band; points that stand out are ringed.

    Args:
        bounds: of the scale; only the part that contains the values is drawn; without them the axis begins at zero.
    """
    axis = _Axis.of(dots, bounds)
    height = _PLOT_HEIGHT + TOP + 24
    foot = axis.down(min(max(0.0, axis.low), axis.high))
    parts = [f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - 8}" y1="{foot:.1f}" y2="{foot:.1f}"/>']
    said = _number if unit != "share" else percent
    parts += [_text(_LEFT - 6, axis.down(x) + 4, said(x), "end") for x in (axis.low, (axis.low + axis.high) / 2, axis.high)]
    if all(dot.value is None for dot in dots):
        parts.append(_text(WIDTH / 2, axis.down((axis.low + axis.high) / 2) - 8, "not known: too few customers at each point", "middle"))
    parts += list(_band(dots, axis))
    parts += list(_runs(dots, axis))
    parts += [part for at, dot in enumerate(dots) if dot.value is not None for part in _dot(dot, _at(at, len(dots)), axis)]
    if dots:
        parts += [_text(_LEFT, height - 6, dots[0].label, "start"), _text(WIDTH - 8, height - 6, dots[-1].label, "end")]
    odd = sum(dot.is_odd for dot in dots)
    description = f"{plural(len(dots), 'point')}, {odd} outside the range expected from earlier weeks. The table below holds every number."
    rows = tuple((dot.label, dot.note) for dot in dots)
    return Chart(key, title, description, _svg(key, title, description, height, parts), ("from", unit), rows)


def scatter(key: str, title: str, marks: Sequence[Mark], *, names: tuple[str, str]) -> Chart:
    """Numbered points; hollow if the effect is not clear."""
    top = max([mark.y for mark in marks] + [0.0]) or 1.0
    right = max([mark.x for mark in marks] + [0.0]) or 1.0
    low = min(0.0, min((mark.y for mark in marks), default=0.0))
    height = _PLOT_HEIGHT + TOP + 44

    def down(y: float) -> float:
        return TOP + _PLOT_HEIGHT * (1 - (y - low) / (top - low))

    parts = [f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - 8}" y1="{down(0):.1f}" y2="{down(0):.1f}"/>',
             f'<line class="axis" x1="{_LEFT}" x2="{_LEFT}" y1="{TOP}" y2="{TOP + _PLOT_HEIGHT}"/>']  # fmt: skip
    for number, mark in enumerate(marks, 1):
        x, y = _LEFT + (WIDTH - _LEFT - 40) * mark.x / right, down(mark.y)
        parts.append(f'<circle class="{"mark" if mark.is_clear else "mark hollow"}" cx="{x:.1f}" cy="{y:.1f}" r="11"/>')
        parts.append(_text(x, y + 4, str(number), "middle", "on-mark" if mark.is_clear else ""))
    parts += [_text(WIDTH - 8, height - 8, f"{names[0]} \u2192", "end"), _text(8, 16, f"\u2191 {names[1]}", "start")]
    description = (
        f"{plural(len(marks), 'point')}, numbered as in the table: {names[0]} to the right, {names[1]} upwards; hollow is not clear."
    )
    rows = tuple((f"{number} {mark.label}", _number(mark.x), _number(mark.y)) for number, mark in enumerate(marks, 1))
    return Chart(key, title, description, _svg(key, title, description, height, parts), ("", *names), rows)


def _svg(key: str, title: str, description: str, height: float, parts: Sequence[str]) -> str:
    name = f"chart-{key}"
    hatch = (
        f'<defs><pattern id="{name}-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<line class="hatch" x1="0" y1="0" x2="0" y2="6"/></pattern></defs>'
    )
    body = "".join(parts).replace("url(#hatch)", f"url(#{name}-hatch)")
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>{hatch}{body}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str, look: str = "") -> str:
    chosen = f' class="{look}"' if look else ""
    return f'<text{chosen} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _bounds(bars: Sequence[Bar], bounds: tuple[float, float]) -> tuple[float, float]:
    """Rounded bounds that include all intervals and zero."""
    values = [x for bar in bars for x in (bar.low, bar.high) if x is not None]
    low, high = min([*values, bounds[0]]), max([*values, bounds[1]])
    step = 10 ** math.floor(math.log10(max(high - low, 1e-9))) / 10
    return math.floor(low / step) * step, math.ceil(high / step) * step


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "\u2212")


def _across(value: float, low: float, high: float) -> float:
    return LABELS + (WIDTH - LABELS - 16) * (min(max(value, low), high) - low) / ((high - low) or 1.0)


def _interval(bar: Bar, y: float, bounds: tuple[float, float], *, has_sides: bool) -> Iterator[str]:
    yield _text(LABELS - 10, y + 4, bar.label if len(bar.label) <= 34 else bar.label[:33] + "\u2026", "end")
    if bar.value is None or bar.low is None or bar.high is None:
        yield f'<rect class="unknown" fill="url(#hatch)" x="{LABELS}" y="{y - 8:.1f}" width="120" height="16"/>'
        yield _text(LABELS + 128, y + 4, bar.note, "start")
        return
    look = "even" if not (has_sides and bar.is_clear) or bar.low <= 0 <= bar.high else "good" if bar.low > 0 else "bad"
    left, right, at = (_across(x, *bounds) for x in (bar.low, bar.high, bar.value))
    yield f'<line class="whisker {look}" x1="{left:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
    yield f'<circle class="dot {look}" cx="{at:.1f}" cy="{y:.1f}" r="5"/>'


def _at(index: int, count: int) -> float:
    return _LEFT + (WIDTH - _LEFT - 16) * (index / (count - 1) if count > 1 else 0.5)


@dataclass(frozen=True, slots=True)
class _Axis:
    """The lowest and the highest value of a plot."""

    low: float
    high: float

    @classmethod
    def of(cls, dots: Sequence[Dot], bounds: tuple[float, float] | None) -> "_Axis":
        """From zero to the highest value; with bounds, the part of the scale that contains the values, in tenths."""
        held = [x for dot in dots for x in (dot.value, dot.low, dot.high) if x is not None]
        if bounds is None:
            return cls(0.0, max(held, default=0.0) or 1.0)
        step = (bounds[1] - bounds[0]) / 10
        low = bounds[0] + step * math.floor((min(held, default=bounds[0]) - bounds[0]) / step + _ROUNDED)
        high = bounds[0] + step * math.ceil((max(held, default=bounds[1]) - bounds[0]) / step - _ROUNDED)
        if high <= low:
            low, high = (low - step, low) if low > bounds[0] else (low, low + step)
        return cls(round(low, _DIGITS), round(high, _DIGITS))

    def down(self, value: float) -> float:
        return TOP + _PLOT_HEIGHT * (1 - (value - self.low) / (self.high - self.low))


def _band(dots: Sequence[Dot], axis: _Axis) -> Iterator[str]:
    """The expected range, as contiguous runs."""
    for run in _unbroken([dot.low is not None and dot.high is not None for dot in dots]):
        upper = [(_at(at, len(dots)), axis.down(dots[at].high or 0.0)) for at in run]
        lower = [(_at(at, len(dots)), axis.down(dots[at].low or 0.0)) for at in reversed(run)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*upper, *lower])
        yield f'<polygon class="band" points="{points}"/>'


def _runs(dots: Sequence[Dot], axis: _Axis) -> Iterator[str]:
    for run in _unbroken([dot.value is not None for dot in dots]):
        points = " ".join(f"{_at(at, len(dots)):.1f},{axis.down(dots[at].value or 0.0):.1f}" for at in run)
        yield f'<polyline class="line" points="{points}"/>'


def _unbroken(known: Sequence[bool]) -> Iterator[list[int]]:
    run: list[int] = []
    for at, is_known in enumerate(known):
        if is_known:
            run.append(at)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _dot(dot: Dot, x: float, axis: _Axis) -> Iterator[str]:
    y = axis.down(dot.value or 0.0)
    yield f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'
    if dot.is_odd:
        yield f'<circle class="odd" cx="{x:.1f}" cy="{y:.1f}" r="8"/>'
