"""Golden models and images, and a model cache that no test inherits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers import Sam2Model

from fiftyone_ntt.models import clear_model_cache, load_encoder, load_segmenter
from fiftyone_ntt.models.encoders import TransformersEncoder
from fiftyone_ntt.models.meta_sam2 import sam2_config
from fiftyone_ntt.models.segmenters import TransformersSegmenter

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(autouse=True)
def fresh_cache() -> Iterator[None]:
    clear_model_cache()
    yield
    clear_model_cache()


@pytest.fixture(scope="module")
def encoder() -> TransformersEncoder:
    return load_encoder(GOLDEN / "dinov2_tiny.pth")


@pytest.fixture(scope="module")
def segmenter() -> TransformersSegmenter:
    return load_segmenter(GOLDEN / "sam2_tiny.pt")


def random_model(seed: int, *, vision: Any = (), trunk: Any = (), decoder: Any = ()) -> Sam2Model:
    """The golden segmenter's configuration, with some fields of its vision encoder, trunk or
    decoder changed, and weights at random."""
    config = json.loads((GOLDEN / "sam2_tiny.json").read_text())
    config["vision_config"].update(vision)
    config["vision_config"]["backbone_config"].update(trunk)
    config["mask_decoder_config"].update(decoder)
    torch.manual_seed(seed)
    model = Sam2Model(sam2_config(config)).eval().requires_grad_(False)
    for parameter in model.parameters():  # biases and norms too: transformers starts them at 0, 1
        torch.nn.init.normal_(parameter, std=0.15)
    return model


def square_image(scene: str, side: int = 256) -> Tensor:
    """A golden image as the segmenter takes it (method 1), float32 `[1, 3, side, side]`."""
    image = Image.open(GOLDEN / "images" / f"{scene}.png").convert("RGB").resize((side, side))
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def encoder_input(scene: str) -> Tensor:
    """A golden image as the encoder takes it (method 1), float32 `[1, 3, 518, 518]`."""
    return torch.nn.functional.interpolate(
        square_image(scene), size=(518, 518), mode="bicubic", align_corners=False
    )
