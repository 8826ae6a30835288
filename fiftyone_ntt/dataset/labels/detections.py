"""The method's matches as FiftyOne detections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
from bson import ObjectId

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.rle import decode_crops
from fiftyone_ntt.dataset.labels.digests import DIGEST, content_digest
from fiftyone_ntt.dataset.labels.mask_bytes import mask_bytes

# Forms need the names of attributes, and do without torch.
if TYPE_CHECKING:
    from fiftyone_ntt.core.matching import Match

PROPOSAL = "proposal"
"""Attribute: the image's key in the proposal store, a colon, and the proposal's index there."""

Document = dict[str, Any]
"""A label as it lies in the database."""

ATTRIBUTES: dict[str, type[fof.Field]] = {
    "runner_up": fof.StringField,
    "margin": fof.FloatField,
    "nearest_reference": fof.StringField,
}
"""What each detection carries besides FiftyOne's own attributes: the second-best class, how much
more similar the best one is, and the id of the most similar reference of its class."""


def match_document(
    match: Match,
    bank: MemoryBank,
    size: tuple[int, int],
    run: str | None = None,
    image: str | None = None,
) -> Document:
    """Pixel-exact `Detections` of one image, best first, as they lie in the database.

    Made directly: building FiftyOne's label objects first takes ten times as long as everything
    else that relabelling an image does.

    Args:
        match: of the image.
        bank: that it was matched with.
        size: the image's height and width.
        run: key of the run that writes them, if any.
        image: key of the image in the proposal store, if its proposals are there.

    Returns:
        One detection per instance: label, confidence, mask, box around it, `ATTRIBUTES`, `run`,
        and what tells whether it was edited since (`digests`) and where it came from (`PROPOSAL`).
    """
    crops = decode_crops(match.masks, match.boxes)
    height, width = size
    origin = {} if run is None else {"run": run}
    detections = []
    for row, crop in enumerate(crops):
        x, y, _, _ = match.boxes[row].tolist()
        h, w = crop.shape
        second = int(match.runners_up[row])
        label, box = bank.classes[match.labels[row]], [x / width, y / height, w / width, h / height]
        values = {
            "label": label,
            "bounding_box": box,
            "mask": mask_bytes(crop),
            "confidence": float(match.scores[row]),
            "runner_up": bank.classes[second] if second >= 0 else None,
            "margin": float(match.margins[row]),
            "nearest_reference": bank.references.ids[match.nearest[row]],
            **origin,
            DIGEST: content_digest(label, box, crop),
        }
        if image is not None:
            values[PROPOSAL] = f"{image}:{match.proposals[row]}"
        detections.append(
            {"_id": ObjectId(), "_cls": "Detection", "attributes": {}, "tags": [], **values}
        )
    return {"_cls": "Detections", "detections": detections}


def match_detections(match: Match, bank: MemoryBank, size: tuple[int, int]) -> fol.Detections:
    """`match_document` as labels that are not in a database yet."""
    return fol.Detections._from_son(match_document(match, bank, size))
