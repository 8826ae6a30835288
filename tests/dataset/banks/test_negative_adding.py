"""Single labels as negatives of a bank."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()


def test_negatives_are_added_and_taken_back(dataset: fo.Dataset, tmp_path: Path) -> None:
    add_scenes(dataset, tmp_path, 3)
    bank = ntt.build_memory_bank(dataset[:2], "ground_truth", models=MODELS, name="colours")
    first, second, *_ = dataset[2:].values("ground_truth.detections.id", unwind=True)
    for count, label in enumerate((first, second), start=1):
        found = ntt.add_negatives(
            dataset, "colours", "ground_truth", label_ids=[label], models=MODELS
        )
        assert (found.negatives, found.change) == (count, "1 negative added")
    ids = ntt.load_memory_bank(dataset, "colours").negatives.ids
    assert ids == (f"tagged:{first}", f"tagged:{second}")
    assert dataset.count_label_tags("ground_truth") == {}
    with pytest.raises(InputError, match=f"label {first} is a negative of memory bank 'colours'"):
        ntt.add_negatives(dataset, "colours", "ground_truth", label_ids=[first], models=MODELS)
    ntt.undo_bank_change(dataset, "colours")
    ntt.undo_bank_change(dataset, "colours")
    now = ntt.load_memory_bank(dataset, "colours")
    assert (now.negatives.ids, now.references.ids) == ((), bank.references.ids)


def test_only_of_the_bank_s_classes(dataset: fo.Dataset, tmp_path: Path) -> None:
    add_scenes(dataset, tmp_path, 3)
    ntt.build_memory_bank(dataset[:2], "ground_truth", models=MODELS, name="colours")
    label = dataset.last().ground_truth.detections[0].id
    ntt.relabel_as(dataset, "ground_truth", [label], "heron")
    with pytest.raises(InputError, match="has no class 'heron'"):
        ntt.add_negatives(dataset, "colours", "ground_truth", label_ids=[label], models=MODELS)
