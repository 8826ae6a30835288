"""CVAT's XML with masks that CVAT's own library encodes; polygons and ellipses as its server draws
them for its exports (pycocotools; OpenCV)."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from xml.sax.saxutils import quoteattr

from cvat_sdk.masks import decode_mask, encode_mask

from scripts.format_tools.drawing import Case, save_cases, scenes_with_objects
from tests.formats.scenes import CLASSES, Scene, SceneObject

TOOL = f"cvat-sdk {version('cvat-sdk')}"


def main(folder: Path, count: int) -> None:
    scenes = scenes_with_objects(count)
    case = Case("cvat", f"by hand, masks by {TOOL}", f"{TOOL}, decode_mask", "annotations.xml")
    labels = "".join(f"<label><name>{name}</name><attributes/></label>" for name in CLASSES)
    images = "".join(image(number, scene, case) for number, scene in enumerate(scenes))
    (folder / "annotations.xml").write_text(
        f"<annotations><version>1.1</version><meta><task><labels>{labels}</labels></task></meta>"
        f"{images}</annotations>",
        encoding="utf-8",
    )
    for scene in scenes:
        scene.save_image(folder / "images")
    save_cases(folder, "cvat", [case])


def image(number: int, scene: Scene, case: Case) -> str:
    height, width = scene.size
    inside = "".join(mask(scene, item, case) for item in scene.objects)
    sides = f'width="{width}" height="{height}"'
    return f'<image id="{number}" name="{scene.name}" {sides}>{inside}</image>'


def mask(scene: Scene, item: SceneObject, case: Case) -> str:
    """The runs, and the first and last column and row after them, as an attribute each."""
    points = encode_mask(item.mask)
    height, width = scene.size
    case.add(scene.name, item.label, decode_mask(points, image_width=width, image_height=height))
    *runs, left, top, right, bottom = (int(value) for value in points)
    window = f'width="{right - left + 1}" height="{bottom - top + 1}"'
    written = ", ".join(map(str, runs))
    return (
        f'<mask label={quoteattr(item.label)} source="manual" occluded="0" z_order="0" '
        f'rle="{written}" left="{left}" top="{top}" {window}></mask>'
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
