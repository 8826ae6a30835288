"""Writes `tests/legacy/dataset_0270ca7`: a dataset as the code of commit 0270ca7 left it.

Run it with a checkout of that commit on PYTHONPATH; any other is refused:

    cd <checkout of 0270ca7>
    PYTHONPATH=$PWD python <this checkout>/tests/legacy/make_fixture.py

It was run once. What it wrote stands for the databases that people have, so a change of the package
is no reason to write it again. Pictures, draws and models are the same in every run; ids and times
are new. The folder holds:

- `dataset/`: nine generated scenes and all that was done with them, as FiftyOne exports a dataset;
- `proposals/`: the store of proposals that the runs filled;
- `thumbnails.json`: the dataset's entries in FiftyOne's execution store, which no export carries;
- `expected.json`: what the old code read from that dataset, and what it did with a copy of it.

The functions that describe a dataset are public: the tests describe what today's code reads, and
does, by the same words.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

COMMIT = "0270ca7"
FOLDER = Path(__file__).parent / f"dataset_{COMMIT}"

TRUTH, PREDICTIONS, RELABELLED = "ground_truth", "predictions", "relabelled"
BOXES, MASKS = "boxes", "masks"
CANDIDATES, TARGETS, SEGMENTED = 4, 5, 4
"""Scenes to draw references from, and to segment. The segmentation has the last still to do."""
BANK, DRAFT, SHARPER = "shapes", "draft", "shapes, sharper"
SEGMENTING = {"label_field": PREDICTIONS, "points_per_side": 12}
RELABELLING = {"label_field": RELABELLED, "points_per_side": 12, "confidence_thresh": 0.1}
CURVE = "shots"
DRAWING = {"min_size": 12, "border": 0}
METRIC = "@ntt/reference_segmentation/coco_metrics"
PANELS = ("memory_bank_panel", "shots_curve_panel")

_SIDE = 160
_QUALITY = 90
_SCENES = "/data/scenes"
"""Where the scenes are said to come from, instead of a folder of the machine this ran on."""


# ------------------------------------------------------------------- describing a dataset


def targets(dataset: Any) -> Any:
    """The scenes to segment."""
    return dataset.match_tags("target")


def segmented(dataset: Any) -> Any:
    """The scenes that the segmentation has done."""
    return targets(dataset).limit(SEGMENTED)


def digest(*arrays: Any) -> str:
    """Of the exact content, types and shapes of arrays."""
    found = hashlib.sha256()
    for array in map(np.ascontiguousarray, arrays):
        found.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return found.hexdigest()[:16]


def described_label(label: Any) -> dict[str, Any]:
    """A detection's attributes; its mask as a digest."""
    named = {name: value for name, value in label.iter_fields() if value is not None}
    mask = named.pop("mask", None)
    return {**named, "mask": None if mask is None else digest(mask)}


def described_labels(samples: Any, field: str) -> dict[str, list[dict[str, Any]] | None]:
    """All detections of a field by the name of their scene; None where there are none."""
    found = {}
    for sample in samples:
        labels = sample[field]
        rows = None if labels is None else [described_label(row) for row in labels.detections]
        found[Path(sample.filepath).name] = rows
    return found


def described_banks(samples: Any) -> list[dict[str, Any]]:
    """The banks on a dataset: their summaries, contents and reviews."""
    import fiftyone_ntt as ntt

    found = []
    for summary in ntt.list_memory_banks(samples):
        bank = ntt.load_memory_bank(samples, summary.name)
        row = dataclasses.asdict(summary)
        row["created"] = summary.created.replace(tzinfo=None).isoformat(timespec="milliseconds")
        row["contents"] = {
            name: _contents(getattr(bank, name))
            for name in ("references", "negatives", "statistics")
        }
        row["notes"] = list(bank.notes)
        row["review"] = _described_review(ntt.review_memory_bank(samples, summary.name))
        found.append(row)
    return found


def _contents(part: Any) -> dict[str, Any]:
    """A part of a bank: its ids, and digests of its arrays."""
    values = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    return {
        name: digest(value) if isinstance(value, np.ndarray) else list(value)
        for name, value in values.items()
    }


def _described_review(review: Any) -> dict[str, Any]:
    return {
        "references": [[row.id, row.label, list(row.marks)] for row in review.references],
        "negatives": [[row.id, row.label, row.origin, row.source] for row in review.negatives],
        "points": review.points.tolist(),
    }


