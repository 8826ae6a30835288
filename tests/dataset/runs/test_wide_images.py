"""Images of 12 bits a sample give what the same images give as 8 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import fiftyone as fo

from fiftyone_ntt import build_memory_bank, relabel, segment
from fiftyone_ntt.dataset.work.image_readings import BIT_DEPTH
from fiftyone_ntt.store.proposal_store import ProposalStore
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes


def predictions(dataset: fo.Dataset, field: str) -> list[Any]:
    return [
        [(d.label, d.confidence, d.mask.tobytes()) for d in sample[field].detections]
        for sample in dataset
    ]


def segmented(dataset: fo.Dataset, store: ProposalStore) -> list[Any]:
    """What a bank of the first two images finds, fresh and from the store."""
    bank = build_memory_bank(dataset[:2], "ground_truth", models=colour_models())
    for field, run in (("fresh", segment), ("stored", relabel)):
        options = {"models": colour_models()} if run is segment else {}
        run(dataset, bank, field, points_per_side=8, store=store, **options)
    assert predictions(dataset, "fresh") == predictions(dataset, "stored")
    return predictions(dataset, "fresh")


def test_twelve_bits_are_not_black(dataset: fo.Dataset, tmp_path: Path) -> None:
    add_scenes(dataset, tmp_path, 4)
    store = ProposalStore(tmp_path / "store")
    expected = segmented(dataset, store)
    assert all(len(found) >= 3 for found in expected)
    wide = dataset.clone()
    wide.delete_sample_fields(["fresh", "stored"])
    for sample in wide:
        path = sample.filepath.replace(".png", "-wide.png")
        cv2.imwrite(path, cv2.imread(sample.filepath).astype("uint16") << 4)
        sample.filepath = path
        sample.save()
    assert segmented(wide, store) == expected
    assert wide.info[BIT_DEPTH] == 12 and BIT_DEPTH not in dataset.info
    # Another bit depth is another picture: nothing stored stands for it.
    wide.info[BIT_DEPTH] = 14
    wide.save()
    bank = build_memory_bank(wide[:2], "ground_truth", models=colour_models())
    report = relabel(wide, bank, "darker", points_per_side=8, store=store)
    assert report.written == 0 and "has no proposals" in next(iter(report.failures.values()))
