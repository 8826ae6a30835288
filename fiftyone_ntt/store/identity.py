"""What makes two runs the same run: everything that decides their results."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.store.bank_file import bank_bytes


def run_ingredients(pipeline: Pipeline) -> dict[str, Any]:
    """JSON values that decide the instances a pipeline finds on any image.

    The bank counts by its content, not by its name; `prompts_per_batch` decides only speed.
    """
    content = dataclasses.replace(pipeline.bank, name="", models={}, notes=())
    proposal_settings = dataclasses.asdict(pipeline.proposal_settings)
    del proposal_settings["prompts_per_batch"]
    return {
        "bank_hash": hashlib.sha256(bank_bytes(content)).hexdigest(),
        "encoder": pipeline.encoder.identity,
        "segmenter": pipeline.segmenter.identity,
        "mode": pipeline.mode,
        "proposal_settings": proposal_settings,
        "match_settings": dataclasses.asdict(pipeline.match_settings),
    }


def ingredients_hash(ingredients: dict[str, Any]) -> str:
    """Hexadecimal hash of JSON values, whatever the order of their keys; equal for equal runs."""
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()
