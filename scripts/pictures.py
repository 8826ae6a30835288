"""Make the README's pictures of the App out of the browser tests' screenshots: `make pictures`."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

CHECKOUT = Path(__file__).resolve().parents[1]
SOURCE = CHECKOUT / "tests" / "app" / "pictures"
TARGET = CHECKOUT / "docs" / "app"
NAMES = ("grid", "build", "evaluation_panel", "memory_bank_panel")
WIDTH = 1000
MAX_BYTES = 150_000


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        with Image.open(SOURCE / f"{name}.png") as image:
            height = round(image.height * WIDTH / image.width)
            small = image.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
        path = TARGET / f"{name}.png"
        for colours in (256, 128, 64, 32):
            small.quantize(colours).save(path, optimize=True)
            if path.stat().st_size < MAX_BYTES:
                break
        print(f"{path.relative_to(CHECKOUT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
