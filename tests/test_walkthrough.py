"""`docs/walkthrough.sh`, the published custom-dataset flow, on generated images."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fiftyone_ntt
from fiftyone_ntt.cli import main
from fiftyone_ntt.core.rle import encode_masks, rle_boxes
from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
from fiftyone_ntt.demo.scenes import generate_scene
from tests.coco.files import write

SCRIPT = Path(fiftyone_ntt.__file__).parents[1] / "docs" / "walkthrough.sh"
CLASSES = NOVEL_CLASSES[2:4]
SEEDS = (1_000_021, 1_000_022)


def commands(folder: Path) -> list[list[str]]:
    """What the script calls, as bash reads it."""
    told = 'fiftyone-ntt() { printf "%q " "$@"; echo; }; source "$0"'
    done = subprocess.run(
        ["bash", "-c", told, str(SCRIPT)],
        cwd=folder,
        env={"MODELS": "demo"},
        capture_output=True,
        text=True,
        check=True,
    )
    return [shlex.split(line) for line in done.stdout.splitlines()]


def annotations(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Images, which are written, and their true annotations."""
    images, rows = [], []
    names = [found.name for found in CLASSES]
    (folder / "images").mkdir()
    for key, seed in enumerate(SEEDS, start=1):
        scene = generate_scene(CLASSES, seed=seed)
        Image.fromarray(scene.image).save(folder / "images" / f"{key}.png")
        images.append({"id": key, "file_name": f"{key}.png", "height": 256, "width": 256})
        for mask, label in zip(scene.masks, scene.labels, strict=True):
            [rle] = encode_masks(mask[None])
            x1, y1, x2, y2 = rle_boxes([rle])[0].tolist()
            text = {"size": list(rle["size"]), "counts": rle["counts"].decode()}
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": key,
                    "category_id": names.index(label) + 1,
                    "bbox": [x1, y1, x2 - x1 + 1, y2 - y1 + 1],
                    "area": int(mask.sum()),
                    "segmentation": text,
                }
            )
    return images, rows


@pytest.mark.slow
def test_the_walkthrough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(SCRIPT.read_text().splitlines()) <= 10
    images, rows = annotations(tmp_path)
    first = {row["category_id"]: row for row in reversed(rows)}
    boxes = [{k: v for k, v in first[key].items() if k != "segmentation"} for key in (1, 2)]
    categories = [{"id": key, "name": found.name} for key, found in enumerate(CLASSES, start=1)]
    shared = {"images": images, "categories": categories}
    write(tmp_path / "boxes.json", {**shared, "annotations": boxes})
    write(tmp_path / "truth.json", {**shared, "annotations": rows})
    monkeypatch.chdir(tmp_path)
    names = ["boxes-to-masks", "build", "pictures", "segment", "evaluate"]
    said = {}
    given = commands(tmp_path)
    assert [words[0] for words in given] == names
    for words in given:
        assert main(words) == 0
        said[words[0]] = capsys.readouterr().out.splitlines()

    assert said["boxes-to-masks"][0] == "refs.json: 2 masks made, 2 annotations"
    agreement = said["boxes-to-masks"][1]
    assert all(f"{found.name} 0." in agreement for found in CLASSES)
    drawn = {f"{image['file_name']}.png" for image in images if holds(image, boxes)}
    assert {path.name for path in Path("boxes").iterdir()} == drawn
    assert said["build"] == [
        "bank.safetensors: " + ", ".join(f"{found.name} x 1" for found in CLASSES)
    ]
    assert said["pictures"][0] == "memory: 2 of 2 references drawn"
    assert len(list(Path("memory").glob("*.png"))) == 3, "one a reference, and the sheet"
    for path in [*Path("memory").glob("*.png"), *Path("boxes").glob("*.png")]:
        assert np.asarray(Image.open(path)).std() > 10, "something is drawn"
    results = json.loads(Path("results.json").read_text())
    assert said["segment"][0] == f"results.json: {len(results)} instances in 2 of 2 images"
    found = {path.name for path in Path("found").iterdir()}
    assert {f"{image['file_name']}.png" for image in images} < found
    assert Path("found/index.html").is_file()
    assert [line.split()[0] for line in said["evaluate"]] == ["AP", "masks", "boxes"]
    assert float(said["evaluate"][1].split()[2]) > 0.4, "AP50 by masks"
    relabelling_takes_a_tenth(capsys)


def relabelling_takes_a_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the time of segmenting, per image and start-up apart; and gives the same, bit for bit."""
    shared = "--bank bank.safetensors --targets truth.json --images images --store kept --json"
    seconds = []
    for command in ("segment --models demo", "relabel"):
        name = command.split()[0]
        assert main([*command.split(), *shared.split(), "--output", f"{name}.json"]) == 0
        seconds.append(json.loads(capsys.readouterr().out)["seconds"]["per_image"])
    assert Path("relabel.json").read_bytes() == Path("segment.json").read_bytes()
    assert seconds[1] <= seconds[0] / 10


def holds(image: dict[str, Any], boxes: list[dict[str, Any]]) -> bool:
    return image["id"] in {row["image_id"] for row in boxes}
