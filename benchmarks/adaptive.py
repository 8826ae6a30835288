"""`python -m benchmarks.adaptive`: mode "adaptive" against mode "paper", in seconds and in AP.

AP on the demo's scenes, with the demo's models and banks. Seconds by stage with random weights of
the true architectures, whose networks run in full; what they say is planted, see `Planted`, so that
the prompts chosen are those of an image with objects.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from benchmarks.architectures import models_to_time
from benchmarks.inputs import bank_of_features
from benchmarks.report import Report, Row, write_json
from benchmarks.stopwatch import Stopwatch, count_processor_time, machine, now
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import read_image
from fiftyone_ntt.core.interfaces import Encoder, Segmenter
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.settings import Mode, ProposalSettings
from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
from fiftyone_ntt.demo.scenes import Scene, generate_scene
from fiftyone_ntt.models.loading import Models, load_models
from fiftyone_ntt.store.atomic import require_writable
from fiftyone_ntt.store.own_files import REPORT_FILE

SHOTS, SEEDS, POINTS_PER_SIDE = 5, (0, 1, 2), 32
_SIZE = (480, 640)
_CLASSES, _BANK_SHOTS = 20, 10
_COMMON, _NOISE = 0.35, 1.2
"""Of planted tokens: what all have in common, which makes unlike ones similar by 0.1, and how much
they vary, which makes like ones similar by 0.6."""


class CountingSegmenter:
    """A segmenter that counts its prompts."""

    def __init__(self, segmenter: Any) -> None:
        self._segmenter = segmenter
        self._prompts = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._segmenter, name)

    def decode_best(self, embedding: Any, points: Tensor, iou_threshold: float) -> Any:
        self._prompts += len(points)
        return self._segmenter.decode_best(embedding, points, iou_threshold)

    def taken(self) -> int:
        """Prompts since the last call."""
        count, self._prompts = self._prompts, 0
        return count


def demo_precision(device: str, targets: int | None = None) -> Report:
    """AP, prompts and seconds of both modes on the demo's scenes, over three draws of references.

    Args:
        device: of the demo's models.
        targets: how many of the 60 scenes; all when None.
    """
    from benchmarks.demo_trials import demo_trial

    models = load_models("demo", device=device)
    count: Any = CountingSegmenter(models.segmenter)
    models = replace(models, segmenter=count)
    settings = ProposalSettings(points_per_side=POINTS_PER_SIDE)
    with demo_trial(models, targets, POINTS_PER_SIDE) as (trial, paths):
        pictures = [read_image(path, oriented=True) for path in paths]
        images = len(pictures)

        def timed(bank: MemoryBank, mode: Mode) -> tuple[float, float]:
            """Prompts and seconds an image, matching included."""
            pipeline = Pipeline(bank, models.encoder, count, mode, settings)
            count.taken()
            start = now()
            for picture in pictures:
                pipeline(picture)
            return count.taken() / images, (now() - start) / images

        banks = {seed: trial.bank(SHOTS, seed) for seed in SEEDS}
        exact = timed(banks[SEEDS[0]], "paper")
        rows = []
        for seed, bank in banks.items():
            adaptive = timed(bank, "adaptive")
            scores = [trial.evaluate(bank, mode=mode) for mode in ("paper", "adaptive")]
            aps = [100 * score.masks["AP"] for score in scores]
            rows.append(_precision_row(f"draw {seed}", aps, exact, adaptive))
    means = {key: mean(row[key] for row in rows) for key in rows[0] if key != "references"}
    title = f"demo models and scenes, {images} images, {SHOTS} shots, mask AP in points, {device}"
    return Report(title, [*rows, {"references": "mean", **means}])


def _precision_row(
    name: str, aps: Sequence[float], exact: tuple[float, float], adaptive: tuple[float, float]
) -> Row:
    return {
        "references": name,
        "AP exact": aps[0],
        "AP adaptive": aps[1],
        "difference": aps[1] - aps[0],
        "prompts exact": exact[0],
        "prompts adaptive": adaptive[0],
        "s/image exact": exact[1],
        "s/image adaptive": adaptive[1],
        "times faster": exact[1] / adaptive[1],
    }


@dataclass(frozen=True, eq=False)
class Planted:
    """A scene to see, whatever the networks' weights.

    Attributes:
        owner: int64 `[s, s]`, number of the object on each pixel of the squashed image; the
            background is the last number.
        directions: float32 `[K + 1, C]`, what tokens of each class look like, background last.
        classes: int64 `[N + 1]`, class of each object, background last.
    """

    owner: NDArray[np.int64]
    directions: Tensor
    classes: NDArray[np.int64]

    @staticmethod
    def of(scene: Scene, width: int) -> Planted:
        """The objects of a scene, for tokens this wide."""
        names = [kind.name for kind in NOVEL_CLASSES]
        generator = torch.Generator().manual_seed(0)
        own = F.normalize(torch.randn(_CLASSES + 1, width, generator=generator), dim=1)
        common = F.normalize(torch.randn(width, generator=generator), dim=0)
        background = np.ones_like(scene.masks[:1])
        owner = np.concatenate([scene.masks, background]).argmax(axis=0)
        classes = np.array([*(names.index(label) for label in scene.labels), _CLASSES])
        return Planted(owner, own + _COMMON * common, classes)

    def tokens(self, grid: int) -> Tensor:
        """Float32 `[grid * grid, C]`: each patch the mixture of what lies on it, and noise."""
        kinds = F.one_hot(torch.from_numpy(self.classes[self.owner]), len(self.directions))
        shares = F.adaptive_avg_pool2d(kinds.permute(2, 0, 1).float(), grid).flatten(1).T
        width = self.directions.shape[1]
        noise = torch.randn(len(shares), width, generator=torch.Generator().manual_seed(1))
        return shares @ self.directions + _NOISE / width**0.5 * noise

    def numbers(self, side: int) -> Tensor:
        """Int64 `[side, side]`, the number of what lies on each pixel of a mask."""
        ticks = torch.arange(side) * len(self.owner) // side
        return torch.from_numpy(self.owner)[ticks[:, None], ticks]


class PlantedEncoder:
    """Runs an encoder in full, and gives planted tokens."""

    def __init__(self, encoder: Any, planted: Planted) -> None:
        self._encoder = encoder
        self._tokens = planted.tokens(encoder.grid)[None].to(encoder.device)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, images: Tensor) -> Tensor:
        return self._tokens.to(self._encoder.encode(images).dtype).expand(len(images), -1, -1)


class PlantedSegmenter:
    """Runs a segmenter in full, and gives planted masks; which prompts are good enough stays its
    own choice."""

    def __init__(self, segmenter: Any, planted: Planted) -> None:
        self._segmenter = segmenter
        self._numbers = planted.numbers(segmenter.mask_side).to(segmenter.device)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._segmenter, name)

    def decode_best(self, embedding: Any, points: Tensor, iou_threshold: float) -> Any:
        rows, ious, logits = self._segmenter.decode_best(embedding, points, iou_threshold)
        cells = points[rows] * self.mask_side / self.side
        columns, lines = cells.long().clamp(0, self.mask_side - 1).T
        inside = self._numbers == self._numbers[lines, columns][:, None, None]
        return rows, ious, inside.to(logits.dtype) * 10 - 5


def timing(name: str, device: str, precision: str, kept: float) -> Report:
    """Seconds by stage of both modes on one image.

    Args:
        name: of the models, see `architectures`.
        device: where they run.
        precision: "float32" or "bfloat16", of both modes.
        kept: share of the prompts that pass the IoU threshold.
    """
    (models,) = models_to_time(name, device, (precision,), kept)
    scene = generate_scene(NOVEL_CLASSES, seed=1, size=640, objects=(6, 12))
    planted = Planted.of(scene, models.encoder.width)
    count = CountingSegmenter(PlantedSegmenter(models.segmenter, planted))
    encoder = cast(Encoder, PlantedEncoder(models.encoder, planted))
    models = replace(models, encoder=encoder, segmenter=cast(Segmenter, count))
    image = np.asarray(Image.fromarray(scene.image).resize(_SIZE[::-1], Image.Resampling.BICUBIC))
    seen, unseen = np.unique(planted.classes[:-1]), np.arange(len(NOVEL_CLASSES), _CLASSES)
    half = np.concatenate([seen[::2], unseen])
    columns: dict[str, tuple[Mode, NDArray[np.int64]]] = {
        "exact": ("paper", half),
        "adaptive": ("adaptive", half),
        "adaptive, no object": ("adaptive", unseen),
    }
    measured: dict[str, dict[str, float]] = {}
    for column, (mode, classes) in columns.items():
        bank = _bank(planted, classes, models)
        pipeline = Pipeline(bank, models.encoder, models.segmenter, mode)
        if column == "exact":
            _warm_up(models)
            count.taken()
        measured[column] = _stages(pipeline, image)
        measured[column]["prompts"] = count.taken()
    return _timing_report(
        f"{name} models, {precision}, {_SIZE[1]} x {_SIZE[0]} px, {len(scene.labels)} objects, "
        f"half of whose classes are in the bank, {device}",
        measured,
    )


def _bank(planted: Planted, classes: NDArray[np.int64], models: Models) -> MemoryBank:
    rows = F.normalize(planted.directions[classes], dim=1).numpy()
    return bank_of_features(rows, len(rows), _BANK_SHOTS, models.encoder.identity)


def _warm_up(models: Models) -> None:
    """Every network once, so that no mode pays for what is only done the first time."""
    side = models.segmenter.side
    square = torch.zeros(1, 3, side, side, device=models.segmenter.device)
    embedding = models.segmenter.embed(square)[0]
    models.segmenter.decode_best(embedding, torch.full((64, 2), side / 2.0), 0.4)
    size = models.encoder.side
    models.encoder.encode(torch.zeros(1, 3, size, size, device=models.encoder.device))


def _stages(pipeline: Pipeline, image: NDArray[np.uint8]) -> dict[str, float]:
    watch = Stopwatch()
    targets = [
        (pipeline.encoder, "encode", "encoder"),
        (pipeline.segmenter, "embed", "segmenter's encoder"),
        (pipeline.segmenter, "decode_best", "mask decoder"),
    ]
    with watch.timing(targets):
        start = now()
        pipeline(image)
        total = now() - start
    stages = {stage: watch.seconds.get(stage, 0.0) for _, _, stage in targets}
    return {**stages, "all else": total - sum(stages.values()), "end to end": total}


def _timing_report(title: str, measured: dict[str, dict[str, float]]) -> Report:
    exact, adaptive = measured["exact"], measured["adaptive"]
    rows = [
        {
            "seconds": stage,
            **{column: values[stage] for column, values in measured.items()},
            "ratio": exact[stage] / max(adaptive[stage], 1e-9),
        }
        for stage in exact
    ]
    encoders = exact["encoder"] + exact["segmenter's encoder"]
    note = (
        f"The two image encoders take {encoders:.3g} s of the exact mode's "
        f"{exact['end to end']:.3g} s: no choice of prompts makes an image with objects more than "
        f"{exact['end to end'] / encoders:.2g} times faster."
    )
    return Report(title, rows, [note])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adaptive", description=__doc__)
    parser.add_argument("--models", nargs="*", default=["small", "paper"], help="to time")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ...")
    parser.add_argument("--precision", default="float32", help="float32 or bfloat16")
    parser.add_argument(
        "--processor-time", action="store_true", help="CPU seconds, on a machine that others use"
    )
    parser.add_argument("--kept", type=float, default=0.3, help="share of prompts that pass")
    parser.add_argument("--targets", type=int, help="of the demo's 60 scenes; 0 for no AP")
    parser.add_argument("--output", type=Path, default=Path("benchmarks-adaptive.json"))
    options = parser.parse_args(arguments)
    require_writable(options.output, REPORT_FILE)
    if options.processor_time:
        count_processor_time()
    facts = machine(options.device)
    print(", ".join(f"{name}: {value}" for name, value in facts.items()), flush=True)
    reports = []
    if options.targets != 0:
        reports.append(demo_precision(options.device, options.targets))
        print(reports[-1], flush=True)
    for name in options.models:
        reports.append(timing(name, options.device, options.precision, options.kept))
        print(reports[-1], flush=True)
    write_json(options.output, facts, reports)
    print(f"\n{options.output}")


if __name__ == "__main__":
    main()
