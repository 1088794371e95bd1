"""Texts and conversations that the project wrote itself, with their labels: data that anyone may use, shipped in the repository.

Some texts are annotated by the whole codebook, with evidence; the others carry a sentiment alone. Conversations have no evidence.
The everyday texts measure: nothing learns from them, and nothing is calibrated on them.
"""

from collections.abc import Mapping
from typing import Any

from training.annotated import FOLDER
from training.corpora import codebook, read_rows, to_example
from training.examples import Example, OneOf, Target

WRITTEN, WRITTEN_TALKS = FOLDER / "written.jsonl.gz", FOLDER / "written_transcripts.jsonl.gz"
EVERYDAY = FOLDER / "everyday.jsonl.gz"


def read_written() -> list[Example]:
    """All written texts; what a row does not name is unknown."""
    return [to_example(row, corpus="written", targets=_targets(row)) for row in read_rows(WRITTEN)]


def read_everyday() -> list[Example]:
    """Everyday feedback outside the corpora, labelled by the whole codebook without evidence; only for measuring."""
    return [to_example(row, corpus="everyday", targets=codebook(row)) for row in read_rows(EVERYDAY)]


def read_written_talks() -> list[dict[str, Any]]:
    """All written conversations, as the rows of a corpus of transcripts."""
    return list(read_rows(WRITTEN_TALKS))


def _targets(row: Mapping[str, Any]) -> dict[str, Target]:
    return codebook(row) if "stages" in row else {"sentiment": OneOf(frozenset({str(row["sentiment"])}))}
