"""Any classification network of torchvision on frames: MobileNetV3, EfficientNet, ResNet, ConvNeXt, ViT, Swin, ….

torchvision is optional: pip install torchvision, of the release that goes with the installed torch.

Public: `TorchvisionVideoEncoder`.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

from torch import Tensor, nn

from models.encoders.frames import FrameEncoder
from models.encoders.pretrained import fit_weights, read_weights

_OTHER_OUTPUT = {"googlenet", "inception_v3"}  # in training they give more than one output


class TorchvisionVideoEncoder(FrameEncoder):
    """The network without its last layer on every frame, then attentive pooling over time.

    `frozen` keeps its weights and, in batch normalisation, its statistics. `size` in pixels is the side that frames
    are resized to; vision transformers take the one that they were trained with, 224 mostly. Pixels are standardised
    with ImageNet's constants. Raises ValueError on an unknown `backbone` or one without a linear last layer,
    ImportError without torchvision.
    """

    def __init__(
        self, backbone: str, out_dim: int = 128, *, frozen: bool = True, size: int = 224, dropout: float = 0.1
    ) -> None:
        network = _models(backbone).get_model(backbone, weights=None)
        self.head, width = _remove_last_layer(network, backbone)
        super().__init__(
            network, [] if frozen else [network], size=(size, size), width=width, out_dim=out_dim, dropout=dropout
        )
        self.config = {"backbone": backbone, "out_dim": out_dim, "frozen": frozen, "size": size, "dropout": dropout}

    @classmethod
    def from_pretrained(cls, backbone: str, weights: str | Path = "DEFAULT", **arguments: Any) -> Self:
        """Load weights: "DEFAULT" or another name of torchvision's for this backbone, downloaded and its hash
        checked, or a local `.safetensors` file; the last layer's are left out. `arguments` as for the constructor.

        Raises ValueError when the name is unknown or the file is not safetensors or of another network.
        """
        encoder = cls(backbone, **arguments)
        if Path(weights).suffix == ".safetensors":
            state = read_weights(weights)
        else:
            known = _models(backbone).get_model_weights(backbone)
            if weights != "DEFAULT" and weights not in known.__members__:
                raise ValueError(
                    f"unknown weights {str(weights)!r} of {backbone}: give a local .safetensors file, DEFAULT or one "
                    f"of {', '.join(known.__members__)}"
                )
            state = known[str(weights)].get_state_dict(check_hash=True, weights_only=True)
        state = {name: value for name, value in state.items() if not name.startswith(f"{encoder.head}.")}
        fit_weights(encoder.network, state, weights)
        return encoder

    def _image_vectors(self, pixels: Tensor) -> Tensor:
        with self.gradients():
            vectors: Tensor = self.network(pixels)
        return vectors


def _models(backbone: str) -> Any:
    """torchvision.models, once it is sure to know the backbone."""
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:  # RuntimeError: its compiled part is for another build of torch
        raise ImportError(
            f"backbone {backbone!r} needs torchvision, which cannot be imported ({error}): "
            "pip install torchvision, of the release for your torch"
        ) from error
    known = [name for name in models.list_models(module=models) if name not in _OTHER_OUTPUT]
    if backbone not in known:
        near = get_close_matches(backbone, known, n=5, cutoff=0.4) or known
        raise ValueError(f"unknown backbone {backbone!r}: nearest are {', '.join(near)}")
    return models


def _remove_last_layer(network: nn.Module, backbone: str) -> tuple[str, int]:
    """Put the identity in place of the last layer, which must be linear; its name and the width of its input."""
    name, last = [(name, module) for name, module in network.named_modules() if not list(module.children())][-1]
    if not isinstance(last, nn.Linear):
        raise ValueError(f"backbone {backbone!r} ends in {type(last).__name__}, not in a linear layer")
    network.set_submodule(name, nn.Identity())
    return name, last.in_features
