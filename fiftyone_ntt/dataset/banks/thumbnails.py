"""Small pictures of a bank's references, kept beside the dataset for whoever shows the bank.

Looking them up needs neither torch nor an image; making them is `thumbnail_drawing`'s.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc
from fiftyone.operators.store import ExecutionStore

from fiftyone_ntt.dataset.banks.saved_banks import find_bank
from fiftyone_ntt.dataset.labels.gone import needs_database

_STORE = "ntt_thumbnails"
_CHUNK = 1000
"""Thumbnails per entry of FiftyOne's store, which takes 16 MB: one of them is about 3 kB."""
_TTL = 90 * 24 * 3600
"""Seconds: those of a bank that was deleted or built anew go by themselves."""


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
def load_thumbnails(samples: foc.SampleCollection, name: str) -> dict[str, Thumbnail] | None:
    """The pictures that `make_thumbnails` made; None if it has not, of the bank as it is now.

    Raises:
        InputError: no such bank.

    Example:
        >>> ntt.load_thumbnails(dataset, "shapes") is None
        True
        >>> made = ntt.make_thumbnails(dataset, "shapes")
        >>> ntt.load_thumbnails(dataset, "shapes") == made
        True
    """
    dataset = samples._root_dataset
    store, key = _thumbnail_store(dataset), thumbnails_key(dataset, name)
    found: dict[str, Thumbnail] = {}
    first: Any = store.get(f"{key} 0")
    if first is None:
        return None
    for part in range(first["parts"]):
        entry: Any = first if part == 0 else store.get(f"{key} {part}")
        if entry is None:
            return None
        found |= {row[0]: _from_row(row) for row in entry["rows"]}
    return found


def _thumbnail_store(dataset: fo.Dataset) -> ExecutionStore:
    return ExecutionStore.create(_STORE, dataset_id=dataset._doc.id)


def thumbnails_key(dataset: fo.Dataset, name: str) -> str:
    """Of the bank's present content: saving it again under its name changes the time."""
    run_key = find_bank(dataset, name)
    saved = dataset.get_run_info(run_key).timestamp
    # The database keeps milliseconds; the process that saved the bank still knows microseconds.
    return f"{run_key} {saved.replace(tzinfo=None).isoformat(timespec='milliseconds')}"


def save_thumbnails(dataset: fo.Dataset, key: str, thumbnails: list[Thumbnail]) -> None:
    """Keep pictures under a key that `thumbnails_key` gave before they were drawn."""
    store = _thumbnail_store(dataset)
    chunks = [
        thumbnails[start : start + _CHUNK] for start in range(0, len(thumbnails), _CHUNK)
    ] or [[]]
    # The first says how many there are: written last, it vouches for all.
    for part, chunk in reversed(list(enumerate(chunks))):
        rows = [_to_row(thumbnail) for thumbnail in chunk]
        store.set(f"{key} {part}", {"parts": len(chunks), "rows": rows}, ttl=_TTL)


def _to_row(thumbnail: Thumbnail) -> list[str]:
    jpeg = base64.b64encode(thumbnail.jpeg).decode()
    return [thumbnail.id, thumbnail.label_id, thumbnail.sample_id, thumbnail.field, jpeg]


def _from_row(row: list[str]) -> Thumbnail:
    name, label_id, sample_id, field, jpeg = row
    return Thumbnail(name, label_id, sample_id, field, base64.b64decode(jpeg))
