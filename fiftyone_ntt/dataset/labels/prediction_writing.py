"""What a run writes into a sample, and what it leaves there because it is a person's.

The rule: labels that no run wrote are never replaced. Predictions that a person tagged or edited
are kept unless asked for by `replace_reviewed`. Beside a label that is kept, no prediction is
written that shows the same object; beside a rejected one, none that also says the same of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import fiftyone as fo
from bson import ObjectId

from fiftyone_ntt.dataset.labels.change_journal import Change
from fiftyone_ntt.dataset.labels.decision_writing import is_rejected
from fiftyone_ntt.dataset.labels.digests import DIGEST, document_digest
from fiftyone_ntt.dataset.labels.mask_overlap import best_ious
from fiftyone_ntt.dataset.labels.ownership import HAND, REVIEWED, WRITTEN_TAGS, Owner, owner_of
from fiftyone_ntt.dataset.labels.writing import (
    Held,
    Rewrite,
    check_uncontested,
    now,
    rewrite_field,
)

Document = dict[str, Any]

SAME_OBJECT = 0.5
"""Mask IoU with a label that is kept above which a prediction is not written."""
WRITTEN_AT = "written_at"
"""Attribute of a sample's predictions: its `last_modified_at` as the run left it. While the two are
equal nobody has touched any of its labels, ever: a run that keeps edited ones leaves it empty."""


@dataclass(frozen=True)
class WritePolicy:
    """What a run may replace.

    Attributes:
        run: key of the run.
        overwrite: predictions of other runs that nobody has reviewed.
        replace_reviewed: predictions that a person tagged or edited, too.
        add: samples that have predictions of the run already get more, beside those.
    """

    run: str
    overwrite: bool = False
    replace_reviewed: bool = False
    add: bool = False


@dataclass
class Kept:
    """What a run replaced, kept, and did not write, in labels.

    Attributes:
        replaced: predictions of other runs.
        kept: a person's labels that stayed where the run wrote, by whose they are.
        covered: predictions that were not written because a label that is kept shows the object.
        written: predictions that were.
        unknown: of those replaced, predictions of earlier versions, of which it is unknown whether
            anybody edited them.
    """

    replaced: int = 0
    kept: Counter[Owner] = field(default_factory=Counter)
    covered: int = 0
    written: int = 0
    unknown: int = 0

    def add(self, other: Kept) -> None:
        """Count another sample's."""
        self.replaced += other.replaced
        self.kept += other.kept
        self.covered += other.covered
        self.written += other.written
        self.unknown += other.unknown


def describe_unknown(unknown: int) -> str:
    """What is said of predictions of which nobody can tell whether somebody edited them."""
    return f" ({unknown} of an earlier version, unknown whether edited)" if unknown else ""


def describe_kept(
    replaced: int, kept: Mapping[str, int], covered: int = 0, unknown: int = 0
) -> list[str]:
    """What a run replaced and kept, for people.

    Example:
        >>> describe_kept(137, {"by hand": 10, "tagged": 3}, unknown=20)
        ['137 replaced (20 of an earlier version, unknown whether edited)',
         '13 of yours kept (10 by hand, 3 tagged)']
    """
    parts = [f"{replaced} replaced{describe_unknown(unknown)}"] if replaced else []
    if kept:
        kinds = ", ".join(f"{count} {owner}" for owner, count in sorted(kept.items()))
        parts.append(f"{sum(kept.values())} of yours kept ({kinds})")
    if covered:
        parts.append(f"{covered} not written beside those")
    return parts


@dataclass
class Outcome:
    """What came of writing predictions.

    Attributes:
        samples: ids of those written, with what was kept there.
        skipped: ids of those that had the run's predictions already.
        failures: sample id to why nothing was written.
    """

    samples: dict[str, Kept] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def write_predictions(
    dataset: fo.Dataset,
    name: str,
    predictions: Mapping[str, Document],
    policy: WritePolicy,
    change: Change | None,
) -> Outcome:
    """Write the predictions of some samples, each around what is a person's there.

    Args:
        dataset: of the samples.
        name: of the Detections field.
        predictions: by sample id, `Detections` as the database holds them.
        policy: what may be replaced.
        change: where to write down what was there.
    """
    at = now()
    outcome, counted = Outcome(), dict[ObjectId, Kept]()

    def decide(held: Held) -> Rewrite | None:
        key = str(held.sample_id)
        counted.pop(held.sample_id, None)
        outcome.failures.pop(key, None)
        problem = _obstacle(held, name, policy)
        if problem is not None:
            outcome.failures[key] = problem
            return None
        if _is_done(held, policy):
            return None
        rewrite, kept = merged(held, predictions[key], policy, at)
        counted[held.sample_id] = kept
        return rewrite

    ids = [ObjectId(key) for key in predictions]
    written = rewrite_field(dataset, name, ids, decide, change, at)
    outcome.samples = {str(key): counted[key] for key in written.changed}
    outcome.skipped = [str(key) for key in written.left if str(key) not in outcome.failures]
    outcome.failures.update({str(key): _MISSING for key in written.missing})
    outcome.failures.update({str(key): _CONTESTED for key in written.contested})
    return outcome


_MISSING = "the sample was deleted meanwhile"
_CONTESTED = "somebody kept writing to the sample meanwhile. Run again for it"


