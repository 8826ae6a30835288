"""`fiftyone-ntt demo`: the whole flow on generated scenes, offline."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import fiftyone.core.view as fov

import fiftyone_ntt as ntt
from fiftyone_ntt.core.images import read_image
from fiftyone_ntt.dataset.labels.masks import detection_mask
from fiftyone_ntt.demo.demo_dataset import (
    CANDIDATE,
    GROUND_TRUTH,
    TARGET,
    make_demo_dataset,
    mark_demo_end,
)
from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
from fiftyone_ntt.drawing.overlays import Instance, class_colours, draw_instances, save_sheet
from fiftyone_ntt.store.atomic import make_folder, require_writable
from fiftyone_ntt.store.own_files import PICTURE

PREDICTIONS = "predictions"
REFERENCE = "reference"
OVERLAY = "overlay.png"
POINTS_PER_SIDE = 16
"""The scenes are small and their objects large: a quarter of the paper's prompts covers them."""

NOTICE = """\
These are the bundled demo models: tiny, trained for an hour on generated scenes, good for nothing
else. For real images pass models="paper" (SAM 2 large + DINOv2 large), or a smaller set
from `fiftyone-ntt models`, to build_memory_bank."""


def run_demo(*, shots: int, seed: int, output: Path, app: bool) -> None:
    """Draw scenes, tag references, build a bank, segment, evaluate, and show the result.

    Args:
        shots: references per class, 1 to 10.
        seed: which references are drawn.
        output: folder of the pictures, made if need be; `overlay.png` shows the first predictions.
        app: open the FiftyOne App and wait until it is closed.
    """
    make_folder(output)
    require_writable(output / OVERLAY, PICTURE)
    dataset = make_demo_dataset(output / "images")
    dataset.persistent = True
    print(f"dataset {dataset.name!r}: {len(dataset)} scenes of {len(NOVEL_CLASSES)} novel classes")

    ntt.sample_references(
        dataset.match_tags(CANDIDATE), GROUND_TRUTH, shots=shots, seed=seed, tag=REFERENCE
    )
    bank = ntt.build_memory_bank(
        dataset, GROUND_TRUTH, label_tags=REFERENCE, name="demo", models="demo"
    )
    print(f"memory bank 'demo': {len(bank.references)} references of {len(bank.classes)} classes")

    targets = dataset.match_tags(TARGET)
    report = ntt.segment(targets, bank, PREDICTIONS, points_per_side=POINTS_PER_SIDE)
    print(report)
    print(ntt.evaluate(targets, PREDICTIONS, GROUND_TRUTH, eval_key="ntt"))
    mark_demo_end(dataset)
    print(f"picture: {save_overlay(targets, output / OVERLAY)}\n\n{NOTICE}")
    if app:
        fo.launch_app(dataset).wait()


def save_overlay(
    samples: fov.DatasetView, path: Path, *, count: int = 8, confidence_thresh: float = 0.5
) -> Path:
    """Draw the confident predictions of the first `count` samples into one picture."""
    colours = class_colours([kind.name for kind in NOVEL_CLASSES])
    pictures = []
    for sample in samples.limit(count):
        image = read_image(sample.filepath, oriented=True)
        size = (image.shape[0], image.shape[1])
        instances = [
            Instance(mask, detection.label, detection.label)
            for detection in sample[PREDICTIONS].detections
            if detection.confidence >= confidence_thresh
            and (mask := detection_mask(detection, size)) is not None
        ]
        pictures.append(draw_instances(image, instances, colours))
    return save_sheet(path, pictures, columns=4)
