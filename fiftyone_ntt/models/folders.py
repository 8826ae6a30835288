"""Models from transformers folders and from the Hugging Face hub; safetensors only, no pickles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import (
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    PreTrainedModel,
    Sam2Model,
)
from transformers.utils import logging

from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models.file_checks import (
    check_configuration,
    check_proportion,
    folder_weight_bytes,
    read_model_json,
)
from fiftyone_ntt.models.meta_sam2 import sam2_config
from fiftyone_ntt.models.model_registry import has_weights

_CLASSES: dict[str, tuple[Any, Any]] = {
    "dinov2": (Dinov2Config.from_dict, Dinov2Model),
    "dinov2_with_registers": (Dinov2WithRegistersConfig.from_dict, Dinov2WithRegistersModel),
    "dinov3_vit": (DINOv3ViTConfig.from_dict, DINOv3ViTModel),
    "sam2": (sam2_config, Sam2Model),
    "sam2_video": (sam2_config, Sam2Model),
}
"""A config.json's `model_type` to what makes the configuration and the model."""

_HARMLESS = re.compile(r"classifier\..+")
"""Tensors a folder may hold besides the model's: the head of a fine-tuned classifier."""

_TWINS = frozenset(
    {
        "shared_image_embedding.positional_embedding",
        "prompt_encoder.shared_embedding.positional_embedding",
    }
)
_WANTED_FILES = ["config.json", "model*.safetensors", "model*.safetensors.index.json"]
_SHOWN = 5
_ALIGNMENT = 64
"""Bytes; where torch puts tensors of its own."""


def load_folder(folder: Path) -> PreTrainedModel:
    """The model of a transformers folder, on the CPU, in float32.

    Raises:
        ModelError: the folder lacks its configuration or weights, is of an unsupported type, or
            its weights are not exactly its model's.
    """
    config = _read_config(folder)
    model_type = config.get("model_type")
    if model_type not in _CLASSES:
        raise ModelError(
            f"{folder} holds a model of type {model_type!r}, which is not supported. Supported "
            f"types: {', '.join(_CLASSES)}."
        )
    if not has_weights(folder):
        raise ModelError(
            f"{folder} has a config.json but no model.safetensors. Other weight files are not "
            "read: save the model with transformers' save_pretrained, which writes safetensors."
        )
    make_config, model_class = _CLASSES[model_type]
    check_configuration(config, folder / "config.json")
    _check_size(folder, make_config, model_class, config)
    try:
        with _without_progress_bar():
            model, report = model_class.from_pretrained(
                folder,
                config=make_config(config),
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are in the report, with their names
            )
    except Exception as error:  # whatever a damaged file or a hand-written config.json provokes
        raise _unloadable(folder, error) from error
    loaded: PreTrainedModel = model
    missing = set(report["missing_keys"]) - _restore_twin(loaded, set(report["missing_keys"]))
    _check({**report, "missing_keys": missing}, folder, model_class.__name__)
    _align(loaded)
    return loaded


def _check_size(
    folder: Path, make_config: Any, model_class: Any, config: Mapping[str, Any]
) -> None:
    """ModelError if the configuration asks for a model larger than the folder's weights."""
    weight_bytes = folder_weight_bytes(folder)
    try:
        with torch.device("meta"):
            model = model_class(make_config(config))
    except Exception as error:  # whatever a hand-written config.json provokes
        raise _unloadable(folder, error) from error
    check_proportion(model, weight_bytes, folder)


def _unloadable(folder: Path, error: Exception) -> ModelError:
    """What to raise for whatever transformers raises."""
    return ModelError(
        f"Cannot load the model in {folder}: {_one_line(error)}. Its files are damaged or do not "
        "belong together: fetch or save them again."
    )


def _align(model: PreTrainedModel) -> None:
    """Move tensors that lie at odd places of a memory-mapped file to memory of their own.

    On some processors products of unaligned weights differ in the last bits: the same weights
    would give other results than the same model built in memory, under the same identity.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.data_ptr() % _ALIGNMENT:
            tensor.data = tensor.data.clone()


@contextmanager
def _without_progress_bar() -> Iterator[None]:
    """Reading a local file takes seconds; transformers' bar would tear those of the caller."""
    was_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_shown:
            logging.enable_progress_bar()


def download(repository: str) -> Path:
    """The folder of a hub repository's files: from the local cache, else fetched.

    Raises:
        ModelError: it cannot be fetched; says why and what else to do.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, allow_patterns=_WANTED_FILES))
    except Exception as error:  # network, proxy, cache and access errors share no base class
        raise ModelError(
            f"Cannot fetch {repository!r} from the Hugging Face hub: {_one_line(error)}. "
            f"{_way_out(error)} Otherwise give a local transformers folder or Meta's own .pt or "
            ".pth file, or use the models named 'demo' for trying out."
        ) from error


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        return read_model_json(folder / "config.json")
    except FileNotFoundError as error:
        raise ModelError(
            f"{folder} is not a transformers model: it has no config.json. Give the folder that "
            "save_pretrained wrote, or the path of one of Meta's .pt or .pth files itself."
        ) from error


def _restore_twin(model: PreTrainedModel, missing: set[str]) -> set[str]:
    """Some transformers versions save SAM 2's two equal position tensors once: fills the other."""
    absent = missing.intersection(_TWINS)
    if len(absent) != 1:
        return set()
    (stored,) = _TWINS.difference(absent)
    buffers = dict(model.named_buffers())
    for name in absent:
        buffers[name].copy_(buffers[stored])
    return absent


def _check(report: Mapping[str, Any], folder: Path, model: str) -> None:
    """ModelError unless every weight of the model came from the folder and none was left over."""
    unexpected = [key for key in report["unexpected_keys"] if not _HARMLESS.fullmatch(key)]
    problems = {
        "missing": sorted(report["missing_keys"]),
        "not part of the model": sorted(unexpected),
        "of another shape": sorted(str(key[0]) for key in report["mismatched_keys"]),
    }
    found = [
        f"{len(names)} {what} ({', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''})"
        for what, names in problems.items()
        if names
    ]
    if found:
        raise ModelError(
            f"The weights in {folder} do not fit its config.json ({model}): {'; '.join(found)}. "
            "Fetch the folder again, or save it again with save_pretrained."
        )


def _way_out(error: Exception) -> str:
    kind = type(error).__name__
    if kind == "GatedRepoError":
        return "Accept its licence on its page and log in with `hf auth login`."
    if kind in ("RepositoryNotFoundError", "HFValidationError"):
        return "Check the spelling (org/name); a local folder of that name does not exist either."
    if kind in ("LocalEntryNotFoundError", "OfflineModeIsEnabled"):
        return "It is not in the local cache: go online once (unset HF_HUB_OFFLINE)."
    return "Check the connection and try again."


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}".rstrip(" .")
