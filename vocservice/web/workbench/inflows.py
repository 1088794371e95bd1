"""Issues of a workspace in, their inflow out: all complaints of a cell, or those in the vector region of a cause.

A region fits those who formed it better than anybody new: so only the other half of the customers is counted.
After a promotion, the first look that finds the records of a cause analysed by the new bundle carries the cause over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from vocservice.errors import StoreError
from vocservice.store.analysed import vectors
from vocservice.store.analysed.issues import Issue

if TYPE_CHECKING:  # numpy is imported with the first figure
    from vocservice.reporting.frame import Bools, Floats, Frame, Ints
    from vocservice.reporting.inflow import Inflow, Within
    from vocservice.reporting.regions import Region
    from vocservice.web.workbench.looking import Looking

_Vectors = Mapping[str, Mapping[int, bytes]]

SAMPLE = 2000
MOST_ANALYSED = 0.9


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Rows examined for a cause, one bit each; their share of all customers; positions of complaints of its cell."""

    bits: "Ints"
    part: float
    at: "Ints"


class Inflows:
    """The inflow of some issues of a workspace; records are laid out, and vectors of complaints read, once for all issues."""

    def __init__(self, looking: "Looking", issues: Iterable[Issue]):
        import numpy as np

        from vocservice.store.analysed import issue_regions

        self._looking, self._can_write = looking, True
        self._frame: Frame = looking.load().columns.frame(looking.mask())
        self._drawn = {issue.id: self._others(issue) for issue in issues if issue.cause}
        with looking.database.read() as connection:
            self._regions: Mapping[str, Sequence[Region]] = issue_regions.of_workspace(connection, looking.workspace_id)
        self._vectors = self._read(np.unique(np.concatenate([drawn.at for drawn in self._drawn.values()]))) if self._drawn else {}

    def of(self, issue: Issue) -> "Inflow":
        """All complaints of its cell, or those of its cause; for one of the issues given at construction."""
        from vocservice.reporting.inflow import inflow_of

        within = self._within(issue) if issue.cause else None
        days = {"opened": issue.opened_on, "today": self._looking.today}
        return inflow_of(self._frame, stage=issue.stage, factor=issue.factor, **days, within=within)

    @cached_property
    def _customers(self) -> "Floats":
        from vocservice.reporting.draws import customers_drawn

        return customers_drawn(self._frame)

    def _within(self, issue: Issue) -> "Within":
        """The complaints of an issue's cause, by the bundle for which the fewest of its cell lack a vector."""
        import numpy as np

        from vocservice.reporting.inflow import Within

        regions, frame, drawn = self._regions.get(issue.id, ()), self._frame, self._drawn[issue.id]
        seen = self._complaints(drawn.at, self._vectors)
        region = min(regions, key=lambda one: seen.without(one.bundle), default=None)
        region = region and (self._carried(issue, seen, region) or region)
        bundle, held, unknown = region.bundle if region else "", np.zeros(len(frame), dtype=bool), np.zeros(len(frame), dtype=bool)
        unknown[[row for row in seen.at.tolist() if row not in seen.vectors.get(bundle, ())]] = True
        rows = np.unpackbits(drawn.bits, count=len(frame)).astype(bool)
        return Within(bundle, rows, seen.held(region) if region else held, unknown, drawn.part)

    def _others(self, issue: Issue) -> _Drawn:
        """The rows of customers who did not form the cause."""
        import numpy as np

        from vocservice.reporting.rung_causes import HALF

        rows, limit, at = self._looked_at(issue, self._customers >= HALF)
        return _Drawn(np.packbits(rows), limit - HALF, at)

    def _makers(self, issue: Issue) -> "Ints":
        """The complaints of the half that formed the cause, used to carry it over."""
        from vocservice.reporting.rung_causes import HALF

        return self._looked_at(issue, self._customers < HALF)[2]

    def _looked_at(self, issue: Issue, half: "Bools") -> tuple["Bools", float, "Ints"]:
        """The examined rows of a half, up to which number, and which of them are complaints of the cell.

        If a half has more than 2,000 complaints, only some customers are examined.
        """
        import numpy as np

        from vocservice.reporting.draws import threshold
        from vocservice.reporting.inflow import complaints_of, counted

        rows = counted(self._frame, today=self._looking.today) & half
        complaints = rows & complaints_of(self._frame, issue.stage, issue.factor)
        limit = threshold(self._customers[complaints], SAMPLE)
        looked = self._customers <= limit
        return rows & looked, limit, np.flatnonzero(complaints & looked)

    def _complaints(self, at: "Ints", made: _Vectors) -> "_Complaints":
        """Complaints with their vectors; a bundle that made none of them is left out."""
        theirs = {bundle: {row: by_row[row] for row in at.tolist() if row in by_row} for bundle, by_row in made.items()}
        return _Complaints(self._frame, at, {bundle: by_row for bundle, by_row in theirs.items() if by_row})

    def _read(self, at: "Ints") -> _Vectors:
        """The vectors of some rows, by bundle and row."""
        rows = dict(zip((found.decode() for found in self._frame.ids[at].tolist()), at.tolist(), strict=True))
        with self._looking.database.read() as connection:
            made = vectors.of_bundles(connection, self._looking.workspace_id, list(rows))
        return {bundle: {rows[record_id]: one for record_id, one in found.items()} for bundle, found in made.items()}

    def _carried(self, issue: Issue, seen: "_Complaints", region: "Region") -> "Region | None":
        """The cause under the bundle with the most vectors, once that has analysed nine tenths of its records.

        Of two with equally many, the one of the analyses is used.
        """
        bundle = min(seen.vectors, key=lambda one: (seen.without(one), one != seen.serving), default=region.bundle)
        if bundle in {one.bundle for one in self._regions[issue.id]}:
            return None
        makers = self._makers(issue)
        made = self._complaints(makers, self._read(makers))
        found = made.carried(region, bundle, least=self._looking.cause_customers)
        if found and self._can_write:
            self._keep(issue, found, before=region.bundle)
        return found

    def _keep(self, issue: Issue, region: "Region", *, before: str) -> None:
        """Store what was carried over; if the database cannot be written, a later look does."""
        from vocservice.store.analysed import issue_regions

        try:
            with self._looking.database.write() as connection:
                issue_regions.carry(connection, self._looking.workspace_id, issue.id, region, before=before)
        except StoreError:
            self._can_write = False  # wait at most once per page


