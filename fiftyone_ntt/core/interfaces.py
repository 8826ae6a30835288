"""What the method needs of a model: two small protocols, implemented in `fiftyone_ntt.models`.

They are wide enough for any patch-token encoder (DINOv2, DINOv3, ...) and any promptable
segmenter with several masks per prompt (SAM 2, EdgeTAM, ...).
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

ImageEmbedding = Any
"""One image's features, opaque to the method: made and read by the same segmenter."""


@runtime_checkable
class Encoder(Protocol):
    """Images to patch tokens.

    Attributes:
        identity: name and weights' hash; equal for two encoders only if their tokens are.
        side: side of the square input, in pixels.
        grid: side `g` of the token grid (`side / patch size`).
        width: token width `C`.
        device: where the weights lie and tokens are returned.
    """

    identity: str
    side: int
    grid: int
    width: int
    device: torch.device

    def encode(self, images: Float32[Tensor, "B 3 side side"]) -> Float32[Tensor, "B gg C"]:
        """Final layer-normed patch tokens, `gg = g * g`, class and register tokens dropped, of
        `images`, RGB in 0..1 (normalised inside)."""
        ...


@runtime_checkable
class Segmenter(Protocol):
    """An image and prompts to mask logits.

    Attributes:
        identity: name and weights' hash; equal for two segmenters only if their masks are.
        side: side `S` of the square input, in pixels.
        mask_side: side `m` of the mask logits (`S / 4` for SAM 2).
        device: where the weights lie and masks are returned.
    """

    identity: str
    side: int
    mask_side: int
    device: torch.device

    def embed(self, images: Float32[Tensor, "B 3 S S"]) -> list[ImageEmbedding]:
        """One embedding per image of `images`, RGB in 0..1."""
        ...

    def decode_best(
        self, embedding: ImageEmbedding, points: Float32[Tensor, "P 2"], iou_threshold: float
    ) -> tuple[Int64[Tensor, " N"], Float32[Tensor, " N"], Float32[Tensor, "N m m"]]:
        """The best of the multimask outputs of one positive point each, where it is good enough.

        Args:
            embedding: one image's, from `embed`.
            points: x and y in the segmenter's pixels, as its prompt encoder takes them (SAM 2's
                adds half a pixel of its own).
            iou_threshold: points whose highest predicted IoU is not above it are left out.

        Returns:
            Rows of the points kept, rising; their highest predicted IoU; and the mask logits it
            was predicted for.
        """
        ...

    def decode_boxes(
        self, embedding: ImageEmbedding, boxes: Float32[Tensor, "P 4"]
    ) -> tuple[Float32[Tensor, "P m m"], Float32[Tensor, " P"]]:
        """The single-mask output of one box each.

        Args:
            embedding: one image's, from `embed`.
            boxes: corners x1, y1, x2, y2 in the segmenter's pixels.

        Returns:
            Mask logits and predicted IoUs.
        """
        ...
