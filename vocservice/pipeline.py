"""Raw records in, analyses out: the only place that knows the order of the steps.

clean (normalise, redact) -> language -> segment -> score (encode, heads, calibrate) -> assemble -> rules. A record that cannot
be processed comes out rejected in its place; identical texts of a chunk are scored once.
"""

import logging
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vocservice.assemble import assemble
from vocservice.chunks import chunked
from vocservice.errors import RecordError, VocError
from vocservice.inference.engine import Engine, Scored
from vocservice.interpreter import under_load
from vocservice.overlap import Turns, overlapped
from vocservice.records import RawTurn, RawVerbatim, Redaction, Rejected, Result, Segment, Turn, Verbatim, text_of
from vocservice.rules.ruleset import Rule
from vocservice.rules.step import apply_rules
from vocservice.text.clean import Clean, clean, clean_question
from vocservice.text.language import identify
from vocservice.text.redact import RedactionRules
from vocservice.text.segment import segments_of
from vocservice.turns import NO_TEXT, NO_TURN, too_many

log = logging.getLogger("vocservice.pipeline")

EncoderTurn = AbstractContextManager[object] | None

CHUNK = 256
MAX_CHARACTERS = 100_000
SERVED = frozenset({"en", "und"})


@dataclass(frozen=True, slots=True)
class Ready:
    """A verbatim ready for scoring, and its record."""

    verbatim: Verbatim
    segments: tuple[Segment, ...]
    record: RawVerbatim

    @property
    def content(self) -> tuple[object, ...]:
        """The content that determines scores: records with equal content share one forward pass."""
        turns = tuple((turn.speaker, turn.text) for turn in self.verbatim.turns)
        return turns, self.verbatim.is_transcript, self.verbatim.channel, self.verbatim.question


class Pipeline:
    """The steps around one engine; `at_once` chunks are processed concurrently if the caller allows reading ahead."""

    def __init__(
        self,
        engine: Engine,
        *,
        redaction: RedactionRules,
        rules: Sequence[Rule] = (),
        chunk: int = CHUNK,
        max_characters: int = MAX_CHARACTERS,
        at_once: int = 1,
    ):
        self.engine, self._rules, self._at_once = engine, rules, at_once
        self._redaction, self._chunk, self._max_characters = redaction, chunk, max_characters

    def analyse(self, records: Iterable[RawVerbatim | Rejected], *, ahead: bool = False) -> Iterator[Result]:
        """Analyse a stream in constant memory, in order, one result per record.

        Args:
            records: what to analyse.
            ahead: whether some further chunks may be read before results are yielded; then texts are cleaned and results
                assembled while others are in the encoder. The results are the same.
        """
        prepared = ([self._prepare(record) for record in chunk] for chunk in chunked(records, self._chunk))
        if not ahead:
            yield from self._analyse_each(prepared)
            return
        with under_load():
            yield from self._analyse_overlapped(prepared) if self._at_once > 1 else self._analyse_each(prepared)

    def _analyse_each(self, chunks: Iterator[list[Ready | Rejected]]) -> Iterator[Result]:
        for entries in chunks:
            yield from self._analyse_prepared(entries)

    def _analyse_overlapped(self, chunks: Iterator[list[Ready | Rejected]]) -> Iterator[Result]:
        """Records are prepared in the caller's thread, so that those of the first chunk reach the encoder soonest."""
        turns = Turns()
        try:
            yield from overlapped(partial(self._analyse_beside, turns), chunks, at_once=self._at_once)
        finally:
            turns.abandon()

    def _analyse_beside(self, turn: EncoderTurn, entries: Sequence[Ready | Rejected]) -> list[Result]:
        return list(self._analyse_prepared(entries, turn))

    def _analyse_prepared(self, entries: Sequence[Ready | Rejected], turn: EncoderTurn = None) -> Iterator[Result]:
        unique = {entry.content: entry for entry in entries if isinstance(entry, Ready)}
        scored = self._score(list(unique.values()), turn)
        by_content = dict(zip(unique, scored, strict=True))
        for entry in entries:
            if isinstance(entry, Rejected):
                yield entry
                continue
            outcome = by_content[entry.content]
            yield _rejected(entry.verbatim, outcome) if isinstance(outcome, VocError) else self._assemble(entry, outcome)

    def _assemble(self, entry: Ready, scored: Scored) -> Result:
        try:
            return apply_rules(self._rules, assemble(entry.verbatim, scored, self.engine.bundle), entry.record)
        except Exception as error:
            return _rejected(entry.verbatim, _failure(error, "assembling"))

    def _score(self, entries: list[Ready], turn: EncoderTurn) -> list[Scored | VocError]:
        """Score a chunk; if that fails, score each record alone, so that one bad record does not affect others."""
        if not entries:
            return []
        try:
            return list(self.engine.score([e.verbatim for e in entries], [e.segments for e in entries], turn=turn))
        except Exception as error:
            if len(entries) == 1:
                return [_failure(error, "scoring")]
            return [result for entry in entries for result in self._score([entry], turn)]

    def _prepare(self, record: RawVerbatim | Rejected) -> Ready | Rejected:
        if isinstance(record, Rejected):
            return record
        try:
            verbatim = prepare(record, redaction=self._redaction, max_characters=self._max_characters)
            return Ready(verbatim, tuple(segments_of(verbatim)), record)
        except RecordError as error:
            return _rejected(record, error)
        except Exception as error:
            return _rejected(record, _failure(error, "preparing"))


