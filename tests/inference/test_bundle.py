"""A bundle is loaded whole and checked, or refused with one error that says why."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from toymodel import RAW, WIDTH, toy_calibration, toy_taxonomy, write_bundle, write_manifest

from vocservice.api import load
from vocservice.errors import BundleError, TaxonomyError, VocError
from vocservice.inference import bundle as bundles
from vocservice.inference.bundle import bundle_versions, default_bundle, file_digest, load_bundle
from vocservice.inference.conversation import FEATURES
from vocservice.paths import config_path
from vocservice.settings import Settings

TAXONOMY = toy_taxonomy()


def test_a_bundle_is_loaded_with_everything_in_it(toy_bundle: Path) -> None:
    found = load_bundle(toy_bundle, taxonomy=TAXONOMY)
    assert (found.id, found.taxonomy, found.conversation) == ("toy-1", TAXONOMY, None)
    assert found.head.weight.shape == (3 * WIDTH, found.layout.width) and found.head.weight.dtype == np.float32
    assert found.calibration == toy_calibration(TAXONOMY)
    assert found.encoder == toy_bundle / "encoder.onnx"
    assert found.tokenizer.encode("good food").tokens == ["good", "food"]


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json", "heads.safetensors", "calibration.json", "taxonomy.json"])
def test_a_damaged_or_missing_file_is_named(bundle_copy: Path, name: str) -> None:
    path = bundle_copy / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BundleError, match=f"toy-1: {name} is damaged"):
        load_bundle(bundle_copy)
    path.unlink()
    with pytest.raises(BundleError, match=f"toy-1: {name} is missing; copy or train the bundle again"):
        load_bundle(bundle_copy)


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json", "heads.safetensors", "calibration.json", "taxonomy.json"])
def test_a_file_without_a_hash_is_not_trusted(bundle_copy: Path, name: str) -> None:
    path = bundle_copy / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["files"][name]
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=f"no hash of {name}"):
        load_bundle(bundle_copy)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": 2}, "format 2; this release reads 1"),
        ({"taxonomy": "toy/2.0.0"}, "holds taxonomy toy/1.0.0 but its manifest says toy/2.0.0"),
        ({"width": WIDTH + 1}, "the heads do not fit"),
        ({"max_window": 20}, "too short"),
        ({"surprise": 1}, r"manifest\.json is damaged"),
        ({"seed": "many"}, r"manifest\.json is damaged"),
    ],
)
def test_a_wrong_manifest_is_refused(bundle_copy: Path, changes: dict[str, Any], told: str) -> None:
    (bundle_copy / "manifest.json").unlink()
    write_manifest(bundle_copy, TAXONOMY, **changes)
    with pytest.raises(BundleError, match=told):
        load_bundle(bundle_copy)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_manifest_that_is_no_manifest_is_refused(bundle_copy: Path, content: bytes) -> None:
    (bundle_copy / "manifest.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"manifest\.json is damaged"):
        load_bundle(bundle_copy)


@pytest.mark.parametrize("place", ["nowhere", "a-file"])
def test_no_bundle_is_told(tmp_path: Path, place: str) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(BundleError, match=rf"no bundle in {place}: manifest\.json is missing"):
        load_bundle(tmp_path / place)


def test_another_version_of_the_taxonomy_is_refused(toy_bundle: Path) -> None:
    with pytest.raises(BundleError, match=r"trained for taxonomy toy/1\.0\.0, not toy/1\.0\.1: retrain or choose another"):
        load_bundle(toy_bundle, taxonomy=toy_taxonomy(version="1.0.1"))


@pytest.mark.parametrize("name", ["stages", "factors"])
def test_other_labels_under_the_same_version_are_refused(toy_bundle: Path, name: str) -> None:
    fewer = RAW[name] | {"labels": RAW[name]["labels"][:2]}
    with pytest.raises(BundleError, match=rf"other labels of toy/1\.0\.0 than the taxonomy file has \({name}\)"):
        load_bundle(toy_bundle, taxonomy=toy_taxonomy(**{name: fewer}))


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(held)}" for key, held in value.items()) + "}"
    return "[" + ", ".join(map(_toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give the installation a taxonomy file: the toy one with changes."""
    monkeypatch.setenv("VOC_HOME", str(tmp_path))

    def change(**changes: Any) -> None:
        lines = [f"{key} = {_toml(value)}" for key, value in (RAW | changes).items()]
        (tmp_path / "config" / "taxonomy.toml").write_text("\n".join(lines), encoding="utf-8")

    (tmp_path / "config").mkdir()
    for name in ("rules.toml", "redaction.toml"):
        (tmp_path / "config" / name).write_bytes((Path(__file__).parents[2] / "config" / name).read_bytes())
    return change


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"version": "2.0.0"}, BundleError),
        ({"stages": RAW["stages"] | {"max_labels": 1}}, BundleError),
        ({"stages": RAW["stages"] | {"colour": "red"}}, TaxonomyError),
        ({"name": "theirs", "version": "9"}, None),
    ],
    ids=["another version", "other labels", "a broken file", "another name"],
)
def test_what_is_loaded_fits_the_taxonomy_file_of_the_installation(
    changes: dict[str, Any], refused: type[VocError] | None, installed: Callable[..., None], toy_bundle: Path
) -> None:
    installed(**changes)
    if refused:
        with pytest.raises(refused):
            load(toy_bundle, settings=Settings())
    else:
        assert load(toy_bundle, settings=Settings()).taxonomy == TAXONOMY


def test_a_named_taxonomy_must_be_the_bundles_whatever_its_name(installed: Callable[..., None], toy_bundle: Path) -> None:
    installed(name="theirs")
    with pytest.raises(BundleError, match="not theirs/"):
        load(toy_bundle, settings=Settings(taxonomy=str(config_path("taxonomy.toml"))))


