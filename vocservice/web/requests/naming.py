"""Filters by name in, ids of sources and labels of the taxonomy out; misspelt keys are errors."""

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
    """Resolve a source by id or name; `api` is unchanged.

    Raises:
        RequestError: the workspace has no such source.
    """
    if named == API:
        return named
    if found := sources.id_of(connection, workspace_id, named):
        return found
    raise RequestError("source must be the id or the name of a source, or api: GET /v1/sources lists them", code="parameter_invalid")


def is_listed(name: str, key: str) -> bool:
    """Whether the taxonomy has a label of the filter's set."""
    taxonomy, held = state().model.taxonomy(), SETS[name]
    return held in taxonomy and key in taxonomy[held].keys


def no_label(name: str) -> RequestError:
    """The error for an unknown label."""
    return RequestError(f"{name} must be the key of a label: GET /v1/taxonomy lists them", code="parameter_invalid")
