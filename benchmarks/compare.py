"""The package against the naive baseline, in one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from torch.utils.flop_counter import FlopCounterMode

from fiftyone_ntt.core import pipeline as pipeline_module
from fiftyone_ntt.core import proposals as proposals_module
from fiftyone_ntt.core.geometry import RLE
from fiftyone_ntt.core.matching import Match
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.settings import ProposalSettings

from .architectures import models_to_time
from .inputs import bank_of_features, photo
from .naive import Found, NaivePipeline
from .report import Report, Row
from .stopwatch import Stopwatch, Target, matrix_throughput, now, peak_memory

_CLASSES, _SHOTS = 20, 10
_SAME_MASK, _SAME_SCORE = 0.999, 1e-3


@dataclass
class Side:
    """One of the two programs: seconds of each run in all and by stage, and MB at its peak."""

    totals: list[float] = field(default_factory=list)
    stages: list[dict[str, float]] = field(default_factory=list)
    peak: float = 0.0

    def stage(self, name: str) -> float:
        """Median seconds of a stage."""
        return median(stages.get(name, 0.0) for stages in self.stages)


def compare(
    name: str,
    device: str,
    *,
    size: tuple[int, int] = (480, 640),
    points_per_side: int = 32,
    repeats: int = 3,
    batch: int = 16,
) -> Report:
    """Time both programs on one image, in turns, and compare what they find.

    Args:
        name: of the models, see `architectures`.
        device: of both.
        size: of the image, height and width.
        points_per_side: prompts per row of the grid.
        repeats: runs of each; medians are reported. One more of ours goes before, to warm up.
        batch: prompts that the baseline decodes at once.
    """
    models = models_to_time(name, device)
    image = photo(size, seed=1)
    settings = ProposalSettings(points_per_side=points_per_side)
    proposals = proposals_module.propose(
        photo(size, seed=0), models.segmenter, models.encoder, settings
    )
    bank = bank_of_features(proposals.features, _CLASSES, _SHOTS, models.encoder.identity)
    pipeline = Pipeline(bank, models.encoder, models.segmenter, proposal_settings=settings)
    naive = NaivePipeline(
        models.segmenter,  # type: ignore[arg-type]
        models.encoder,  # type: ignore[arg-type]
        bank,
        points_per_side=points_per_side,
        batch=batch,
    )
    fast_side, naive_side = Side(), Side()
    for _ in range(repeats):
        found = time_pipeline(pipeline, image, fast_side)
        expected = _time_naive(naive, image, naive_side)
    title = (
        f"{name} models, {size[1]} x {size[0]} px, {points_per_side**2} prompts, {device}, "
        f"{len(pipeline.propose(image))} proposals, {len(found)} instances"
    )
    notes = [agreement(found, expected), _share_of_peak(pipeline, image, fast_side)]
    return Report(title, _rows(fast_side, naive_side), notes)


def fast_stages(pipeline: Pipeline) -> list[Target]:
    """What to time as which stage in the package's own pipeline."""
    return [
        (proposals_module, "squash", "resize"),
        (proposals_module, "resize_bicubic", "resize"),
        (pipeline.segmenter, "embed", "segmenter"),
        (pipeline.segmenter, "decode_best", "decode"),
        (pipeline.encoder, "encode", "encoder"),
        (proposals_module, "pool_features", "pool"),
        (proposals_module, "encode_logits", "masks"),
        (pipeline_module, "match", "match"),
    ]


def time_pipeline(pipeline: Pipeline, image: NDArray[np.uint8], side: Side) -> Match:
    """Run the package's pipeline once and add its seconds."""
    watch = Stopwatch()
    with watch.timing(fast_stages(pipeline)):
        start = now()
        found = pipeline(image)
        side.totals.append(now() - start)
    side.stages.append(watch.seconds)
    side.peak = side.peak or peak_memory()
    return found


def _time_naive(naive: NaivePipeline, image: NDArray[np.uint8], side: Side) -> Found:
    naive.stopwatch = Stopwatch()
    start = now()
    found = naive(image)
    side.totals.append(now() - start)
    side.stages.append(naive.stopwatch.seconds)
    side.peak = peak_memory()
    return found


def _rows(fast: Side, naive: Side) -> list[Row]:
    rows = [_row(stage, naive.stage(stage), fast.stage(stage)) for stage in naive.stages[0]]
    rows.append(_row("all (s)", median(naive.totals), median(fast.totals)))
    rows.append(_row("peak memory (MB)", naive.peak, fast.peak))
    return rows


def _row(stage: str, naive: float, fast: float) -> Row:
    return {"stage": stage, "naive": naive, "fast": fast, "ratio": naive / max(fast, 1e-9)}


def agreement(found: Match, expected: Found) -> str:
    """How far the two programs' instances are the same, as a sentence."""
    pairs = pair_up(found, expected)
    alike = sum(iou >= _SAME_MASK and off <= _SAME_SCORE for iou, off in pairs)
    worst = min((iou for iou, _ in pairs), default=1.0)
    off = max((off for _, off in pairs), default=0.0)
    return (
        f"Instances: {len(found)} and {len(expected.labels)} (naive), {alike} of them the same; "
        f"least mask IoU {worst:.5f}, largest score difference {off:.1e}."
    )


def pair_up(found: Match, expected: Found) -> list[tuple[float, float]]:
    """Mask IoU and score difference of each instance to the baseline's most alike one of its
    class; IoU 0 where it has none left."""
    left = list(range(len(expected.labels)))
    pairs = []
    for label, score, mask in zip(found.labels, found.scores, found.masks, strict=True):
        rivals = [row for row in left if expected.labels[row] == label]
        ious = _ious(mask, [expected.masks[row] for row in rivals])
        if not rivals:
            pairs.append((0.0, 1.0))
            continue
        offs = np.abs(expected.scores[rivals] - score)
        best = int(np.lexsort((offs, -ious.round(4)))[0])
        left.remove(rivals[best])
        pairs.append((float(ious[best]), float(offs[best])))
    return pairs


def _ious(mask: RLE, others: list[RLE]) -> NDArray[np.float64]:
    return np.array([coco_mask.iou([mask], [other], [0])[0, 0] for other in others])


def _share_of_peak(pipeline: Pipeline, image: NDArray[np.uint8], side: Side) -> str:
    device: Any = pipeline.segmenter.device
    with FlopCounterMode(display=False) as counter:
        pipeline.propose(image)
    flops = counter.get_total_flops()
    rate, peak = flops / median(side.totals), matrix_throughput(device, torch.float32)
    return (
        f"Ours: {1 / median(side.totals):.3g} images/s, {flops / 1e12:.3g} TFLOP an image at "
        f"{rate / 1e12:.3g} TFLOP/s, {100 * rate / peak:.0f} % of a large matrix product's "
        f"{peak / 1e12:.3g}."
    )
