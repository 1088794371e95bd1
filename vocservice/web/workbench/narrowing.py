"""A selection and the conditions of a figure in, the selection of exactly these records out; None if filters cannot express it.

A figure counts the records of a report that also meet some conditions. If the report already filters by the same
thing, the two are merged; multi-valued labels that cannot be merged go into the cell.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from vocservice.store.analysed.reading import ANY, GROUP, OWN, PLACED, WIDE_SCOPES, Choice, Place, Selection

_PLACE = ("stage", "factor", "polarity", "group")


def narrowed(selection: Selection, wanted: Mapping[str, Any]) -> Selection | None:
    """The records of a selection that also meet some conditions.

    Args:
        selection: of the report.
        wanted: by name of the filter; `group` is a group of factors.
    """
    place = {name: wanted[name] for name in _PLACE if wanted.get(name) is not None}
    placed = _placed(selection, **place) if place else selection
    if placed is None:
        return None
    others = {name: value for name, value in wanted.items() if name not in _PLACE}
    changes = {name: _merged(name, getattr(selection, name), value) for name, value in others.items()}
    left = _without(selection.also, others)
    if None in changes.values() or left is None:
        return None
    return replace(placed, **changes, also=left) if changes else placed


def _without(held: tuple[Choice, ...], wanted: Mapping[str, Any]) -> tuple[Choice, ...] | None:
    """The other choices; None if one conflicts with what is wanted: it is inverted, or excludes this value."""
    asked = {OWN + name: value for name, value in wanted.get("own", ())} | {name: value for name, value in wanted.items() if name != "own"}
    met = [choice for choice in held if choice.name in asked]
    if any(choice.is_not or asked[choice.name] not in choice.values for choice in met):
        return None
    return tuple(choice for choice in held if choice not in met)


def during(selection: Selection, since: date, until: date) -> Selection:
    """The records of a selection between two days."""
    return narrowed(selection, {"since": since, "until": until}) or selection


def _placed(
    selection: Selection, *, stage: str | None = None, factor: str | None = None, polarity: str | None = None, group: str | None = None
) -> Selection | None:
    """As filters if there are none of their kind yet, else as a cell in addition."""
    is_free = not any(choice.name in PLACED for choice in selection.also)
    if group is None and is_free and not (selection.stage or selection.factor or selection.polarity):
        return replace(selection, stage=stage, factor=factor, polarity=polarity)
    if selection.cell is not None:
        return None
    return replace(selection, cell=Place(stage or ANY, factor or (f"{GROUP}{group}" if group else ANY), polarity))


def _merged(name: str, held: Any, value: Any) -> Any:
    return value if held is None else _MERGES.get(name, _one)(held, value)


def _one(held: Any, value: Any) -> Any:
    return held if value in (held, ANY) else value if held == ANY else None


def _own(held: Any, value: Any) -> Any:
    """Merge the fields; each may have only one value."""
    both = {**dict(held), **dict(value)}
    return tuple(sorted(both.items())) if both.items() >= dict(held).items() else None


def _scope(held: str, value: str) -> str | None:
    """The intersection of two scopes."""
    if ANY in (held, value):
        return str(_one(held, value))
    common = set(_keys(held)) & set(_keys(value))
    return next((name for name in (held, value, *common) if set(_keys(name)) == common), None)


def _keys(scope: str) -> tuple[str, ...]:
    return WIDE_SCOPES.get(scope, (scope,))


_MERGES: Mapping[str, Callable[[Any, Any], Any]] = {
    "since": max,
    "until": min,
    "level_from": max,
    "level_to": min,
    "scope": _scope,
    "own": _own,
    "flag": lambda held, value: held if held == value else None,
}
