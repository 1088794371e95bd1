"""A bundle in, ways to compute text vectors with its encoder out, by name: three runtimes, several batchings.

Every way takes the same texts and returns a mean vector per text, including tokenisation. Texts longer than the window are cut.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vocservice.inference.bundle import ENCODER, Bundle, load_bundle
from vocservice.inference.encoder import TOKEN_BUDGET
from vocservice.overlap import cores

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Texts = Sequence[str]
Pass = Callable[[Ints, Ints], Floats]  # ids, mask (texts, tokens) -> token vectors (texts, tokens, width)
BUDGETS = (128, 256, 512, 4096)
BATCH = 32
ONE, ARRIVAL, SORTED = (
    "transformers pipeline, one at a time",
    "transformers pipeline, batches of 32 as they come",
    "transformers pipeline, batches of 32 sorted by length",
)


FULL = "fp32"


def best(workers: int, precision: str = FULL) -> str:
    """Name of the way used by the service with an encoder of this precision."""
    return f"ONNX Runtime {precision}, batches of {TOKEN_BUDGET} tokens, {workers} workers of one thread"


class Row(NamedTuple):
    """A text's token ids and its index."""

    place: int
    ids: list[int]


class Tokens:
    """The tokenizer of a bundle: texts in, ids with [CLS] and [SEP] out, cut to the window."""

    def __init__(self, bundle: Bundle):
        self._tokenizer, self._room = bundle.tokenizer, bundle.manifest.max_window - 2
        self._cls, self._sep = (bundle.tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))

    def rows(self, texts: Texts) -> list[Row]:
        found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [Row(place, [self._cls, *one.ids[: self._room], self._sep]) for place, one in enumerate(found)]

    def count(self, texts: Texts) -> int:
        return sum(len(row.ids) for row in self.rows(texts))


def encoder_ways(folder: Path, *, full: Path | None = None) -> dict[str, Callable[[Texts], object]]:
    """Every available way, by name; without packages that are not installed.

    Args:
        folder: the bundle.
        full: its encoder in single precision, where the bundle's is in int8.
    """
    tokens, encoder, workers = Tokens(load_bundle(folder)), folder / ENCODER, cores()
    own = precision(encoder)
    ways: dict[str, Callable[[Texts], object]] = {}
    if find_spec("torch") and find_spec("transformers"):
        ways |= transformers_ways(folder)
    alone = onnx_pass(encoder, threads=1)
    ways |= {f"ONNX Runtime {own}, batches of {b} tokens, {workers} workers of one thread": way(tokens, alone, b, workers) for b in BUDGETS}
    ways[f"ONNX Runtime {own}, batches of {TOKEN_BUDGET} tokens, one worker of {workers} threads"] = way(
        tokens, onnx_pass(encoder, threads=workers), TOKEN_BUDGET, 1
    )
    if full is not None:
        ways[best(workers)] = way(tokens, onnx_pass(full, threads=1), TOKEN_BUDGET, workers)
    if find_spec("openvino"):
        for kind, path in ({own: encoder} | ({FULL: full} if full is not None else {})).items():
            ways[f"OpenVINO {kind}, {workers} streams"] = way(tokens, openvino_pass(path, streams=workers), TOKEN_BUDGET, workers)
    return ways


def precision(encoder: Path) -> str:
    """How an encoder computes its products with weights: `int8` or `fp32`."""
    import onnx

    graph = onnx.load(str(encoder)).graph
    return "int8" if any(node.op_type == "QuantizeLinear" for node in graph.node) else FULL


def way(tokens: Tokens, run: Pass, budget: int, workers: int) -> Callable[[Texts], Floats]:
    """Sorted by length, in batches of a number of tokens, several batches at once."""
    pool = ThreadPoolExecutor(workers)

    def encoded(texts: Texts) -> Floats:
        batches = list(batches_of(tokens.rows(texts), budget))
        found = list(pool.map(lambda batch: pooled(run, batch), batches))
        vectors = np.empty((len(texts), found[0].shape[1]), np.float32)
        for batch, rows in zip(batches, found, strict=True):
            vectors[[row.place for row in batch]] = rows
        return vectors

    return encoded


