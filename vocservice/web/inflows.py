"""Issues of a workspace in, how the complaints of each come in out: all of a cell, or those whose vectors lie where its cause does.

After another bundle was promoted, the first look that finds the records of a cause analysed by it carries the cause over.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vocservice.store import vectors
from vocservice.store.issues import Issue

if TYPE_CHECKING:  # numpy comes with the first figure
    from vocservice.reporting.frame import Bools, Frame, Ints
    from vocservice.reporting.inflow import Inflow, Within
    from vocservice.reporting.regions import Region
    from vocservice.web.looking import Looking

SAMPLE = 2000
MOST_ANALYSED = 0.9


def inflows(looking: "Looking") -> Callable[[Issue], "Inflow"]:
    """What tells the inflow of any issue; the records are laid out once for all of them."""
    from vocservice.reporting.inflow import inflow_of
    from vocservice.store import issue_regions

    frame = looking.load().columns.frame(looking.mask())
    with looking.database.read() as connection:
        regions = issue_regions.of_workspace(connection, looking.workspace_id)

    def told(issue: Issue) -> "Inflow":
        within = _within(looking, frame, issue, regions.get(issue.id, ())) if issue.cause else None
        return inflow_of(frame, stage=issue.stage, factor=issue.factor, opened=issue.opened_on, today=looking.today, within=within)

    return told


@dataclass(frozen=True, slots=True)
class _Complaints:
    """Those of the cell of an issue that its inflow counts: their rows, and of each bundle the vectors by row."""

    frame: "Frame"
    at: "Ints"
    vectors: Mapping[str, Mapping[int, bytes]]

    def without(self, bundle: str) -> int:
        """How many have no vector of a bundle."""
        return len(self.at) - len(self.vectors.get(bundle, ()))

    def held(self, region: "Region") -> "Bools":
        """(n,) rows of the frame that lie in a region."""
        import numpy as np

        from vocservice.reporting.themes import matrix_of

        found, made = np.zeros(len(self.frame), dtype=bool), self.vectors.get(region.bundle, {})
        if made:
            found[list(made)] = region.holds(matrix_of(list(made.values())))
        return found


def _within(looking: "Looking", frame: "Frame", issue: Issue, regions: Sequence["Region"]) -> "Within":
    """The complaints of the cause of an issue, by the bundle of which the fewest of its cell lack a vector."""
    import numpy as np

    from vocservice.reporting.inflow import Within

    drawn, part = _drawn(looking, frame, issue)
    seen = _complaints(looking, frame, issue, drawn)
    region = min(regions, key=lambda one: seen.without(one.bundle), default=None)
    region = region and (_carried(looking, issue, seen, region, regions) or region)
    bundle, held, unknown = region.bundle if region else "", np.zeros(len(frame), dtype=bool), np.zeros(len(frame), dtype=bool)
    unknown[[row for row in seen.at.tolist() if row not in seen.vectors.get(bundle, ())]] = True
    return Within(bundle, drawn, seen.held(region) if region else held, unknown, part)


def _drawn(looking: "Looking", frame: "Frame", issue: Issue) -> tuple["Bools", float]:
    """The rows that are looked at, and which part of all: of a cell with more than 2,000 complaints, customers drawn by chance."""
    from vocservice.reporting.draws import customers_drawn, threshold
    from vocservice.reporting.inflow import complaints_of, counted

    rows = counted(frame, opened=issue.opened_on, today=looking.today)
    complaints = rows & complaints_of(frame, issue.stage, issue.factor)
    if complaints.sum() <= SAMPLE:
        return rows, 1.0
    drawn = customers_drawn(frame)
    limit = threshold(drawn[complaints], SAMPLE)
    return rows & (drawn <= limit), limit


def _complaints(looking: "Looking", frame: "Frame", issue: Issue, drawn: "Bools") -> _Complaints:
    import numpy as np

    from vocservice.reporting.inflow import complaints_of

    at = np.flatnonzero(drawn & complaints_of(frame, issue.stage, issue.factor))
    rows = dict(zip((found.decode() for found in frame.ids[at].tolist()), at.tolist(), strict=True))
    with looking.database.read() as connection:
        made = vectors.of_bundles(connection, looking.workspace_id, list(rows))
    return _Complaints(frame, at, {bundle: {rows[record_id]: one for record_id, one in found.items()} for bundle, found in made.items()})


def _carried(looking: "Looking", issue: Issue, seen: _Complaints, region: "Region", known: Sequence["Region"]) -> "Region | None":
    """The cause under another bundle that made more of the vectors, once it made those of nine tenths of the cause's records."""
    import numpy as np

    from vocservice.reporting.quotes import ANONYMOUS
    from vocservice.reporting.regions import carried
    from vocservice.reporting.themes import matrix_of
    from vocservice.store import issue_regions

    bundle = min(seen.vectors, key=seen.without, default=region.bundle)
    old, new = seen.vectors.get(region.bundle, {}), seen.vectors.get(bundle, {})
    own, both = np.flatnonzero(seen.held(region)).tolist(), [row for row in old if row in new]
    is_ready = own and sum(row in new for row in own) >= MOST_ANALYSED * len(own)
    if bundle in {one.bundle for one in known} or not is_ready:
        return None
    before, after = (matrix_of([made[row] for row in both]) for made in (old, new))
    least = max(looking.cause_customers, ANONYMOUS)
    found = carried(region, before, after, seen.frame.subject[both], bundle=bundle, least=least)
    if found:
        with looking.database.write() as connection:
            issue_regions.carry(connection, looking.workspace_id, issue.id, found, before=region.bundle)
    return found
