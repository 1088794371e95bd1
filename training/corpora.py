"""Corpus files in, Examples out: one reader per corpus, each with its explicit label map, all in one registry.

Public label sets keep their own label space (a separate head during training, not in the bundle); only
sentiment is mapped onto ours, as a set of allowed levels. All our other labels stay unknown for them.
"""

import gzip
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from training.examples import Example, Labels, OneOf, Target
from vocservice.errors import ConfigError
from vocservice.inference.bundle import Manifest
from vocservice.records import RawTurn

Row = Mapping[str, Any]

LICENCE = "without_non_commercial"  # its mention in a manifest's recipe

NEGATIVE, NEUTRAL, POSITIVE = frozenset({"-2", "-1"}), frozenset({"0"}), frozenset({"1", "2"})
FABSA_SIGN = {"1": "+", "-1": "-", "0": "~"}
AIRLINE_SENTIMENT = {"negative": NEGATIVE, "neutral": NEUTRAL, "positive": POSITIVE}
TWEETEVAL_SENTIMENT = {0: NEGATIVE, 1: NEUTRAL, 2: POSITIVE}
AMAZON_SENTIMENT = {0: NEGATIVE, 1: POSITIVE}
SST_SENTIMENT = {0: "-2", 1: "-1", 2: "0", 3: "1", 4: "2"}
NHS_SENTIMENT = {1: "2", 2: "1", 3: "0", 4: "-1", 5: "-2"}


def key_of(name: str) -> str:
    """A foreign label as a taxonomy key: lower case, words joined by underscores."""
    return "_".join("".join(char if char.isalnum() else " " for char in name.lower()).split())


def _fabsa(row: Row) -> dict[str, Target]:
    given: dict[str, str | None] = {}
    for label in row["labels"]:
        category, aspect, sign = label.rsplit(".", 2)
        key = key_of(f"{category}.{aspect}")
        polarity = FABSA_SIGN[sign]
        given[key] = polarity if given.get(key, polarity) == polarity else "~"
    return {"fabsa_aspects": Labels(given)}


def _nhs(row: Row) -> dict[str, Target]:
    targets: dict[str, Target] = {"nhs_themes": Labels({key_of(label): None for label in row["labels"]})}
    if row.get("sentiment") in NHS_SENTIMENT:
        targets["sentiment"] = OneOf(frozenset({NHS_SENTIMENT[row["sentiment"]]}))
    return targets


def _airline(row: Row) -> dict[str, Target]:
    targets: dict[str, Target] = {"sentiment": OneOf(AIRLINE_SENTIMENT[row["sentiment"]])}
    if row.get("reason"):
        targets["airline_reason"] = OneOf(frozenset({key_of(row["reason"])}))
    return targets


def _overall(row: Row) -> dict[str, Target]:
    """Skytrax: ratings 1-4 are negative, 7-10 positive; 5 and 6 allow any middle level."""
    overall = row.get("overall")
    if overall is None:
        return {}
    levels = NEGATIVE if overall <= 4 else POSITIVE if overall >= 7 else frozenset({"-1", "0", "1"})
    return {"sentiment": OneOf(levels)}


def _amazon(row: Row) -> dict[str, Target]:
    return {"sentiment": OneOf(AMAZON_SENTIMENT[row["label"]])}


def _sst(row: Row) -> dict[str, Target]:
    return {"sentiment": OneOf(frozenset({SST_SENTIMENT[row["label"]]}))}


def _tweeteval(row: Row) -> dict[str, Target]:
    return {"sentiment": OneOf(TWEETEVAL_SENTIMENT[row["label"]])}


def codebook(row: Row) -> dict[str, Target]:
    """The label map of our annotations: everything is known."""
    stages = row["stages"]
    targets: dict[str, Target] = {
        "stages": Labels(dict.fromkeys(stages), main=stages[0] if stages else None, evidence=_evidence(row, "stages")),
        "factors": Labels(dict(row["factors"]), evidence=_evidence(row, "factors")),
        "flags": Labels(dict.fromkeys(row["flags"]), evidence=_evidence(row, "flags")),
        "sentiment": OneOf(frozenset({str(row["sentiment"])})),
        "scope": OneOf(frozenset({row["scope"]})),
    }
    return targets


def _evidence(row: Row, name: str) -> dict[str, tuple[tuple[int, int], ...]]:
    spans = row.get("evidence", {}).get(name, {})
    return {key: tuple((start, end) for start, end in value) for key, value in spans.items()}


