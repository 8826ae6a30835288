"""Patch-token encoders from transformers."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float32
from torch import Tensor
from transformers import PreTrainedModel

from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models.precision import Precision, identity_in, precision_type
from fiftyone_ntt.models.preprocessing import normalise
from fiftyone_ntt.models.weights_identity import weights_identity


class TransformersEncoder:
    """`Encoder` over `Dinov2Model`, `Dinov2WithRegistersModel`, `DINOv3ViTModel` and their like:
    any transformers vision model whose output is a class token, register tokens (as many as its
    configuration's `num_register_tokens`) and patch tokens, in that order.

    Attributes:
        identity, side, grid, width, device: see `fiftyone_ntt.core.interfaces.Encoder`.
        model: the transformers model, in eval mode.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        device: torch.device | str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        """
        Args:
            model: float32 weights, which are converted in place; its configuration's `image_size`
                becomes `side`.
            device: where it runs.
            precision: what it computes in; part of `identity`.

        Raises:
            ModelError: the configuration's input is not a square of whole patches.
        """
        config = model.config
        self.side = _square(config.image_size, "image_size")
        patch = _square(config.patch_size, "patch_size")
        if self.side % patch:
            raise ModelError(
                f"The encoder's image_size {self.side} is not a multiple of its patch_size "
                f"{patch}: set image_size in its config.json to a multiple."
            )
        self.grid = self.side // patch
        self.width = int(config.hidden_size)
        self.identity = identity_in(_identity(model, self.side, patch), precision)
        self.device = torch.device(device)
        self.model: Any = model
        self._type = precision_type(precision)
        self.model.eval().requires_grad_(False).to(self.device, self._type)
        self._leading_tokens = 1 + int(getattr(config, "num_register_tokens", 0))

    @torch.no_grad()
    def encode(
        self, images: Float32[Tensor, "B 3 {self.side} {self.side}"]
    ) -> Float32[Tensor, "B {self.grid}**2 {self.width}"]:
        """Final layer-normed patch tokens of `images`, RGB in 0..1; class and register tokens are
        dropped."""
        pixels = normalise(images, self.side, self.device).to(self._type)
        tokens: Tensor = self.model(pixel_values=pixels).last_hidden_state
        return tokens[:, self._leading_tokens :].float()


def _identity(model: PreTrainedModel, side: int, patch: int) -> str:
    config = model.config
    family = str(config.model_type).replace("_", "-")
    name = f"{family}-{config.hidden_size}x{config.num_hidden_layers}-p{patch}-{side}"
    settings = {
        "class": type(model).__name__,
        "side": side,
        "patch": patch,
        "heads": config.num_attention_heads,
        "activation": getattr(config, "hidden_act", None),
        "eps": getattr(config, "layer_norm_eps", None),
    }
    return weights_identity(model, name, settings)


def _square(size: Any, field: str) -> int:
    """A configuration's size, given as one number or as two equal ones."""
    sides = {size} if isinstance(size, int) else set(size)
    if len(sides) != 1:
        raise ModelError(
            f"The encoder's {field} {list(size)} is not square: only square inputs are supported; "
            f"set {field} in its config.json to one number."
        )
    return int(sides.pop())
