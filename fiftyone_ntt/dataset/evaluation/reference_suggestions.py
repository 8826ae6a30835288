"""Which references of a bank to drop, which to keep, and which labels to add."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import fiftyone.core.collections as foc

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.bank_review import ReferenceReview, review_bank
from fiftyone_ntt.core.candidate_encoding import NamedCandidates
from fiftyone_ntt.core.reference_additions import Addition, choose_additions
from fiftyone_ntt.core.sampling import BORDER, MIN_SIZE
from fiftyone_ntt.core.self_check import SelfCheck
from fiftyone_ntt.core.settings import check_stored_mode
from fiftyone_ntt.dataset.banks.saved_banks import resolve_bank
from fiftyone_ntt.dataset.evaluation.self_checking import CheckSettings, check_references
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.references.diverse_choice import encode_labels
from fiftyone_ntt.dataset.references.reference_sampling import POOL, draw_labels
from fiftyone_ntt.dataset.work.model_resolution import models_of_bank
from fiftyone_ntt.dataset.work.progress import Progress
from fiftyone_ntt.dataset.work.proposing import StoreChoice
from fiftyone_ntt.models.loading import Models


@dataclass(frozen=True)
class ReferenceSuggestion:
    """What to do with a reference, or a label that could be one.

    Attributes:
        id: as the bank names it.
        label: its class.
        verdict: `"drop"`, `"add"` or `"keep"`.
        reason: of the verdict, a sentence without a full stop.
        margin: see `ReferenceReview`; NaN of a label to add.
        check: whether the bank of the others finds it on its own image; None where that was not
            tried, or there is no other of its class.
    """

    id: str
    label: str
    verdict: Literal["drop", "add", "keep"]
    reason: str
    margin: float
    check: SelfCheck | None = None


@dataclass(frozen=True)
class ReferenceSuggestions:
    """The references of a bank and labels to add, what to do first.

    Attributes:
        bank: its name.
        references: those to drop, to add, to keep; of the last those of the smallest margin first.
        ap: mask AP of the references, each on its own image by the bank of the others; -1 where
            that could not be tried with any, None where it was not.
        missing: references whose label or image is gone, so that they were not tried.
    """

    bank: str
    references: tuple[ReferenceSuggestion, ...]
    ap: float | None = None
    missing: tuple[str, ...] = ()

    def ids(self, verdict: Literal["drop", "add", "keep"]) -> list[str]:
        """Of the references with a verdict."""
        return [found.id for found in self.references if found.verdict == verdict]

    def __str__(self) -> str:
        counts = ", ".join(f"{verb} {len(self.ids(verb))}" for verb in ("drop", "add", "keep"))
        lines = [f"{self.bank}: {counts}"]
        lines[0] += f"; self-check AP {self.ap:.3f}" if self.ap is not None else ""
        lines += [
            f"{found.verdict} {found.id} ({found.label}): {found.reason}"
            for found in self.references
            if found.verdict != "keep"
        ]
        return "\n".join(lines)


@needs_database
def suggest_references(
    samples: foc.SampleCollection,
    bank: MemoryBank | str,
    *,
    check: bool = True,
    candidates: foc.SampleCollection | None = None,
    label_field: str = "ground_truth",
    additions: int = 5,
    min_size: float = MIN_SIZE,
    border: float = BORDER,
    mode: str = "best",
    points_per_side: int = 32,
    crops: int = 0,
    store: StoreChoice = True,
    models: str | Models | None = None,
    device: str = "cpu",
    progress: Progress = None,
) -> ReferenceSuggestions:
    """Say which references of a bank to drop and to keep, and which labels to add; nothing changes.

    A reference is to be dropped if it nearly equals another, or if it resembles another class more
    than its own and references of others suffer from it, as they do from a wrong label. That is
    computed from the bank alone. With `check` each reference's image is segmented, too, with the
    bank of the references on other images: whether that finds the reference is said beside it.

    Args:
        samples: the dataset, or a view of it.
        bank: a bank, or the name of one saved on the dataset.
        check: segment the references' images. Proposals are taken from the store, and kept there.
        candidates: labelled images to look for additions on; none when None.
        label_field: of the candidates: Detections or closed Polylines.
        additions: most labels to suggest, of up to 50 random ones of each class.
        min_size, border: of labels to add, see `sample_references`.
        mode: of the check, `"paper"` or `"best"`; see `segment`.
        points_per_side, crops, store: likewise.
        models: loaded models or a named set; those the bank was made with when None.
        device: where they run; only needed with `check` or `candidates`.
        progress: of the images, then of the candidates: None for FiftyOne's default bar, True,
            False, or a function `(done, total)`.

    Raises:
        InputError: no such bank or mode, an image that cannot be read, or no label of the
            candidates that could be added.
        ModelError: the models cannot be loaded, or their encoder did not make the bank.

    Example:
        >>> found = ntt.suggest_references(dataset, "shapes", points_per_side=16)
        >>> print(found)
        shapes: drop 0, add 0, keep 4; self-check AP ...
    """
    settings = CheckSettings(check_stored_mode(mode), points_per_side, crops, store)
    dataset = samples._root_dataset
    bank = resolve_bank(dataset, bank)
    reviews = review_bank(bank).references
    checks: dict[str, SelfCheck] = {}
    ap: float | None = None
    missing: tuple[str, ...] = ()
    suggested: list[ReferenceSuggestion] = []
    names: list[str] = []
    if candidates is not None:
        # Before anything is computed: a field or view that does not fit is to be told at once.
        dropped = [row for row, found in enumerate(reviews) if found.verdict == "drop"]
        better = _without(bank, dropped)
        drawn = draw_labels(candidates, label_field, POOL, 0, min_size=min_size, border=border)
        known = set(bank.references.ids)
        names = [
            label.name
            for name in better.classes
            for label in drawn.get(name, ())
            if not known & {label.id, label.name}
        ]
    if check or names:
        loaded = models_of_bank(bank, models, device)
    if check:
        result = check_references(dataset, bank, loaded, settings, progress)
        checks, ap, missing = result.checks, result.ap, result.missing
    if candidates is not None and names:
        encoded = encode_labels(candidates, label_field, names, loaded, progress)
        suggested = _additions(encoded, better, additions)
    told = [_suggestion(review, checks.get(review.id)) for review in reviews]
    return ReferenceSuggestions(bank.name, _ranked([*told, *suggested]), ap, missing)


def _without(bank: MemoryBank, rows: Sequence[int]) -> MemoryBank:
    """The bank that is left, or all of it where nothing is."""
    return bank.without_references(rows) if len(rows) < len(bank.references) else bank


def _suggestion(review: ReferenceReview, check: SelfCheck | None) -> ReferenceSuggestion:
    reason = review.reason
    if check is not None:
        reason += f"; {_told(check, review.label)}"
    return ReferenceSuggestion(
        review.id, review.label, review.verdict, reason, review.margin, check
    )


def _told(check: SelfCheck, label: str) -> str:
    if check.label is None:
        return f"the others do not find it on its image (best IoU {check.iou:.2f})"
    if check.label != label:
        return f"the others take it for {check.label}"
    return f"the others find it (IoU {check.iou:.2f}, score {check.score:.2f})"


def _additions(encoded: NamedCandidates, bank: MemoryBank, most: int) -> list[ReferenceSuggestion]:
    """Candidates to add to a bank."""
    found = choose_additions(bank, encoded.of_classes(bank.classes), most)
    labels = [encoded.classes[encoded.encoded.classes[one.row]] for one in found]
    return [
        _addition(encoded.ids[one.row], label, one)
        for one, label in zip(found, labels, strict=True)
    ]


def _addition(name: str, label: str, found: Addition) -> ReferenceSuggestion:
    reason = (
        f"{found.resembling} other candidates resemble it more than anything of their class in the "
        "bank"
    )
    return ReferenceSuggestion(name, label, "add", reason, math.nan)


def _ranked(found: Iterable[ReferenceSuggestion]) -> tuple[ReferenceSuggestion, ...]:
    order = ("drop", "add", "keep")

    def rank(one: ReferenceSuggestion) -> tuple[int, float]:
        unknown = one.verdict == "add" or math.isnan(one.margin)
        return order.index(one.verdict), math.inf if unknown else one.margin

    return tuple(sorted(found, key=rank))
