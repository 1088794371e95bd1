"""The project's further annotations: labels and evidence by id in the repository, texts and conversations from the corpora.

The files contain no text. Some rows are second readings and replace the given annotation. Each row carries a
hash of its text; a row whose text is missing or has changed stops the run.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from training.corpora import CORPORA, codebook, read_rows, to_example
from training.examples import Example
from vocservice.errors import ConfigError

FOLDER = Path(__file__).parent / "annotations"
EXTENDED, DEV_EVIDENCE, TRANSCRIPTS = (FOLDER / f"{name}.jsonl.gz" for name in ("extended", "dev_evidence", "transcripts"))
_TEXTS = ("fabsa", "nhs", "airline", "lounge", "seat", "amazon_train", "care_dev", "care_test")
_CONVERSATIONS = ("care_dev", "care_test", "transcripts_unlabelled")


def read_extended(data: Path) -> list[Example]:
    """Read the extended annotations, joined with their texts.

    Raises:
        ConfigError: a text is missing from the corpora or is not the one that was annotated.
    """
    return [to_example(row, corpus="extended", targets=codebook(row)) for row in _joined(EXTENDED, data, _TEXTS)]


def read_conversations(data: Path) -> list[dict[str, Any]]:
    """Read the conversations annotated by the project, as rows of a transcript corpus.

    Raises:
        ConfigError: as in `read_extended`.
    """
    return list(_joined(TRANSCRIPTS, data, _CONVERSATIONS))


def _joined(annotations: Path, data: Path, sources: Sequence[str]) -> Iterator[dict[str, Any]]:
    texts = {row["id"]: row for name in sources for row in read_rows(data / CORPORA[name].path)}
    for row in read_rows(annotations):
        source = texts.get(row["id"])
        if source is None:
            raise ConfigError(f"annotated text {row['id']} is not in the corpora")
        if _hash(source) != row["text_sha256"]:
            raise ConfigError(f"text {row['id']} differs from the one that was annotated")
        yield source | row


def _hash(row: dict[str, Any]) -> str:
    text = "\n".join(turn["text"] for turn in row["turns"]) if "turns" in row else row["text"]
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def read_once(given: Iterable[Example], extended: Iterable[Example]) -> list[Example]:
    """The given annotations without those re-annotated in the extended ones."""
    again = frozenset(example.id for example in extended)
    return [example for example in given if example.id not in again]


def read_dev_evidence() -> dict[str, dict[str, dict[str, list[tuple[int, int]]]]]:
    """Read the evidence spans of the development texts: id -> label set -> label -> half-open offsets in the raw text."""
    return {row["id"]: row["evidence"] for row in read_rows(DEV_EVIDENCE)}
