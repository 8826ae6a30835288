"""Reading Meta's own checkpoint files, without their code and without running what they hold.

A file's family (SAM 2, DINOv2) is told by its tensors' names and its released architecture by
their shapes; any other architecture needs its transformers configuration beside the file, with
the ending `.json`. Every tensor of the file must have a place and every one of the model a value.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models import meta_dinov2, meta_sam2
from fiftyone_ntt.models.file_checks import (
    check_archive,
    check_configuration,
    check_proportion,
    read_model_json,
    weight_file_bytes,
)
from fiftyone_ntt.models.state_dict import StateDict

SUFFIXES = (".pt", ".pth")
"""Of the files that are read here."""

_FAMILIES: dict[str, ModuleType] = {"SAM 2": meta_sam2, "DINOv2": meta_dinov2}
_MODEL_TYPES = {
    "SAM 2": ("sam2", "sam2_video"),
    "DINOv2": ("dinov2", "dinov2_with_registers"),
}
_SHOWN = 5


def load_meta_checkpoint(path: Path) -> PreTrainedModel:
    """The model of one of Meta's files: `sam2[.1]_hiera_*.pt` or `dinov2_vit*_pretrain.pth`.

    Returns:
        A `Sam2Model`, `Dinov2Model` or `Dinov2WithRegistersModel` on the CPU, in float32.

    Raises:
        ModelError: the file cannot be read, is of no known family or architecture, or does not
            hold exactly the tensors of its model.
    """
    state = read_state(path)
    family = _family_of(state, path)
    config = _read_config(path, family) or _recognise(state, family, path)
    if config is None:
        raise ModelError(
            f"{path.name} is a {family} checkpoint, but its sizes are none of Meta's released "
            f"ones: put its transformers configuration beside it, as {path.with_suffix('.json')}."
        )
    model = empty_model(family, config, path)
    check_proportion(model, path.stat().st_size, path)
    return fill(model, convert(state, family, path), path)


def read_state(path: Path) -> StateDict:
    """The tensors of a `torch.save` file: a bare state dict, or one under the key `model`.

    Raises:
        ModelError: missing, truncated or foreign file, or one that holds more than tensors.
    """
    _check_file(path)
    try:
        # mapped files are read without a second copy in memory; old files cannot be mapped
        mapped = zipfile.is_zipfile(path)
        content = torch.load(path, weights_only=True, map_location="cpu", mmap=mapped)
    except Exception as error:  # torch raises a dozen kinds here, and each means "not readable"
        raise ModelError(f"Cannot read {path}: {_why_unreadable(error)}") from error
    state = content.get("model", content) if isinstance(content, dict) else None
    if not state or not isinstance(state, dict) or not _all_tensors(state):
        raise ModelError(
            f"{path} is not one of Meta's checkpoints: expected named tensors, alone or under "
            "'model'. Use a file from Meta's SAM 2 or DINOv2 release pages."
        )
    return state


def _check_file(path: Path) -> None:
    """ModelError if reading the file could not end, or take memory beyond its size."""
    if not path.exists():
        raise ModelError(f"Cannot read {path}: {_why_unreadable(FileNotFoundError())}")
    weight_file_bytes(path)
    try:
        if zipfile.is_zipfile(path):
            check_archive(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise ModelError(f"Cannot read {path}: {_why_unreadable(error)}") from error


def convert(state: StateDict, family: str, path: Path) -> StateDict:
    """The tensors under transformers' names; ModelError if one has no place there."""
    converted: StateDict
    converted, unknown = _FAMILIES[family].convert(state)
    if unknown:
        raise ModelError(
            f"{path} holds {len(unknown)} tensors that no released {family} file has: "
            f"{_first(unknown)}. Use Meta's original file, or a transformers folder."
        )
    return converted


def empty_model(family: str, config: Mapping[str, Any], path: Path) -> PreTrainedModel:
    """The model of a configuration, without memory for its weights (torch's meta device)."""
    try:
        with torch.device("meta"):
            model: PreTrainedModel = _FAMILIES[family].build(config)
    except Exception as error:  # whatever a hand-written configuration can provoke
        raise ModelError(
            f"The configuration {path.with_suffix('.json')} describes no valid {family} model: "
            f"{error}. Correct it, or remove it if {path.name} is one of Meta's released files."
        ) from error
    return model


def fill(model: PreTrainedModel, state: StateDict, path: Path) -> PreTrainedModel:
    """Gives every tensor of `model` its value from `state`, as float32.

    Raises:
        ModelError: tensors are missing, left over, or of another shape.
    """
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    wrong = [n for n in wanted if n in state and state[n].shape != wanted[n]]
    problems = {
        "missing": sorted(wanted.keys() - state.keys()),
        "not part of the model": sorted(state.keys() - wanted.keys()),
        "of another shape": [f"{n} {list(state[n].shape)} not {list(wanted[n])}" for n in wrong],
    }
    found = [f"{len(names)} {what} ({_first(names)})" for what, names in problems.items() if names]
    if found:
        raise ModelError(
            f"{path} does not fit the model {type(model).__name__}: {'; '.join(found)}. The file "
            "is incomplete or its configuration is another's: fetch it again or correct the .json."
        )
    # copies, so that the file may change or vanish afterwards and no two tensors share memory
    copies = {name: tensor.to(torch.float32, copy=True) for name, tensor in state.items()}
    model.load_state_dict(copies, assign=True)
    return model


def _family_of(state: StateDict, path: Path) -> str:
    for name, family in _FAMILIES.items():
        if family.MARKER in state:
            return name
    raise ModelError(
        f"{path} is neither a SAM 2 nor a DINOv2 checkpoint in Meta's layout (it holds "
        f"{_first(state)}). Use Meta's original file, or a transformers folder."
    )


def _recognise(state: StateDict, family: str, path: Path) -> dict[str, Any] | None:
    try:
        config: dict[str, Any] | None = _FAMILIES[family].released_config(state)
    except (KeyError, ValueError) as error:  # a tensor is absent, or has too few dimensions
        raise ModelError(
            f"{path} is an incomplete {family} checkpoint: its sizes cannot be told ({error}). "
            "Fetch it again."
        ) from error
    return config


def _read_config(path: Path, family: str) -> dict[str, Any] | None:
    """The transformers configuration beside a checkpoint, if there is one."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return None
    config = read_model_json(beside)
    check_configuration(config, beside)
    model_type = config.get("model_type")
    if model_type not in _MODEL_TYPES[family]:
        raise ModelError(
            f"{beside} has model_type {model_type!r}, but {path.name} is a {family} checkpoint: "
            f"it must be one of {', '.join(_MODEL_TYPES[family])}."
        )
    return config


def _why_unreadable(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file. Check the path."
    if isinstance(error, PermissionError):
        return "permission denied. Change the file's permissions."
    if "Unsupported global" in str(error):
        return (
            "it holds Python objects besides tensors, which could run code and are never loaded. "
            "Use Meta's original file, or save the weights alone."
        )
    reason = (str(error).splitlines() or [""])[0]
    return (
        f"it is truncated or not a PyTorch checkpoint ({type(error).__name__}: {reason[:120]}). "
        "Fetch it again."
    )


def _all_tensors(state: Mapping[Any, Any]) -> bool:
    return all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items())


def _first(names: Iterable[str]) -> str:
    names = list(names)
    more = f", … {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
