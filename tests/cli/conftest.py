"""A table to label, and the types of the command line's fixtures, which all tests share."""

from pathlib import Path

import pytest
from builders import CANARY, TEXT, saved
from commands import Ran, Voc

__all__ = ["Ran", "Voc"]

ROWS = f"id,comment,n\na,{TEXT},=1\nb,poison {CANARY},2\nc,{TEXT},3\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return saved(tmp_path, "in.csv", ROWS)
