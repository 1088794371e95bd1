"""Corpora as companies and a bundle in, agreement of the report's figures with people's judgements of the same texts out.

Texts are labelled by the serving steps, and figures come from `vocservice.reporting`; the model sees none of people's judgements.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.companies import COMPANIES, SEED, Company, records_of, rows_of, trained_on
from training.corpora import Row as Given
from training.corpora import read_rows
from training.newness import COMPANY, measure
from vocservice.api import Analyser, load
from vocservice.reporting.columns import frame_of
from vocservice.reporting.drivers import Drivers, answered, drivers_of_answers, find_drivers, is_answered, lmg
from vocservice.reporting.frame import Bools, Frame
from vocservice.reporting.rows import Origin, Row
from vocservice.reporting.rows import read_rows as read_labelled
from vocservice.reporting.trends import series_of

Floats = NDArray[np.float64]
Figures = dict[str, Any]

RECOMMENDED = "recommended"
RESAMPLES = 1000
MIN_GROUP = 10
MIN_IMPACT = 40
MIN_PAIRS = 5
SHUFFLES = 20
PERIOD_DAYS = 28
WEEKS = 40
_SIGNS = np.array([1.0, -1.0, 0.0, np.nan])


@dataclass(frozen=True, slots=True)
class Judged:
    """The records of a company: our figures, and people's values per row."""

    company: Company
    rows: Sequence[Row]
    given: Sequence[Given]
    frame: Frame
    rejected: int

    @property
    def score(self) -> Floats:
        """(n,) people's scores, NaN if missing."""
        return self.frame.score

    def people(self, name: str) -> Floats:
        """(n,) people's value under one of their names, NaN if missing."""
        return np.array([self.company.given(row).get(name, np.nan) for row in self.given], dtype=np.float64)

    def ours(self, factors: Iterable[str]) -> Floats:
        """(n,) mean polarity of factors, -1 to 1, NaN if none is mentioned."""
        signs = _SIGNS[self.frame.factors[:, [self.frame.factor_keys.index(key) for key in factors]]]
        told = (~np.isnan(signs)).sum(axis=1)
        return np.where(told > 0, np.nan_to_num(signs).sum(axis=1) / np.maximum(told, 1), np.nan)

    @property
    def groups(self) -> Mapping[str, Bools]:
        """The records of each value of the company's group."""
        if self.company.group is None:
            return {}
        names = np.array([str(row.get(self.company.group)) for row in self.given], dtype=object)
        return {str(name): np.asarray(names == name) for name in np.unique(names)}


def validate(data: Path, work: Path, *, bundle: str | None, most: int, names: Sequence[str] = tuple(COMPANIES)) -> Figures:
    """Compute every figure of the page.

    Args:
        data: folder of the corpora.
        work: folder for labelled texts, `NAME.labelled.jsonl`; texts already labelled by this model are reused.
        bundle: version or path of the model; the current one by default.
        most: maximum number of texts per company, drawn at random.
        names: of the companies.

    Raises:
        ConfigError: a corpus is missing.
        BundleError: the bundle cannot be used.
    """
    analyser, trained = load(bundle), trained_on(data)
    found = {name: company_figures(_judged(name, data, work, analyser, most), trained) for name in names}
    new = {"newness": measure(data, analyser, most=most)} if COMPANY in names else {}
    return {"bundle": analyser.model, "taxonomy": analyser.taxonomy.id, "seed": SEED, "companies": found, **new}


def company_figures(judged: Judged, trained: frozenset[str]) -> Figures:
    """The figures of one company."""
    frame = judged.frame
    fresh = np.array([row.id not in trained for row in judged.rows], dtype=bool)
    return {
        "title": judged.company.title,
        "corpus": judged.company.corpus,
        "records": len(frame),
        "rejected": judged.rejected,
        "annotated": int((~fresh).sum()),
        "score_name": judged.company.score_name,
        "sentiment": {
            "all": spearman(frame.sentiment, judged.score),
            "not annotated": spearman(frame.sentiment[fresh], judged.score[fresh]),
        },
        "names": [found for names in _named(judged) if (found := _name_figures(judged, names))["given"]],
        "cells": _cells(judged),
        "impacts": _impacts(judged),
        "drivers": _drivers(judged, find_drivers(frame), judged.score),
        "recommended": _recommended(judged),
        "chance": _chance(judged),
        "time": _over_time(judged),
    }


