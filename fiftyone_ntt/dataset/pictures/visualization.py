"""A memory bank in FiftyOne's Embeddings panel: its references, and predictions among them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import fiftyone as fo
import fiftyone.brain.visualization as fobv
import fiftyone.core.collections as foc
import numpy as np
from jaxtyping import Float32

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.plane import Plane, fit_plane
from fiftyone_ntt.dataset.banks.saved_banks import key_of_name, resolve_bank
from fiftyone_ntt.dataset.labels.fields import (
    all_images,
    check_whole_images,
    label_fields,
)
from fiftyone_ntt.dataset.labels.gone import NOT_ANSWERING, needs_database
from fiftyone_ntt.dataset.labels.names import check_identifier
from fiftyone_ntt.dataset.pictures.prediction_features import prediction_features
from fiftyone_ntt.dataset.references.label_lookup import LabelPlace, find_labels
from fiftyone_ntt.dataset.references.reference_reading import REFERENCE_TYPES
from fiftyone_ntt.dataset.work.progress import Progress
from fiftyone_ntt.dataset.work.proposing import StoreChoice
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.dataset.work.stored_runs import replace_brain_runs
from fiftyone_ntt.errors import InputError

_MARK = "ntt_visualization"
"""Attribute of a brain run's config that says whose it is: the brain key it was asked under."""
_DRAFT = "_ntt_draft"
"""Ends the key of a run until all runs of a call are there."""
_GONE = "their labels are not on dataset {!r} (any more)"


@dataclass(frozen=True, eq=False)
class _Points:
    """What a run shows: labels of a field in the plane.

    Attributes:
        field: of the labels.
        labels: where they lie.
        places: in the plane, a row each.
    """

    field: str
    labels: Sequence[LabelPlace]
    places: Float32[np.ndarray, "P 2"]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class VisualizationReport:
    """What `visualize_memory_bank` registered.

    Attributes:
        runs: brain key to how many points it shows; references first.
        references_left_out: why references are not shown, and how many each.
        predictions_left_out: why predictions are not shown, and how many each.
        seconds: wall-clock time.
    """

    runs: dict[str, int]
    references_left_out: dict[str, int]
    predictions_left_out: dict[str, int]
    seconds: float

    def __str__(self) -> str:
        shown = ", ".join(f"{key} ({count} points)" for key, count in self.runs.items())
        left_out = [
            f"  {count} {noun} left out: {reason}"
            for noun, reasons in (
                ("references", self.references_left_out),
                ("predictions", self.predictions_left_out),
            )
            for reason, count in reasons.items()
        ]
        return "\n".join([f"{shown}; {self.seconds:.1f} s", *left_out])


@needs_database
def visualize_memory_bank(
    samples: foc.SampleCollection,
    bank: MemoryBank | str,
    predictions_field: str | None = None,
    *,
    brain_key: str | None = None,
    store: StoreChoice = True,
    progress: Progress = None,
) -> VisualizationReport:
    """Show a bank's references, and predictions in the same plane, in the Embeddings panel.

    The plane is that of the references' first two principal components, and predictions are
    projected to it, so the two runs can be laid over each other. Colour them by `label` there, or
    by any other attribute. No network runs: references have their features in the bank,
    predictions in the store of proposals.

    Args:
        samples: a dataset or view of images; predictions are those of the view, references are
            shown wherever on the dataset they lie.
        bank: a bank, or the name of one saved on the dataset.
        predictions_field: Detections to show among the references; none when None.
        brain_key: names the brain runs, `<brain_key>_references` and `<brain_key>_predictions`;
            made of the bank's name when None. Runs of an earlier call under this key are replaced.
            References that lie in several fields get a run for each.
        store: where the proposals are: True for the default store, a folder, or a store.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)` of
            images with predictions.

    Returns:
        The runs, and how many references and predictions are not shown and why.

    Raises:
        InputError: the samples or the field do not fit, the key is taken by a run of another
            origin, or nothing can be shown; earlier runs are left as they are.

    Example:
        >>> print(ntt.visualize_memory_bank(view, "shapes", "predictions"))
        shapes_references (4 points), shapes_predictions (... points); ... s
    """
    start = time.monotonic()
    check_whole_images(samples, "visualizing a memory bank")
    dataset = samples._root_dataset
    bank = resolve_bank(dataset, bank)
    brain_key = key_of_name(bank.name or "memory_bank") if brain_key is None else brain_key
    _check_key(dataset, brain_key)
    plane = fit_plane(bank.unit_references)
    runs, references_left_out = _reference_runs(dataset, bank, plane, brain_key)
    predictions_left_out = {}
    if predictions_field is not None:
        found = prediction_features(
            samples, predictions_field, bank, store=store, progress=progress
        )
        labels = list(map(LabelPlace, found.sample_ids, found.ids))
        shown = _Points(predictions_field, labels, plane.project(found.features))
        runs[f"{brain_key}_predictions"] = shown
        predictions_left_out = found.left_out
    runs = {key: points for key, points in runs.items() if len(points)}
    if not runs:
        reasons = "; ".join([*references_left_out, *predictions_left_out])
        raise InputError(
            f"memory bank {bank.name!r} has nothing to show on dataset {dataset.name!r}: {reasons}."
            " Pass the dataset its references were tagged on, or predictions that `segment` wrote."
        )
    _replace_runs(dataset, brain_key, runs)
    return VisualizationReport(
        {key: len(points) for key, points in runs.items()},
        references_left_out,
        predictions_left_out,
        time.monotonic() - start,
    )


