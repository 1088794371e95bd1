"""A selection and a stored analysis in, a list entry out: first the turns with the requested evidence."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from vocservice.render import Row
from vocservice.store.analysed.reading import ANY, GROUP, NO_LABEL, NO_STAGE, WIDE_SCOPES, Place, Selection, Taken
from vocservice.taxonomy import Taxonomy
from vocservice.web.shown import case

SHOWN_TURNS = 6
_SETS = ("stages", "factors", "scope", "flags")
_WIDE = (ANY, NO_LABEL, NO_STAGE, *WIDE_SCOPES)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A requested label: of a set, with one of these keys and this polarity; any if none is given."""

    set: str
    keys: Collection[str] | None = None
    polarity: str | None = None

    def is_among(self, rows: Sequence[Row]) -> bool:
        return any(
            row.set == self.set and (self.keys is None or row.key in self.keys) and self.polarity in (None, row.polarity) for row in rows
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """A list entry; of a transcript only turns with evidence, requested ones first."""

    taken: Taken
    turns: tuple[case.Turn, ...]
    labels: tuple[case.Given, ...]
    unshown: int


def entry_of(taken: Taken, taxonomy: Taxonomy, selection: Selection) -> Entry:
    """Build the list entry of a record."""
    strict = [one for way in selection.ways for one in (*_single(way), *(tuple(_placed(place, taxonomy)) for place in way.places))]
    seen = _shown(taken, taxonomy, strict)
    if strict and not any(map(_is_asked, seen.turns)):  # a factor that shares no evidence belongs to the record's first stage
        seen = _shown(taken, taxonomy, [(one,) for wanted in strict for one in wanted if one.set == "factors"])
    spoken = seen.turns if len(seen.turns) == 1 else tuple(turn for turn in seen.turns if any(mark.names for mark in turn.marks))
    first = tuple(sorted(spoken, key=lambda turn: not _is_asked(turn)))[:SHOWN_TURNS]
    labels = tuple(label for label in seen.labels if label.set in _SETS)
    return Entry(taken, first, labels, len(seen.turns) - len(first))


def _shown(taken: Taken, taxonomy: Taxonomy, wanted: Sequence[tuple[Wanted, ...]]) -> case.Shown:
    """Mark the evidence that has all labels of one of the requested sets."""
    return case.shown(taken.analysis, taxonomy, lambda rows: any(all(one.is_among(rows) for one in each) for each in wanted))


def _is_asked(turn: case.Turn) -> bool:
    return any(case.ASKED in mark.look.split() for mark in turn.marks)


def _single(selection: Selection) -> Iterator[tuple[Wanted, ...]]:
    """Labels requested by filters; stage and factor together are a place."""
    if selection.factor or selection.polarity:
        if not selection.stage or not selection.factor:
            yield (Wanted("factors", selection.factor and (selection.factor,), selection.polarity),)
    elif selection.stage and selection.stage not in _WIDE:
        yield (Wanted("stages", (selection.stage,)),)
    for name, keys in (("scope", selection.named("scope")), ("flags", selection.named("flag"))):
        if plain := [key for key in keys if key not in _WIDE]:
            yield (Wanted(name, plain),)


def _placed(place: Place, taxonomy: Taxonomy) -> Iterator[Wanted]:
    """The parts of a cell."""
    if place.stage not in _WIDE:
        yield Wanted("stages", (place.stage,))
    if place.factor != ANY or place.polarity or place.stage in _WIDE:
        yield Wanted("factors", _factors(place.factor, taxonomy), place.polarity)


def _factors(factor: str, taxonomy: Taxonomy) -> Collection[str] | None:
    if factor == ANY or not factor.startswith(GROUP):
        return None if factor == ANY else (factor,)
    group = factor.removeprefix(GROUP)
    return [label.key for label in taxonomy["factors"].labels if (label.group or "other") == group]