def prepare(record: RawVerbatim, *, redaction: RedactionRules, max_characters: int = MAX_CHARACTERS) -> Verbatim:
    """Clean a record and identify its language.

    Raises:
        RecordError: nothing to read (`empty_text`), too much (`text_too_long`), or not English (`unsupported_language`).
    """
    raw_turns = record.turns or (RawTurn("customer", record.text or ""),)
    names = tuple({name for name in (record.author, *(turn.author for turn in raw_turns)) if name})
    _check_size(raw_turns, names, max_characters)
    if len(record.question or "") > max_characters:
        raise RecordError(f"the question has more than {max_characters} characters; shorten it", code="text_too_long")
    cleaned = [clean(turn.text, rules=redaction, known_names=names) for turn in raw_turns]
    turns = tuple(Turn(raw.speaker, done.text, raw.at, raw.author) for raw, done in zip(raw_turns, cleaned, strict=True))
    text = text_of(turns)
    if not text.strip():
        raise RecordError(NO_TURN if record.turns else NO_TEXT, code="empty_text")
    language = identify(text).code
    if language not in SERVED:
        raise RecordError(f"the text is in another language ({language}); English is served", code="unsupported_language")
    return Verbatim(
        id=record.id,
        turns=turns,
        is_transcript=bool(record.turns),
        language=language,
        redactions=tuple(_redactions(cleaned, is_transcript=bool(record.turns))),
        warnings=tuple(sorted({*record.warnings, *(warning for done in cleaned for warning in done.warnings)})),
        channel=record.channel,
        question=clean_question(record.question, redaction),
        row=record.row,
    )


def _check_size(turns: Sequence[RawTurn], names: Sequence[str], max_characters: int) -> None:
    """Each author counts once, because the name is searched for in every turn.

    Raises:
        RecordError: `text_too_long`.
    """
    size = sum(len(turn.text) for turn in turns) + sum(map(len, names))
    if size > max_characters:
        raise RecordError(f"the text has {size} characters; at most {max_characters} are read: split it", code="text_too_long")
    if told := too_many(turns):
        raise RecordError(told, code="text_too_long")


def _redactions(cleaned: Sequence[Clean], *, is_transcript: bool) -> Iterator[Redaction]:
    for index, done in enumerate(cleaned):
        for span in done.redactions:
            yield Redaction(span.kind, span.start, span.end, index if is_transcript else None)


def _rejected(record: RawVerbatim | Verbatim, error: VocError) -> Rejected:
    return Rejected(record.id, error.code, error.message, record.row)


def _failure(error: Exception, step: str) -> VocError:
    """The error for one record; only its type and location are logged, because a message could contain customer text."""
    if isinstance(error, VocError):
        return error
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.error("%s failed: %s in %s, line %s", step, type(error).__name__, Path(place.filename).name, place.lineno)
    return RecordError(f"{step} failed on this record ({type(error).__name__}); its neighbours went on", code="analysis_failed")
