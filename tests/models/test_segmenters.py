from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from fiftyone_ntt.core.interfaces import Segmenter
from fiftyone_ntt.models import load_segmenter
from fiftyone_ntt.models.preprocessing import normalise
from fiftyone_ntt.models.segmenters import TransformersSegmenter
from tests.models.conftest import GOLDEN, square_image
from tests.models.plain_decoding import decode_points

SCENES = ("scene_a", "scene_b", "scene_c", "scene_d")
BOXES = torch.tensor([[10.0, 20.0, 200.0, 180.0], [50.0, 60.0, 90.0, 100.0], [0.0, 0.0, 5.0, 5.0]])


def golden(folder: str, scene: str) -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / folder / f"target_{scene}.npz"))


def samples(tensor: Tensor) -> np.ndarray:
    """257 values at the golden files' flat indices."""
    flat = tensor.reshape(-1).numpy()
    return flat[(np.arange(257) * 7919) % flat.size]


def decode(
    segmenter: TransformersSegmenter, scene: str, points: np.ndarray
) -> tuple[Tensor, Tensor]:
    embedding = segmenter.embed(square_image(scene))[0]
    return decode_points(segmenter, embedding, torch.from_numpy(points))


def test_attributes(segmenter: TransformersSegmenter) -> None:
    assert isinstance(segmenter, Segmenter)
    assert (segmenter.side, segmenter.mask_side) == (256, 64)
    assert segmenter.device == torch.device("cpu")
    assert not segmenter.model.training


@pytest.mark.parametrize("scene", SCENES)
def test_embedding_equals_the_published_code(segmenter: TransformersSegmenter, scene: str) -> None:
    expected = golden("tiny256", scene)
    features = segmenter.embed(square_image(scene))[0]
    np.testing.assert_allclose(features.embedding[0].numpy(), expected["sam_embed"], atol=2e-5)
    for level, key in zip(features.details, ("sam_s0_samples", "sam_s1_samples"), strict=True):
        np.testing.assert_allclose(samples(level), expected[key], atol=2e-5)


@pytest.mark.parametrize("file", ["sam2_tiny", "sam2_tiny_tok"])
@pytest.mark.parametrize("scene", ["scene_a", "scene_c"])
def test_ious_equal_the_published_code(file: str, scene: str) -> None:
    expected = golden("tiny256" if file == "sam2_tiny" else "tok256", scene)
    some = slice(0, None, 9)
    _, ious = decode(load_segmenter(GOLDEN / f"{file}.pt"), scene, expected["query_points"][some])
    np.testing.assert_allclose(ious.numpy(), expected["ious4"][some, 1:], atol=5e-6)
    assert (ious.argmax(1).numpy() == expected["best_token"][some] - 1).all()


@pytest.mark.parametrize("scene", SCENES)
def test_masks_equal_the_published_code(segmenter: TransformersSegmenter, scene: str) -> None:
    expected = golden("tiny256", scene)
    kept = expected["keep_iou"][:32]
    logits, _ = decode(segmenter, scene, expected["query_points"][kept])
    tokens = torch.from_numpy(expected["best_token"][kept]).long()  # 1 to 3
    best = logits[torch.arange(len(kept)), tokens - 1]
    np.testing.assert_allclose(best[:8].numpy(), expected["lr_logit_first8"], atol=2e-4)
    inside = np.unpackbits(expected["lr_masks_packed"][:32], axis=1).reshape(best.shape)
    assert ((best > 0).numpy() != inside).sum() == 0


def test_images_of_a_batch_are_embedded_apart(segmenter: TransformersSegmenter) -> None:
    images = torch.cat([square_image("scene_a"), square_image("scene_b")])
    for features, image in zip(segmenter.embed(images), images, strict=True):
        alone = segmenter.embed(image[None])[0]
        torch.testing.assert_close(features.embedding, alone.embedding, atol=2e-5, rtol=0)
        for level, level_alone in zip(features.details, alone.details, strict=True):
            torch.testing.assert_close(level, level_alone, atol=2e-5, rtol=0)


@pytest.mark.parametrize("count", [1, 5])
def test_the_batch_of_points_does_not_matter(segmenter: TransformersSegmenter, count: int) -> None:
    points = np.random.default_rng(0).uniform(0, 255, (5, 2)).astype(np.float32)
    logits, ious = decode(segmenter, "scene_a", points)
    part_logits, part_ious = decode(segmenter, "scene_a", points[:count])
    torch.testing.assert_close(part_logits, logits[:count], atol=2e-4, rtol=0)
    torch.testing.assert_close(part_ious, ious[:count], atol=5e-6, rtol=0)


def test_no_prompts_give_no_masks(segmenter: TransformersSegmenter) -> None:
    embedding = segmenter.embed(square_image("scene_a"))[0]
    logits, ious = segmenter.decode_boxes(embedding, torch.zeros(0, 4))
    assert (logits.shape, ious.shape) == ((0, 64, 64), (0,))


@pytest.mark.parametrize("add", [False, True])
def test_box_masks_equal_the_whole_models(add: bool) -> None:
    segmenter = load_segmenter(GOLDEN / "sam2_tiny.pt", add_no_memory_embedding=add)
    image = square_image("scene_a")
    logits, ious = segmenter.decode_boxes(segmenter.embed(image)[0], BOXES)
    if not add:  # transformers' own forward always adds it
        segmenter.model.no_memory_embedding.data.zero_()
    with torch.no_grad():
        pixels = normalise(image, 256, segmenter.device)
        whole = segmenter.model(pixels, input_boxes=BOXES[None], multimask_output=False)
    torch.testing.assert_close(logits, whole.pred_masks[0, :, 0], atol=2e-4, rtol=0)
    torch.testing.assert_close(ious, whole.iou_scores[0, :, 0], atol=5e-6, rtol=0)


def test_the_no_memory_embedding_is_an_option_and_shows() -> None:
    without, added = (
        load_segmenter(GOLDEN / "sam2_tiny.pt", add_no_memory_embedding=add)
        for add in (False, True)
    )
    image = square_image("scene_a")
    shift = added.embed(image)[0].embedding - without.embed(image)[0].embedding
    expected = added.model.no_memory_embedding.view(1, -1, 1, 1).expand_as(shift)
    torch.testing.assert_close(shift, expected, atol=1e-5, rtol=0)
    assert without.identity != added.identity
    assert "-nomem:" in added.identity


def test_images_of_another_size_are_refused(
    segmenter: TransformersSegmenter, unchecked: None
) -> None:
    with pytest.raises(ValueError, match=r"takes \[B, 3, 256, 256\]"):
        segmenter.embed(torch.zeros(1, 3, 128, 128))