def test_words_and_owners_are_those_of_the_file(installed: Callable[..., None], toy_bundle: Path) -> None:
    labels = [label | {"definition": "as we say it", "owner": "us"} for label in RAW["stages"]["labels"]]
    installed(owners={"us": "All of us"}, stages=RAW["stages"] | {"labels": labels})
    shown = load(toy_bundle, settings=Settings()).taxonomy
    assert shown.owners == {"us": "All of us"} and {(x.definition, x.owner) for x in shown["stages"].labels} == {("as we say it", "us")}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", b"{}"),
        ("heads.safetensors", b"no weights"),
        ("calibration.json", b'{"surprise": 1}'),
        ("conversation.json", b"{}"),
    ],
)
def test_what_was_written_wrong_and_hashed_so_is_refused(bundle_copy: Path, name: str, content: bytes) -> None:
    (bundle_copy / name).write_bytes(content)
    write_manifest(bundle_copy, TAXONOMY)
    with pytest.raises(BundleError, match="bundle toy-1 cannot be read"):
        load_bundle(bundle_copy)


def test_heads_without_their_bias_are_refused(bundle_copy: Path) -> None:
    save_file({"weight": np.zeros((3 * WIDTH, 25), np.float32)}, bundle_copy / "heads.safetensors")
    write_manifest(bundle_copy, TAXONOMY)
    with pytest.raises(BundleError, match="cannot be read: KeyError"):
        load_bundle(bundle_copy)


def _without(kind: str, name: str) -> dict[str, Any]:
    made = toy_calibration(TAXONOMY).model_dump()
    del made[kind][name]
    return made


def _shorter(kind: str, name: str, field: str) -> dict[str, Any]:
    made = toy_calibration(TAXONOMY).model_dump()
    made[kind][name][field] = made[kind][name][field][1:]
    return made


@pytest.mark.parametrize(
    ("calibration", "name"),
    [
        (_without("multi", "stages"), "stages"),
        (_without("single", "scope"), "scope"),
        (_without("ordinal", "sentiment"), "sentiment"),
        (_shorter("multi", "factors", "thresholds"), "factors"),
        (_shorter("multi", "factors", "slope"), "factors"),
        (_shorter("single", "scope", "favour"), "scope"),
        (_shorter("ordinal", "sentiment", "cuts"), "sentiment"),
    ],
)
def test_a_calibration_that_lacks_a_label_is_refused_on_loading(bundle_copy: Path, calibration: dict[str, Any], name: str) -> None:
    (bundle_copy / "calibration.json").write_text(json.dumps(calibration))
    write_manifest(bundle_copy, TAXONOMY)
    with pytest.raises(BundleError, match=rf"the calibration does not fit its taxonomy \({name}\)"):
        load_bundle(bundle_copy)


def _conversation(**changes: Any) -> dict[str, Any]:
    size = len(FEATURES)
    one = {"weights": [0.0] * size, "bias": 0.0}
    made = {"features": FEATURES, "mean": [0.0] * size, "scale": [1.0] * size, "outcome": {"resolved": one}, "needs_review": one}
    return made | {"favour": {"resolved": 1.0}, "end": one, "reasons": {}} | changes


@pytest.mark.parametrize(
    ("changes", "loads"),
    [
        ({}, True),
        ({"features": FEATURES[::-1]}, True),
        ({"features": [*FEATURES[:-1], "the_moon"]}, False),
        ({"features": FEATURES[:-1]}, False),
        ({"mean": [0.0]}, False),
        ({"needs_review": {"weights": [1.0], "bias": 0.0}}, False),
    ],
    ids=["as computed", "other order", "an unknown one", "one less", "short mean", "short weights"],
)
def test_a_conversation_model_of_other_features_is_refused(bundle_copy: Path, changes: dict[str, Any], loads: bool) -> None:
    (bundle_copy / "conversation.json").write_text(json.dumps(_conversation(**changes)))
    write_manifest(bundle_copy, TAXONOMY)
    if loads:
        assert load_bundle(bundle_copy).conversation is not None
        return
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(bundle_copy)


def test_a_tokenizer_that_would_cut_or_pad_does_neither(bundle_copy: Path) -> None:
    found = load_bundle(bundle_copy)
    found.tokenizer.enable_truncation(3)
    found.tokenizer.enable_padding(length=9)
    found.tokenizer.save(str(bundle_copy / "tokenizer.json"))
    write_manifest(bundle_copy, TAXONOMY)
    assert len(load_bundle(bundle_copy).tokenizer.encode("food " * 5).ids) == 5


def test_a_digest_is_the_sha256_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_digest(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bundles, "models_path", lambda *parts: tmp_path.joinpath(*parts))
    return tmp_path


def test_the_current_bundle_is_the_one_named(models: Path) -> None:
    with pytest.raises(BundleError, match="models/current is missing"):
        default_bundle()
    (models / "current").write_text("2024.1\n")
    assert default_bundle() == models / "2024.1"


def test_versions_are_the_folders_with_a_manifest(models: Path) -> None:
    assert bundle_versions() == []
    for name in ("b", "a", "empty"):
        (models / name).mkdir()
    for name in ("b", "a"):
        (models / name / "manifest.json").touch()
    assert bundle_versions() == ["a", "b"]


def test_a_taxonomy_of_one_set_is_enough(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    labels = [{"key": key, "label": key, "definition": key} for key in ("low", "high")]
    from vocservice.taxonomy import parse_taxonomy

    one = parse_taxonomy({"name": "one", "version": "1", "mood": {"kind": "ordinal", "labels": labels}})
    assert load_bundle(write_bundle(tmp_path / "one", taxonomy=one), taxonomy=one).layout.width == 3
