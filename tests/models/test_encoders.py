from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    DINOv3ViTConfig,
    DINOv3ViTModel,
)

from fiftyone_ntt.core.interfaces import Encoder
from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models.encoders import TransformersEncoder
from fiftyone_ntt.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from tests.models.conftest import GOLDEN, encoder_input

SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 56}


def test_attributes(encoder: TransformersEncoder) -> None:
    assert isinstance(encoder, Encoder)
    assert (encoder.side, encoder.grid, encoder.width) == (518, 37, 96)
    assert encoder.device == torch.device("cpu")
    assert not encoder.model.training


@pytest.mark.parametrize("scene", ["scene_a", "scene_b", "scene_c", "scene_d"])
def test_tokens_equal_the_published_code(encoder: TransformersEncoder, scene: str) -> None:
    golden = np.load(GOLDEN / "tiny256" / f"target_{scene}.npz")["enc_feats"]
    tokens = encoder.encode(encoder_input(scene))
    assert tokens.dtype == torch.float32
    assert tokens.shape == (1, 1369, 96)
    np.testing.assert_allclose(tokens[0].numpy(), golden, atol=2e-5)


def test_a_batch_gives_each_image_its_own_tokens(encoder: TransformersEncoder) -> None:
    images = torch.cat([encoder_input("scene_a"), encoder_input("scene_b")])
    tokens = encoder.encode(images)
    for row, image in zip(tokens, images, strict=True):
        torch.testing.assert_close(row, encoder.encode(image[None])[0], atol=2e-5, rtol=0)


def test_tokens_need_no_gradient(encoder: TransformersEncoder) -> None:
    assert not encoder.encode(torch.zeros(1, 3, 518, 518)).requires_grad
    assert not any(p.requires_grad for p in encoder.model.parameters())


@pytest.mark.parametrize(
    ("model", "leading"),
    [
        (Dinov2Model(Dinov2Config(**SMALL, patch_size=14)), 1),
        (Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**SMALL, patch_size=14)), 5),
        (
            DINOv3ViTModel(
                DINOv3ViTConfig(**SMALL, patch_size=14, intermediate_size=48, num_register_tokens=3)
            ),
            4,
        ),
    ],
    ids=["dinov2", "registers", "dinov3"],
)
def test_class_and_register_tokens_are_dropped(model: torch.nn.Module, leading: int) -> None:
    encoder = TransformersEncoder(model)
    images = torch.rand(2, 3, 56, 56)
    mean = torch.tensor(IMAGENET_MEAN).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD).view(3, 1, 1)
    with torch.no_grad():
        all_tokens = model(pixel_values=(images - mean) / std).last_hidden_state
    assert all_tokens.shape[1] == leading + 16
    torch.testing.assert_close(encoder.encode(images), all_tokens[:, leading:])


@pytest.mark.parametrize("shape", [(3, 518, 518), (1, 3, 256, 256), (1, 1, 518, 518)])
def test_images_of_another_shape_are_refused(
    encoder: TransformersEncoder, shape: tuple[int, ...], unchecked: None
) -> None:
    with pytest.raises(ValueError, match=r"takes \[B, 3, 518, 518\]"):
        encoder.encode(torch.zeros(shape))


@pytest.mark.parametrize(
    ("size", "message"),
    [([56, 70], "image_size .* not square"), (60, "not a multiple of its patch_size 14")],
)
def test_inputs_that_are_no_square_of_patches(size: object, message: str) -> None:
    config = Dinov2Config(**{**SMALL, "image_size": size}, patch_size=14)
    with pytest.raises(ModelError, match=message):
        TransformersEncoder(Dinov2Model(config))


def test_golden_folder_is_part_of_the_repository() -> None:
    assert Path(GOLDEN / "dinov2_tiny.pth").is_file()
