"""A report in, what it says in a few sentences out: what is blamed and praised most, who can act, what moves the score, what changed.

Only what is clear is said: an interval that leaves out zero, a test that pays for the others. Each sentence has its n and names the
section that proves it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from vocservice.reporting import words
from vocservice.reporting.estimate import net
from vocservice.reporting.journey import Cell
from vocservice.reporting.leading import hits_of
from vocservice.reporting.report import Report

MIN_SAID = 30
_MOST_DRIVERS = 2


@dataclass(frozen=True, slots=True)
class Saying:
    """One sentence; `topic` is what it is about, `section` the id of the part of the page that holds its figures."""

    topic: str
    said: str
    section: str


def gist(report: Report) -> tuple[Saying, ...]:
    """The sentences, in the order of the page; none where nothing is clear."""
    return tuple(chain.from_iterable(part(report) for part in _PARTS))


def _felt(report: Report) -> Iterator[Saying]:
    """The cell that most records blame of those that are clearly blamed, and the same for praise."""
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
    if _is_apart(hits_of(service), hits_of(experience), report.scope.n):
        settled = f"{words.share_text(service)}, are complaints that support alone can settle"
        yield Saying("Service or experience", f"{settled}; {words.share_text(experience)}, are issues of the organisation", "scope")
    first, second = ([*report.scope.owners, None, None])[:2]
    if first and _is_apart(first.records, second.records if second else 0, report.headlines.records):
        said = f"{words.owner_name(report.taxonomy, first.key)}: something it owns is blamed in {words.share_text(first.share)}"
        yield Saying("Who can do most", said, "scope")


def _is_apart(one: int, other: int, n: int) -> bool:
    """Whether one of two counts among the same records is clearly the greater, of enough records to be said in a sentence."""
    return net(one, other, n, least=MIN_SAID).is_clear


def _moving(report: Report) -> Iterator[Saying]:
    """What pulls the score down most, by how much the mean would gain without it."""
    found = report.drivers
    pulling = [one for one in found.drivers if one.is_clear and one.without > 0 and one.term.kind == "factor"]
    for driver in sorted(pulling, key=lambda one: -one.without)[:_MOST_DRIVERS]:
        effect = words.without_text(driver, found.unit)
        yield Saying("Pulls the score down", f"{words.term_name(report.taxonomy, driver.term)}: {effect} (n = {driver.n})", "drivers")


def _changed(report: Report) -> Iterator[Saying]:
    found = report.comparison
    if found and found.clear:
        most = found.clear[0]
        place = words.cell_name(report.taxonomy, most.stage, most.factor)
        caution = "; the channels differ between the two" if found.channels.is_different else ""
        yield Saying("Changed most", f"{place}. {words.change_text(most)}{caution}", "changes")


def _rising(report: Report) -> Iterator[Saying]:
    candidates = [rung for rung in report.scope.ladder if rung.step == "candidate"]
    if candidates:
        first = candidates[0]
        of = f"{first.records} service complaints of {first.customers} customers"
        more = f"; {len(candidates) - 1} more" if len(candidates) > 1 else ""
        yield Saying("No longer single complaints", f"{words.cell_name(report.taxonomy, first.stage, first.factor)}: {of}{more}", "ladder")


_PARTS: tuple[Callable[[Report], Iterator[Saying]], ...] = (_felt, _acting, _rising, _moving, _changed)