@needs_database
def visualization_key_problem(samples: foc.SampleCollection, brain_key: str) -> str | None:
    """Why `visualize_memory_bank` cannot use a brain key on a dataset, or None where it can.

    Example:
        >>> ntt.visualization_key_problem(dataset, "a b")
        "'a b' cannot be a brain key. Use letters, digits and underscores, ..."
    """
    try:
        _check_key(samples._root_dataset, brain_key)
    except InputError as error:
        return str(error)
    return None


def _check_key(dataset: fo.Dataset, brain_key: str) -> None:
    check_identifier(brain_key, "be a brain key", "boats")
    refresh(dataset)
    references = f"{brain_key}_references"
    wanted = {references, f"{brain_key}_predictions"}
    wanted |= {_key_of(references, field) for field in label_fields(dataset, REFERENCE_TYPES)}
    wanted |= {f"{key}{_DRAFT}" for key in wanted}
    own = _own_runs(dataset, brain_key)
    foreign = [key for key in dataset.list_brain_runs() if key in wanted and key not in own]
    if foreign:
        raise InputError(
            f"dataset {dataset.name!r} has a brain run {foreign[0]!r} of another origin, which "
            f"stays. Pass another `brain_key` than {brain_key!r}."
        )


def _own_runs(dataset: fo.Dataset, brain_key: str) -> list[str]:
    keys: list[str] = dataset.list_brain_runs(**{_MARK: brain_key})
    return keys


def _reference_runs(
    dataset: fo.Dataset, bank: MemoryBank, plane: Plane, brain_key: str
) -> tuple[dict[str, _Points], dict[str, int]]:
    """Runs of the references, by key, and those that cannot be shown."""
    names = bank.references.ids
    points = dict(zip(names, plane.project(bank.unit_references), strict=True))
    runs: dict[str, _Points] = {}
    for field, found in find_labels(all_images(dataset), names).items():
        key = f"{brain_key}_references"
        places = np.stack([points[name] for name in found])
        runs[_key_of(key, field) if runs else key] = _Points(field, list(found.values()), places)
    gone = len(points) - sum(map(len, runs.values()))
    return runs, {_GONE.format(dataset.name): gone} if gone else {}


def _key_of(references: str, field: str) -> str:
    """Of the run of a further field of references; a field may lie inside another."""
    return f"{references}_{field.replace('.', '_')}"


def _replace_runs(dataset: fo.Dataset, brain_key: str, runs: dict[str, _Points]) -> None:
    """Replace all runs under a key by these, or leave them as they are."""
    _check_key(dataset, brain_key)  # somebody may have taken it meanwhile
    drafts = {f"{key}{_DRAFT}": key for key in runs}
    before = [key for key in _own_runs(dataset, brain_key) if key not in drafts]
    with _delete_runs_on_error(dataset, drafts):
        for draft, key in drafts.items():
            _save(dataset, draft, brain_key, runs[key])
    replace_brain_runs(dataset, drafts, before)


def _save(dataset: fo.Dataset, key: str, brain_key: str, points: _Points) -> None:
    """Save points as a brain run.

    FiftyOne's `compute_visualization` would look the samples up by the labels' ids, which samples
    may share, and in the active slice of a grouped dataset alone.
    """
    config = fobv.ManualVisualizationConfig(
        patches_field=points.field, num_dims=2, **{_MARK: brain_key}
    )
    method = config.build()
    method.register_run(dataset, key)
    results = fobv.VisualizationResults(
        dataset,
        config,
        key,
        points.places,
        sample_ids=np.array([label.sample_id for label in points.labels]),
        label_ids=np.array([label.label_id for label in points.labels]),
        backend=method,
    )
    method.save_run_results(dataset, key, results)


@contextmanager
def _delete_runs_on_error(dataset: fo.Dataset, keys: Collection[str]) -> Iterator[None]:
    """FiftyOne leaves the key of a failed run registered; this does not."""
    try:
        yield
    except NOT_ANSWERING:
        raise  # they stay, and the next call of the same key replaces them
    except BaseException:
        for key in set(keys) & set(dataset.list_brain_runs()):
            dataset.delete_brain_run(key)
        raise
