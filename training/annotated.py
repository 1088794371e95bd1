"""The project's own further annotations: labels and evidence by id in the repository, texts from the corpora.

The files hold no text. Some rows are second readings of given texts and stand in the place of the first. Each row carries a
hash of the text it was made on; a row whose text is not there, or has changed, stops the run.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from training.corpora import CORPORA, codebook, read_rows, to_example
from training.examples import Example
from vocservice.errors import ConfigError

FOLDER = Path(__file__).parent / "annotations"
EXTENDED, DEV_EVIDENCE = FOLDER / "extended.jsonl.gz", FOLDER / "dev_evidence.jsonl.gz"
_SOURCES = ("fabsa", "nhs", "airline", "lounge", "seat", "amazon_train", "care_dev", "care_test")


def read_extended(data: Path) -> list[Example]:
    """The extended annotations, joined to their texts.

    Raises:
        ConfigError: a text is missing from the corpora or is not the one that was annotated.
    """
    texts = {row["id"]: row for name in _SOURCES for row in read_rows(data / CORPORA[name].path)}
    examples = []
    for row in read_rows(EXTENDED):
        source = texts.get(row["id"])
        if source is None:
            raise ConfigError(f"annotated text {row['id']} is not in the corpora")
        example = to_example(source | row, corpus="extended", targets=codebook(row))
        if hashlib.sha256(example.text.encode()).hexdigest()[:12] != row["text_sha256"]:
            raise ConfigError(f"text {row['id']} differs from the one that was annotated")
        examples.append(example)
    return examples


def read_once(given: Iterable[Example], extended: Iterable[Example]) -> list[Example]:
    """The given annotations without those that the extended ones read a second time."""
    again = frozenset(example.id for example in extended)
    return [example for example in given if example.id not in again]


def read_dev_evidence() -> dict[str, dict[str, dict[str, list[tuple[int, int]]]]]:
    """Evidence spans of the development texts: id -> label set -> label -> half-open offsets in the raw text."""
    return {row["id"]: row["evidence"] for row in read_rows(DEV_EVIDENCE)}
