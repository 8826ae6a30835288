"""The demo's scenes to try banks on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from fiftyone_ntt.dataset.evaluation.bank_trial import BankTrial
from fiftyone_ntt.demo.demo_dataset import CANDIDATE, GROUND_TRUTH, TARGET, make_demo_dataset
from fiftyone_ntt.demo.run import POINTS_PER_SIDE
from fiftyone_ntt.models.loading import Models


@contextmanager
def demo_trial(
    models: Models, targets: int | None = None, points_per_side: int = POINTS_PER_SIDE
) -> Iterator[tuple[BankTrial, list[str]]]:
    """Banks drawn from the demo's candidates, tried on its targets; gone when left.

    Args:
        models: encoder and segmenter.
        targets: how many of the 60 scenes; all when None.
        points_per_side: prompts per row and column of the grid.

    Returns:
        the trial, and the files of its targets.
    """
    with TemporaryDirectory() as folder:
        dataset = make_demo_dataset(folder, f"fiftyone-ntt-{Path(folder).name}")
        try:
            chosen = dataset.match_tags(TARGET)
            chosen = chosen if targets is None else chosen.limit(targets)
            trial = BankTrial(
                dataset.match_tags(CANDIDATE),
                chosen,
                GROUND_TRUTH,
                models,
                points_per_side=points_per_side,
                store=Path(folder) / "proposals",
            )
            yield trial, chosen.values("filepath")
        finally:
            dataset.delete()
