"""How much work one image takes, counted: unlike seconds, counts are the same on every machine.

A change that does more work fails here. If the work is worth it, raise the number, and say why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from fiftyone_ntt.core import logit_masks
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.matching import match
from fiftyone_ntt.core.pipeline import Matcher
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.proposals import Proposals, ProposalSetup
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
from fiftyone_ntt.demo.scenes import generate_scene
from fiftyone_ntt.models import mask_decoding
from fiftyone_ntt.models.image_encoding import ImageEncoder
from fiftyone_ntt.models.loading import load_models
from fiftyone_ntt.store.proposal_store import ProposalStore
from tests.core.toy_models import reference_rows, toy_bank

# Checks of shapes look at results, and so make masks that nobody else asked for.
pytestmark = pytest.mark.timed

SETTINGS = ProposalSettings(points_per_side=16)
GIGAFLOPS = 4.1
"""Products and attention of both networks and 256 prompts, but for products that are added in
place, which torch's counter does not see."""
BYTES_PER_PROPOSAL = 550
"""128 features of 2 bytes, box, IoU, prompt, the mask's runs, and its overlaps."""
BYTES_PER_IMAGE = 700
"""A file's own description."""


@cache
def measured() -> tuple[Counter[str], Proposals, float]:
    """Work counts of proposing on one demo scene, its proposals, and 10^9 operations."""
    models: Any = load_models("demo")
    counts: Counter[str] = Counter()

    def counted(name: str, function: Callable[..., Any], items: Callable[..., int]) -> Any:
        def counting(*arguments: Any, **options: Any) -> Any:
            counts[name] += items(*arguments)
            return function(*arguments, **options)

        return counting

    def one(*_: Any) -> int:
        return 1

    image = generate_scene(NOVEL_CLASSES, seed=1_000_000).image
    with pytest.MonkeyPatch.context() as patch, FlopCounterMode(display=False) as counter:
        sam, dino = models.segmenter.model, models.encoder.model
        for owner, attribute, name, items in (
            (mask_decoding, "_decode_part", "prompts", lambda *given: len(given[2])),
            (mask_decoding, "_masks", "upscaled", lambda *given: len(given[-1])),
            (ImageEncoder, "__call__", "segmenter", one),
            (sam.vision_encoder, "forward", "plain encoder", one),
            (sam.mask_decoder, "forward", "plain decoder", one),
            (dino, "forward", "encoder", one),
        ):
            patch.setattr(owner, attribute, counted(name, getattr(owner, attribute), items))
        found = propose(image, models.segmenter, models.encoder, SETTINGS)
    return counts, found, counter.get_total_flops() / 1e9


def bank_of(found: Proposals) -> MemoryBank:
    """Two opposite classes, as wide as the proposals' features."""
    width = found.features.shape[1]
    return toy_bank(("a", "b"), reference_rows([[1.0] * width, [-1.0] * width], [0, 1]))


def test_each_network_sees_an_image_once() -> None:
    counts, _, _ = measured()
    assert (counts["segmenter"], counts["encoder"]) == (1, 1)
    assert (counts["plain encoder"], counts["plain decoder"]) == (0, 0)


def test_each_prompt_is_decoded_once_and_only_proposals_are_upscaled() -> None:
    counts, found, _ = measured()
    assert counts["prompts"] == 256
    assert 10 < len(found) < 200
    assert counts["upscaled"] == len(found)


def test_operations_do_not_grow() -> None:
    operations = measured()[2]
    assert 0.9 * GIGAFLOPS < operations <= GIGAFLOPS  # a loose limit would notice nothing


def test_bytes_stored_do_not_grow(tmp_path: Path) -> None:
    found = measured()[1]
    store = ProposalStore(tmp_path)
    setup = ProposalSetup("encoder", "segmenter", SETTINGS)
    store.put(setup, "0" * 32, found)
    stored = sum(path.stat().st_size for path in tmp_path.glob("**/*.safetensors"))
    limit = BYTES_PER_IMAGE + BYTES_PER_PROPOSAL * len(found)
    assert 0.8 * limit < stored <= limit


def test_only_masks_that_are_left_after_suppression_are_encoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models: Any = load_models("demo")
    image = generate_scene(NOVEL_CLASSES, seed=1_000_000).image
    made = Counter[str]()
    encode = logit_masks.encode_crop

    def counting(*arguments: Any) -> Any:
        made["masks"] += 1
        return encode(*arguments)

    monkeypatch.setattr(logit_masks, "encode_crop", counting)
    found = propose(image, models.segmenter, models.encoder, SETTINGS)
    assert made["masks"] == 0
    match(found, bank_of(found))
    assert 0 < made["masks"] < 0.7 * len(found)


def test_matching_runs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured()[1]
    bank = bank_of(found)
    matcher = Matcher(bank, ProposalSetup(bank.encoder, "segmenter", SETTINGS))

    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("a network ran")

    monkeypatch.setattr(torch.nn.Module, "__call__", forbidden)
    assert len(matcher(found)) > 0
