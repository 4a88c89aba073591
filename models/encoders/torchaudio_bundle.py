"""The pretrained speech networks of torchaudio: wav2vec 2.0, HuBERT and WavLM, in their base and larger sizes.

torchaudio is optional: pip install 'torchaudio>=2.11,<2.12'. Its networks run waves of equal length together (see
`SpeechEncoder`).

Public: `TorchaudioSpeechEncoder`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from torch import Tensor

from models.encoders.pretrained import SpeechEncoder, fit_weights, read_weights, top_blocks

_BUILDERS = {"Wav2Vec2": "wav2vec2_model", "WavLM": "wavlm_model"}


class TorchaudioSpeechEncoder(SpeechEncoder):
    """Raw waves through a network that `torchaudio.models.wav2vec2_model` or `wavlm_model` builds.

    `kind` is "Wav2Vec2" (HuBERT too) or "WavLM", `network` the arguments of that function, `trainable_layers` the
    number of top blocks to train: 0 none, None the whole network. Raises ImportError without torchaudio.
    """

    def __init__(
        self,
        kind: str,
        network: Mapping[str, Any],
        out_dim: int = 128,
        *,
        trainable_layers: int | None = 0,
        normalise: bool = False,
        dropout: float = 0.1,
    ) -> None:
        if kind not in _BUILDERS:
            raise ValueError(f"unknown kind {kind!r}: known are {', '.join(_BUILDERS)}")
        # As lists, which is what JSON makes of tuples; layers are never dropped at random.
        arguments = dict(network) | {"encoder_layer_drop": 0.0, "aux_num_out": None}
        convolutions = [list(layer) for layer in arguments["extractor_conv_layer_config"]]
        arguments["extractor_conv_layer_config"] = convolutions
        built = getattr(_torchaudio().models, _BUILDERS[kind])(**arguments)
        blocks = built.encoder.transformer.layers
        super().__init__(
            built,
            top_blocks(built, blocks, trainable_layers),
            convolutions=[(kernel, stride) for _, kernel, stride in convolutions],
            layers=len(blocks),
            width=arguments["encoder_embed_dim"],
            out_dim=out_dim,
            dropout=dropout,
            normalise=normalise,
            padded=False,
        )
        if not built.encoder.transformer.layer_norm_first:
            built.encoder.transformer.layer_norm.requires_grad_(False)  # comes after the last layer: not used
        self.config = {
            "kind": kind,
            "network": arguments,
            "out_dim": out_dim,
            "trainable_layers": trainable_layers,
            "normalise": normalise,
            "dropout": dropout,
        }

    @classmethod
    def from_pretrained(cls, bundle: str, weights: str | Path | None = None, **arguments: Any) -> Self:
        """Load one of `torchaudio.pipelines` by name, such as WAV2VEC2_BASE, HUBERT_BASE or WAVLM_BASE.

        `weights` is a local `.safetensors` file of the network's state, None downloads it; `arguments` as for the
        constructor. Raises ValueError on a name that is no such bundle or weights that do not fit.
        """
        pipelines = _torchaudio().pipelines
        found = getattr(pipelines, bundle, None)
        if not isinstance(found, pipelines.Wav2Vec2Bundle):
            known = [name for name in dir(pipelines) if isinstance(getattr(pipelines, name), pipelines.Wav2Vec2Bundle)]
            raise ValueError(f"unknown bundle {bundle!r}: known are {', '.join(known)}")
        # torchaudio has no public way to a bundle's network without its weights.
        encoder = cls(found._model_type, found._params, normalise=found._normalize_waveform, **arguments)
        if weights is None:
            loaded = found.get_model(dl_kwargs={"weights_only": True})
            state = {name.removeprefix("model."): value for name, value in loaded.state_dict().items()}
        else:
            state = read_weights(weights)
        state = {name: value for name, value in state.items() if not name.startswith("aux.")}
        fit_weights(encoder.network, state, weights or bundle)
        return encoder

    def _layers(self, wave: Tensor, length: Tensor) -> Sequence[Tensor]:
        layers: Sequence[Tensor] = self.network.extract_features(wave)[0]  # type: ignore[operator]
        return layers


def _torchaudio() -> Any:
    try:
        import torchaudio
    except (ImportError, OSError) as error:  # OSError: its compiled part is for another build of torch
        raise ImportError(
            f"this encoder needs torchaudio, which cannot be imported ({error}): pip install 'torchaudio>=2.11,<2.12'"
        ) from error
    return torchaudio
