"""Planted errors: what the annotations of encoders, segmenters and decoder keep out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from jaxtyping import TypeCheckError
from torch import Tensor, zeros

from fiftyone_ntt.models.encoders import TransformersEncoder
from fiftyone_ntt.models.image_tokens import Basis, Common, ReadingTile, by_head, heads_first
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.models.mask_upscaling import UpscalingTile
from fiftyone_ntt.models.preprocessing import normalise
from fiftyone_ntt.models.segmenters import TransformersSegmenter
from fiftyone_ntt.models.token_attention import PromptTile
from tests import shapes
from tests.models.conftest import encoder_input, square_image

pytestmark = pytest.mark.skipif(
    bool(os.environ.get(shapes.OFF)), reason=f"nothing is checked under {shapes.OFF}"
)

NORMALISED = {"images": zeros(2, 3, 8, 8), "side": 8, "device": torch.device("cpu")}
COMMON = {"own": zeros(9, 8), "bias": zeros(8), "basis": Basis()}
BASIS = {"projections": (zeros(2, 4, 8),), "offsets": (zeros(8),)}
READING = {"keys": zeros(2, 4, 9), "places": zeros(2, 4, 9), "values": zeros(2, 4, 9)}
PROMPTED = {"shares": zeros(5, 16, 9), "weights": [zeros(5, 9)], "scale": zeros(5, 9)}
UPSCALING = {"own": zeros(9, 8), "middle": zeros(9, 8), "fine": zeros(36, 4)}
BY_HEAD = {"vectors": zeros(5, 3, 2, 4), "shared": zeros(2, 4, 9)}
MAPPED = {"own": zeros(9, 6), "rows": zeros(5, 16, 6), "bias": zeros(9, 6)}


@pytest.mark.parametrize(
    "call, right, name, wrong",
    [
        (normalise, NORMALISED, "images", zeros(2, 3, 8, 9)),
        (normalise, NORMALISED, "images", zeros(2, 8, 8, 3)),
        (normalise, NORMALISED, "images", zeros(2, 3, 8, 8, dtype=torch.uint8)),
        (Common, COMMON, "bias", zeros(9)),
        (Common, COMMON, "own", zeros(9, 8, dtype=torch.bfloat16)),
        (Basis, BASIS, "offsets", (zeros(4),)),
        (Basis, BASIS, "projections", zeros(1, 2, 4, 8)),
        (ReadingTile, READING, "values", zeros(2, 9, 4)),
        (PromptTile, PROMPTED, "scale", zeros(9, 5)),
        (PromptTile, PROMPTED, "weights", [zeros(5, 9, dtype=torch.bfloat16)]),
        (PromptTile(**PROMPTED).mapped, MAPPED, "bias", zeros(6)),
        (UpscalingTile, UPSCALING, "fine", zeros(36, 8)),
        (by_head, BY_HEAD, "shared", zeros(4, 2, 9)),
        (heads_first, {"products": zeros(5, 6, 9), "heads": 2}, "products", zeros(30, 9)),
    ],
)
def test_a_wrong_argument_is_caught(
    call: Callable[..., Any], right: dict[str, Any], name: str, wrong: Any
) -> None:
    call(**right)
    with pytest.raises(TypeCheckError, match=f"parameter '{name}'"):
        call(**{**right, name: wrong})


@pytest.mark.parametrize(
    "change",
    [lambda images: images[0], lambda images: images[..., 1:], lambda images: images.double()],
    ids=["one image alone", "not square", "float64"],
)
def test_images_that_an_encoder_does_not_take(
    encoder: TransformersEncoder, change: Callable[[Tensor], Tensor]
) -> None:
    with pytest.raises(TypeCheckError, match="parameter 'images'"):
        encoder.encode(change(encoder_input("scene_a")))


def test_tokens_that_are_not_one_a_patch(
    encoder: TransformersEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = encoder_input("scene_a")
    assert encoder.encode(images).shape == (1, encoder.grid**2, encoder.width)
    monkeypatch.setattr(encoder, "_leading_tokens", 0)
    with pytest.raises(TypeCheckError, match="the return value"):
        encoder.encode(images)


@pytest.mark.parametrize(
    "method, name, right, wrong",
    [
        ("decode_best", "points", zeros(4, 2), zeros(4, 3)),
        ("decode_best", "points", zeros(4, 2), zeros(4, 2, dtype=torch.int64)),
        ("decode_best", "iou_threshold", 0.5, "0.5"),
        ("decode_boxes", "boxes", zeros(2, 4), zeros(4)),
    ],
)
def test_prompts_that_are_none(
    segmenter: TransformersSegmenter, method: str, name: str, right: Any, wrong: Any
) -> None:
    embedding = segmenter.embed(square_image("scene_a"))[0]
    fitting = {"points": zeros(4, 2), "iou_threshold": 0.5} if method == "decode_best" else {}
    call = getattr(segmenter, method)
    call(embedding, **{**fitting, name: right})
    with pytest.raises(TypeCheckError, match=f"parameter '{name}'"):
        call(embedding, **{**fitting, name: wrong})


def test_features_of_levels_that_do_not_belong_together(segmenter: TransformersSegmenter) -> None:
    features = segmenter.embed(square_image("scene_a"))[0]
    fine, middle = features.details
    replace(features, details=(fine, middle))
    for wrong in ((middle, fine), (fine,), (fine[..., 1:], middle), (fine.double(), middle)):
        with pytest.raises(TypeCheckError, match="parameter 'details'"):
            replace(features, details=wrong)


def test_an_encoder_is_no_segmenter(
    encoder: TransformersEncoder, segmenter: TransformersSegmenter
) -> None:
    Models("both", encoder, segmenter)
    with pytest.raises(TypeCheckError, match="parameter 'segmenter'"):
        Models("both", encoder, encoder)  # type: ignore[arg-type]
