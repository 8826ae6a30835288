"""What the browser turns, and so the App, `read_image` turns, and nothing else."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.core.images import read_image
from tests.turned import save_turned, save_xmp

_DRAWN = """async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/png");
}"""


@pytest.mark.parametrize("save", [save_turned, save_xmp])
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_images_are_turned_as_in_the_browser(
    browser: Any, tmp_path: Path, kind: str, orientation: int, save: Callable[[Path, int], Path]
) -> None:
    path = save(tmp_path / f"photo.{kind}", orientation)
    content = base64.b64encode(path.read_bytes()).decode()
    page = browser.new_page()
    drawn = page.evaluate(_DRAWN, f"data:image/{kind};base64,{content}")
    page.close()
    with Image.open(BytesIO(base64.b64decode(drawn.split(",")[1]))) as shown:
        expected = np.asarray(shown.convert("RGB")).astype(int)
    found = read_image(path, oriented=True).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 3
