"""Damaged label pictures, XML and JSON beside them: an error of ours or a result, soon."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from fiftyone_ntt.coco.findings import Findings
from tests.formats import test_coco_results, test_lvis, test_panoptic, test_voc
from tests.formats.comparing import number_map
from tests.formats.reading_back import read_back
from tests.formats.scenes import make_scenes
from tests.mutations import mutated_bytes, mutated_json, mutations, one_mutation

SCENES = make_scenes(3)[1:]
_SHARE = 10


def each_mutation(read: Callable[[int], None], what: str) -> None:
    """Fewer of each kind than elsewhere, as there are so many kinds."""
    for seed in range(mutations() // _SHARE):
        with one_mutation(f"{what}, seed {seed}"):
            read(seed)


@pytest.mark.parametrize("kind", ["panoptic", "lvis", "coco-results"])
def test_damaged_json(tmp_path: Path, kind: str) -> None:
    if kind == "panoptic":
        path = test_panoptic.save_panoptic(tmp_path, SCENES)
    elif kind == "lvis":
        for scene in SCENES:
            scene.save_image(tmp_path / "val2017")
        path = tmp_path / "lvis.json"
        path.write_text(json.dumps(test_lvis.lvis_content(SCENES)))
    else:
        test_coco_results.save(tmp_path, SCENES)
        path = tmp_path / "results" / "found.json"
    text = path.read_bytes()
    content = json.loads(text)

    def read(seed: int) -> None:
        broken = mutated_bytes(text, seed) if seed % 4 == 0 else None
        path.write_bytes(broken or json.dumps(mutated_json(content, seed)).encode())
        images = tmp_path / "truth.json" if kind == "coco-results" else None
        read_back(path, images, kind, Findings("skip"))

    each_mutation(read, kind)


def test_damaged_truth_of_results(tmp_path: Path) -> None:
    test_coco_results.save(tmp_path, SCENES)
    truth = tmp_path / "truth.json"
    content = json.loads(truth.read_bytes())

    def read(seed: int) -> None:
        truth.write_text(json.dumps(mutated_json(content, seed)))
        read_back(tmp_path / "results" / "found.json", tmp_path, None, Findings("skip"))

    each_mutation(read, "truth")


@pytest.mark.parametrize("damaged", ["Annotations", "SegmentationObject", "SegmentationClass"])
def test_damaged_voc(tmp_path: Path, damaged: str) -> None:
    scenes = test_voc.published(SCENES)
    test_voc.save_voc(tmp_path, scenes)
    path = next(iter(sorted((tmp_path / damaged).iterdir())))
    content = path.read_bytes()

    def read(seed: int) -> None:
        path.write_bytes(mutated_bytes(content, seed))
        read_back(tmp_path, None, "voc", Findings("skip"))

    each_mutation(read, damaged)


@pytest.mark.parametrize("kind", ["uint16", "int32", "png", "rgba"])
def test_damaged_masks(tmp_path: Path, kind: str) -> None:
    scene = SCENES[1]
    image = scene.save_image(tmp_path / "boat")
    values = number_map(scene)
    path = image.with_name(f"{image.stem}_mask.{'png' if kind == 'png' else 'tif'}")
    if kind == "rgba":
        path = image
        with Image.open(image) as picture:
            cut_out = picture.convert("RGB")
        cut_out.putalpha(Image.fromarray((values > 0).astype(np.uint8) * 255))
        cut_out.save(path)
    elif kind == "png":
        Image.fromarray(values.astype(np.uint16)).save(path)
    else:
        tifffile.imwrite(path, values.astype(kind), byteorder=">", compression="zlib")
    content = path.read_bytes()

    def read(seed: int) -> None:
        path.write_bytes(mutated_bytes(content, seed))
        read_back(tmp_path, None, "class-folders", Findings("skip"))

    each_mutation(read, kind)
