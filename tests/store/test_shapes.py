"""Planted errors: what the annotations of the files' rooms keep out, and that files bear them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.proposals import Proposals, ProposalSetup
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.store import proposal_store
from fiftyone_ntt.store.bank_file import bank_bytes
from fiftyone_ntt.store.proposal_source import LoadedImage
from fiftyone_ntt.store.proposal_store import ProposalStore, Usage
from fiftyone_ntt.store.sealed import SealedFormat
from tests import shapes
from tests.core.toy_models import reference_rows, toy_bank, toy_proposals

pytestmark = pytest.mark.skipif(
    bool(os.environ.get(shapes.OFF)), reason=f"nothing is checked under {shapes.OFF}"
)


def bank() -> MemoryBank:
    return toy_bank(("a",), reference_rows([[1.0, 0.0]], [0]))


def proposals() -> Proposals:
    return toy_proposals(np.ones((1, 4, 5), bool), [0.5], [[1.0, 0.0]])


FORMAT = SealedFormat("thing", 1, "`thing`", "Make it again.")
SEALED = {"content": {"a": 1}, "arrays": {"rows": np.zeros(3)}}
PIXELS = {"content": np.zeros((4, 5, 3), np.uint8), "key": None}
MASKS = {
    "content": np.frombuffer(b"0d0", np.uint8),
    "lengths": np.array([3], np.int32),
    "size": (4, 5),
}


@pytest.mark.parametrize(
    "call, right, name, wrong",
    [
        (FORMAT.seal, SEALED, "arrays", {"rows": [0.0, 0.0]}),
        (FORMAT.seal, SEALED, "content", {1: "a"}),
        (LoadedImage, PIXELS, "content", np.zeros((4, 5), np.uint8)),
        (LoadedImage, PIXELS, "content", np.zeros((4, 5, 4), np.uint8)),
        (LoadedImage, PIXELS, "content", np.zeros((4, 5, 3), np.float32)),
        (proposal_store._masks, MASKS, "content", np.zeros((1, 3), np.uint8)),
        (proposal_store._masks, MASKS, "lengths", np.array([3])),
        (bank_bytes, {"bank": bank()}, "bank", bank().references),
        (Usage, {"images": 1, "bytes": 2}, "bytes", 2.5),
    ],
)
def test_a_wrong_argument_is_caught(
    call: Callable[..., Any], right: dict[str, Any], name: str, wrong: Any
) -> None:
    call(**right)
    with pytest.raises(TypeCheckError, match=f"parameter '{name}'"):
        call(**{**right, name: wrong})


@pytest.mark.parametrize(
    "name, wrong",
    [("setup", ProposalSettings()), ("image", 3), ("proposals", {"masks": []})],
)
def test_a_store_keeps_only_proposals(tmp_path: Path, name: str, wrong: Any) -> None:
    store = ProposalStore(tmp_path / "store")
    setup = ProposalSetup("encoder:1", "segmenter:1", ProposalSettings())
    right = {"setup": setup, "image": "ab" * 16, "proposals": proposals()}
    with pytest.raises(TypeCheckError, match=f"parameter '{name}'"):
        store.put(**{**right, name: wrong})
    assert store.setups() == []
    store.put(**right)
    assert store.setups() == [setup]
