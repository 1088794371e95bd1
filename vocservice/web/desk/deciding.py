"""The form of a decision in, the decision and what its author saw out; labels that the taxonomy lacks are ignored."""

from typing import get_args

from flask import request

from vocservice.records import Json
from vocservice.render import LEVEL_NAMES
from vocservice.store.review import annotations
from vocservice.store.review.annotations import Decision, Draft, Seen
from vocservice.store.review.cases import Case
from vocservice.taxonomy import Taxonomy
from vocservice.web.accounts.people import PageError
from vocservice.web.shown.view import TITLES

MULTI, SINGLE = ("stages", "flags", "reasons"), ("scope", "outcome")


def incomplete() -> PageError:
    """The error for a form that is not as we made it."""
    return PageError("Form refused", "This form is incomplete. Reload the page and send it again.", status=400)


def is_submission(text: str) -> bool:
    """Whether a text can be the id of a form."""
    return text.isascii() and text.isprintable() and 16 <= len(text) <= 40


def seen_of_form() -> Seen:
    """The state of the record that the form's author saw.

    Raises:
        PageError: the form is incomplete.
    """
    form = request.form
    try:
        return Seen(int(form.get("revision", "")), form.get("bundle", ""), int(form.get("steps", "")))
    except ValueError:
        raise incomplete() from None


def kept_of_form() -> int:
    """The version of the draft that the form was made with.

    Raises:
        PageError: the form is incomplete.
    """
    try:
        return int(request.form.get("draft_version", ""))
    except ValueError:
        raise incomplete() from None


def draft_of(found: Case, taxonomy: Taxonomy) -> Draft:
    """The decision of the form.

    Raises:
        PageError: the form is incomplete.
    """
    form = request.form
    decision: Decision | None = next((name for name in get_args(Decision) if name == form.get("decision")), None)
    submission = form.get("submission", "")
    if decision is None or not is_submission(submission):
        raise incomplete()
    chosen = decision == "correct"
    labels = labels_of_form(annotations.given_labels(found.result), taxonomy) if chosen else annotations.labels_of(decision, found.result)
    return Draft(decision, labels, form.get("note", "")[: annotations.LONGEST_NOTE], submission)


def labels_of_form(given: Json, taxonomy: Taxonomy) -> Json:
    """The chosen labels, those of the model first; blanks and keys that the taxonomy lacks are ignored."""
    form = request.form
    chosen: Json = dict(given)
    for name in (name for name in MULTI if name in taxonomy and taxonomy[name].kind == "multi"):
        wanted = set(form.getlist(name))
        chosen[name] = [key for key in dict.fromkeys((*given[name], *taxonomy[name].keys)) if key in wanted]
    for name in (name for name in SINGLE if name in taxonomy):
        chosen[name] = form[name] if form.get(name) in taxonomy[name].keys else given[name]
    if "factors" in taxonomy:
        first = (factor["key"] for factor in given["factors"])
        signs = {key: form.get(f"factors.{key}", "") for key in dict.fromkeys((*first, *taxonomy["factors"].keys))}
        chosen["factors"] = [{"key": key, "polarity": sign} for key, sign in signs.items() if sign in taxonomy["factors"].polarities]
    if "sentiment" in taxonomy and form.get("sentiment") in {str(level) for level in LEVEL_NAMES}:
        chosen["sentiment"] = int(form["sentiment"])
    if given["needs_review"] is not None:
        chosen["needs_review"] = bool(form.get("needs_review"))
    return chosen


def crowded(labels: Json, taxonomy: Taxonomy) -> str:
    """The error for a set with too many labels; blank if there is none."""
    for name in (name for name in MULTI if name in taxonomy):
        most = taxonomy[name].max_labels
        if most is not None and len(labels[name]) > most:
            return f"{TITLES[name]}: at most {most} can be chosen. Nothing was stored."
    return ""
