"""A query in, matching records out: by words, by similarity in meaning, or both, within any filters.

Similarity in meaning uses the vectors of the texts: compared with another record's, or with that of the query, which
needs a model in this process. If both words and meaning are given, the two rankings are merged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from vocservice.errors import BundleError
from vocservice.records import Json, RawVerbatim, Rejected
from vocservice.reporting.packing import key_of
from vocservice.reporting.ranks import by_words, fused
from vocservice.reporting.wording import words_of as said_in
from vocservice.store.accounts.users import ANALYST
from vocservice.store.analysed import reading, vectors
from vocservice.store.analysed.exported import Segments, exported
from vocservice.store.analysed.reading import Page, Taken
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.answers import json_answer
from vocservice.web.problems import RequestError
from vocservice.web.requests import access
from vocservice.web.state import state
from vocservice.web.workbench.looking import Looking
from vocservice.web.workbench.pages import PATIENCE_SECONDS, looking_at, looking_for, still_reading, words_of
from vocservice.web.workbench.proof import entry_of
from vocservice.web.workbench.selecting import Sought, encoded, sought_of

if TYPE_CHECKING:
    from vocservice.store.analysed.nearest import Found

blueprint = people.pages("asking")
api = Blueprint("asking_api", __name__)

LISTED = 50


@dataclass(frozen=True, slots=True)
class Meant:
    """A query vector and the bundle that made it; or the reason why there is none."""

    vector: bytes = b""
    bundle: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Hits:
    """The records found, best first, and what was searched.

    Attributes:
        closeness: cosine by record, for those found by meaning.
        records: number that match the filters.
        saying: number of these that match the words; None if no words were given.
        compared: number of these with a vector; None if meaning was not requested.
        fault: why meaning could not be searched; blank if it could.
        cursor: where to continue the word search; blank at the end.
    """

    taken: tuple[Taken, ...]
    closeness: Mapping[str, float]
    records: int
    saying: int | None
    compared: int | None
    fault: str
    cursor: str = ""


@blueprint.get("/workbench/search")
@require_role(ANALYST)
def search() -> Response:
    """The matching records, best first; or a page with the progress of reading."""
    sought = sought_of(request.args)
    looking = looking_at(person().workspace_id, sought.filtered)
    try:
        looking.load(timeout=PATIENCE_SECONDS)
    except TimeoutError:
        return still_reading(looking)
    hits = _hits(looking, sought) if sought.is_any else None
    entries = [entry_of(taken, looking.taxonomy, sought.asked.selection) for taken in hits.taken] if hits else []
    held: dict[str, Any] = {"hits": hits, "entries": entries, "about": sought.about, "like": sought.like, "q": sought.q}
    held |= {"asked": sought.asked, "cell": sought.asked.cell_name, "state": f"?{encoded(sought.values)}" if sought.values else ""}
    return people.shown("search.html", **held, **words_of(looking))


@api.get("/v1/search")
@access.require("feedback:read")
def search_json() -> Response:
    """The same for API keys."""
    key = access.key()
    sought = sought_of(request.args)
    if not sought.is_any:
        raise RequestError("give q, about or like", code="parameter_invalid")
    looking = looking_for(key.workspace_id, sought.filtered)
    sought = sought.over(looking.asked)
    hits, segments = _hits(looking, sought), looking.segments()
    items = [_item(taken, segments, hits.closeness.get(taken.id)) for taken in hits.taken]
    told: Json = {"records": hits.records, "saying": hits.saying, "compared": hits.compared}
    told |= {"fault": hits.fault or None, "cursor": hits.cursor or None}
    return json_answer({"items": items, **told})


def _item(taken: Taken, segments: Segments, closeness: float | None) -> Json:
    told = exported(taken, segments)
    times = {name: told[name].isoformat() for name in ("created_at", "received_at")}
    return {**told, **times, "closeness": None if closeness is None else round(closeness, 4)}


def _hits(looking: Looking, sought: Sought) -> Hits:
    like = sought.like
    meant = None if sought.after else _like(looking, like) if like else _about(sought.about) if sought.about else None
    found = _near(looking, meant, like) if meant and not meant.fault else None
    closeness = {near.id: near.closeness for near in found.near} if found else {}
    saying, page = _saying(looking, sought, LISTED // 2 if found else LISTED)  # half, so that merging cuts none
    texts = {taken.id: said_in(reading.customers_words(taken.analysis)) for taken in page.taken if taken.id != like}
    said = by_words(texts, sought.asked.selection.words)
    rankings = [ranking for ranking in (said, list(closeness)) if ranking]
    with looking.database.read() as connection:
        taken = tuple(reading.in_order(connection, looking.workspace_id, fused(*rankings)[:LISTED]))
    compared, fault = found.searched if found else None, meant.fault if meant else ""
    return Hits(taken, closeness, looking.count(), saying, compared, fault, page.cursor or "")


def _saying(looking: Looking, sought: Sought, listed: int) -> tuple[int | None, Page]:
    """Number of records with all the words, and the latest of them before a cursor; none without words."""
    if not sought.asked.selection.words:
        return None, Page((), None)
    mask = looking.mask_of(sought.asked.selection)
    return int(mask.sum()), looking.page(mask, after=sought.after, listed=listed)


def _near(looking: Looking, meant: Meant, like: str) -> "Found":
    from vocservice.store.analysed.nearest import nearest

    columns = looking.load().columns
    others = looking.mask() & (columns.fields["key"] != key_of(like))
    with looking.database.read() as connection:
        return nearest(connection, looking.workspace_id, columns, others, bundle=meant.bundle, vector=meant.vector, limit=LISTED)


def _like(looking: Looking, record_id: str) -> Meant:
    """The vector of a record.

    Raises:
        RequestError: there is no such record (404).
    """
    with looking.database.read() as connection:
        if not list(reading.of_ids(connection, looking.workspace_id, [record_id])):
            raise RequestError("there is no such record", code="not_found", status=404)
        found = vectors.of_records(connection, looking.workspace_id, [record_id])
    if record_id not in found:
        return Meant(fault="This record has no vector: it was analysed before vectors existed, or they are switched off.")
    bundle, vector = found[record_id]
    return Meant(vector, bundle)


def _about(text: str) -> Meant:
    """The vector of the query, by the model of this process."""
    try:
        result = state().model.result(RawVerbatim(id="question", text=text))
    except BundleError as error:
        return Meant(fault=f"Meaning cannot be searched here: {error.message}.")
    if isinstance(result, Rejected):
        return Meant(fault=f"Meaning cannot be searched for this: {result.message}.")
    return Meant(result.vector, result.model) if result.vector else Meant(fault="This model makes no vectors.")
