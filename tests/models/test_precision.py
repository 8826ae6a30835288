"""bfloat16: close to float32, and never taken for it."""

from __future__ import annotations

import pytest
import torch

from fiftyone_ntt.dataset.work.model_resolution import model_specs
from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models import load_models
from fiftyone_ntt.models.precision import resolve_precision

CPU = torch.device("cpu")


@pytest.fixture
def any_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Emulated where the processor has no bfloat16: slow, but the same values."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)


@pytest.mark.usefixtures("any_processor")
def test_bfloat16_is_close_to_float32() -> None:
    plain, rounded = load_models("demo"), load_models("demo", precision="bfloat16")
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, plain.encoder.side, plain.encoder.side, generator=generator)
    tokens, other = plain.encoder.encode(image)[0], rounded.encoder.encode(image)[0]
    assert other.dtype == torch.float32
    cosines = torch.nn.functional.cosine_similarity(tokens, other)
    assert cosines.min() > 0.999 and cosines.max() < 0.9999999 + 1e-6
    side = plain.segmenter.side
    image = torch.rand(1, 3, side, side, generator=generator)
    points = torch.rand(20, 2, generator=generator) * side
    boxes = torch.tensor([[10.0, 10.0, 90.0, 120.0]])
    for models in (plain, rounded):
        assert models.segmenter.embed(image)[0].embedding.dtype == torch.float32
    first, second = (m.segmenter.decode_best(m.segmenter.embed(image)[0], points, -1.0)
                     for m in (plain, rounded))  # fmt: skip
    assert [value.dtype for value in second] == [torch.int64, torch.float32, torch.float32]
    assert (first[1] - second[1]).abs().max() < 0.05
    agreement = ((first[2] > 0) == (second[2] > 0)).float().mean()
    assert agreement > 0.97
    logits, _ = rounded.segmenter.decode_boxes(rounded.segmenter.embed(image)[0], boxes)
    assert logits.dtype == torch.float32


@pytest.mark.usefixtures("any_processor")
def test_identities_and_specs_tell_the_precision() -> None:
    plain, rounded = load_models("demo"), load_models("demo", precision="bfloat16")
    assert rounded.encoder.identity == f"{plain.encoder.identity}-bfloat16"
    assert rounded.segmenter.identity == f"{plain.segmenter.identity}-bfloat16"
    assert "precision" not in model_specs(plain)
    assert model_specs(rounded)["precision"] == rounded.precision == "bfloat16"


def test_a_processor_without_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    with pytest.raises(ModelError, match="no bfloat16 instructions"):
        load_models("demo", precision="bfloat16")
    assert resolve_precision("float32", CPU) == "float32"


def test_an_unknown_precision_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match="'float32', 'bfloat16'"):
        load_models("demo", precision="float16")
