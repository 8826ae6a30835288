"""`fiftyone-ntt demo --curve`: average precision against the number of references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fiftyone as fo
import numpy as np
from tqdm import tqdm

import fiftyone_ntt as ntt
from fiftyone_ntt.coco.evaluation import CocoScores, score
from fiftyone_ntt.coco.results import coco_results
from fiftyone_ntt.core.adaptive import propose_adaptively
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import read_image
from fiftyone_ntt.core.matching import match
from fiftyone_ntt.core.proposals import Proposals, propose
from fiftyone_ntt.core.rle import encode_masks, rle_boxes
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.dataset.masks import detection_mask
from fiftyone_ntt.demo.run import POINTS_PER_SIDE, REFERENCE
from fiftyone_ntt.demo.world import CANDIDATE, GROUND_TRUTH, TARGET, make_demo_dataset
from fiftyone_ntt.models.loading import Models

SHOTS = (1, 3, 5, 10)
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Curve:
    """Scores by number of references per class, one entry per seed."""

    scores: dict[int, list[CocoScores]]

    def mean(self, shots: int, kind: str, metric: str) -> float:
        """Mean over seeds of a metric in 0..1, for `kind` "masks" or "boxes"."""
        return float(np.mean([getattr(scores, kind)[metric] for scores in self.scores[shots]]))

    def __str__(self) -> str:
        columns = [(kind, metric) for kind in ("masks", "boxes") for metric in ("AP", "AP50")]
        head = "shots" + "".join(f"{f'{kind} {metric}':>16}" for kind, metric in columns)
        return "\n".join([head, *(self._row(shots, columns) for shots in self.scores)])

    def _row(self, shots: int, columns: Sequence[tuple[str, str]]) -> str:
        cells = []
        for kind, metric in columns:
            values = [getattr(scores, kind)[metric] for scores in self.scores[shots]]
            cells.append(f"{np.mean(values):.3f} ± {np.std(values):.3f}")
        return f"{shots:>5}" + "".join(f"{cell:>16}" for cell in cells)


class DemoWorld:
    """The demo's scenes with their proposals, so that banks are compared without any network.

    Proposals depend on no reference: one pass over the scenes serves every bank.

    Args:
        folder: where the pictures are written.
        models: the demo models.
        name: of the FiftyOne dataset made.
        targets: how many of the scenes to segment; all when None.
        points_per_side: prompts per row and column of the grid.
    """

    def __init__(
        self,
        folder: Path,
        models: Models,
        name: str,
        targets: int | None = None,
        points_per_side: int = POINTS_PER_SIDE,
    ) -> None:
        self.models = models
        self._settings = ProposalSettings(points_per_side=points_per_side)
        self.dataset = make_demo_dataset(folder, name)
        self.candidates = self.dataset.match_tags(CANDIDATE)
        samples = list(self.dataset.match_tags(TARGET))[:targets]
        self._images = [read_image(sample.filepath, oriented=True) for sample in samples]
        classes = self.dataset.distinct(f"{GROUND_TRUTH}.detections.label")
        self._category_ids = {name: index for index, name in enumerate(classes, start=1)}
        self._truth = self._ground_truth(samples)

    @cached_property
    def proposals(self) -> list[Proposals]:
        """Of every target scene, in mode `"paper"`."""
        return [
            propose(image, self.models.segmenter, self.models.encoder, self._settings)
            for image in tqdm(self._images, desc="proposals", unit="image")
        ]

    def adaptive_proposals(self, bank: MemoryBank) -> list[Proposals]:
        """Of every target scene, in mode `"adaptive"`."""
        segmenter, encoder = self.models.segmenter, self.models.encoder
        return [
            propose_adaptively(image, segmenter, encoder, bank, settings=self._settings)
            for image in self._images
        ]

    def bank(self, shots: int, seed: int) -> MemoryBank:
        """A bank of `shots` references per class, drawn from the candidate scenes."""
        tag = f"{REFERENCE}-{shots}-{seed}"
        ntt.sample_references(self.candidates, GROUND_TRUTH, shots=shots, seed=seed, tag=tag)
        return ntt.build_memory_bank(
            self.candidates, GROUND_TRUTH, label_tags=tag, models=self.models, progress=False
        )

    def evaluate(
        self, bank: MemoryBank, proposals: Sequence[Proposals] | None = None
    ) -> CocoScores:
        """COCO scores of a bank on the target scenes; on `self.proposals` when None are given."""
        ids = [self._category_ids[name] for name in bank.classes]
        results = [
            result
            for image_id, found in enumerate(self.proposals if proposals is None else proposals)
            for result in coco_results(match(found, bank), image_id, ids)
        ]
        return score(self._truth, results)

    def _ground_truth(self, samples: Sequence[fo.Sample]) -> dict[str, Any]:
        annotations: list[dict[str, Any]] = []
        for image_id, sample in enumerate(samples):
            size = (sample.metadata.height, sample.metadata.width)
            for detection in sample[GROUND_TRUTH].detections:
                annotations.append(self._annotation(detection, size, image_id, len(annotations)))
        return {
            "images": [
                {"id": index, "height": sample.metadata.height, "width": sample.metadata.width}
                for index, sample in enumerate(samples)
            ],
            "categories": [{"id": key, "name": name} for name, key in self._category_ids.items()],
            "annotations": annotations,
        }

    def _annotation(
        self, detection: fo.Detection, size: tuple[int, int], image_id: int, index: int
    ) -> dict[str, Any]:
        mask = detection_mask(detection, size)
        assert mask is not None  # the demo's ground truth always has masks
        rles = encode_masks(mask[None])
        x1, y1, x2, y2 = rle_boxes(rles)[0].tolist()
        return {
            "id": index + 1,  # pycocotools takes id 0 for "no match"
            "image_id": image_id,
            "category_id": self._category_ids[detection.label],
            "segmentation": rles[0],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": int(mask.sum()),
            "iscrowd": 0,
        }


def run_curve() -> Curve:
    """Score banks of 1, 3, 5 and 10 references per class over 3 seeds, and print the table."""
    models = ntt.load_models("demo")
    with TemporaryDirectory() as folder:
        world = DemoWorld(Path(folder), models, "fiftyone-ntt-demo-curve")
        try:
            curve = Curve(
                {
                    shots: [world.evaluate(world.bank(shots, seed)) for seed in SEEDS]
                    for shots in SHOTS
                }
            )
        finally:
            world.dataset.delete()
    print("mean ± std over 3 draws of the references; AP is COCO's, on novel classes")
    print(curve)
    return curve
