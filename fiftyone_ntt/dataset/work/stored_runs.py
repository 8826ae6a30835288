"""FiftyOne custom runs, replaced whole or not at all.

FiftyOne deletes a run before it writes the next one under its key, so a process killed meanwhile
leaves neither. And it asks the dataset object, which knows no run that another process has saved,
renamed or deleted since. Here the dataset's document in the database decides: a run is written
beside the others first, and one update of that document, made only if the key still holds what was
looked at, puts it in its place. Whoever reads finds the old run or the new one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import fiftyone as fo
import fiftyone.constants as focn
import fiftyone.core.odm as foo
import fiftyone.core.runs as fors
from bson import ObjectId, json_util
from gridfs import GridFS
from gridfs.errors import CorruptGridFile, NoFile

from fiftyone_ntt.dataset.work.refreshing import deleted_meanwhile, refresh
from fiftyone_ntt.errors import StoreError

Document = dict[str, Any]

_RUNS = "runs"
"""Field of a dataset's document with the ids of its custom runs, by key."""
_BRAIN_RUNS = "brain_methods"
"""The same of its brain runs."""
_ABANDONED_AFTER = timedelta(hours=1)
"""A run that no dataset points to is still being written, or its writer was killed."""


class StoredRun(NamedTuple):
    """A run as the database holds it.

    Attributes:
        config: what `dataset.init_run` took, and what FiftyOne notes of its kind.
        saved: when, UTC.
        results: of what it holds; the same when it gets another key or config.
    """

    config: Document
    saved: datetime
    results: ObjectId | None


def run_ids(dataset: fo.Dataset, field: str = _RUNS) -> dict[str, ObjectId]:
    """What the keys of a dataset's runs hold in the database now.

    Read it before you check whether a key is free: what was checked is then no older than the
    `replacing` that is passed on, and a writer that came between is noticed.

    Raises:
        InputError: the dataset was deleted.
    """
    found = _datasets().find_one({"_id": dataset._doc.id}, {field: 1})
    if found is None:
        raise deleted_meanwhile(dataset)
    return dict(found.get(field, {}))


def put_run(
    dataset: fo.Dataset,
    key: str,
    config: Any,
    values: Mapping[str, Any] | None = None,
    *,
    replacing: ObjectId | None,
    keep_as: tuple[str, Any] | None = None,
    results: ObjectId | None = None,
) -> datetime | None:
    """Write a run under a key, in place of the one that is there.

    Args:
        dataset: to keep it.
        key: of the run.
        config: made by `dataset.init_run`.
        values: of its results; a run without results when None.
        replacing: what `run_ids` said of the key; None where it was free.
        keep_as: a free key and a config made by `dataset.init_run`: the run that was there stays
            under these, with its results.
        results: a new id for what it holds; made here when None.

    Returns:
        When it was saved, UTC; None if the key holds something else by now, and nothing is changed.
    """
    document = _document(dataset, key, config)
    if values is not None:
        # The document first: what a killed writer leaves in GridFS is then known by it.
        document.results.grid_id = results or ObjectId()
    document.save()
    if values is not None:
        serialised = fors.RunResults(dataset, config, key, **values).serialize()
        content = json_util.dumps(serialised).encode()
        _files().put(content, _id=document.results.grid_id, content_type="application/json")
    kept = None if keep_as is None else _moved(dataset, *keep_as, replacing).id
    new: dict[str, ObjectId | None] = {} if keep_as is None else {keep_as[0]: kept}
    done = _swap(dataset, {key: document.id, **new}, {key: replacing, **dict.fromkeys(new)})
    for run_id in (replacing,) if done else (document.id, kept):
        _discard(run_id)
    for method in {config.method} if keep_as is None else {config.method, keep_as[1].method}:
        _sweep(dataset, method)
    return document.timestamp if done else None


def move_run(
    dataset: fo.Dataset, key: str, new_key: str, config: Any, *, replacing: ObjectId | None
) -> bool:
    """Give a run another key and config, with the results and time it has.

    Args:
        dataset: which keeps it.
        key: of the run.
        new_key: may be the same.
        config: made by `dataset.init_run`.
        replacing: what `run_ids` said of `key`; `new_key` was free, or is the same.

    Returns:
        Whether it was done; if not, one of the keys holds something else by now.
    """
    document = _moved(dataset, new_key, config, replacing)
    expected = {new_key: None, key: replacing}
    done = _swap(dataset, {key: None, new_key: document.id}, expected)
    _discard(replacing if done else document.id)
    return done


