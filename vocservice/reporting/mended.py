"""Rows with what each blames and when, and what was mended in, which rows blame only what was mended since out."""

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
    """The rows of a mask of whose causes each was mended on their day or later; the same as `recovery.are_mended` of one.

    Args:
        among: (n,) the rows that are asked for.
        places: what the rows blame, and where.
        day: (n,) proleptic day number, 0 where not told: nothing is known to be mended since.
        mended: stage and factor with the day.
        stages, factors: the keys that `places` are numbered by.
        taxonomy: that tells cause and handling apart.
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
    row, cell = places.row[at], (places.stage[at], places.factor[at])  # no stage is the last line of both, which nothing mends
    is_cause, is_done = ~is_own[cell], (day[row] > 0) & (day[row] <= until[cell])
    found[row[is_cause]] = True
    found[row[is_cause & ~is_done]] = False
    return found
