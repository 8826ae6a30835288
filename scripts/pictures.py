"""Make the README's pictures: `make pictures`.

The App's come from the browser tests' screenshots, the predictions from the demo's overlay.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

CHECKOUT = Path(__file__).resolve().parents[1]
SCREENSHOTS = CHECKOUT / "tests" / "app" / "pictures"
DOCS = CHECKOUT / "docs"
NAMES = ("grid", "build", "evaluation_panel", "memory_bank_panel")
WIDTH = 1000
MAX_BYTES = 200_000


def main() -> None:
    for name in NAMES:
        shrink(SCREENSHOTS / f"{name}.png", DOCS / "app" / f"{name}.png", WIDTH)
    shrink(CHECKOUT / "demo" / "overlay.png", DOCS / "demo.png", 800)


def shrink(source: Path, target: Path, width: int) -> None:
    """Save a picture at `width` pixels, with as many colours as `MAX_BYTES` allow."""
    with Image.open(source) as image:
        height = round(image.height * width / image.width)
        small = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    target.parent.mkdir(parents=True, exist_ok=True)
    for colours in (256, 128, 64, 32):
        small.quantize(colours, dither=Image.Dither.NONE).save(target, optimize=True)
        if target.stat().st_size < MAX_BYTES:
            break
    print(f"{target.relative_to(CHECKOUT)}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
