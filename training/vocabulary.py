"""A base encoder in, the same encoder with a smaller vocabulary out: word pieces that feedback never uses are removed,
and tokens that it uses (emoji, redaction placeholders, speaker marks) are added.

A removed piece is split into shorter ones; every single-character piece of Latin text stays, so nothing that the
base could read becomes unknown. An added token starts from the mean embedding of the words that describe it.
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from tokenizers import AddedToken, Tokenizer

from training.settings import VocabularySettings

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ADDED: Mapping[str, str] = {
    "[EMAIL]": "email address",
    "[PHONE]": "phone number",
    "[CARD]": "card number",
    "[IBAN]": "bank account",
    "[ORDER]": "order number",
    "[ACCOUNT]": "account number",
    "[URL]": "web link",
    "[HANDLE]": "user",
    "[NAME]": "name",
    "[CUSTOMER]": "customer",
    "[AGENT]": "agent",
    "[SYSTEM]": "system",
}
PAD = 0
_MPNET_SPECIAL = {"[PAD]": "<pad>", "[UNK]": "[UNK]", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>"}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The new tokenizer and, for each of its ids, the base ids whose mean embedding it starts from."""

    tokenizer: Tokenizer
    sources: tuple[tuple[int, ...], ...]


def shrink(base: Tokenizer, texts: Iterable[str], how: VocabularySettings) -> Vocabulary:
    """Keep the pieces that `texts` use often enough, and the frequent and short ones; add ours."""
    texts = list(texts)
    counts = Counter(piece for encoding in base.encode_batch_fast(texts, add_special_tokens=False) for piece in encoding.ids)
    emoji = Counter(char for text in texts for char in text if _is_emoji(char))
    spec = json.loads(base.to_str())
    old: dict[str, int] = spec["model"]["vocab"]
    kept = [piece for piece, index in sorted(old.items(), key=lambda item: item[1]) if _keep(piece, index, counts, how)]
    added = dict(ADDED) | {char: unicodedata.name(char, "symbol").lower() for char, count in emoji.items() if count >= how.min_emoji}
    added = {token: words for token, words in added.items() if token not in kept}
    spec["model"]["vocab"] = {piece: index for index, piece in enumerate(kept)}
    spec["added_tokens"] = [token | {"id": kept.index(token["content"])} for token in spec["added_tokens"]]
    _renumber_template(spec, kept)
    spec["truncation"] = spec["padding"] = None
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in added])
    sources = [(old[piece],) for piece in kept]
    sources += [tuple(base.encode(words, add_special_tokens=False).ids) for words in added.values()]
    return Vocabulary(tokenizer, tuple(sources))


def shrink_embeddings(weights: torch.Tensor, sources: Iterable[tuple[int, ...]]) -> torch.Tensor:
    """Rows of the (base vocabulary x width) embedding for the new vocabulary."""
    return torch.stack([weights[list(source)].mean(0) for source in sources])


def sources_of(piece: str, base: Tokenizer) -> tuple[int, ...]:
    """The ids of another base for one of our tokens: the same piece, or the words that describe it."""
    own = base.token_to_id(_MPNET_SPECIAL.get(piece, piece))
    if own is not None:
        return (own,)
    words = ADDED.get(piece) or unicodedata.name(piece, "symbol").lower()
    return tuple(base.encode(words, add_special_tokens=False).ids)


def _keep(piece: str, index: int, counts: Counter[int], how: VocabularySettings) -> bool:
    if piece in SPECIAL:
        return True
    if piece.startswith("[unused"):
        return False
    body = piece.removeprefix("##")
    if len(body) == 1:
        return ord(body) < 0x250 or counts[index] > 0 or not body.isalpha()
    return counts[index] >= how.min_count or (index < how.always and body.isascii())


def _is_emoji(char: str) -> bool:
    return unicodedata.category(char) == "So" and ord(char) > 0x2190


def _renumber_template(spec: dict, kept: list[str]) -> None:
    special = (spec.get("post_processor") or {}).get("special_tokens", {})
    for token in special.values():
        token["ids"] = [kept.index(name) for name in token["tokens"]]
    processor = spec.get("post_processor") or {}
    for name in ("cls", "sep"):
        if name in processor:
            processor[name] = [processor[name][0], kept.index(processor[name][0])]
