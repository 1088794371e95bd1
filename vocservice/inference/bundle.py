"""A bundle folder in, a checked Bundle out: verifies the hash of every file and the version of the taxonomy.

Layout of `models/<version>/`: manifest.json, encoder.onnx, tokenizer.json, heads.safetensors, calibration.json,
taxonomy.json, metrics.json, CARD.md. Nothing is executed on loading and nothing is pickled.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from vocservice.errors import BundleError, VocError
from vocservice.inference.calibration import Calibration
from vocservice.inference.conversation import ConversationModel
from vocservice.inference.heads import Head
from vocservice.inference.layout import Layout, lay_out
from vocservice.inference.windows import MIN_WINDOW
from vocservice.paths import models_path
from vocservice.taxonomy import LabelSet, Taxonomy, parse_taxonomy_json

MANIFEST, ENCODER, TOKENIZER, HEADS, CALIBRATION, TAXONOMY, CONVERSATION = (
    "manifest.json",
    "encoder.onnx",
    "tokenizer.json",
    "heads.safetensors",
    "calibration.json",
    "taxonomy.json",
    "conversation.json",
)
FORMAT = 1
_REQUIRED = (ENCODER, TOKENIZER, HEADS, CALIBRATION, TAXONOMY)


class Manifest(BaseModel):
    """Manifest of a bundle. `files`: name -> SHA-256. `data`: corpus file -> SHA-256 of what it was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    version: str
    taxonomy: str
    base: str
    width: int
    max_window: int
    created: str
    files: dict[str, str]
    data: dict[str, str]
    seed: int
    recipe: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A loaded bundle; `encoder` is the path of the ONNX file, which is opened by `Encoder`."""

    manifest: Manifest
    taxonomy: Taxonomy
    layout: Layout
    tokenizer: Tokenizer
    head: Head
    calibration: Calibration
    conversation: ConversationModel | None
    encoder: Path

    @property
    def id(self) -> str:
        """The version, as stored in every analysis."""
        return self.manifest.version


def default_bundle() -> Path:
    """The folder named in `models/current`.

    Raises:
        BundleError: there is no current bundle.
    """
    pointer = models_path("current")
    try:
        return models_path(pointer.read_text(encoding="utf-8").strip())
    except OSError:
        raise BundleError("no current bundle: models/current is missing", remedy=BundleError.CHOOSE) from None


def load_bundle(folder: Path, *, taxonomy: Taxonomy | None = None, allows_others: bool = False) -> Bundle:
    """Load and check a bundle.

    Args:
        folder: the bundle.
        taxonomy: the taxonomy of the service, if given; a bundle of another name, version or set of labels is refused.
        allows_others: accept a bundle whose taxonomy has another name.

    Raises:
        BundleError: a file is missing or damaged, the format is unknown, or the taxonomy differs.
    """
    manifest = read_manifest(folder)
    for name, digest in manifest.files.items():
        _check(folder / name, digest)
    own = parse_taxonomy_json((folder / TAXONOMY).read_bytes())
    if own.id != manifest.taxonomy:
        raise BundleError(
            f"bundle {manifest.version} holds taxonomy {own.id} but its manifest says {manifest.taxonomy}", remedy=BundleError.RENEW
        )
    if taxonomy is not None and not (allows_others and own.name != taxonomy.name):
        _check_taxonomy(manifest, own, taxonomy)
    try:
        bundle = _read(folder, manifest, own)
    except Exception as error:  # tokenizer and weights raise their own error types
        raise BundleError(f"bundle {manifest.version} cannot be read: {type(error).__name__}", remedy=BundleError.RENEW) from None
    _check_sizes(bundle)
    return bundle


def _check_taxonomy(manifest: Manifest, own: Taxonomy, wanted: Taxonomy) -> None:
    if own.id != wanted.id:
        raise BundleError(f"bundle {manifest.version} was trained for taxonomy {own.id}, not {wanted.id}: retrain or choose another")
    theirs = {label_set.name: label_set.shape for label_set in wanted.sets}
    mine = {label_set.name: label_set.shape for label_set in own.sets}
    if differing := sorted(name for name in mine | theirs if mine.get(name) != theirs.get(name)):
        fault = f"bundle {manifest.version} was trained for other labels of {own.id} than the taxonomy file has ({', '.join(differing)})"
        raise BundleError(f"{fault}: give the file a version of its own and retrain, or choose another bundle")


def _read(folder: Path, manifest: Manifest, taxonomy: Taxonomy) -> Bundle:
    weights = load_file(folder / HEADS)
    head = Head(weights["weight"].astype("float32"), weights["bias"].astype("float32"))
    calibration = Calibration.model_validate_json((folder / CALIBRATION).read_bytes())
    conversation = None
    if CONVERSATION in manifest.files:
        conversation = ConversationModel.model_validate_json((folder / CONVERSATION).read_bytes())
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return Bundle(manifest, taxonomy, lay_out(taxonomy.of("verbatim")), tokenizer, head, calibration, conversation, folder / ENCODER)


def _check_sizes(bundle: Bundle) -> None:
    """Check that everything fitted has a number for each label, so that no request finds one missing."""
    width = bundle.layout.width
    if bundle.head.weight.shape != (3 * bundle.manifest.width, width) or bundle.head.bias.shape != (width,):
        raise BundleError(f"bundle {bundle.id}: the heads do not fit its taxonomy", remedy=BundleError.RENEW)
    if unfit := [label_set.name for label_set in bundle.taxonomy.of("verbatim") if not _fits(bundle.calibration, label_set)]:
        raise BundleError(f"bundle {bundle.id}: the calibration does not fit its taxonomy ({', '.join(unfit)})", remedy=BundleError.RENEW)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a bundle.

    Raises:
        BundleError: it is missing, damaged or of another format.
    """
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except OSError:
        raise BundleError(f"no bundle in {folder.name}: manifest.json is missing", remedy=BundleError.RENEW) from None
    except ValidationError:
        raise BundleError(f"bundle {folder.name}: manifest.json is damaged", remedy=BundleError.RENEW) from None
    if manifest.format != FORMAT:
        raise BundleError(f"bundle {manifest.version} has format {manifest.format}; this release reads {FORMAT}", remedy=BundleError.RENEW)
    if unlisted := [name for name in _REQUIRED if name not in manifest.files]:
        raise BundleError(f"bundle {manifest.version}: manifest.json has no hash of {', '.join(unlisted)}", remedy=BundleError.RENEW)
    if manifest.max_window < MIN_WINDOW:
        raise BundleError(
            f"bundle {manifest.version}: windows of {manifest.max_window} tokens are too short; at least {MIN_WINDOW}",
            remedy=BundleError.RENEW,
        )
    return manifest


