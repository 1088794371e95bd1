"""Texts of records in, stored as indexed words; terms in, the records that contain them out.

Both databases find the same: `reporting.wording` defines words, and what PostgreSQL cannot hold for one text (words beyond
the first 16,000, or more often than 255 times) counts on neither.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, select, text

from vocservice.reporting.packing import key_of
from vocservice.reporting.wording import GAP, NOWHERE, Term, words_of
from vocservice.store.database import POSTGRESQL, SQLITE, Database
from vocservice.store.rows import upsert_changed
from vocservice.store.schema import facts, said
from vocservice.store.searching import INDEX, LEFT

MOST_WORDS, MOST_TIMES, MOST_CHARACTERS = 16_000, 255, 200_000
_PAGES = 500  # pages of SQLite's index, 4 KB each, merged in one transaction
_ON_SQLITE = text(
    f"SELECT said.key FROM {INDEX} JOIN said ON said.number = {INDEX}.rowid "  # noqa: S608 - our own name
    f"WHERE {INDEX} MATCH :terms AND said.workspace_id = :of"
)
_ON_POSTGRESQL = text("SELECT key FROM said WHERE words @@ CAST(:terms AS tsquery) AND workspace_id = :of")
_MERGE = text(f"INSERT INTO {INDEX} ({INDEX}, rank) VALUES ('merge', :pages)")  # noqa: S608 - our own name
_CHANGES = text("SELECT total_changes()")


def keep(connection: Connection, workspace_id: str, texts: Mapping[str, str]) -> None:
    """Store the words of each record's text, replacing earlier ones; records without words are deleted."""
    is_postgresql = connection.dialect.name == POSTGRESQL
    spoken = {record_id: told for record_id, found in texts.items() if set(told := _kept(found)) - {GAP}}
    rows = [
        {"record_id": name, "workspace_id": workspace_id, "key": key_of(name), "words": _vector(told) if is_postgresql else " ".join(told)}
        for name, told in spoken.items()
    ]
    if silent := [record_id for record_id in texts if record_id not in spoken]:
        connection.execute(delete(said).where(said.c.record_id.in_(silent)))
    upsert_changed(connection, said, rows, key="record_id", changed="words")


def keys(connection: Connection, workspace_id: str, terms: Sequence[Term], *, are_all: bool) -> list[int]:
    """The records that contain all or any of the terms, by the number of their id (`packing.key_of`)."""
    if NOWHERE in terms:
        return []
    if connection.dialect.name == POSTGRESQL:
        found, joint = _ON_POSTGRESQL, " & " if are_all else " | "
        asked = joint.join(map(_postgresql, terms))
    else:
        found, joint = _ON_SQLITE, " AND " if are_all else " OR "
        asked = joint.join(map(_sqlite, terms))
    return list(connection.scalars(found, {"terms": asked, "of": workspace_id}))


def forget(database: Database) -> bool:
    """Merge SQLite's index after deletions, so that its pages no longer hold deleted words; return whether it was needed.

    It uses many small transactions, because the whole index is rewritten; if interrupted, it starts over the next time.

    Raises:
        StoreError: the database is busy or gone.
    """
    if database.kind != SQLITE:
        return False
    with database.read() as connection:
        left = connection.scalar(select(facts.c.value).where(facts.c.name == LEFT))
    if left is None:
        return False
    merged = _merged(database, -_PAGES)  # all segments become one, without deleted words
    while merged:
        database.give_way()
        merged = _merged(database, _PAGES)
    with database.write() as connection:
        connection.execute(delete(facts).where(facts.c.name == LEFT, facts.c.value == left))
    database.overwrite_log()
    return True


def _merged(database: Database, pages: int) -> bool:
    """Whether there was something to merge."""
    with database.write() as connection:
        before = connection.scalar(_CHANGES)
        connection.execute(_MERGE, {"pages": pages})
        return int(connection.scalar(_CHANGES) or 0) - int(before or 0) >= 2  # one counts for the statement itself


def _kept(found: str) -> list[str]:
    """The indexed words of a text, with positions."""
    times, room, kept = Counter[str](), MOST_CHARACTERS, list[str]()
    for word in words_of(found)[:MOST_WORDS]:
        times[word] += 1
        room -= len(word)
        if room < 0:
            break
        kept.append(word if times[word] <= MOST_TIMES else GAP)
    return kept


def _vector(words: Sequence[str]) -> str:
    """In PostgreSQL `tsvector` syntax; words contain neither quotes nor backslashes."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for place, word in enumerate(words, 1):
        if word != GAP:
            places[word].append(str(place))
    return " ".join(f"'{word}':{','.join(at)}" for word, at in places.items())


def _sqlite(term: Term) -> str:
    return f'"{" ".join(term.words)}"{" *" if term.is_beginning else ""}'


def _postgresql(term: Term) -> str:
    phrase = " <-> ".join(f"'{word}'" for word in term.words)
    return f"({phrase}:*)" if term.is_beginning else f"({phrase})"
