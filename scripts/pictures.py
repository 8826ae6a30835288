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
MAX_BYTES = 150_000


def main() -> None:
    for name in NAMES:
        save_screenshot(SCREENSHOTS / f"{name}.png", DOCS / "app" / f"{name}.png")
    # Noise and shading compress badly as PNG, and few colours spoil them.
    overlay = shrunk(CHECKOUT / "demo" / "overlay.png", 800)
    overlay.save(DOCS / "demo.jpg", quality=88, optimize=True)
    report(DOCS / "demo.jpg")


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
    main()
