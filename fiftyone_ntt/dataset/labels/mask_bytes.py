"""A mask as the database holds it."""

from __future__ import annotations

import zlib

import numpy as np
from jaxtyping import Bool


def mask_bytes(mask: Bool[np.ndarray, "h w"]) -> bytes:
    """What FiftyOne reads as a mask: a compressed npy file.

    Compressed by its runs alone, four times faster than zlib's default and no larger for masks.
    """
    compressor = zlib.compressobj(strategy=zlib.Z_RLE)
    return compressor.compress(_npy_header(mask.shape) + mask.tobytes()) + compressor.flush()


def _npy_header(shape: tuple[int, ...]) -> bytes:
    # NumPy's own writer takes as long as compressing a small mask; the format is fixed (NEP 1).
    text = f"{{'descr': '|b1', 'fortran_order': False, 'shape': {shape}, }}"
    padded = text.ljust(-(len(text) + 11) % 64 + len(text)) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode()
