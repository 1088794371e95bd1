"""The folder of a batch in, its input files out, under the sender's names."""

from collections.abc import Sequence

from vocservice.store.received.batch_files import BatchFiles
from vocservice.store.received.batches import Batch
from vocservice.tables.formats import shown_name
from vocservice.tables.places import Place, files_below


def places_of(batch: Batch, files: BatchFiles) -> tuple[Place, ...]:
    """The input files of a batch, in order; they may be gone."""
    return places_in(files, name=batch.name, input_format=batch.input_format)


def places_in(files: BatchFiles, *, name: str, input_format: str) -> tuple[Place, ...]:
    """The same for a batch that is not stored yet."""
    return files_below(str(files.parts)) or (Place(str(files.input(input_format)), name=name),)


def as_sent(message: str, places: Sequence[Place]) -> str:
    """Replace our file name at the start of a message with the sender's."""
    named = ((f"{shown_name(place.path)}: ", place.name) for place in places if place.name)
    return next((f"{name}: {message.removeprefix(ours)}" for ours, name in named if message.startswith(ours)), message)