@dataclass(frozen=True, slots=True)
class _Complaints:
    """Complaints of the cell of an issue: their rows, and per bundle the vectors by row."""

    frame: "Frame"
    at: "Ints"
    vectors: _Vectors

    def without(self, bundle: str) -> int:
        """Number without a vector of a bundle."""
        return len(self.at) - len(self.vectors.get(bundle, ()))

    @property
    def serving(self) -> str:
        """The bundle of most of their analyses; blank if unknown."""
        counts = self.frame.model.take(self.at).counts()
        return self.frame.model.names[counts.argmax()] if counts.any() else ""

    def held(self, region: "Region") -> "Bools":
        """(n,) rows of the frame that lie in a region."""
        import numpy as np

        from vocservice.reporting.themes import matrix_of

        found, made = np.zeros(len(self.frame), dtype=bool), self.vectors.get(region.bundle, {})
        if made:
            found[list(made)] = region.holds(matrix_of(list(made.values())))
        return found

    def carried(self, region: "Region", bundle: str, *, least: int) -> "Region | None":
        """The region by the vectors of another bundle, if it has analysed most of its records and enough customers are left."""
        import numpy as np

        from vocservice.reporting.regions import carried
        from vocservice.reporting.themes import matrix_of

        old, new = self.vectors.get(region.bundle, {}), self.vectors.get(bundle, {})
        own, both = np.flatnonzero(self.held(region)).tolist(), [row for row in old if row in new]
        if not own or sum(row in new for row in own) < MOST_ANALYSED * len(own):
            return None
        before, after = (matrix_of([made[row] for row in both]) for made in (old, new))
        return carried(region, before, after, self.frame.subject[both], bundle=bundle, least=least)
