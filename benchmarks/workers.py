"""A folder segmented by one process and by several, of one thread each, in turns."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from statistics import median

import torch
from PIL import Image

from benchmarks.compare import generated_pipeline
from benchmarks.inputs import photo
from benchmarks.report import Report, Row
from benchmarks.stopwatch import now
from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.coco.labelling import segment_folder
from fiftyone_ntt.coco.reading import CocoFile, ImageId
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.models.loading import load_models

_SIZE = (480, 640)


def workers(name: str, counts: list[int], images: int, per_side: int, repeats: int) -> Report:
    """Images a second by number of workers, the ratios of each turn, and whether all wrote alike.

    Args:
        name: of the models, loaded by name in each process.
        counts: of workers, the first being what the others are compared with.
        images: of the folder.
        per_side: prompts per row of the grid.
        repeats: turns.
    """
    os.environ["OMP_NUM_THREADS"] = "1"  # of the workers
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as root:
        folder = _Folder(Path(root), name, images, per_side)
        turns = [[folder.segment(count) for count in counts] for _ in range(repeats)]
    rows: list[Row] = []
    for index, count in enumerate(counts):
        runs = [turn[index] for turn in turns]
        rate = median(run.rate for run in runs)
        rows.append(
            {
                "workers": count,
                "seconds": median(run.seconds for run in runs),
                "of these until all began": median(run.started for run in runs),
                "then images a second": rate,
                "ratio": median(turn[index].rate / turn[0].rate for turn in turns),
                "same file": all(turn[index].content == turn[0].content for turn in turns),
            }
        )
    note = "each worker's first image counts as its start; seconds are elapsed"
    title = f"{images} images, {name} models, {per_side**2} prompts, one thread a worker"
    return Report(title, rows, [note])


class _Run:
    """One run: when its images were done, and what it wrote."""

    def __init__(self, moments: list[float], workers: int, content: bytes) -> None:
        self.seconds, self.content = moments[-1] - moments[0], content
        # Each worker's first image counts as start-up.
        self.started = moments[workers] - moments[0]
        self.rate = (len(moments) - 1 - workers) / (moments[-1] - moments[workers])


class _Folder:
    """Generated images, and what they are segmented with."""

    def __init__(self, root: Path, name: str, images: int, per_side: int) -> None:
        self.root, self.output = root, root / "results.json"
        records: dict[ImageId, Record] = {}
        for key in range(images):
            file = f"{key}.png"
            Image.fromarray(photo(_SIZE, key)).save(root / file)
            records[key] = {"id": key, "file_name": file, "height": _SIZE[0], "width": _SIZE[1]}
        self.models = load_models(name)
        settings = ProposalSettings(points_per_side=per_side)
        self.pipeline = generated_pipeline(self.models, _SIZE, settings)
        categories = dict(enumerate(self.pipeline.bank.classes))
        self.targets = CocoFile(root / "targets.json", records, categories, [], [])

    def segment(self, workers: int) -> _Run:
        self.output.unlink(missing_ok=True)
        moments = [now()]
        segment_folder(
            self.root,
            self.targets,
            self.pipeline,
            self.output,
            workers=workers,
            models=self.models,
            progress=lambda done, total: moments.append(now()),
        )
        return _Run(moments, workers, self.output.read_bytes())
