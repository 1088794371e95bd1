"""What the tests of inference share: a toy bundle and the engine that serves it."""

import shutil
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from toymodel import toy_tokenizer, write_bundle

from vocservice.inference.bundle import load_bundle
from vocservice.inference.engine import Engine


@pytest.fixture(scope="session")
def toy_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that no test may change."""
    pytest.importorskip("onnx", reason="the toy encoder is built with onnx: make setup-train")
    return write_bundle(tmp_path_factory.mktemp("models") / "toy-1")


@pytest.fixture
def bundle_copy(toy_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_bundle, tmp_path / "toy-1"))


@pytest.fixture(scope="session")
def engine(toy_bundle: Path) -> Engine:
    return Engine(load_bundle(toy_bundle), threads=1)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return toy_tokenizer()
