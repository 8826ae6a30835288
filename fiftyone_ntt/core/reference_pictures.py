"""What a memory bank sees of its references: the published memory visualisation (method 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64, Shaped, UInt8
from PIL import Image

from fiftyone_ntt.core.bank import MemoryBank, normalise
from fiftyone_ntt.core.prototypes import EncodedReference
from fiftyone_ntt.core.rle import RLE, encode_masks
from fiftyone_ntt.core.statistics import PCA_COMPONENTS
from fiftyone_ntt.core.windows import Window

THUMBNAIL_SIDE = 224
"""Longer side of a thumbnail in pixels."""
_OUTLYING = 2.0
"""Percent of a class's patches that may lie outside its range of colours, at either end."""


@dataclass(frozen=True, eq=False)
class ReferencePicture:
    """One reference, patch by patch.

    Attributes:
        id: the reference's.
        label: index of its class in the bank.
        mask: run-length encoding at the size of its image.
        window: where all that follows lies in its image: x1, y1, x2, y2 in pixels.
        thumbnail: RGB, the window, its longer side 224 pixels.
        components: principal components of its class; 0 in the background.
        clusters: 1..4, the k-means cluster of its class; 0 in the background.
    """

    id: str
    label: int
    mask: RLE
    window: Window
    thumbnail: UInt8[np.ndarray, "h w 3"]
    components: Float32[np.ndarray, "g g 3"]
    clusters: Int64[np.ndarray, "g g"]

    @property
    def foreground(self) -> Bool[np.ndarray, "g g"]:
        """The patches that the bank remembers."""
        return self.clusters > 0


def picture_reference(encoded: EncodedReference, bank: MemoryBank, label: int) -> ReferencePicture:
    """Look at one reference with the statistics of its class.

    Args:
        encoded: the reference, by the bank's encoder.
        bank: its statistics say what the components and clusters of a class are. Where a class had
            too few patches for some, those components are 0 and no patch is in those clusters.
        label: index of the reference's class.
    """
    weights = encoded.window.weights.numpy()
    grid, foreground = weights.shape[0], weights > 0
    statistics = bank.statistics
    centred = encoded.tokens - statistics.pca_mean[label]
    components = (centred @ statistics.pca_components[label].T).reshape(grid, grid, -1)
    clusters = _nearest_clusters(encoded.tokens, statistics.centres[label], grid)
    mask, window = encoded.reference.mask, encoded.window.window
    assert mask is not None  # encoding made one
    return ReferencePicture(
        id=encoded.reference.id,
        label=label,
        mask=encode_masks(mask[None])[0],
        window=window,
        thumbnail=_thumbnail(encoded.reference.image, window),
        components=np.where(foreground[..., None], components, 0).astype(np.float32),
        clusters=np.where(foreground, clusters, 0),
    )


def _thumbnail(image: UInt8[np.ndarray, "H W 3"], window: Window) -> UInt8[np.ndarray, "h w 3"]:
    """The window of an image, its longer side `THUMBNAIL_SIDE`."""
    shown = Image.fromarray(image).crop(window)
    scale = THUMBNAIL_SIDE / max(shown.size)
    width, height = (max(round(side * scale), 1) for side in shown.size)
    return np.asarray(shown.resize((width, height), Image.Resampling.BICUBIC))


def _nearest_clusters(
    tokens: Float32[np.ndarray, "gg C"], centres: Float32[np.ndarray, "4 C"], grid: int
) -> Int64[np.ndarray, "{grid} {grid}"]:
    """Cluster of each patch, 1..4."""
    similarity = normalise(tokens) @ centres.T
    similarity[:, ~centres.any(axis=1)] = -np.inf  # fewer patches than clusters: these are none
    return similarity.argmax(axis=1).reshape(grid, grid) + 1


def component_colours(
    pictures: Sequence[ReferencePicture],
) -> list[UInt8[np.ndarray, "g g 3"]]:
    """The principal components of references of one class as colours that mean the same in all.

    Args:
        pictures: of one class.

    Returns:
        Per picture RGB: the first component red, the second green, the third blue, each spread over
        1..255 of the class's range; black in the background. A component that is the same
        everywhere is gray.
    """
    nothing = np.zeros((0, PCA_COMPONENTS), dtype=np.float32)
    patches = np.concatenate([nothing, *(found.components[found.foreground] for found in pictures)])
    if not len(patches):
        return [np.zeros(found.components.shape, dtype=np.uint8) for found in pictures]
    low, high = np.percentile(patches, [_OUTLYING, 100 - _OUTLYING], axis=0)
    flat = high - low <= 1e-6 * np.abs(patches).max(initial=1e-6)
    span = np.where(flat, 1, high - low)
    coloured = []
    for found in pictures:
        share = np.where(flat, 0.5, (found.components - low) / span).clip(0, 1)
        colours = (1 + share * 254).round().astype(np.uint8)
        coloured.append(np.where(found.foreground[..., None], colours, 0).astype(np.uint8))
    return coloured


def spread(
    grid: Shaped[np.ndarray, "g g *channels"], size: tuple[int, int]
) -> Shaped[np.ndarray, "{size[0]} {size[1]} *channels"]:
    """Patches over the pixels of a window, each as the block that it was made of.

    Args:
        grid: what each patch has, of any type.
        size: the window's height and width.

    Example:
        >>> spread(np.array([[1, 2], [3, 4]]), (2, 3)).tolist()
        [[1, 1, 2], [3, 3, 4]]
    """
    rows, columns = (np.arange(side) * len(grid) // side for side in size)
    return grid[rows[:, None], columns]
