"""Candidates to the two vectors that a choice among them needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fiftyone_ntt.core.bank import normalise
from fiftyone_ntt.core.interfaces import Encoder, Segmenter
from fiftyone_ntt.core.proposals import feature_of
from fiftyone_ntt.core.prototypes import References, encode_reference, reference_prototype
from fiftyone_ntt.core.reference_choice import EncodedCandidates, choose_diverse


@dataclass(frozen=True, eq=False)
class NamedCandidates:
    """Candidates and what they are called.

    Attributes:
        classes: names, by index.
        ids: of the references, in the order of the rows.
        encoded: what a choice needs.
    """

    classes: tuple[str, ...]
    ids: tuple[str, ...]
    encoded: EncodedCandidates

    def choose(self, shots: int) -> dict[str, list[str]]:
        """Ids of the candidates to make references of, by class; see `choose_diverse`."""
        chosen: dict[str, list[str]] = {name: [] for name in self.classes}
        if self.ids:
            for row in choose_diverse(self.encoded, shots):
                chosen[self.classes[self.encoded.classes[row]]].append(self.ids[row])
        return chosen

    def of_classes(self, classes: Sequence[str]) -> EncodedCandidates:
        """What a choice needs, with the indices of other classes, which have all of these."""
        numbers = np.array([classes.index(name) for name in self.classes], dtype=np.int64)
        return replace(self.encoded, classes=numbers[self.encoded.classes])


def encode_candidates(
    references: References, encoder: Encoder, segmenter: Segmenter
) -> NamedCandidates:
    """Run the encoder on each candidate's window and on its whole picture.

    Args:
        references: the candidates by class, at least one each; those of a class on different
            pictures.
        encoder: its tokens make both vectors.
        segmenter: makes masks of boxes; its square decides how a picture is seen.

    Raises:
        InputError: an empty mask.
    """
    ids: list[str] = []
    classes, prototypes, features = [], [], []
    for index, name in enumerate(references):
        for reference in references[name]:
            encoded = encode_reference(reference, encoder, segmenter)
            mask = encoded.reference.mask
            assert mask is not None  # of an encoded reference it never is
            ids.append(reference.id)
            classes.append(index)
            prototypes.append(normalise(reference_prototype(encoded)))
            features.append(feature_of(reference.image, mask, encoder, segmenter.side))
    return NamedCandidates(
        tuple(references),
        tuple(ids),
        EncodedCandidates(
            np.stack(prototypes),
            np.stack(features),
            np.array(classes, dtype=np.int64),
        ),
    )
