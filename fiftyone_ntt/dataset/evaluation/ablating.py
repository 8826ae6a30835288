"""Which mode and how many crops suit your own labels: variants tried on a labelled dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import fiftyone.core.collections as foc

from fiftyone_ntt.core.sampling import BORDER, MIN_SIZE
from fiftyone_ntt.dataset.evaluation.bank_trial import BankTrial, labels_hash
from fiftyone_ntt.dataset.labels.fields import check_whole_images, sample_count
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.work.model_resolution import resolve_models
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.dataset.work.proposing import StoreChoice, resolve_store
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.trials.ablation_running import Plan, run_ablation
from fiftyone_ntt.trials.advice import LADDER, Advice, advise
from fiftyone_ntt.trials.trial_data import TrialData
from fiftyone_ntt.trials.variants import find_variants


@needs_database
def ablate(
    candidates: foc.SampleCollection,
    targets: foc.SampleCollection,
    label_field: str,
    *,
    variants: Sequence[str] | None = None,
    shots: Sequence[int] = (1, 3, 5, 10),
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    models: str | Models = "paper",
    device: str = "cpu",
    points_per_side: int = 32,
    store: StoreChoice = True,
    min_size: float = MIN_SIZE,
    border: float = BORDER,
    output: str | Path | None = None,
    progress: Progress = None,
) -> Advice:
    """Measure which mode and how many crops suit your labelled images; writes no label.

    Networks run over the targets once for every number of crops, which takes 1, 5 and 10 times as
    long for 0, 4 and 9; their proposals are kept, so that trying again takes minutes.

    Args:
        candidates: a view of labelled images that references are drawn from.
        targets: a view of labelled images to score on, none of them a candidate; 20 or more.
        label_field: Detections with masks, or closed Polylines, the truth of both.
        variants: what to try beside `"paper"`, such as `"best"`, `"best + 9 crops"` or
            `"paper + quality"`; both modes, with and without crops, when None.
        shots: numbers of references per class.
        seeds: of the draws, each of which is tried with every number.
        models: a named set or loaded models.
        device: where a named set runs: `cpu`, `cuda`, `auto`, ...
        points_per_side: prompts per row and column of the grid.
        store: of the images' proposals; see `segment`. Not False.
        min_size: least width and height of a reference's box, in pixels.
        border: its least distance from every image border, in pixels.
        output: also keep what is measured in this folder, made if need be: the same call goes on
            there after an interruption.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`, of
            images.

    Returns:
        The mode and crops that suit these images, and the evidence; print it, or `save` it.

    Raises:
        InputError: no such variant, views share an image, the field does not fit, or an image
            cannot be read.
        ModelError: the models cannot be loaded.
        StoreError: `output` holds something else, or proposals cannot be kept.

    Example:
        >>> done, rest = dataset.match_tags("candidate"), dataset.match_tags("target")
        >>> few = {"shots": (1,), "seeds": (0,), "models": "demo", "points_per_side": 8}
        >>> advice = ntt.ablate(done, rest, "ground_truth", variants=["best"], **few)
        >>> advice.mode, advice.crops
        ('paper', 0)
        >>> print(advice.reasons[0])
        too few images to tell: 3 targets, and 20 are the least ...
        >>> [path.name for path in advice.save("trial")]
        ['ablation.json', 'ablation.md', 'ablation.png']
    """
    names = [variant.name for variant in LADDER] if variants is None else variants
    plan = Plan(find_variants(names), shots, seeds, points_per_side)
    for samples in (candidates, targets):
        check_whole_images(samples, "trying variants")
    kept = resolve_store(store)
    if kept is None:
        raise InputError(
            "store is False, but variants are tried on stored proposals. Pass a folder, or True."
        )
    loaded = resolve_models(models, device)
    trial = BankTrial(
        candidates, targets, label_field, loaded, min_size=min_size, border=border, store=kept
    )
    name, images = candidates._root_dataset.name, sample_count(targets)
    labels = labels_hash(candidates, targets, label_field, [float(min_size), float(border)])
    identity = f"{images} targets, labels {labels[:12]}"
    crops = {variant.crops for variant in plan.variants}
    steps = images * (len(crops) + len(set(shots)) * len(set(seeds)))
    with progress_steps(steps, progress) as advance:
        ablation = run_ablation(
            [TrialData(name, identity, trial.content)],
            loaded,
            plan,
            kept,
            output=None if output is None else Path(output),
            advance=lambda _, done: _repeat(advance, done),
        )
    return advise(ablation, name)


def _repeat(step: Callable[[], None], times: int) -> None:
    for _ in range(times):
        step()