def spearman(a: Floats, b: Floats) -> Figures:
    """Rank correlation of complete pairs, with a bootstrap interval; None below five pairs or without variation."""
    known = ~np.isnan(a) & ~np.isnan(b)
    a, b = a[known], b[known]
    value = _correlation(a, b)
    if len(a) < MIN_PAIRS or value is None:
        return {"n": len(a), "value": None, "low": None, "high": None}
    draw = np.random.default_rng(SEED)
    found = [_correlation(a[at], b[at]) for at in (draw.integers(len(a), size=len(a)) for _ in range(RESAMPLES))]
    low, high = np.quantile([one for one in found if one is not None], (0.025, 0.975))
    return {"n": len(a), "value": value, "low": float(low), "high": float(high)}


def _correlation(a: Floats, b: Floats) -> float | None:
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: Floats) -> Floats:
    """Ranks from 0, with mean ranks for ties."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts + 1) / 2)[inverse], dtype=np.float64)


def _judged(name: str, data: Path, work: Path, analyser: Analyser, most: int) -> Judged:
    company = COMPANIES[name]
    given = rows_of(company, data, most=most)
    analyses = {one["id"]: one for one in _labelled(work / f"{name}.labelled.jsonl", company, given, analyser)}
    kept = [row for row in given if analyses.get(row["id"], {}).get("status") == "ok"]
    reading = read_labelled((analyses[row["id"]], _origin(company, row)) for row in kept)
    return Judged(company, reading.rows, kept, frame_of(reading.rows, analyser.taxonomy), len(given) - len(kept))


def _origin(company: Company, row: Given) -> Origin:
    """People's values for the texts."""
    answer = company.recommended(row)
    told = {} if answer is None else {RECOMMENDED: str(answer)}
    return Origin(company.day(row), row.get("channel"), None, company.score(row), told)


def _labelled(path: Path, company: Company, given: Sequence[Given], analyser: Analyser) -> Iterable[Mapping[str, Any]]:
    """Labels from an earlier run of the same model, if complete, else computed and stored."""
    held = list(read_rows(path)) if path.is_file() else []
    is_whole = {row["id"] for row in given} <= {one["id"] for one in held}
    if is_whole and all(one.get("model", analyser.model) == analyser.model for one in held):
        return held
    made = [result.to_dict() for result in analyser.stream(records_of(company, given))]
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in made), encoding="utf-8")
    return made


def _named(judged: Judged) -> list[tuple[str, ...]]:
    """Each of their names; if they do not rate and several names mean the same factors, also these combined."""
    meant, by_factors = judged.company.meant, dict[tuple[str, ...], list[str]]()
    for name, factors in meant.items():
        by_factors.setdefault(factors, []).append(name)
    together = [tuple(names) for names in by_factors.values() if len(names) > 1 and not judged.company.judges]
    return [*((name,) for name in meant), *together]


def _name_figures(judged: Judged, names: tuple[str, ...]) -> Figures:
    """People's names against our factors: ratings are compared where both exist, mere mentions by occurrence."""
    factors = judged.company.meant[names[0]]
    given, ours = np.stack([judged.people(name) for name in names]), judged.ours(factors)
    people = np.where(np.isnan(given).all(axis=0), np.nan, np.nan_to_num(given).sum(axis=0))
    both = spearman(people, ours) if judged.company.judges else spearman(*_presence(judged, people, ours))
    told = {"given": int((~np.isnan(people)).sum()), "found": int((~np.isnan(ours)).sum())}
    return {"name": " or ".join(names), "factors": list(factors), **told, "both": both}


