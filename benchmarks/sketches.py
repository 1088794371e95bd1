"""A folder of texts in, how many of the nearest vectors a search by sketches finds out, and its time beside that of all vectors.

    python -m benchmarks.sketches FOLDER

Vectors are those of the shipped bundle for the texts of every `*.jsonl.gz` (key `text`), each vector once. For samples of several
sizes: the share of the fifty nearest to a text that are among the vectors that would be read, for several numbers of those. The more
texts, the more must be read; from the sizes measured one can see how fast that grows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from training.corpora import read_rows
from vocservice.api import load
from vocservice.records import Analysis
from vocservice.reporting.packing import sketch_of
from vocservice.reporting.sketches import Sketches, likely, stacked
from vocservice.reporting.themes import matrix_of
from vocservice.store.analysed.nearest import READ

Bytes = NDArray[np.int8]
LISTED = 50  # as on the page
QUERIES = 300
SIZES = (6_000, 12_000, 24_000, 48_000)
LIMITS = (READ // 8, READ // 4, READ // 2, READ)
MANY, ROUNDS = 1_000_000, 5
SEED = 1


def vectors(texts: Iterator[str]) -> Bytes:
    """(n, width) distinct vectors of texts, in random order."""
    found = load().stream(({"id": str(number), "text": text} for number, text in enumerate(texts)), ahead=True)
    held = {one.vector for one in found if isinstance(one, Analysis) and one.vector}
    rows = np.stack([np.frombuffer(vector, np.int8) for vector in sorted(held)])
    return np.random.default_rng(SEED).permutation(rows)


def recall(rows: Bytes, limits: Sequence[int]) -> list[float]:
    """Share of the nearest among the vectors left, by limit; each of the first vectors is looked for, and finds itself too."""
    floats, held = matrix_of([row.tobytes() for row in rows]), sketched(rows)
    hits = np.zeros(len(limits))
    queries = rows[:QUERIES]
    for number, query in enumerate(queries):
        nearest = np.argpartition(-(floats @ floats[number]), LISTED)[:LISTED]
        hits += [len(np.intersect1d(nearest, likely(held, query.tobytes(), limit=limit))) for limit in limits]
    return (hits / (LISTED * len(queries))).tolist()


def sketched(rows: Bytes) -> Sketches:
    return stacked([sketch_of(row.tobytes()) for row in rows])


def paces(rows: Bytes) -> tuple[float, float]:
    """Best seconds to find those to read among a million sketches, and to compare a million vectors, by turns."""
    many = np.resize(rows, (MANY, rows.shape[1]))
    held, query = sketched(many), rows[0].tobytes()
    wanted = matrix_of([query])[0].astype(np.float32)
    ways: tuple[Callable[[], object], ...] = (lambda: likely(held, query, limit=READ), lambda: _compared(many, wanted))
    best = np.full(len(ways), np.inf)
    for _ in range(ROUNDS):
        for at, way in enumerate(ways):
            begun = time.perf_counter()
            way()
            best[at] = min(best[at], time.perf_counter() - begun)
    return float(best[0]), float(best[1])


def _compared(rows: Bytes, wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    """The cosines of all vectors, in blocks."""
    found = []
    for first in range(0, len(rows), 8192):
        floats = rows[first : first + 8192].astype(np.float32)
        found.append(floats @ wanted / np.maximum(np.sqrt(np.einsum("ij,ij->i", floats, floats)), 1.0))
    return np.concatenate(found)


def texts_of(folder: Path) -> Iterator[str]:
    """The texts of every file of a folder."""
    for path in sorted(folder.glob("*.jsonl.gz")):
        yield from (text for row in read_rows(path) if (text := row.get("text")))


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Measure and print."""
    rows = vectors(texts_of(folder))
    click.echo(f"| vectors | {' | '.join(f'{limit:,} read' for limit in LIMITS)} |\n|---:|{'---:|' * len(LIMITS)}")
    for size in sorted({min(size, len(rows)) for size in SIZES}):
        click.echo(f"| {size:,} | {' | '.join(f'{share:.4f}' for share in recall(rows[:size], LIMITS))} |")
    sketches, all_vectors = paces(rows)
    click.echo(f"\nA million sketches: {1000 * sketches:.0f} ms; a million vectors: {1000 * all_vectors:.0f} ms.")


if __name__ == "__main__":
    main()
