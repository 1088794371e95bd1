"""A smaller vocabulary reads what it kept exactly as the base does, spells the rest, and knows our own tokens as one piece."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from training.settings import load_training_settings
from training.vocabulary import ADDED, SPECIAL, Vocabulary, shrink, shrink_embeddings
from vocservice.inference.windows import SPEAKER_TOKENS
from vocservice.paths import config_path
from vocservice.text.redact import RedactionRules

HOW = load_training_settings().vocabulary
TEXTS = ["The food was good, the crew was late!", "Food good; crew late; very cheap 😀😀", "price good 😀 pricing pricing ★"]


@pytest.fixture
def small(base_tokenizer: Tokenizer) -> Vocabulary:
    """Pruned to what TEXTS use twice; no piece is kept for its rank."""
    return shrink(base_tokenizer, TEXTS, HOW.model_copy(update={"always": 0}))


def pieces(tokenizer: Tokenizer, text: str, *, ends: bool = False) -> list[str]:
    return tokenizer.encode(text, add_special_tokens=ends).tokens


@pytest.mark.parametrize("text", ["the food was good", "crew LATE, food!", "Good crew; 12 late...", "", "q w é"])
def test_text_of_kept_pieces_reads_as_before(small: Vocabulary, base_tokenizer: Tokenizer, text: str) -> None:
    assert pieces(small.tokenizer, text, ends=True) == pieces(base_tokenizer, text, ends=True)
    assert pieces(small.tokenizer, text, ends=True)[0] == "[CLS]"


def test_unused_pieces_are_dropped_and_spelled(small: Vocabulary, base_tokenizer: Tokenizer) -> None:
    kept = small.tokenizer.get_vocab()
    assert {"zebra", "##xyz", "[unused0]", "hello"} & set(kept) == set()
    assert {"food", "crew", "##ing", *SPECIAL} <= set(kept)
    assert pieces(base_tokenizer, "zebra") == ["zebra"]
    assert pieces(small.tokenizer, "zebra") == ["z", "##e", "##b", "##r", "##a"]


def test_nothing_that_the_base_reads_becomes_unknown(small: Vocabulary, base_tokenizer: Tokenizer) -> None:
    text = "zebras hello there: refund? 007 café"
    assert "[UNK]" not in pieces(base_tokenizer, text)
    assert "[UNK]" not in pieces(small.tokenizer, text)


def test_frequent_pieces_of_the_base_stay_even_when_unused(base_tokenizer: Tokenizer) -> None:
    kept = shrink(base_tokenizer, [], HOW).tokenizer.get_vocab()
    assert {"zebra", "hello", "refund"} <= set(kept)
    assert "[unused0]" not in kept


@pytest.mark.parametrize("token", sorted(ADDED))
def test_placeholders_and_speakers_are_single_tokens(small: Vocabulary, base_tokenizer: Tokenizer, token: str) -> None:
    assert len(pieces(base_tokenizer, token)) > 1
    assert pieces(small.tokenizer, f"late{token} crew {token}.") == ["late", token, "crew", token, "."]


def test_every_kind_of_redaction_and_every_speaker_has_its_token() -> None:
    kinds = RedactionRules.load(config_path("redaction.toml")).kinds
    assert kinds
    assert {f"[{kind.upper()}]" for kind in kinds} | set(SPEAKER_TOKENS.values()) <= set(ADDED)


def test_emoji_used_often_get_a_token_and_rare_ones_none(small: Vocabulary, base_tokenizer: Tokenizer) -> None:
    assert pieces(base_tokenizer, "😀") == ["[UNK]"]
    assert pieces(small.tokenizer, "good😀 crew") == ["good", "😀", "crew"]
    assert "👍" not in small.tokenizer.get_vocab()


def test_ids_are_dense_and_each_has_its_sources(small: Vocabulary, base_tokenizer: Tokenizer) -> None:
    ids = small.tokenizer.get_vocab()
    assert sorted(ids.values()) == list(range(len(small.sources)))
    base = base_tokenizer.get_vocab()
    assert small.sources[ids["food"]] == (base["food"],)
    assert small.sources[ids["[CARD]"]] == tuple(base_tokenizer.encode("card number", add_special_tokens=False).ids)
    assert small.sources[ids["😀"]] == tuple(base_tokenizer.encode("grinning face", add_special_tokens=False).ids)
    assert all(small.sources)


def test_special_tokens_keep_their_place_in_the_template(small: Vocabulary) -> None:
    ids = small.tokenizer.get_vocab()
    assert small.tokenizer.encode("food").ids == [ids["[CLS]"], ids["food"], ids["[SEP]"]]


def test_nothing_is_cut_or_padded(base_tokenizer: Tokenizer) -> None:
    base_tokenizer.enable_truncation(4)
    base_tokenizer.enable_padding(length=9)
    made = shrink(base_tokenizer, TEXTS, HOW).tokenizer
    assert len(made.encode("food " * 50).ids) == 52


def test_new_embeddings_are_rows_and_means_of_the_base() -> None:
    weights = torch.arange(12.0).reshape(4, 3)
    made = shrink_embeddings(weights, [(2,), (0, 3), (1, 1)])
    assert made.tolist() == [[6, 7, 8], [4.5, 5.5, 6.5], [3, 4, 5]]


def test_a_pruned_tokenizer_survives_its_file(small: Vocabulary, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    small.tokenizer.save(str(path))
    text = "[HANDLE] the zebra was good 😀"
    assert Tokenizer.from_file(str(path)).encode(text).ids == small.tokenizer.encode(text).ids


def test_the_real_base_pruned_reads_ordinary_feedback_as_before(base_folder: Path) -> None:
    base = Tokenizer.from_file(str(base_folder / "tokenizer.json"))
    base.no_truncation()
    base.no_padding()
    texts = ["The delivery was late again and nobody answered my e-mails!", "Brilliant crew, comfortable seats, fair price."] * 2
    small = shrink(base, texts, HOW)
    assert len(small.sources) < base.get_vocab_size() / 3
    for text in [*texts, "The price was fair, but the crew was late."]:
        assert pieces(small.tokenizer, text, ends=True) == pieces(base, text, ends=True)
    assert len(pieces(base, "electroencephalography")) < len(pieces(small.tokenizer, "electroencephalography"))
    assert "[UNK]" not in pieces(small.tokenizer, "electroencephalography")
