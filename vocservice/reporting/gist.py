"""A report in, a summary in a few sentences out: most blamed and praised, owners, drivers, changes.

Only clear results are included: intervals that exclude zero, or corrected tests. Each sentence has its n and names the
section with its figures.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from vocservice.reporting import words
from vocservice.reporting.chance import chance_text
from vocservice.reporting.estimate import net
from vocservice.reporting.journey import Cell
from vocservice.reporting.leading import hits_of
from vocservice.reporting.measures import NET, is_own
from vocservice.reporting.plural import plural
from vocservice.reporting.report import Report
from vocservice.reporting.voices import Heard

MIN_SAID = 30
_MOST_DRIVERS = 2


@dataclass(frozen=True, slots=True)
class Saying:
    """One sentence; `topic` is its subject, `section` the id of the part of the page with its figures."""

    topic: str
    said: str
    section: str


def gist(report: Report) -> tuple[Saying, ...]:
    """The sentences, in page order; empty if nothing is clear."""
    return tuple(chain.from_iterable(part(report) for part in _PARTS))


def _felt(report: Report) -> Iterator[Saying]:
    """The most blamed of the clearly blamed cells, and likewise for praise."""
    clear = [cell for cell in report.journey.cells() if cell.net.is_clear]
    blamed, praised = ([cell for cell in clear if sign * (cell.net.value or 0) > 0] for sign in (-1, 1))
    if blamed:
        worst = max(blamed, key=lambda cell: cell.negative)
        yield _of_cell(report, "Blamed most", worst, f"{worst.negative} blame it, {worst.positive} praise it")
    if praised:
        best = max(praised, key=lambda cell: cell.positive)
        yield _of_cell(report, "Praised most", best, f"{best.positive} praise it, {best.negative} blame it")


def _of_cell(report: Report, topic: str, cell: Cell, counts: str) -> Saying:
    return Saying(
        topic, f"{words.cell_name(report.taxonomy, cell.stage, cell.factor)}: {counts}, net sentiment {words.net_text(cell.net)}", "journey"
    )


def _acting(report: Report) -> Iterator[Saying]:
    service, experience = (report.scope.shares[key] for key in ("service_complaint", "experience_issue"))
    if _is_apart(hits_of(service), hits_of(experience), report.scope.n, report.scope.heard):
        settled = f"support alone can settle {words.share_text(service)}"
        yield Saying("Service or experience", f"{settled}; the organisation must act on {words.share_text(experience)}", "scope")
    first, second = ([*report.scope.owners, None, None])[:2]
    heads = report.headlines
    if first and _is_apart(first.records, second.records if second else 0, heads.records, heads.heard):
        said = f"{words.owner_name(report.taxonomy, first.key)} owns what is blamed in {words.share_text(first.share)}"
        yield Saying("Who can do most", said, "scope")


def _is_apart(one: int, other: int, n: int, heard: Heard) -> bool:
    """Whether one of two counts among the same records is significantly greater, with enough customers for a sentence."""
    return net(one, other, n, heard=heard, least=MIN_SAID).is_clear


def _moving(report: Report) -> Iterator[Saying]:
    """The factors that lower the score most, by the gain of the mean without them."""
    found = report.drivers
    pulling = [one for one in found.drivers if one.is_clear and one.without > 0 and one.term.kind == "factor"]
    for driver in sorted(pulling, key=lambda one: -one.without)[:_MOST_DRIVERS]:
        effect = words.without_text(driver, found.unit)
        yield Saying("Pulls the score down", f"{words.term_name(report.taxonomy, driver.term)}: {effect} (n = {driver.n})", "drivers")


def _changed(report: Report) -> Iterator[Saying]:
    """The scores that changed, else the sentiment; then the cell that changed most."""
    found = report.comparison
    clear = [level for level in (found.levels if found else ()) if level.verdict in ("up", "down")]
    for level in [one for one in clear if is_own(one.key)] or [one for one in clear if one.key == NET]:
        before, after = (words.level_text(level.kind, side) for side in (level.before, level.after))
        moved = f"{words.difference_text(level)}, {chance_text(level.q, 'q')}"
        said = f"{words.figure_name(report.taxonomy, level.key)} {before} before, {after} after; {moved}"
        yield Saying("Score changed" if is_own(level.key) else "Sentiment changed", f"{said}{_caution(report)}", "changes")
    if found and found.clear:
        most = found.clear[0]
        place = words.cell_name(report.taxonomy, most.stage, most.factor)
        yield Saying("Changed most", f"{place}. {words.change_text(most)}{_caution(report)}", "changes")


def _caution(report: Report) -> str:
    return "; the channels differ between the two" if report.comparison and report.comparison.channels.is_different else ""


def _rising(report: Report) -> Iterator[Saying]:
    candidates = [rung for rung in report.scope.ladder if rung.step == "candidate"]
    if candidates:
        first = candidates[0]
        of = f"{first.records} service complaints of {first.customers} customers"
        more = f"; {plural(len(candidates) - 1, 'more such cell')}" if len(candidates) > 1 else ""
        yield Saying("No longer single complaints", f"{words.cell_name(report.taxonomy, first.stage, first.factor)}: {of}{more}", "ladder")


_PARTS: tuple[Callable[[Report], Iterator[Saying]], ...] = (_felt, _acting, _rising, _moving, _changed)
