"""Stored arrays with a right checksum that do not make sense: absent, as damaged ones are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fiftyone_ntt.store import proposal_store
from fiftyone_ntt.store.proposal_store import ProposalStore
from tests.store.test_proposal_store import SETUP, example, stored_file

KEY = "ab" * 16
_FORMAT = proposal_store._FORMAT


def changed(array: Any, place: Any, value: float) -> Any:
    copied = array.copy()
    copied[place] = value
    return copied


def outside_run(found: dict[str, Any]) -> Any:
    """The last mask's text ends with a run of 2 ** 19 pixels."""
    end = np.frombuffer(b"PPPP0"[-int(found["mask_lengths"][-1]) :], np.uint8)
    return np.concatenate([found["mask_bytes"][: -len(end)], end])


DAMAGE: dict[str, Any] = {
    "prompts below 0": lambda a: {"prompts": changed(a["prompts"], 0, -1)},
    "prompts of 64 bits": lambda a: {"prompts": a["prompts"].astype(np.int64)},
    "an IoU that is none": lambda a: {"ious": changed(a["ious"], 1, np.nan)},
    "a box turned round": lambda a: {"boxes": changed(a["boxes"], (1, 0), 99)},
    "boxes of three corners": lambda a: {"boxes": np.ascontiguousarray(a["boxes"][:, :3])},
    "flat features": lambda a: {"features": np.ascontiguousarray(a["features"][:, 0])},
    "infinite features": lambda a: {"features": changed(a["features"], (0, 0), np.inf)},
    "features of one too few": lambda a: {"features": a["features"][1:]},
    "a pair past the end": lambda a: {"pairs": changed(a["pairs"], (0, 1), 5)},
    "a pair with itself": lambda a: {"pairs": changed(a["pairs"], (0, 0), a["pairs"][0, 1])},
    "a pair from the end": lambda a: {"pairs": changed(a["pairs"], (0, 0), -1)},
    "pairs without pixels": lambda a: {"pixels": a["pixels"][1:]},
    "more shared than there is": lambda a: {"pixels": changed(a["pixels"], 0, 601)},
    "areas of other masks": lambda a: {"areas": changed(a["areas"], 1, 1)},
    "masks cut short": lambda a: {"mask_bytes": a["mask_bytes"][:-1]},
    "masks of other lengths": lambda a: {"mask_lengths": changed(a["mask_lengths"], 0, -1)},
    "a run past the image": lambda a: {"mask_bytes": outside_run(a)},
    "characters of no run": lambda a: {"mask_bytes": changed(a["mask_bytes"], 3, 200)},
    "crops of one too many": lambda a: {"crops": np.zeros(6, np.int16)},
}
SIZES: list[Any] = [[30, 20], [20, 31], [0, 0], [-20, -30], [2**20, 2**20], ["20", "30"], 7, [20]]


@pytest.mark.parametrize("what", DAMAGE)
def test_arrays_that_make_no_sense(tmp_path: Path, what: str, unchecked: None) -> None:
    content, arrays, path, store = stored(tmp_path)
    path.write_bytes(_FORMAT.seal(content, {**arrays, **DAMAGE[what](arrays)}))
    assert store.get(SETUP, KEY) is None
    assert store.verify() == [path]


@pytest.mark.parametrize("size", SIZES)
def test_sizes_that_are_not_the_masks(tmp_path: Path, size: Any, unchecked: None) -> None:
    _, arrays, path, store = stored(tmp_path)
    path.write_bytes(_FORMAT.seal({"image_size": size}, arrays))
    if size == [30, 20]:  # as many pixels: only the image tells
        assert store.get(SETUP, KEY, size=(21, 30)) is None
    else:
        assert store.get(SETUP, KEY) is None
        assert store.verify() == [path]


def test_of_another_image_or_encoder(tmp_path: Path) -> None:
    *_, store = stored(tmp_path)
    assert store.get(SETUP, KEY, size=(20, 30), width=6) is not None
    assert store.get(SETUP, KEY, size=(30, 20)) is not None  # turned by its EXIF orientation
    assert store.get(SETUP, KEY, size=(20, 31)) is None
    assert store.get(SETUP, KEY, width=5) is None


def stored(folder: Path) -> tuple[dict[str, Any], dict[str, Any], Path, ProposalStore]:
    """What a file holds, the file, and its store."""
    store = ProposalStore(folder)
    store.put(SETUP, KEY, example())
    path = stored_file(folder)
    content, arrays = _FORMAT.unseal(path.read_bytes(), str(path))
    return {"image_size": content["image_size"]}, arrays, path, store
