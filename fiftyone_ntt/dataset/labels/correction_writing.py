"""What came back of labels that people corrected in another tool, written in one step.

A correction is a decision (`decision_writing`) and, where the mask was redrawn or the object is
new, a mask. All corrections of a sample are one write, which happens only if nobody wrote the field
meanwhile; what was there is written down, so that the whole can be taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import fiftyone as fo
import fiftyone.core.fields as fof
from bson import ObjectId

from fiftyone_ntt.core.rle import RLE, decode_crops, rle_boxes
from fiftyone_ntt.dataset.labels.change_journal import Change
from fiftyone_ntt.dataset.labels.decision_writing import (
    DECIDED_AT,
    DECISION_FIELDS,
    STATE,
    Decision,
    decided_state,
    verdict_tags,
    with_decision_of,
)
from fiftyone_ntt.dataset.labels.detections import PROPOSAL
from fiftyone_ntt.dataset.labels.digests import digest_if_any
from fiftyone_ntt.dataset.labels.mask_bytes import mask_bytes
from fiftyone_ntt.dataset.labels.writing import Held, Rewrite, now, rewrite_field

Document = dict[str, Any]

CORRECTED = "corrected"
"""Attribute: what somebody corrected of a label besides its class: `mask`, or all: `added`."""
CORRECTION_FIELDS: dict[str, type[fof.Field]] = {**DECISION_FIELDS, CORRECTED: fof.StringField}
_SHAPE = ("bounding_box", "mask", "mask_path")

What = Literal["accepted", "relabelled", "redrawn", "restored", "added", "rejected", "same", "gone"]
"""What comes of a correction; `restored` where a mask is only as it was again, `same` where the
label is so already, `gone` where it is not there any more."""


@dataclass(frozen=True, eq=False)
class Correction:
    """What somebody made of a label.

    Attributes:
        id: of the label; None for a new one.
        decision: on it; None for a mask alone that is to be as it was.
        label: its class as it came back; of a rejected one, as it was.
        rle: its mask as it came back, at image size; None for a box alone.
        box: x, y, width, height in pixels, likewise.
        redrawn: whether mask or box are others than they were.
        proposal: that the label was made of: by it, and its class, one is found that a run replaced
            meanwhile.
        known_as: its class as it was.
        in_place: whether the label itself, as the dataset has it, is what came back.
        removed: the label that somebody removed from the dataset; it comes back, rejected.
    """

    id: ObjectId | None
    decision: Decision | None
    label: str
    rle: RLE | None
    box: Sequence[float]
    redrawn: bool = False
    proposal: str | None = None
    known_as: str | None = None
    in_place: bool = False
    removed: Document | None = None


@dataclass
class Corrected:
    """What came of corrections.

    Attributes:
        counts: of labels.
        contested: samples that others kept writing to; as they were.
        missing: samples that are not there any more.
    """

    counts: Counter[What] = field(default_factory=Counter)
    contested: list[ObjectId] = field(default_factory=list)
    missing: list[ObjectId] = field(default_factory=list)


def write_corrections(
    dataset: fo.Dataset,
    name: str,
    corrections: Mapping[ObjectId, Sequence[Correction]],
    sizes: Mapping[ObjectId, tuple[int, int]],
    change: Change,
) -> Corrected:
    """Write what people made of labels.

    Args:
        dataset: of the samples.
        name: of the Detections field, in which `CORRECTION_FIELDS` are declared.
        corrections: by id of the sample.
        sizes: height and width of its image, likewise.
        change: where to write down what was there; of kind `corrections`.
    """
    at, counted = now(), dict[ObjectId, Counter[What]]()

    def decide(held: Held) -> Rewrite | None:
        given, size = corrections[held.sample_id], sizes[held.sample_id]
        labels, touched, counted[held.sample_id] = _corrected(held, given, size, at)
        if not touched:
            return None
        around = held.value if isinstance(held.value, dict) else {"_cls": "Detections"}
        left = {str(key): left_state(labels[key]) for key in touched}
        value = {**around, "detections": list(labels.values())}
        return Rewrite(value, added=len(left), digests=left)

    written = rewrite_field(dataset, name, list(corrections), decide, change)
    total = Counter[What]()
    for key in (*written.changed, *written.left):
        total.update(counted[key])
    return Corrected(total, written.contested, written.missing)


def _corrected(
    held: Held, corrections: Sequence[Correction], size: tuple[int, int], at: datetime
) -> tuple[dict[ObjectId, Document], list[ObjectId], Counter[What]]:
    """A sample's labels with its corrections, by id; ids of those that change; what came of it."""
    labels = {label["_id"]: label for label in held.labels}
    same_made = {(label.get(PROPOSAL), label.get("label")): key for key, label in labels.items()}
    touched, counts = list[ObjectId](), Counter[What]()
    for given in corrections:
        key = given.id if given.id in labels else None
        if key is None and given.proposal is not None:
            key = same_made.get((given.proposal, given.known_as))
        if key is not None:
            changed, whats = _changed(labels[key], given, size, at)
            if changed is not None:
                labels[key] = changed
                touched.append(key)
        elif given.removed is not None and given.decision is not None:
            state = {part: given.removed.get(part) for part in STATE}
            decided = decided_state(state, given.decision, at) or {}
            labels[given.removed["_id"]] = _without_none({**given.removed, **decided})
            touched.append(given.removed["_id"])
            whats = ["rejected"]
        elif given.decision is not None and given.decision.verdict == "accept":
            fresh = _new(given, size, at)
            whats = ["same"] if _is_there(fresh, labels) else ["added"]
            if whats == ["added"]:
                labels[fresh["_id"]] = fresh
                touched.append(fresh["_id"])
        else:
            whats = ["gone"]
        counts.update(whats)
    return labels, touched, counts