def put_back(
    dataset: fo.Dataset,
    key: str,
    kept_key: str,
    config: Any,
    *,
    replacing: ObjectId | None,
    kept: ObjectId | None,
) -> bool:
    """Put a run that `put_run` kept in the place of the one that replaced it, which goes.

    Args:
        dataset: which keeps both.
        key: to hold it again.
        kept_key: where it is kept.
        config: made by `dataset.init_run`.
        replacing: what `run_ids` said of `key`.
        kept: what it said of `kept_key`.

    Returns:
        Whether it was done; if not, one of the keys holds something else by now.
    """
    document = _moved(dataset, key, config, kept)
    done = _swap(dataset, {key: document.id, kept_key: None}, {key: replacing, kept_key: kept})
    for run_id in (replacing, kept) if done else (document.id,):
        _discard(run_id)
    return done


def _moved(dataset: fo.Dataset, key: str, config: Any, run_id: ObjectId | None) -> Any:
    """A run's document under another key and config, with its time and results."""
    before = _run_documents().find_one({"_id": run_id}) or {}
    document = _document(dataset, key, config)
    document.timestamp = before.get("timestamp", document.timestamp)
    document.results.grid_id = before.get("results")
    document.save()
    return document


def record_run(
    dataset: fo.Dataset, key: str, config: Any, values: Mapping[str, Any] | None = None
) -> None:
    """Write a run, whatever its key holds; without `values`, the results that are there stay."""
    done = False
    while not done:
        holds = run_ids(dataset).get(key)
        if values is None and holds is not None:
            done = move_run(dataset, key, key, config, replacing=holds)
        else:
            done = put_run(dataset, key, config, values, replacing=holds) is not None


def remove_run(dataset: fo.Dataset, key: str, *, replacing: ObjectId | None) -> bool:
    """Delete a run; False if the key holds another one by now, which stays."""
    done = _swap(dataset, {key: None}, {key: replacing})
    if done:
        _discard(replacing)
    return done


def drop_run(dataset: fo.Dataset, key: str) -> None:
    """Delete a run, whatever its key holds, if it is there."""
    while not remove_run(dataset, key, replacing=run_ids(dataset).get(key)):
        pass  # somebody has just noted something on it


def run_document(dataset: fo.Dataset, key: str) -> Document | None:
    """What `restore_run` needs to bring a run back, without its results; None if there is none."""
    refresh(dataset, runs=True)
    if key not in dataset.list_runs():
        return None
    config: Document = dataset.get_run_info(key).config.serialize()
    return {"key": key, "config": config}


def run_configs(
    dataset: fo.Dataset, methods: Collection[str], names: Collection[str]
) -> dict[str, Document]:
    """What the configs of runs say, by key: two look-ups in the database, however many there are.

    Args:
        dataset: which keeps them.
        methods: kinds of runs.
        names: of what is read of each; what one lacks is left out.
    """
    places = {f"config.{name}": 1 for name in names}
    return {key: row.get("config", {}) for key, row in _rows(dataset, methods, places)}


def stored_runs(
    dataset: fo.Dataset, methods: Collection[str] | None = None
) -> dict[str, StoredRun]:
    """The runs of some kinds, or all, by key: two look-ups in the database, however many."""
    return {
        key: StoredRun(row["config"], row["timestamp"], row.get("results"))
        for key, row in _rows(dataset, methods)
    }


def _rows(
    dataset: fo.Dataset, methods: Collection[str] | None, places: Mapping[str, int] | None = None
) -> Iterator[tuple[str, Document]]:
    """The documents of the runs of some kinds, or all, or these places of them, with their keys."""
    keys = {run_id: key for key, run_id in run_ids(dataset).items()}
    wanted: Document = {"_id": {"$in": list(keys)}}
    if methods is not None:
        wanted["config.method"] = {"$in": list(methods)}
    for row in _run_documents().find(wanted, places):
        yield keys[row["_id"]], row


def config_values(config: Mapping[str, Any]) -> Document:
    """What `dataset.init_run` took to make a run's config."""
    return {key: value for key, value in config.items() if key not in ("cls", "type")}


def restore_run(dataset: fo.Dataset, document: Document) -> None:
    """Bring a run back, unless there is one of its key again."""
    config = dataset.init_run(**config_values(document["config"]))
    put_run(dataset, document["key"], config, replacing=None)


