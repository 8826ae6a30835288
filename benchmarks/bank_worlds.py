"""Datasets with a memory bank of many classes, made without running a model."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import numpy as np
from PIL import Image

from fiftyone_ntt.core.bank import MemoryBank, PatchStatistics, ReferenceSet
from fiftyone_ntt.dataset.banks.saved_banks import put_memory_bank
from fiftyone_ntt.dataset.banks.tag_watch import tagged_labels

BANK = "many"
FIELD = "ground_truth"
_SIDE, _PER_IMAGE = 160, 4
_SHAPE = 60


def many_classes(
    folder: Path, *, classes: int, shots: int, samples: int, width: int = 384, wrong: float = 0.03
) -> fo.Dataset:
    """Coloured squares, a few an image, and a bank of them.

    Args:
        folder: for the images, of which there are as many as references need; further samples
            show the first again.
        classes: of the bank.
        shots: references per class.
        samples: in the dataset, at least those that the references need.
        width: of a reference's features.
        wrong: share of the references that look like another class.
    """
    draws = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), shots)
    names = [f"thing {index:04d}" for index in range(classes)]
    found, ids = [], []
    for start in range(0, len(labels), _PER_IMAGE):
        sample = _scene(folder, start, labels[start : start + _PER_IMAGE], names, draws)
        ids += [label.id for label in sample[FIELD].detections]
        found.append(sample)
    found += [
        fo.Sample(found[index % len(found)].filepath) for index in range(samples - len(found))
    ]
    dataset = fo.Dataset()
    dataset.add_samples(found, progress=False)
    seen = labels.copy()
    swapped = draws.random(len(labels)) < wrong
    seen[swapped] = draws.integers(classes, size=int(swapped.sum()))
    bank = _bank(names, labels, seen, ids, width, draws).renamed(BANK)
    # As if it had been built from them.
    put_memory_bank(dataset, bank, False, tagged_labels(dataset, FIELD, ["reference"]))
    return dataset


def _scene(
    folder: Path, start: int, labels: np.ndarray, names: list[str], draws: np.random.Generator
) -> fo.Sample:
    image = draws.integers(90, 150, (_SIDE, _SIDE, 3)).astype(np.uint8)
    detections = []
    for corner, label in enumerate(labels.tolist()):
        top, left = (10 + (_SIDE // 2) * (corner // 2), 10 + (_SIDE // 2) * (corner % 2))
        colour = np.random.default_rng(label).integers(0, 255, 3)
        image[top : top + _SHAPE, left : left + _SHAPE] = colour
        box = [left / _SIDE, top / _SIDE, _SHAPE / _SIDE, _SHAPE / _SIDE]
        mask = np.ones((_SHAPE, _SHAPE), dtype=bool)
        detections.append(
            fo.Detection(label=names[label], bounding_box=box, mask=mask, tags=["reference"])
        )
    path = folder / f"things_of_the_shelf_{start:05d}.png"
    Image.fromarray(image).save(path)
    return fo.Sample(str(path), **{FIELD: fo.Detections(detections=detections)})


def _bank(
    names: list[str],
    labels: np.ndarray,
    seen: np.ndarray,
    ids: list[str],
    width: int,
    draws: np.random.Generator,
) -> MemoryBank:
    """References that lie around a centre of the class that they look like."""
    centres = draws.normal(size=(len(names), width)) + 1
    rows = (centres[seen] + 0.4 * draws.normal(size=(len(labels), width))).astype(np.float32)
    count = len(labels)
    references = ReferenceSet(
        tuple(ids),
        labels.astype(np.int64),
        rows,
        np.full(count, 40, np.float32),
        rows,
        np.full(count, 40, np.int64),
        tuple(
            f"things_of_the_shelf_{_PER_IMAGE * (row // _PER_IMAGE):05d}.png"
            for row in range(count)
        ),
    )
    nothing = np.zeros((len(names), 4, width), np.float32)
    statistics = PatchStatistics(nothing[:, 0], nothing[:, :3], nothing)
    return MemoryBank(
        tuple(names), references, ReferenceSet.empty(width), statistics, encoder="of no model"
    )
