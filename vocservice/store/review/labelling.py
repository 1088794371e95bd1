"""A taxonomy in, the labelling interfaces for Label Studio and Argilla out, matching the files of `exchange`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

import orjson

from vocservice.store.review.exchange import CALL, CALLED, MULTI, SINGLE
from vocservice.taxonomy import LabelDefinition, LabelSet, Taxonomy, has_place

_MOST_TOLD = 1000  # maximum length of a description in Argilla
_CALLED_MEANS = "whether a support lead should read it"
_SIGNS: Mapping[str, str] = {"+": "positive", "-": "negative", "~": "mixed"}


@dataclass(frozen=True, slots=True)
class _Option:
    value: str
    words: str
    meaning: str


@dataclass(frozen=True, slots=True)
class _Question:
    """A question on every text, or on transcripts only: several options, or one."""

    name: str
    is_multi: bool
    is_of_transcripts: bool
    options: tuple[_Option, ...]

    @property
    def title(self) -> str:
        return self.name.replace("_", " ").capitalize() + (" (of transcripts)" if self.is_of_transcripts else "")


def label_studio_config(taxonomy: Taxonomy) -> bytes:
    """The labelling config of a project, as XML."""
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Text", name="text", value="$text")
    for question in _questions(taxonomy):
        ElementTree.SubElement(view, "Header", value=question.title)
        choice = "multiple" if question.is_multi else "single"
        asked = ElementTree.SubElement(view, "Choices", name=question.name, toName="text", choice=choice, showInline="true")
        for option in question.options:
            ElementTree.SubElement(asked, "Choice", value=option.value, hint=option.meaning)
    ElementTree.indent(view)
    written: bytes = ElementTree.tostring(view, encoding="utf-8")
    return written + b"\n"


def argilla_settings(taxonomy: Taxonomy) -> bytes:
    """The settings of a dataset, as the JSON that `Settings.from_json` reads."""
    questions = [
        {
            "name": question.name,
            "title": question.title,
            "required": not (question.is_multi or question.is_of_transcripts),
            "settings": {
                "type": "multi_label_selection" if question.is_multi else "label_selection",
                "options": [{"value": one.value, "text": one.words, "description": one.meaning[:_MOST_TOLD]} for one in question.options],
            },
        }
        for question in _questions(taxonomy)
    ]
    text = {"name": "text", "title": "Text", "required": True, "settings": {"type": "text", "use_markdown": False}}
    whole = {"fields": [text], "questions": questions, "vectors": [], "metadata": [], "allow_extra_metadata": True}
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2) + b"\n"


CONFIGS: Mapping[str, Callable[[Taxonomy], bytes]] = {"label-studio": label_studio_config, "argilla": argilla_settings}


def _questions(taxonomy: Taxonomy) -> Iterator[_Question]:
    named = [taxonomy[name] for name in (*MULTI, *SINGLE) if name in taxonomy]
    sets = [held for held in named if held.of == "transcript" or has_place(held)]
    for held in sets:
        options = tuple(option for label in held.labels for option in _options(held, label))
        yield _Question(held.name, held.name in MULTI, held.of == "transcript", options)
    if any(held.of == "transcript" for held in sets):
        yield _Question(CALL, False, True, tuple(_Option(key, key.capitalize(), _CALLED_MEANS) for key in CALLED))


def _options(held: LabelSet, label: LabelDefinition) -> Iterator[_Option]:
    if not held.polarities:
        yield _Option(label.key, label.label, label.definition)
    yield from (_Option(f"{label.key}{sign}", f"{label.label}, {_SIGNS[sign]}", label.definition) for sign in held.polarities)
