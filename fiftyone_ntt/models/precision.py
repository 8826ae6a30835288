"""Which number format the networks compute in."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from fiftyone_ntt.errors import ModelError

Precision = Literal["float32", "bfloat16"]
"""`bfloat16` halves the memory and is several times faster where the hardware has it; tokens and
masks differ slightly, so banks and stored proposals of the two are never mixed."""


def resolve_precision(precision: str, device: torch.device) -> Precision:
    """`precision` itself, if a device computes in it.

    Raises:
        ModelError: there is no such precision, or the device would only emulate it.
    """
    if precision == "float32":
        return "float32"
    if precision != "bfloat16":
        known = ", ".join(map(repr, get_args(Precision)))
        raise ModelError(f"precision {precision!r} is unknown. Use one of: {known}.")
    if not _has_bfloat16(device):
        name = "This processor" if device.type == "cpu" else f"Device '{device}'"
        raise ModelError(
            f"{name} has no bfloat16 instructions, so bfloat16 would be slower than float32 here. "
            "Leave out `precision`."
        )
    return "bfloat16"


def precision_type(precision: Precision) -> torch.dtype:
    """The torch type of a precision."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


def identity_in(identity: str, precision: Precision) -> str:
    """A model's identity, with its precision unless that is float32."""
    return identity if precision == "float32" else f"{identity}-{precision}"


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported())
    return True
