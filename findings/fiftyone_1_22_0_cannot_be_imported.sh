#!/usr/bin/env bash
# FiftyOne 1.22.0, installed alone on a clean machine: `import fiftyone` raises an ImportError.
#
# Expected: a release keeps working once it is installed.
# Seen: it asks for strawberry-graphql < 0.317, which takes any graphql-core below 3.4; graphql-core
# 3.3 took away the name `ExecutionContext` that this strawberry imports. FiftyOne 1.22.1 asks for
# graphql-core < 3.3 itself. With 1.22.0, install `graphql-core<3.3` beside it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet fiftyone==1.22.0 graphql-core==3.3.2
export FIFTYONE_DISABLE_SERVICES=1 FIFTYONE_DO_NOT_TRACK=true
export FIFTYONE_CONFIG_PATH="$folder/config.json"
seen=$("$folder/venv/bin/python" -c 'import fiftyone' 2>&1 | tail -1 || true)
echo "fiftyone 1.22.0: $seen"
[[ $seen == "ImportError: cannot import name 'ExecutionContext'"* ]]
"$folder/venv/bin/python" -m pip install --quiet 'graphql-core<3.3'
"$folder/venv/bin/python" -c 'import fiftyone; print("with graphql-core < 3.3:", fiftyone.__version__)'
