"""Tests of `reporting.clusters`, `terms`, `themes`, `emerging` and `ranks`: groups, their names, who is behind them, what grows."""

from datetime import date

import numpy as np
import pytest

from vocservice.reporting import wording
from vocservice.reporting.clusters import clustered, spread_out, unit
from vocservice.reporting.emerging import Period, emerging
from vocservice.reporting.quotes import Piece, Quote
from vocservice.reporting.ranks import by_words, fused
from vocservice.reporting.terms import frequency_of, named, term_rows, terms_of, usual
from vocservice.reporting.themes import Said, matrix_of, themes_of

PARKING, NOISE, COFFEE = "The parking lot was full again", "Loud noise from the street", "Weak coffee and stale coffee beans"
WIDTH = 16


def vector(kind: int, number: int) -> bytes:
    """A vector near to the axis of its kind."""
    draw = np.random.default_rng(1000 * kind + number)
    return (np.eye(WIDTH)[kind] * 100 + draw.normal(0, 8, WIDTH)).astype(np.int8).tobytes()


def said(text: str, kind: int, count: int, *, customers: int = 1000, level: int = -1, start: int = 0, by: bool = True) -> list[Said]:
    """So many records of one kind, of so many customers."""
    return [
        Said(
            f"{kind}-{number}",
            text,
            f"c{kind}-{number % customers}",
            level,
            Quote(f"{kind}-{number}", (Piece(f"{text} {number}", False),)),
            vector(kind, number) if by else b"",
        )
        for number in range(start, start + count)
    ]


def test_groups_that_stand_apart_are_found_the_same_each_time() -> None:
    rows = spread_out(matrix_of([vector(kind, number) for kind in range(3) for number in range(20)]))
    first, second = (clustered(rows, least=5, most=8) for _ in range(2))
    assert np.array_equal(first.groups, second.groups)
    assert [len(set(first.groups[at : at + 20])) for at in (0, 20, 40)] == [1, 1, 1]
    assert len(set(first.groups[::20])) == 3


@pytest.mark.parametrize("count", [0, 1, 5, 9])
def test_too_few_rows_are_one_group(count: int) -> None:
    rows = matrix_of([vector(0, number) for number in range(count)]) if count else np.zeros((0, WIDTH), np.float32)
    found = clustered(rows, least=5, most=8)
    assert (found.groups.tolist(), len(found.centres), found.silhouette) == ([0] * count, 1, 0.0)


def test_equal_rows_are_one_group() -> None:
    rows = unit(np.ones((40, 4), np.float32))
    assert set(clustered(rows, least=5, most=8).groups) == {0}


def test_terms_are_words_and_pairs_without_what_was_redacted() -> None:
    assert terms_of("The Parking lot of [NAME], 24 hours; don't") == {"parking", "lot", "parking lot", "hours"}
    assert terms_of("it was") == set()


def test_rows_of_words_hold_shared_terms_only() -> None:
    texts = [terms_of("red car"), terms_of("red bus"), terms_of("")]
    rows = term_rows(texts, frequency_of(texts))
    assert rows.shape == (3, 1)
    assert rows.ravel().tolist() == [1.0, 1.0, 0.0]
    assert term_rows([], {}).shape == (0, 0)


def test_a_name_needs_as_many_customers_as_a_theme() -> None:
    texts = [terms_of("parking full")] * 6 + [terms_of("parking of Zanzibar")] * 2 + [terms_of("coffee")] * 6
    groups, customers = np.array([0] * 8 + [1] * 6), np.arange(14)
    assert named(texts, groups, customers, frequency_of(texts), group=0, least=5) == ("parking full",)
    assert named(texts, groups, np.zeros(14, np.int64), frequency_of(texts), group=0, least=2) == ()


def test_a_word_that_all_say_names_one_theme_only_where_there_is_one() -> None:
    texts = [terms_of("it crashed")] * 12
    assert named(texts, np.repeat([0, 1], 6), np.arange(12), frequency_of(texts), group=0, least=5) == ()
    assert named(texts, np.zeros(12, np.int64), np.arange(12), frequency_of(texts), group=0, least=5) == ("crashed",)


def test_without_a_word_of_its_own_a_theme_tells_the_words_that_most_use_and_never_those_of_one_customer() -> None:
    texts = [terms_of("it crashed")] * 3 + [terms_of("slow queue")] * 2 + [terms_of("queue of Zanzibar")]
    groups = np.zeros(6, np.int64)
    assert usual(texts, groups, np.arange(6), group=0) == ("slow queue", "crashed")
    assert usual(texts, groups, np.zeros(6, np.int64), group=0) == ()
    assert usual([terms_of("it was")] * 6, groups, np.arange(6), group=0) == ()


@pytest.mark.parametrize(("shared", "terms", "usual"), [(9, ("crashed",), ()), (4, (), ("crashed",)), (1, (), ())])
def test_a_theme_falls_back_to_its_usual_words(shared: int, terms: tuple[str, ...], usual: tuple[str, ...]) -> None:
    words = ["It crashed" if number < shared else "Nor was it" for number in range(9)]
    records = [Said(f"r{number}", text, f"c{number}", 0, None, vector(0, number)) for number, text in enumerate(words)]
    (theme,) = themes_of(records, least=5).themes
    assert (theme.terms, theme.usual) == (terms, usual)


