"""A header and the caller's choices in, the columns of id, text and optional fields out."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from typing import Literal
from zoneinfo import ZoneInfo

from vocservice.errors import InputError
from vocservice.tables.cells import as_number, as_text
from vocservice.tables.header import Header, plain

ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": (
        "id", "responseid", "respondentid", "reviewid", "recordid", "commentid", "feedbackid", "verbatimid", "ticketid",
        "conversationid", "submissionid", "answerid", "uuid", "#", "reviewlink",
    ),
    "text": (
        "text", "comment", "verbatim", "reviewtext", "review", "feedback", "body", "answer", "comments", "reviewbody", "responsetext",
        "commenttext", "feedbacktext", "answertext", "customercomment", "freetext", "openendedresponse", "openended",
    ),
    "channel": ("channel",),
    "question": ("question",),
    "created_at": (
        "createdat", "created", "datecreated", "recordeddate", "submittedat", "submitdateutc", "reviewsubmitdateandtime", "timestamp",
        "date", "enddate",
    ),
    "language": ("language", "lang"),
    "subject": ("subject",),
    "score": ("score", "nps", "csat", "ces", "stars", "starrating", "rating"),
    "author": ("author", "authorname", "customername", "reviewername", "respondentname", "fullname"),
    "speaker": (
        "speaker", "speakerrole", "speakername", "role", "sender", "senderrole", "sendertype", "authorrole", "authortype", "participant",
        "participantrole",
    ),
    "at": ("at", "time", "timestamp", "sentat", "saidat", "messagetime", "turntime", "starttime", "starttimestamp", "createdat", "date"),
}  # fmt: skip
TURN_FIELDS = ("speaker", "at", "author")
CONVERSATION = (
    "conversationid", "conversation", "chatid", "chat", "callid", "threadid", "thread", "sessionid", "dialogueid", "dialogid",
    "transcriptid", "transcript", "contactid", "interactionid", "ticketid",
)  # fmt: skip
_OF_TEXTS = tuple(field for field in ALIASES if field not in ("speaker", "at"))
SCORE_KINDS: Mapping[str, str] = {"nps": "nps", "csat": "csat", "ces": "ces", "stars": "stars", "starrating": "stars"}
_TALKS = tuple(name for name in CONVERSATION if name.startswith(("conversation", "chat", "call", "dialog", "transcript")))
_PERSON = ("role", "sender", "participant")  # of other tables too: a respondent's job, an address
_WORDS = ("text", "body")
_SAID = ("message", "messagetext", "messagebody", "utterance", "content", "said", "turntext", "turn", "msg")
_LISTED_COLUMNS = 30
_LISTED_NAME = 40
_LISTED_WORDS = 6
Fault = Literal["text_unknown", "not_there", "conversation_unknown", "not_text"]
_DELIMITED = re.compile(r"[,;\t|]")  # a title row hides the delimiter of the header below
_QUESTION_TEXT = re.compile(r"^QID\d+_TEXT$")
_QUESTION_PART = re.compile(r"_TEXT$")


_FAULTS: Mapping[Fault, str] = {
    "text_unknown": "no column is known to hold the text; choose one {by}",
    "not_there": "the column chosen {by} is not there; choose another",
    "conversation_unknown": "each row is a turn; choose {by} the column that tells the conversations apart",
    "not_text": "the {field} column does not hold text; choose another {by}",
}


class ColumnsError(InputError):
    """Columns that cannot be used. The message calls the field by its key; a place that offers other means to choose says so (`told`).

    Attributes:
        fault: what is wrong.
        field: the field that needs another column.
        columns: those that are there.
        hint: more to know or to do; blank or after a semicolon.
        file: the file it is about, once that is known.
    """

    def __init__(self, fault: Fault, *, field: str, columns: tuple[str, ...], hint: str = "", file: str = ""):
        self.fault, self.field, self.columns, self.hint, self.file = fault, field, columns, hint, file
        super().__init__(self.told(f"for '{field}'"))

    def told(self, by: str) -> str:
        """The message for somebody who chooses a column by these means, such as `for 'Text'` or `with --text-column`."""
        fault = _FAULTS[self.fault].format(field=self.field, by=by)
        return f"{self.file and f'{self.file}: '}{fault}; its columns are {named(self.columns)}{self.hint}"

    def in_file(self, name: str) -> "ColumnsError":
        """The same of a file."""
        return ColumnsError(self.fault, field=self.field, columns=self.columns, hint=self.hint, file=name)

    def with_hint(self, hint: str) -> "ColumnsError":
        """The same with one more thing to know or to do."""
        return ColumnsError(self.fault, field=self.field, columns=self.columns, hint=f"{self.hint}{hint}", file=self.file)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a record's fields.

    Attributes:
        fields: field name to column index; `text` is always there.
        question: the question for every text, if the header gives it and no column does.
        score_kind: nps, csat, ces or stars, if the name of the score column says so.
        zone: the zone of `created_at` if the export declares one for naive times.
        candidates: every column that could have been the text column.
    """

    fields: Mapping[str, int]
    question: str | None = None
    score_kind: str | None = None
    zone: tzinfo | None = None
    candidates: tuple[int, ...] = ()


