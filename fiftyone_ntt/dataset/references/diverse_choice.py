"""Choosing references among labels by what an encoder sees of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import fiftyone.core.collections as foc

from fiftyone_ntt.core.candidate_encoding import NamedCandidates, encode_candidates
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.dataset.references.reference_reading import ClassReferences, read_references
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
    references = read_references(samples, field, label_ids=names)
    with progress_steps(len(names), progress) as advance:
        counted = {name: _Counted(group, advance) for name, group in references.items()}
        return encode_candidates(counted, models.encoder, models.segmenter)


@dataclass(frozen=True)
class _Counted:
    """References, told of one by one."""

    group: ClassReferences
    advance: Callable[[], None]

    def __iter__(self) -> Iterator[Reference]:
        for reference in self.group:
            yield reference
            self.advance()
