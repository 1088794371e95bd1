"""What takes time and decides no test, made cheap: the work of a password's hash, waiting for a disk, templates and routes compiled
once more, looking for garbage among what was imported.

Each of a thousand tests has an application and a store of its own. A killed process loses nothing that it wrote, whether or not the disk
was waited for: that is for a loss of power, which no test makes.
"""

import gc
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

from vocservice.store import database
from vocservice.store.accounts import users

OWN_HASHER, OWN_PRAGMAS = users.PasswordHasher, database._PRAGMAS


class Compiled(BytecodeCache):
    """Templates that one application of this process has compiled, for the next."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


def remembered(compiled: Callable[..., Any]) -> Callable[..., Any]:
    """What werkzeug compiles of a route to make its URLs, once for all applications: it depends on the route alone."""
    kept: dict[object, Any] = {}

    def compile_builder(rule: Rule, append_unknown: bool = True) -> Any:
        key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in kept:
            kept[key] = compiled(rule, append_unknown)
        return kept[key]

    return compile_builder


def set_aside() -> None:
    """What was imported stays to the end: the garbage collector need not go through it again and again."""
    gc.collect()
    gc.freeze()


def make_cheap(patch: pytest.MonkeyPatch) -> None:
    """For the whole session."""
    patch.setattr(users, "PasswordHasher", lambda: OWN_HASHER(time_cost=1, memory_cost=64, parallelism=1))
    patch.setattr(database, "_PRAGMAS", (*OWN_PRAGMAS, "synchronous=OFF"))
    patch.setattr(Rule, "_compile_builder", remembered(Rule._compile_builder))
    patch.setitem(Flask.jinja_options, "bytecode_cache", Compiled())
