"""What the App is told to read anew after labels were written.

Reading the whole dataset anew scrolls the grid to the top and drops the selection, so that is done
only where the App would otherwise not know what there is: fields, evaluations, brain runs.
"""

from __future__ import annotations

import hashlib
import json

import fiftyone.core.dataset as fod
import fiftyone.core.odm as foo
from fiftyone.operators.message import GeneratedMessage

from fiftyone_ntt.plugin.shared.context import Context

_KNOWN = (
    "sample_fields",
    "frame_fields",
    "brain_methods",
    "evaluations",
    "saved_views",
    "mask_targets",
    "active_label_schemas",
)
"""Of a dataset's document, what the App keeps and shows besides the samples. Not `runs`: it shows
none, and every run changes them."""


def schema_mark(dataset: fod.Dataset) -> str:
    """What the App has to know of a dataset besides its samples, as the database has it now: equal
    marks, and reading the samples anew is enough."""
    found = foo.get_db_conn()["datasets"].find_one(
        {"_id": dataset._doc.id}, dict.fromkeys(_KNOWN, 1)
    )
    # In no order: FiftyOne saves the keys of runs as they come.
    text = json.dumps(found, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def refresh_message(ctx: Context, mark_before: str | None) -> GeneratedMessage:
    """Have the App show what was written.

    Args:
        ctx: of the operator, or of the panel's event.
        mark_before: `schema_mark` when the App last read the dataset; None where nobody knows.
    """
    if mark_before is None or mark_before != schema_mark(ctx.dataset):
        return ctx.ops.reload_dataset()
    return ctx.ops.reload_samples()
