"""The fixtures of the tests of training: a toy taxonomy, a toy tokenizer, tiny encoders, and the corpora where they are."""

import os
import shutil
import string
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from toys import BASE, Toy, export_toy, ready, sentences, toy_recipe
from transformers import BertConfig, BertModel

from training.base import base_model_folder
from training.fit import fit
from training.halves import network_of
from training.network import Network
from training.vocabulary import ADDED, SPECIAL
from vocservice.errors import ConfigError
from vocservice.inference.bundle import Bundle, load_bundle
from vocservice.inference.engine import Engine
from vocservice.inference.layout import Layout, lay_out
from vocservice.taxonomy import Taxonomy, parse_taxonomy
from vocservice.text.redact import RedactionRules

REPOSITORY = Path(__file__).parents[2]
PAIRS = [first + second for first in string.ascii_lowercase for second in string.ascii_lowercase]
WORDS = ["the", "food", "price", "crew", "good", "bad", "late", "cheap", "but", "was", "and", "very", "hello", "there", "refund"]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny tensors are fastest on one thread, and sums keep their order. For the fixtures of the session as well."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _one_thread_again() -> Iterator[None]:
    """The command line sets how many there are."""
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def rules() -> RedactionRules:
    return RedactionRules.load(REPOSITORY / "config" / "redaction.toml")


@pytest.fixture(scope="session")
def taxonomy() -> Taxonomy:
    """Every kind of label set, none of the built-in names but the ones that training maps onto."""
    return parse_taxonomy(
        {
            "name": "toy",
            "version": "1.0.0",
            "stages": {"kind": "multi", "max_labels": 2, "labels": _labels("buy", "eat", "tell")},
            "factors": {"kind": "multi", "polarities": ["+", "-", "~"], "labels": _labels("food", "price", "crew")},
            "sentiment": {"kind": "ordinal", "labels": _labels("-2", "-1", "0", "1", "2")},
            "scope": {
                "kind": "single",
                "labels": [*_labels("service", "broader"), *_labels("both", combines=["service", "broader"]), *_labels("neither")],
            },
        }
    )


def _labels(*keys: str, **more: object) -> list[dict[str, object]]:
    return [{"key": key, "label": key, "definition": f"about {key}", **more} for key in keys]


@pytest.fixture(scope="session")
def layout(taxonomy: Taxonomy) -> Layout:
    return lay_out(taxonomy.of("verbatim"))


@pytest.fixture
def base_tokenizer() -> Tokenizer:
    """A WordPiece tokenizer as a base encoder brings it: unused slots, pieces, words, letters; not yet ours."""
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation, "é", "б", "★"]
    pieces = [
        *(f"[unused{n}]" for n in range(5)),
        *SPECIAL,
        *letters,
        *("##" + letter for letter in letters),
        "##ing",
        "##xyz",
        *WORDS,
        "zebra",
    ]
    return _wordpiece(pieces)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """A tokenizer as the service uses it: every pair of letters is a word of its own, placeholders are single tokens."""
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    words = [word for word in WORDS if word not in PAIRS]
    made = _wordpiece([*SPECIAL, *letters, *("##" + letter for letter in letters), *PAIRS, *words])
    made.add_tokens([AddedToken(token, normalized=False) for token in ADDED])
    return made


def _wordpiece(pieces: list[str]) -> Tokenizer:
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    made = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = BertNormalizer(lowercase=True)
    made.pre_tokenizer = BertPreTokenizer()
    made.add_special_tokens(list(SPECIAL))
    ends = [(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")]
    made.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return made


@pytest.fixture(scope="session")
def new_network(layout: Layout, tokenizer: Tokenizer) -> Callable[..., Network]:
    """Tiny random networks; heads are drawn wide enough that segments differ."""

    def build(*, seed: int = 0, head: float = 0.3, dropout: float = 0.0) -> Network:
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=256,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            attn_implementation="eager",
        )
        network = Network(BertModel(config, add_pooling_layer=False), layout, dropout=dropout)
        torch.nn.init.normal_(network.head.weight, std=head)
        torch.nn.init.normal_(network.head.bias, std=head)
        return network

    return build


@pytest.fixture(scope="session")
def toy(
    new_network: Callable[..., Network],
    tokenizer: Tokenizer,
    taxonomy: Taxonomy,
    rules: RedactionRules,
    layout: Layout,
    tmp_path_factory: pytest.TempPathFactory,
) -> Toy:
    """One for all tests that only read it."""
    folder, network = tmp_path_factory.mktemp("bundle"), new_network()
    recipe = toy_recipe(epochs=10, encoder_rate=1e-3, head_rate=1e-2, tokens=256, average=0.9, dropout=0.0)
    fit(network, ready(sentences(240), tokenizer, rules, layout), recipe, folder=folder / "run")
    return Toy(network, export_toy(network, tokenizer, taxonomy, rules, folder / "toy-1"), folder / "toy-1")


@pytest.fixture(scope="session")
def toy_bundle(toy: Toy) -> Bundle:
    return load_bundle(toy.folder)


@pytest.fixture(scope="session")
def engine(toy_bundle: Bundle) -> Engine:
    return Engine(toy_bundle, threads=1)


@pytest.fixture(scope="session")
def toy_network(toy_bundle: Bundle) -> Network:
    """As it is read back from the bundle."""
    return network_of(toy_bundle)


@pytest.fixture
def toy_folder(toy: Toy, tmp_path: Path) -> Path:
    """A copy of the toy bundle that a test may damage."""
    return Path(shutil.copytree(toy.folder, tmp_path / "toy-1"))


@pytest.fixture(scope="session")
def base_folder() -> Iterator[Path]:
    """The folder of the base encoder; tests that need it are skipped where its package is not installed."""
    try:
        with base_model_folder(BASE) as folder:
            yield folder
    except ConfigError as error:
        pytest.skip(error.message)


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the corpora; tests that need it are skipped where it is not."""
    folder = Path(os.environ.get("VOC_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "fabsa.jsonl.gz").is_file():
        pytest.skip(f"the corpora are not part of the repository: set VOC_DATA to their folder (looked in {folder})")
    return folder
