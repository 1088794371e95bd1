"""Lines of records in, lines of results out: the worker process of `--engine ray`.

Only JSON bytes are exchanged between processes; nothing received is executed.
"""

from importlib import import_module
from typing import Any

from pydantic import BaseModel, ConfigDict

from vocservice.api import Analyser
from vocservice.batch.plan import Maker, maker_of
from vocservice.batch.stored import decode_record, encode
from vocservice.errors import VocError
from vocservice.settings import Settings

LOAD = "vocservice.api:load"


class Recipe(BaseModel):
    """How a worker creates its analyser: it calls `factory` (`module:function`, like `vocservice.load`); `settings` contain no secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    factory: str = LOAD
    bundle: str
    taxonomy: str | None = None
    settings: dict[str, Any] = {}


class Loaded(BaseModel):
    """Result of loading: the labeller, or code and message of the error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    maker: Maker | None = None
    code: str = ""
    message: str = ""


class Worker:
    """One model, loaded once, for all shards."""

    def __init__(self, recipe: bytes):
        self._recipe = Recipe.model_validate_json(recipe)
        self._analyser: Analyser | None = None

    def load(self) -> bytes:
        """Load the model; a `Loaded` as JSON."""
        try:
            settings = Settings(**self._recipe.settings)
            self._analyser = _made(self._recipe, settings)
            found = Loaded(maker=maker_of(self._analyser, settings))
        except VocError as error:
            found = Loaded(code=error.code, message=error.message)
        return found.model_dump_json().encode()

    def work(self, shard: bytes) -> bytes:
        """One line per record in, one line per result out, in order."""
        assert self._analyser is not None  # noqa: S101
        records = map(decode_record, shard.splitlines())
        return b"".join(map(encode, self._analyser.stream(records, ahead=True)))


def _made(recipe: Recipe, settings: Settings) -> Analyser:
    module, _, name = recipe.factory.partition(":")
    made: Analyser = getattr(import_module(module), name)(recipe.bundle, taxonomy=recipe.taxonomy, settings=settings)
    return made
