from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from fiftyone_ntt.models import load_encoder, load_segmenter
from fiftyone_ntt.models.encoders import TransformersEncoder
from fiftyone_ntt.models.segmenters import TransformersSegmenter
from fiftyone_ntt.models.weights_identity import weights_identity
from tests.models.conftest import encoder_input, square_image


def layer(seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(5, 3)


def test_the_form_of_an_identity(
    encoder: TransformersEncoder, segmenter: TransformersSegmenter
) -> None:
    assert re.fullmatch(r"dinov2-96x3-p14-518:[0-9a-f]{12}", encoder.identity)
    assert re.fullmatch(r"sam2-1\.05M-256:[0-9a-f]{12}", segmenter.identity)


def test_equal_weights_have_equal_identities() -> None:
    assert weights_identity(layer(), "x", {"a": 1}) == weights_identity(layer(), "x", {"a": 1})


def test_the_number_format_on_the_way_does_not_matter() -> None:
    coarse = layer().half()
    as_half = weights_identity(coarse, "x", {})
    assert as_half == weights_identity(coarse.float(), "x", {})


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (layer(seed=1), {"a": 1}),
        (layer(), {"a": 2}),
        (nn.Linear(5, 3, bias=False), {"a": 1}),
        (nn.Sequential(layer(), nn.Embedding(0, 1)), {"a": 1}),
    ],
    ids=["weights", "settings", "tensors", "empty tensor"],
)
def test_any_difference_shows(model: nn.Module, settings: dict[str, int]) -> None:
    assert weights_identity(model, "x", settings) != weights_identity(layer(), "x", {"a": 1})


def test_one_changed_value_shows() -> None:
    changed = layer()
    changed.bias.data[0] = torch.nextafter(changed.bias.data[0], torch.tensor(9.0))
    assert weights_identity(changed, "x", {}) != weights_identity(layer(), "x", {})


def test_the_shape_shows() -> None:
    wide, tall = nn.Linear(6, 2, bias=False), nn.Linear(2, 6, bias=False)
    tall.weight.data = wide.weight.data.reshape(6, 2)
    assert weights_identity(wide, "x", {}) != weights_identity(tall, "x", {})


def test_an_encoder_from_a_folder_is_the_same(encoder: TransformersEncoder, tmp_path: Path) -> None:
    encoder.model.save_pretrained(tmp_path)
    again = load_encoder(tmp_path)
    assert again.identity == encoder.identity
    image = encoder_input("scene_a")
    assert torch.equal(again.encode(image), encoder.encode(image))


def test_a_segmenter_from_a_folder_is_the_same(
    segmenter: TransformersSegmenter, tmp_path: Path
) -> None:
    segmenter.model.save_pretrained(tmp_path)
    again = load_segmenter(tmp_path)
    assert again.identity == segmenter.identity
    points = torch.tensor([[20.0, 30.0], [128.0, 128.0]])
    results = [
        m.decode_best(m.embed(square_image("scene_b"))[0], points, 0.0) for m in (again, segmenter)
    ]
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_weights_from_a_file_lie_where_torch_puts_its_own(
    segmenter: TransformersSegmenter, encoder: TransformersEncoder, tmp_path: Path
) -> None:
    """Products of unaligned weights differ in the last bits on some processors."""
    for name, model in (("sam", segmenter.model), ("dino", encoder.model)):
        model.save_pretrained(tmp_path / name)
    loaded = load_segmenter(tmp_path / "sam").model, load_encoder(tmp_path / "dino").model

    odd = [name for m in loaded for name, p in m.named_parameters() if p.data_ptr() % 64]
    assert odd == []
