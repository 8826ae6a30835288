"""How much each proposal resembles each class: the paper's rule (method 5), and more accurate ones.

What `mode="best"` adds, each with a field of its own in `Scoring`:

- **Softmax over the references.** The paper compares with the mean of a class's references. A class
  of several appearances has its mean between them, where none of its objects lies; the similarity
  here follows the most similar references instead, `t * log(mean(exp(cos / t)))`. Of one reference
  both are the same.
- **Softmax over the classes.** Where another class is nearly as similar, the label is half a guess,
  and the score says so.
- **Quality.** The paper's score is the similarity alone, so half an object scores as high as all of
  it. What the segmenter says of its mask (predicted IoU, and how little the mask changes with its
  threshold) multiplies it.

The evidence is in `docs/accuracy.md`; `fiftyone-ntt ablate` prints it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int64

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.proposals import Proposals
from fiftyone_ntt.core.settings import PAPER_SCORING, MatchSettings, Scoring


def class_similarity(
    features: Float32[np.ndarray, "N C"],
    bank: MemoryBank,
    settings: MatchSettings | None = None,
    scoring: Scoring = PAPER_SCORING,
) -> Float32[np.ndarray, "N K"]:
    """How similar every proposal is to every class.

    Args:
        features: unit rows.
        bank: of the same encoder.
        settings: only `negative_temperature` matters; the paper's when None.
        scoring: only `reference_temperature` matters.

    Returns:
        0..1: clamped similarity to the class's references, lowered where a negative of the class
        is nearer. By the paper (method 5) that is the cosine to the class prototype or, in a bank
        with negatives, to the foreground prototype.
    """
    settings = settings or MatchSettings()
    positive = np.clip(_to_references(features, bank, scoring), 0, None)
    if not len(bank.negatives):
        return positive
    excess = np.maximum(_to_negatives(features, bank) - positive, 0)
    return positive * np.exp(-excess / np.float32(settings.negative_temperature))


def _to_references(
    features: Float32[np.ndarray, "N C"], bank: MemoryBank, scoring: Scoring
) -> Float32[np.ndarray, "N K"]:
    if scoring.reference_temperature is not None:
        cosines = features @ bank.unit_references.T
        return _soft_maximum(cosines, bank.references.classes, scoring.reference_temperature)
    prototypes = bank.foreground_prototypes if len(bank.negatives) else bank.prototypes
    return features @ prototypes.T


def _to_negatives(
    features: Float32[np.ndarray, "N C"], bank: MemoryBank
) -> Float32[np.ndarray, "N K"]:
    """Of each class the nearest negative, 0 where it has none or all point away."""
    cosines = np.clip(features @ bank.unit_negatives.T, 0, None)
    negative = np.zeros((len(features), len(bank.classes)), dtype=np.float32)
    order, classes, starts = _groups(bank.negatives.classes)
    negative[:, classes] = np.maximum.reduceat(cosines[:, order], starts, axis=1)
    return negative


def _soft_maximum(
    cosines: Float32[np.ndarray, "N R"],
    classes: Int64[np.ndarray, " R"],
    temperature: float,
) -> Float32[np.ndarray, "N K"]:
    """`t * log(mean(exp(cos / t)))` over the rows of each class, none of which is without.

    Between the mean (a high temperature) and the maximum (a low one).
    """
    order, _, starts = _groups(classes)
    cosines = cosines[:, order]
    highest = np.maximum.reduceat(cosines, starts, axis=1)
    sizes = np.diff(starts, append=len(classes))
    # Relative to the highest, so that no exponential overflows.
    relative = np.exp((cosines - highest.repeat(sizes, axis=1)) / np.float32(temperature))
    means = np.add.reduceat(relative, starts, axis=1) / sizes.astype(np.float32)
    return highest + np.float32(temperature) * np.log(means)


def _groups(
    classes: Int64[np.ndarray, " R"],
) -> tuple[Int64[np.ndarray, " R"], Int64[np.ndarray, " G"], Int64[np.ndarray, " G"]]:
    """Rows class by class; which classes there are, rising, and where the rows of each begin."""
    order = np.argsort(classes, kind="stable")
    found, starts = np.unique(classes[order], return_index=True)
    return order, found, starts


def raw_scores(
    similarity: Float32[np.ndarray, "N K"], proposals: Proposals, scoring: Scoring
) -> Float32[np.ndarray, " N"]:
    """Scores of the proposals' best classes, before merging.

    Args:
        similarity: see `class_similarity`.
        proposals: of the same rows.
        scoring: what counts besides the similarity.

    Returns:
        0..1; by the paper the highest similarity.

    Raises:
        ValueError: the stability counts, and is unknown.
    """
    scores = similarity.max(axis=1)
    if scoring.class_temperature is not None:
        relative = np.exp((similarity - scores[:, None]) / np.float32(scoring.class_temperature))
        scores = scores / relative.sum(axis=1)
    return scores * stable_ious(proposals) if scoring.quality else scores


def suppression_ranks(proposals: Proposals, scoring: Scoring) -> Float32[np.ndarray, " N"]:
    """What decides which of two proposals suppresses the other: the higher.

    Raises:
        ValueError: the stability counts, and is unknown.
    """
    return stable_ious(proposals) if scoring.stable_first else proposals.ious


def stable_ious(proposals: Proposals) -> Float32[np.ndarray, " N"]:
    """How good the segmenter takes each mask to be, 0..1: predicted IoU times stability.

    Raises:
        ValueError: the stability is unknown.
    """
    if proposals.stability is None:
        raise ValueError("the stability of these proposals is unknown")
    return np.clip(proposals.ious, 0, 1) * proposals.stability
