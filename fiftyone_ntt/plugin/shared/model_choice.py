"""Choosing models in a form: what each set is, how big, and whether it is here already."""

from __future__ import annotations

import os
from typing import Any

import fiftyone_ntt as ntt
from fiftyone_ntt.models import is_available, list_model_sets, list_models
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import once_per_prompt
from fiftyone_ntt.plugin.shared.form import Form

TORCH = ("torch", "transformers")
"""Packages that running any model needs."""

_DEMO = "demo"
_PRECISIONS = {
    "float32": "float32: exact",
    "bfloat16": "bfloat16: several times faster, where the hardware has it",
}
_DEVICES = {"auto": "a GPU if there is one", "cpu": "the processor", "cuda": "the (first) GPU"}


def choose_models(form: Form, name: str = "models", of: Any = None) -> None:
    """A dropdown of the named sets, those on this machine first; refuses one that would have to be
    downloaded while offline.

    Args:
        form: of the operator.
        name: of the field.
        of: a bank that is replaced, which keeps its models; otherwise those that were used last are
            chosen at first.
    """
    missing = missing_megabytes(form.ctx)
    sets = sorted(list_model_sets(), key=lambda one: (missing[one.name] >= 0, one.name == _DEMO))
    options = {
        chosen.name: f"{chosen.name}: {chosen.description} ({_availability(missing[chosen.name])})"
        for chosen in sets
    }
    used = _used_models(form.ctx, of).get("name")
    choice = form.choice(
        name,
        "Models",
        options,
        default=used if used in options else next(iter(options)),
        description="SAM 2 proposes masks, DINOv2 compares them with the references",
    )
    check_models(form, name, choice)
    if choice == _DEMO and used != _DEMO:
        form.note(
            "demo_models",
            "The demo models are for the demo only",
            "They are tiny and know generated scenes. For photographs choose other models.",
        )


def _used_models(ctx: Context, of: Any) -> dict[str, str]:
    """What the bank, or the one that was saved last, was built with."""
    banks = [of] if of is not None else ntt.list_memory_banks(ctx.dataset)
    last = max(banks, key=lambda bank: bank.created, default=None)
    return {} if last is None else last.models


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


def choose_precision(form: Form, of: Any = None) -> str | None:
    """A dropdown of the number formats that models compute in; see `choose_models`."""
    used = _used_models(form.ctx, of).get("precision", "float32")
    usual = used if used in _PRECISIONS else "float32"
    return form.choice("precision", "Precision", _PRECISIONS, default=usual)


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
