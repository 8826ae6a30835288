"""Parts of a picture that are looked at besides the whole, each as large as the models' square.

Both models see a picture at one size, so an object of 40 pixels in a photo of 4,000 is a few pixels
to them. A crop of half the side doubles it. What a crop shows in part touches one of its borders
that is none of the picture, and is dropped: the whole picture, or the next crop, has all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, UInt8


@dataclass(frozen=True)
class Crop:
    """A rectangle of a picture.

    Attributes:
        corner: its top and left, in pixels.
        size: its height and width, in pixels.
        picture: the picture's height and width.
    """

    corner: tuple[int, int]
    size: tuple[int, int]
    picture: tuple[int, int]

    def cut(self, image: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """The pixels of this part of a picture."""
        (top, left), (height, width) = self.corner, self.size
        return image[top : top + height, left : left + width]

    def touching(self, boxes: Int64[np.ndarray, "N 4"], side: int) -> Bool[np.ndarray, " N"]:
        """Which boxes reach a border of this part that is none of the picture.

        Args:
            boxes: inclusive extrema x1, y1, x2, y2 of masks of this part.
            side: of those masks.
        """
        last = side - 1
        (top, left), (height, width) = self.corner, self.size
        found = np.zeros(len(boxes), dtype=bool)
        if left > 0:
            found |= boxes[:, 0] <= 0
        if top > 0:
            found |= boxes[:, 1] <= 0
        if left + width < self.picture[1]:
            found |= boxes[:, 2] >= last
        if top + height < self.picture[0]:
            found |= boxes[:, 3] >= last
        return found

    def in_picture(self, boxes: Int64[np.ndarray, "N 4"], side: int) -> Int64[np.ndarray, "N 4"]:
        """Boxes of masks of this part as boxes of masks, of the same side, of the whole picture.

        Args:
            boxes: inclusive extrema x1, y1, x2, y2.
            side: of the masks.
        """
        scale = np.array([self.size[1] / self.picture[1], self.size[0] / self.picture[0]] * 2)
        corner = np.array([self.corner[1] / self.picture[1], self.corner[0] / self.picture[0]] * 2)
        ends = boxes + np.array([0, 0, 1, 1])  # where the last pixel ends
        moved = np.floor(ends * scale + corner * side).astype(np.int64)
        moved[:, 2:] = np.maximum(moved[:, 2:] - 1, moved[:, :2])
        return np.clip(moved, 0, side - 1)


def whole_picture(size: tuple[int, int]) -> Crop:
    """All of a picture of this height and width."""
    return Crop((0, 0), size, size)


def crops_of(size: tuple[int, int], count: int) -> list[Crop]:
    """Parts of half a picture's side, row by row.

    Args:
        size: the picture's height and width.
        count: how many: 0, 4 (its corners) or 9 (three by three, overlapping by half).

    Example:
        >>> from fiftyone_ntt.core.crops import crops_of
        >>> [crop.corner for crop in crops_of((480, 640), 4)]
        [(0, 0), (0, 320), (240, 0), (240, 320)]
    """
    steps = round(count**0.5)
    height, width = (-(-length // 2) for length in size)  # half a pixel more than half
    return [
        Crop((top, left), (height, width), size)
        for top in _starts(size[0] - height, steps)
        for left in _starts(size[1] - width, steps)
    ]


def _starts(last: int, steps: int) -> list[int]:
    """Evenly from 0 to `last`, in whole pixels."""
    return [round(last * step / max(steps - 1, 1)) for step in range(steps)]
