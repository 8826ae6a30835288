"""Choosing models in a form: what each set is, how big, and whether it is here already."""

from __future__ import annotations

import os

from fiftyone_ntt.models import is_available, list_model_sets, list_models
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import once_per_prompt
from fiftyone_ntt.plugin.shared.form import Form

TORCH = ("torch", "transformers")
"""Packages that running any model needs."""

_PRECISIONS = {
    "float32": "float32: exact",
    "bfloat16": "bfloat16: several times faster, where the hardware has it",
}
_DEVICES = {"auto": "a GPU if there is one", "cpu": "the processor", "cuda": "the (first) GPU"}


def choose_models(form: Form, name: str = "models") -> str | None:
    """A dropdown of the named sets; refuses one that would have to be downloaded while offline."""
    missing = missing_megabytes(form.ctx)
    options = {
        chosen.name: f"{chosen.name}: {chosen.description} ({_availability(missing[chosen.name])})"
        for chosen in list_model_sets()
    }
    choice = form.choice(
        name,
        "Models",
        options,
        default=next(iter(options)),
        description="SAM 2 proposes masks, DINOv2 compares them with the references",
    )
    check_models(form, name, choice)
    return choice


def check_models(form: Form, name: str, choice: str | None) -> None:
    """Say beside field `name` why a set of models cannot be had, if so."""
    missing = missing_megabytes(form.ctx).get(choice or "")
    if missing == 0:
        form.reject(name, f"the weights of {choice!r} are missing. Install fiftyone-ntt again.")
    elif missing is not None and missing > 0 and _is_offline():
        form.reject(
            name,
            f"the models {choice!r} ({missing:.0f} MB) are not on this machine, and HF_HUB_OFFLINE "
            "forbids downloading them. Unset it for FiftyOne's server, or choose other models.",
        )


def choose_device(form: Form) -> str | None:
    """A dropdown of devices."""
    return form.choice("device", "Device", _DEVICES, default="auto")


def choose_precision(form: Form) -> str | None:
    """A dropdown of the number formats that models compute in."""
    return form.choice("precision", "Precision", _PRECISIONS, default="float32")


@once_per_prompt
def missing_megabytes(ctx: Context) -> dict[str, float]:
    """For each named set, what has to be downloaded; -1 where nothing has.

    0 stands for bundled weights that are not there.
    """
    absent = {(entry.kind, entry.name): entry for entry in list_models() if not is_available(entry)}
    found = {}
    for chosen in list_model_sets():
        keys = (("encoder", chosen.encoder), ("segmenter", chosen.segmenter))
        entries = [absent[key] for key in keys if key in absent]
        found[chosen.name] = sum(entry.download_mb for entry in entries) if entries else -1.0
    return found


def _availability(missing: float) -> str:
    if missing < 0:
        return "on this machine"
    return f"downloads {missing:.0f} MB" if missing else "missing"


def _is_offline() -> bool:
    """Whether the hub's own switch says that nothing may be downloaded."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
