"""The method as a FiftyOne model, with FiftyOne's data loaders and without."""

from __future__ import annotations

import subprocess
import sys
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
ROOT = Path(__file__).parents[3]


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


@pytest.mark.parametrize("options", [{}, {"batch_size": 3}])
def test_gives_what_segment_gives(scenes: fo.Dataset, bank: MemoryBank, options: dict) -> None:
    segment(scenes, bank, "ours", models=MODELS, store=False)
    scenes.apply_model(ReferenceSegmenter(bank, MODELS), "theirs", progress=False, **options)
    assert rows(scenes, "theirs") == rows(scenes, "ours")


def test_images_of_different_sizes_share_a_batch(scenes: fo.Dataset, bank: MemoryBank) -> None:
    path = scenes.first().filepath
    Image.open(path).resize((200, 90)).save(path)
    model = ReferenceSegmenter(bank, MODELS)
    scenes.apply_model(model, batch_size=4, progress=False, skip_failures=False)
    assert len(scenes.exists("predictions")) == 4


def test_thresholds_and_classes(scenes: fo.Dataset, bank: MemoryBank) -> None:
    segment(scenes, bank, "ours", models=MODELS, store=False)
    limit = float(np.median(scenes.values("ours.detections.confidence", unwind=True)))
    segment(scenes, bank, "confident", models=MODELS, confidence_thresh=limit, store=False)
    model = ReferenceSegmenter(bank, MODELS)
    scenes.apply_model(model, "theirs", confidence_thresh=limit, progress=False)
    assert rows(scenes, "theirs") == rows(scenes, "confident")
    assert model.config.confidence_thresh is None
    scenes.apply_model(model, "reds", classes=["red"], progress=False)
    assert set(scenes.values("reds.detections.label", unwind=True)) == {"red"}


# FiftyOne's torch utilities import torchvision for other models' sake; of what they import, our
# model uses nothing. Empty modules stand in, because no torchvision fits a CPU build of torch.
TORCHVISION = {
    "__init__.py": "from torchvision import models, transforms",
    "models/__init__.py": "",
    "models/feature_extraction.py": "create_feature_extractor = None",
    "transforms/__init__.py": "from torchvision.transforms import functional",
    "transforms/functional.py": "",
}
WITH_LOADERS = """
import pickle, sys
sys.path.insert(0, sys.argv[3])
import fiftyone as fo
from tests.dataset.colour_models import colour_models

models = colour_models()  # imports transformers, which would use a torchvision it can see
sys.path.insert(0, sys.argv[4])
from fiftyone_ntt import MemoryBank, ReferenceSegmenter

dataset, bank = fo.load_dataset(sys.argv[1]), MemoryBank.load(sys.argv[2])
model = ReferenceSegmenter(bank, models)
assert isinstance(model, (fo.core.models.TorchModelMixin, fo.core.models.SupportsGetItem))
item = pickle.loads(pickle.dumps(model.build_get_item({"filepath": "other"})))
assert item.field_mapping == {"filepath": "other"}
for workers in (0, 2):
    dataset.apply_model(
        model, f"loaded{workers}", num_workers=workers, batch_size=2, progress=False,
        skip_failures=False,
    )
"""


@pytest.mark.slow
def test_with_fiftyones_data_loaders(scenes: fo.Dataset, bank: MemoryBank, tmp_path: Path) -> None:
    for name, content in TORCHVISION.items():
        file = tmp_path / "modules" / "torchvision" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    segment(scenes, bank, "ours", models=MODELS, store=False)
    arguments = [scenes.name, bank.save(tmp_path / "bank"), ROOT, tmp_path / "modules"]
    child = subprocess.run(
        [sys.executable, "-c", WITH_LOADERS, *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    scenes.reload()
    assert rows(scenes, "loaded0") == rows(scenes, "loaded2") == rows(scenes, "ours")


def test_one_image(scenes, bank):
    model = ReferenceSegmenter(bank, MODELS)
    image = Image.open(scenes.first().filepath)
    assert len(model.predict(np.asarray(image)).detections) == 3
    assert len(model.predict_all([image, image])) == 2


def test_another_encoder_is_refused(bank):
    with pytest.raises(ModelError, match=r"colour-encoder:1.*other:2"):
        ReferenceSegmenter(bank, colour_models(encoder="other:2"))
