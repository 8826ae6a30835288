"""Running out of memory costs speed, not results."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch

from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models import mask_decoding
from fiftyone_ntt.models.batching import fitting, in_batches
from fiftyone_ntt.models.loading import load_segmenter


def test_batches_shrink_and_every_item_is_worked_on_once(caplog: pytest.LogCaptureFixture) -> None:
    tried = []

    def work(start: int, stop: int) -> list[int]:
        tried.append(stop - start)
        if stop - start > 3:
            raise torch.OutOfMemoryError("full")
        return list(range(start, stop))

    with caplog.at_level(logging.WARNING):
        parts = in_batches(11, 14, work, "things")
    assert [item for part in parts for item in part] == list(range(11))
    assert tried == [11, 5, 2, 2, 2, 2, 2, 1]
    assert "going on with 2 things at once" in caplog.text


def test_one_item_too_many_says_what_to_do() -> None:
    def work(start: int, stop: int) -> None:
        raise torch.OutOfMemoryError("full")

    with pytest.raises(ModelError, match=r"one of the things: full Free memory.*smaller models"):
        in_batches(2, 1, work, "things")


def test_other_errors_pass() -> None:
    def work(start: int, stop: int) -> None:
        raise RuntimeError("else")

    with pytest.raises(RuntimeError, match="else"):
        in_batches(2, 1, work, "things")


def test_what_fits_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 4000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 300)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 200)
    assert fitting(torch.device("cuda"), 100) == 8
    assert fitting(torch.device("cuda"), 10**6) == 1


def test_decoding_goes_on_with_fewer_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter = load_segmenter("demo")
    side = segmenter.side
    generator = torch.Generator().manual_seed(0)
    embedding = segmenter.embed(torch.rand(1, 3, side, side, generator=generator))[0]
    points = torch.rand(9, 2, generator=generator) * side
    expected = segmenter.decode_best(embedding, points, -1.0)
    decode_part = mask_decoding._decode_part

    def scarce(decoder: Any, image: Any, prompts: torch.Tensor, threshold: float) -> Any:
        if len(prompts) > 1:
            raise torch.OutOfMemoryError("full")
        return decode_part(decoder, image, prompts, threshold)

    monkeypatch.setattr(mask_decoding, "_decode_part", scarce)
    found = segmenter.decode_best(embedding, points, -1.0)
    assert found[0].tolist() == expected[0].tolist() == list(range(9))
    torch.testing.assert_close(found[1:], expected[1:], atol=1e-3, rtol=1e-4)
