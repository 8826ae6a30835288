"""Choosing among the memory banks of a dataset, and naming new ones."""

from __future__ import annotations

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.counts import format_counts
from fiftyone_ntt.plugin.shared.form import Form


def bank_options(form: Form) -> dict[str, str]:
    """The dataset's banks, with what is in them. Cheap: their arrays are not loaded."""
    return {
        bank.name: f"{bank.name} ({format_counts(bank.classes)})"
        for bank in ntt.list_memory_banks(form.ctx.dataset)
    }


def choose_bank(form: Form, name: str = "bank") -> str | None:
    """A dropdown of the dataset's banks, at first the one that was saved last; says so where there
    is none."""
    options = bank_options(form)
    banks = ntt.list_memory_banks(form.ctx.dataset)
    newest = max(banks, key=lambda bank: bank.created, default=None)
    chosen = form.choice(name, "Memory bank", options, None if newest is None else newest.name)
    if not options:
        form.reject(name, "this dataset has no memory bank. Run “Build memory bank” first.")
    return chosen


def check_new_name(form: Form, field: str, name: str, overwrite: bool = False) -> None:
    """Say beside `field` why a bank cannot be saved under `name`, if so."""
    if not name:
        form.reject(field, "give the memory bank a name.")
        return
    problem = ntt.memory_bank_name_problem(form.ctx.dataset, name, overwrite=overwrite)
    if problem is not None:
        form.reject(field, problem)
