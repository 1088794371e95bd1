"""A database dialect in, triggers out that refuse to change, replace or delete rows of the audit log.

Anyone who may alter tables can drop them; the hash chain then shows changes (`audit.verify`).
"""

from collections.abc import Iterator

SAID = "the audit log is append-only"
_EVENTS = ("UPDATE", "DELETE")
_FUNCTION = "audit_append_only"
_REPLACE, _TRUNCATE = "audit_no_replace", "audit_no_truncate"


def made(dialect: str) -> Iterator[str]:
    """The statements that create the triggers; idempotent."""
    if dialect != "sqlite":
        yield f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{SAID}'; END $$"
    for event in _EVENTS:
        name = f"audit_no_{event.lower()}"
        if dialect == "sqlite":
            yield f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {event} ON audit BEGIN SELECT RAISE(ABORT, '{SAID}'); END"
        else:
            yield f"DROP TRIGGER IF EXISTS {name} ON audit"
            yield f"CREATE TRIGGER {name} BEFORE {event} ON audit FOR EACH ROW EXECUTE FUNCTION {_FUNCTION}()"
    if dialect == "sqlite":  # REPLACE deletes without a trigger
        is_there = "EXISTS (SELECT 1 FROM audit WHERE number = NEW.number OR hash = NEW.hash)"
        yield f"CREATE TRIGGER IF NOT EXISTS {_REPLACE} BEFORE INSERT ON audit WHEN {is_there} BEGIN SELECT RAISE(ABORT, '{SAID}'); END"
    else:
        yield f"DROP TRIGGER IF EXISTS {_TRUNCATE} ON audit"
        yield f"CREATE TRIGGER {_TRUNCATE} BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()"


def unmade(dialect: str) -> Iterator[str]:
    """The statements that drop them, if they exist."""
    if dialect == "sqlite":
        yield from (f"DROP TRIGGER IF EXISTS {name}" for name in (*(f"audit_no_{event.lower()}" for event in _EVENTS), _REPLACE))
    else:
        yield f"DROP FUNCTION IF EXISTS {_FUNCTION}() CASCADE"
