"""References: a labelled instance, its window, and its weights on the token grid (method 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float32, UInt8
from torch import Tensor

from fiftyone_ntt.core.geometry import image_tensor, resize_bicubic
from fiftyone_ntt.core.settings import WINDOW_SCALE
from fiftyone_ntt.errors import InputError

Box = tuple[float, float, float, float]
Window = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Reference:
    """One labelled instance of one class.

    Attributes:
        id: names the instance in messages and in the bank (a label id, an annotation id).
        image: RGB.
        box: x, y, width, height in pixels.
        mask: None for a box alone (method 8 makes a mask of it).
        image_name: the image's file name without its folder, which would tell a stranger about this
            machine; "" where there is no file.
    """

    id: str
    image: UInt8[np.ndarray, "H W 3"]
    box: Box
    mask: Bool[np.ndarray, "H W"] | None
    image_name: str = ""

    def __post_init__(self) -> None:
        if self.mask is not None and self.mask.shape != self.image.shape[:2]:
            raise InputError(
                f"reference {self.id}: its mask is {self.mask.shape[1]} x {self.mask.shape[0]} px "
                f"but its image is {self.image.shape[1]} x {self.image.shape[0]} px. Re-export "
                "the mask at the image's size."
            )


@dataclass(frozen=True, eq=False)
class WindowInput:
    """What the encoder needs of one reference.

    Attributes:
        image: the window resized to the encoder's square.
        weights: how much of each token is foreground, 0..1.
        window: where it lies in the reference's image.
        note: what the user should know (a mask smaller than a patch), or None.
    """

    image: Float32[Tensor, "3 side side"]
    weights: Float32[Tensor, "g g"]
    window: Window
    note: str | None


def reference_window(box: Box, size: tuple[int, int]) -> Window:
    """Window of a reference: a square 1.2 times its box's longer side, clipped to the image.

    Args:
        box: x, y, width, height in pixels.
        size: the image's height and width.

    Returns:
        x1, y1, x2, y2 in pixels, x2 and y2 exclusive; at least one pixel, whatever the box.

    Example:
        >>> reference_window((286.0, 164.0, 109.0, 177.0), (360, 480))
        (234, 146, 446, 358)
    """
    x, y, width, height = box
    x1, y1, x2, y2 = int(x), int(y), int(x + width), int(y + height)
    side = max(x2 - x1, y2 - y1) * WINDOW_SCALE
    left, right = _window_edges((x1 + x2) / 2, side, size[1])
    top, bottom = _window_edges((y1 + y2) / 2, side, size[0])
    return left, top, right, bottom


def _window_edges(centre: float, side: float, limit: int) -> tuple[int, int]:
    """Where a window begins and ends along one axis of the image."""
    low = min(max(int(centre - side / 2), 0), limit - 1)
    high = min(int(centre + side / 2), limit)
    # A box thinner than a pixel, or outside the image, still shows the pixel nearest to it.
    return low, max(high, low + 1)


def window_input(reference: Reference, side: int, grid: int) -> WindowInput:
    """Cut a reference's window out of its image and mask.

    The mask is resized bilinearly to the encoder's square, then by nearest neighbour to the token
    grid, which keeps fractional weights. A mask too small to survive that counts on the
    token under its centre of mass. A box that shows nothing of its mask gives way to the mask's.

    Args:
        reference: with a mask.
        side: side of the encoder's square, in pixels.
        grid: side of its token grid.

    Raises:
        InputError: the mask has no pixel.
    """
    mask = reference.mask
    if mask is None or not mask.any():
        raise InputError(
            f"reference {reference.id} has an empty mask, so it shows nothing of its class. "
            "Redraw or remove this reference."
        )
    notes = []
    left, top, right, bottom = reference_window(reference.box, mask.shape)
    if not mask[top:bottom, left:right].any():
        left, top, right, bottom = reference_window(_mask_box(mask), mask.shape)
        notes.append("has a mask outside its box; the mask's own box is used")
    shown = mask[top:bottom, left:right]
    smooth = F.interpolate(
        torch.from_numpy(shown.astype(np.float32))[None, None],
        size=(side, side),
        mode="bilinear",
        align_corners=False,
    )
    weights = F.interpolate(smooth, size=(grid, grid), mode="nearest")[0, 0]
    if not weights.any():
        weights = _centre_patch(shown, grid)
        notes.append(
            "is smaller than a patch of its window; the patch under its centre stands for it"
        )
    note = f"reference {reference.id} {', and '.join(notes)}" if notes else None
    crop = image_tensor(reference.image[top:bottom, left:right])
    return WindowInput(resize_bicubic(crop, side), weights, (left, top, right, bottom), note)


def _mask_box(mask: Bool[np.ndarray, "H W"]) -> Box:
    """Box around a mask: x, y, width, height."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y


def _centre_patch(mask: Bool[np.ndarray, "h w"], grid: int) -> Float32[Tensor, "{grid} {grid}"]:
    """Weight 1 on the token under the centre of mass of a window's mask."""
    row, column = (
        int((pixels.mean() + 0.5) / length * grid)
        for pixels, length in zip(np.nonzero(mask), mask.shape, strict=True)
    )
    weights = torch.zeros(grid, grid)
    weights[row, column] = 1.0
    return weights
