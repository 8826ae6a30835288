"""The method's matches as FiftyOne detections."""

from __future__ import annotations

import fiftyone.core.fields as fof
import fiftyone.core.labels as fol

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.geometry import decode_mask
from fiftyone_ntt.core.matching import Match

ATTRIBUTES: dict[str, type[fof.Field]] = {
    "runner_up": fof.StringField,
    "margin": fof.FloatField,
    "nearest_reference": fof.StringField,
}
"""What each detection carries besides FiftyOne's own attributes: the second-best class, how much
more similar the best one is, and the id of the most similar reference of its class."""


def match_detections(match: Match, bank: MemoryBank, run: str | None = None) -> fol.Detections:
    """Pixel-exact detections of one image, best first.

    Args:
        match: of the image.
        bank: that it was matched with.
        run: key of the run that writes them, if any.

    Returns:
        One detection per instance: label, confidence, mask, box around it, `ATTRIBUTES`, `run`.
    """
    return fol.Detections(
        detections=[_detection(match, row, bank, run) for row in range(len(match))]
    )


def _detection(match: Match, row: int, bank: MemoryBank, run: str | None) -> fol.Detection:
    second = int(match.runners_up[row])
    origin = {} if run is None else {"run": run}
    return fol.Detection.from_mask(
        decode_mask(match.masks[row]),
        label=bank.classes[match.labels[row]],
        confidence=float(match.scores[row]),
        runner_up=bank.classes[second] if second >= 0 else None,
        margin=float(match.margins[row]),
        nearest_reference=bank.references.ids[match.nearest[row]],
        **origin,
    )