def _presence(judged: Judged, people: Floats, ours: Floats) -> tuple[Floats, Floats]:
    """Whether people and we name it, among records in which people named anything."""
    named = np.array([bool(judged.company.given(row)) for row in judged.given])
    return tuple(np.where(named, (~np.isnan(found)).astype(np.float64), np.nan) for found in (people, ours))  # type: ignore[return-value]


def _cells(judged: Judged) -> Figures:
    """Over (group, name): mean rating against mean polarity, or share named against share found, with at least ten records each."""
    pairs = [
        pair
        for mask in judged.groups.values()
        for name, factors in judged.company.meant.items()
        if (pair := _cell(judged, mask, name, factors))
    ]
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return spearman(table[:, 0], table[:, 1])


def _cell(judged: Judged, mask: Bools, name: str, factors: Iterable[str]) -> tuple[float, float] | None:
    people, ours = judged.people(name)[mask], judged.ours(factors)[mask]
    if not judged.company.judges:
        people, ours = _presence(judged, judged.people(name), judged.ours(factors))
        people, ours = people[mask & ~np.isnan(people)], ours[mask & ~np.isnan(ours)]
        return (float(people.mean()), float(ours.mean())) if len(people) >= MIN_GROUP else None
    if min((~np.isnan(people)).sum(), (~np.isnan(ours)).sum()) < MIN_GROUP:
        return None
    return float(np.nanmean(people)), float(np.nanmean(ours))


def _impacts(judged: Judged) -> Figures:
    """Over (group, name): correlation of the score with people's rating, against that with our factor."""
    masks = [mask for mask in judged.groups.values() if mask.sum() >= MIN_IMPACT]
    if not judged.company.judges or np.isnan(judged.score).all():
        return spearman(np.empty(0), np.empty(0))
    values = [(judged.people(name), np.nan_to_num(judged.ours(factors))) for name, factors in judged.company.meant.items()]
    pairs = [[_follows(judged.score[mask], found[mask]) for found in both] for mask in masks for both in values]
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return spearman(table[:, 0], table[:, 1])


def _follows(score: Floats, values: Floats) -> float:
    known = ~np.isnan(score) & ~np.isnan(values)
    found = _correlation(score[known], values[known]) if known.sum() >= MIN_IMPACT else None
    return np.nan if found is None else found


def _recommended(judged: Judged) -> Figures:
    """Our drivers of recommendation, and what people's ratings explain of it; blank if nobody was asked, or all answer alike."""
    if not is_answered(judged.frame.segments[RECOMMENDED].names if RECOMMENDED in judged.frame.segments else ()):
        return {}
    found = drivers_of_answers(judged.frame, RECOMMENDED)
    return {**_drivers(judged, found, answered(judged.frame, RECOMMENDED).score), "share": found.mean}


def _drivers(judged: Judged, found: Drivers, score: Floats) -> Figures:
    """Our drivers of a score, and what people's ratings explain of it by the same method."""
    ours: dict[str, float] = {}
    for driver in found.drivers:
        if driver.term.kind == "factor":
            ours[driver.term.key] = ours.get(driver.term.key, 0.0) + driver.importance
    return {
        "n": found.n,
        "reason": found.reason,
        "r_squared": found.r_squared,
        "ours": ours,
        "people": _rated(judged, score),
        "wrong": _wrong(found),
    }


def _wrong(found: Drivers) -> Figures:
    """Praise should raise a score and blame lower it: number of factors that do, among those with a clear effect."""
    clear = [driver for driver in found.drivers if driver.term.kind == "factor" and driver.is_clear]
    wrong = [driver.term.name for driver in clear if (driver.impact > 0) != (driver.term.polarity == "+")]
    return {"clear": len(clear), "wrong": wrong}


