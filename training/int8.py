"""Linear layers whose products are rounded as in int8 while they are trained (quantisation-aware training: Jacob et al. 2018).

Inputs have 8 unsigned bits and one range per layer, weights 7 signed bits and one scale per output: without VNNI, processors add pairs
of 8-bit products with saturation, which 7 bits rule out. Few input channels are much larger than the others, so each is divided by the root
of its largest value and its weights are multiplied by it (SmoothQuant: Xiao et al. 2023). Gradients pass through the rounding unchanged
(straight-through estimator).
"""

from collections.abc import Iterator
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INPUT_STEPS = 255
WEIGHT_STEPS = 63
_MOMENTUM = 0.01
_LEAST_PEAK = 1e-3


class Int8Linear(nn.Linear):
    """A linear layer with inputs and weights rounded to their int8 grids when `is_rounded`.

    Buffers, moving averages over the training batches: `peaks` (inputs,), largest absolute value of each input channel; `low` and `high`,
    scalars, range of the inputs after the division.
    """

    peaks: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs)
        self.is_rounded = False
        self.register_buffer("peaks", torch.zeros(inputs))
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))

    @classmethod
    def of(cls, linear: nn.Linear) -> Self:
        """A layer with the weights of `linear`, which must have a bias."""
        made = cls(linear.in_features, linear.out_features)
        made.weight, made.bias = linear.weight, linear.bias
        return made

    def forward(self, inputs: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        if self.training:
            self._observe(inputs.detach())
        if not self.is_rounded:
            return super().forward(inputs)
        divisors = self.divisors()
        scale, zero = self.input_grid()
        rounded = torch.fake_quantize_per_tensor_affine(inputs.float() / divisors, scale, zero, 0, INPUT_STEPS)
        weight = self.weight * divisors
        steps = _scales(weight.detach())
        zeros = torch.zeros_like(steps, dtype=torch.int32)
        weight = torch.fake_quantize_per_channel_affine(weight, steps, zeros, 0, -WEIGHT_STEPS, WEIGHT_STEPS)
        return F.linear(rounded, weight, self.bias)

    def divisors(self) -> Tensor:
        """(inputs,) what each input channel is divided by, and its weights are multiplied by."""
        return self.peaks.clamp(min=_LEAST_PEAK).sqrt()

    def input_grid(self) -> tuple[Tensor, Tensor]:
        """Scale (float32) and zero point (int32) of the divided inputs, scalars; zero lies on the grid."""
        low, high = self.low.clamp(max=0), self.high.clamp(min=0)
        scale = ((high - low) / INPUT_STEPS).clamp(min=torch.finfo(torch.float32).tiny)
        return scale, torch.round(-low / scale).clamp(0, INPUT_STEPS).to(torch.int32)

    def weight_scales(self) -> Tensor:
        """(outputs,) scale of each output's multiplied weights; their zero point is 0."""
        return _scales(self.weight.detach() * self.divisors())

    @torch.no_grad()
    def _observe(self, inputs: Tensor) -> None:
        rows = inputs.float().flatten(0, -2)
        share = _MOMENTUM if self.high > self.low else 1.0
        self.peaks.lerp_(rows.abs().amax(dim=0), share)
        least, most = torch.aminmax(rows / self.divisors())
        self.low.lerp_(least, share)
        self.high.lerp_(most, share)


def _scales(weight: Tensor) -> Tensor:
    return (weight.abs().amax(dim=1) / WEIGHT_STEPS).clamp(min=torch.finfo(torch.float32).tiny)


def with_int8(encoder: nn.Module) -> nn.Module:
    """The encoder with each linear layer as an `Int8Linear`, in place; nothing is rounded until `round_products`."""
    for name, module in list(encoder.named_modules()):
        if type(module) is nn.Linear:
            encoder.set_submodule(name, Int8Linear.of(module))
    return encoder


def int8_layers(module: nn.Module) -> Iterator[tuple[str, Int8Linear]]:
    """The int8 layers of a module, by name."""
    return ((name, layer) for name, layer in module.named_modules() if isinstance(layer, Int8Linear))


def round_products(module: nn.Module, *, is_rounded: bool) -> None:
    """Round the inputs and weights of all int8 layers from now on, or no longer."""
    for _, layer in int8_layers(module):
        layer.is_rounded = is_rounded
