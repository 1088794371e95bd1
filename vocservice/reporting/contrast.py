"""Two sets of records in, their comparison out: journey maps, shares, sentiment, tested differences, and caveats."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vocservice.reporting.causes import Fourfold, fourfold
from vocservice.reporting.followed import followed
from vocservice.reporting.frame import Bools, Frame
from vocservice.reporting.journey import Comparison, Gap, compare, corrected, gap
from vocservice.reporting.measures import figures_of
from vocservice.reporting.report import anchor_set, plain
from vocservice.reporting.rows import Row
from vocservice.reporting.trends import Split, splits
from vocservice.reporting.voices import counted
from vocservice.taxonomy import Taxonomy

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two sets compared; differences are the second minus the first.

    Attributes:
        comparison: both journey maps, changes of cells, of stages and of factors, and whether the channels differ.
        gaps: followed shares, q corrected for their number.
        splits: the part of differences due to the channel mix.
        causes: the same figures split four ways.
        shared: records that are in both sets.
        versions: models and taxonomies that labelled only one of the two.
    """

    taxonomy: Taxonomy
    comparison: Comparison
    gaps: tuple[Gap, ...]
    splits: tuple[Split, ...]
    causes: tuple[Fourfold, ...]
    shared: int
    versions: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Every figure, ready for `json.dumps`; unknown values are null beside their n."""
        names = ("comparison", "gaps", "splits", "causes", "shared", "versions")
        return {"format": FORMAT, "taxonomy": self.taxonomy.id, **{name: plain(getattr(self, name)) for name in names}}


def contrast(frame: Frame, first: Bools, second: Bools, *, names: tuple[str, str], anchors: Sequence[Row] = ()) -> Contrast:
    """Compare two sets of records of a frame.

    Args:
        frame: the records.
        first, second: (n,) masks of the sets.
        names: of the sets.
        anchors: the same texts labelled by several models or taxonomies, under the same ids.
    """
    sides = frame.take(first), frame.take(second)
    figures = followed(*sides)
    return Contrast(
        frame.taxonomy,
        compare(*sides, names=names),
        tuple(corrected(list(_gaps(*sides)))),
        splits(*sides, figures),
        fourfold(*sides, anchor_set(anchors, frame.taxonomy), figures),
        int((first & second).sum()),
        tuple(_alone(*sides)),
    )


def _gaps(before: Frame, after: Frame) -> Iterator[Gap]:
    """The shares other than of factors, which are in the map."""
    first, second = (counted(frame, dict(_shares(frame))) for frame in (before, after))
    for name in first:
        yield gap(name, first[name], second[name])


def _shares(frame: Frame) -> Iterator[tuple[str, tuple[Bools, Bools]]]:
    yield from ((name, pair) for name, pair in figures_of(frame).items() if name.removesuffix("-") not in frame.factor_keys)


def _alone(before: Frame, after: Frame) -> Iterator[str]:
    """Versions with records in only one set, if both sets have records."""
    if len(before) and len(after):
        for first, second in ((before.model, after.model), (before.version, after.version)):
            held: tuple[Mapping[str, int], ...] = tuple(dict(zip(one.names, one.counts(), strict=True)) for one in (first, second))
            yield from sorted(name for name in {*first.names, *second.names} if any(not one.get(name) for one in held))
