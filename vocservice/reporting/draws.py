"""A frame in, a number between 0 and 1 of each row's customer out: chance that is the same at every look, whoever else comes in later."""

import numpy as np
import numpy.typing as npt

from vocservice.reporting.frame import Floats, Frame, Ints

_BASIS, _PRIME, _MIX = (np.uint64(number) for number in (0xCBF29CE484222325, 0x100000001B3, 0x9E3779B97F4A7C15))
_BITS = 53


def customers_drawn(frame: Frame) -> Floats:
    """(n,) drawn by the id of the customer's first row, so that all of one customer's rows go together."""
    if not len(frame):
        return np.zeros(0)
    first = np.zeros(int(frame.subject.max()) + 1, dtype=np.int64)
    first[frame.subject[::-1]] = np.arange(len(frame))[::-1]
    return (_hashes(frame.ids)[first[frame.subject]] >> np.uint64(64 - _BITS)) / 2.0**_BITS


def threshold(drawn: Floats, limit: int) -> float:
    """Up to which number so many rows and no more are drawn; 1 where there are not more."""
    return 1.0 if len(drawn) <= limit else float(np.partition(drawn, limit - 1)[limit - 1])


def _hashes(ids: npt.NDArray[np.bytes_]) -> Ints:
    """FNV-1a of each (Fowler, Noll and Vo), the high bits mixed."""
    letters = np.ascontiguousarray(ids).view(np.uint8).reshape(len(ids), -1)
    found = np.full(len(ids), _BASIS)
    for column in letters.T:
        found = np.where(column, (found ^ column) * _PRIME, found)  # however wide the column is
    return (found ^ (found >> np.uint64(32))) * _MIX
