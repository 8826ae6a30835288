"""Cost against what grows: image size, classes, references, images in the view."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import numpy as np
from PIL import Image

from benchmarks.architectures import models_to_time
from benchmarks.compare import Side, time_pipeline
from benchmarks.inputs import (
    TIMED,
    Floats,
    bank_of_features,
    cluster_features,
    photo,
    random_proposals,
)
from benchmarks.report import Report, Row
from benchmarks.stopwatch import now
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.matching import match
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.proposals import Proposals, ProposalSetup
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.store.image_keys import image_hash
from fiftyone_ntt.store.proposal_store import ProposalStore
from fiftyone_ntt.store.stored_images import stored_proposals

_SIZE = (480, 640)
_WIDTH = 1024
_CLUSTERS = 40
_ENCODER = "generated"
_READING = ImageReading(oriented=True)
SETUP = ProposalSetup(_ENCODER, "generated", ProposalSettings())


def by_image_size(
    name: str, device: str, sizes: list[tuple[int, int]], points_per_side: int
) -> Report:
    """Seconds per stage of segmenting one image, against its height and width."""
    models = models_to_time(name, device)[0]
    settings = ProposalSettings(points_per_side=points_per_side)
    bank = generated_bank(20, 10, models.encoder.width, models.encoder.identity)
    pipeline = Pipeline(bank, models.encoder, models.segmenter, proposal_settings=settings)
    rows: list[Row] = []
    for size in [sizes[0], *sizes]:  # the first is run twice, to warm up
        side = Side()
        time_pipeline(pipeline, photo(size, TIMED), side)
        rows.append(
            {"image": f"{size[1]} x {size[0]}", **side.stages[0], "all (s)": side.totals[0]}
        )
    title = f"seconds against image size, {name} models, {points_per_side**2} prompts, {device}"
    return Report(title, rows[1:])


def by_classes(classes: list[int], shots: int, proposals: int, images: int) -> Report:
    """Milliseconds of matching one image's proposals, against the classes of the bank."""
    banks = [(count, generated_bank(count, shots, _WIDTH)) for count in classes]
    title = f"matching, {proposals} proposals an image, {shots} references per class"
    return Report(title, _matching("classes", banks, proposals, images))


def by_references(shots: list[int], classes: int, proposals: int, images: int) -> Report:
    """Milliseconds of matching one image's proposals, against the references per class."""
    banks = [(count, generated_bank(classes, count, _WIDTH)) for count in shots]
    title = f"matching, {proposals} proposals an image, {classes} classes"
    return Report(title, _matching("references per class", banks, proposals, images))


def _matching(
    what: str, banks: list[tuple[int, MemoryBank]], proposals: int, images: int
) -> list[Row]:
    inputs = [random_proposals(proposals, _WIDTH, _SIZE, seed) for seed in range(images)]
    rows: list[Row] = []
    for count, bank in banks:
        match(inputs[0], bank)  # prototypes are computed once per bank
        seconds, found = [], []
        for image in inputs:
            start = now()
            found.append(len(match(image, bank)))
            seconds.append(now() - start)
        row: Row = {what: count, "ms an image": 1000 * median(seconds)}
        row["instances"] = float(np.mean(found))
        row["ratio"] = row["ms an image"] / (rows[0] if rows else row)["ms an image"]
        rows.append(row)
    return rows


def by_view_size(counts: list[int], classes: int, proposals: int) -> Report:
    """Images per second of relabelling views: in all, database write included, and of reading and
    matching the stored proposals alone, in one thread.

    Every image has its own stored proposals, drawn from twenty sets of them, and its own file.
    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        store = ProposalStore(Path(folder) / "store")
        bank = generated_bank(classes, 10, _WIDTH)
        most = max(counts)
        sets = [random_proposals(proposals, _WIDTH, _SIZE, seed) for seed in range(min(most, 20))]
        paths = stored_images(Path(folder), store, sets, most)
        for count in counts:
            rows.append(_relabelled(paths[:count], store, bank))
    title = f"relabelling, {proposals} proposals an image, {classes} classes, {_SIZE} px"
    return Report(title, rows)


def stored_images(
    folder: Path, store: ProposalStore, sets: list[Proposals], count: int | None = None
) -> list[Path]:
    """Images, each with stored proposals: the sets of them in turns.

    Args:
        folder: of the images.
        store: of the proposals.
        sets: at least one.
        count: of the images; one for each set when None.
    """
    paths = []
    for index in range(len(sets) if count is None else count):
        path = folder / f"{index}.png"
        pixels = np.full((*_SIZE, 3), index % 256, np.uint8)
        pixels[0, 0] = index // 256 % 256, index // 65536, 1
        Image.fromarray(pixels).save(path, compress_level=1)
        store.put(SETUP, image_hash(path), sets[index % len(sets)])
        paths.append(path)
    return paths


def _relabelled(paths: list[Path], store: ProposalStore, bank: MemoryBank) -> Row:
    import fiftyone as fo

    from fiftyone_ntt import relabel

    dataset = fo.Dataset(f"fiftyone-ntt-benchmark-{uuid4().hex}")
    try:
        dataset.add_samples([fo.Sample(filepath=str(path)) for path in paths], progress=False)
        report, seconds = _timed(lambda: relabel(dataset, bank, store=store, progress=False))
        assert report.written == len(paths), report
    finally:
        dataset.delete()
    few = paths[:200]
    _, matching = _timed(
        lambda: [
            match(stored_proposals(store, SETUP, str(path), _READING, bank.width)[0], bank)
            for path in few
        ]
    )
    row: Row = {"images": len(paths), "seconds": seconds, "images/s": len(paths) / seconds}
    row["read and matched, images/s"] = len(few) / matching
    row["detections an image"] = report.detections / len(paths)
    return row


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = now()
    result = work()
    return result, now() - start


def generated_bank(classes: int, shots: int, width: int, encoder: str = _ENCODER) -> MemoryBank:
    random = np.random.default_rng(1)
    clusters = np.arange(classes) % _CLUSTERS
    features: Floats = cluster_features(clusters, width, random)
    return bank_of_features(features, classes, shots, encoder)
