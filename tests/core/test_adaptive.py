"""Which points adaptive mode prompts, counted, and that its proposals are the method's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from fiftyone_ntt.core.adaptive import Needs, on_level, point_similarity, propose_adaptively
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.class_scores import class_similarity
from fiftyone_ntt.core.geometry import point_grid
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.proposals import Proposals
from fiftyone_ntt.core.settings import AdaptiveSettings, MatchSettings, ProposalSettings
from tests.core.toy_models import (
    BlindSegmenter,
    ToyEncoder,
    ToySegmenter,
    reference_rows,
    scene,
    toy_bank,
)
from tests.dataset.colour_models import SIDE, ColourEncoder, ColourSegmenter
from tests.dataset.scenes import BACKGROUND, COLOURS

CERTAIN = AdaptiveSettings(min_gain=0.3)
"""Grey, the colour scenes' background, resembles each of their colours by less than that."""


class CountingSegmenter(ColourSegmenter):
    """Remembers its prompts, how many it was given at once, and how many images."""

    def __init__(self) -> None:
        super().__init__()
        self.points = torch.zeros(0, 2)
        self.batches: list[int] = []
        self.embedded = 0

    def embed(self, images: Tensor) -> list[Any]:
        self.embedded += len(images)
        return super().embed(images)

    def decode_points(self, embedding: Any, points: Tensor) -> tuple[Tensor, Tensor]:
        self.batches.append(len(points))
        self.points = torch.cat([self.points, points])
        return super().decode_points(embedding, points)


def colour_token(colour: Sequence[int]) -> list[float]:
    """The colour encoder's token of a patch of one colour."""
    return [*(value / 255 - 0.5 for value in colour), 0.1]


def colour_bank(*names: str, negatives: Sequence[str] = ()) -> MemoryBank:
    """One reference per colour, and negatives of the first one."""
    rows = reference_rows([colour_token(COLOURS[name]) for name in names], list(range(len(names))))
    against = [colour_token(COLOURS[name]) for name in negatives]
    return toy_bank(names, rows, reference_rows(against, [0] * len(against)) if against else None)


def picture(*objects: tuple[str, int, int, int, int]) -> NDArray[np.uint8]:
    """Rectangles, name, x, y, width and height, on grey."""
    image = np.full((SIDE, SIDE, 3), BACKGROUND, np.uint8)
    for name, x, y, width, height in objects:
        image[y : y + height, x : x + width] = COLOURS[name]
    return image


def search(
    image: NDArray[np.uint8],
    bank: MemoryBank,
    segmenter: ColourSegmenter | None = None,
    adaptive: AdaptiveSettings = CERTAIN,
    **settings: Any,
) -> Proposals:
    return propose_adaptively(
        image,
        segmenter or ColourSegmenter(),
        ColourEncoder(),
        bank,
        settings=ProposalSettings(**settings),
        adaptive=adaptive,
    )


