"""Texts and conversations written by the project, with labels: freely usable data, shipped in the repository.

Some texts are annotated under the whole codebook, with evidence; the others have a sentiment only. Conversations have no evidence.
The everyday texts are for measuring only, never for training or calibration.
"""

from collections.abc import Mapping
from typing import Any

from training.annotated import FOLDER
from training.corpora import codebook, read_rows, to_example
from training.examples import Example, OneOf, Target

WRITTEN, WRITTEN_TALKS = FOLDER / "written.jsonl.gz", FOLDER / "written_transcripts.jsonl.gz"
EVERYDAY = FOLDER / "everyday.jsonl.gz"


def read_written() -> list[Example]:
    """All written texts; labels missing from a row are unknown."""
    return [to_example(row, corpus="written", targets=_targets(row)) for row in read_rows(WRITTEN)]


def read_everyday() -> list[Example]:
    """Everyday feedback outside the corpora, labelled under the whole codebook without evidence; for measuring only."""
    return [to_example(row, corpus="everyday", targets=codebook(row)) for row in read_rows(EVERYDAY)]


def read_written_talks() -> list[dict[str, Any]]:
    """All written conversations, as rows of a transcript corpus."""
    return list(read_rows(WRITTEN_TALKS))


def _targets(row: Mapping[str, Any]) -> dict[str, Target]:
    return codebook(row) if "stages" in row else {"sentiment": OneOf(frozenset({str(row["sentiment"])}))}