def _rated(judged: Judged, score: Floats) -> dict[str, float]:
    """Part of R² of each rating; empty if values are not ratings, or fewer than two are given."""
    names = [
        name for name in judged.company.meant if judged.company.judges and (~np.isnan(judged.people(name))).sum() > len(judged.rows) / 2
    ]
    if len(names) < 2 or np.isnan(score).all():
        return {}
    table = np.stack([*(judged.people(name) for name in names), score], axis=1)
    table = table[~np.isnan(table).any(axis=1)]
    parts, _ = lmg(np.cov(table.T))
    return {name: float(part) for name, part in zip(names, parts, strict=True)}


def _chance(judged: Judged) -> Figures:
    """Draws of scores assigned at random in which any term seems clear: 5 % are expected, as q is corrected over the terms."""
    if np.isnan(judged.score).all():
        return {"draws": 0, "alarmed": 0, "terms": 0, "clear": 0}
    draw = np.random.default_rng(SEED)
    found = [find_drivers(replace(judged.frame, score=draw.permutation(judged.frame.score))).drivers for _ in range(SHUFFLES)]
    clear = [sum(driver.is_clear for driver in drivers) for drivers in found]
    return {"draws": len(found), "alarmed": sum(map(bool, clear)), "terms": sum(map(len, found)), "clear": sum(clear)}


def _over_time(judged: Judged) -> Figures:
    """Changes between periods, and anomalies, with real days and with days assigned at random."""
    frame = judged.frame
    if not (frame.day > 0).any():
        return {"dated": 0}
    span = int(frame.day.max() - frame.day[frame.day > 0].min()) + 1
    length = 1 if span < 2 * PERIOD_DAYS else PERIOD_DAYS
    draw = np.random.default_rng(SEED)
    shuffled = [_alarms(replace(frame, day=draw.permutation(frame.day))) for _ in range(SHUFFLES)]
    return {
        "dated": int((frame.day > 0).sum()),
        "days": span,
        "period_days": length,
        "levels": spearman(*_by_period(judged, length)),
        "changes": spearman(*(np.diff(found) for found in _by_period(judged, length))),
        "alarms": _alarms(frame),
        "shuffled": {key: sum(one[key] for one in shuffled) for key in ("tested", "alarms")},
        "planted": _planted(judged, draw),
    }


def _by_period(judged: Judged, length: int) -> tuple[Floats, Floats]:
    """Our mean sentiment and people's mean score per period with at least ten records."""
    frame = judged.frame
    period = np.where(frame.day > 0, frame.day // length, -1)
    kept = [period == one for one in np.unique(period[period >= 0]) if (period == one).sum() >= MIN_GROUP]
    found = [
        (float(np.nanmean(frame.sentiment[mask])), float(np.nanmean(judged.score[mask])))
        for mask in kept
        if not np.isnan(judged.score[mask]).all()
    ]
    table = np.array(found, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _alarms(frame: Frame) -> Figures:
    points = [point for series in series_of(frame, buckets=("week",)) for point in series.points]
    return {"tested": sum(point.p is not None for point in points), "alarms": sum(point.verdict in ("high", "low") for point in points)}


def _planted(judged: Judged, draw: np.random.Generator) -> Figures:
    """A planted weekly change: days assigned over 40 weeks, and half a week's worth of extra negative records in the last."""
    frame, start = judged.frame, date(2025, 1, 6).toordinal()
    negative, weekly = np.flatnonzero(np.nan_to_num(frame.level) < 0), len(frame) // WEEKS
    more = min(weekly // 2, len(negative))
    found = 0
    for _ in range(SHUFFLES):
        day = start + draw.integers(WEEKS * 7, size=len(frame))
        day[draw.choice(negative, size=more, replace=False)] = start + WEEKS * 7 - 1
        series = next(one for one in series_of(replace(frame, day=day), buckets=("week",)) if one.figure == "negative sentiment")
        found += series.points[-1].verdict == "high"
    usual = len(negative) / max(len(frame), 1)
    return {"tried": SHUFFLES, "found": found, "weekly": weekly, "usual": usual, "then": (usual * weekly + more) / max(weekly + more, 1)}
