"""A dataset as the database has it now, whichever process changed it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import fiftyone as fo
import fiftyone.core.odm as foo
import fiftyone.core.sample as fos

from fiftyone_ntt.errors import InputError

_NEVER_STORED = {"media_reference"}
"""Fields that FiftyOne makes up for every sample."""


def refresh(dataset: fo.Dataset, *, runs: bool = False) -> None:
    """Make this process know the dataset as it is now, whoever changed it since.

    Unsaved edits of samples stay, which FiftyOne's `reload` would drop.

    Args:
        dataset: to refresh.
        runs: read its custom runs again in any case: they have documents of their own, which may
            change while the dataset's does not.

    Raises:
        InputError: it was deleted.
    """
    found = stored_document(dataset)
    # A run asks before every write: where nothing changed, one look-up must do.
    if _refreshed.get(dataset._doc.id) == (dataset._sample_doc_cls, found):
        if runs:
            dataset._doc.reload("runs")
        return
    dataset._reload()
    if not _knows(dataset, dict(_stored_fields(found["sample_fields"]))):
        # Makes a new class for samples: those in the caller's hands do not know later fields.
        dataset._reload(hard=True)
    _refreshed[dataset._doc.id] = dataset._sample_doc_cls, found


def stored_document(dataset: fo.Dataset) -> dict[str, Any]:
    """A dataset's document as the database has it.

    Raises:
        InputError: it was deleted.
    """
    found: dict[str, Any] | None = None
    if not dataset.deleted:  # by this process; then it cannot be asked for its id
        found = foo.get_db_conn()["datasets"].find_one(
            {"_id": dataset._doc.id}, {"last_loaded_at": 0}
        )
    if found is None:
        raise deleted_meanwhile(dataset)
    return found


def forget_refreshed() -> None:
    """Have the next `refresh` of each dataset read all of it: what FiftyOne could not write stays
    in its memory as if it had."""
    _refreshed.clear()


def deleted_meanwhile(dataset: fo.Dataset) -> InputError:
    """What to tell the user of a dataset that is no longer there."""
    return InputError(
        f"dataset {dataset.name!r} was deleted meanwhile. What was written to it is gone with it; "
        "load another dataset."
    )


_refreshed: dict[Any, tuple[type, dict[str, Any]]] = {}
"""By a dataset's id, the class of its samples and its document when it was last refreshed."""


_FieldKind = tuple[str, bool]
"""A field's type, and whether it is read-only."""


def _knows(dataset: fo.Dataset, stored: Mapping[str, _FieldKind]) -> bool:
    """Whether this process believes a dataset's fields to be what the database has.

    Asked of the class that FiftyOne makes for samples: `Dataset._reload()` leaves that as it is.
    """
    schema = dataset.get_field_schema(flat=True, include_private=True)
    known = {
        path: (_full_name(type(field)), bool(field.read_only)) for path, field in schema.items()
    }
    # FiftyOne knows more of each label than it stores, and some of each sample.
    own = set(dataset.get_field_schema()) - set(fos.get_default_sample_fields()) - _NEVER_STORED
    return all(known.get(path) == kind for path, kind in stored.items()) and own <= set(stored)


def _stored_fields(
    fields: Iterable[Mapping[str, Any]], prefix: str = ""
) -> Iterator[tuple[str, _FieldKind]]:
    """What all fields are, by path, as the database has them."""
    for field in fields:
        path = prefix + field["name"]
        yield path, (field["ftype"], bool(field.get("read_only")))
        yield from _stored_fields(field.get("fields") or (), f"{path}.")


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
