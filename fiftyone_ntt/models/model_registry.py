"""The models that have a name here, and the sets of them that go together.

Imports neither torch nor transformers, so listing models is quick.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fiftyone_ntt.errors import ModelError

Kind = Literal["encoder", "segmenter"]
WITH_ARTICLE = {"encoder": "an encoder", "segmenter": "a segmenter"}
"""A kind in a sentence."""

_DEMO_WEIGHTS = Path(__file__).resolve().parents[1] / "demo" / "weights"


@dataclass(frozen=True)
class ModelEntry:
    """One named model.

    Attributes:
        name: what a user types.
        kind: its role.
        source: hub repository `org/name`, or the folder of bundled weights.
        parameters_millions: of the model as it runs here (no video memory).
        download_mb: size of the weights file, in units of 10^6 bytes.
        licence: of the weights.
    """

    name: str
    kind: Kind
    source: str
    parameters_millions: float
    download_mb: float
    licence: str = "Apache-2.0"

    @property
    def is_bundled(self) -> bool:
        """Whether the weights come with this package."""
        return self.source.startswith(str(_DEMO_WEIGHTS))


@dataclass(frozen=True)
class ModelSet:
    """An encoder and a segmenter, by name, that go together."""

    name: str
    encoder: str
    segmenter: str
    description: str


_ENCODERS = (
    ModelEntry("dinov2-small", "encoder", "facebook/dinov2-small", 22.1, 88),
    ModelEntry("dinov2-base", "encoder", "facebook/dinov2-base", 86.6, 346),
    ModelEntry("dinov2-large", "encoder", "facebook/dinov2-large", 304.4, 1218),
    ModelEntry("dinov2-giant", "encoder", "facebook/dinov2-giant", 1136.5, 4546),
    ModelEntry(
        "dinov2-with-registers-small", "encoder", "facebook/dinov2-with-registers-small", 22.1, 88
    ),
    ModelEntry(
        "dinov2-with-registers-base", "encoder", "facebook/dinov2-with-registers-base", 86.6, 346
    ),
    ModelEntry(
        "dinov2-with-registers-large",
        "encoder",
        "facebook/dinov2-with-registers-large",
        304.4,
        1218,
    ),
    ModelEntry(
        "dinov2-with-registers-giant",
        "encoder",
        "facebook/dinov2-with-registers-giant",
        1136.5,
        4546,
    ),
)

_SEGMENTERS = tuple(
    ModelEntry(
        f"{version}-hiera-{size}", "segmenter", f"facebook/{version}-hiera-{size}", millions, mb
    )
    for version in ("sam2", "sam2.1")
    for size, millions, mb in (
        ("tiny", 31.4, 156),
        ("small", 38.5, 184),
        ("base-plus", 73.3, 323),
        ("large", 216.9, 898),
    )
)

_SETS = (
    ModelSet(
        "paper",
        "dinov2-large",
        "sam2-hiera-large",
        "the published method's models; 521 M parameters",
    ),
    ModelSet(
        "large", "dinov2-large", "sam2.1-hiera-large", "the same with SAM 2.1; 521 M parameters"
    ),
    ModelSet("base", "dinov2-base", "sam2.1-hiera-base-plus", "160 M parameters"),
    ModelSet("small", "dinov2-small", "sam2.1-hiera-small", "61 M parameters"),
    ModelSet("tiny", "dinov2-small", "sam2.1-hiera-tiny", "the smallest released; 54 M parameters"),
    ModelSet("demo", "demo", "demo", "bundled weights for generated scenes, for trying out"),
)

_DEMO = (
    ModelEntry("demo", "encoder", str(_DEMO_WEIGHTS / "encoder"), 0.9, 0),
    ModelEntry("demo", "segmenter", str(_DEMO_WEIGHTS / "segmenter"), 1.7, 0),
)


def list_models(kind: Kind | None = None) -> tuple[ModelEntry, ...]:
    """All named models, or those of one kind, encoders first."""
    entries = (*_ENCODERS, _DEMO[0], *_SEGMENTERS, _DEMO[1])
    return tuple(entry for entry in entries if kind in (None, entry.kind))


def list_model_sets() -> tuple[ModelSet, ...]:
    """All named sets; the first is the default."""
    return _SETS


def find_model(name: str, kind: Kind) -> ModelEntry | None:
    """The named model of a kind; None if no model of either kind or set has this name.

    Raises:
        ModelError: the name is a model of the other kind, or a set.
    """
    entries = {entry.kind: entry for entry in list_models() if entry.name == name}
    if kind in entries:
        return entries[kind]
    if entries:
        other = next(iter(entries))
        raise ModelError(
            f"{name!r} is {WITH_ARTICLE[other]}, not {WITH_ARTICLE[kind]}. {_choices(kind)}"
        )
    if any(name == model_set.name for model_set in _SETS):
        raise ModelError(
            f"{name!r} is a set of models, not {WITH_ARTICLE[kind]}: give it as the models' name. "
            f"{_choices(kind)}"
        )
    return None


def find_model_set(name: str) -> ModelSet:
    """The named set.

    Raises:
        ModelError: no set has this name.
    """
    for model_set in _SETS:
        if model_set.name == name:
            return model_set
    names = [model_set.name for model_set in _SETS]
    raise ModelError(
        f"There is no set of models named {name!r}{_closest(name, names)}. Choose one of "
        f"{', '.join(names)}, or give an encoder and a segmenter of your own."
    )


def unknown_model_error(name: str, kind: Kind) -> ModelError:
    """What to raise when a name is neither known, nor a path, nor a hub repository."""
    names = [entry.name for entry in list_models(kind)]
    return ModelError(
        f"There is no {kind} named {name!r}{_closest(name, names)}. {_choices(kind)} Or give a "
        "hub repository (org/name), a transformers folder, or one of Meta's .pt or .pth files."
    )


def is_available(entry: ModelEntry) -> bool:
    """Whether a model's weights are on this machine: bundled, or in the local hub cache."""
    if entry.is_bundled:
        return has_weights(Path(entry.source))
    return in_hub_cache(entry.source)


