"""The package against the naive baseline, in one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.architectures import models_to_time
from benchmarks.inputs import TIMED, bank_of_features, photo
from benchmarks.naive import Found, NaivePipeline
from benchmarks.report import Report, Row
from benchmarks.stopwatch import Stopwatch, Target, matrix_throughput, now, peak_memory
from fiftyone_ntt.core import pipeline as pipeline_module
from fiftyone_ntt.core import proposal_making as proposing_module
from fiftyone_ntt.core import proposals as proposals_module
from fiftyone_ntt.core.geometry import resize_bicubic, squash
from fiftyone_ntt.core.logit_masks import LogitMasks
from fiftyone_ntt.core.matching import Match
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.rle import RLE
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.models.loading import Models

_CLASSES, _SHOTS = 20, 10
_NOISE = 0.02  # random encoders' features differ little: more would make one class the best of all
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
    precisions: tuple[str, ...] = ("float32",),
    size: tuple[int, int] = (480, 640),
    points_per_side: int = 32,
    repeats: int = 3,
    batch: int = 16,
    naive_every: int = 1,
) -> Report:
    """Time the baseline in float32 and the package on one image, in turns; compare what they find.

    Args:
        name: of the models, see `architectures`.
        device: of all.
        precisions: that the package runs in.
        size: of the image, height and width.
        points_per_side: prompts per row of the grid.
        repeats: runs of each; medians are reported.
        batch: prompts that the baseline decodes at once.
        naive_every: the baseline decodes one prompt in this many, see `NaivePipeline`.
    """
    image = photo(size, TIMED)
    settings = ProposalSettings(points_per_side=points_per_side)
    plain, *models = models_to_time(name, device, ("float32", *precisions))
    pipelines = [generated_pipeline(of_precision, size, settings) for of_precision in models]
    baseline = NaivePipeline(
        plain.segmenter,  # type: ignore[arg-type]
        plain.encoder,  # type: ignore[arg-type]
        pipelines[0].bank,
        points_per_side=points_per_side,
        batch=batch,
        every=naive_every,
    )
    sides, naive_side = [Side() for _ in pipelines], Side()
    for _ in range(repeats):
        found = [
            time_pipeline(pipeline, image, side)
            for pipeline, side in zip(pipelines, sides, strict=True)
        ]
        expected = _time_naive(baseline, image, naive_side)
    title = f"{name} models, {size[1]} x {size[0]} px, {points_per_side**2} prompts, {device}"
    if naive_every > 1:
        title += f"; naive decodes one prompt in {naive_every}, its decoding times {naive_every}"
    flops = _operations(pipelines[-1], image)
    notes = []
    for kind, side, instances in zip(precisions, sides, found, strict=True):
        if naive_every == 1:
            notes.append(f"{kind}: {agreement(instances, expected)}")
        notes.append(f"{kind}: {_share_of_peak(flops, side, device, kind)}")
    return Report(title, _rows(dict(zip(precisions, sides, strict=True)), naive_side), notes)


def generated_pipeline(
    models: Models, size: tuple[int, int], settings: ProposalSettings
) -> Pipeline:
    """With a bank of features of another image, whatever their predicted IoU."""
    grid = ProposalSettings(min(8, settings.points_per_side), iou_threshold=0.0)
    proposals = proposing_module.propose(
        photo(size, TIMED + 1), models.segmenter, models.encoder, grid
    )
    bank = bank_of_features(proposals.features, _CLASSES, _SHOTS, models.encoder.identity, _NOISE)
    return Pipeline(bank, models.encoder, models.segmenter, proposal_settings=settings)


def fast_stages(pipeline: Pipeline) -> list[Target]:
    """What to time as which stage in the package's own pipeline."""
    return [
        (proposing_module, "squash", "resize"),
        (proposing_module, "resize_bicubic", "resize"),
        (pipeline.segmenter, "embed", "segmenter"),
        (pipeline.segmenter, "decode_best", "decode"),
        (pipeline.encoder, "encode", "encoder"),
        (proposals_module, "pool_features", "pool"),
        (LogitMasks, "__getitem__", "masks"),
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
    side.peak = side.peak or peak_memory(pipeline.segmenter.device)
    return found


def _time_naive(naive: NaivePipeline, image: NDArray[np.uint8], side: Side) -> Found:
    naive.stopwatch = Stopwatch()
    found = naive(image)
    side.totals.append(sum(naive.stopwatch.seconds.values()))
    side.stages.append(naive.stopwatch.seconds)
    side.peak = peak_memory(naive.device)
    return found


def _rows(sides: dict[str, Side], naive: Side) -> list[Row]:
    stages = {stage: naive.stage(stage) for stage in naive.stages[0]}
    stages |= {"all (s)": median(naive.totals), "peak memory (MB)": naive.peak}
    rows: list[Row] = [{"stage": stage, "naive": value} for stage, value in stages.items()]
    for kind, side in sides.items():
        values = [side.stage(stage) for stage in naive.stages[0]]
        values += [median(side.totals), side.peak]
        for row, value in zip(rows, values, strict=True):
            row[kind] = value
            row[f"naive / {kind}"] = row["naive"] / max(value, 1e-9)
    return rows


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


def _operations(pipeline: Pipeline, image: NDArray[np.uint8]) -> float:
    """Floating-point operations of both networks and all prompts: those of at most 64 prompts are
    counted, and scaled to the grid."""
    settings = pipeline.proposal_settings
    segmenter, encoder = pipeline.segmenter, pipeline.encoder
    coarse = ProposalSettings(min(8, settings.points_per_side))
    square = squash(image, segmenter.side)
    with FlopCounterMode(display=False) as networks:
        embedding = segmenter.embed(square[None])[0]
        encoder.encode(resize_bicubic(square, encoder.side)[None])
    with FlopCounterMode(display=False) as prompts:
        proposals_module.prompt_grid(embedding, segmenter, coarse)
    finer = (settings.points_per_side / coarse.points_per_side) ** 2
    return networks.get_total_flops() + prompts.get_total_flops() * finer


def _share_of_peak(flops: float, side: Side, device: str, precision: str) -> str:
    rate = flops / median(side.totals)
    peak = matrix_throughput(torch.device(device), getattr(torch, precision))
    return (
        f"{1 / median(side.totals):.3g} images/s; {flops / 1e12:.3g} TFLOP an image at "
        f"{rate / 1e12:.3g} TFLOP/s, {100 * rate / peak:.0f} % of a large matrix product's "
        f"{peak / 1e12:.3g}."
    )
