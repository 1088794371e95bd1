"""A frame in, a pseudo-random number in [0, 1) per customer out: stable at every look, even if records are added."""

import numpy as np
import numpy.typing as npt

from vocservice.reporting.frame import Floats, Frame, Ints

_BASIS, _PRIME, _MIX = (np.uint64(number) for number in (0xCBF29CE484222325, 0x100000001B3, 0x9E3779B97F4A7C15))
_BITS = 53


def customers_drawn(frame: Frame) -> Floats:
    """(n,) derived from the id of the customer's first row, so that all rows of a customer have the same number."""
    if not len(frame):
        return np.zeros(0)
    first = np.zeros(int(frame.subject.max()) + 1, dtype=np.int64)
    first[frame.subject[::-1]] = np.arange(len(frame))[::-1]
    return (_hashes(frame.ids)[first[frame.subject]] >> np.uint64(64 - _BITS)) / 2.0**_BITS


def threshold(drawn: Floats, limit: int) -> float:
    """The threshold below which at most a number of rows lie; 1 if there are not more."""
    return 1.0 if len(drawn) <= limit else float(np.partition(drawn, limit - 1)[limit - 1])


def _hashes(ids: npt.NDArray[np.bytes_]) -> Ints:
    """FNV-1a hash of each (Fowler, Noll and Vo), with mixed high bits."""
    letters = np.ascontiguousarray(ids).view(np.uint8).reshape(len(ids), -1)
    found = np.full(len(ids), _BASIS)
    for column in letters.T:
        found = np.where(column, (found ^ column) * _PRIME, found)  # independent of the column width
    return (found ^ (found >> np.uint64(32))) * _MIX