def described_runs(samples: Any) -> dict[str, dict[str, Any]]:
    """The runs that wrote predictions, as far as that version told of them."""
    import fiftyone_ntt as ntt

    names = ("method", "field", "status", "bank", "updated", "done", "failed", "reason")
    runs = ntt.list_prediction_runs(samples)
    return {key: {name: run[name] for name in names} for key, run in runs.items()}


def described_evaluation(dataset: Any, key: str) -> dict[str, Any]:
    """A saved evaluation: its configuration, its figures, and the verdicts on the objects."""
    config = dataset.get_evaluation_info(key).config
    results = dataset.load_evaluation_results(key, cache=False)
    return {
        "method": config.method,
        "cls": config.cls,
        "fields": [config.gt_field, config.pred_field],
        "results": type(results).__name__,
        "metrics": {name: float(value) for name, value in results.metrics().items()},
        "mAP": float(results.mAP()) if config.compute_mAP else None,
        "classes": list(results.classes),
        "counts": [dataset.sum(f"{key}_{name}") for name in ("tp", "fp", "fn")],
    }


def described_points(dataset: Any) -> dict[str, dict[str, list[float]]]:
    """Label id to its place, by the key of the brain run that shows it."""
    found = {}
    for key in dataset.list_brain_runs():
        results = dataset.load_brain_results(key)
        places = np.asarray(results.points).tolist()
        found[key] = dict(zip(map(str, results.label_ids), places, strict=True))
    return found


def described_curve(dataset: Any) -> list[dict[str, Any]]:
    """The trials of the curve that is kept on the dataset."""
    import fiftyone_ntt as ntt

    rows = [dataclasses.asdict(trial) for trial in ntt.load_shots_curve(dataset, CURVE).trials]
    for row in rows:
        row["scores"].pop("notes", None)  # of files; later versions have them, and keep none
    return rows


def described_thumbnails(dataset: Any) -> dict[str, dict[str, list[str]]]:
    """The small pictures of each bank's references: where their labels are, and digests."""
    import fiftyone_ntt as ntt

    return {
        bank.name: {
            key: [found.label_id, found.sample_id, found.field, digest(list(found.jpeg))]
            for key, found in ntt.load_thumbnails(dataset, bank.name).items()
            if found is not None
        }
        for bank in ntt.list_memory_banks(dataset)
    }


def described_pictures(samples: Any) -> dict[str, list[str] | None]:
    """What was drawn of the references of a bank, as digests."""
    return {
        Path(sample.filepath).name: sample.memory_clusters
        and [
            digest(sample.memory_pca.map),
            digest(sample.memory_clusters.mask),
            *sample.memory_clusters.references,
        ]
        for sample in samples
    }


def exported_coco(dataset: Any) -> dict[str, Any]:
    """The COCO file of the truth."""
    import fiftyone_ntt as ntt

    with TemporaryDirectory() as folder:
        path = Path(folder) / "truth.json"
        ntt.export_coco(dataset, TRUTH, path, progress=False)
        content: dict[str, Any] = json.loads(path.read_text())
        return content


# ------------------------------------------------------------------- what the old code does


def draw_scenes(folder: Path) -> Path:
    """Draw the scenes and their COCO file, one object of which is a crowd."""
    import cv2
    from pycocotools import mask as coco_mask

    from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
    from fiftyone_ntt.demo.scenes import generate_scene

    kinds = NOVEL_CLASSES[2:5]
    ids = {kind.name: 10 * number for number, kind in enumerate(kinds, start=1)}
    images, annotations = [], []
    for index in range(CANDIDATES + TARGETS):
        scene = generate_scene(kinds, seed=2_000_000 + index, size=_SIDE, objects=(3, 5))
        name, image_id = f"scene_{index}.jpg", 100 + index
        picture = cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / name), picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        images.append({"id": image_id, "file_name": name, "width": _SIDE, "height": _SIDE})
        for mask, label in zip(scene.masks, scene.labels, strict=True):
            rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            x, y, width, height = coco_mask.toBbox(rle).tolist()
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": ids[label],
                    "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()},
                    # As outlines give them, between the pixels: an export gives them back.
                    "bbox": [x + 0.25, y + 0.25, width - 0.5, height - 0.5],
                    "area": int(coco_mask.area(rle)) - 0.5,
                    "iscrowd": 0,
                }
            )
    crowd = max(row["id"] for row in annotations if row["image_id"] == 100 + CANDIDATES)
    annotations[crowd - 1]["iscrowd"] = 1
    categories = [{"id": key, "name": name} for name, key in ids.items()]
    path = folder.parent / "truth.json"
    path.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    return path


