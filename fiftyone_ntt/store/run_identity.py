"""What makes two runs the same run: everything that decides their results."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.pipeline import Matcher
from fiftyone_ntt.core.settings import PAPER_SCORING
from fiftyone_ntt.store.bank_identity import bank_hash


def run_ingredients(matcher: Matcher, reading: ImageReading, *, rounded: bool) -> dict[str, Any]:
    """JSON values that decide the instances a run finds on any image.

    The bank counts by its content, not by its name; `prompts_per_batch` decides only speed.

    Args:
        matcher: of the run.
        reading: how its images become pixels; their orientation is each file's own matter.
        rounded: whether features pass through a proposal store, which rounds them.
    """
    chosen, scoring = dataclasses.asdict(matcher.adaptive_settings), matcher.scoring
    return {
        "bank_hash": bank_hash(matcher.bank),
        "encoder": matcher.setup.encoder,
        "segmenter": matcher.setup.segmenter,
        "mode": matcher.mode,
        "proposal_settings": matcher.setup.settings.identity(),
        "match_settings": matcher.match_settings.identity(),
        "rounded": rounded,
        # By its values: what `"best"` means may change from version to version.
        **({"scoring": dataclasses.asdict(scoring)} if scoring != PAPER_SCORING else {}),
        **({"bit_depth": reading.bit_depth} if reading.bit_depth is not None else {}),
        **({"adaptive_settings": chosen} if matcher.mode == "adaptive" else {}),
    }


def ingredients_hash(ingredients: dict[str, Any]) -> str:
    """Hexadecimal hash of JSON values, whatever the order of their keys; equal for equal runs."""
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()
