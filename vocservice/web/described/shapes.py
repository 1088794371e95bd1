"""Types of the code in, JSON schemas out: frozen records and pydantic models, with their docstrings as descriptions."""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib import import_module
from inspect import cleandoc
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from vocservice.records import Json
from vocservice.web.described.parts import Schema, ref

Names = Mapping[type, str]

_PLAIN: Mapping[object, Json] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    NoneType: {"type": "null"},
    Any: {},
}
_BOUNDS: Mapping[str, str] = {"ge": "minimum", "le": "maximum", "min_length": "minLength", "max_length": "maxLength"}
_WHOLE = frozenset({"type", "$ref", "anyOf", "oneOf", "enum", "const"})
_ATTRIBUTE = re.compile(r"^    (\w[\w, ]*): (.*(?:\n {8}.*)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Choices:
    """An enumeration, resolved when the document is built."""

    of: Callable[[], Iterable[Any]]
    about: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """An object with the fields of one or several types.

    Attributes:
        of: the types; one whose module imports numpy as `module:name`, so that it is loaded only when the document is built.
        about: its description; by default the first paragraph of the first type's docstring.
        only: the fields to include; by default all.
        without: fields to leave out.
        names: names of fields that differ from the attribute.
        more: additions by field, such as bounds; a schema with its own type replaces the derived one.
            Names that are not fields are further properties.
        optional: fields that may be missing.
        also: further keywords of the schema itself.
        is_shallow: nested records are described as plain objects.
    """

    of: tuple[type | str, ...]
    about: str | None = None
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Schema] = field(default_factory=dict)
    optional: tuple[str, ...] = ()
    also: Mapping[str, Schema] = field(default_factory=dict)
    is_shallow: bool = False


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    hint: Any
    default: Any = None
    is_required: bool = True


def names_of(schemas: Mapping[str, Schema]) -> Names:
    """The types with a named schema, the first one if several shapes are based on one."""
    found: dict[type, str] = {}
    for name, schema in schemas.items():
        if isinstance(schema, Shape) and len(schema.of) == 1:
            found.setdefault(_loaded(schema.of[0]), name)
    return found


def made(schema: Schema, names: Names) -> Any:
    """Resolve every class, shape and choice in a schema."""
    match schema:
        case Shape():
            return _object(schema, names)
        case Choices():
            return {"enum": list(schema.of())} | ({"description": schema.about} if schema.about else {})
        case type():
            return _schema(schema, names)
        case Mapping():
            return {key: made(value, names) for key, value in schema.items()}
        case list() | tuple():
            return [made(value, names) for value in schema]
    return schema


def _object(shape: Shape, names: Names) -> Json:
    kinds = [_loaded(kind) for kind in shape.of]
    fields = [one for kind in kinds for one in _fields(kind) if _is_told(one.name, shape)]
    properties = {shape.names.get(one.name, one.name): _property(one, names, shape) for one in fields}
    words = {name: text for kind in kinds for name, text in _attributes(kind).items() if name in properties}
    properties = {name: _with(schema, shape.more.get(name, {}), words.get(name), names) for name, schema in properties.items()}
    properties |= {name: made(schema, names) for name, schema in shape.more.items() if name not in properties}
    missing = {*shape.optional, *(one.name for one in fields if not one.is_required)}
    about = _summary(kinds[0]) if shape.about is None else shape.about
    found = {"type": "object", "properties": properties, "required": [name for name in properties if name not in missing]}
    return {**found, "additionalProperties": False, **({"description": about} if about else {}), **made(shape.also, names)}


def _is_told(name: str, shape: Shape) -> bool:
    return name in shape.only if shape.only else name not in shape.without


def _property(one: _Field, names: Names, shape: Shape) -> Json:
    default = {} if one.is_required or one.default in (None, "") else {"default": one.default}
    return {**_schema(one.hint, names, is_shallow=shape.is_shallow), **default}


def _with(schema: Json, more: Schema, words: str | None, names: Names) -> Json:
    """Combine an annotation with its additions."""
    said = made(more, names)
    about = {"description": words} if words else {}
    return {**about, **said} if _WHOLE & said.keys() else {**schema, **about, **said}


def _schema(hint: Any, names: Names, *, is_shallow: bool = False) -> Json:
    """The schema of an annotation."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return {**_schema(args[0], names, is_shallow=is_shallow), **_bounds(args[1:])}
    if origin is Literal:
        return {"enum": list(args)}
    parts = [_schema(part, names, is_shallow=is_shallow) for part in args if part is not ...]
    if origin in (Union, UnionType):
        return _union(parts)
    if origin in (tuple, list, Sequence):
        return {"type": "array", "items": parts[0], **({} if ... in args or origin is not tuple else _exactly(len(args)))}
    if origin in (dict, Mapping):
        return {"type": "object", **({"additionalProperties": parts[1]} if parts[1] else {})}
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    return _record(hint, names, is_shallow=is_shallow)


def _record(kind: type, names: Names, *, is_shallow: bool) -> Json:
    if is_shallow:
        return {"type": "object"}
    return dict(ref(names[kind])) if kind in names else _object(Shape((kind,), about=""), names)


def _union(parts: list[Json]) -> Json:
    """Merge a plain type and null into one schema with two types."""
    others = [part for part in parts if part != _PLAIN[NoneType]]
    if len(others) == 1 and len(parts) == 2 and "properties" not in others[0] and "type" in others[0]:
        return {**others[0], "type": [others[0]["type"], "null"]}
    return {"anyOf": parts}


def _exactly(count: int) -> Json:
    return {"minItems": count, "maxItems": count}


def _bounds(metadata: Iterable[Any]) -> Json:
    """Constraints from pydantic's `Field` in an annotation."""
    parts = [part for item in metadata for part in getattr(item, "metadata", (item,))]
    return {word: getattr(part, name) for part in parts for name, word in _BOUNDS.items() if hasattr(part, name)}


def _fields(kind: Any) -> Iterator[_Field]:
    hints = get_type_hints(kind, include_extras=True)
    if issubclass(kind, BaseModel):
        for name, info in kind.model_fields.items():
            yield _Field(name, hints[name], info.default, info.is_required())
        return
    for item in dataclasses.fields(kind):
        yield _Field(item.name, hints[item.name])


def _loaded(kind: type | str) -> Any:
    if isinstance(kind, type):
        return kind
    module, _, name = kind.partition(":")
    return getattr(import_module(module), name)


def _summary(kind: type) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(cleandoc(kind.__doc__ or "").partition("\n\n")[0].split())


def _attributes(kind: type) -> Mapping[str, str]:
    """Field descriptions from the `Attributes:` section of a docstring."""
    listed = cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2]
    return {name: " ".join(text.split()).rstrip(".") for named, text in _ATTRIBUTE.findall(listed) for name in named.split(", ")}
