"""Pretrained speech, text and image networks of Hugging Face: wav2vec 2.0, HuBERT, WavLM; BERT, RoBERTa, MiniLM; ViT.

Each is loaded from a local folder or the hub by `from_pretrained(source, revision=…)`, safetensors only, without
running code from the source. An encoder's `config` carries the network's configuration, its `extra_files` the
tokenizer of text, so that a checkpoint needs nothing else. transformers is optional: pip install 'transformers>=5.0'.

Public: `HuggingFaceAudioEncoder`, `HuggingFaceTextEncoder`, `HuggingFaceVideoEncoder`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn

from models.batch import Batch
from models.encoders.frames import IMAGENET_MEAN, IMAGENET_STD, FrameEncoder
from models.encoders.pooling import length_mask
from models.encoders.pretrained import LayerMix, PretrainedEncoder, SpeechEncoder, top_blocks

_E = TypeVar("_E", bound=PretrainedEncoder)
# Entries of a configuration that do not shape the network, or name where it came from.
_LEFT_OUT = {"_name_or_path", "architectures", "dtype", "id2label", "label2id", "transformers_version"}
# Entries that name code to fetch and run: a model's own classes, and kernels of the hub.
_LEFT_OUT |= {"auto_map", "attn_implementation", "_attn_implementation", "_attn_implementation_internal"}
_LEFT_OUT |= {"experts_implementation", "_experts_implementation", "_experts_implementation_internal"}
# Augmentation from global generators, and layers after the transformer that would shorten its last output.
_OFF = {"apply_spec_augment": False, "layerdrop": 0.0, "add_adapter": False}


class HuggingFaceAudioEncoder(SpeechEncoder):
    """Raw waves through a network of the wav2vec 2.0 family.

    `network` is its configuration, `trainable_layers` the number of top blocks to train: 0 none, None the whole
    network. Networks with group norm run waves of equal length together (see `SpeechEncoder`).
    """

    def __init__(
        self,
        network: Mapping[str, Any],
        out_dim: int = 128,
        *,
        trainable_layers: int | None = 0,
        normalise: bool = True,
        dropout: float = 0.1,
    ) -> None:
        settings = _settings(network, "waves")
        built = _build(settings)
        super().__init__(
            built,
            _trainable(built, trainable_layers),
            convolutions=list(zip(settings["conv_kernel"], settings["conv_stride"], strict=True)),
            layers=built.config.num_hidden_layers + 1,
            width=built.config.hidden_size,
            out_dim=out_dim,
            dropout=dropout,
            normalise=normalise,
            padded=settings["feat_extract_norm"] == "layer",
        )
        built.masked_spec_embed = None  # of training by masking alone
        self.config = {
            "network": settings,
            "out_dim": out_dim,
            "trainable_layers": trainable_layers,
            "normalise": normalise,
            "dropout": dropout,
        }

    @classmethod
    def from_pretrained(cls, source: str | Path, *, revision: str | None = None, **arguments: Any) -> Self:
        """Load from a folder or a hub name; `arguments` as for the constructor.

        `normalise` is what the source's `preprocessor_config.json` says. Raises FileNotFoundError when a file cannot
        be had, ValueError when weights are missing or the network reads no waves.
        """
        loaded = _load(source, revision)
        settings = _settings(loaded.config.to_dict(), "waves")
        if "normalise" not in arguments:
            extractor = _read(_transformers().Wav2Vec2FeatureExtractor.from_pretrained, source, revision)
            arguments["normalise"] = bool(extractor.do_normalize)
        encoder = cls(settings, **arguments)
        return _with_weights(encoder, loaded)

    def _layers(self, wave: Tensor, length: Tensor) -> Sequence[Tensor]:
        mask = length_mask(length, wave.shape[1]).long() if self.padded else None
        return _hidden_states(self.network(wave, attention_mask=mask, output_hidden_states=True))


class HuggingFaceTextEncoder(PretrainedEncoder):
    """Sentences through a BERT-like network, its layers mixed, attentive pooling over tokens.

    `network` is its configuration, `extra_files` holds its `tokenizer.json`; sentences are cut to `max_tokens`. A
    sentence of white space is not run, its pooled vector is zero. `trainable_layers` as for
    `HuggingFaceAudioEncoder`.
    """

    modality = "text"

    def __init__(
        self,
        network: Mapping[str, Any],
        out_dim: int = 128,
        *,
        extra_files: Mapping[str, bytes],
        max_tokens: int = 256,
        trainable_layers: int | None = 0,
        dropout: float = 0.1,
    ) -> None:
        settings = _settings(network, "text")
        built = _build(settings)
        super().__init__(
            built,
            _trainable(built, trainable_layers),
            width=built.config.hidden_size,
            out_dim=out_dim,
            dropout=dropout,
        )
        self.mix = LayerMix(built.config.num_hidden_layers + 1)
        self.padding = int(settings.get("pad_token_id") or 0)
        self._tokenizer_file = extra_files.get("tokenizer.json", b"")
        self.tokenizer = _tokenizer(self._tokenizer_file, max_tokens)
        self.config = {
            "network": settings,
            "out_dim": out_dim,
            "max_tokens": max_tokens,
            "trainable_layers": trainable_layers,
            "dropout": dropout,
        }

    @classmethod
    def from_pretrained(cls, source: str | Path, *, revision: str | None = None, **arguments: Any) -> Self:
        """Load from a folder or a hub name; `arguments` as for the constructor.

        Raises FileNotFoundError when a file cannot be had, ValueError when weights are missing, the network reads no
        text or the tokenizer is not one of the `tokenizers` library.
        """
        loaded = _load(source, revision)
        settings = _settings(loaded.config.to_dict(), "text")
        tokenizer = _read(_transformers().AutoTokenizer.from_pretrained, source, revision)
        if not tokenizer.is_fast:
            raise ValueError(f"the tokenizer of {source} has no tokenizer.json form: convert it to a fast tokenizer")
        # Two positions fewer than there are: RoBERTa's are counted from after the padding token.
        longest = min(tokenizer.model_max_length, loaded.config.max_position_embeddings - 2)
        arguments["max_tokens"] = min(arguments.get("max_tokens", 256), longest)
        files = {"tokenizer.json": tokenizer.backend_tokenizer.to_str().encode()}
        encoder = cls(settings, extra_files=files, **arguments)
        return _with_weights(encoder, loaded)

    def forward(self, batch: Batch) -> Tensor:
        """(B, out_dim) from `batch.text`."""
        device = self.mix.weight.device
        pooled = torch.zeros((len(batch), self.pooling.out_dim), device=device)
        written = [row for row, sentence in enumerate(batch.text) if sentence.strip()]
        if written:
            tokens, mask = self._tokens([batch.text[row] for row in written], device)  # (b, L), (b, L)
            with self.gradients():
                output = self.network(input_ids=tokens, attention_mask=mask.long(), output_hidden_states=True)
            hidden = self.pooling(self.mix(_hidden_states(output)), mask)
            pooled = pooled.index_copy(0, torch.tensor(written, device=device), hidden.to(pooled.dtype))
        vector: Tensor = self.projection(pooled)
        return vector

    def extra_files(self) -> dict[str, bytes]:
        """The tokenizer."""
        return {"tokenizer.json": self._tokenizer_file}

    def _tokens(self, sentences: list[str], device: torch.device) -> tuple[Tensor, Tensor]:
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(sentences)]
        length = torch.tensor([len(row) for row in rows])
        longest = int(length.max())
        tokens = torch.tensor([row + [self.padding] * (longest - len(row)) for row in rows])
        return tokens.to(device), length_mask(length, longest).to(device)


class HuggingFaceVideoEncoder(FrameEncoder):
    """Every frame through a vision transformer, its layers mixed, the mean over patches, attentive pooling over time.

    `network` is its configuration, `mean` and `std` those of pixels in [0, 1] that it was trained with;
    `trainable_layers` as for `HuggingFaceAudioEncoder`.
    """

    def __init__(
        self,
        network: Mapping[str, Any],
        out_dim: int = 128,
        *,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        trainable_layers: int | None = 0,
        dropout: float = 0.1,
    ) -> None:
        settings = _settings(network, "patches of images")
        built = _build(settings)
        side = settings["image_size"]
        super().__init__(
            built,
            _trainable(built, trainable_layers),
            size=(side, side) if isinstance(side, int) else (side[0], side[1]),
            width=built.config.hidden_size,
            out_dim=out_dim,
            dropout=dropout,
            mean=mean,
            std=std,
        )
        self.mix = LayerMix(built.config.num_hidden_layers + 1)
        self.config = {
            "network": settings,
            "out_dim": out_dim,
            "mean": list(mean),
            "std": list(std),
            "trainable_layers": trainable_layers,
            "dropout": dropout,
        }

    @classmethod
    def from_pretrained(cls, source: str | Path, *, revision: str | None = None, **arguments: Any) -> Self:
        """Load from a folder or a hub name; `arguments` as for the constructor.

        `mean` and `std` are those of the source's `preprocessor_config.json`. Raises FileNotFoundError when a file
        cannot be had, ValueError when weights are missing or the network is no vision transformer.
        """
        from transformers.image_processing_base import ImageProcessingMixin

        loaded = _load(source, revision)
        settings = _settings(loaded.config.to_dict(), "patches of images")
        processor, _ = _read(ImageProcessingMixin.get_image_processor_dict, source, revision)
        pixels = {"mean": processor["image_mean"], "std": processor["image_std"]}
        encoder = cls(settings, **(pixels | arguments))
        return _with_weights(encoder, loaded)

    def _image_vectors(self, pixels: Tensor) -> Tensor:
        with self.gradients():
            layers = _hidden_states(self.network(pixel_values=pixels, output_hidden_states=True))
        vectors: Tensor = self.mix([layer.mean(dim=1) for layer in layers])
        return vectors


def _settings(network: Mapping[str, Any], reads: str) -> dict[str, Any]:
    """The JSON-able configuration that shapes a network; ValueError when it does not read what it should."""
    told_by = {"waves": "conv_kernel", "text": "vocab_size", "patches of images": "patch_size"}
    found = [kind for kind, entry in told_by.items() if entry in network]
    if found[:1] != [reads]:  # speech networks have a vocabulary too, of their head
        example = {"waves": "wav2vec2", "text": "bert", "patches of images": "vit"}[reads]
        raise ValueError(f"a {network.get('model_type')!r} network does not read {reads}: use one like {example}")
    settings = {name: value for name, value in network.items() if name not in _LEFT_OUT}
    return settings | {name: value for name, value in _OFF.items() if name in settings}


def _build(settings: Mapping[str, Any]) -> Any:
    """The network with random weights, without its pooler, which hidden states do not need."""
    transformers = _transformers()
    try:
        config = transformers.AutoConfig.for_model(**settings)
    except (StrictDataclassError, TypeError, ValueError) as error:
        raise ValueError(f"this configures no network of transformers: {str(error)[:300]}") from error
    network = transformers.AutoModel.from_config(config)
    if hasattr(network, "pooler"):
        network.pooler = None
    return network


def _trainable(network: Any, trainable_layers: int | None) -> list[nn.Module]:
    count = network.config.num_hidden_layers
    lists = [module for module in network.modules() if isinstance(module, nn.ModuleList) and len(module) == count]
    if not lists and trainable_layers:
        raise ValueError(f"a {network.config.model_type!r} network has no list of blocks: train none or all of it")
    blocks = max(lists, key=lambda module: sum(p.numel() for p in module.parameters()), default=nn.ModuleList())
    return top_blocks(network, list(blocks), trainable_layers)


def _hidden_states(output: Any) -> list[Tensor]:
    """What goes into the first block and comes out of each, the last with the network's final normalisation."""
    return [*output.hidden_states[:-1], output.last_hidden_state]