def choose_columns(header: Header, wanted: Mapping[str, str], *, below: Sequence[Sequence[object]] = ()) -> Columns:
    """Find the columns by the caller's names first, then by the names in use.

    Args:
        header: the table's header.
        wanted: field name to the caller's column name.
        below: the first rows below it; if a column is missing, they are searched for the real header below a title.

    Raises:
        ColumnsError: a named column is not there, or no text column is found.
    """
    elsewhere = partial(_if_no_header, header, below, wanted)
    fields = {field: _named(header, field, name, elsewhere) for field, name in wanted.items()}
    fields |= _of_turns(header, fields)
    candidates = tuple(dict.fromkeys((*(_said(header) if "speaker" in fields else ()), *_text_candidates(header))))
    if "text" not in fields:
        if not candidates:
            raise ColumnsError("text_unknown", field="text", columns=header.keys, hint=elsewhere())
        fields["text"] = candidates[0]
    for field in ALIASES if "speaker" in fields else _OF_TEXTS:
        if field not in fields and (index := _by_alias(header, field, taken=set(fields.values()))) is not None:
            fields[field] = index
    return Columns(fields, _question(header, fields), _score_kind(header, fields), _zone(header, fields), candidates)


def _of_turns(header: Header, fields: Mapping[str, int]) -> dict[str, int]:
    """Speaker, conversation and time columns of a table with one turn per row, detected by these columns; empty for other tables.

    Raises:
        ColumnsError: the caller named the speaker, and nothing names the conversation.
    """
    is_asked = "speaker" in fields
    speaker = fields.get("speaker", _by_alias(header, "speaker", taken=set(fields.values())))
    conversation = _conversation(header, fields, is_asked=is_asked)
    if speaker is None or (not is_asked and (conversation is None or not _speaks(header, speaker, conversation))):
        return {}
    if conversation is None:
        raise ColumnsError("conversation_unknown", field="id", columns=header.keys)
    found = {"speaker": speaker, "id": conversation}
    at = fields.get("at", _by_alias(header, "at", taken={*fields.values(), *found.values()}))
    return found if at is None else {**found, "at": at}


def _speaks(header: Header, speaker: int, conversation: int) -> bool:
    """Whether a column has the speaker; one called role or sender only beside a conversation and its texts."""
    plains = {plain(name) for name in header.names}
    is_talk = plain(header.names[conversation]) in _TALKS and not plains.isdisjoint((*_WORDS, *_SAID))
    return header.kind == "plain" and (is_talk or plain(header.names[speaker]) not in _PERSON)


def _said(header: Header) -> Iterator[int]:
    """Names of a turn's text column other than text."""
    plains = [plain(name) for name in header.names]
    return (plains.index(name) for name in (*_WORDS, *_SAID) if name in plains)


