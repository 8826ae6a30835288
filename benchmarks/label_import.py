"""Importing the labels of many images: images/s and memory, beside FiftyOne's own COCO importer.

Every import has a process of its own, in turns, on the same images and objects. Before it is
measured, the process imports two images, so that what packages take is not counted.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.label_sets import FORMATS, write_images, write_labels
from benchmarks.report import Report, Row

FIFTYONE = "fiftyone"
"""FiftyOne's importer of COCO files, among the formats of ours."""
_WARM = 2


def label_import(images: Sequence[int], objects: int, formats: Sequence[str]) -> Report:
    """Images/s, and MB above what the packages take.

    Args:
        images: how many; one after the other.
        objects: polygons on each.
        formats: names of ours, and `FIFTYONE`.
    """
    rows: list[Row] = []
    for count in images:
        folder = Path(tempfile.mkdtemp())
        try:
            for part, number in (("warm", _WARM), ("whole", count)):
                write_images(folder / part, number)
                for name in {_format(name) for name in formats}:
                    write_labels(name, folder / part, number, objects)
            rows += [_in_own_process(name, folder, count, objects) for name in formats]
        finally:
            shutil.rmtree(folder)
    title = f"importing labels, {objects} polygons an image of 640 x 480"
    return Report(title, rows)


def _format(name: str) -> str:
    return "coco" if name == FIFTYONE else name


def _in_own_process(name: str, folder: Path, images: int, objects: int) -> Row:
    command = [sys.executable, "-m", "benchmarks.label_import", name, str(folder)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path.cwd())
    measured = json.loads(run.stdout.splitlines()[-1])
    if (found := measured.pop("objects")) != images * objects:
        raise AssertionError(f"{name} imported {found} objects of {images * objects}")
    row = {"images": images, "labels": name, **measured}
    row["images/s"] = images / measured["seconds"]
    # The whole takes long, and may be interrupted.
    print(f"{name}, {images} images: {measured['seconds']:.0f} s", file=sys.stderr, flush=True)
    return row


def _measure(name: str, folder: Path) -> Row:
    import torch

    from benchmarks.stopwatch import now, peak_memory, resident_memory

    _import(name, folder / "warm")
    before, start, computing = resident_memory(), now(), time.process_time()
    objects = _import(name, folder / "whole")
    seconds, computed = now() - start, time.process_time() - computing
    peak = peak_memory(torch.device("cpu"))
    row = {"objects": objects, "before (MB)": before, "above (MB)": peak - before}
    return {**row, "seconds": seconds, "of processor time": computed}


def _import(name: str, folder: Path) -> int:
    """Import into a dataset that is deleted again; returns how many objects it held."""
    import fiftyone as fo

    import fiftyone_ntt as ntt

    dataset = fo.Dataset()
    try:
        if name == FIFTYONE:
            dataset.add_dir(
                data_path=str(folder / "images"),
                labels_path=str(folder / "coco.json"),
                dataset_type=fo.types.COCODetectionDataset,
                label_types="segmentations",
                label_field="ground_truth",
                progress=False,
            )
        else:
            ntt.import_labels(
                folder / _files(name), dataset, name, folder / "images", progress=False
            )
        return int(dataset.count("ground_truth.detections"))
    finally:
        dataset.delete()


def _files(name: str) -> str:
    """What `write_labels` wrote."""
    return {"yolo": "data.yaml", "labelme": "labelme", "cvat": "cvat.xml"}.get(
        name, f"{name.replace('-', '_')}.json"
    )


if __name__ == "__main__":
    assert sys.argv[1] in (*FORMATS, FIFTYONE)
    print(json.dumps(_measure(sys.argv[1], Path(sys.argv[2]))))
