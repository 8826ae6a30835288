"""From references to a memory bank (method 2, 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32

from fiftyone_ntt.core.bank import (
    MemoryBank,
    PatchStatistics,
    ReferenceSet,
    join_reference_sets,
)
from fiftyone_ntt.core.box_masks import mask_from_box
from fiftyone_ntt.core.interfaces import Encoder, Segmenter
from fiftyone_ntt.core.matching import require_encoder
from fiftyone_ntt.core.statistics import principal_components, spherical_kmeans
from fiftyone_ntt.core.versions import installed_versions
from fiftyone_ntt.core.windows import Reference, WindowInput, window_input
from fiftyone_ntt.errors import InputError

References = Mapping[str, Iterable[Reference]]
"""Class name to its references. The iterables are read once, class by class, so a caller can
load images as they are asked for."""


@dataclass(frozen=True, eq=False)
class EncodedReference:
    """A reference and its tokens.

    Attributes:
        reference: with a mask, also if it was a box.
        window: what the encoder saw of it.
        tokens: of the window, `gg = g * g`.
    """

    reference: Reference
    window: WindowInput
    tokens: Float32[np.ndarray, "gg C"]


@dataclass(frozen=True, eq=False)
class _EncodedClass:
    """What a bank keeps of a class's references, their foreground patches, and notes on them."""

    rows: ReferenceSet
    patches: Float32[np.ndarray, "P C"]
    notes: tuple[str, ...]


def build_bank(
    references: References,
    encoder: Encoder,
    segmenter: Segmenter | None = None,
    negatives: References | None = None,
) -> MemoryBank:
    """Encode references into a memory bank.

    Args:
        references: at least one reference per class; classes may have different numbers.
        encoder: its tokens make the prototypes.
        segmenter: turns references that are boxes alone into masks (method 8); only then needed.
        negatives: negative references of some of the same classes (method 3).

    Returns:
        A bank whose classes are in the order of `references`.

    Raises:
        InputError: no class, a class without references, an empty mask, a box without a
            segmenter, negatives of an unknown class.
    """
    if not references:
        raise InputError(
            "there are no references to build a memory bank from. Pass at least one labelled "
            "instance per class."
        )
    classes = tuple(references)
    parts, statistics = [], []
    notes: list[str] = []
    for index, name in enumerate(classes):
        encoded = _encode_class(index, name, references[name], encoder, segmenter)
        parts.append(encoded.rows)
        patches = encoded.patches
        statistics.append((*principal_components(patches), spherical_kmeans(patches)))
        notes.extend(encoded.notes)
    negative_rows, negative_notes = _encode_negatives(classes, negatives or {}, encoder, segmenter)
    return MemoryBank(
        classes=classes,
        references=join_reference_sets(parts),
        negatives=negative_rows,
        statistics=PatchStatistics(*(np.stack(rows) for rows in zip(*statistics, strict=True))),
        encoder=encoder.identity,
        notes=(*notes, *negative_notes),
        versions=installed_versions(),
    )


def with_negatives(
    bank: MemoryBank,
    negatives: References,
    encoder: Encoder,
    segmenter: Segmenter | None = None,
) -> MemoryBank:
    """The bank with more negative references; see `build_bank`.

    Raises:
        ModelError: the bank was made with another encoder.
    """
    require_encoder(bank, encoder.identity)
    rows, notes = _encode_negatives(bank.classes, negatives, encoder, segmenter)
    joined = join_reference_sets([bank.negatives, rows])
    return replace(bank, negatives=joined, notes=(*bank.notes, *notes))


def _encode_negatives(
    classes: tuple[str, ...],
    negatives: References,
    encoder: Encoder,
    segmenter: Segmenter | None,
) -> tuple[ReferenceSet, tuple[str, ...]]:
    """What a bank keeps of negative references, and notes on them."""
    unknown = [name for name in negatives if name not in classes]
    if unknown:
        raise InputError(
            f"negative references of unknown classes: {', '.join(unknown)}. Negatives must "
            f"belong to the bank's classes: {', '.join(classes)}."
        )
    encoded = [
        _encode_class(classes.index(name), name, group, encoder, segmenter)
        for name, group in negatives.items()
    ]
    if not encoded:
        return ReferenceSet.empty(encoder.width), ()
    notes = tuple(note for part in encoded for note in part.notes)
    return join_reference_sets([part.rows for part in encoded]), notes


def _encode_class(
    index: int,
    name: str,
    references: Iterable[Reference],
    encoder: Encoder,
    segmenter: Segmenter | None,
) -> _EncodedClass:
    """Encode the references of class `index`, at least one."""
    rows, patches, notes = [], [], []
    for reference in references:
        encoded = encode_reference(reference, encoder, segmenter)
        row, foreground = _reference_row(index, encoded)
        rows.append(row)
        patches.append(foreground)
        notes.extend([encoded.window.note] if encoded.window.note else [])
    if not rows:
        raise InputError(
            f"class {name!r} has no reference. Label at least one instance of it, or leave the "
            "class out."
        )
    return _EncodedClass(join_reference_sets(rows), np.concatenate(patches), tuple(notes))


def encode_reference(
    reference: Reference, encoder: Encoder, segmenter: Segmenter | None
) -> EncodedReference:
    """Run the encoder on a reference's window.

    Args:
        reference: with a mask, or a box alone.
        encoder: its tokens are returned.
        segmenter: makes a mask of a box (method 8); only then needed.

    Raises:
        InputError: an empty mask, or a box without a segmenter.
    """
    if reference.mask is None:
        reference = replace(reference, mask=_box_mask(reference, segmenter))
    window = window_input(reference, encoder.side, encoder.grid)
    tokens = encoder.encode(window.image[None].to(encoder.device))[0].cpu().numpy()
    return EncodedReference(reference, window, tokens)


def reference_prototype(encoded: EncodedReference) -> Float32[np.ndarray, " C"]:
    """The weighted mean of a reference's tokens (method 2)."""
    weights = encoded.window.weights.flatten().numpy()
    summed = (weights[:, None].astype(np.float64) * encoded.tokens).sum(axis=0)
    return (summed / weights.sum()).astype(np.float32)


def _reference_row(
    index: int, encoded: EncodedReference
) -> tuple[ReferenceSet, Float32[np.ndarray, "P C"]]:
    """What a bank keeps of a reference of class `index`, and its foreground patches."""
    tokens, weights = encoded.tokens, encoded.window.weights.flatten().numpy()
    foreground = tokens[weights > 0]
    mean = foreground.mean(axis=0, dtype=np.float64)
    row = ReferenceSet(
        ids=(encoded.reference.id,),
        classes=np.array([index], dtype=np.int64),
        prototypes=reference_prototype(encoded)[None],
        weights=np.array([weights.sum()], dtype=np.float32),
        patch_means=mean[None].astype(np.float32),
        patch_counts=np.array([len(foreground)], dtype=np.int64),
        image_names=(encoded.reference.image_name,),
    )
    return row, foreground


def _box_mask(reference: Reference, segmenter: Segmenter | None) -> Bool[np.ndarray, "H W"]:
    """The segmenter's mask of a reference that is a box alone."""
    if segmenter is None:
        raise InputError(
            f"reference {reference.id} is a box without a mask. Pass a segmenter, which turns "
            "boxes into masks, or draw its mask."
        )
    return mask_from_box(reference.image, reference.box, segmenter)
