"""Our everyday texts and judged queries in, how well each way of searching finds the relevant texts out.

The texts take the way of records, the queries that of `about=` (`vocservice.web.workbench.asking`): vectors of the bundle, compared by
cosine, the words of the product, and its merging of both. The queries were written, and all texts judged for each, before any search.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.annotated import FOLDER
from training.corpora import read_rows
from training.metrics import Figure, interval
from training.written import EVERYDAY
from vocservice.api import Analyser
from vocservice.records import Analysis
from vocservice.reporting.ranks import by_words, fused
from vocservice.reporting.themes import matrix_of
from vocservice.reporting.wording import count_of, terms_of, words_of

QUERIES = FOLDER / "queries.jsonl"
TOP = 10
KINDS = ("other words", "their words")
LISTED = 50  # as on the page of the workbench; half as many by words where both are asked

Ranking = Sequence[str]
Way = Callable[[str], Ranking]


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody looks for, and the ids of the texts that they would want to read."""

    query: str
    kind: str
    relevant: frozenset[str]


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts to search, by id: words, and vectors of length 1, (n, width)."""

    words: Mapping[str, Sequence[str]]
    vectors: NDArray[np.float64]


def read_queries() -> list[Query]:
    """The queries with their judgements."""
    return [Query(row["query"], row["kind"], frozenset(row["relevant"])) for row in read_rows(QUERIES)]


def measure(analyser: Analyser) -> dict[str, Any]:
    """By way of searching and kind of query: nDCG and recall of the first ten, with intervals, and queries that find nothing."""
    queries = read_queries()
    rows = [{key: row[key] for key in ("id", "text", "question") if key in row} for row in read_rows(EVERYDAY)]
    found = {one.id: one for one in analyser.stream(rows) if isinstance(one, Analysis)}
    texts = Texts({name: words_of(one.text) for name, one in found.items()}, matrix_of([one.vector for one in found.values()]))
    asked = {query.query: matrix_of([_vector(analyser, query.query)])[0] for query in queries}
    ways = ways_of(texts, asked)
    scores = {name: np.array([scored(query, way(query.query)) for query in queries]) for name, way in ways.items()}
    kinds = {kind: np.array([query.kind == kind for query in queries]) for kind in KINDS}
    figures = {name: {kind: _summed(table[mask]) for kind, mask in kinds.items()} for name, table in scores.items()}
    baseline, ours = scores["any of the words"], scores["meaning"]
    gains = {kind: _mean((ours - baseline)[mask, 0]) for kind, mask in kinds.items()}
    return {"model": analyser.model, "texts": len(found), "ways": figures, "gain": gains}


def ways_of(texts: Texts, asked: Mapping[str, NDArray[np.float64]]) -> dict[str, Way]:
    """Each way of searching: a query in, ids out, best first.

    Args:
        texts: what is searched.
        asked: the vector of each query.
    """
    ids = list(texts.words)

    def by_meaning(query: str) -> Ranking:
        return [ids[at] for at in np.argsort(-(texts.vectors @ asked[query]), kind="stable")[:LISTED].tolist()]

    return {
        "all words": lambda query: all_words(texts, query)[:LISTED],
        "any of the words": lambda query: any_words(texts, query)[:LISTED],
        "meaning": by_meaning,
        "all words and meaning": lambda query: fused(*filter(None, (all_words(texts, query)[: LISTED // 2], by_meaning(query)))),
    }


def all_words(texts: Texts, query: str) -> Ranking:
    """As `q=` finds them."""
    terms = terms_of(query)
    return by_words({name: words for name, words in texts.words.items() if all(count_of(words, term) for term in terms)}, terms)


def any_words(texts: Texts, query: str) -> Ranking:
    """By BM25 with the usual constants (k1 1.2, b 0.75), whatever words match: the usual baseline, which the product does not offer."""
    counts = {name: Counter(words) for name, words in texts.words.items()}
    usual = sum(found.total() for found in counts.values()) / max(len(counts), 1)
    scores = dict.fromkeys(counts, 0.0)
    for word in words_of(query):
        holding = [name for name, found in counts.items() if word in found]
        weight = math.log(1 + (len(counts) - len(holding) + 0.5) / (len(holding) + 0.5))
        for name in holding:
            often, length = counts[name][word], counts[name].total() / usual
            scores[name] += weight * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * length))
    return sorted((name for name, score in scores.items() if score), key=lambda name: (-scores[name], name))


def scored(query: Query, ranking: Ranking) -> tuple[float, float, float]:
    """nDCG and recall of the first ten, and whether nothing was found. Recall is of as many as ten can hold."""
    hits = [name in query.relevant for name in ranking[:TOP]]
    best = min(len(query.relevant), TOP)
    gain = sum(hit / math.log2(at + 2) for at, hit in enumerate(hits))
    return gain / sum(1 / math.log2(at + 2) for at in range(best)), sum(hits) / best, float(not ranking)


def table(figures: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    heads = ("search", "queries", "n", "nDCG of the first ten", "relevant among the first ten", "nothing found")
    lines = [f"Bundle {figures['model']}, {figures['texts']} texts.", "", f"| {' | '.join(heads)} |", "|---|---|---:|---:|---:|---:|"]
    for name, kinds in figures["ways"].items():
        for kind, found in kinds.items():
            lines.append(f"| {name} | {kind} | {found['n']} | {_range(found['ndcg'])} | {_range(found['recall'])} | {found['empty']} |")
    gains = (f"{kind} {_range(found)}" for kind, found in figures["gain"].items())
    return "\n".join([*lines, "", f"nDCG by meaning minus that of any of the words: {', '.join(gains)}.", ""])


def _vector(analyser: Analyser, query: str) -> bytes:
    """Of a query, as the workbench makes it."""
    found = next(iter(analyser.stream([{"id": "question", "text": query}])))
    return found.vector if isinstance(found, Analysis) else b""


def _summed(scores: NDArray[np.float64]) -> dict[str, Any]:
    return {"n": len(scores), "ndcg": _mean(scores[:, 0]), "recall": _mean(scores[:, 1]), "empty": int(scores[:, 2].sum())}


def _mean(values: NDArray[np.float64]) -> Figure:
    """Mean with its interval over the queries."""
    return interval(lambda drawn: float(values[drawn].mean()), len(values))


def _range(found: Figure) -> str:
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
