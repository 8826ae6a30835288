"""What `mode="best"` costs beside `"paper"`, in turns: a whole image, and stored proposals."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.architectures import models_to_time
from benchmarks.compare import generated_pipeline
from benchmarks.inputs import TIMED, photo, random_proposals
from benchmarks.report import Report, Row
from benchmarks.scaling import SETUP, generated_bank, stored_images
from benchmarks.stopwatch import now
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.pipeline import Matcher, Pipeline
from fiftyone_ntt.core.settings import Mode, ProposalSettings
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.proposal_source import StoredSource
from fiftyone_ntt.store.proposal_store import ProposalStore

_MODES: tuple[Mode, ...] = ("paper", "best")
_WIDTH, _SIZE = 1024, (480, 640)


def whole_images(name: str, device: str, points_per_side: int, repeats: int) -> Report:
    """Seconds of one image, networks included, no store, in both modes."""
    settings = ProposalSettings(points_per_side=points_per_side)
    models: Models = models_to_time(name, device)[0]
    paper = generated_pipeline(models, _SIZE, settings)
    pipelines = {mode: _with_mode(paper, mode) for mode in _MODES}
    image = photo(_SIZE, TIMED)
    calls = {mode: _segmenting(pipeline, image) for mode, pipeline in pipelines.items()}
    title = f"one image, {name} models, {points_per_side**2} prompts, {device}"
    return Report(title, _in_turns("seconds an image", calls, repeats))


def stored(images: int, classes: int, proposals: int, repeats: int) -> Report:
    """Milliseconds of reading an image's stored proposals and matching them, in both modes."""
    bank = generated_bank(classes, 10, _WIDTH)
    _ = bank.prototypes, bank.unit_references
    with tempfile.TemporaryDirectory() as folder:
        store = ProposalStore(Path(folder) / "store")
        sets = [random_proposals(proposals, _WIDTH, _SIZE, seed) for seed in range(images)]
        random = np.random.default_rng(0)
        for index, one in enumerate(sets):
            known = random.uniform(0.5, 1, len(one)).astype(np.float32)
            sets[index] = replace(one, stability=known)
        paths = stored_images(Path(folder), store, sets)
        calls = {mode: _matching(store, Matcher(bank, SETUP, mode), paths) for mode in _MODES}
        rows = _in_turns("ms an image", calls, repeats, 1000 / images)
    title = f"stored proposals, {proposals} an image, {classes} classes, read and matched"
    return Report(title, rows)


def _with_mode(pipeline: Pipeline, mode: Mode) -> Pipeline:
    return Pipeline(
        pipeline.bank,
        pipeline.encoder,
        pipeline.segmenter,
        mode,
        proposal_settings=pipeline.proposal_settings,
    )


def _segmenting(pipeline: Pipeline, image: NDArray[np.uint8]) -> Callable[[], object]:
    return lambda: pipeline(image)


def _matching(store: ProposalStore, matcher: Matcher, paths: list[Path]) -> Callable[[], object]:
    source = StoredSource(matcher, store, ImageReading(oriented=True))

    def match_all() -> None:
        for path in paths:
            matcher(source.proposals(source.load(path)))

    return match_all


def _in_turns(
    unit: str, calls: dict[Mode, Callable[[], object]], repeats: int, scale: float = 1.0
) -> list[Row]:
    """Medians of each call, and of the ratios of each turn."""
    seconds: dict[Mode, list[float]] = {mode: [] for mode in calls}
    for turn in range(repeats + 1):
        for mode, call in calls.items():
            start = now()
            call()
            if turn:  # the first warms up
                seconds[mode].append(now() - start)
    ratios = [one / other for one, other in zip(seconds["best"], seconds["paper"], strict=True)]
    rows: list[Row] = [
        {"mode": mode, unit: scale * median(values)} for mode, values in seconds.items()
    ]
    rows[0]["ratio"], rows[1]["ratio"] = 1.0, median(ratios)
    return rows
