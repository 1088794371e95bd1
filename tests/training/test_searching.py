"""Tests of the measurement of search: its figures by hand, its judged queries, and that meaning finds what words do not."""

import math

import numpy as np
import pytest

from training.searching import KINDS, Query, Texts, any_words, measure, read_queries, scored, table, ways_of
from training.written import read_everyday
from vocservice.api import Analyser

TEXTS = Texts(
    {"a": ["the", "parcel", "came", "late"], "b": ["late", "again"], "c": ["rude", "staff"]},
    np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]),
)


def test_the_figures_of_a_ranking() -> None:
    query = Query("late", "other words", frozenset("ab"))
    assert scored(query, ["a", "b", "c"]) == (1.0, 1.0, 0.0)
    assert scored(query, ["c", "a"]) == (pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3))), 0.5, 0.0)
    assert scored(query, []) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("way", "query", "found"),
    [
        ("all words", "parcel late", ["a"]),
        ("all words", "parcel rude", []),
        ("any of the words", "parcel late", ["a", "b"]),
        ("any of the words", "zebra", []),
        ("meaning", "impolite", ["c", "b", "a"]),
        ("all words and meaning", "late", ["b", "a", "c"]),
    ],
)
def test_each_way_ranks_texts(way: str, query: str, found: list[str]) -> None:
    asked = {"impolite": np.array([0.0, 1.0]), "late": np.array([0.6, 0.8])}
    assert list(ways_of(TEXTS, asked)[way](query)) == found


def test_a_word_that_few_texts_have_weighs_more() -> None:
    assert any_words(TEXTS, "late staff")[0] == "c"


def test_queries_stand_once_and_name_everyday_texts() -> None:
    queries, ids = read_queries(), {example.id for example in read_everyday()}
    assert len({query.query for query in queries}) == len(queries) >= 30
    assert all(len(query.relevant) >= 2 and query.relevant <= ids for query in queries)
    assert {query.kind for query in queries} == set(KINDS)


def test_meaning_finds_what_is_said_in_other_words(real: Analyser) -> None:
    figures = measure(real)
    assert figures["texts"] == len(read_everyday())
    assert figures["gain"]["other words"].low > 0.1
    assert figures["ways"]["all words and meaning"]["their words"]["ndcg"].value > figures["ways"]["meaning"]["their words"]["ndcg"].value
    assert table(figures).count("| meaning |") == len(KINDS)
