"""Is the auto-encoder of a model at work. Public: `latent`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from models.diagnostics import active_dimensions, reconstruction_r2
from models.fusion import FusionOutput


def latent(
    said: Mapping[str, FusionOutput], unmended: Mapping[str, Tensor], wanted: Mapping[str, Tensor], main: str
) -> dict[str, Any] | None:
    """Active dimensions and KL under the condition `main`, and R² of the reconstruction under all of them.

    Args:
        said: condition → the model's output for its rows.
        unmended: the clean teacher's joint representation (N, J) of the same noisy rows, which nothing has mended.
        wanted: that of the clean rows.

    Returns:
        size, active, kl_nats, and condition → R² as reconstruction_r2 and unmended_r2; None for a model without latent.
    """
    judged = said[main]
    if judged.mean is None:
        return None
    assert judged.kl is not None
    rebuilt = {name: output.reconstruction for name, output in said.items() if output.reconstruction is not None}
    product = judged.mean["product"]
    return {
        "reconstruction_r2": {name: reconstruction_r2(values, wanted[name]) for name, values in rebuilt.items()},
        "unmended_r2": {name: reconstruction_r2(unmended[name], wanted[name]) for name in rebuilt},
        "size": product.shape[1],
        "active": active_dimensions(product),
        "kl_nats": float(judged.kl.mean()),
    }
