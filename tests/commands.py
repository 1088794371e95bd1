"""What running a command leaves, and the type of the fixture that runs one."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ran:
    """What one call of the command line left."""

    code: int
    out: str
    err: str


Voc = Callable[..., Ran]
