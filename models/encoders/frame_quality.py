"""How good frames are, measured without reference: statistics of a clip that no weight has touched.

An encoder of faces learns to see through blur and darkness, and what it sees through it can no longer tell; these
statistics keep it. On their own they say nothing of the task.

Logarithms have a floor and start there, so that every value is finite; a clip without a lit frame gives zeros. No value
depends on the other samples of the batch, nor on padding or black frames.

Public: `frame_quality`, `FRAME_QUALITY`. References: Mittal, Moorthy and Bovik, IEEE TIP 2012 (pictures judged by
statistics, without reference); Immerkaer, CVIU 1996 (noise told by what a small kernel takes away).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from models.batch import Batch, lit_frames
from models.encoders.pooling import length_mask, masked_mean, masked_mean_std

_SCALES = 3
_FLOOR = 1e-3  # a quarter of a grey level
_DARK, _BRIGHT = 0.04, 0.96

FRAME_QUALITY = 2 * (5 + 2 * _SCALES) + 1
"""How many statistics there are."""


@torch.no_grad()
def frame_quality(batch: Batch) -> Tensor:
    """(B, FRAME_QUALITY) float32 from `batch.video` (B, T, H, W, 3) and its lengths.

    Mean and deviation over the lit frames of brightness, contrast, colour, dark and bright shares of the pixels, and
    of the root mean square and the median of the detail at three scales; then how much the finest detail changes from
    frame to frame, 0 for a clip without two lit frames in a row.
    """
    with torch.autocast(batch.video.device.type, enabled=False):
        return _measured(batch)


def _measured(batch: Batch) -> Tensor:
    video = batch.video
    mask = length_mask(batch.video_length, video.shape[1]) & lit_frames(video)
    if not mask.any():
        return torch.zeros(len(batch), FRAME_QUALITY, device=video.device)
    colour = video[mask].float() / 255  # (F, H, W, 3)
    grey = colour.mean(dim=3).unsqueeze(1)  # (F, 1, H, W)
    columns = [
        grey.mean(dim=(1, 2, 3)),
        _log(grey.flatten(1).std(dim=1, correction=0), 0.01),
        (colour.amax(dim=3) - colour.amin(dim=3)).mean(dim=(1, 2)),
        (grey < _DARK).float().mean(dim=(1, 2, 3)),
        (grey > _BRIGHT).float().mean(dim=(1, 2, 3)),
    ]
    details = []
    for _ in range(_SCALES):
        details.append(_detail(grey))
        size = details[-1].abs().flatten(1)
        for typical in (size.square().mean(dim=1).sqrt(), size.median(dim=1).values):
            columns.append(_log(typical))
        grey = avg_pool2d(grey, 2, ceil_mode=True)
    found = torch.zeros((*mask.shape, len(columns)), device=video.device)
    found[mask] = torch.stack(columns, dim=1)
    return torch.cat([masked_mean_std(found, mask), _change(details[0], mask)], dim=1)


def _log(values: Tensor, floor: float = _FLOOR) -> Tensor:
    """Of non-negative values; 0 for 0, and close to that below the floor."""
    return torch.log1p(values / floor)


def _detail(grey: Tensor) -> Tensor:
    """What a mean over 3 × 3 pixels takes away."""
    return grey - avg_pool2d(grey, 3, stride=1, padding=1, count_include_pad=False)


def _change(detail: Tensor, mask: Tensor) -> Tensor:
    """(B, 1) mean change of the detail (F, 1, H, W) of the frames in `mask` (B, T) to the next frame."""
    frames = torch.zeros((*mask.shape, detail[0].numel()), device=detail.device)
    frames[mask] = detail.flatten(1)
    change = _log((frames[:, 1:] - frames[:, :-1]).abs().mean(dim=2, keepdim=True))
    return masked_mean(change, mask[:, 1:] & mask[:, :-1])
