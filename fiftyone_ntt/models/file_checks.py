"""What a model's files must fulfil before a model is built of them.

A configuration of a few bytes can ask for a model larger than any memory, and a small archive can
unpack to one: both are checked against the weights that are there, before anything is allocated.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from torch import nn

from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.errors import ModelError

_MOST_WEIGHT_BYTES = 64 * 2**30
"""Of a file: the largest encoder released, DINOv3's with 7 billion parameters, has 27 GB."""
_MOST_JSON_BYTES = 2**24
_LARGEST_NUMBER = 2**16
"""In a configuration: widths, sides and counts of layers of released models are below 2**14."""
_DEEPEST = 512
"""Layers of all kinds together; the deepest released encoder has 40, the deepest segmenter 48."""
_LAYER_COUNTS = ("num_hidden_layers", "blocks_per_stage", "num_layers", "depth")
_INDEX = "model.safetensors.index.json"
_WEIGHTS = "model.safetensors"


def read_model_json(path: Path, what: str = "a transformers configuration") -> dict[str, Any]:
    """A JSON object beside a model's weights.

    Raises:
        FileNotFoundError: there is none.
        ModelError: it is no file, or no JSON object.
    """
    try:
        require_regular_file(path, _MOST_JSON_BYTES)
        content = json.loads(path.read_text())
        if not isinstance(content, dict):
            raise ValueError(f"it is not {what}")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelError(f"Cannot read {path}: {reason}. Correct or fetch it again.") from error
    return content


def check_configuration(config: Mapping[str, Any], origin: Path) -> None:
    """Refuse numbers that no model has.

    Raises:
        ModelError: names the field and the number.
    """
    layers = 0
    for name, value in _numbers(config, ""):
        if abs(value) > _LARGEST_NUMBER:
            raise ModelError(
                f"{origin} asks for a model with {name} of {value}, beyond any released one. "
                "Correct it, or fetch it again."
            )
        layers += int(value) if name.rpartition(".")[2] in _LAYER_COUNTS else 0
    if layers > _DEEPEST:
        raise ModelError(
            f"{origin} asks for a model of {layers} layers, more than any released one. Correct "
            "it, or fetch it again."
        )


def check_proportion(model: nn.Module, weight_bytes: int, origin: Path) -> None:
    """Refuse a model with more parameters than its weights have bytes.

    Args:
        model: on torch's meta device, where it takes no memory.
        weight_bytes: of its files.
        origin: of the weights, for messages.

    Raises:
        ModelError: it is larger.
    """
    parameters = sum(tensor.numel() for tensor in model.state_dict().values())
    if parameters > weight_bytes:
        raise ModelError(
            f"The weights in {origin} do not fit its config.json: it asks for a model of "
            f"{parameters:,} parameters, and they have {weight_bytes:,} bytes. Fetch it again."
        )


def folder_weight_bytes(folder: Path) -> int:
    """Bytes of the weights of a transformers folder, all of which lie in it.

    Links may lead out, as those of the hub's cache do; names may not.

    Raises:
        ModelError: a file is missing, no file, too large, or named as lying elsewhere.
    """
    names = {_WEIGHTS}
    if not (folder / _WEIGHTS).exists():
        shards = read_model_json(folder / _INDEX, "an index of weights").get("weight_map")
        if not isinstance(shards, dict) or not all(isinstance(n, str) for n in shards.values()):
            raise ModelError(f"Cannot read {folder / _INDEX}: it maps no tensors. Fetch it again.")
        names = set(shards.values())
    if outside := [name for name in names if PurePath(name).name != name]:
        raise ModelError(
            f"{folder / _INDEX} names {min(outside)!r}, which does not lie in its folder. Fetch "
            "the model again from where you trust it."
        )
    return sum(weight_file_bytes(folder / name) for name in names)


def weight_file_bytes(path: Path) -> int:
    """Bytes of one file of weights.

    Raises:
        ModelError: it is missing, no file, or larger than any model's.
    """
    try:
        return require_regular_file(path, _MOST_WEIGHT_BYTES)
    except OSError as error:
        raise ModelError(f"Cannot read {path}: {error.strerror}. Fetch it again.") from error


def check_archive(path: Path) -> None:
    """Refuse an archive that unpacks to far more than it has; torch packs nothing.

    Raises:
        ModelError: it does.
    """
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    size = path.stat().st_size
    if unpacked > 2 * size + 2**20:
        raise ModelError(
            f"Cannot read {path}: it has {size:,} bytes and would unpack to {unpacked:,}, which "
            "torch.save never writes. Fetch it again."
        )


def _numbers(value: Any, name: str) -> Iterator[tuple[str, float]]:
    """Every number in a configuration, and where it is."""
    if isinstance(value, Mapping):
        for key, found in value.items():
            yield from _numbers(found, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for found in value:
            yield from _numbers(found, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value
