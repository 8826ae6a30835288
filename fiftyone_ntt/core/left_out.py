"""A bank without some of its references: what it would say of images it does not know."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from fiftyone_ntt.core.bank import MemoryBank, negative_source


def with_stand_ins(bank: MemoryBank, ids: Collection[str]) -> MemoryBank:
    """The bank as if it had never seen some references, with as many as before.

    `MemoryBank.without_references` has fewer. Here the place of each is taken by the most similar
    other reference of its class. With fewer, of several appearances of a class the one that is left
    out would be rarer among the rest than among the objects that the bank is to find.

    Args:
        bank: any.
        ids: of references; other names do not matter. Negatives made of them go, too.

    Returns:
        A bank of the same classes and as many references. A class all of whose references are to be
        left out keeps them: it takes part, and what it finds says nothing.
    """
    rows, gone = bank.references, np.array([name in ids for name in bank.references.ids])
    taken = []
    for row in range(len(rows)):
        others = np.flatnonzero((rows.classes == rows.classes[row]) & ~gone)
        if gone[row] and len(others):
            alike = bank.unit_references[others] @ bank.unit_references[row]
            taken.append(int(others[alike.argmax()]))
        else:
            taken.append(row)
    kept = [i for i, name in enumerate(bank.negatives.ids) if negative_source(name) not in ids]
    return replace(
        bank, references=rows.rows(taken), negatives=bank.negatives.rows(kept), calibrations=()
    )
