"""Make the docs' pictures: `make pictures`, or `python scripts/pictures.py worlds`.

The App's come from the browser tests' screenshots, the predictions from the demo's overlay, and the
worlds are drawn.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from fiftyone_ntt.demo.worlds import WORLDS, World
from fiftyone_ntt.drawing.overlays import Instance, Pixels, class_colours, draw_instances

CHECKOUT = Path(__file__).resolve().parents[1]
SCREENSHOTS = CHECKOUT / "tests" / "app" / "pictures"
DOCS = CHECKOUT / "docs"
NAMES = ("grid", "build", "evaluation_panel", "memory_bank_panel", "review_panel")
WIDTH = 1000
MAX_BYTES = 150_000
WORLD_SIDE, SHOWN = 256, 3
"""Of a scene in the picture of the worlds, in pixels; which scene it is."""


def main(worlds_alone: bool) -> None:
    if not worlds_alone:
        save_of_app_and_demo()
    save_worlds()


def save_of_app_and_demo() -> None:
    for name in NAMES:
        save_screenshot(SCREENSHOTS / f"{name}.png", DOCS / "app" / f"{name}.png")
    # Noise and shading compress badly as PNG, and few colours spoil them.
    overlay = shrunk(CHECKOUT / "demo" / "overlay.png", 800)
    overlay.save(DOCS / "demo.jpg", quality=88, optimize=True)
    report(DOCS / "demo.jpg")


def save_worlds() -> None:
    """A scene of each world, and below it what is labelled there."""
    sheet = np.concatenate([world_column(world) for world in WORLDS.values()], axis=1)
    Image.fromarray(sheet).save(DOCS / "worlds.jpg", quality=80, optimize=True)
    report(DOCS / "worlds.jpg")


def world_column(world: World) -> Pixels:
    *_, scene = world.scenes("develop", "targets", SHOWN + 1)
    labelled = [
        Instance(mask, label, "") for mask, label in zip(scene.masks, scene.labels, strict=True)
    ]
    drawn = draw_instances(scene.image, labelled, class_colours(world.classes))
    side = (WORLD_SIDE, WORLD_SIDE)
    rows = [
        np.asarray(Image.fromarray(picture).resize(side, Image.Resampling.LANCZOS))
        for picture in (scene.image, drawn)
    ]
    return np.concatenate(rows, axis=0)


def save_screenshot(source: Path, target: Path) -> None:
    """Save a screenshot with as many colours as `MAX_BYTES` allow."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for colours in (256, 128, 64, 32):
        shrunk(source, WIDTH).quantize(colours).save(target, optimize=True)
        if target.stat().st_size < MAX_BYTES:
            break
    report(target)


def shrunk(source: Path, width: int) -> Image.Image:
    with Image.open(source) as image:
        height = round(image.height * width / image.width)
        return image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def report(path: Path) -> None:
    print(f"{path.relative_to(CHECKOUT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(worlds_alone=sys.argv[1:] == ["worlds"])
