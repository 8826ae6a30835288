"""The method as a FiftyOne model."""

from __future__ import annotations

import pickle
from importlib.util import find_spec
from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt import ReferenceSegmenter, build_memory_bank, segment
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.errors import ModelError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()
needs_torchvision = pytest.mark.skipif(
    find_spec("torchvision") is None, reason="FiftyOne's data loaders need torchvision"
)


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 4)
    return dataset


@pytest.fixture
def bank(scenes: fo.Dataset) -> MemoryBank:
    return build_memory_bank(scenes[:2], "ground_truth", models=MODELS)


def rows(dataset: fo.Dataset, field: str) -> list:
    return [
        [
            (d.label, d.confidence, d.bounding_box, d.mask.tobytes(), d.nearest_reference)
            for d in sample[field].detections
        ]
        for sample in dataset
    ]


@needs_torchvision
@pytest.mark.parametrize(
    "options", [{}, {"batch_size": 3}, {"num_workers": 0}, {"num_workers": 2, "batch_size": 2}]
)
def test_gives_what_segment_gives(scenes, bank, options):
    segment(scenes, bank, "ours", models=MODELS)
    scenes.apply_model(ReferenceSegmenter(bank, MODELS), "theirs", progress=False, **options)
    assert rows(scenes, "theirs") == rows(scenes, "ours")


@needs_torchvision
def test_images_of_different_sizes_share_a_batch(scenes, bank):
    path = scenes.first().filepath
    Image.open(path).resize((200, 90)).save(path)
    model = ReferenceSegmenter(bank, MODELS)
    scenes.apply_model(model, batch_size=4, progress=False, skip_failures=False)
    assert len(scenes.exists("predictions")) == 4


@needs_torchvision
def test_thresholds_and_classes(scenes, bank):
    segment(scenes, bank, "ours", models=MODELS)
    limit = float(np.median(scenes.values("ours.detections.confidence", unwind=True)))
    segment(scenes, bank, "confident", models=MODELS, confidence_thresh=limit)
    model = ReferenceSegmenter(bank, MODELS)
    scenes.apply_model(model, "theirs", confidence_thresh=limit, progress=False)
    assert rows(scenes, "theirs") == rows(scenes, "confident")
    assert model.config.confidence_thresh is None
    scenes.apply_model(model, "reds", classes=["red"], progress=False)
    assert set(scenes.values("reds.detections.label", unwind=True)) == {"red"}


@needs_torchvision
def test_what_workers_need_can_be_pickled(bank):
    item = ReferenceSegmenter(bank, MODELS).build_get_item({"filepath": "other"})
    assert pickle.loads(pickle.dumps(item)).field_mapping == {"filepath": "other"}


def test_one_image(scenes, bank):
    model = ReferenceSegmenter(bank, MODELS)
    image = Image.open(scenes.first().filepath)
    assert len(model.predict(np.asarray(image)).detections) == 3
    assert len(model.predict_all([image, image])) == 2


def test_another_encoder_is_refused(bank):
    with pytest.raises(ModelError, match=r"colour-encoder:1.*other:2"):
        ReferenceSegmenter(bank, colour_models(encoder="other:2"))
