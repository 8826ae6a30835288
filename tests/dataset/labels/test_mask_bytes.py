"""Masks as the database holds them."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest

from fiftyone_ntt.dataset.labels.mask_bytes import mask_bytes


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (1000, 1000), (99999, 1)])
def test_every_shape_of_mask_is_an_npy_file(shape: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).random(shape) > 0.5
    content = zlib.decompress(mask_bytes(mask))
    assert content.index(b"\n") % 64 == 63
    np.testing.assert_array_equal(np.load(io.BytesIO(content)), mask)
