"""Adding single labels to a bank of a dataset as negatives, encoded as its references were."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import fiftyone.core.collections as foc

from fiftyone_ntt.core.bank import MemoryBank, negative_source
from fiftyone_ntt.core.prototypes import with_negatives
from fiftyone_ntt.dataset.banks.negatives import tagged_negatives
from fiftyone_ntt.dataset.banks.saved_banks import (
    BankSummary,
    change_memory_bank,
    load_memory_bank,
)
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.references.reference_reading import ClassReferences, read_references
from fiftyone_ntt.dataset.work.model_resolution import models_of_bank
from fiftyone_ntt.dataset.work.progress import DeferredStep, Progress, progress_steps
from fiftyone_ntt.errors import InputError, counted
from fiftyone_ntt.models.loading import Models


@needs_database
def add_negatives(
    samples: foc.SampleCollection,
    name: str,
    label_field: str,
    *,
    label_ids: Collection[str],
    models: str | Models | None = None,
    device: str = "cpu",
    progress: Progress = None,
) -> BankSummary:
    """Encode labels, wrong predictions say, and add them to a bank of a dataset as negatives.

    A label's class is the one it must not be taken for. The bank's other negatives stay; the new
    ones count as tagged, so that `add_tagged_negatives` puts what is tagged then in their place.

    Args:
        samples: a dataset or view of images; a patches view works too.
        name: of the bank.
        label_field: Detections with masks, or boxes alone, or closed Polylines.
        label_ids: of the labels, see `build_memory_bank`.
        models: a named set or loaded models; the bank's own when None.
        device: where models that are loaded here run: `cpu`, `cuda`, `auto`, ...
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Raises:
        InputError: no such bank, no usable labels, one of a class that the bank has not, or one
            that is a negative of it already.
        ModelError: the models cannot be loaded, or their encoder did not make the bank.

    Example:
        >>> wrong = view.first().predictions.detections[0].id
        >>> before = len(ntt.load_memory_bank(view, "shapes").negatives)
        >>> added = ntt.add_negatives(view, "shapes", "predictions", label_ids=[wrong])
        >>> added.negatives - before
        1
    """
    bank = load_memory_bank(samples, name)
    advance = DeferredStep()
    found = read_references(samples, label_field, label_ids=label_ids, on_read=advance)
    _check(bank, found)
    loaded = models_of_bank(bank, models, device)
    total = sum(map(len, found.values()))

    def joined(current: MemoryBank) -> MemoryBank:
        _check(current, found)
        negatives = {label: tagged_negatives(group) for label, group in found.items()}
        return with_negatives(current, negatives, loaded.encoder, loaded.segmenter)

    what = f"{counted(total, 'negative')} added"
    with progress_steps(total, progress) as advance.step:
        return change_memory_bank(samples, name, joined, what)


def _check(bank: MemoryBank, found: Mapping[str, ClassReferences]) -> None:
    unknown = [label for label in found if label not in bank.classes]
    if unknown:
        raise InputError(
            f"memory bank {bank.name!r} has no class {', '.join(map(repr, unknown))} "
            f"({', '.join(bank.classes)}), so nothing can be a negative of it. Give the labels the "
            "class they must not be taken for."
        )
    known = {negative_source(negative) for negative in bank.negatives.ids}
    for group in found.values():
        for entry in group.entries:
            if entry.label_id in known:
                raise InputError(
                    f"label {entry.label_id} is a negative of memory bank {bank.name!r} already."
                )