def _check(path: Path, digest: str) -> None:
    try:
        found = file_digest(path)
    except OSError:
        raise BundleError(f"bundle {path.parent.name}: {path.name} is missing", remedy=BundleError.RENEW) from None
    if found != digest:
        raise BundleError(
            f"bundle {path.parent.name}: {path.name} is damaged (its hash differs from the manifest)", remedy=BundleError.RENEW
        )


def _fits(calibration: Calibration, label_set: LabelSet) -> bool:
    """Whether a label set is calibrated, with a number for each label."""
    name, count = label_set.name, len(label_set.labels)
    match label_set.kind:
        case "multi":
            multi = calibration.multi.get(name)
            return multi is not None and {len(multi.slope), len(multi.bias), len(multi.thresholds)} == {count}
        case "single":
            single = calibration.single.get(name)
            return single is not None and {len(single.scaling.bias), len(single.favour)} == {count}
        case "ordinal":
            ordinal = calibration.ordinal.get(name)
            return ordinal is not None and {len(ordinal.scaling.bias), len(ordinal.cuts) + 1} == {count}


def bundle_versions() -> list[str]:
    """Versions under `models/`."""
    try:
        return sorted(path.parent.name for path in models_path().glob(f"*/{MANIFEST}"))
    except (OSError, VocError):
        return []