def assert_rows(found: Proposals, exact: Proposals) -> None:
    """`found` are some of `exact`, in their order."""
    rows = np.flatnonzero(np.isin(exact.prompts, found.prompts))
    np.testing.assert_array_equal(found.prompts, exact.prompts[rows])
    np.testing.assert_array_equal(found.ious, exact.ious[rows])
    np.testing.assert_array_equal(found.boxes, exact.boxes[rows])
    np.testing.assert_allclose(found.features, exact.features[rows], atol=1e-6)
    assert found.masks[:] == [exact.masks[row] for row in rows.tolist()]
    assert found.image_size == exact.image_size


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("per_side, batch", [(32, 64), (7, 5), (3, 1), (2, 64), (1, 64)])
def test_proposals_are_some_of_the_methods(seed: int, per_side: int, batch: int) -> None:
    image, encoder, segmenter = scene(seed), ToyEncoder(), ToySegmenter()
    tokens = encoder.encode(torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    bank = toy_bank(("a", "b"), reference_rows(tokens[0, :2].tolist(), [0, 1]))
    settings = ProposalSettings(per_side, 0.3, batch)
    found = propose_adaptively(image, segmenter, encoder, bank, settings=settings)
    assert_rows(found, propose(image, ToySegmenter(), encoder, settings))
    assert sum(segmenter.batches) <= per_side**2
    assert max(segmenter.batches, default=0) <= batch
    again = propose_adaptively(image, ToySegmenter(), encoder, bank, settings=settings)
    np.testing.assert_array_equal(again.features, found.features)
    assert again.masks[:] == found.masks[:]


def test_an_object_is_prompted_until_it_has_its_mask() -> None:
    segmenter = CountingSegmenter()
    image = picture(("red", 8, 8, 20, 20), ("blue", 36, 30, 16, 24))
    found = search(image, colour_bank("red", "blue"), segmenter)
    # The first round's points lie 6 pixels apart: 9 in the red object, 12 in the blue one, a few
    # more where their borders' patches reach. After it both have their masks.
    assert 21 <= segmenter.batches[0] <= 33
    second = segmenter.points[segmenter.batches[0] :].long()
    assert (image[second[:, 1], second[:, 0]] == BACKGROUND).all()
    assert len(second) <= 64
    assert len(set(map(str, found.masks))) == 2


def test_nothing_like_the_bank_costs_no_prompt_and_no_embedding() -> None:
    segmenter = CountingSegmenter()
    found = search(picture(("blue", 8, 8, 20, 20)), colour_bank("red"), segmenter)
    assert (segmenter.batches, segmenter.embedded) == ([], 0)
    assert (len(found), found.features.shape, found.boxes.shape) == (0, (0, 4), (0, 4))
    assert found.image_size == (SIDE, SIDE)


def test_objects_between_the_coarse_points_are_found() -> None:
    # Points lie 2 pixels apart, those of the first round 6.
    small = [("red", 4 + 8 * i, 4 + 8 * j, 5, 5) for i in range(7) for j in range(7)]
    segmenter = CountingSegmenter()
    found = search(picture(*small), colour_bank("red"), segmenter)
    assert len(set(map(str, found.masks))) == len(small)
    assert sum(segmenter.batches) > 3 * len(small)


def test_a_single_round_finds_only_what_its_points_hit() -> None:
    image = picture(("red", 8, 8, 5, 5))
    coarse = AdaptiveSettings(strides=(8,), min_gain=0.3)
    assert len(search(image, colour_bank("red"), adaptive=coarse)) == 0
    assert len(search(image, colour_bank("red"))) > 0


def test_objects_of_other_classes_are_left_out() -> None:
    image = picture(("red", 8, 8, 20, 20), ("blue", 36, 30, 16, 24))
    both, red = search(image, colour_bank("red", "blue")), search(image, colour_bank("red"))
    assert 0 < len(red) < len(both)
    assert len(set(map(str, red.masks))) == 1


def test_negatives_keep_a_look_alike_from_being_prompted() -> None:
    # Green and blue are alike to a reference between them; blue is a negative.
    between = reference_rows([colour_token((40, 150, 150))], [0])
    negative = reference_rows([colour_token(COLOURS["blue"])], [0])
    image = picture(("blue", 8, 8, 20, 20))
    # With a temperature this low a better matching negative leaves nothing of the similarity.
    cold = MatchSettings(negative_temperature=0.01)

    def prompts(bank: MemoryBank) -> int:
        segmenter = CountingSegmenter()
        models = (segmenter, ColourEncoder())
        propose_adaptively(image, *models, bank, adaptive=CERTAIN, matching=cold)
        return sum(segmenter.batches)

    assert prompts(toy_bank(("a",), between)) > 0
    assert prompts(toy_bank(("a",), between, negative)) == 0


def test_a_blind_segmenter_is_asked_everywhere_alike_and_finds_nothing() -> None:
    image, encoder, segmenter = scene(0), ToyEncoder(), BlindSegmenter()
    tokens = encoder.encode(torch.full((1, 3, 32, 32), 0.08))
    bank = toy_bank(("dark",), reference_rows(tokens[0, :1].tolist(), [0]))
    found = propose_adaptively(image, segmenter, encoder, bank)
    assert len(found) == 0 and found.features.shape == (0, 6)
    assert 121 < sum(segmenter.batches) <= 1024


def test_the_pipeline_takes_its_settings_along() -> None:
    bank = colour_bank("red")
    pixels = picture(("red", 8, 8, 20, 20))

    def prompts(**options: Any) -> int:
        segmenter = CountingSegmenter()
        encoder = ColourEncoder(bank.encoder)
        match = Pipeline(bank, encoder, segmenter, **options)(pixels)  # type: ignore[arg-type]
        assert len(match) == 1
        return sum(segmenter.batches)

    adaptive = {"mode": "adaptive", "adaptive_settings": CERTAIN}
    assert prompts() == 1024
    assert prompts(**adaptive) < 100
    coarser = ProposalSettings(points_per_side=8)
    assert prompts(**adaptive, proposal_settings=coarser) <= 16
    only_first = AdaptiveSettings(strides=(8,), min_gain=0.3)
    assert prompts(mode="adaptive", adaptive_settings=only_first) <= 4


def test_a_mask_explains_its_own_class_alone() -> None:
    needs = Needs.of(np.array([[0.8, 0.1], [0.2, 0.7], [0.6, 0.5]], np.float32))
    assert needs.classes.tolist() == [0, 1, 0]
    np.testing.assert_allclose(needs.gain(), [0.8, 0.7, 0.6])
    needs.explain(np.array([[True, True, False]]), np.array([[0.9, 0.3]], np.float32))
    np.testing.assert_allclose(needs.gain(), [-0.1, 0.4, 0.6], atol=1e-6)
    needs.explain(np.array([[False, True, False]]), np.array([[0.9, 0.2]], np.float32))
    np.testing.assert_allclose(needs.gain(), [-0.1, 0.4, 0.6], atol=1e-6)
    needs.explain(np.zeros((0, 3), bool), np.zeros((0, 2), np.float32))
    needs.asked[2] = True
    np.testing.assert_allclose(needs.gain(), [-0.1, 0.4, 0], atol=1e-6)


def test_similarity_lies_where_the_patch_lies() -> None:
    image = picture(("red", 40, 8, 16, 8))
    tokens = ColourEncoder().encode(torch.from_numpy(image).permute(2, 0, 1)[None] / 255)[0]
    bank = colour_bank("red", "green")
    points = point_grid(16, SIDE) / SIDE
    found = point_similarity(tokens, points, bank)
    assert found.shape == (256, 2)
    strong = points[torch.from_numpy(found[:, 0] > 0.9)] * SIDE
    assert strong[:, 0].min() >= 40 and strong[:, 0].max() <= 56
    assert strong[:, 1].min() >= 8 and strong[:, 1].max() <= 16
    assert len(strong) >= 3
    # At a patch's centre nothing is interpolated.
    units = (tokens / tokens.norm(dim=1, keepdim=True)).numpy()
    centre = torch.tensor([[46 / SIDE, 10 / SIDE]])
    expected = class_similarity(units, bank)[2 * 16 + 11]
    np.testing.assert_allclose(point_similarity(tokens, centre, bank)[0], expected, atol=1e-6)


@pytest.mark.parametrize("per_side", [1, 2, 3, 4, 7, 32])
@pytest.mark.parametrize("stride", [1, 2, 3, 4, 8])
def test_a_level_is_an_even_subset_of_the_grid(stride: int, per_side: int) -> None:
    level = on_level(stride, per_side).reshape(per_side, per_side)
    rows = np.flatnonzero(level.any(axis=1))
    np.testing.assert_array_equal(level, np.outer(level.any(axis=1), level.any(axis=0)))
    assert set(np.diff(rows)) <= {stride}
    assert len(rows) in (per_side // stride, -(-per_side // stride))
    assert stride > 1 or level.all()
