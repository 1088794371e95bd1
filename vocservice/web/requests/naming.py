"""Filters by name in, what they name out: the id of a source, a label of the taxonomy; a key that is misspelt is told."""

from collections.abc import Mapping
from typing import Any

from vocservice.store.received import sources
from vocservice.store.received.records import API
from vocservice.web.problems import RequestError
from vocservice.web.state import state

SETS: Mapping[str, str] = {
    "stage": "stages",
    "factor": "factors",
    "scope": "scope",
    "flag": "flags",
    "outcome": "outcome",
    "reason": "reasons",
}


def source_id(connection: Any, workspace_id: str, named: str) -> str:
    """The id of a source by its id or its name; `api` as it is.

    Raises:
        RequestError: there is none in the workspace.
    """
    if named == API:
        return named
    if found := sources.id_of(connection, workspace_id, named):
        return found
    raise RequestError("source must be the id or the name of a source, or api: GET /v1/sources lists them", code="parameter_invalid")


def is_listed(name: str, key: str) -> bool:
    """Whether the taxonomy has a label of the set that a filter is of."""
    taxonomy, held = state().model.taxonomy(), SETS[name]
    return held in taxonomy and key in taxonomy[held].keys


def no_label(name: str) -> RequestError:
    """There is no label of this key."""
    return RequestError(f"{name} must be the key of a label: GET /v1/taxonomy lists them", code="parameter_invalid")
