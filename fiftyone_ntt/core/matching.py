"""Match: label an image's proposals with a memory bank (method 5 to 7).

The cheap half of the method: needs stored proposals and a bank, and runs no network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.class_scores import class_similarity, raw_scores, suppression_ranks
from fiftyone_ntt.core.geometry import nms, suppress
from fiftyone_ntt.core.mask_cleaning import clean_masks
from fiftyone_ntt.core.merging import merged_scores
from fiftyone_ntt.core.proposals import Proposals
from fiftyone_ntt.core.rle import RLE, rle_boxes
from fiftyone_ntt.core.settings import PAPER_SCORING, MatchSettings, Scoring
from fiftyone_ntt.errors import ModelError

_SAME_OBJECT = 0.5
"""IoU of two masks above which both show one object, if there is to be one instance of it."""
_SAME_BOX = 0.95
"""Box IoU above which two masks of a class are one without a look at their pixels: two thirds of
all proposals go so, and their masks need never be made. No figure of `docs/accuracy.md` changes."""


@dataclass(frozen=True, eq=False)
class Match:
    """The labelled instances of one image, best score first.

    Attributes:
        labels: class index in the bank.
        scores: after merging, 0..1; by the paper the similarity.
        masks: `D` run-length encodings at image size, none empty.
        boxes: inclusive pixel extrema x1, y1, x2, y2.
        runners_up: the second-best class; -1 where the bank has one class.
        margins: similarity to the best class minus that to the second best.
        nearest: the most similar reference of the label's class, row in the bank.
        proposals: which proposal each came from.
    """

    labels: Int64[np.ndarray, " D"]
    scores: Float32[np.ndarray, " D"]
    masks: list[RLE]
    boxes: Int64[np.ndarray, "D 4"]
    runners_up: Int64[np.ndarray, " D"]
    margins: Float32[np.ndarray, " D"]
    nearest: Int64[np.ndarray, " D"]
    proposals: Int64[np.ndarray, " D"]

    def __len__(self) -> int:
        """How many instances."""
        return len(self.labels)


def require_encoder(bank: MemoryBank, encoder: str) -> None:
    """Check that a bank's prototypes can be compared with an encoder's tokens.

    Args:
        bank: names the encoder it was made with.
        encoder: identity of the encoder to be used.

    Raises:
        ModelError: the bank was made with another encoder.
    """
    if bank.encoder != encoder:
        name = f"memory bank {bank.name!r}" if bank.name else "the memory bank"
        raise ModelError(
            f"{name} was made with the encoder {bank.encoder}, not with {encoder}: their features "
            "cannot be compared. Use the models it was made with "
            f"({bank.models.get('name', 'unnamed')}), or rebuild it with these."
        )


def match(
    proposals: Proposals,
    bank: MemoryBank,
    settings: MatchSettings | None = None,
    scoring: Scoring = PAPER_SCORING,
) -> Match:
    """Label, suppress, merge and rank one image's proposals.

    Args:
        proposals: of the encoder that made the bank.
        bank: at least one class.
        settings: the paper's when None.
        scoring: the paper's, or another mode's.

    Returns:
        At most `settings.max_instances` instances; none is a valid result.

    Raises:
        ValueError: the scoring needs the proposals' stability, which is unknown.
        InputError: a threshold is for a class that the bank does not have.
    """
    settings = settings or MatchSettings()
    similarity = class_similarity(proposals.features, bank, settings, scoring)
    candidates = _suppress(proposals, similarity, settings, scoring)
    labels = similarity[candidates].argmax(axis=1)
    overlaps = proposals.overlaps_among(candidates)
    scores = merged_scores(
        overlaps,
        labels,
        proposals.features[candidates],
        raw_scores(similarity, proposals, scoring)[candidates],
    )
    order = np.argsort(-scores, kind="stable")
    least = np.array(settings.thresholds(bank.classes), dtype=scores.dtype)[labels]
    passing = (scores[order] > 0) & (scores[order] >= least[order])
    kept = order[passing]
    if settings.one_per_object:
        rivals = overlaps.iou_above(_SAME_OBJECT)[kept[:, None], kept]
        ranks, anything = scores[kept].astype(np.float64), np.zeros(len(kept), dtype=np.int64)
        kept = kept[suppress(rivals, ranks, anything)]
    kept = kept[: settings.max_instances]
    return _to_match(proposals, bank, similarity, candidates[kept], scores[kept], settings)


def _suppress(
    proposals: Proposals,
    similarity: Float32[np.ndarray, "N K"],
    settings: MatchSettings,
    scoring: Scoring,
) -> Int64[np.ndarray, " M"]:
    """Indices of the candidates (method 6), by how good their masks are, not by similarity."""
    labels = similarity.argmax(axis=1)
    ranks = suppression_ranks(proposals, scoring).astype(np.float64)
    by_masks = scoring.mask_nms_threshold
    threshold = settings.nms_threshold if by_masks is None else _SAME_BOX
    kept = nms(proposals.boxes.astype(np.float64), ranks, labels, threshold)
    if by_masks is not None:
        rivals = proposals.overlaps_among(kept).iou_above(by_masks)
        kept = kept[suppress(rivals, ranks[kept], labels[kept])]
    kept = kept[: settings.max_instances * settings.candidates_per_instance]
    return kept[similarity[kept].max(axis=1) > 0]


def _to_match(
    proposals: Proposals,
    bank: MemoryBank,
    similarity: Float32[np.ndarray, "N K"],
    rows: Int64[np.ndarray, " D"],
    scores: Float32[np.ndarray, " D"],
    settings: MatchSettings,
) -> Match:
    """The proposals in some rows as labelled instances."""
    labels, runners_up, margins = _two_best(similarity[rows])
    masks = [proposals.masks[row] for row in rows.tolist()]
    if settings.least_island or settings.fill_holes:
        masks = clean_masks(
            masks,
            rle_boxes(masks),
            least_island=settings.least_island,
            fill_holes=settings.fill_holes,
        )
    return Match(
        labels=labels,
        scores=scores,
        masks=masks,
        boxes=rle_boxes(masks),
        runners_up=runners_up,
        margins=margins,
        nearest=_nearest_references(proposals.features[rows], labels, bank),
        proposals=rows,
    )


def _two_best(
    similarity: Float32[np.ndarray, "D K"],
) -> tuple[Int64[np.ndarray, " D"], Int64[np.ndarray, " D"], Float32[np.ndarray, " D"]]:
    """Best class, second-best and the difference, of each row; -1 if there is one class.

    Of equal ones the first counts as better.
    """
    every = np.arange(len(similarity))
    best = similarity.argmax(axis=1)
    if similarity.shape[1] == 1:
        return best, np.full(len(best), -1), similarity[:, 0]
    others = similarity.copy()
    others[every, best] = -1
    second = others.argmax(axis=1)
    return best, second, similarity[every, best] - similarity[every, second]


def _nearest_references(
    features: Float32[np.ndarray, "D C"], labels: Int64[np.ndarray, " D"], bank: MemoryBank
) -> Int64[np.ndarray, " D"]:
    """Row in the bank of the reference of its class that is most similar to each feature."""
    nearest = np.zeros(len(labels), dtype=np.int64)
    # Class by class: a bank of a thousand classes has many references, a class only a few.
    for label in np.unique(labels):
        instances = labels == label
        members = np.flatnonzero(bank.references.classes == label)
        similarity = features[instances] @ bank.unit_references[members].T
        nearest[instances] = members[similarity.argmax(axis=1)]
    return nearest
