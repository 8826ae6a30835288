"""The rearranged decoder against transformers' own, on random weights of several shapes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from fiftyone_ntt.models import mask_decoding
from fiftyone_ntt.models.segmenters import TransformersSegmenter
from tests.choosing import keep_best
from tests.models.conftest import random_model
from tests.models.plain_decoding import decode_points

POINTS = torch.rand(23, 2, generator=torch.Generator().manual_seed(1)) * 255


def random_segmenter(seed: int, **decoder: Any) -> TransformersSegmenter:
    return TransformersSegmenter(random_model(seed, decoder=decoder))


@pytest.mark.parametrize(
    ("seed", "decoder"),
    [
        (0, {}),
        (1, {"num_attention_heads": 2, "attention_downsample_rate": 1}),
        (2, {"num_hidden_layers": 3, "mlp_dim": 96}),
        (3, {"num_multimask_outputs": 2}),
    ],
)
def test_equals_choosing_among_all_outputs(seed: int, decoder: dict[str, Any]) -> None:
    segmenter = random_segmenter(seed, **decoder)
    embedding = segmenter.embed(torch.rand(1, 3, 256, 256))[0]
    logits, ious = decode_points(segmenter, embedding, POINTS)
    best = ious.max(dim=1).values.sort().values[3:-3]
    gap = int(best.diff().argmax())  # rounding must not move an IoU across the threshold
    threshold = float(best[gap : gap + 2].mean())
    rows, best_ious, best_logits = keep_best(logits, ious, threshold)
    assert 0 < len(rows) < len(POINTS)
    found = segmenter.decode_best(embedding, POINTS, threshold)
    torch.testing.assert_close(found[0], rows)
    torch.testing.assert_close(found[1], best_ious, atol=1e-6, rtol=1e-5)
    scale = float(best_logits.abs().max())
    torch.testing.assert_close(found[2], best_logits, atol=1e-5 * scale, rtol=1e-4)


@pytest.mark.parametrize("threshold", [2.0, -1.0])
def test_none_and_all_pass(threshold: float) -> None:
    segmenter = random_segmenter(4)
    embedding = segmenter.embed(torch.rand(1, 3, 256, 256))[0]
    rows, ious, logits = segmenter.decode_best(embedding, POINTS, threshold)
    expected = 0 if threshold > 1 else len(POINTS)
    assert (len(rows), len(ious), logits.shape) == (expected, expected, (expected, 64, 64))
    assert rows.tolist() == list(range(expected))


@pytest.mark.parametrize(("at_once", "tile"), [(1, 2**30), (5, 7), (100, 1)])
def test_decoding_in_parts_is_the_same(
    at_once: int, tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter = random_segmenter(5)
    image = torch.rand(1, 3, 256, 256)
    whole = segmenter.decode_best(segmenter.embed(image)[0], POINTS, -1.0)
    monkeypatch.setattr(mask_decoding, "_PROMPTS_TIMES_TOKENS", at_once * min(tile, 256))
    monkeypatch.setattr(mask_decoding, "_TILE_TOKENS", tile)
    parts = segmenter.decode_best(segmenter.embed(image)[0], POINTS, -1.0)
    torch.testing.assert_close(parts[0], whole[0])
    torch.testing.assert_close(parts[1], whole[1], atol=1e-6, rtol=1e-5)
    scale = float(whole[2].abs().max())
    torch.testing.assert_close(parts[2], whole[2], atol=1e-5 * scale, rtol=1e-4)
