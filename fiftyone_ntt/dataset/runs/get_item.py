"""How FiftyOne's data loaders read an image for the model; needs torchvision, as they do."""

from __future__ import annotations

from typing import Any

import fiftyone.utils.torch as fout
import numpy as np
from jaxtyping import UInt8

from fiftyone_ntt.core.images import read_image


class RgbGetItem(fout.GetItem):  # type: ignore[misc]
    """Reads a sample's image as `segment` does; picklable, for worker processes."""

    @property
    def required_keys(self) -> list[str]:
        """The fields of a sample that FiftyOne has to pass."""
        return ["filepath"]

    def __call__(self, sample: dict[str, Any]) -> UInt8[np.ndarray, "H W 3"]:
        """The image, RGB, upright as browsers show it."""
        return read_image(sample["filepath"], oriented=True)
