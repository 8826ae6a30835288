"""A name for a model's exact weights, so that stored results are never mixed between models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

_SHOWN_DIGITS = 12


def weights_identity(model: nn.Module, name: str, settings: Mapping[str, Any]) -> str:
    """Name and hash of a model, equal whether it was read from the hub, a folder or Meta's file.

    The hash covers every tensor of the state dict (shape and float32 bytes) and `settings`.
    Tensor names are left out on purpose: transformers renames modules between versions, and an
    upgrade must not make a user's banks and proposals look foreign.

    Args:
        model: its weights may lie on any device (a CPU is quickest).
        name: readable part, such as `dinov2-96x3-p14-518`.
        settings: JSON values that change the outputs without showing in the weights.

    Returns:
        `name:` and twelve hexadecimal digits.
    """
    with ThreadPoolExecutor() as pool:  # hashing releases the interpreter's lock
        digests = sorted(pool.map(_tensor_digest, model.state_dict().values()))
    total = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode())
    for digest in digests:
        total.update(digest)
    return f"{name}:{total.hexdigest()[:_SHOWN_DIGITS]}"


def _tensor_digest(tensor: Shaped[Tensor, " ..."]) -> bytes:
    plain = tensor.detach().to("cpu", torch.float32).contiguous()
    digest = hashlib.sha256(str(tuple(plain.shape)).encode())
    digest.update(plain.view(-1).view(torch.uint8).numpy().data)
    return digest.digest()
