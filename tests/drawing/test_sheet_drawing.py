"""The sheet shows each reference's window, outlined in its class's colour, a class per row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.drawing.overlays import class_colours
from fiftyone_ntt.drawing.sheet_drawing import save_reference_sheet
from fiftyone_ntt.errors import InputError


def reference(name: str, box: tuple[int, int, int, int], *, masked: bool = True) -> Reference:
    image = np.full((120, 160, 3), 90, np.uint8)
    x, y, w, h = box
    image[y : y + h, x : x + w] = (10, 10, 10)
    mask = np.zeros((120, 160), bool)
    mask[y : y + h, x : x + w] = True
    return Reference(name, image, box, mask if masked else None)


def count(sheet: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(sheet.astype(int) - colour).max(axis=2) < 60).sum())


@pytest.mark.parametrize("masked", [True, False])
def test_a_row_per_class_in_its_colour(tmp_path: Path, masked: bool) -> None:
    references = {
        "bird": [reference("1", (50, 40, 30, 30), masked=masked)],
        "boat": [reference(str(i), (20 * i, 20, 40, 60), masked=masked) for i in (2, 3, 4)],
    }
    path = save_reference_sheet(references, tmp_path / "sheet.png", columns=2)
    sheet = np.asarray(Image.open(path).convert("RGB"))
    # Three rows of two: one for the bird, two for the boats.
    assert sheet.shape == (3 * 168 - 8, 2 * 152 - 8, 3)
    colours = class_colours(["bird", "boat"])
    first, second = sheet[:160], sheet[168:]
    assert count(first, colours["bird"]) > 200 and count(first, colours["boat"]) == 0
    assert count(second, colours["boat"]) > 600 and count(second, colours["bird"]) == 0
    assert (first[:, 152:] == 255).all() and not (first[:144, :144] == 255).all()
    assert (first[144:160, :60] < 100).any(), "the class's name"


def test_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no references to draw"):
        save_reference_sheet({"bird": []}, tmp_path / "sheet.png")


def test_what_a_review_marks_is_framed_and_written_below(tmp_path: Path) -> None:
    references = {"bird": [reference("1", (50, 40, 30, 30)), reference("2", (20, 20, 40, 60))]}
    marks = {"1": ("weak", "closer to boat"), "2": ()}
    path = save_reference_sheet(references, tmp_path / "sheet.png", marks=marks)
    sheet = np.asarray(Image.open(path).convert("RGB"))
    assert sheet.shape == (144 + 3 * 16, 2 * 152 - 8, 3)
    marked, plain = sheet[:, :144], sheet[:, 152:]
    assert (marked[:3] == (213, 94, 0)).all() and (marked[:144, -3:] == (213, 94, 0)).all()
    assert not (plain == (213, 94, 0)).all(axis=2).any()
    assert (marked[160:176] < 100).any(), "the marks"
    assert (plain[160:] == 255).all()
    assert (plain[144:160] < 100).any(), "class and reference"
