"""Rows with blamed places and days, and mended cells in, rows whose causes were all mended since out."""

from collections.abc import Collection, Sequence

import numpy as np

from vocservice.reporting.frame import NEGATIVE, Bools, Ints, Places
from vocservice.reporting.recovery import CONTACT, Mended, handling
from vocservice.taxonomy import Taxonomy


def are_mended(
    among: Bools,
    places: Places,
    day: Ints,
    mended: Collection[Mended],
    *,
    stages: Sequence[str],
    factors: Sequence[str],
    taxonomy: Taxonomy,
) -> Bools:
    """The rows of a mask whose causes were all mended on their day or later; the row-wise `recovery.are_mended`.

    Args:
        among: (n,) the rows to test.
        places: blamed factors and their stages.
        day: (n,) proleptic day number, 0 if not given: then nothing is known to be mended since.
        mended: stage and factor with the day.
        stages, factors: the keys that `places` index.
        taxonomy: to separate causes from handling.
    """
    found = np.zeros(len(among), dtype=bool)
    if not mended or not among.any():
        return found
    until, is_own = np.zeros((len(stages) + 1, len(factors)), dtype=np.int32), np.zeros((len(stages) + 1, len(factors)), dtype=bool)
    for one in mended:
        if one.stage in stages and one.factor in factors:
            until[stages.index(one.stage), factors.index(one.factor)] = one.until.toordinal()
    if CONTACT in stages:
        is_own[stages.index(CONTACT)] = [factor in handling(taxonomy) for factor in factors]
    at = np.flatnonzero((places.polarity == NEGATIVE) & among[places.row])
    row, cell = places.row[at], (places.stage[at], places.factor[at])  # no stage is the last row, which nothing mends
    is_cause, is_done = ~is_own[cell], (day[row] > 0) & (day[row] <= until[cell])
    found[row[is_cause]] = True
    found[row[is_cause & ~is_done]] = False
    return found
