"""A picture of a view's references."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import fiftyone.core.collections as foc

from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.references.reference_reading import read_references
from fiftyone_ntt.drawing.sheet_drawing import save_reference_sheet


@needs_database
def reference_sheet(
    samples: foc.SampleCollection,
    label_field: str,
    path: str | Path,
    *,
    label_tags: str | Collection[str] | None = None,
    label_ids: Collection[str] | None = None,
    classes: Sequence[str] | None = None,
    columns: int = 10,
) -> Path:
    """Draw the references that `build_memory_bank` would take into one PNG, to look them over.

    Each is shown in the window that is encoded, with its outline and its class; a class per row.

    Args:
        samples: see `build_memory_bank`, as for the next four.
        label_field: Detections or closed Polylines.
        path: of the PNG, in a folder that is there. A picture drawn here is replaced, other files
            are not.
        label_tags: only labels with one of these label tags.
        label_ids: only these labels, one that is repeated as many times.
        classes: only these classes, in this order.
        columns: pictures per row.

    Returns:
        The path.

    Raises:
        InputError: no usable references (the message says why).
        StoreError: another's file is there, or the file cannot be written.

    Example:
        >>> tagged = {"label_tags": "reference"}
        >>> sheet = ntt.reference_sheet(dataset, "ground_truth", "sheet.png", **tagged)
        >>> sheet.name, sheet.exists()
        ('sheet.png', True)
    """
    references = read_references(
        samples, label_field, label_tags=label_tags, label_ids=label_ids, classes=classes
    )
    return save_reference_sheet(references, path, columns=columns)
