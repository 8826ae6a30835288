"""Masks of one value an object, by the libraries that write them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import skimage.io
import tifffile
from cellpose.io import save_masks
from skimage.measure import label

from scripts.format_tools.drawing import Case, save_cases, scenes_with_objects
from tests.formats.scenes import Scene

CELLPOSE, SKIMAGE = f"cellpose {version('cellpose')}", f"scikit-image {version('scikit-image')}"
TIFFFILE = f"tifffile {version('tifffile')}"


def main(folder: Path, count: int) -> None:
    scenes = scenes_with_objects(count)
    save_cases(
        folder,
        "cell_masks",
        [
            case(folder, scenes, "png", f"{CELLPOSE}, save_masks, PNG", cellpose(png=True)),
            case(
                folder,
                scenes,
                "tif",
                f"{CELLPOSE}, save_masks, TIFF",
                cellpose(tif=True, png=False),
            ),
            case(folder, scenes, "sk", f"{SKIMAGE}, imsave of its label()", scikit_image),
            case(folder, scenes, "u2", f"{TIFFFILE}, ImageJ, 16 bits", imagej),
            case(folder, scenes, "u4", f"{TIFFFILE}, 32 bits, deflated", deflated),
        ],
    )


def case(
    folder: Path, scenes: list[Scene], name: str, tool: str, save: Callable[[Path, Any], Any]
) -> Case:
    """`save` writes the masks of an image and returns what the tool reads again."""
    made = Case("masks", tool, f"{tool.partition(',')[0]}, read again", name)
    for scene in scenes:
        path = scene.save_image(folder / name)
        numbers = [n * item.mask for n, item in enumerate(scene.objects, start=1)]
        values = save(path, np.sum(numbers, axis=0))
        for value in np.unique(values[values > 0]):
            made.add(scene.name, "object", values == value)
    return made


def cellpose(**more: bool) -> Callable[[Path, Any], Any]:
    def save(path: Path, values: np.ndarray) -> np.ndarray:
        image = skimage.io.imread(path)
        save_masks([image], [values.astype(np.uint16)], [None], [str(path)], **more)
        [written] = path.parent.glob(f"{path.stem}_cp_masks.*")
        return skimage.io.imread(written)

    return save


def scikit_image(path: Path, values: np.ndarray) -> np.ndarray:
    """Each connected part is an object of its own here."""
    found = label(values).astype(np.uint16)
    skimage.io.imsave(path.with_name(f"{path.stem}_mask.png"), found, check_contrast=False)
    return skimage.io.imread(path.with_name(f"{path.stem}_mask.png"))


def imagej(path: Path, values: np.ndarray) -> np.ndarray:
    written = path.with_name(f"{path.stem}_masks.tif")
    tifffile.imwrite(written, (300 * values).astype(np.uint16), imagej=True)
    return tifffile.imread(written)


def deflated(path: Path, values: np.ndarray) -> np.ndarray:
    written = path.with_name(f"{path.stem}_masks.tif")
    tifffile.imwrite(written, (70_000 * values).astype(np.uint32), compression="zlib")
    return tifffile.imread(written)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
