"""How long evaluating takes, beside pycocotools: `python -m benchmarks.evaluation`.

Generates predictions and truth, once as COCO files and once as a FiftyOne dataset, and prints the
times as ratios to pycocotools' own (load both files, load the results, evaluate, accumulate and
summarise), beside those of hotcoco alone and of `evaluate_results` on the same files, the latter
with its checks, and by masks also with the figures by boxes. Every measurement runs in a process of
its own, so that its peak of memory is its own (worker processes included), and its twelve figures
have to equal pycocotools' to 1e-9. Needs FiftyOne's database; the dataset is deleted at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from fiftyone_ntt.store.atomic import require_writable, write_atomically
from fiftyone_ntt.store.own_files import REPORT_FILE

HEIGHT, WIDTH = 480, 640
SHAPES = 2000
"""Different masks drawn; the labels share them."""
INSERT = 250
"""Images per write to the database."""

METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl")
RECALLS = ("AR1", "AR10", "AR100", "ARs", "ARm", "ARl")

Row = dict[str, Any]


def shapes(rng: np.random.Generator) -> list[tuple[np.ndarray, bytes]]:
    """Ragged blobs of 6 to 300 px, as a mask that touches all sides and as FiftyOne stores it."""
    drawn = []
    for _ in range(SHAPES):
        h, w = np.exp(rng.uniform(np.log(6), np.log(300), 2)).astype(int)
        y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
        angle, waves = np.arctan2(y, x), rng.integers(2, 9)
        reach = 0.85 + 0.15 * np.sin(waves * angle + rng.uniform(0, 6))
        mask = np.hypot(x, y) <= reach
        mask = np.ascontiguousarray(mask[mask.any(axis=1)][:, mask.any(axis=0)])
        buffer = io.BytesIO()
        np.save(buffer, mask)
        drawn.append((mask, zlib.compress(buffer.getvalue())))
    return drawn


def image_objects(
    rng: np.random.Generator, pool: list[Any], arguments: argparse.Namespace
) -> tuple[list[Row], list[Row]]:
    """True and predicted objects of one image: class, shape, place, and score or crowd."""

    def placed(shape: int, label: int, near: tuple[int, int] | None = None) -> Row:
        h, w = pool[shape][0].shape
        limits = HEIGHT - h, WIDTH - w
        if near is None:
            top, left = (int(rng.integers(0, limit + 1)) for limit in limits)
        else:
            moves = rng.integers(-6, 7, 2)
            top, left = (
                int(min(max(place + move, 0), limit))
                for place, move, limit in zip(near, moves, limits, strict=True)
            )
        return {"shape": shape, "label": label, "top": top, "left": left}

    truth = [
        placed(int(rng.integers(SHAPES)), int(rng.integers(arguments.classes)))
        | {"crowd": bool(rng.random() < 0.02)}
        for _ in range(arguments.truths)
    ]
    found = []
    for _ in range(arguments.predictions):
        if truth and rng.random() < 0.5:
            source = truth[rng.integers(len(truth))]
            label = source["label"] if rng.random() < 0.8 else int(rng.integers(arguments.classes))
            row = placed(source["shape"], label, (source["top"], source["left"]))
        else:
            row = placed(int(rng.integers(SHAPES)), int(rng.integers(arguments.classes)))
        found.append(row | {"score": round(float(rng.random()), 3)})
    return truth, found


def coco_row(row: Row, image: int, pool: list[Any]) -> Row:
    from fiftyone_ntt.core.rle import encode_crop

    mask = pool[row["shape"]][0]
    rle = encode_crop(mask, (row["top"], row["left"]), (HEIGHT, WIDTH))
    return {
        "image_id": image,
        "category_id": row["label"] + 1,
        "segmentation": {"size": [HEIGHT, WIDTH], "counts": rle["counts"].decode()},
        "bbox": [row["left"], row["top"], mask.shape[1], mask.shape[0]],
    }


def stored_label(row: Row, pool: list[Any], extra: Row) -> Row:
    """A detection as FiftyOne stores it."""
    from bson import Binary, ObjectId

    mask, packed = pool[row["shape"]]
    h, w = mask.shape
    box = [row["left"] / WIDTH, row["top"] / HEIGHT, w / WIDTH, h / HEIGHT]
    return {
        "_id": ObjectId(),
        "_cls": "Detection",
        "attributes": {},
        "tags": [],
        "label": f"class {row['label']:03d}",
        "bounding_box": box,
        "mask": Binary(packed),
        **extra,
    }


def generate(arguments: argparse.Namespace, folder: Path, name: str) -> None:
    """Write `truth.json`, `masks.json` and `boxes.json`, and the FiftyOne dataset."""
    rng = np.random.default_rng(0)
    pool = shapes(rng)
    annotations: list[Row] = []
    with contextlib.ExitStack() as stack:
        # Row by row: half a million of them need not be in memory at once.
        results = {
            kind: stack.enter_context((folder / f"{kind}.json").open("w"))
            for kind in ("masks", "boxes")
        }
        for file in results.values():
            file.write("[")
        insert = _inserter(name)
        documents: list[Row] = []
        comma = ""
        for image in range(1, arguments.images + 1):
            truth, found = image_objects(rng, pool, arguments)
            for row in truth:
                area = int(np.count_nonzero(pool[row["shape"]][0]))
                extra = {"id": len(annotations) + 1, "iscrowd": int(row["crowd"]), "area": area}
                annotations.append(coco_row(row, image, pool) | extra)
            for row in found:
                whole = coco_row(row, image, pool) | {"score": row["score"]}
                for kind, left_out in (("masks", "bbox"), ("boxes", "segmentation")):
                    part = {key: value for key, value in whole.items() if key != left_out}
                    results[kind].write(comma + json.dumps(part))
                comma = ","
            documents.append(
                {
                    "filepath": f"/generated/{image}.png",
                    "truth": [stored_label(r, pool, {"iscrowd": r["crowd"]}) for r in truth],
                    "predictions": [
                        stored_label(r, pool, {"confidence": r["score"]}) for r in found
                    ],
                }
            )
            if len(documents) == INSERT or image == arguments.images:
                insert(documents)
                documents = []
        for file in results.values():
            file.write("]")
    images = range(1, arguments.images + 1)
    truth_file = {
        "images": [
            {"id": key, "file_name": f"{key}.png", "height": HEIGHT, "width": WIDTH}
            for key in images
        ],
        "categories": [
            {"id": key + 1, "name": f"class {key:03d}"} for key in range(arguments.classes)
        ],
        "annotations": annotations,
    }
    (folder / "truth.json").write_text(json.dumps(truth_file))


def _inserter(name: str) -> Any:
    """A function that adds documents to a new dataset, past FiftyOne's slower way."""
    import fiftyone as fo
    from bson import ObjectId

    dataset = fo.Dataset(name, persistent=True)
    template = fo.Sample(
        filepath="/generated/0.png",
        metadata=fo.ImageMetadata(width=WIDTH, height=HEIGHT),
        truth=fo.Detections(detections=[fo.Detection(label="a", iscrowd=False)]),
        predictions=fo.Detections(detections=[fo.Detection(label="a", confidence=0.5)]),
    )
    dataset.add_sample(template, dynamic=True)
    blank = dataset._sample_collection.find_one()
    dataset.delete_samples(dataset)

    def insert(documents: list[Row]) -> None:
        rows = []
        for document in documents:
            row = {**blank, "_id": ObjectId(), "filepath": document["filepath"]}
            for field in ("truth", "predictions"):
                row[field] = {"_cls": "Detections", "detections": document[field]}
            rows.append(row)
        dataset._sample_collection.insert_many(rows)

    return insert


