"""The image encoder in pieces against transformers' own, on random weights of several shapes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.naive import embed
from fiftyone_ntt.models import image_encoding
from fiftyone_ntt.models.image_encoding import ImageEncoder
from tests.models.conftest import random_model

SEED = 3


def assert_same(found: list[Tensor], expected: list[Tensor], tolerance: float = 1e-5) -> None:
    assert [level.shape for level in found] == [level.shape for level in expected]
    for level, other in zip(found, expected, strict=True):
        assert float((level - other).abs().max()) <= tolerance * float(other.abs().max())


@pytest.mark.parametrize(
    "trunk",
    [
        {},  # its third stage's windows of 14 do not divide 16 rows
        {"global_attention_blocks": [0, 2, 5], "blocks_per_stage": [1, 2, 1, 2]},
        {"window_size_per_stage": [4, 8, 6, 2], "query_stride": [2, 2]},
        {"num_query_pool_stages": 3, "mlp_ratio": 2.0, "hidden_act": "relu"},
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("tokens", [1, 100, 1024])
def test_equals_the_original(
    trunk: dict[str, Any], batch: int, tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_encoding, "_CPU_TOKENS", tokens)
    model = random_model(SEED, trunk=trunk)
    pixels = torch.randn(batch, 3, 256, 256)
    assert_same(ImageEncoder(model)(pixels), embed(model, pixels))


def test_images_of_other_sizes_get_their_own_positions() -> None:
    model = random_model(SEED)
    encoder = ImageEncoder(model)
    for side in (256, 128, 256):
        pixels = torch.randn(1, 3, side, side)
        assert_same(encoder(pixels), embed(model, pixels))


@pytest.mark.parametrize("added", [[], [1], [0], [2, 3], [0, 1, 2, 3]])
def test_equals_the_original_whichever_levels_are_added_up(added: list[int]) -> None:
    model = random_model(SEED, vision={"fpn_top_down_levels": added})
    pixels = torch.randn(1, 3, 256, 256)
    assert model.vision_encoder.neck.fpn_top_down_levels == added
    assert_same(ImageEncoder(model)(pixels), embed(model, pixels))


def test_equals_the_original_in_bfloat16() -> None:
    model = random_model(SEED).to(torch.bfloat16)
    pixels = torch.randn(1, 3, 256, 256, dtype=torch.bfloat16)
    found = ImageEncoder(model)(pixels)
    assert {level.dtype for level in found} == {torch.bfloat16}
    assert_same(found, embed(model, pixels), tolerance=0.02)


def test_computes_no_attention_weights_and_no_position_encodings() -> None:
    model = random_model(SEED)
    pixels = torch.randn(1, 3, 256, 256)
    encoder = ImageEncoder(model)
    encoder(pixels)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        encoder(pixels)
    called = {event.key for event in profile.key_averages()}
    assert "aten::scaled_dot_product_attention" in called
    needless = {"aten::_softmax", "aten::bmm", "aten::sin", "aten::cos", "aten::upsample_bicubic2d"}
    assert sorted(called & needless) == []
