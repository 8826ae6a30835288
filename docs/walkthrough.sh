#!/usr/bin/env bash
# From two classes with one box each to AP. In a folder with images/, boxes.json and truth.json:
set -e
M="--images images --models ${MODELS:-paper}"
fiftyone-ntt boxes-to-masks boxes.json $M --output refs.json --pictures boxes
fiftyone-ntt build --references refs.json $M --output bank.safetensors
fiftyone-ntt pictures --bank bank.safetensors --references refs.json $M --output memory
fiftyone-ntt segment --bank bank.safetensors --targets truth.json $M --output results.json --pictures found --picture-threshold 0.4
fiftyone-ntt evaluate --results results.json --targets truth.json --images images
