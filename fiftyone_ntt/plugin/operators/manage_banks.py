"""Operator: rename, delete, duplicate, merge, export and import banks, and remove negatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.bank_choice import bank_options, check_new_name, choose_bank
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.counts import once_per_prompt
from fiftyone_ntt.plugin.shared.exports import export_path, exports_folder, import_path
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.operator_base import NttOperator, Outcome, required
from fiftyone_ntt.plugin.shared.streaming import Step

ACTIONS = {
    "rename": "Rename",
    "duplicate": "Duplicate",
    "merge": "Merge several into a new one",
    "export": "Export to a file",
    "import": "Import from a file",
    "remove_negatives": "Remove negatives",
    "delete": "Delete",
}
EVERY = "all"
_ORIGINS = {
    EVERY: "Anywhere",
    "mined": "The bank's own mistakes",
    "tagged": "Labels tagged by hand",
    "background": "Around the references",
    "rejected": "Rejected predictions",
    "given": "Given when the bank was built",
}


class ManageMemoryBanks(NttOperator):
    """Changes the saved memory banks of a dataset, one action at a time."""

    NAME = "manage_memory_banks"
    LABEL = "Manage memory banks"
    DESCRIPTION = "Rename, delete, duplicate, merge, export or import banks; remove negatives"
    ICON = "inventory_2"
    RISK = types.RiskLevel.HIGH
    WRITES_LABELS = False

    def fill(self, form: Form) -> None:
        """The action, and what it needs."""
        action = form.choice("action", "Action", ACTIONS, "rename")
        if action == "merge":
            _choose_banks_to_merge(form)
        elif action is not None and action != "import":
            bank = choose_bank(form)
            if action == "remove_negatives" and bank is not None:
                _choose_negatives(form, bank)
        if action in ("export", "import"):
            _choose_file(form, action)
        if action in ("rename", "duplicate", "merge", "import"):
            name = form.text("new_name", "New name", required=action != "import")
            if name or action != "import":
                check_new_name(form, "new_name", name)
        if action == "delete":
            form.warn("deletes", "This cannot be undone", "Predictions made with the bank stay.")

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Do the chosen action."""
        action = ctx.params.get("action", "")
        if action not in _RUNS:
            raise ntt.NttError(f"unknown action {action!r}. Pass one of: {', '.join(_RUNS)}.")
        return _RUNS[action](ctx.dataset, ctx.params)

    def __call__(self, samples: Any, action: str, **params: Any) -> dict[str, Any]:
        """What the action did; `params` are the form's: `bank`, `banks`, `new_name`, `path`, ...

        Files lie below the exports folder, as for the App; `ntt.export_memory_bank` and
        `ntt.import_memory_bank` take any path.
        """
        if action not in _RUNS:
            raise ntt.NttError(f"unknown action {action!r}. Pass one of: {', '.join(_RUNS)}.")
        return _RUNS[action](samples, params).result


def _choose_banks_to_merge(form: Form) -> None:
    chosen = form.choices("banks", "Memory banks", bank_options(form))
    if len(set(chosen)) < 2:
        form.reject("banks", "choose at least two memory banks.")


def _choose_negatives(form: Form, bank: str) -> None:
    options = _negatives(form.ctx, bank)
    form.choice("origin", "From", _ORIGINS, EVERY)
    form.choices("negatives", "Negatives", options, description="All, if none is chosen")
    if not options:
        form.reject("bank", f"memory bank {bank!r} has no negatives.")


@once_per_prompt
def _negatives(ctx: Context, bank: str) -> dict[str, str]:
    """A bank's negatives by id, with the class that each is not."""
    found = ntt.review_memory_bank(ctx.dataset, bank).negatives
    return {negative.id: f"not {negative.label}: {negative.id}" for negative in found}


def _choose_file(form: Form, action: str) -> None:
    below = f"Below {exports_folder()} on the machine of FiftyOne's server"
    name = form.text("path", "File name", description=below)
    overwrite = action == "export" and form.flag(
        "overwrite", "Replace the memory bank in that file"
    )
    if not name:
        return
    try:
        if action == "import":
            import_path(name)
        else:
            export_path(name, overwrite)
    except ntt.NttError as error:
        form.reject("path", str(error))


def _rename(samples: Any, given: dict[str, Any]) -> Outcome:
    bank = ntt.rename_memory_bank(
        samples, required(given, "bank"), required(given, "new_name").strip()
    )
    return Outcome(f"Memory bank {given['bank']!r} is now {bank.name!r}.", {"name": bank.name})


def _duplicate(samples: Any, given: dict[str, Any]) -> Outcome:
    bank = ntt.duplicate_memory_bank(
        samples, required(given, "bank"), required(given, "new_name").strip()
    )
    return Outcome(f"Memory bank {bank.name!r} is a copy of {given['bank']!r}.", _content(bank))


def _merge(samples: Any, given: dict[str, Any]) -> Outcome:
    bank = ntt.merge_memory_banks(
        samples, required(given, "banks"), required(given, "new_name").strip()
    )
    return Outcome(f"Memory bank {bank.name!r} joins {len(given['banks'])} banks.", _content(bank))


def _export(samples: Any, given: dict[str, Any]) -> Outcome:
    overwrite = bool(given.get("overwrite", False))
    target = export_path(required(given, "path").strip(), overwrite)
    path = ntt.export_memory_bank(samples, required(given, "bank"), target, overwrite=overwrite)
    return Outcome(f"Memory bank {given['bank']!r} is in {path}.", {"path": str(path)})


def _import(samples: Any, given: dict[str, Any]) -> Outcome:
    name = (given.get("new_name") or "").strip() or None
    bank = ntt.import_memory_bank(samples, import_path(required(given, "path").strip()), name)
    return Outcome(f"Imported memory bank {bank.name!r}.", _content(bank))


def _remove_negatives(samples: Any, given: dict[str, Any]) -> Outcome:
    name = required(given, "bank")
    before = len(ntt.load_memory_bank(samples, name).negatives)
    origin = given.get("origin", EVERY)
    bank = ntt.remove_negatives(
        samples,
        name,
        given.get("negatives") or None,
        origin=None if origin == EVERY else origin,
    )
    removed = before - bank.negatives
    return Outcome(f"Memory bank {name!r} has lost {removed} negatives.", {"removed": removed})


def _delete(samples: Any, given: dict[str, Any]) -> Outcome:
    ntt.delete_memory_bank(samples, required(given, "bank"))
    return Outcome(f"Memory bank {given['bank']!r} is deleted.", {"name": required(given, "bank")})


def _content(bank: Any) -> dict[str, Any]:
    return {"name": bank.name, "classes": bank.classes}


_RUNS: dict[str, Callable[[Any, dict[str, Any]], Outcome]] = {
    "rename": _rename,
    "duplicate": _duplicate,
    "merge": _merge,
    "export": _export,
    "import": _import,
    "remove_negatives": _remove_negatives,
    "delete": _delete,
}
