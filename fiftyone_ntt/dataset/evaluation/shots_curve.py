"""How many references are enough: AP against shots on your own labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc
import numpy as np
from bson import ObjectId

from fiftyone_ntt.coco.average_precision import CocoScores
from fiftyone_ntt.core.sampling import BORDER, MIN_SIZE
from fiftyone_ntt.core.settings import MatchSettings, check_mode, scoring_of
from fiftyone_ntt.dataset.evaluation.bank_trial import BankTrial, labels_hash
from fiftyone_ntt.dataset.labels.fields import check_whole_images, sample_count
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.names import check_identifier
from fiftyone_ntt.dataset.work.model_resolution import resolve_models
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.dataset.work.proposing import StoreChoice
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.dataset.work.stored_runs import put_run, run_ids, run_values
from fiftyone_ntt.drawing.charts import (
    CLASS_CHART,
    SHOTS_CHART,
    class_chart,
    prepare_chart_folder,
    save_chart,
    shots_chart,
)
from fiftyone_ntt.errors import InputError, problem_of
from fiftyone_ntt.models.loading import Models

METHOD = "ntt_shots_curve"
"""What marks a custom run as a shots curve: `dataset.list_runs(method=METHOD)`."""

_COLUMNS = (("masks", "AP"), ("masks", "AP50"), ("boxes", "AP"), ("boxes", "AP50"))


@dataclass(frozen=True)
class TrialScore:
    """What one draw of references scored."""

    shots: int
    seed: int
    scores: CocoScores


@dataclass(frozen=True)
class ShotsCurve:
    """Scores of draws of several numbers of references per class.

    Attributes:
        trials: by shots, then by seed.
    """

    trials: tuple[TrialScore, ...]

    @property
    def shots(self) -> list[int]:
        """Numbers of references, rising."""
        return sorted({trial.shots for trial in self.trials})

    def values(self, kind: str, metric: str) -> dict[int, list[float]]:
        """A figure in 0..1 by shots, one per seed, for `kind` "masks" or "boxes"."""
        return {
            shots: [getattr(t.scores, kind)[metric] for t in self.trials if t.shots == shots]
            for shots in self.shots
        }

    def mean(self, shots: int, kind: str, metric: str) -> float:
        """Mean over seeds of a figure in 0..1."""
        return float(np.mean(self.values(kind, metric)[shots]))

    def classes(self, shots: int | None = None) -> dict[str, dict[str, float]]:
        """Mean "masks AP" and "boxes AP" in 0..1 by class, of the most shots when None."""
        count = max(self.shots) if shots is None else shots
        found: dict[str, dict[str, float]] = {}
        for name, field in (("masks AP", "class_masks"), ("boxes AP", "class_boxes")):
            rows = [getattr(t.scores, field) for t in self.trials if t.shots == count]
            for label in rows[0]:
                found.setdefault(label, {})[name] = float(np.mean([row[label] for row in rows]))
        return found

    def save(self, folder: str | Path) -> list[Path]:
        """Draw `shots.png` and `classes.png` into a folder, made if need be; returns their paths.

        Raises:
            StoreError: another's file is there, or a file cannot be written.
        """
        folder = Path(folder)
        prepare_chart_folder(folder)
        curves = {f"{kind} {metric}": self.values(kind, metric) for kind, metric in _COLUMNS}
        title = f"AP by class, {max(self.shots)} references per class"
        return [
            save_chart(shots_chart(curves), folder / SHOTS_CHART),
            save_chart(class_chart(self.classes(), title=title), folder / CLASS_CHART),
        ]

    def __str__(self) -> str:
        head = "shots" + "".join(f"{f'{kind} {metric}':>16}" for kind, metric in _COLUMNS)
        return "\n".join([head, *map(self._row, self.shots)])

    def _row(self, shots: int) -> str:
        cells = []
        for kind, metric in _COLUMNS:
            values = self.values(kind, metric)[shots]
            cells.append(f"{np.mean(values):.3f} ± {np.std(values):.3f}")
        return f"{shots:>5}" + "".join(f"{cell:>16}" for cell in cells)


@needs_database
def shots_curve(
    candidates: foc.SampleCollection,
    targets: foc.SampleCollection,
    label_field: str,
    *,
    shots: Sequence[int] = (1, 3, 5, 10),
    seeds: Sequence[int] = (0, 1, 2),
    name: str | None = None,
    models: str | Models = "paper",
    device: str = "cpu",
    mode: str = "paper",
    points_per_side: int = 32,
    crops: int = 0,
    store: StoreChoice = True,
    min_size: float = MIN_SIZE,
    border: float = BORDER,
    overwrite: bool = False,
    progress: Progress = None,
) -> ShotsCurve:
    """Measure what more references per class would bring, on labelled images; writes no label.

    Networks run over the images once; each further draw of references takes seconds.

    Args:
        candidates: a view of labelled images that references are drawn from.
        targets: a view of labelled images to score on, none of them a candidate.
        label_field: Detections with masks, the truth of both.
        shots: numbers of references per class.
        seeds: of the draws, each of which is tried with every number.
        name: also keep the curve on the dataset, for the App and so that the same call goes on
            after an interruption; an identifier.
        models: a named set or loaded models.
        device: where a named set runs: `cpu`, `cuda`, `auto`, ...
        mode: of the method; see `segment`.
        points_per_side: prompts per row and column of the grid.
        crops: parts of the images that are looked at besides the whole, 0, 4 or 9; see `segment`.
        store: of the images' proposals; see `segment`.
        min_size: least width and height of a reference's box, in pixels.
        border: its least distance from every image border, in pixels.
        overwrite: replace another curve of this name.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`, of
            images.

    Returns:
        The scores; print it, or `save` its charts.

    Raises:
        InputError: views share an image, the field does not fit, an image cannot be read, or the
            name is taken by a curve of other labels or settings.
        ModelError: the models cannot be loaded.

    Example:
        >>> done, rest = dataset.match_tags("candidate"), dataset.match_tags("target")
        >>> few = {"shots": (1, 2), "seeds": (0,), "models": "demo"}
        >>> curve = ntt.shots_curve(done, rest, "ground_truth", **few)
        >>> print(curve)
        shots        masks AP      masks AP50        boxes AP      boxes AP50
            1   ...
            2   ...
        >>> [chart.name for chart in curve.save("charts")]
        ['shots.png', 'classes.png']
    """
    if not shots or min(shots) < 1 or not seeds:
        raise InputError(
            f"shots are {list(shots)} and seeds {list(seeds)}. Pass at least one of each, shots of "
            "at least 1."
        )
    for samples in (candidates, targets):
        check_whole_images(samples, "measuring a shots curve")
    loaded = resolve_models(models, device)
    trial = BankTrial(
        candidates,
        targets,
        label_field,
        loaded,
        points_per_side=points_per_side,
        crops=crops,
        store=store,
        min_size=min_size,
        border=border,
    )
    settings: tuple[Any, ...] = (points_per_side, float(min_size), float(border))
    if (check_mode(mode), crops) != ("paper", 0):  # curves of earlier versions are of these
        # By the values of its scoring: what a mode means may change from version to version.
        settings += (mode, crops, MatchSettings().ranking(scoring_of(check_mode(mode))))
    identities = loaded.encoder.identity, loaded.segmenter.identity
    identity = labels_hash(candidates, targets, label_field, [*identities, *settings])
    stored = _StoredTrials(candidates._root_dataset, name, identity, overwrite)
    wanted = [(count, seed) for count in sorted(set(shots)) for seed in dict.fromkeys(seeds)]
    pending = [key for key in wanted if key not in stored.trials]
    with progress_steps(len(pending) * sample_count(targets), progress) as advance:
        for count, seed in pending:
            scores = trial.evaluate(trial.bank(count, seed), advance, mode)
            stored.add(TrialScore(count, seed, scores))
    return ShotsCurve(tuple(stored.trials[key] for key in wanted))


@needs_database
def load_shots_curve(samples: foc.SampleCollection, name: str) -> ShotsCurve:
    """A curve that `shots_curve` kept on a dataset, as far as it was measured.

    Raises:
        InputError: there is none of that name; the message lists those there are.

    Example:
        >>> few = {"shots": (1,), "seeds": (0,), "models": "demo", "name": "few"}
        >>> done, rest = dataset.match_tags("candidate"), dataset.match_tags("target")
        >>> curve = ntt.shots_curve(done, rest, "ground_truth", **few)
        >>> ntt.load_shots_curve(dataset, "few") == curve
        True
    """
    dataset = samples._root_dataset
    if name not in list_shots_curves(dataset):
        known = ", ".join(list_shots_curves(dataset)) or "none"
        raise InputError(f"dataset {dataset.name!r} has no shots curve {name!r}. It has: {known}.")
    trials = _load_trials(dataset, name)
    return ShotsCurve(tuple(trials[key] for key in sorted(trials)))


@needs_database
def list_shots_curves(samples: foc.SampleCollection) -> list[str]:
    """Names of the curves kept on a dataset; `dataset.delete_run(name)` deletes one.

    Example:
        >>> few = {"shots": (1,), "seeds": (0,), "models": "demo", "name": "few"}
        >>> done, rest = dataset.match_tags("candidate"), dataset.match_tags("target")
        >>> curve = ntt.shots_curve(done, rest, "ground_truth", **few)
        >>> ntt.list_shots_curves(dataset)
        ['few']
    """
    refresh(samples._root_dataset, runs=True)
    return sorted(samples._root_dataset.list_runs(method=METHOD))


@needs_database
def shots_curve_name_problem(samples: foc.SampleCollection, name: str) -> str | None:
    """Why `shots_curve` cannot keep a curve under a name, or None where it can.

    A curve of other labels, models or settings has to be replaced by `overwrite=True`.

    Example:
        >>> ntt.shots_curve_name_problem(dataset, "shots") is None
        True
        >>> ntt.shots_curve_name_problem(dataset, "my shots")
        "'my shots' cannot be the name of a curve. Use letters, digits and underscores, ..."
    """
    return problem_of(_check_name, samples._root_dataset, name)


def _check_name(dataset: fo.Dataset, name: str) -> None:
    check_identifier(name, "be the name of a curve", "shots")
    known = name in list_shots_curves(dataset)
    if not known and name in dataset.list_runs():
        raise InputError(_taken(dataset, name, known))


def _taken(dataset: fo.Dataset, name: str, known: bool) -> str:
    holder = "a curve of other labels, models or settings" if known else "another run"
    return f"{name!r} is the name of {holder} of dataset {dataset.name!r}. Pass " + (
        "overwrite=True to replace it, or another name." if known else "another name."
    )


class _StoredTrials:
    """The trials of a curve; with a name, each is saved on the dataset as soon as it is done.

    A curve that is to be overwritten stays until the first trial takes its place.
    """

    def __init__(
        self, dataset: fo.Dataset, name: str | None, identity: str, overwrite: bool
    ) -> None:
        self._dataset, self._name = dataset, name
        self._config = dataset.init_run(method=METHOD, identity=identity)
        self._gives_way: ObjectId | None = None
        self.trials: dict[tuple[int, int], TrialScore] = {}
        if name is None:
            return
        while True:
            holds = run_ids(dataset).get(name)
            _check_name(dataset, name)
            known = name in list_shots_curves(dataset)
            if known and overwrite:
                self._gives_way = holds
                return
            if known and self._is_ours(name):
                self.trials = _load_trials(dataset, name)
                return
            if known:
                raise InputError(_taken(dataset, name, True))
            if put_run(dataset, name, self._config, {"trials": []}, replacing=holds):
                return

    def add(self, trial: TrialScore) -> None:
        """Keep a trial beside those that are there, whichever process measured them.

        Raises:
            InputError: another process gave the name to something else.
        """
        self.trials[trial.shots, trial.seed] = trial
        while self._name is not None:
            holds = run_ids(self._dataset).get(self._name)
            if holds is not None and holds != self._gives_way:
                known = self._name in list_shots_curves(self._dataset)
                if not (known and self._is_ours(self._name)):
                    raise InputError(_taken(self._dataset, self._name, known))
                self.trials = _load_trials(self._dataset, self._name) | self.trials
            values = {"trials": [_trial_row(found) for found in self.trials.values()]}
            if put_run(self._dataset, self._name, self._config, values, replacing=holds):
                return

    def _is_ours(self, name: str) -> bool:
        config: Any = self._dataset.get_run_info(name).config
        return bool(config.identity == self._config.identity)


def _load_trials(dataset: fo.Dataset, name: str) -> dict[tuple[int, int], TrialScore]:
    values = run_values(dataset, name)
    rows: list[dict[str, Any]] = [] if values is None else values["trials"]
    return {
        (row["shots"], row["seed"]): TrialScore(
            row["shots"], row["seed"], CocoScores(**row["scores"])
        )
        for row in rows
    }


def _trial_row(trial: TrialScore) -> dict[str, Any]:
    """What is kept of a trial: its figures, without what was noted of the files."""
    row = asdict(trial)
    del row["scores"]["notes"]
    return row
