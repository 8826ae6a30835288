"""Encoders and segmenters behind the two protocols of `fiftyone_ntt.core.protocols`.

Names are resolved on first use, so listing the models (`fiftyone_ntt.models.registry`) does not
import torch: forms and command lines stay quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .encoders import TransformersEncoder
    from .loading import (
        Models,
        clear_model_cache,
        load_encoder,
        load_models,
        load_segmenter,
        resolve_device,
    )
    from .registry import (
        ModelEntry,
        ModelSet,
        describe_models,
        is_available,
        list_model_sets,
        list_models,
    )
    from .segmenters import TransformersSegmenter

_HOMES = {
    "ModelEntry": "registry",
    "ModelSet": "registry",
    "Models": "loading",
    "TransformersEncoder": "encoders",
    "TransformersSegmenter": "segmenters",
    "clear_model_cache": "loading",
    "describe_models": "registry",
    "is_available": "registry",
    "list_model_sets": "registry",
    "list_models": "registry",
    "load_encoder": "loading",
    "load_models": "loading",
    "load_segmenter": "loading",
    "resolve_device": "loading",
}

__all__ = [
    "ModelEntry",
    "ModelSet",
    "Models",
    "TransformersEncoder",
    "TransformersSegmenter",
    "clear_model_cache",
    "describe_models",
    "is_available",
    "list_model_sets",
    "list_models",
    "load_encoder",
    "load_models",
    "load_segmenter",
    "resolve_device",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
