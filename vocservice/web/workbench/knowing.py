"""A selection from a program in, the same with source ids out: misspelt keys are errors, because they would match nothing.

Channels, scales, versions and custom fields are free texts; an unknown one simply matches nothing.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from vocservice.store.analysed.reading import ANY, GROUP, NO_LABEL, NO_STAGE, WIDE_SCOPES, Selection
from vocservice.taxonomy import Taxonomy
from vocservice.web.problems import RequestError
from vocservice.web.requests import naming
from vocservice.web.state import state

_ALSO: Mapping[str, Collection[str]] = {
    "stage": (NO_STAGE,),
    "scope": (*WIDE_SCOPES, ANY, NO_LABEL),
    "outcome": (ANY, NO_LABEL),
}


def known(workspace_id: str, selection: Selection) -> Selection:
    """Resolve the sources of a selection.

    Raises:
        RequestError: there is no such source in the workspace, or no such label, owner or metric in the taxonomy.
    """
    taxonomy = state().model.taxonomy()
    for name in naming.SETS:
        for key in selection.told(name):
            if not naming.is_listed(name, key) and key not in _ALSO.get(name, ()):
                raise naming.no_label(name)
    for name, held in (("owner", taxonomy.owners), ("metric", taxonomy.metrics)):
        if not {*held}.issuperset(selection.told(name)):
            raise RequestError(f"{name} must be a key of the taxonomy: GET /v1/taxonomy lists them", code="parameter_invalid")
    _check_cell(selection, taxonomy)
    with state().stored.open().database.read() as connection:
        return _by_id(selection, lambda named: naming.source_id(connection, workspace_id, named))


def _by_id(selection: Selection, find: Callable[[str], str]) -> Selection:
    also = tuple(
        choice._replace(values=tuple(map(find, choice.values))) if choice.name == "source" else choice for choice in selection.also
    )
    return replace(selection, source=selection.source and find(selection.source), also=also)


def _check_cell(selection: Selection, taxonomy: Taxonomy) -> None:
    cell = selection.cell
    if cell is None:
        return
    groups = [f"{GROUP}{label.group or 'other'}" for label in taxonomy["factors"].labels] if "factors" in taxonomy else []
    is_stage = cell.stage in (ANY, NO_STAGE) or naming.is_listed("stage", cell.stage)
    is_factor = cell.factor in (ANY, *groups) or naming.is_listed("factor", cell.factor)
    if not (is_stage and is_factor):
        raise RequestError("cell must name a stage and a factor of the taxonomy: GET /v1/taxonomy lists them", code="parameter_invalid")
