"""Paths of the shipped configuration, models and samples: the environment, the repository, or the installed package."""

import os
import sys
from pathlib import Path

from vocservice.errors import ConfigError


def home() -> Path:
    """The folder with `config/` and `models/`.

    `VOC_HOME` wins; else the repository the package runs from, then the data folder of an installed package.

    Raises:
        ConfigError: none of them has `config/taxonomy.toml`.
    """
    candidates = [Path(os.environ["VOC_HOME"])] if os.environ.get("VOC_HOME") else []
    candidates += [Path(__file__).resolve().parent.parent, Path(sys.prefix) / "share" / "vocservice"]
    for candidate in candidates:
        if (candidate / "config" / "taxonomy.toml").is_file():
            return candidate
    raise ConfigError("no config/taxonomy.toml found: set VOC_HOME to the folder that holds config/ and models/")


def config_path(*parts: str) -> Path:
    """A file under `config/`."""
    return home().joinpath("config", *parts)


def models_path(*parts: str) -> Path:
    """A file or folder under `models/`."""
    return home().joinpath("models", *parts)
