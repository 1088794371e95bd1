"""Inputs, a model and options in, the plan of a run out: everything that determines its output."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from vocservice import __version__
from vocservice.api import Analyser
from vocservice.errors import InputError
from vocservice.paths import config_path
from vocservice.settings import Settings
from vocservice.tables.formats import STANDARD_STREAM, shown_name
from vocservice.tables.places import Place

SHARD_RECORDS = 1024
DECIDES_NOTHING = ("service.toml", "training.toml", "taxonomy.toml")
_PARTS: Mapping[str, str] = {
    "program": "another release of the program",
    "model": "another model",
    "settings": "other settings or another configuration",
    "options": "other options",
    "mapping": "another mapping of the columns",
    "shard_records": "other shards",
}


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Print(_Frozen):
    """One input: name, size in bytes and SHA-256 of its content; both None for a stream."""

    name: str
    bytes: int | None = None
    sha256: str | None = None
    partitions: dict[str, str | None] = {}

    @property
    def content(self) -> tuple[object, ...]:
        """Identity of an input, independent of its path."""
        return self.bytes, self.sha256, tuple(self.partitions.items())


class Model(_Frozen):
    """Bundle, taxonomy, and the SHA-256 of each file of the bundle."""

    id: str
    taxonomy: str
    files: dict[str, str]


class Maker(_Frozen):
    """Identity of the labeller: release, model, and relevant settings; equal ones give equal labels."""

    program: str
    model: Model
    settings: dict[str, Any]


class Plan(_Frozen):
    """What determines an output. `settings` has the relevant ones and the SHA-256 of each configuration file; `mapping` field to column."""

    program: str
    inputs: tuple[Print, ...]
    model: Model
    settings: dict[str, Any]
    options: dict[str, Any]
    mapping: dict[str, str]
    shard_records: int

    @property
    def is_resumable(self) -> bool:
        """Whether every input can be reread."""
        return all(one.sha256 is not None for one in self.inputs)

    @property
    def maker(self) -> Maker:
        """The required labeller, in any process."""
        return Maker(program=self.program, model=self.model, settings=self.settings)

    def difference(self, other: "Plan") -> str | None:
        """The difference to another plan in words; None if both give the same output."""
        if [one.content for one in self.inputs] != [one.content for one in other.inputs]:
            return "another input, or the input as it was before it changed"
        return next((words for part, words in _PARTS.items() if getattr(self, part) != getattr(other, part)), None)


def make_plan(
    inputs: Iterable[Place],
    analyser: Analyser,
    settings: Settings,
    *,
    options: Mapping[str, Any],
    mapping: Mapping[str, str],
) -> Plan:
    """Read every input once, for its hash.

    Args:
        inputs: files, or `-`.
        analyser: of the model.
        settings: of the program.
        options: of the command, as far as they affect the output.
        mapping: field to column, as detected.

    Raises:
        InputError: an input cannot be read.
    """
    maker = maker_of(analyser, settings)
    return Plan(
        program=maker.program,
        inputs=tuple(print_of(place.path, place.partitions) for place in inputs),
        model=maker.model,
        settings=maker.settings,
        options=dict(options),
        mapping=dict(mapping),
        shard_records=shard_records(settings.chunk),
    )


def maker_of(analyser: Analyser, settings: Settings) -> Maker:
    """The labeller of this process."""
    return Maker(
        program=__version__,
        model=Model(id=analyser.model, taxonomy=analyser.taxonomy.id, files=dict(analyser.files)),
        settings={"chunk": settings.chunk, "max_characters": settings.max_characters, **_configuration()},
    )


def print_of(path: str, partitions: Mapping[str, str | None] | None = None) -> Print:
    """Fingerprint one input.

    Raises:
        InputError: it cannot be read.
    """
    name, found = shown_name(path), dict(partitions or {})
    if path == STANDARD_STREAM or not os.path.isfile(path):
        return Print(name=name, partitions=found)
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Print(name=name, bytes=file.tell(), sha256=digest, partitions=found)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from None


def shard_records(chunk: int) -> int:
    """Records per shard: complete chunks, so that texts are batched as without shards."""
    return chunk * -(-SHARD_RECORDS // chunk)


def _configuration() -> dict[str, str]:
    """SHA-256 of every file used by the steps; taxonomy files are the bundle's."""
    files = sorted(Path(config_path()).glob("*.toml"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.name not in DECIDES_NOTHING}
