"""Grouped vectors in, the region of a group out: its centre, competing centres, a radius; stored, it classifies new texts.

A text lies in a region if the region's centre is the nearest of all centres, within the radius.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vocservice.reporting.clusters import Floats, Ints
from vocservice.reporting.frame import NONE, Bools
from vocservice.reporting.themes import matrix_of

_STEPS = 127
_FARTHEST = 2.0


@dataclass(frozen=True, slots=True)
class Region:
    """The region of one cause among the vectors of one bundle.

    Attributes:
        own: the centre, in signed bytes like vectors.
        others: the other centres, concatenated.
        radius: the largest cosine distance from the centre, 0 to 2.
    """

    bundle: str
    own: bytes
    others: bytes
    radius: float

    @property
    def centres(self) -> Floats:
        """(n, width) of length 1, its own first."""
        width = len(self.own)
        return matrix_of([self.own, *(self.others[at : at + width] for at in range(0, len(self.others), width))])

    def holds(self, rows: Floats) -> Bools:
        """(n,) mask of the rows (of length 1) in it."""
        nearest = np.argmax(rows @ self.centres.T, axis=1) == 0
        return np.asarray(nearest & (self.distances(rows) <= self.radius))

    def distances(self, rows: Floats) -> Floats:
        """(n,) cosine distances from its centre, 0 to 2."""
        return np.asarray(1 - rows @ self.centres[0], dtype=np.float32)

    def is_like(self, other: "Region") -> bool:
        """Whether each centre lies in the other region; False for different bundles.

        One direction alone says little: a region built before a neighbouring cause was known contains that cause's centre too.
        """
        sides = ((self, other), (other, self))
        return self.bundle == other.bundle and all(one.holds(two.centres[:1])[0] for one, two in sides)


def may_be_one(one: Sequence[Region], other: Sequence[Region]) -> bool:
    """Whether two causes are alike by any common bundle, or have none and cannot be compared."""
    pairs = [(left, right) for left in one for right in other if left.bundle == right.bundle]
    return not pairs or any(left.is_like(right) for left, right in pairs)


def region_of(rows: Floats, groups: Ints, customers: Ints, *, group: int, holding: int, bundle: str, least: int) -> Region | None:
    """The region of one of several groups; None if it has too few customers.

    Args:
        rows: (n, width) of length 1.
        groups: (n,) number of each row's group, or -1.
        customers: (n,) number of each row's customer.
        holding: number of rows it should contain, among those nearest to its centre.
        bundle: of the vectors.
        least: different customers that a centre needs, so that none reveals one text.
    """
    told = [one for one in np.unique(groups[groups != NONE]).tolist() if len(np.unique(customers[groups == one])) >= least]
    if group not in told or not holding:
        return None
    centres = {one: _packed(rows[groups == one].sum(axis=0)) for one in told}
    wide = Region(bundle, centres.pop(group), b"".join(centres.values()), _FARTHEST)
    near = np.sort(wide.distances(rows[wide.holds(rows)]))
    return replace(wide, radius=float(near[min(holding, len(near)) - 1])) if len(near) else None


def carried(region: Region, before: Floats, after: Floats, customers: Ints, *, bundle: str, least: int) -> Region | None:
    """The region of the same texts under another bundle, containing as many; None if too few customers are left.

    Args:
        before: (n, width) vectors of some texts by the region's bundle, of length 1.
        after: vectors of the same texts by the other bundle.
    """
    held = region.holds(before)
    groups = np.argmax(before @ region.centres.T, axis=1)
    groups[(groups == 0) & ~held] = NONE
    return region_of(after, groups, customers, group=0, holding=int(held.sum()), bundle=bundle, least=least)


def _packed(centre: Floats) -> bytes:
    return bytes(np.round(centre * (_STEPS / max(float(np.abs(centre).max()), 1e-12))).astype(np.int8).tobytes())
