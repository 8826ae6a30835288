"""Memory: a large image against a small one, and many images in a row.

Every measurement has a process of its own: the most that a process ever held cannot be reset.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.report import Report, Row

SMALL, LARGE = (480, 640), (3000, 4000)
_SAMPLES = 20


def peaks(name: str, device: str, points_per_side: int) -> Report:
    """Peak memory (a GPU's, if it is one) of proposing on a 640 x 480 and on a 12-megapixel image.

    Args:
        name: of the models, see `architectures`.
        device: where they run.
        points_per_side: prompts per row of the grid.
    """
    rows: list[Row] = []
    for size in (SMALL, LARGE):
        measured = _in_process(["peak", name, device, *map(str, size), str(points_per_side)])
        row: Row = {"image": f"{size[1]} x {size[0]}", **measured}
        row["ratio"] = row["peak (MB)"] / (rows[0] if rows else row)["peak (MB)"]
        rows.append(row)
    return Report(f"peak memory, {name} models, {points_per_side**2} prompts, {device}", rows)


def in_a_row(images: int, device: str) -> Report:
    """Resident memory while the demo models segment one small image after another.

    Args:
        images: how many; the first tenth warms up.
        device: where the models run.
    """
    found = _in_process(["row", str(images), device])
    done, resident = np.array(found["images done"]), np.array(found["resident (MB)"])
    warm = done > images / 10
    slope = float(np.polyfit(done[warm], resident[warm], 1)[0]) * 1000
    rows = [
        {"images done": int(number), "resident (MB)": float(value)}
        for number, value in zip(done, resident, strict=True)
    ]
    title = f"resident memory, demo models, {images} images in a row, {device}"
    return Report(title, rows, [f"After the first tenth: {slope:+.1f} MB per 1,000 images."])


def _in_process(arguments: list[str]) -> Row:
    command = [sys.executable, "-m", "benchmarks.memory", *arguments]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path.cwd())
    result: Row = json.loads(run.stdout.splitlines()[-1])
    return result


def _peak(name: str, device: str, height: str, width: str, points_per_side: str) -> Row:
    from benchmarks.architectures import models_to_time
    from benchmarks.inputs import TIMED, photo
    from benchmarks.stopwatch import peak_memory, resident_memory
    from fiftyone_ntt.core.proposal_making import propose
    from fiftyone_ntt.core.settings import ProposalSettings

    models = models_to_time(name, device)[0]
    image = photo((int(height), int(width)), TIMED)
    before = resident_memory()
    settings = ProposalSettings(points_per_side=int(points_per_side))
    found = propose(image, models.segmenter, models.encoder, settings)
    peak = peak_memory(torch.device(device))
    return {"proposals": len(found), "before (MB)": before, "peak (MB)": peak}


def _row(count: str, device: str) -> Row:
    from benchmarks.architectures import models_to_time
    from benchmarks.inputs import bank_of_features, photo
    from benchmarks.stopwatch import resident_memory
    from fiftyone_ntt.core.pipeline import Pipeline
    from fiftyone_ntt.core.proposal_making import propose
    from fiftyone_ntt.core.settings import ProposalSettings

    models, settings = models_to_time("demo", device)[0], ProposalSettings(4, iou_threshold=0.0)
    scenes = [photo((48 + 8 * index, 96), seed=index) for index in range(8)]
    features = [propose(s, models.segmenter, models.encoder, settings).features for s in scenes]
    bank = bank_of_features(np.concatenate(features), 5, 2, models.encoder.identity)
    pipeline = Pipeline(bank, models.encoder, models.segmenter, proposal_settings=settings)
    done, resident = [], []
    for index in range(int(count)):
        pipeline(scenes[index % len(scenes)])
        if (index + 1) % max(1, int(count) // _SAMPLES) == 0:
            done.append(index + 1)
            resident.append(round(resident_memory(), 1))
    return {"images done": done, "resident (MB)": resident}


if __name__ == "__main__":
    measures: dict[str, Callable[..., Row]] = {"peak": _peak, "row": _row}
    print(json.dumps(measures[sys.argv[1]](*sys.argv[2:])))
