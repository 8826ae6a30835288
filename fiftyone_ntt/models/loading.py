"""Encoders and segmenters from a name, a hub repository, a folder or one of Meta's files."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike, fspath
from pathlib import Path

import torch
from transformers import PreTrainedModel

from fiftyone_ntt.core.interfaces import Encoder, Segmenter
from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models import meta_checkpoints
from fiftyone_ntt.models.encoders import TransformersEncoder
from fiftyone_ntt.models.folders import download, load_folder
from fiftyone_ntt.models.model_registry import (
    WITH_ARTICLE,
    Kind,
    find_model,
    find_model_set,
    has_weights,
    list_models,
    unknown_model_error,
)
from fiftyone_ntt.models.precision import Precision, resolve_precision
from fiftyone_ntt.models.segmenters import TransformersSegmenter

ModelSpec = str | PathLike[str]
"""A name from the registry, a hub repository `org/name`, a transformers folder, or the path of
one of Meta's checkpoint files."""

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_CACHED = 2
_cache_lock = threading.RLock()


@dataclass(frozen=True)
class Models:
    """An encoder and a segmenter, loaded, on one device.

    Attributes:
        name: the set's, or `encoder + segmenter` where they were chosen one by one.
        encoder_spec: what gives the same encoder again when passed to `load_encoder`: a name, a
            hub repository or an absolute path; empty if the encoder was not made by this module.
        segmenter_spec: likewise, for `load_segmenter`.
        precision: what both compute in.
    """

    name: str
    encoder: Encoder
    segmenter: Segmenter
    encoder_spec: str = ""
    segmenter_spec: str = ""
    precision: Precision = "float32"


def load_models(
    name: str = "paper",
    *,
    encoder: ModelSpec | None = None,
    segmenter: ModelSpec | None = None,
    device: str = "cpu",
    precision: str = "float32",
    add_no_memory_embedding: bool = False,
) -> Models:
    """A named set of models, or one with another encoder or segmenter.

    The last two encoders and segmenters stay in memory and are handed out again; see
    `clear_model_cache`.

    Args:
        name: `paper`, `large`, `base`, `small`, `tiny` or `demo`; not looked at when both an
            encoder and a segmenter are given.
        encoder: instead of the set's.
        segmenter: instead of the set's.
        device: `cpu`, `cuda`, `cuda:1`, ..., or `auto` for a GPU if there is one.
        precision: `float32`, or `bfloat16` where the hardware has it: several times faster,
            slightly different results. A bank is used with models of the precision that made it.
        add_no_memory_embedding: see `TransformersSegmenter`.

    Raises:
        ModelError: a model is unknown, cannot be fetched or read, or the device is not there
            or does not compute in this precision.

    Example:
        >>> models = ntt.load_models("demo")
        >>> models.name, models.encoder_spec, models.precision
        ('demo', 'demo', 'float32')
    """
    is_set = encoder is None and segmenter is None
    encoder_spec = _absolute(find_model_set(name).encoder if encoder is None else encoder)
    segmenter_spec = _absolute(find_model_set(name).segmenter if segmenter is None else segmenter)
    return Models(
        name=name if is_set else f"{encoder_spec} + {segmenter_spec}",
        encoder=load_encoder(encoder_spec, device, precision),
        segmenter=load_segmenter(segmenter_spec, device, add_no_memory_embedding, precision),
        encoder_spec=encoder_spec,
        segmenter_spec=segmenter_spec,
        precision=resolve_precision(precision, resolve_device(device)),
    )


def load_encoder(
    spec: ModelSpec, device: str = "cpu", precision: str = "float32"
) -> TransformersEncoder:
    """The encoder that `spec` names; see `load_models` for devices, errors and reuse."""
    target = resolve_device(device)
    kind = resolve_precision(precision, target)
    source = _locate(spec, "encoder")
    with _cache_lock:
        return _cached_encoder(source, _stamp(source), target, kind)


def load_segmenter(
    spec: ModelSpec,
    device: str = "cpu",
    add_no_memory_embedding: bool = False,
    precision: str = "float32",
) -> TransformersSegmenter:
    """The segmenter that `spec` names; see `load_models` for devices, errors and reuse."""
    target = resolve_device(device)
    kind = resolve_precision(precision, target)
    source = _locate(spec, "segmenter")
    with _cache_lock:
        return _cached_segmenter(source, _stamp(source), target, add_no_memory_embedding, kind)


def clear_model_cache() -> None:
    """Lets go of all models kept for reuse, so that their memory can be freed."""
    with _cache_lock:
        _cached_encoder.cache_clear()
        _cached_segmenter.cache_clear()


def resolve_device(device: str | torch.device) -> torch.device:
    """The torch device of a name; `auto` is a CUDA GPU if torch can use one, else the CPU.

    Raises:
        ModelError: no such device here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(1, device=found).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error).splitlines() or ["unknown"])[0]
        raise ModelError(
            f"Device {str(device)!r} cannot be used: {reason}. Use 'cpu' or 'auto', or install a "
            "torch build that supports it."
        ) from error
    return found


@lru_cache(maxsize=_CACHED)
def _cached_encoder(
    source: str, stamp: int, device: torch.device, precision: Precision
) -> TransformersEncoder:
    return TransformersEncoder(_read(source, "encoder"), device, precision)


@lru_cache(maxsize=_CACHED)
def _cached_segmenter(
    source: str,
    stamp: int,
    device: torch.device,
    add_no_memory_embedding: bool,
    precision: Precision,
) -> TransformersSegmenter:
    model = _read(source, "segmenter")
    return TransformersSegmenter(model, device, add_no_memory_embedding, precision)


def _locate(spec: ModelSpec, kind: Kind) -> str:
    """The path or the hub repository that `spec` stands for."""
    text = fspath(spec)
    entry = find_model(text, kind)
    if entry and entry.is_bundled and not has_weights(Path(entry.source)):
        raise ModelError(
            f"The demo {kind}'s weights are missing from {entry.source}: this installation is "
            "incomplete. Reinstall the package, or choose other models."
        )
    if entry:
        return entry.source
    if Path(text).expanduser().exists():
        return str(Path(text).expanduser().resolve())
    if text.endswith(meta_checkpoints.SUFFIXES) or not isinstance(spec, str):
        raise ModelError(f"There is no file or folder {text!r}. Check the path.")
    if _REPOSITORY.fullmatch(text):
        return text
    raise unknown_model_error(text, kind)


def _absolute(spec: ModelSpec) -> str:
    """`spec`, made absolute if it is a path, so that it still holds in another folder."""
    path = Path(spec).expanduser()
    named = any(entry.name == fspath(spec) for entry in list_models())
    return str(path.resolve()) if path.exists() and not named else fspath(spec)


def _read(source: str, kind: Kind) -> PreTrainedModel:
    """The model at a path or in a hub repository; ModelError if it is of the other kind."""
    path = Path(source)
    if path.is_file():
        model = meta_checkpoints.load_meta_checkpoint(path)
    else:
        model = load_folder(path if path.is_dir() else download(source))
    found: Kind = "segmenter" if hasattr(model, "mask_decoder") else "encoder"
    if found != kind:
        raise ModelError(
            f"{source} is {type(model).__name__}, {WITH_ARTICLE[found]}, but {WITH_ARTICLE[kind]} "
            f"is needed here: give it as the {found} instead."
        )
    return model


def _stamp(source: str) -> int:
    """Changes when a local file or a folder's files do, so that replaced weights are read anew."""
    path = Path(source)
    files = [path] if path.is_file() else sorted(path.glob("*")) if path.is_dir() else []
    return hash(tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files))
