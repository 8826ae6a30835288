"""What a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Shaped
from torch import Tensor

StateDict = Mapping[str, Shaped[Tensor, " ..."]]
"""Tensors by name."""
