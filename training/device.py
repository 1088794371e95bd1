"""Frozen records of tensors in, the same on the fastest available device out."""

from dataclasses import fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

Record = TypeVar("Record")


def best_device() -> torch.device:
    """A CUDA device if available, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def on_device(record: Record, device: torch.device) -> Record:
    """A copy of a frozen dataclass with each of its tensors on `device`."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}  # type: ignore[arg-type]
    moved: dict[str, Any] = {name: value.to(device, non_blocking=True) for name, value in values.items() if isinstance(value, Tensor)}
    return replace(record, **moved)  # type: ignore[type-var]