def merged(
    held: Held, predictions: Document, policy: WritePolicy, at: datetime
) -> tuple[Rewrite, Kept]:
    """What a sample shall hold: what is kept of it, then the predictions.

    Args:
        held: by the sample.
        predictions: to be written; each gets its digest.
        policy: what may be replaced.
        at: the time of the write.
    """
    moved = was_moved(held)
    counts, own, stay, removed, edited = Kept(), [], [], [], False
    for label in held.labels:
        owner = owner_of(label, moved=moved)
        edited |= owner == "edited"
        if policy.add and label.get("run") == policy.run:
            own.append(label)
        elif owner == HAND or (owner in REVIEWED and not policy.replace_reviewed):
            stay.append(label)
            counts.kept[owner] += 1
        else:
            removed.append(label["_id"])
            counts.replaced += 1
            counts.unknown += owner == "unknown"
    fresh = _beside(predictions["detections"], stay)
    counts.covered = len(predictions["detections"]) - len(fresh)
    counts.written = len(fresh)
    for label in fresh:
        label[DIGEST] = label.get(DIGEST) or document_digest(label)
        if label.get("tags"):
            label[WRITTEN_TAGS] = label["tags"]
    old = held.value if isinstance(held.value, dict) else {}
    untouched_at = None if edited else at
    value = {**old, **predictions, WRITTEN_AT: untouched_at, "detections": [*stay, *own, *fresh]}
    return Rewrite(value, removed, len(fresh)), counts


def samples_of_run(dataset: fo.Dataset, name: str, run: str) -> list[ObjectId]:
    """Ids of the samples that a run wrote, or that hold a label of its."""
    query = {"$or": [{f"{name}.run": run}, {f"{name}.detections.run": run}]}
    return [row["_id"] for row in dataset._sample_collection.find(query, {"_id": 1})]


def was_moved(held: Held) -> bool:
    """Whether somebody wrote to a sample since a run did, whatever part of it."""
    return not isinstance(held.value, dict) or held.value.get(WRITTEN_AT) != held.modified


def was_reverted(held: Held, entry: Document | None, run: str) -> bool:
    """Whether a sample that a run wrote holds what it held before.

    Args:
        held: by the sample now.
        entry: what was written down of it before.
        run: key of the run.
    """
    if entry is None:
        return False
    if {label["_id"] for label in held.labels} & set(entry["removed"]):
        return True
    return bool(entry["added"]) and all(label.get("run") != run for label in held.labels)


def _beside(predictions: Sequence[Document], kept: Sequence[Document]) -> list[Document]:
    """The predictions that show another object than each label that is kept, or say something else
    of it than one that was rejected."""
    standing = [label for label in kept if not is_rejected(label)]
    fresh = _apart(predictions, standing)
    for name in {label.get("label") for label in kept if is_rejected(label)}:
        rejected = [label for label in kept if is_rejected(label) and label.get("label") == name]
        again = [label for label in fresh if label.get("label") == name]
        stay = {id(label) for label in _apart(again, rejected)}
        fresh = [label for label in fresh if label.get("label") != name or id(label) in stay]
    return fresh


def _apart(predictions: Sequence[Document], others: Sequence[Document]) -> list[Document]:
    ious = best_ious(predictions, others)
    return [label for label, iou in zip(predictions, ious, strict=True) if iou <= SAME_OBJECT]


def _is_done(held: Held, policy: WritePolicy) -> bool:
    if policy.add or not isinstance(held.value, dict):
        return False
    return held.value.get("run") == policy.run


def _obstacle(held: Held, name: str, policy: WritePolicy) -> str | None:
    """Why nothing may be written to a sample."""
    if held.value is None:
        return None
    if not isinstance(held.value, dict) or held.value.get("_cls") != "Detections":
        return f"its field {name!r} holds something else than Detections by now"
    foreign = {
        label["run"]
        for label in held.labels
        if owner_of(label, moved=False) != HAND and label["run"] != policy.run
    }
    if foreign and not policy.overwrite:
        return (
            f"predictions of {', '.join(sorted(foreign))} were written to it meanwhile. Pass "
            "overwrite=True to replace them"
        )
    return None


def remove_predictions(
    dataset: fo.Dataset, name: str, run: str, replace_reviewed: bool, change: Change | None
) -> Kept:
    """Take away what a run wrote, and leave what somebody reviewed since.

    Args:
        dataset: all of it, whatever slice of a grouped dataset is active.
        name: of the Detections field.
        run: key of the run.
        replace_reviewed: take that away too.
        change: where to write down what was there.

    Returns:
        What went counts as `replaced`.

    Raises:
        InputError: others kept writing to some samples meanwhile, so the run is still there.
    """
    counted: dict[ObjectId, Kept] = {}

    def decide(held: Held) -> Rewrite | None:
        rewrite, counted[held.sample_id] = _without(held, run, replace_reviewed)
        return rewrite

    written = rewrite_field(dataset, name, samples_of_run(dataset, name, run), decide, change)
    check_uncontested(written, f"the predictions of run {run} are still there")
    total = Kept()
    for sample_id in written.changed:
        total.add(counted[sample_id])
    return total


def _without(held: Held, run: str, replace_reviewed: bool) -> tuple[Rewrite | None, Kept]:
    counts, stay, removed = Kept(), [], []
    if not isinstance(held.value, dict):
        return None, counts
    moved = was_moved(held)
    for label in held.labels:
        owner = owner_of(label, moved=moved)
        if label.get("run") != run:
            stay.append(label)
        elif owner in REVIEWED and not replace_reviewed:
            stay.append(label)
            counts.kept[owner] += 1
        else:
            removed.append(label["_id"])
            counts.replaced += 1
            counts.unknown += owner == "unknown"
    if not stay:
        return Rewrite(None, removed), counts
    own_mark = held.value.get("run") == run
    # What others added there stays, but the sample no longer counts as done by the run.
    mark = None if own_mark else held.value.get("run")
    return Rewrite({**held.value, "run": mark, "detections": stay}, removed), counts
