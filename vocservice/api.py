"""The Python API: texts, transcripts, records, lists or data frames in, results of the same shape out.

Importing this module is cheap: `load` imports the model, its runtime and the text steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vocservice.errors import BundleError, InputError
from vocservice.records import Analysis, RawTurn, RawVerbatim, Rejected, Result
from vocservice.turns import is_turns

if TYPE_CHECKING:
    from vocservice.settings import Settings
    from vocservice.taxonomy import Taxonomy

AT_ONCE = 2  # chunks in progress at a time: one in the encoder while another is cleaned or assembled
_TYPES = "a text, a transcript, a record, or a list, Series, DataFrame or Arrow table of them"
_FRAMES: Mapping[str, frozenset[str]] = {
    "pandas": frozenset({"Series", "DataFrame"}),
    "polars": frozenset({"Series", "DataFrame"}),
    "pyarrow": frozenset({"Array", "ChunkedArray", "RecordBatch", "Table"}),
}


class Analyses(Protocol):
    """What an analyser needs from a pipeline: a stream of records in, one result per record out, in order."""

    def analyse(self, records: Iterable[RawVerbatim | Rejected], *, ahead: bool = False) -> Iterator[Result]: ...


@dataclass(frozen=True, slots=True)
class Analyser:
    """A loaded model, made by `load`. Thread-safe.

    Attributes:
        pipeline: the steps of the analysis.
        model: id of the bundle, as written into every analysis.
        taxonomy: its labels, with the definitions, owners and metrics of the installation's taxonomy file.
        files: SHA-256 of each file of the bundle, by name.
    """

    pipeline: Analyses
    model: str
    taxonomy: Taxonomy
    files: Mapping[str, str] = field(default_factory=dict, compare=False)

    def analyse(self, x: Any, *, text_column: str | None = None, id_column: str | None = None, progress: bool = False) -> Any:
        """Analyse customer feedback. What cannot be processed is returned as Rejected, in its place.

        Args:
            x: one text; a transcript (`{"turns": [...]}` or a list of turns); a record (`{"id", "text", ...}`); a list or
                other iterable of those; a pandas or polars Series or DataFrame; or an Arrow array, record batch or table.
            text_column: text column of a table; found by name by default ("text", "comment", "review" ...).
            id_column: id column of a table; found by name by default.
            progress: show a progress bar, in the notebook or on standard error.

        Returns:
            An Analysis or Rejected for one text, transcript or record; a list for a list; a DataFrame of `voc_` columns for a
            Series; the same after its own columns for a DataFrame. The index is kept. Arrow input gives an Arrow table.

        Raises:
            InputError: `x` is none of these, or has no text column.
        """
        whole = partial(self.stream, ahead=isinstance(x, Sized))
        stream = _with_bar(whole, x) if progress else whole
        if is_frame(x):
            from vocservice.frames import analyse_frame

            return analyse_frame(x, stream, label_sets=self.label_sets, lacks=self.lacks, text_column=text_column, id_column=id_column)
        if isinstance(x, str | Mapping | RawVerbatim | Rejected) or is_turns(x):
            return next(self.stream([x]))
        if isinstance(x, bytes | bytearray | memoryview) or not isinstance(x, Iterable):
            raise InputError(f"cannot analyse a value of type {type(x).__name__}; give {_TYPES}", code="invalid_type")
        return list(stream(x))

    @property
    def label_sets(self) -> tuple[str, ...]:
        """Names of the label sets that the built-in taxonomy does not have; they are in `Analysis.labels`."""
        from vocservice.taxonomy import has_place

        return tuple(label_set.name for label_set in self.taxonomy.of("verbatim") if not has_place(label_set))

    @property
    def lacks(self) -> tuple[str, ...]:
        """Names of the built-in label sets that this taxonomy does not have; results have no field or column for them."""
        return self.taxonomy.lacks

    def stream(self, records: Iterable[Any], *, ahead: bool = False) -> Iterator[Result]:
        """Analyse texts, transcripts or records one by one, in order and in constant memory.

        Args:
            records: not read beyond the current chunk.
            ahead: read some chunks ahead, which is faster unless records arrive slowly. Until the stream ends, the
                interpreter is set as by `interpreter.under_load`.
        """
        numbered = (to_record(item, default_id=f"item-{number}") for number, item in enumerate(records, 1))
        return self.pipeline.analyse(numbered, ahead=ahead)


def load(bundle: str | Path | None = None, *, taxonomy: str | Path | None = None, settings: Settings | None = None) -> Analyser:
    """Load a model.

    Args:
        bundle: a version under `models/` or the path of a bundle; by default that of the settings, usually the current one.
        taxonomy: a taxonomy file that the bundle must have been trained for; by default that of the settings. Without either, a bundle
            named like `config/taxonomy.toml` must have its version and labels, and any other bundle is accepted.
        settings: read from `config/service.toml` and the environment by default.

    Raises:
        ConfigError: the settings, the redaction rules, the rules of `config/rules.toml` or the taxonomy file are invalid.
        BundleError: the bundle is missing, damaged, or made for another taxonomy.
    """
    from vocservice.inference.bundle import load_bundle
    from vocservice.inference.engine import Engine
    from vocservice.overlap import cores
    from vocservice.paths import config_path
    from vocservice.pipeline import Pipeline
    from vocservice.rules.ruleset import load_ruleset
    from vocservice.settings import load_settings
    from vocservice.taxonomy import load_taxonomy
    from vocservice.text.redact import RedactionRules

    settings = settings or load_settings()
    named = taxonomy or settings.taxonomy
    installed = load_taxonomy(named)
    loaded = load_bundle(bundle_folder(bundle or settings.bundle), taxonomy=installed, allows_others=not named)
    shown = installed if loaded.taxonomy.id == installed.id else loaded.taxonomy
    pipeline = Pipeline(
        Engine(loaded, threads=settings.threads or None),
        redaction=RedactionRules.load(config_path("redaction.toml")),
        rules=load_ruleset(config_path("rules.toml"), shown),
        chunk=settings.chunk,
        max_characters=settings.max_characters,
        at_once=AT_ONCE if (settings.threads or cores()) > 1 else 1,
    )
    _show_in_notebooks()
    return Analyser(pipeline, loaded.id, shown, loaded.manifest.files)


def bundle_folder(name: str | Path) -> Path:
    """The folder of a bundle given as "current", a version under `models/`, or a path.

    Raises:
        BundleError: there is no such bundle.
    """
    from vocservice.inference.bundle import bundle_versions, default_bundle
    from vocservice.paths import models_path
    from vocservice.settings import CURRENT

    if str(name) == CURRENT:
        return default_bundle()
    folders = (Path(name),) if len(Path(name).parts) > 1 else (models_path(str(name)), Path(name))
    for folder in folders:
        if folder.is_dir():
            return folder
    known = ", ".join(bundle_versions()) or "none"
    fault = f"no bundle {Path(name).name}: neither a folder nor a version under models/ (there: {known})"
    raise BundleError(fault, remedy=BundleError.CHOOSE)


def bundles() -> list[str]:
    """The versions under `models/`."""
    from vocservice.inference.bundle import bundle_versions

    return bundle_versions()


def bundle_id(name: str | Path) -> str:
    """The id of a bundle, as written into every analysis; reads only its manifest.

    Raises:
        BundleError: there is no such bundle, or its manifest is damaged.
    """
    from vocservice.inference.bundle import read_manifest

    return read_manifest(bundle_folder(name)).version


def configured_bundle(settings: Settings) -> str:
    """The version or path of the bundle in the settings.

    Raises:
        BundleError: the settings say "current" and there is no current bundle.
    """
    from vocservice.settings import CURRENT

    return bundle_folder(CURRENT).name if settings.bundle == CURRENT else settings.bundle


def to_record(item: Any, *, default_id: str) -> RawVerbatim | Rejected:
    """One text, transcript or record, validated like those of files and HTTP requests."""
    from vocservice.tables import parse_record

    if isinstance(item, RawVerbatim | Rejected):
        return item
    if isinstance(item, str) or _is_missing(item):
        return parse_record({"text": item if isinstance(item, str) else None}, default_id=default_id)
    if is_turns(item):
        return parse_record({"turns": _plain(item)}, default_id=default_id)
    if isinstance(item, Mapping) and is_turns(item.get("turns")):
        return parse_record({**item, "turns": _plain(item["turns"])}, default_id=default_id)
    return parse_record(item, default_id=default_id)


def is_frame(x: object) -> bool:
    """Whether `x` is a pandas or polars Series or DataFrame or an Arrow array or table; imports none of these libraries."""
    names = ((cls.__module__.partition(".")[0], cls.__name__) for cls in type(x).__mro__)
    return any(name in _FRAMES.get(library, ()) for library, name in names)


def _with_bar(stream: Callable[[Iterable[Any]], Iterator[Result]], x: object) -> Callable[[Iterable[Any]], Iterator[Result]]:
    """The stream with a tqdm bar; its total is the length of `x`, if it has one."""
    from tqdm.auto import tqdm

    total = len(x) if isinstance(x, Sized) else None
    return lambda records: iter(tqdm(stream(records), total=total, unit="record"))


def _plain(turns: Sequence[RawTurn | Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [asdict(turn) if isinstance(turn, RawTurn) else turn for turn in turns]


def _is_missing(item: object) -> bool:
    return item is None or (isinstance(item, float) and item != item)


def _show_in_notebooks() -> None:
    """Register the notebook view of an Analysis; the records themselves do not render."""
    Analysis._repr_html_ = _notebook_html  # type: ignore[attr-defined]


def _notebook_html(analysis: Analysis) -> str:
    from vocservice.render import analysis_html

    return analysis_html(analysis)
