"""Propose: an image to its proposals (method 4, 5).

The expensive half of the method. Its result depends on the image and the models alone.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from fiftyone_ntt.core.class_scores import stable_ious
from fiftyone_ntt.core.crops import Crop, crops_of, whole_picture
from fiftyone_ntt.core.geometry import resize_bicubic, squash, suppress
from fiftyone_ntt.core.interfaces import Encoder, Segmenter
from fiftyone_ntt.core.proposals import Proposals, described, join_proposals, prompt_grid
from fiftyone_ntt.core.settings import ProposalSettings

REPEATED = 0.9
"""Masks with a higher IoU are one: with crops, the better alone is kept."""


def propose(
    image: UInt8[np.ndarray, "H W 3"],
    segmenter: Segmenter,
    encoder: Encoder,
    settings: ProposalSettings | None = None,
) -> Proposals:
    """Proposals of one image.

    Args:
        image: RGB.
        segmenter: prompted once per grid point, of the whole image and of each crop.
        encoder: its tokens describe the proposals.
        settings: the paper's when None.

    Returns:
        Possibly none: an image on which nothing passes the IoU threshold is a valid result.
    """
    settings = settings or ProposalSettings()
    size = (image.shape[0], image.shape[1])
    whole = _propose_crop(image, whole_picture(size), 0, segmenter, encoder, settings)
    if not settings.crops:
        return whole
    parts = [_distinct(whole)]
    for number, crop in enumerate(crops_of(size, settings.crops), start=1):
        parts.append(_distinct(_propose_crop(image, crop, number, segmenter, encoder, settings)))
    return _distinct(join_proposals(parts))


def _propose_crop(
    image: UInt8[np.ndarray, "H W 3"],
    crop: Crop,
    number: int,
    segmenter: Segmenter,
    encoder: Encoder,
    settings: ProposalSettings,
) -> Proposals:
    """The proposals of a part of an image, without those that it shows in part alone."""
    square = squash(crop.cut(image), segmenter.side, segmenter.device)
    embedding = segmenter.embed(square[None])[0]
    prompts, ious, logits = prompt_grid(embedding, segmenter, settings)
    tokens = encoder.encode(resize_bicubic(square, encoder.side)[None].to(encoder.device))[0]
    return described(prompts, ious, logits, tokens, crop, number)


def _distinct(proposals: Proposals) -> Proposals:
    """Of proposals that show the same, the one of the best mask, in the order they had."""
    everything_alike = np.zeros(len(proposals), dtype=np.int64)
    rivals = proposals.overlaps.iou_above(REPEATED)
    kept = suppress(rivals, stable_ious(proposals).astype(np.float64), everything_alike)
    return proposals.rows(np.sort(kept))
