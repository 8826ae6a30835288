"""Small pictures of a bank's references, kept beside the dataset for whoever shows the bank.

A picture shows what a reference's features were taken of, and is kept under both: it stays with the
reference whatever else changes in the bank, and a label that was redrawn and encoded again gets
another. Looking them up needs neither torch nor an image; making them is `thumbnail_drawing`'s.
"""

from __future__ import annotations

import base64
import hashlib
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc
from fiftyone.operators.store import ExecutionStore

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.dataset.banks.bank_memory import kept_bank
from fiftyone_ntt.dataset.labels.gone import needs_database

_STORE = "ntt_reference_thumbnails"
_TTL = 90 * 24 * 3600
"""Seconds: those of references that are in no bank any more go by themselves."""
_KEPT = 2_000
"""Pictures in memory: 8 MB."""
_lock = Lock()
_rows: OrderedDict[tuple[str, str], list[str]] = OrderedDict()
_TTL_OF_NONE = 600
"""Of a note that there is nothing to draw: the label may come back."""


@dataclass(frozen=True)
class Thumbnail:
    """A reference as the encoder saw it, and where its label is.

    Attributes:
        id: of the reference, or the negative, in the bank.
        label_id: of the label.
        sample_id: of the sample it lies on.
        field: of the label.
        jpeg: the reference's window with the mask outlined, 72 x 72 px.
    """

    id: str
    label_id: str
    sample_id: str
    field: str
    jpeg: bytes

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode()}"


@needs_database
def load_thumbnails(
    samples: foc.SampleCollection, name: str, ids: Collection[str] | None = None
) -> dict[str, Thumbnail | None]:
    """The pictures that `make_thumbnails` made of a bank as it is now.

    Args:
        samples: the dataset, or a view of it.
        name: of the bank.
        ids: of references and negatives, others are left out; all of the bank when None.

    Returns:
        By id; None where there was nothing to draw. Those that are still to be made are left out.

    Raises:
        InputError: no such bank.

    Example:
        >>> ntt.load_thumbnails(dataset, "shapes")
        {}
        >>> made = ntt.make_thumbnails(dataset, "shapes")
        >>> ntt.load_thumbnails(dataset, "shapes") == made
        True
    """
    dataset = samples._root_dataset
    store = _thumbnail_store(dataset)
    found: dict[str, Thumbnail | None] = {}
    for known, key in thumbnail_keys(kept_bank(dataset, name), ids).items():
        row = _kept_row(store, dataset, key)
        if row is not None:
            found[known] = _from_row(known, row) if row else None
    return found


def _kept_row(store: ExecutionStore, dataset: fo.Dataset, key: str) -> list[str] | None:
    """What the store holds under a key; pictures never change, so they are kept in memory too."""
    of = (str(dataset._doc.id), key)
    with _lock:
        if of in _rows:
            _rows.move_to_end(of)
            return _rows[of]
    row: Any = store.get(key)
    if row:
        with _lock:
            _rows[of] = row
            while len(_rows) > _KEPT:
                _rows.popitem(last=False)
    return None if row is None else list(row)


def thumbnail_keys(bank: MemoryBank, ids: Collection[str] | None = None) -> dict[str, str]:
    """What thumbnails are kept under: a digest of a reference's id and features, by its id."""
    wanted = None if ids is None else set(ids)
    keys: dict[str, str] = {}
    for rows in (bank.references, bank.negatives):
        for row, name in enumerate(rows.ids):
            if wanted is None or name in wanted:
                content = name.encode() + rows.prototypes[row].tobytes()
                keys[name] = hashlib.sha256(content).hexdigest()[:32]
    return keys


def save_thumbnails(
    dataset: fo.Dataset,
    keys: dict[str, str],
    thumbnails: Iterable[Thumbnail],
    none: Iterable[str] = (),
) -> None:
    """Keep pictures.

    Args:
        dataset: of the bank.
        keys: as `thumbnail_keys` gave them before they were drawn.
        thumbnails: of some of these references.
        none: those of which there is nothing to draw.
    """
    store = _thumbnail_store(dataset)
    for made in thumbnails:
        store.set(keys[made.id], _to_row(made), ttl=_TTL)
    for name in none:
        store.set(keys[name], [], ttl=_TTL_OF_NONE)


def _thumbnail_store(dataset: fo.Dataset) -> ExecutionStore:
    return ExecutionStore.create(_STORE, dataset_id=dataset._doc.id)


def _to_row(thumbnail: Thumbnail) -> list[str]:
    jpeg = base64.b64encode(thumbnail.jpeg).decode()
    return [thumbnail.label_id, thumbnail.sample_id, thumbnail.field, jpeg]


def _from_row(name: str, row: list[str]) -> Thumbnail:
    label_id, sample_id, field, jpeg = row
    return Thumbnail(name, label_id, sample_id, field, base64.b64decode(jpeg))
