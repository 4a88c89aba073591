"""What encoders around a pretrained network share: what is trained and what is frozen, layers mixed, frames, speech.

A network is frozen, trained in its top blocks, or trained as a whole. What is frozen stays in evaluation mode (no
dropout, no update of batch normalisation) and costs no memory for gradients. The constructors draw random weights;
the class method `from_pretrained` of each encoder loads trained ones. Only the first is needed to read a checkpoint:
an encoder's `config` holds all that describes its network, so no hub is asked.

Public: `PretrainedEncoder`, `SpeechEncoder`, `LayerMix`, `top_blocks`, `convolved_length`, `read_weights`,
`fit_weights`. Reference: Yang et al., Interspeech 2021 (SUPERB: learnt weighted sum of a frozen network's layers).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from models.batch import Batch
from models.encoders.encoder import Encoder
from models.encoders.pooling import AttentivePooling, length_mask

_SILENCE = 1e-7  # variance below which a wave counts as silence, as in Wav2Vec2FeatureExtractor


class PretrainedEncoder(Encoder):
    """A network of which only the modules `trainable` learn, then attentive pooling over time and one layer.

    `width` is the number of channels that the network gives per step.
    """

    def __init__(
        self, network: nn.Module, trainable: Sequence[nn.Module], *, width: int, out_dim: int, dropout: float
    ) -> None:
        super().__init__()
        if out_dim < 1:
            raise ValueError(f"out_dim must be at least 1, got {out_dim}")
        self.out_dim = out_dim
        self.network = network.requires_grad_(False)
        for module in trainable:
            module.requires_grad_(True)
        self._trainable = tuple(trainable)  # a tuple: registered once, as parts of the network
        self.pooling = AttentivePooling(width)
        self.projection = nn.Sequential(
            nn.LayerNorm(self.pooling.out_dim), nn.Dropout(dropout), nn.Linear(self.pooling.out_dim, out_dim)
        )
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all but the frozen part, which stays in evaluation mode."""
        super().train(mode)
        self.network.eval()
        for module in self._trainable:
            module.train(mode)
        return self

    def gradients(self) -> torch.autograd.grad_mode.set_grad_enabled:
        """Context in which to run the network: without gradients when it is frozen as a whole."""
        return torch.set_grad_enabled(torch.is_grad_enabled() and bool(self._trainable))


class LayerMix(nn.Module):
    """Weighted sum of a network's layers; the weights are a softmax of parameters that start equal."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(layers))

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """One tensor of the shape that all `layers` have."""
        weights = torch.softmax(self.weight, dim=0)
        return torch.stack([weight * layer for weight, layer in zip(weights, layers, strict=True)]).sum(dim=0)


def top_blocks(network: nn.Module, blocks: Sequence[nn.Module], trainable_layers: int | None) -> list[nn.Module]:
    """The modules to train: none for 0, the last `trainable_layers` of `blocks`, the whole network for None.

    Raises ValueError when there are not as many.
    """
    if trainable_layers is None:
        return [network]
    if not 0 <= trainable_layers <= len(blocks):
        raise ValueError(
            f"trainable_layers must be from 0 (frozen) to {len(blocks)}, or None for the whole network, "
            f"got {trainable_layers}"
        )
    return list(blocks)[len(blocks) - trainable_layers :]


def convolved_length(length: Tensor, convolutions: Sequence[tuple[int, int]]) -> Tensor:
    """Steps left of `length` by a stack of convolutions (kernel, stride) without padding."""
    for kernel, stride in convolutions:
        length = torch.div(length - kernel, stride, rounding_mode="floor") + 1
    return length.clamp(min=0)


def read_weights(file: str | Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors` file; ValueError when it is none."""
    try:
        weights: dict[str, Tensor] = load_file(file)
    except SafetensorError as error:
        raise ValueError(f"{file} is not a safetensors file ({error})") from error
    return weights


def fit_weights(network: nn.Module, weights: Mapping[str, Tensor], source: str | Path) -> None:
    """Load `weights` into `network`, all of them and nothing else; ValueError naming `source` when they do not fit."""
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        difference = str(error).splitlines()[1].strip()
        raise ValueError(f"the weights of {source} do not fit the network: {difference}") from error


class SpeechEncoder(PretrainedEncoder):
    """A speech network of the wav2vec 2.0 family on raw waves, its layers mixed.

    The base networks normalise the output of their first convolution over time (group norm), padding included, so
    that a prediction would depend on the longest wave of the batch. `padded=False` therefore runs waves of equal
    length together and others apart, without padding: exact, and slower on batches of many lengths. Networks with
    layer norm in every convolution take `padded=True`: one run with a mask.

    `convolutions` lists (kernel, stride) of the network's front end; `normalise` brings each wave to zero mean and
    unit variance first. Waves shorter than one step are filled up with zeros to one step. An empty one is not run,
    its pooled vector is zero.
    """

    modality = "audio"

    def __init__(
        self,
        network: nn.Module,
        trainable: Sequence[nn.Module],
        *,
        convolutions: Sequence[tuple[int, int]],
        layers: int,
        width: int,
        out_dim: int,
        dropout: float,
        normalise: bool,
        padded: bool,
    ) -> None:
        super().__init__(network, trainable, width=width, out_dim=out_dim, dropout=dropout)
        self.convolutions = tuple(convolutions)
        self.normalise = normalise
        self.padded = padded
        self.mix = LayerMix(layers)
        self.shortest = 1
        for kernel, stride in reversed(self.convolutions):
            self.shortest = (self.shortest - 1) * stride + kernel

    def forward(self, batch: Batch) -> Tensor:
        """(B, out_dim) from `batch.audio` (B, N) and its lengths."""
        wave = batch.audio.masked_fill(~length_mask(batch.audio_length, batch.audio.shape[1]), 0)
        if self.normalise:
            wave = _normalised(wave, batch.audio_length)
        wave = nn.functional.pad(wave, (0, max(0, self.shortest - wave.shape[1])))
        length = batch.audio_length.clamp(min=self.shortest)
        pooled = wave.new_zeros((len(wave), self.pooling.out_dim))
        for rows in self._run_together(batch.audio_length):
            longest = int(length[rows].max())
            with self.gradients():
                layers = self._layers(wave[rows, :longest], length[rows])
            hidden = self.mix(layers)  # (b, T, width)
            mask = length_mask(convolved_length(length[rows], self.convolutions), hidden.shape[1])
            pooled = pooled.index_copy(0, rows, self.pooling(hidden, mask).to(pooled.dtype))
        vector: Tensor = self.projection(pooled)
        return vector

    @abstractmethod
    def _layers(self, wave: Tensor, length: Tensor) -> Sequence[Tensor]:
        """Each layer (b, T, width) for waves (b, n) of `length` (b,), the longest n."""

    def _run_together(self, length: Tensor) -> list[Tensor]:
        """Rows of waves that are not empty, grouped: all, or by equal length once filled up."""
        held = length.nonzero().flatten()
        if self.padded:
            return [held] if len(held) else []
        filled = length[held].clamp(min=self.shortest)
        return [held[filled == size] for size in torch.unique(filled)]


def _normalised(wave: Tensor, length: Tensor) -> Tensor:
    """Waves (B, N), zero beyond `length`, at zero mean and unit variance over their samples."""
    mask = length_mask(length, wave.shape[1])
    count = length.clamp(min=1).unsqueeze(1)
    centred = (wave - wave.sum(dim=1, keepdim=True) / count).masked_fill(~mask, 0)
    variance = centred.square().sum(dim=1, keepdim=True) / count
    return centred / (variance + _SILENCE).sqrt()
