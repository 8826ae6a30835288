"""The demo's dataset: generated scenes of classes the demo models have never seen."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import fiftyone as fo

from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
from fiftyone_ntt.demo.scenes import Scene, generate_scene
from fiftyone_ntt.drawing.overlays import save_picture
from fiftyone_ntt.store.atomic import make_folder

DATASET = "fiftyone-ntt-demo"
GROUND_TRUTH = "ground_truth"
CANDIDATE = "candidate"
"""Sample tag of the scenes that references are drawn from."""
TARGET = "target"
"""Sample tag of the scenes to segment; none of them ever holds a reference."""

CANDIDATES = 50
TARGETS = 60
_ENDED = "fiftyone_ntt_demo_ended"
"""Key of a demo dataset's info: when its samples were last written to by the demo."""
_FIRST_SEED = 1_000_000
"""The training starts with it too; its classes are others, so only backgrounds are the same."""


def make_demo_dataset(folder: str | Path, name: str = DATASET) -> fo.Dataset:
    """Draw the demo's scenes and load them into FiftyOne.

    A demo dataset of that name is replaced if nobody wrote to it since the demo ended; otherwise
    it stays, as does any other dataset, and the new one's name ends with a number.

    Args:
        folder: where the pictures are written, as PNG; made if need be.
        name: of the dataset, if it is free.

    Returns:
        110 scenes of 256 x 256 px with exact instance masks in `ground_truth`: 50 tagged
        `candidate`, to draw references from, and 60 tagged `target`.
    """
    folder = Path(folder).resolve()
    make_folder(folder)
    samples = [_sample(folder, index) for index in range(CANDIDATES + TARGETS)]
    dataset = fo.Dataset(_free_name(name))
    dataset.add_samples(samples, progress=False)
    dataset.compute_metadata(progress=False)
    return dataset


def mark_demo_end(dataset: fo.Dataset) -> None:
    """Note that what follows is somebody's own work."""
    dataset.info[_ENDED] = dataset.bounds("last_modified_at")[1]
    dataset.save()


def _free_name(name: str) -> str:
    """`name`, or with a number; an untouched demo dataset that has it is deleted."""
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    for candidate in names:
        if not fo.dataset_exists(candidate):
            return candidate
        if _is_untouched(fo.load_dataset(candidate)):
            fo.delete_dataset(candidate)
            return candidate
    raise AssertionError("numbers do not end")


def _is_untouched(dataset: fo.Dataset) -> bool:
    """Whether a dataset is a demo's whose samples nobody wrote to since it ended."""
    ended = dataset.info.get(_ENDED)
    return ended is not None and dataset.bounds("last_modified_at")[1] == ended


def _sample(folder: Path, index: int) -> fo.Sample:
    scene = generate_scene(NOVEL_CLASSES, seed=_FIRST_SEED + index)
    path = folder / f"scene_{index:03d}.png"
    save_picture(path, scene.image)
    tag = CANDIDATE if index < CANDIDATES else TARGET
    return fo.Sample(filepath=str(path), tags=[tag], **{GROUND_TRUTH: _labels(scene)})


def _labels(scene: Scene) -> fo.Detections:
    return fo.Detections(
        detections=[
            fo.Detection.from_mask(mask, label=label)
            for mask, label in zip(scene.masks, scene.labels, strict=True)
        ]
    )
