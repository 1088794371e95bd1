"""Measured figures in, docs/performance.md and its plot out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

from benchmarks import corpora
from benchmarks.runtimes import ARRIVAL, ONE
from vocservice.inference.encoder import TOKEN_BUDGET

Figures = Mapping[str, Any]
BILLION = 1_000_000_000
INT8_FASTER, INT8_LOSS = 1.15, 0.3
# USD for a million records of up to 300 characters and one feature (such as sentiment), at the first price and at the last step.
PRICES = (
    ("Google Cloud Natural Language, one feature", 1000.0, 250.0, "1 unit a record; 1.00 to 0.25 USD a thousand units"),
    ("Amazon Comprehend, one feature", 300.0, None, "at least 3 units a record; 0.0001 USD a unit, the first step"),
)
_SCHEMES = (("", "#1f2937", "#6b7280", "#2563eb"), ("@media(prefers-color-scheme:dark)", "#f3f4f6", "#9ca3af", "#60a5fa"))


def page(figures: Figures, *, plot: str) -> str:
    """The page: the goals first, then each part with its table."""
    parts = (
        ("runtimes", _runtimes),
        ("lengths", partial(_lengths, short=figures.get("runtimes", {}))),
        ("repeats", _repeats),
        ("start", _start),
        ("many", _many),
        ("ray", _ray),
        ("writer", _writer),
        ("corpora", _corpora),
    )
    lines = [
        "# Performance",
        "",
        "Written by `python -m benchmarks.performance`, from figures that it measures and keeps in `performance.json`. Do not edit.",
        "",
        *_goals(figures),
    ]
    for name, written in parts:
        if figures.get(name, {}).keys() - {"machine", "bundle"}:
            lines += ["", *_named(written(figures[name]), figures[name])]
            if name == "runtimes":
                lines += ["", f"![Texts a second of every way]({plot})"]
    lines += ["", *_named(_int8(figures), figures["int8"])] if "int8" in figures else []
    lines += ["", *_named(_costs(figures), figures["ray"])] if figures.get("ray", {}).get("rates") else []
    return "\n".join([*lines, "", *_machine(figures), ""])


def plot(runtimes: Figures) -> str:
    """Bars of texts a second, the fastest first."""
    rates = sorted(runtimes["rates"].items(), key=lambda item: -item[1])
    most = rates[0][1]
    bars = [_bar(at, name, rate, most) for at, (name, rate) in enumerate(rates)]
    style = "".join(f"{media}{{{_rules(*colours)}}}" if media else _rules(*colours) for media, *colours in _SCHEMES)
    height = 24 * len(rates) + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 {height}" role="img" font-family="sans-serif" font-size="12">'
        f"<title>Texts a second of every way</title><style>{style}</style>{''.join(bars)}</svg>\n"
    )


def _rules(text: str, other: str, own: str) -> str:
    return f"text{{fill:{text}}}.other{{fill:{other}}}.own{{fill:{own}}}"


def _bar(at: int, name: str, rate: float, most: float) -> str:
    y, kind = 24 * at + 4, "own" if name.startswith("whole") else "other"
    return (
        f'<text x="440" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
        f'<rect class="{kind}" x="448" y="{y}" width="{350 * rate / most:.1f}" height="18"/>'
        f'<text x="{454 + 350 * rate / most:.1f}" y="{y + 13}">{rate:,.0f}</text>'
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _named(lines: list[str], found: Figures) -> list[str]:
    """A part under its heading with the bundle that it was measured on, and the day."""
    heading, *rest = lines
    bundles = found.get("bundles") or [found.get("bundle") or "a bundle that was not noted"]
    return [heading, "", f"*Measured with {', '.join(bundles)}, {found['machine']['date']}.*", *rest]


def _bundle(found: Figures) -> str | None:
    """The bundle of a part; null where an earlier release did not note it."""
    name: str | None = found.get("bundle") or next(iter(found.get("bundles", ())), None)
    return name


def _goals(figures: Figures) -> list[str]:
    found = [row for row in (*_goals_of_speed(figures), *_goals_of_runs(figures), *_goals_of_int8(figures)) if row]
    rows = [(name, goal, shown, "yes" if is_met else "**no**") for name, goal, shown, is_met in found]
    return ["## Goals", "", *(table(("what", "goal", "measured", "met"), rows) if rows else ["No speed has been measured yet."])]


Goal = tuple[str, str, str, bool]


def _goals_of_speed(figures: Figures) -> Iterator[Goal]:
    if "runtimes" not in figures:
        return
    found = figures["runtimes"]
    rates, own = found["rates"], found["own"]
    for at, bundle in enumerate(found["bundles"]):
        rate = rates[f"whole analysis, {bundle}"]
        if ONE in rates:
            least = 5 if at == 0 else 9
            yield _at_least(f"{bundle}, whole analysis, over the pipeline one at a time (encoder only)", rate / rates[ONE], least)
        if at == 0 and ARRIVAL in rates:
            yield _at_least(
                f"{bundle}, whole analysis, over the pipeline in batches of 32 as they come (encoder only)", rate / rates[ARRIVAL], 6.5
            )
        alone = rates[own if at == 0 else f"{own}, {bundle}"]
        yield _at_least(f"{bundle}, whole analysis, over the encoder alone in the same runtime", rate / alone, 0.75)


def _goals_of_runs(figures: Figures) -> Iterator[Goal]:
    if "start" in figures:
        found = figures["start"]
        name = f"{_of(found)}`voc classify` of {found['rows']} rows from cold, over imports and analysis"
        yield _at_most(name, found["classify"] / (found["imports"] + found["analysis"]), 1.5)
    if len(figures.get("many", {}).get("rows", {})) > 1:
        few, *_, most = sorted(figures["many"]["rows"].items(), key=lambda item: int(item[0]))
        of, rows = _of(figures["many"]), f"{int(most[0]):,} rows over {int(few[0]):,}"
        yield _at_most(f"{of}peak memory of {rows}", most[1]["peak"] / few[1]["peak"], 1.2)
        yield _at_least(f"{of}rows a second of {rows}", most[1]["rate"] / few[1]["rate"], 0.9)
    if figures.get("ray", {}).get("rates"):
        rates, of = figures["ray"]["rates"], _of(figures["ray"])
        name = f"{of}Ray with one worker of one thread, over one thread in process"
        yield _at_least(name, rates["Ray, 1 worker"] / rates["in process"], 0.9)


def _of(found: Figures) -> str:
    bundle = _bundle(found)
    return f"{bundle}, " if bundle else ""


def _goals_of_int8(figures: Figures) -> Iterator[Goal]:
    for name, faster, loss in _int8_rows(figures):
        is_met = faster >= INT8_FASTER and loss <= INT8_LOSS
        yield (
            f"{_of(figures['int8'])}int8 ({name}), to be shipped",
            "1.15 times fp32, 0.3 points lost at most",
            f"{faster:.2f} times, {loss:.1f} points",
            is_met,
        )


def _at_least(name: str, value: float, goal: float) -> Goal:
    return name, f"at least {goal:g}", f"{value:.2f}", value >= goal


def _at_most(name: str, value: float, goal: float) -> Goal:
    return name, f"at most {goal:g}", f"{value:.2f}", value <= goal


def _runtimes(found: Figures) -> list[str]:
    mean, base = found["tokens"] / found["texts"], found["rates"]
    rows = []
    for name, rate in sorted(base.items(), key=lambda item: -item[1]):
        bundle = next((one for one in found["bundles"] if name.endswith(one)), found["bundles"][0])
        share = rate * mean * found["operations"][bundle] / found["peak"]
        rows.append(
            (name, f"{rate:,.0f}", f"{rate * mean:,.0f}", f"{share:.0%}", _times(rate, base.get(ONE)), _times(rate, base.get(ARRIVAL)))
        )
    millions = ", ".join(f"{name} {value / 1e6:.1f}" for name, value in found["operations"].items())
    return [
        "## Short texts",
        "",
        (
            f"{found['texts']} texts of {mean:.0f} tokens, no two equal; best of {found['rounds']} rounds in turns. All but the "
            "whole analyses are the encoder alone: texts in, mean vectors out. Share of the peak: million operations a token "
            f"({millions}; products with weights, attention among tokens left out) over the best matrix product of numpy, "
            f"{found['peak'] / 1e9:.0f} GFLOP/s on all cores."
        ),
        "",
        *table(("way", "texts/s", "tokens/s", "of the peak", "over one at a time", "over batches of 32"), rows),
    ]


def _times(rate: float, other: float | None) -> str:
    return f"{rate / other:.2f}" if other else ""


def _lengths(found: Figures, *, short: Figures) -> list[str]:
    """`short` are the figures of the short texts, whose operations a token and peak hold where the bundle is the same."""
    operations = short.get("operations", {}).get(_bundle(found))
    rows = [
        (
            name,
            str(one["records"]),
            f"{one['records'] / one['seconds']:,.1f}",
            f"{one['tokens'] / one['seconds']:,.0f}",
            f"{one['tokens'] / one['seconds'] * operations / short['peak']:.0%}" if operations else "",
            f"{one['encoder'] / one['seconds']:.0%}",
        )
        for name, one in found["kinds"].items()
    ]
    return [
        "## Longer texts",
        "",
        (
            "Whole analyses, their share of the peak as above (the attention among tokens, which grows with the length, left out), and the "
            "share of their time that passes in the encoder."
        ),
        "",
        *table(("records", "n", "records/s", "tokens/s", "of the peak", "encoder"), rows),
    ]


def _repeats(found: Figures) -> list[str]:
    rates = found["rates"]
    return [
        "## Texts that come again",
        "",
        (
            f"Whole analyses of texts each there four times: {rates['each four times']:,.0f} a second, of texts all different "
            f"{rates['all different']:,.0f}: {rates['each four times'] / rates['all different']:.2f} times. Equal texts are found "
            "within a chunk (`chunk`, 256 records by default) and not beyond, so that a run that is gone on with gives the same bytes: "
            "what shares a batch moves the last bit of a score."
        ),
    ]


def _start(found: Figures) -> list[str]:
    return [
        "## Cold start",
        "",
        *table(
            ("seconds of", ""),
            [
                (f"`voc classify` of {found['rows']} rows", f"{found['classify']:.2f}"),
                ('`python -c "import spacy, onnxruntime, tokenizers"`', f"{found['imports']:.2f}"),
                ("the analysis itself, all loaded", f"{found['analysis']:.2f}"),
            ],
        ),
    ]


def _many(found: Figures) -> list[str]:
    rows = [
        (f"{int(count):,}", f"{one['peak']:,.0f}", f"{one['rate']:,.0f}", f"{one['seconds']:,.0f}") for count, one in found["rows"].items()
    ]
    return [
        "## Many rows",
        "",
        "`voc classify` from CSV to CSV; rows are halves of two texts, so that hardly one is there twice.",
        "",
        *table(("rows", "peak memory, MiB", "rows/s", "seconds"), rows),
        *_alone(found.get("one_thread")),
    ]


def _alone(found: Figures | None) -> list[str]:
    """What a worker of Ray needs."""
    if not found:
        return []
    return ["", f"With one thread, as a worker of Ray has by default, {found['rows']:,} rows take {found['peak']:,.0f} MiB at their peak."]


def _ray(found: Figures) -> list[str]:
    few, *_, most = found["rows"]
    rows = [(name, f"{rate:,.0f}", f"{rate / found['rates']['in process']:.2f}") for name, rate in found["rates"].items()]
    return [
        "## Ray",
        "",
        (
            f"Rows a second between the {few:,}th and the {most:,}th row, so that the start counts for nothing; one thread a worker, the "
            f"process that reads and writes beside them, on {found['machine']['cores']} cores."
        ),
        "",
        *table(("engine", "rows/s", "over one thread in process"), rows),
    ]


def _writer(found: Figures) -> list[str]:
    rows = [(name, f"{rate:,.0f}") for name, rate in found["rates"].items()]
    return [
        "## The one process that reads and writes",
        "",
        (
            f"Of a run on Ray whose workers have every answer ready: {found['rows']:,} short rows of CSV read, sent, taken back, kept in "
            "shards and written, in seconds of CPU of one core."
        ),
        "",
        *table(("output", "rows/s"), rows),
    ]


def _corpora(found: Figures) -> list[str]:
    return [
        "## All corpora in one command",
        "",
        (
            f"`voc classify 'CORPORA/{corpora.PATTERN}' -o OUT.jsonl`, alone, killed on the way (SIGKILL) and gone on with (`--resume`), "
            "and with `--engine ray`; seconds without the start, records a second without those that were taken over. The last "
            "column holds the output against that of the first run."
        ),
        "",
        *table(corpora.HEAD, corpora.rows(found)),
    ]


def _int8_rows(figures: Figures) -> Iterator[tuple[str, float, float]]:
    """Kind, times as fast as fp32, and the largest loss of a figure in points, of one and the same bundle."""
    if "int8" not in figures or "runtimes" not in figures or _bundle(figures["int8"]) != _bundle(figures["runtimes"]):
        return
    quality, rates = figures["int8"]["quality"], figures["runtimes"]["rates"]
    for name in quality:
        if f"ONNX Runtime int8 ({name})" in rates:
            losses = [full[key] - quality[name][split][key] for split, full in quality["fp32"].items() for key in full]
            yield name, rates[f"ONNX Runtime int8 ({name})"] / rates[figures["runtimes"]["own"]], max(losses)


def _int8(figures: Figures) -> list[str]:
    quality = figures["int8"]["quality"]
    names = [name for name in quality if name != "fp32"]
    rows = [
        (split, key, f"{value:.1f}", *(f"{quality[name][split][key] - value:+.1f}" for name in names))
        for split, full in quality["fp32"].items()
        for key, value in full.items()
    ]
    return [
        "## int8",
        "",
        (
            "Figures of the quality report in points with the encoder in int8, thresholds and heads as they are. Dynamic: "
            "weights a channel; static: activations too, ranges from 200 texts."
        ),
        "",
        *table(("texts", "figure", "fp32", *names), rows),
    ]


def _costs(figures: Figures) -> list[str]:
    one, hour = figures["ray"]["rates"]["Ray, 1 worker"], figures["hour"]
    worker, writer = hour / figures["ray"]["machine"]["cores"], figures.get("writer", {}).get("rates", {}).get("jsonl")
    rows = []
    for workers in (1, 100, 1000):
        rate = one * workers
        runs = f"{-(-rate // writer):,.0f}" if writer else "not measured"
        rows.append((f"{workers:,}", f"{rate:,.0f}", _time(BILLION / rate), runs, f"{1e6 / one / 3600 * worker:.2f}"))
    prices = [(name, f"{first:,.0f}", f"{last:,.0f}" if last else "", how) for name, first, last, how in PRICES]
    return [
        "## A billion rows: a calculation",
        "",
        (
            f"From the {one:,.0f} rows a second of one worker of one thread above, as if each further one gave as much; a run is split "
            f"where its one writer of JSON Lines could not follow ([batch.md](batch.md#how-large)). A core is taken for {worker:.3f} "
            "USD an hour: a parameter (`--hour`), not a quotation."
        ),
        "",
        *table(("workers", "rows/s", "a billion rows", "runs side by side", "USD a million records"), rows),
        "",
        (
            "Beside it, list prices of hosted services for a million records of up to 300 characters and **one** feature, such as "
            "sentiment, free allowances left out. Google's is of copies of its [price "
            "page](https://cloud.google.com/natural-language/pricing), "
            "Amazon's as a third party's guide gives it, both undated and read on 2026-11-28: look before you rely on them."
        ),
        "",
        *table(("service", "USD a million, first step", "last step", "how"), prices),
    ]


def _time(seconds: float) -> str:
    return f"{seconds / 86400:.0f} days" if seconds > 3 * 86400 else f"{seconds / 3600:.1f} hours"


def _machine(figures: Figures) -> list[str]:
    parts = {name: part["machine"] for name, part in figures.items() if isinstance(part, dict)}
    if not parts:
        return []
    some = next(iter(parts.values()))
    libraries = ", ".join(f"{name} {number}" for name, number in some["libraries"].items())
    when = "; ".join(f"{name} (load {one['load']})" for name, one in parts.items())
    return [
        "## Machine and commands",
        "",
        (
            f"{some['cores']} cores, {some['processor']}, {some['system']}, Python {some['python']}; {libraries}. Batches of the "
            f"service hold {TOKEN_BUDGET} tokens. Load is that of the minute before a part began; above 0.5 something else was "
            f"running: {when}."
        ),
        "",
        "    python -m benchmarks.performance --data TEXTS.csv -o docs/performance.md",
        "    python -m benchmarks.performance --data TEXTS.csv -o docs/performance.md --part int8 --corpora CORPORA",
        "    python -m benchmarks.performance --data TEXTS.csv -o docs/performance.md --part many",
        "    python -m benchmarks.performance --data TEXTS.csv -o docs/performance.md --part corpora --corpora CORPORA",
        "",
        (
            "The first measures all but int8, many rows and the corpora in about ten minutes; many rows take twenty, and the "
            "corpora are classified three times. `pip install "
            "-r requirements-benchmark.txt` on top of what training needs (`make setup-train`) and `requirements-ray.txt`; what is "
            "not installed is left out of the tables."
        ),
    ]
