#!/usr/bin/env bash
# pycocotools 2.0.11, faster-coco-eval 1.8.0 and hotcoco 1.3.0: one object, found exactly, whose
# annotation has the id 0, as in many files that count from 0.
#
# Expected: an AP of 1, or the same of libraries that name pycocotools as what they agree with.
# Seen: pycocotools says 0, without a word; faster-coco-eval 0 and a warning; hotcoco 1. Of larger
# files' AP it takes one object, so that a comparison of libraries, or of runs, is off by that.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet pycocotools==2.0.11 faster-coco-eval==1.8.0 \
    hotcoco==1.3.0 2>"$folder/pip.log"
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import contextlib
import io

import faster_coco_eval
import hotcoco
import pycocotools.coco
import pycocotools.cocoeval

BOX = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 20, 20]}


def ap(dataset, scorer, key):
    truth = dataset()
    truth.dataset = {
        "images": [{"id": 1, "width": 40, "height": 40}],
        "categories": [{"id": 1, "name": "boat"}],
        "annotations": [{"id": key, **BOX, "area": 400, "iscrowd": 0}],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = scorer(truth, truth.loadRes([{**BOX, "score": 0.9}]), "bbox")
        evaluation.evaluate(), evaluation.accumulate(), evaluation.summarize()
    return round(float(evaluation.stats[0]))


seen = {
    "pycocotools": [
        ap(pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval, key) for key in (0, 1)
    ],
    "faster-coco-eval": [
        ap(faster_coco_eval.COCO, faster_coco_eval.COCOeval_faster, key) for key in (0, 1)
    ],
    "hotcoco": [ap(hotcoco.COCO, hotcoco.COCOeval, key) for key in (0, 1)],
}
print("AP with an id of 0, and of 1:", seen)
assert seen == {"pycocotools": [0, 1], "faster-coco-eval": [0, 1], "hotcoco": [1, 1]}, "changed"
PYTHON
