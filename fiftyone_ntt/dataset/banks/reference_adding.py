"""Adding references to a bank of a dataset, encoded as the others were."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import fiftyone.core.collections as foc

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.bank_merging import merge_banks
from fiftyone_ntt.core.prototypes import build_bank
from fiftyone_ntt.dataset.banks.saved_banks import (
    BankSummary,
    change_memory_bank,
    load_memory_bank,
)
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.references.reference_reading import read_references
from fiftyone_ntt.dataset.work.model_resolution import models_of_bank
from fiftyone_ntt.dataset.work.progress import DeferredStep, Progress, progress_steps
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models


@needs_database
def add_references(
    samples: foc.SampleCollection,
    name: str,
    label_field: str,
    *,
    label_ids: Collection[str] | None = None,
    label: str | None = None,
    models: str | Models | None = None,
    device: str = "cpu",
    progress: Progress = None,
) -> BankSummary:
    """Encode labels, predictions say, and add them to a bank of a dataset as references.

    The others are not encoded again. Predictions that are tagged stay when they are made anew, see
    `tag_references`; the bank keeps what it learned of them in any case.

    Args:
        samples: a dataset or view of images; a patches view works too.
        name: of the bank.
        label_field: Detections with masks, or boxes alone, or closed Polylines.
        label_ids: only these labels, see `build_memory_bank`; all of the view's when None.
        label: the class they are to stand for, of the bank or new; their own when None.
        models: a named set or loaded models; the bank's own when None.
        device: where models that are loaded here run: `cpu`, `cuda`, `auto`, ...
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Raises:
        InputError: no such bank, no usable labels, or one that is a reference of it already.
        ModelError: the models cannot be loaded, or their encoder did not make the bank.

    Example:
        >>> best = view.limit_labels("predictions", 1)
        >>> added = ntt.add_references(best, "shapes", "predictions")
        >>> sum(added.classes.values()) - 4 == best.count("predictions.detections")
        True
    """
    if label is not None and not label.strip():
        raise InputError("a class needs a name. Name one of the bank's, or a new one.")
    bank = load_memory_bank(samples, name)
    advance = DeferredStep()
    found = read_references(samples, label_field, label_ids=label_ids, on_read=advance)
    _check_new(bank, [entry.label_id for group in found.values() for entry in group.entries])
    loaded = models_of_bank(bank, models, device)
    total = sum(map(len, found.values()))
    with progress_steps(total, progress) as advance.step:
        new = build_bank(found, loaded.encoder, loaded.segmenter)
    if label is not None:
        new = new.with_class(range(len(new.references)), label.strip())
    what = "1 reference added" if total == 1 else f"{total} references added"

    def added(current: MemoryBank) -> MemoryBank:
        _check_new(current, new.references.ids)
        return joined_bank(current, new)

    return change_memory_bank(samples, name, added, what)


def joined_bank(bank: MemoryBank, new: MemoryBank) -> MemoryBank:
    """A bank with the references of another, under its name and with what else it has."""
    joined = merge_banks([bank, new])
    return replace(
        joined,
        name=bank.name,
        notes=(*bank.notes, *new.notes),
        versions=bank.versions,
        calibrations=bank.calibrations if joined.classes == bank.classes else (),
    )


def _check_new(bank: MemoryBank, ids: Collection[str]) -> None:
    classes = dict(zip(bank.references.ids, bank.references.classes.tolist(), strict=True))
    for known in ids:
        if known in classes:
            raise InputError(
                f"label {known} is a reference of memory bank {bank.name!r} already, of class "
                f"{bank.classes[classes[known]]!r}. Change its class there, or leave it out."
            )