def batches_of(rows: Sequence[Row], budget: int) -> Iterator[list[Row]]:
    """Batches of rows sorted by length that fit the budget with padding."""
    batch: list[Row] = []
    for row in sorted(rows, key=lambda row: len(row.ids)):
        if batch and (len(batch) + 1) * len(row.ids) > budget:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def pooled(run: Pass, batch: Sequence[Row]) -> Floats:
    """Mean token vector of each text of a batch, (texts, width)."""
    longest = max(len(row.ids) for row in batch)
    ids, mask = np.zeros((2, len(batch), longest), np.int64)
    for at, row in enumerate(batch):
        ids[at, : len(row.ids)], mask[at, : len(row.ids)] = row.ids, 1
    hidden = run(ids, mask)
    weights = mask.astype(np.float32)
    return np.asarray(np.einsum("tnw,tn->tw", hidden, weights) / weights.sum(axis=1, keepdims=True), np.float32)


def onnx_pass(path: Path, *, threads: int) -> Pass:
    """The encoder in ONNX Runtime, without spinning threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda ids, mask: np.asarray(session.run(None, {"ids": ids, "mask": mask})[0])


def openvino_pass(path: Path, *, streams: int) -> Pass:
    """The encoder in OpenVINO; each thread has its own request and copies nothing into it (concurrent copies can deadlock)."""
    import openvino

    wishes = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": streams,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = openvino.Core().compile_model(str(path), "CPU", wishes)
    mine = threading.local()

    def run(ids: Ints, mask: Ints) -> Floats:
        if not hasattr(mine, "request"):
            mine.request = compiled.create_infer_request()
        return np.array(mine.request.infer({"ids": ids, "mask": mask}, share_inputs=True)[0])

    return run


def transformers_ways(folder: Path) -> dict[str, Callable[[Texts], object]]:
    """The feature-extraction pipeline over the same weights in torch, with all cores."""
    pipe = _pipeline(folder)

    def one(texts: Texts) -> object:
        return [pipe(text, return_tensors=True).mean(1) for text in texts]

    def batched(texts: Texts) -> object:
        return [found.mean(1) for found in pipe(list(texts), batch_size=BATCH, return_tensors=True)]

    return {ONE: one, ARRIVAL: batched, SORTED: lambda texts: batched(sorted(texts, key=len))}


def _pipeline(folder: Path) -> Any:
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast, pipeline

    from training.encoders import from_bundle

    encoder, window = from_bundle(folder), load_bundle(folder).manifest.max_window
    specials = [(token, encoder.tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    encoder.tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=specials)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=encoder.tokenizer, model_max_length=window, **names)
    cut = {"truncation": True}
    return pipeline("feature-extraction", model=encoder.model.eval(), tokenizer=tokenizer, device="cpu", tokenize_kwargs=cut)


def peak(seconds: float = 1.0) -> float:
    """Floating-point operations per second of numpy's matrix product on all cores: best of several sizes."""
    found = 0.0
    for rows, inner, columns in ((512, 384, 1536), (1024, 1024, 1024), (2048, 2048, 2048)):
        left, right = np.ones((rows, inner), np.float32), np.ones((inner, columns), np.float32)
        end = time.perf_counter() + seconds
        while (started := time.perf_counter()) < end:
            left @ right
            found = max(found, 2 * rows * inner * columns / (time.perf_counter() - started))
    return found


def operations(encoder: Path) -> int:
    """Floating-point operations per token of products with weights, without attention."""
    import onnx

    from training.graph import is_product, weights_of

    weights = weights_of(onnx.load(str(encoder)).graph)
    return sum(2 * value.size for name, value in weights.items() if is_product(name, value))