def _conversation(header: Header, fields: Mapping[str, int], *, is_asked: bool) -> int | None:
    """The column of the conversation's id: the caller's own, if named like one or the table is declared to hold turns."""
    plains = [plain(name) for name in header.names]
    if (own := fields.get("id")) is not None:
        return own if is_asked or plains[own] in CONVERSATION else None
    taken = set(fields.values())
    found = next((at for name in CONVERSATION if name in plains and (at := plains.index(name)) not in taken), None)
    return _by_alias(header, "id", taken=taken) if found is None and is_asked else found


def is_known_name(wanted: Mapping[str, str]) -> Callable[[str], bool]:
    """A test whether a header cell names an id or text column, or a requested one."""
    known = {*ALIASES["id"], *ALIASES["text"], *map(plain, wanted.values())}
    return lambda cell: plain(cell) in known


def _if_no_header(header: Header, below: Sequence[Sequence[object]], wanted: Mapping[str, str]) -> str:
    """The remedy if the first row seems not to be a header: it is below a title, or missing; else blank."""
    is_known = is_known_name(wanted)
    cells = (name for row in below for cell in row for name in _DELIMITED.split(as_text(cell)))
    if any(map(is_known, cells)):
        return "; if the header stands further down, delete the rows above it"
    if any(as_number(name) is not None for name in header.names):
        return "; if the first row is a record, put a row with the names of the columns above it"
    return ""


def named(keys: Sequence[str], *, noun: str = "column", most: int = _LISTED_COLUMNS) -> str:
    """Names of columns, or of what else the noun says, for a message; one that reads like an answer (a file without header) is given by
    its number only."""
    shown = [_shown(name, f"{noun} {number}") for number, name in enumerate(keys[:most], 1)]
    more = len(keys) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _shown(name: str, place: str) -> str:
    is_name = name.isprintable() and len(name) <= _LISTED_NAME and len(name.split()) <= _LISTED_WORDS
    return f"'{name}'" if is_name else f"({place}, a long name)"


def _named(header: Header, field: str, name: str, elsewhere: Callable[[], str]) -> int:
    for match in (name.__eq__, lambda other: plain(other) == plain(name)):
        for names in (header.keys, header.names, header.labels, tuple(str(item.get("ImportId", "")) for item in header.imports)):
            if (found := next((index for index, other in enumerate(names) if match(other)), None)) is not None:
                return found
    raise ColumnsError("not_there", field=field, columns=header.keys, hint=elsewhere())


def _text_candidates(header: Header) -> Iterator[int]:
    """Find a column by name, then by the second header row, then by Qualtrics' text entry suffix."""
    for names in (header.names, header.labels if header.kind == "surveymonkey" else ()):
        plains = [plain(name) for name in names]
        for alias in ALIASES["text"]:
            yield from (index for index, name in enumerate(plains) if name == alias)
    for pattern in (_QUESTION_TEXT, _QUESTION_PART):
        yield from (index for index, item in enumerate(header.imports) if pattern.search(str(item.get("ImportId", ""))))


def _by_alias(header: Header, field: str, *, taken: set[int]) -> int | None:
    for names in (header.names, header.labels if header.kind == "qualtrics" and header.rows == 2 else ()):
        plains = {plain(name): index for index, name in reversed(list(enumerate(names))) if index not in taken}
        for alias in ALIASES[field]:
            if alias in plains:
                return plains[alias]
    return None


def _question(header: Header, fields: Mapping[str, int]) -> str | None:
    """In a survey export the header of the text column is the question; in other tables only if it is phrased as one."""
    if "question" in fields or "speaker" in fields:
        return None
    names = header.labels if header.kind == "qualtrics" else header.names
    asked = " ".join(names[fields["text"]].split())
    return asked if asked and (header.kind != "plain" or asked.endswith("?")) else None


def _score_kind(header: Header, fields: Mapping[str, int]) -> str | None:
    return SCORE_KINDS.get(plain(header.names[fields["score"]])) if "score" in fields else None


def _zone(header: Header, fields: Mapping[str, int]) -> tzinfo | None:
    name = header.imports[fields["created_at"]].get("timeZone") if "created_at" in fields else None
    if not isinstance(name, str):
        return None
    try:
        return ZoneInfo("UTC" if name == "Z" else name)
    except (ValueError, OSError, KeyError):
        return None