def make_dataset(folder: Path, store: Path) -> Any:
    """All that a user does with a dataset."""
    import fiftyone as fo

    import fiftyone_ntt as ntt

    folder.mkdir()
    ntt.import_coco(folder, draw_scenes(folder), "legacy", progress=False)
    dataset = fo.load_dataset("legacy")
    dataset.limit(CANDIDATES).tag_samples("candidate")
    dataset.skip(CANDIDATES).tag_samples("target")
    make_predictions(dataset, store)
    make_evaluations(dataset)
    ntt.visualize_memory_bank(dataset, BANK, PREDICTIONS, store=store, progress=False)
    ntt.draw_memory_bank(dataset, BANK, progress=False)
    for bank in ntt.list_memory_banks(dataset):
        ntt.make_thumbnails(dataset, bank.name)
    panels = [fo.Panel(type=name) for name in PANELS]
    dataset.save_workspace("memory", fo.Space(children=panels))
    # Only here does the dataset remember a folder, for the next import into it.
    dataset.info["coco"][TRUTH]["images"] = _SCENES
    dataset.save()
    return dataset


def make_predictions(dataset: Any, store: Path) -> None:
    """Banks, and the runs that use them."""
    from fiftyone import ViewField as F

    import fiftyone_ntt as ntt

    candidates = dataset.match_tags("candidate")
    ntt.sample_references(candidates, TRUTH, shots=2, seed=7, **DRAWING)
    bank = ntt.build_memory_bank(
        candidates, TRUTH, label_tags="reference", name=BANK, models="demo", progress=False
    )
    ntt.segment(segmented(dataset), BANK, store=store, progress=False, **SEGMENTING)
    doubtful = segmented(dataset).filter_labels(PREDICTIONS, F("confidence") < 0.3)
    doubtful.limit(1).tag_labels("negative", label_fields=PREDICTIONS)
    add_by_hand(dataset)
    sharper = ntt.add_tagged_negatives(dataset, bank, PREDICTIONS, progress=False)
    sharper = ntt.add_background_negatives(dataset, sharper, TRUTH, progress=False)
    sharper = ntt.mine_negatives(
        candidates, sharper, TRUTH, per_class=2, points_per_side=12, store=store, progress=False
    )
    ntt.save_memory_bank(dataset, sharper, DRAFT)
    ntt.rename_memory_bank(dataset, DRAFT, SHARPER)
    # Also fills the store with the scene that the segmentation has still to do.
    ntt.shots_curve(
        candidates,
        targets(dataset),
        TRUTH,
        shots=(1, 2),
        seeds=(7,),
        name=CURVE,
        models="demo",
        points_per_side=12,
        store=store,
        progress=False,
        **DRAWING,
    )
    ntt.relabel(targets(dataset), SHARPER, store=store, progress=False, **RELABELLING)
    make_masks(segmented(dataset).limit(2))


def add_by_hand(dataset: Any) -> None:
    """A label of the user's own among the predictions."""
    import fiftyone as fo

    sample = segmented(dataset).last()
    truth = sample[TRUTH].detections[0]
    label = fo.Detection(
        label=truth.label, bounding_box=truth.bounding_box, mask=truth.mask, confidence=0.9
    )
    sample[PREDICTIONS].detections.append(label)
    sample.save()


def make_masks(samples: Any) -> None:
    """Boxes, and masks from them."""
    import fiftyone as fo

    import fiftyone_ntt as ntt

    for sample in samples:
        sample[BOXES] = fo.Detections(
            detections=[
                fo.Detection(label=label.label, bounding_box=label.bounding_box)
                for label in sample[TRUTH].detections
            ]
        )
        sample.save()
    ntt.boxes_to_masks(samples, BOXES, MASKS, models="demo", progress=False)