def by_library(folder: Path, kind: str, name: str = "pycocotools") -> dict[str, float]:
    """Load the files and evaluate, as pycocotools' documentation shows."""
    files: Any = import_module("hotcoco" if name == "hotcoco" else "pycocotools.coco")
    scoring: Any = import_module("hotcoco" if name == "hotcoco" else "pycocotools.cocoeval")
    with contextlib.redirect_stdout(io.StringIO()):
        truth = files.COCO(str(folder / "truth.json"))
        found = truth.loadRes(str(folder / f"{kind}.json"))
        evaluation = scoring.COCOeval(truth, found, "segm" if kind == "masks" else "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip((*METRICS, *RECALLS), map(float, evaluation.stats), strict=True))


def by_results(folder: Path, kind: str) -> dict[str, float]:
    """`evaluate_results` on the files."""
    from fiftyone_ntt.coco.average_precision import evaluate_results

    found = evaluate_results(folder / f"{kind}.json", folder / "truth.json", published=True)
    figures: dict[str, float] = getattr(found, kind)
    return figures


def by_fiftyone_ntt(name: str, kind: Any, key: str | None, workers: int | None) -> dict[str, float]:
    import fiftyone as fo

    import fiftyone_ntt as ntt

    dataset = fo.load_dataset(name)
    found = ntt.evaluate(
        dataset, "predictions", "truth", iou=kind, eval_key=key, progress=False, workers=workers
    )
    figures = {
        entry["key"]: entry["value"] for entry in getattr(found, kind).custom_metrics.values()
    }
    return {metric: figures.get(metric, -1.0) for metric in (*METRICS, *RECALLS)}


def measure(arguments: argparse.Namespace) -> None:
    """One measurement in this process; its outcome is printed as JSON."""
    import fiftyone as fo  # not part of the time: a user has it imported

    import fiftyone_ntt.dataset.evaluation.prediction_evaluation  # noqa: F401

    tool, kind, key = arguments.measure.split(":")
    folder = Path(arguments.folder)
    if tool == "ntt":
        fo.load_dataset(arguments.name)
    start = time.perf_counter()
    if tool in ("pycocotools", "hotcoco"):
        figures = by_library(folder, kind, tool)
    elif tool == "files":
        figures = by_results(folder, kind)
    else:
        figures = by_fiftyone_ntt(arguments.name, kind, key or None, arguments.workers)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 + _workers_mib()
    print(json.dumps({"seconds": seconds, "peak_mib": peak, "figures": figures}))


def _workers_mib() -> float:
    """Memory of the worker processes, which stay for the next call."""
    children = psutil.Process().children(recursive=True)
    return sum(c.memory_info().rss for c in children if "python" in c.name()) / 2**20


def rows(arguments: argparse.Namespace, folder: Path, name: str) -> Iterator[Row]:
    for kind in arguments.kinds:
        reference: Row | None = None
        for tool, key in (
            ("pycocotools", ""),
            ("hotcoco", ""),
            ("files", ""),
            ("ntt", ""),
            ("ntt", "e"),
        ):
            found = _in_a_process(arguments, folder, name, f"{tool}:{kind}:{key}")
            reference = reference or found
            for metric, value in reference["figures"].items():
                if abs(found["figures"][metric] - value) > 1e-9:
                    raise SystemExit(f"{tool} by {kind}: {metric} differs from pycocotools'")
            shown = {"files": "evaluate_results", "ntt": "evaluate"}.get(tool, tool)
            yield {
                "by": kind,
                "what": shown + (", saved" if key else ""),
                "seconds": round(found["seconds"], 2),
                "ratio": round(found["seconds"] / reference["seconds"], 2),
                "peak_mib": round(found["peak_mib"]),
                "AP": found["figures"]["AP"],
            }


def _in_a_process(arguments: argparse.Namespace, folder: Path, name: str, what: str) -> Row:
    command = [sys.executable, "-m", "benchmarks.evaluation", "--measure", what]
    command += ["--folder", str(folder), "--name", name]
    if arguments.workers is not None:
        command += ["--workers", str(arguments.workers)]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    row: Row = json.loads(run.stdout.splitlines()[-1])
    return row


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser("benchmarks.evaluation", description=__doc__)
    options.add_argument("--images", type=int, default=1000)
    options.add_argument("--predictions", type=int, default=100, help="per image")
    options.add_argument("--truths", type=int, default=7, help="per image, as in COCO")
    options.add_argument("--classes", type=int, default=80)
    options.add_argument("--kinds", nargs="+", default=["masks", "boxes"])
    options.add_argument(
        "--workers", type=int, help="processes; as `evaluate` chooses if not given"
    )
    options.add_argument("--json", type=Path, help="also write the rows to this file")
    for hidden in ("--measure", "--folder", "--name"):
        options.add_argument(hidden, help=argparse.SUPPRESS)
    return options


def main() -> None:
    arguments = parser().parse_args()
    if arguments.measure:
        measure(arguments)
        return
    if arguments.json:
        require_writable(arguments.json, REPORT_FILE)
    import fiftyone as fo

    name = f"benchmark-evaluation-{time.time_ns()}"
    with tempfile.TemporaryDirectory() as place:
        try:
            generate(arguments, Path(place), name)
            print(f"{arguments.images} images x {arguments.predictions} predictions")
            print(f"{'by':8}{'':20}{'seconds':>9}{'ratio':>8}{'peak MiB':>10}")
            table = []
            for row in rows(arguments, Path(place), name):
                table.append(row)
                print(
                    f"{row['by']:8}{row['what']:20}{row['seconds']:9.2f}{row['ratio']:8.2f}"
                    f"{row['peak_mib']:10}",
                    flush=True,
                )
        finally:
            if fo.dataset_exists(name):
                fo.delete_dataset(name)
    if arguments.json:
        settings = {key: value for key, value in vars(arguments).items() if key != "json"}
        content = REPORT_FILE.content({"settings": settings, "rows": table}, default=str)
        write_atomically(arguments.json, content, REPORT_FILE)


if __name__ == "__main__":
    main()
