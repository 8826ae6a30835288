"""Choosing references among labels by what an encoder sees of them."""

from __future__ import annotations

from collections.abc import Callable, Collection

import fiftyone.core.collections as foc

from fiftyone_ntt.core.candidate_encoding import NamedCandidates, encode_candidates
from fiftyone_ntt.dataset.references.reference_reading import read_references
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.models.loading import Models


def encode_labels(
    samples: foc.SampleCollection,
    field: str,
    names: Collection[str],
    models: Models,
    progress: Progress = None,
) -> NamedCandidates:
    """Labels as candidates to choose among; each is named as a bank would name it.

    Args:
        samples: that hold them.
        field: of the labels.
        names: see `label_names`; of a class no two on one image.
        models: that segment later.
        progress: of the labels.

    Raises:
        InputError: none of the labels is there, or one cannot be read.
    """
    step: list[Callable[[], None]] = []
    references = read_references(
        samples, field, label_ids=names, on_read=lambda: [advance() for advance in step]
    )
    with progress_steps(len(names), progress) as advance:
        step.append(advance)
        return encode_candidates(references, models.encoder, models.segmenter)
