"""The whole model, raw batch to prediction: encoders → standardiser → fusion, and beside it how noisy the input is.

Public: `EmotionModel`, `encoded_dims`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import torch
from huggingface_hub import HfApi
from torch import Tensor, nn

from models.batch import MODALITIES, Batch, present
from models.cards import ModelCard, ModelFacts, render
from models.catalogue import source, summary, unknown
from models.checkpoint import CheckpointError, Preprocessing, find_checkpoint, load_checkpoint, save_checkpoint
from models.encoders import ENCODERS, Encoder
from models.fusion import FUSIONS, Fusion, FusionOutput
from models.meter import NoiseMeter
from models.seeding import seeded
from models.standardiser import Standardiser


class EmotionModel(nn.Module):
    """One encoder per modality, features standardised on clean training rows, one fusion, and a meter of noise.

    `classes` is the number of classes or their names. One class makes a regression onto one value: its logits (B, 1)
    are the value. No prediction depends on the other samples of its batch. Raises ValueError when encoders, fusion and
    classes do not fit each other.
    """

    preprocessing: Preprocessing | None = None
    """What raw input went through, as the checkpoint has it; None where it does not say."""

    def __init__(
        self,
        encoders: Mapping[str, Encoder],
        fusion: Fusion,
        classes: int | Sequence[str],
        meter: NoiseMeter | None = None,
    ) -> None:
        super().__init__()
        names = [str(index) for index in range(classes)] if isinstance(classes, int) else list(classes)
        _check_parts(encoders, fusion, names)
        self.classes = tuple(names)
        self.encoders = nn.ModuleDict(dict(encoders))
        self.standardiser = Standardiser(fusion.feature_dims)
        self.fusion = fusion
        self.meter = meter

    def forward(self, batch: Batch, *, generator: torch.Generator | None = None) -> FusionOutput:
        """Raw batch of B samples to `FusionOutput`."""
        features, there = self.encode(batch)
        return self.fuse(features, there, generator=generator)

    def encode(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Encoded input (B, D_m), `Encoder.encode`, and presence (B,) per modality: what a bank of views holds."""
        there = present(batch)
        features = {name: encoder.encode(batch) for name, encoder in self._encoders().items()}
        return features, {name: there[name] for name in features}

    def fuse(
        self,
        features: Mapping[str, Tensor],
        there: Mapping[str, Tensor],
        *,
        generator: torch.Generator | None = None,
    ) -> FusionOutput:
        """Features as `encode` gives them to `FusionOutput`; raises ValueError where their width is another."""
        output: FusionOutput = self.fusion(self.standardiser(self.vectors(features)), there, generator=generator)
        if self.meter is not None:
            output.reliability = self.meter(features, there)
        return output

    def vectors(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the fusion reads of features as `encode` gives them: the vectors without the statistics beside them."""
        widths = encoded_dims(self._encoders())
        for name, values in features.items():
            if name in widths and values.shape[1:] != (widths[name],):
                raise ValueError(
                    f"features of {name!r} must be (B, {widths[name]}), got {tuple(values.shape)}: "
                    "the model was built for another encoder"
                )
        return {name: values[:, : self.fusion.feature_dims.get(name)] for name, values in features.items()}

    def save_pretrained(
        self, folder: str | Path, *, card: ModelCard | None = None, preprocessing: Preprocessing | None = None
    ) -> None:
        """Write `model.safetensors`, `config.json` and the model card `README.md` into `folder`, made if need be.

        `card` holds what is known of data, protocol, noise and results; the card says of the rest that it is not
        recorded. `preprocessing` is what raw input went through; None keeps what the model was loaded with.
        """
        preprocessing = preprocessing or self.preprocessing
        config = {
            "classes": list(self.classes),
            "encoders": {
                name: {"type": type(encoder).__name__, **encoder.config} for name, encoder in self._encoders().items()
            },
            "fusion": {"type": self.fusion.name, **self.fusion.config},
            "meter": self.meter and self.meter.config,
            "preprocessing": preprocessing and asdict(preprocessing),
        }
        files = {
            f"{name}/{file}": content
            for name, encoder in self._encoders().items()
            for file, content in encoder.extra_files().items()
        }
        facts = ModelFacts(
            name=self.fusion.name,
            summary=summary(type(self.fusion)),
            source=source(type(self.fusion)),
            classes=self.classes,
            encoders={name: summary(type(encoder)) for name, encoder in self._encoders().items()},
            parameters=sum(weight.numel() for weight in self.parameters()),
            preprocessing=preprocessing,
        )
        save_checkpoint(Path(folder), config, self.state_dict(), render(card or ModelCard(), facts), files)

    @classmethod
    def from_pretrained(cls, source: str | Path, *, revision: str | None = None) -> Self:
        """Read what `save_pretrained` wrote; the model is in evaluation mode, on the CPU.

        `source` is the folder, or the id of a model on Hugging Face hub (`revision`: branch, tag or commit); for a
        folder nothing is fetched. Raises CheckpointError, naming file and key, when a file is missing, corrupt,
        foreign or of other dimensions.
        """
        folder = find_checkpoint(source, revision)
        config, weights, files = load_checkpoint(folder)
        try:
            with seeded(0):  # the weights drawn here are replaced: leave the caller's generator alone
                model = cls._from_config(config, files)
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            why = f"key {error} is missing" if isinstance(error, KeyError) else str(error)
            raise CheckpointError(f"{folder / 'config.json'} does not describe a model: {why}") from error
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise CheckpointError(
                f"{folder / 'model.safetensors'} does not fit its config.json: {_first_difference(error)}"
            ) from error
        return model.eval()

    def push_to_hub(
        self,
        repo_id: str,
        *,
        card: ModelCard | None = None,
        preprocessing: Preprocessing | None = None,
        private: bool | None = None,
    ) -> str:
        """Save to the model `repo_id` on Hugging Face hub, made if need be, in one commit; gives the commit's URL.

        The token is that of `hf auth login` or of the variable HF_TOKEN; errors are those of `huggingface_hub`.
        """
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder, card=card, preprocessing=preprocessing)
            hub = HfApi()
            hub.create_repo(repo_id, private=private, exist_ok=True)
            return str(hub.upload_folder(repo_id=repo_id, folder_path=folder, commit_message="Save the model"))

    def _encoders(self) -> dict[str, Encoder]:
        return dict(self.encoders.items())  # type: ignore[arg-type]

    @classmethod
    def _from_config(cls, config: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        classes = config["classes"]
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise ValueError(f"classes must be a list of names, not {classes!r}")
        encoders: dict[str, Encoder] = {}
        for name, entry in _table(config["encoders"], "encoders").items():
            own = {file.removeprefix(f"{name}/"): data for file, data in files.items() if file.startswith(f"{name}/")}
            encoders[name] = _construct(ENCODERS, entry, f"encoders.{name}", **({"extra_files": own} if own else {}))
        feature_dims = {name: encoder.out_dim for name, encoder in encoders.items()}
        fusion = _construct(FUSIONS, config["fusion"], "fusion", feature_dims, len(classes))
        meter = config.get("meter")
        if meter is not None:
            meter = NoiseMeter(encoded_dims(encoders), **_table(meter, "meter"))
        model = cls(encoders, fusion, classes, meter)
        if config.get("preprocessing") is not None:
            model.preprocessing = Preprocessing(**_table(config["preprocessing"], "preprocessing"))
        return model


def encoded_dims(encoders: Mapping[str, Encoder]) -> dict[str, int]:
    """Modality → width of what `Encoder.encode` gives."""
    return {name: encoder.out_dim + encoder.quality_dim for name, encoder in encoders.items()}


def _check_parts(encoders: Mapping[str, Encoder], fusion: Fusion, names: Sequence[str]) -> None:
    for name, encoder in encoders.items():
        if name not in MODALITIES or encoder.modality != name:
            raise ValueError(
                f"encoder {type(encoder).__name__} reads {encoder.modality!r} but is given for {name!r}; "
                f"modalities are {', '.join(MODALITIES)}"
            )
    widths = {name: encoder.out_dim for name, encoder in encoders.items()}
    if list(widths.items()) != list(fusion.feature_dims.items()):  # the order too: it is that of concatenation
        raise ValueError(f"encoders give features {widths}, the fusion was built for {fusion.feature_dims}")
    if len(names) != fusion.classes:
        raise ValueError(f"{len(names)} classes were given, the fusion was built for {fusion.classes}")


def _construct(known: Mapping[str, Callable[..., Any]], entry: Any, key: str, *arguments: Any, **more: Any) -> Any:
    """What the table `entry` of a configuration describes: the constructor's name under `type`, its keywords beside."""
    entry = dict(_table(entry, key))
    kind = entry.pop("type", None)
    if kind not in known:
        raise ValueError(unknown(f"{key}.type", kind, known))
    try:
        return known[kind](*arguments, **entry, **more)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{key}: {error}") from error


def _table(value: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{key} must be a table, not {value!r}")
    return value


def _first_difference(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return (lines[1] if len(lines) > 1 else lines[0])[:300]  # a foreign file may miss hundreds of keys
