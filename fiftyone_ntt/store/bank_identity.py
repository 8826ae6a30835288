"""What makes two banks the same bank: what they remember, whatever they are called."""

from __future__ import annotations

import dataclasses
import hashlib

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.store.bank_file import bank_bytes


def bank_hash(bank: MemoryBank) -> str:
    """Hexadecimal hash of what a bank remembers, whatever it is called."""
    references, negatives = (
        dataclasses.replace(rows, image_names=()) for rows in (bank.references, bank.negatives)
    )
    content = dataclasses.replace(
        bank,
        references=references,
        negatives=negatives,
        name="",
        models={},
        notes=(),
        versions={},
        calibrations=(),
    )
    return hashlib.sha256(bank_bytes(content)).hexdigest()