def in_hub_cache(repository: str) -> bool:
    """Whether a hub repository's model is in the local cache."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = [
            isinstance(try_to_load_from_cache(repository, file), str)
            for file in ("config.json", *WEIGHT_FILES)
        ]
    except HFValidationError:  # no repository can have this name
        return False
    return found[0] and any(found[1:])


def describe_models() -> str:
    """The named sets and models as text for people, with what is already on this machine."""
    lines = ["Sets (encoder + segmenter):"]
    lines += [f"  {s.name:<7}{s.encoder} + {s.segmenter}: {s.description}" for s in _SETS]
    for kind in ("encoder", "segmenter"):
        lines += ["", f"{kind.capitalize()}s:"]
        lines += [_describe(entry) for entry in list_models(kind)]
    return "\n".join(lines)


def _describe(entry: ModelEntry) -> str:
    size = "bundled" if entry.is_bundled else f"{entry.download_mb:.0f} MB"
    here = "here" if is_available(entry) else "missing" if entry.is_bundled else "not fetched"
    parameters = f"{entry.parameters_millions:.1f} M"
    return f"  {entry.name:<29}{parameters:>9}{size:>9}  {here:<12}{entry.licence}"


WEIGHT_FILES = ("model.safetensors", "model.safetensors.index.json")
"""What a transformers folder keeps its weights in: one file, or the index of several."""


def has_weights(folder: Path) -> bool:
    """Whether a folder holds a transformers configuration and safetensors weights."""
    return (folder / "config.json").is_file() and any(
        (folder / file).is_file() for file in WEIGHT_FILES
    )


def _choices(kind: Kind) -> str:
    return f"Named {kind}s: {', '.join(entry.name for entry in list_models(kind))}."


def _closest(name: str, names: list[str]) -> str:
    found = difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""