def _changed(
    label: Document, given: Correction, size: tuple[int, int], at: datetime
) -> tuple[Document | None, list[What]]:
    """A label with its correction, None where it is so already; and what that is."""
    state = {key: label.get(key) for key in STATE}
    old = given.known_as if given.in_place and given.known_as else label.get("label")
    wanted = None
    if given.decision is not None:
        wanted = decided_state({**state, "label": old}, given.decision, at)
    reshaped_here = given.in_place and given.redrawn and given.decision is not None
    shape = {}
    if given.redrawn and (given.rle is not None or not given.in_place):
        shape = _shape(given, size)
    if shape and digest_if_any({**label, **shape}) == digest_if_any(label):
        shape = {}
    if reshaped_here and wanted is None:
        wanted = {DECIDED_AT: at}
    if wanted is None and not shape:
        return None, ["same"]
    changed = {**label, **(wanted or {}), **shape}
    if "mask" in shape:
        changed.pop("mask_path", None)
    whats = _whats(given, old != changed.get("label"), bool(shape) or reshaped_here)
    if "redrawn" in whats or "added" in whats:
        changed[CORRECTED] = "added" if "added" in whats else "mask"
    return _without_none(changed), whats


def _whats(given: Correction, relabelled: bool, reshaped: bool) -> list[What]:
    if given.decision is None:
        return ["restored"]
    if given.decision.verdict == "reject":
        return ["rejected"]
    if given.in_place and given.known_as is None:
        return ["added"]
    redrawn: list[What] = ["redrawn"] if reshaped else []
    renamed: list[What] = ["relabelled"] if relabelled else []
    return redrawn + renamed or ["accepted"]


def _without_none(label: Document) -> Document:
    return {key: value for key, value in label.items() if value is not None}


def _new(given: Correction, size: tuple[int, int], at: datetime) -> Document:
    state: Document = {**dict.fromkeys(STATE), "label": given.label, "tags": []}
    assert given.decision is not None
    decided = decided_state(state, given.decision, at) or state
    return {
        "_id": ObjectId(),
        "_cls": "Detection",
        "attributes": {},
        **_without_none(decided),
        **_shape(given, size),
        CORRECTED: "added",
    }


def _is_there(fresh: Document, labels: Mapping[ObjectId, Document]) -> bool:
    """Whether a new label was added before: by the same files, imported twice."""
    digest = digest_if_any(fresh)
    return any(
        label.get(CORRECTED) == "added" and digest_if_any(label) == digest
        for label in labels.values()
    )


def _shape(given: Correction, size: tuple[int, int]) -> Document:
    """Box and mask as the database has them."""
    (height, width), rle = size, given.rle
    if rle is None:
        x, y, w, h = given.box
        return {"bounding_box": [x / width, y / height, w / width, h / height]}
    boxes = rle_boxes([rle])
    [crop] = decode_crops([rle], boxes)
    x, y, *_ = boxes[0].tolist()
    h, w = crop.shape
    box = [x / width, y / height, w / width, h / height]
    return {"bounding_box": box, "mask": mask_bytes(crop)}


def left_state(label: Document) -> str:
    """What tells later whether a label is as a correction left it, whatever other tags it got."""
    return f"{digest_if_any(label)} {' '.join(sorted(verdict_tags(label)))}"


def restored_corrections(held: Held, entry: Document) -> tuple[Rewrite | None, int]:
    """What a sample shall hold when corrections are taken back, and how many labels stay as they
    are because somebody changed them since.

    Args:
        held: by the sample now.
        entry: what was written down of it.
    """
    before: Document | None = entry["value"]
    old = {label["_id"]: label for label in (before or {}).get("detections") or []}
    left, there = entry["digests"], {label["_id"] for label in held.labels}
    kept = sum(ObjectId(key) not in there for key in left)
    labels = []
    for label in held.labels:
        known = left.get(str(label["_id"]))
        if known is None:
            labels.append(label)
        elif left_state(label) != known:
            labels.append(label)
            kept += label != old.get(label["_id"])
        elif label["_id"] in old:
            labels.append(_as_before(label, old[label["_id"]]))
    if before is None and not labels:
        return Rewrite(None, absent=entry["absent"]), kept
    around = held.value if isinstance(held.value, dict) else before
    return Rewrite({**(around or {}), "detections": labels}), kept


def _as_before(label: Document, before: Document) -> Document:
    """A label with the class, decision and mask that it had; its other tags stay."""
    keys = {*STATE, *_SHAPE, CORRECTED}
    state = {key: label.get(key) for key in STATE}
    tags = with_decision_of(state, {key: before.get(key) for key in STATE})["tags"]
    # In the order that it had.
    old = {key: value for key, value in before.items() if key in keys or key in label}
    others = {key: value for key, value in label.items() if key not in keys}
    return {**old, **others, "tags": tags}