def run_values(dataset: fo.Dataset, key: str) -> dict[str, Any] | None:
    """The results of a run as the database holds them; None if it has none, or there is no run."""
    seen = None
    while True:
        run_id = run_ids(dataset).get(key)
        if run_id is None or run_id == seen:
            return None
        seen = run_id
        document = _run_documents().find_one({"_id": run_id}) or {}
        try:
            content = _files().get(document.get("results")).read()
        except (NoFile, CorruptGridFile):
            continue  # replaced since its id was read, unless that is what the key still holds
        try:
            found: dict[str, Any] = json_util.loads(content.decode())
        except (ValueError, TypeError, RecursionError) as error:
            raise StoreError(
                f"what run {key!r} of dataset {dataset.name!r} keeps is damaged: {error}. Delete "
                f"the run (`dataset.delete_run({key!r})`), and make it again."
            ) from error
        return found


def replace_brain_runs(
    dataset: fo.Dataset, drafts: Mapping[str, str], before: Collection[str]
) -> None:
    """Put finished brain runs in the place of others, all at once.

    Args:
        dataset: which keeps them.
        drafts: the key that each is to have, by the key it has.
        before: keys of those that give way.
    """
    known = run_ids(dataset, _BRAIN_RUNS)
    placed = {key: known[draft] for draft, key in drafts.items()}
    for key, run_id in placed.items():
        _run_documents().update_one({"_id": run_id}, {"$set": {"key": key}})
    _swap(dataset, dict.fromkeys([*before, *drafts]) | placed, {}, _BRAIN_RUNS)
    for key in before:
        _discard(known.get(key))


def _document(dataset: fo.Dataset, key: str, config: Any) -> Any:
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    return foo.RunDocument(
        dataset_id=dataset._doc.id,
        key=key,
        version=focn.VERSION,
        # As the database keeps it: to the millisecond.
        timestamp=now.replace(microsecond=now.microsecond // 1000 * 1000),
        config=deepcopy(config.serialize()),
    )


def _swap(
    dataset: fo.Dataset,
    values: Mapping[str, ObjectId | None],
    expected: Mapping[str, ObjectId | None],
    field: str = _RUNS,
) -> bool:
    """Set keys to these runs, None for no run, if they hold what is expected; all or none."""
    condition: dict[str, Any] = {"_id": dataset._doc.id}
    for key, run_id in expected.items():
        condition[f"{field}.{key}"] = {"$exists": False} if run_id is None else run_id
    now = datetime.now(timezone.utc)
    update = {
        "$set": {f"{field}.{k}": run_id for k, run_id in values.items() if run_id is not None}
        | {"last_modified_at": now},
        "$unset": {f"{field}.{k}": 1 for k, run_id in values.items() if run_id is None},
    }
    done = _datasets().update_one(condition, {k: part for k, part in update.items() if part})
    refresh(dataset)
    for key in values:
        cache = dataset._run_cache if field == _RUNS else dataset._brain_cache
        cache.pop(key, None)
    return bool(done.matched_count)


def _discard(run_id: ObjectId | None) -> None:
    """Delete a run that no dataset points to, and its results unless a moved run has them."""
    document = _run_documents().find_one({"_id": run_id})
    if document is None:
        return
    results = document.get("results")
    others = {"_id": {"$ne": run_id}, "results": results}
    if results is not None and _run_documents().find_one(others, {"_id": 1}) is None:
        _files().delete(results)
    _run_documents().delete_one({"_id": run_id})


def _sweep(dataset: fo.Dataset, method: str) -> None:
    """Delete what killed writers of such runs have left."""
    # Not by the run's time, which a run that is just being moved has kept.
    latest = ObjectId.from_datetime(datetime.now(timezone.utc) - _ABANDONED_AFTER)
    abandoned = {
        "_dataset_id": dataset._doc.id,
        "config.method": method,
        "_id": {"$nin": list(run_ids(dataset).values()), "$lt": latest},
    }
    for document in list(_run_documents().find(abandoned, {"_id": 1})):
        _discard(document["_id"])


def _datasets() -> Any:
    return foo.get_db_conn()["datasets"]


def _run_documents() -> Any:
    return foo.get_db_conn()["runs"]


def _files() -> GridFS:
    return GridFS(foo.get_db_conn())
