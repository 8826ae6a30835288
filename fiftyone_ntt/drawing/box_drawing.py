"""Boxes and the masks that were made of them, drawn on their image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fiftyone_ntt.core.box_agreement import LOW_AGREEMENT
from fiftyone_ntt.core.box_masks import BoxMask
from fiftyone_ntt.core.plain_names import own_name
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.drawing.overlays import Instance, Pixels, draw_instances, save_picture


@dataclass(frozen=True, eq=False)
class BoxWithMask:
    """A box (x, y, width, height in pixels), its class, and the mask that was made of it."""

    label: str
    box: Sequence[float]
    made: BoxMask


def save_box_picture(
    folder: Path,
    title: str,
    image: Pixels,
    boxes: Sequence[BoxWithMask],
    colours: dict[str, tuple[int, int, int]],
) -> Path:
    """Draw the boxes and masks of an image; an exclamation mark is on those that fit badly.

    Args:
        folder: of the pictures.
        title: the image's name, which tells it from the others.
        image: its pixels.
        boxes: on it.
        colours: by class.

    Returns:
        The path of the PNG.

    Raises:
        StoreError: it cannot be written, or is another's.
    """
    drawn = draw_instances(image, [_instance(item) for item in boxes], colours)
    return save_picture(folder / f"{own_name(title)}.png", drawn)


def _instance(item: BoxWithMask) -> Instance:
    x, y, width, height = item.box
    mask = decode_mask(item.made.rle)
    return Instance(mask, item.label, _caption(item), (x, y, width, height))


def _caption(item: BoxWithMask) -> str:
    mark = "!" if item.made.agreement < LOW_AGREEMENT else ""
    return f"{item.label} {item.made.agreement:.2f}{mark}"
