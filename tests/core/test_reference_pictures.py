"""What is shown of a reference: components, clusters and colours, also of too few patches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.prototypes import build_bank, encode_reference
from fiftyone_ntt.core.reference_pictures import (
    ReferencePicture,
    component_colours,
    picture_reference,
    spread,
)
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.core.windows import Reference
from tests.core.toy_models import ToyEncoder, ToySegmenter, scene

ENCODER = ToyEncoder()


def reference(seed: int, side: int = 20, name: str | None = None) -> Reference:
    image = scene(seed)
    mask = np.zeros(image.shape[:2], bool)
    mask[10 : 10 + side, 15 : 15 + side] = True
    return Reference(name or f"r{seed}", image, (15, 10, side, side), mask)


def pictured(*references: Reference) -> tuple[MemoryBank, list[ReferencePicture]]:
    bank = build_bank({"a": references}, ENCODER)
    encoded = [encode_reference(one, ENCODER, None) for one in references]
    return bank, [picture_reference(one, bank, 0) for one in encoded]


def test_patches_are_described_by_their_class_s_statistics() -> None:
    bank, (picture, _) = pictured(reference(0), reference(1))
    encoded = encode_reference(reference(0), ENCODER, None)
    weights = encoded.window.weights.numpy()
    np.testing.assert_array_equal(picture.foreground, weights > 0)
    assert 0 < picture.foreground.sum() < picture.foreground.size
    assert picture.window == (13, 8, 37, 32) == encoded.window.window
    np.testing.assert_array_equal(decode_mask(picture.mask), encoded.reference.mask)
    tokens = encoded.tokens.reshape(8, 8, -1)[picture.foreground]
    expected = (tokens - bank.statistics.pca_mean[0]) @ bank.statistics.pca_components[0].T
    np.testing.assert_allclose(picture.components[picture.foreground], expected, atol=1e-5)
    units = tokens / np.linalg.norm(tokens, axis=1, keepdims=True)
    nearest = (units @ bank.statistics.centres[0].T).argmax(axis=1) + 1
    np.testing.assert_array_equal(picture.clusters[picture.foreground], nearest)
    assert not picture.components[~picture.foreground].any()
    assert not picture.clusters[~picture.foreground].any()


def test_the_thumbnail_is_the_window() -> None:
    _, (picture,) = pictured(reference(3))
    assert picture.thumbnail.shape == (224, 224, 3)
    left, top, right, bottom = picture.window
    window = reference(3).image[top:bottom, left:right]
    np.testing.assert_allclose(picture.thumbnail.mean(), window.mean(), atol=2)


@pytest.mark.parametrize("side", [1, 2, 3])
def test_too_few_patches_crash_nothing(side: int) -> None:
    bank, (picture,) = pictured(reference(0, side))
    patches = int(picture.foreground.sum())
    assert bank.references.patch_counts.tolist() == [patches]
    assert np.isfinite(picture.components).all()
    used = set(picture.clusters[picture.foreground].tolist())
    assert used <= set(range(1, min(patches, 4) + 1)) and used
    (colours,) = component_colours([picture])
    assert colours[picture.foreground].all() and not colours[~picture.foreground].any()


def test_a_single_patch_is_gray() -> None:
    image = np.full((64, 64, 3), 90, np.uint8)
    mask = np.zeros((64, 64), bool)
    mask[30, 30] = True
    _, (picture,) = pictured(Reference("dot", image, (0, 0, 64, 64), mask))
    assert picture.foreground.sum() == 1
    (colours,) = component_colours([picture])
    assert colours[picture.foreground].tolist() == [[128, 128, 128]]


def test_colours_mean_the_same_in_all_references() -> None:
    _, pictures = pictured(*(reference(seed) for seed in range(4)))
    together = component_colours(pictures)
    patches = np.concatenate([one.components[one.foreground] for one in pictures])
    colours = np.concatenate(
        [found[one.foreground] for found, one in zip(together, pictures, strict=True)]
    )
    for channel in range(3):
        order = patches[:, channel].argsort(kind="stable")
        assert (np.diff(colours[order, channel].astype(int)) >= 0).all()
        assert colours[:, channel].min() == 1 and colours[:, channel].max() == 255


def test_no_pictures_have_no_colours() -> None:
    assert component_colours([]) == []


def test_a_box_is_pictured_with_the_mask_made_of_it() -> None:
    boxed = Reference("box", scene(0), (15, 10, 20, 20), None)
    bank = build_bank({"a": [boxed]}, ENCODER, ToySegmenter())  # type: ignore[arg-type]
    encoded = encode_reference(boxed, ENCODER, ToySegmenter())  # type: ignore[arg-type]
    picture = picture_reference(encoded, bank, 0)
    assert decode_mask(picture.mask).sum() > 0


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((2, 2), [[1, 2], [3, 4]]),
        ((4, 4), [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]),
        ((1, 3), [[1, 1, 2]]),
        ((1, 1), [[1]]),
    ],
)
def test_patches_become_blocks(size: Any, expected: list) -> None:
    grid = np.array([[1, 2], [3, 4]])
    assert spread(grid, size).tolist() == expected
    coloured = spread(np.stack([grid] * 3, axis=2), size)
    assert coloured[..., 1].tolist() == expected