@pytest.mark.parametrize("by", [True, False], ids=["meaning", "words"])
def test_themes_are_named_by_their_own_words_with_share_mood_and_quotes(by: bool) -> None:
    found = themes_of([*said(PARKING, 0, 30, by=by), *said(NOISE, 1, 20, level=1, by=by), *said(COFFEE, 2, 10, by=by)], least=5)
    assert (found.by, found.records, found.left_out, found.other) == ("meaning" if by else "words", 60, 0, 0)
    assert [theme.records for theme in found.themes] == [30, 20, 10]
    assert ["parking" in found.themes[0].terms[0], "noise" in " ".join(found.themes[1].terms)] == [True, True]
    assert (found.themes[0].share.value, found.themes[0].sentiment.value, found.themes[1].sentiment.value) == (0.5, -1.0, 1.0)
    assert all(len(theme.quotes) == 3 for theme in found.themes)


def test_a_theme_of_too_few_customers_is_never_shown() -> None:
    found = themes_of([*said(PARKING, 0, 30), *said(NOISE, 1, 30, customers=4)], least=5)
    assert [theme.terms[0] for theme in found.themes if "noise" in str(theme)] == []
    assert (sum(theme.records for theme in found.themes) + found.other, found.other >= 30) == (60, True)


@pytest.mark.parametrize(("count", "customers", "shown"), [(0, 9, 0), (1, 9, 0), (4, 9, 0), (5, 9, 1), (40, 1, 0), (5, 4, 0)])
def test_a_tiny_cell_shows_a_theme_only_where_enough_customers_speak(count: int, customers: int, shown: int) -> None:
    found = themes_of(said(PARKING, 0, count, customers=customers), least=5)
    assert (len(found.themes), found.records) == (shown, count)


def test_a_customer_is_quoted_once_and_no_text_twice() -> None:
    quote = Quote("x", (Piece("The same words", False),))
    same = [Said(f"r{number}", PARKING, f"c{number}", 0, quote, vector(0, number)) for number in range(9)]
    (theme,) = themes_of(same, least=5).themes
    assert len(theme.quotes) == 1


def test_records_without_a_vector_are_left_out_where_most_have_one() -> None:
    found = themes_of([*said(PARKING, 0, 30), *said(NOISE, 1, 10, by=False)], least=5)
    assert (found.by, found.records, found.left_out) == ("meaning", 30, 10)


def period(records: int, *parts: list[Said], month: int) -> Period:
    held = [one for part in parts for one in part]
    return Period(date(2026, month, 1), date(2026, month, 28), records, len(held), tuple(held))


def test_a_theme_that_grows_is_told_with_its_test() -> None:
    before = period(1000, said(NOISE, 1, 30), month=1)
    after = period(1000, said(NOISE, 1, 30, start=30), said(PARKING, 0, 40), month=2)
    found = emerging(before, after, least=5)
    first = found.themes[0]
    assert (first.hits_before, first.hits_after, first.is_growing, first.is_new) == (0, 40, True, True)
    assert first.q is not None and first.q < 0.001 and "parking" in first.terms[0]
    assert not any(theme.is_growing for theme in found.themes[1:])
    assert (found.n_before, found.unexplained_after, found.too_few) == (1000, 70, False)


def test_a_record_of_both_periods_counts_once_in_either() -> None:
    """The same days twice: nothing grows, and nothing is new."""
    held = said(NOISE, 1, 30), said(PARKING, 0, 40)
    found = emerging(period(1000, *held, month=1), period(1000, *held, month=2), least=5)
    assert sorted((theme.hits_before, theme.hits_after) for theme in found.themes) == [(30, 30), (40, 40)]
    assert (found.hidden, [theme.is_new or theme.is_growing for theme in found.themes]) == (0, [False, False])


def test_a_theme_that_one_customer_brings_is_not_new() -> None:
    after = period(1000, said(NOISE, 1, 30, start=30), said(PARKING, 0, 40, customers=4), month=2)
    assert not any(theme.is_growing for theme in emerging(period(1000, said(NOISE, 1, 30), month=1), after, least=5).themes)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 3), (3, 0), (3, 3)])
def test_of_few_records_nothing_is_said(before: int, after: int) -> None:
    found = emerging(period(before, said(NOISE, 1, before), month=1), period(after, said(PARKING, 0, after), month=2), least=5)
    assert (found.themes, found.too_few) == ((), True)


def test_a_period_without_records_is_no_proof_of_growth() -> None:
    found = emerging(period(0, month=1), period(500, said(PARKING, 0, 40), month=2), least=5)
    assert [(theme.q, theme.is_growing) for theme in found.themes] == [(None, False)] * len(found.themes)


def test_only_some_of_a_large_period_stand_for_all() -> None:
    part = Period(date(2026, 1, 1), date(2026, 1, 28), 1000, 400, tuple(said(NOISE, 1, 100)))
    assert part.standing_for(100) == 250


def test_rankings_are_merged_by_rank() -> None:
    assert fused(["a", "b", "c"], ["c", "a"]) == ["a", "c", "b"]
    assert fused(["a"]) == ["a"]
    assert fused() == []


def test_words_said_more_often_for_the_length_come_first() -> None:
    texts = {"long": "refund " + "and other things " * 20, "twice": "Refund, refund now", "once": "a refund now please"}
    said = {name: wording.words_of(text) for name, text in texts.items()}
    assert by_words(said, wording.terms_of("refund -late")) == by_words(said, wording.terms_of("refun*")) == ["twice", "once", "long"]
