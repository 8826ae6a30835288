"""From references to a bank, against the method's formulas written out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from fiftyone_ntt.core.prototypes import build_bank, with_negatives
from fiftyone_ntt.core.windows import Box, Reference, window_input
from fiftyone_ntt.errors import InputError, ModelError
from tests.core.toy_models import BlindSegmenter, ToyEncoder, ToySegmenter, scene

ENCODER = ToyEncoder()


def reference(seed: int, box: Box = (10, 8, 30, 20), *, masked: bool = True) -> Reference:
    image = scene(seed)
    mask = np.zeros(image.shape[:2], bool)
    x, y, width, height = map(int, box)
    mask[y : y + height, x : x + width] = True
    mask &= np.random.default_rng(seed).random(mask.shape) < 0.6  # so weights are fractions
    return Reference(f"ref-{seed}", image, box, mask if masked else None)


def tokens_and_weights(item: Reference) -> tuple[torch.Tensor, torch.Tensor]:
    window = window_input(item, ENCODER.side, ENCODER.grid)
    return ENCODER.encode(window.image[None])[0].double(), window.weights.flatten().double()


def test_prototypes_with_different_numbers_of_references() -> None:
    groups = {"one": [reference(1)], "three": [reference(seed) for seed in (2, 3, 4)]}
    bank = build_bank(groups, ENCODER)
    assert bank.classes == ("one", "three")
    assert bank.references.ids == ("ref-1", "ref-2", "ref-3", "ref-4")
    assert bank.versions["numpy"] == np.__version__
    assert set(bank.versions) == {"fiftyone-ntt", "numpy", "torch", "transformers"}
    assert bank.references.classes.tolist() == [0, 1, 1, 1]
    assert bank.class_counts() == {"one": 1, "three": 3}
    for index, group in enumerate(groups.values()):
        parts = [tokens_and_weights(item) for item in group]
        means = [(weights[:, None] * tokens).sum(0) / weights.sum() for tokens, weights in parts]
        expected = torch.stack(means).mean(0)
        np.testing.assert_allclose(bank.prototypes[index], expected / expected.norm(), atol=1e-6)
        total = sum((weights[:, None] * tokens).sum(0) for tokens, weights in parts)
        overall = total / sum(weights.sum() for _, weights in parts)
        np.testing.assert_allclose(
            bank.foreground_prototypes[index], overall / overall.norm(), atol=1e-6
        )


def test_leave_one_out_against_its_definition() -> None:
    group = [reference(seed) for seed in (2, 3, 4)]
    bank = build_bank({"single": [reference(1)], "three": group}, ENCODER)
    assert np.isnan(bank.leave_one_out[0])
    parts = [tokens_and_weights(item) for item in group]
    patches = [tokens[weights > 0] for tokens, weights in parts]
    for index in range(3):
        rest = torch.cat(patches[:index] + patches[index + 1 :]).mean(0)
        cosine = torch.cosine_similarity(patches[index].mean(0), rest, dim=0)
        assert bank.leave_one_out[1 + index] == pytest.approx((cosine.item() + 1) / 2, abs=1e-6)


def test_equal_references_agree_fully_and_no_more() -> None:
    bank = build_bank({"a": [reference(1)] * 5}, ENCODER)
    np.testing.assert_allclose(bank.leave_one_out, 1, atol=1e-6)
    assert bank.leave_one_out.max() <= 1


def speck() -> Reference:
    image = scene(5)
    mask = np.zeros(image.shape[:2], bool)
    mask[19, 33] = True
    return Reference("speck", image, (0.0, 0.0, 60.0, 40.0), mask)


def test_a_tiny_reference_has_a_prototype_and_a_note() -> None:
    bank = build_bank({"a": [speck(), reference(1)]}, ENCODER)
    assert np.isfinite(bank.prototypes).all()
    assert len(bank.notes) == 1
    assert "speck" in bank.notes[0]


def test_references_are_read_lazily_and_once() -> None:
    read = []

    def lazily() -> Iterator[Reference]:
        for seed in (1, 2):
            read.append(seed)
            yield reference(seed)

    bank = build_bank({"a": lazily()}, ENCODER)
    assert read == [1, 2]
    assert len(bank.references) == 2


def test_a_box_becomes_a_mask_by_the_segmenter() -> None:
    segmenter = ToySegmenter()
    boxed = build_bank({"a": [reference(1, masked=False)]}, ENCODER, segmenter)
    assert segmenter.batches == [1]
    assert np.isfinite(boxed.prototypes).all()


def test_a_box_without_an_object_is_its_own_mask() -> None:
    box = (10.0, 8.0, 30.0, 20.0)
    image = scene(1)
    mask = np.zeros(image.shape[:2], bool)
    mask[8:28, 10:40] = True
    drawn = build_bank({"a": [Reference("r", image, box, mask)]}, ENCODER)
    blind = build_bank({"a": [Reference("r", image, box, None)]}, ENCODER, BlindSegmenter())
    np.testing.assert_array_equal(blind.prototypes, drawn.prototypes)


def test_negatives_are_kept_per_class() -> None:
    groups = {"a": [reference(1)], "b": [reference(2)]}
    negatives = {"b": [reference(3), reference(4)]}
    bank = build_bank(groups, ENCODER, negatives=negatives)
    assert bank.negatives.classes.tolist() == [1, 1]
    later = with_negatives(build_bank(groups, ENCODER), negatives, ENCODER)
    np.testing.assert_array_equal(later.negatives.prototypes, bank.negatives.prototypes)
    assert len(with_negatives(bank, {}, ENCODER).negatives) == len(bank.negatives)


def test_the_notes_of_removed_negatives_go_with_them() -> None:
    bank = build_bank({"a": [reference(1)]}, ENCODER, negatives={"a": [speck()]})
    assert len(bank.notes) == 1
    assert bank.without_negatives().notes == ()
    assert with_negatives(bank, {"a": [reference(2)]}, ENCODER).notes == bank.notes
    assert with_negatives(bank.without_negatives(), {"a": [speck()]}, ENCODER).notes == bank.notes


def test_negatives_of_another_encoder_are_refused() -> None:
    bank = build_bank({"a": [reference(1)]}, ENCODER)
    with pytest.raises(ModelError, match="toy-encoder:1, not with other:2"):
        with_negatives(bank, {"a": [reference(2)]}, ToyEncoder("other:2"))


def test_what_cannot_be_built_says_why() -> None:
    with pytest.raises(InputError, match="no references to build"):
        build_bank({}, ENCODER)
    with pytest.raises(InputError, match="class 'a' has no reference"):
        build_bank({"a": []}, ENCODER)
    with pytest.raises(InputError, match="ref-1 is a box without a mask"):
        build_bank({"a": [reference(1, masked=False)]}, ENCODER)
    with pytest.raises(InputError, match=r"unknown classes: c.*classes: a"):
        build_bank({"a": [reference(1)]}, ENCODER, negatives={"c": [reference(2)]})