def _load(source: str | Path, revision: str | None) -> Any:
    """The trained network with its weights in float32."""
    network, report = _read(
        _transformers().AutoModel.from_pretrained,
        source,
        revision,
        use_safetensors=True,
        dtype=torch.float32,
        output_loading_info=True,
    )
    needless = ("pooler.", "masked_spec_embed")
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(needless))
    if missing or report["mismatched_keys"]:
        what = missing[0] if missing else sorted(report["mismatched_keys"])[0][0]
        raise ValueError(f"the weights of {source} do not fit its config.json: {what} is missing or of another shape")
    return network


def _read(loader: Any, source: str | Path, revision: str | None, **arguments: Any) -> Any:
    local = Path(source).is_dir()
    try:
        return loader(
            str(source),
            revision=revision or "main",
            local_files_only=local,
            trust_remote_code=False,  # else it asks on the terminal whether to run code of the repository
            **arguments,
        )
    except OSError as error:
        raise FileNotFoundError(
            f"cannot load {source}: give a folder with config.json, model.safetensors and the tokenizer or "
            f"preprocessor files, or a name on the hub ({str(error).splitlines()[0]})"
        ) from error


def _with_weights(encoder: _E, loaded: nn.Module) -> _E:
    own = encoder.network.state_dict()
    encoder.network.load_state_dict({name: value for name, value in loaded.state_dict().items() if name in own})
    return encoder


def _tokenizer(content: bytes, max_tokens: int) -> Any:
    from tokenizers import Tokenizer  # comes with transformers

    try:
        tokenizer = Tokenizer.from_buffer(content)
    except ValueError as error:
        raise ValueError(f"extra_files must hold the tokenizer.json of a tokenizer: {error}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise ImportError("this encoder needs transformers: pip install 'transformers>=5.0'") from error
    return transformers
