"""Label Studio's brush as it is written: see `fiftyone_ntt/formats/brush_runs.py`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from jaxtyping import UInt8

WIDTHS = (3, 4, 8, 16)
"""Bits of the lengths that the tool's own library chooses from."""


def brush_runs(
    alpha: UInt8[np.ndarray, "H W"], widths: Sequence[int] = WIDTHS, *, singly: bool = False
) -> list[int]:
    """Bytes of a brush whose four channels all are `alpha`, as the tool's library writes them.

    Args:
        alpha: of the pixels.
        widths: of the lengths, in bits.
        singly: write values one by one where runs are short, as the tool's App does.
    """
    values = np.repeat(alpha.ravel(), 4)
    bits = f"{len(values):032b}{7:05b}" + "".join(f"{width - 1:04b}" for width in widths)
    if singly:
        for start in range(0, len(values), 2 ** widths[1]):
            part = values[start : start + 2 ** widths[1]]
            bits += f"0{1:02b}{len(part) - 1:0{widths[1]}b}" + "".join(f"{v:08b}" for v in part)
    else:
        for value, run in groupby(values.tolist()):
            bits += _repeated(value, len(list(run)), widths)
    bits += "0" * (8 - len(bits) % 8)
    return [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]


def _repeated(value: int, length: int, widths: Sequence[int]) -> str:
    if length == 1:
        return f"0{0:02b}{0:0{widths[0]}b}{value:08b}"
    bits = ""
    while length:
        index = next((n for n, width in enumerate(widths) if length <= 2**width), len(widths) - 1)
        taken = min(length, 2 ** widths[index])
        bits += f"1{index:02b}{taken - 1:0{widths[index]}b}{value:08b}"
        length -= taken
    return bits