def make_evaluations(dataset: Any) -> None:
    """An evaluation of each kind, each under its key."""
    import fiftyone_ntt as ntt
    from fiftyone_ntt.plugin.install import install_plugin

    fields = (PREDICTIONS, TRUTH)
    view = segmented(dataset)
    ntt.evaluate(view, *fields, eval_key="exact", progress=False)
    ntt.evaluate(view, *fields, eval_key="own", method="fiftyone", iou="boxes", progress=False)
    install_plugin()
    view.evaluate_detections(
        *fields, eval_key="metric", custom_metrics={METRIC: {"workers": 1}}, progress=False
    )


def deletions(dataset: Any) -> dict[str, Any]:
    """What is left on a copy of the dataset after a run or an evaluation was deleted."""
    import fiftyone_ntt as ntt

    runs, evaluations = {}, {}
    for key, run in described_runs(dataset).items():
        copy = dataset.clone()
        runs[key] = {
            "deleted": ntt.delete_run_predictions(copy, key),
            "left": described_labels(copy, run["field"]),
            "runs": sorted(ntt.list_prediction_runs(copy)),
        }
        copy.delete()
    for key in dataset.list_evaluations():
        copy = dataset.clone()
        before = set(copy.get_field_schema(flat=True))
        copy.delete_evaluation(key)
        evaluations[key] = sorted(before - set(copy.get_field_schema(flat=True)))
        copy.delete()
    return {"runs": runs, "evaluations": evaluations}


def continued(dataset: Any, store: Path) -> dict[str, Any]:
    """What the unfinished segmentation writes when it goes on, on a copy of the dataset."""
    import fiftyone_ntt as ntt

    copy = dataset.clone()
    report = ntt.segment(targets(copy), BANK, store=store, progress=False, **SEGMENTING)
    found = {
        "run": report.run,
        "counts": [report.images, report.written, report.skipped, report.detections],
        "labels": described_labels(targets(copy).skip(SEGMENTED), PREDICTIONS),
    }
    copy.delete()
    return found


def described(dataset: Any, store: Path) -> dict[str, Any]:
    """All that the tests expect."""
    fields = (TRUTH, PREDICTIONS, RELABELLED, BOXES, MASKS)
    return {
        "commit": COMMIT,
        "tags": dataset.count_sample_tags(),
        "label_tags": dataset.count_label_tags(),
        "fields": sorted(dataset.get_field_schema()),
        "labels": {field: described_labels(dataset, field) for field in fields},
        "coco": exported_coco(dataset),
        "banks": described_banks(dataset),
        "runs": described_runs(dataset),
        "evaluations": {
            key: described_evaluation(dataset, key) for key in dataset.list_evaluations()
        },
        "points": described_points(dataset),
        "curve": described_curve(dataset),
        "thumbnails": described_thumbnails(dataset),
        "pictures": described_pictures(dataset),
        "deletions": deletions(dataset),
        "continued": continued(dataset, store),
    }


def execution_store(dataset: Any) -> list[dict[str, Any]]:
    """The dataset's documents in FiftyOne's execution store, as far as they are not its own."""
    import fiftyone.core.odm as foo

    rows = foo.get_db_conn().execution_store.find({"dataset_id": dataset._doc.id})
    return [{name: row[name] for name in ("store_name", "key", "value")} for row in rows]


def main() -> None:
    """Write the folder anew."""
    import fiftyone_ntt
    from tests import database

    checkout = Path(fiftyone_ntt.__file__).parents[1]
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    head = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if not head.startswith(COMMIT):
        sys.exit(f"{checkout} is a checkout of {head[:7]}. Put one of {COMMIT} on PYTHONPATH.")
    database.isolate()
    import fiftyone as fo

    shutil.rmtree(FOLDER, ignore_errors=True)
    with TemporaryDirectory() as folder:
        store = FOLDER / "proposals"
        dataset = make_dataset(Path(folder) / "scenes", store)
        dataset.export(
            str(FOLDER / "dataset"),
            dataset_type=fo.types.FiftyOneDataset,
            export_media=True,
            progress=False,
        )
        thumbnails = execution_store(dataset)
        # Read as another process would: nothing that this one still remembers.
        dataset.clear_cache()
        dataset.reload()
        expected = described(dataset, store)
    for name, content in (("thumbnails", thumbnails), ("expected", expected)):
        (FOLDER / f"{name}.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
