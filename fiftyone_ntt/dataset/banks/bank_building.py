"""From labelled samples to a memory bank."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import fiftyone.core.collections as foc

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.prototypes import build_bank
from fiftyone_ntt.dataset.banks.saved_banks import check_bank_name, put_memory_bank
from fiftyone_ntt.dataset.banks.tag_watch import tagged_labels
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.references.reference_reading import ClassReferences, read_references
from fiftyone_ntt.dataset.work.model_resolution import model_specs, resolve_models
from fiftyone_ntt.dataset.work.progress import DeferredStep, Progress, progress_steps
from fiftyone_ntt.models.loading import Models


@needs_database
def build_memory_bank(
    samples: foc.SampleCollection,
    label_field: str,
    *,
    name: str | None = None,
    models: str | Models = "paper",
    device: str = "cpu",
    precision: str = "float32",
    label_tags: str | Collection[str] | None = None,
    label_ids: Collection[str] | None = None,
    classes: Sequence[str] | None = None,
    negatives_field: str | None = None,
    overwrite: bool = False,
    progress: Progress = None,
) -> MemoryBank:
    """Encode the labels of a view into a memory bank.

    Args:
        samples: a dataset or view of images; a patches view works too.
        label_field: Detections with masks (a box alone is first turned into a mask by the
            segmenter) or closed Polylines. All of the view's labels in it are references, unless
            the next three arguments leave some out.
        name: what to call the bank; with a name it is also saved on the dataset.
        models: a named set (`paper`, `large`, `base`, `small`, `tiny`, `demo`) or loaded models.
        device: where a named set runs: `cpu`, `cuda`, `auto`, ...
        precision: what a named set computes in: `float32`, or `bfloat16` where the hardware has
            it. Whatever uses the bank later loads the models likewise.
        label_tags: only labels with one of these label tags.
        label_ids: only these labels; one that is repeated counts as many times. An id that labels
            of several samples share means all of them, `<label id>@<sample id>` only one.
        classes: only these classes, in this order; sorted by name when None.
        negatives_field: labels of things that are *not* the class they name, such as false
            positives; they lower the score of what resembles them.
        overwrite: replace a bank of the same name.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Returns:
        The bank; each reference is named by its label's id or, where labels of several samples
        share that, `<label id>@<sample id>`.

    Raises:
        InputError: no usable references (the message says why), or the name is taken.
        ModelError: the models cannot be loaded, or do not compute in this precision.

    Example:
        >>> tagged = {"label_tags": "reference", "models": "demo"}
        >>> bank = ntt.build_memory_bank(dataset, "ground_truth", name="again", **tagged)
        >>> bank.class_counts()
        {'fish': 2, 'mushroom': 2}
    """
    advance = DeferredStep()
    references = read_references(
        samples,
        label_field,
        label_tags=label_tags,
        label_ids=label_ids,
        classes=classes,
        on_read=advance,
    )
    negatives = (
        _read_negatives(samples, negatives_field, list(references), advance)
        if negatives_field is not None
        else {}
    )
    if name is not None:
        check_bank_name(samples._root_dataset, name, overwrite)
    loaded = resolve_models(models, device, precision)
    total = sum(map(len, [*references.values(), *negatives.values()]))
    with progress_steps(total, progress) as advance.step:
        bank = build_bank(references, loaded.encoder, loaded.segmenter, negatives)
    bank = replace(bank, models=model_specs(loaded), name=name or "")
    if name is not None:
        source = None
        if label_tags is not None:
            tags = [label_tags] if isinstance(label_tags, str) else label_tags
            source = tagged_labels(samples._root_dataset, label_field, tags)
        put_memory_bank(samples, bank, overwrite, source)
    return bank


def _read_negatives(
    samples: foc.SampleCollection, field: str, classes: list[str], advance: DeferredStep
) -> dict[str, ClassReferences]:
    found = read_references(samples, field, on_read=advance)
    return {name: group for name, group in found.items() if name in classes}