@dataclass(frozen=True, slots=True)
class Corpus:
    """One corpus file: its path below the data folder, its label map and its licence.

    `allowed`: the licence of the part used for a commercial bundle, if not all of it.
    """

    path: str
    label_map: Callable[[Row], dict[str, Target]]
    licence: str
    non_commercial: bool = False
    allowed: str = ""


CORPORA: dict[str, Corpus] = {
    "fabsa": Corpus("fabsa.jsonl.gz", _fabsa, "MIT (as tagged by its publisher)"),
    "nhs": Corpus("nhs.jsonl.gz", _nhs, "MIT"),
    "airline": Corpus("airline.jsonl.gz", _airline, "CC BY-NC-SA 4.0", non_commercial=True),
    "lounge": Corpus("lounge.jsonl.gz", _overall, "CC0"),
    "seat": Corpus("seat.jsonl.gz", _overall, "CC0"),
    "amazon_train": Corpus("amazon_train.jsonl.gz", _amazon, "Amazon polarity sample (research data set)"),
    "sst5_train": Corpus("sst5_train.jsonl.gz", _sst, "Stanford Sentiment Treebank"),
    "sst5_dev": Corpus("sst5_dev.jsonl.gz", _sst, "Stanford Sentiment Treebank"),
    "tweeteval_val": Corpus("tweeteval_val.jsonl.gz", _tweeteval, "TweetEval (SemEval-2017 task 4)"),
    "care_dev": Corpus("care_dev.jsonl.gz", lambda row: {}, "Apache-2.0"),
    "care_test": Corpus("care_test.jsonl.gz", lambda row: {}, "Apache-2.0"),
    "transcripts_unlabelled": Corpus("transcripts_unlabelled.jsonl.gz", lambda row: {}, "CC BY-NC-SA 4.0", non_commercial=True),
    "train": Corpus("annotations/train.jsonl.gz", codebook, "annotations: this project"),
    "dev": Corpus("annotations/dev.jsonl.gz", codebook, "annotations: this project"),
    "transcripts_train": Corpus(
        "annotations/transcripts_train.jsonl.gz",
        codebook,
        "annotations: this project; a third of the conversations CC BY-NC-SA 4.0, the others Apache-2.0",
        allowed="annotations: this project; of the conversations those under Apache-2.0 alone",
    ),
    "transcripts_dev": Corpus("annotations/transcripts_dev.jsonl.gz", codebook, "CC BY-NC-SA 4.0", non_commercial=True),
    "transcripts_written": Corpus("annotations/transcripts_written.jsonl.gz", codebook, "this project"),
}


HELD_OUT = ("dev", "transcripts_dev")


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file, gzip-compressed or not.

    Raises:
        ConfigError: the file is missing.
    """
    if not path.is_file():
        raise ConfigError(f"corpus file {path.name} not found in {path.parent}")
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as lines:
        yield from (orjson.loads(line) for line in lines if line.strip())


def read_corpus(name: str, data: Path) -> list[Example]:
    """All examples of one registered corpus."""
    corpus = CORPORA[name]
    return [to_example(row, corpus=name, targets=corpus.label_map(row)) for row in read_rows(data / corpus.path)]


def to_example(row: Row, *, corpus: str, targets: Mapping[str, Target]) -> Example:
    """Parse a row of any corpus; a thread with a single customer message becomes a plain text."""
    turns = tuple(RawTurn(t["speaker"], t["text"], t.get("at"), t.get("author")) for t in row.get("turns", ()))
    alone = len(turns) == 1
    return Example(
        id=row["id"],
        corpus=corpus,
        text=turns[0].text if alone else row.get("text", ""),
        targets=targets,
        turns=() if alone else turns,
        channel=row.get("channel"),
        question=row.get("question"),
        sample=row.get("sample", "random"),
    )


def held_out_ids(data: Path) -> frozenset[str]:
    """Ids of the development sets, which are excluded from all training."""
    return frozenset(row["id"] for name in HELD_OUT for row in read_rows(data / CORPORA[name].path))


def is_non_commercial(example_id: str) -> bool:
    """Whether the text is from a corpus whose licence forbids commercial use (by id, whatever file it is in)."""
    return example_id.rsplit("-", 1)[0] in ("airline", "twcs")


def is_commercial(manifest: Manifest) -> bool:
    """Whether a bundle's manifest lists no corpus whose licence forbids commercial use."""
    return bool(manifest.recipe.get(LICENCE))


def file_hash(path: Path) -> str:
    """SHA-256 of a file, as pinned in the training configuration."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
