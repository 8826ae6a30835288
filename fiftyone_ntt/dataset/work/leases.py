"""One run holds a field: a lease in the database, kept alive by a heartbeat in the server's time.

The lease is also how other processes talk to a run: whoever holds it finds there, between two
images, whether it shall pause or stop, and leaves there how far it is.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

import fiftyone as fo
import fiftyone.core.odm as foo
import psutil
from pymongo import ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import ConnectionFailure, DuplicateKeyError, PyMongoError

from fiftyone_ntt.errors import DatabaseError, InputError

LIFETIME = 30.0
"""Seconds after its last heartbeat until a lease is anybody's."""
BEAT = 5.0
"""Seconds between heartbeats."""

Request = Literal["pause", "cancel"]

_COLLECTION = "fiftyone_ntt.leases"


class LeaseLost(InputError):
    """Another run took the field over, or the dataset is gone."""


@dataclass(frozen=True)
class Reached:
    """How far a run is.

    Attributes:
        total: samples that it was given.
        done: of them, those that have its labels.
        failed: of them, those that it could not do.
        here: samples that this call has come to, done or failed.
        seconds: that it worked on these, without its pauses.
    """

    total: int
    done: int
    failed: int
    here: int
    seconds: float


@dataclass(frozen=True)
class Holder:
    """Who holds a field.

    Attributes:
        run: key of the run.
        token: what its workers show.
        process: where it runs, for people.
        age: seconds since it took the field.
        silence: seconds since its last sign of life, in the server's time.
        alive: False where its process is known to have ended, or has been silent for too long.
        request: what it was asked to do, if anything.
        reached: how far it is, once it has said so.
    """

    run: str
    token: str
    process: str
    age: float
    silence: float
    alive: bool
    request: Request | None
    reached: Reached | None = None

    def __str__(self) -> str:
        return (
            f"run {self.run} ({self.process}, for {_duration(self.age)}, last sign of life "
            f"{_duration(self.silence)} ago)"
        )


@dataclass(frozen=True)
class Lease:
    """A field that is held.

    Attributes:
        dataset: of the field.
        name: of the field.
        run: that holds it.
        token: what tells this lease from others of the same run.
        key: of its document. Kept, for a dataset that is deleted meanwhile tells no id any more.
    """

    dataset: fo.Dataset
    name: str
    run: str
    token: str
    key: str

    def beat(self, reached: Reached | None = None) -> Request | None:
        """Show that the run is alive; returns what it was asked to do meanwhile.

        Args:
            reached: how far the run is, for whoever looks.

        Raises:
            LeaseLost: another run took the field over.
        """
        said = {} if reached is None else {"reached": asdict(reached)}
        found = _leases().find_one_and_update(
            {"_id": self.key, "token": self.token},
            [{"$set": {"beat": "$$NOW", **said}}],
        )
        if found is None:
            raise LeaseLost(
                f"run {self.run} no longer holds field {self.name!r} of {self.dataset.name!r}: "
                "it gave no sign of life for too long, or it was freed by hand. What it wrote "
                "stays; run it again to go on."
            )
        request: Request | None = found.get("request")
        return request


@contextmanager
def hold_field(dataset: fo.Dataset, name: str, run: str) -> Iterator[Lease]:
    """Hold a field while the work inside goes on.

    Raises:
        InputError: another run holds it, or the same run in another call; says which, since when,
            and what to do.
        pymongo.errors.PyMongoError: the database does not answer.
    """
    lease = Lease(dataset, name, run, uuid4().hex, _key(dataset, name))
    _held_here.add(lease.token)
    ended = threading.Event()
    answering = True
    try:
        _acquire(lease)
        # Not joined: it may be waiting for a database that does not answer.
        threading.Thread(target=_keep_alive, args=(lease, ended), daemon=True).start()
        yield lease
    except (ConnectionFailure, DatabaseError):
        answering = False
        raise
    finally:
        ended.set()
        _held_here.discard(lease.token)
        if answering:
            _leases().delete_one({"_id": lease.key, "token": lease.token})


_held_here: set[str] = set()
"""Tokens of the leases that this process works under."""


def holder_of(dataset: fo.Dataset, name: str) -> Holder | None:
    """Who holds a field; None where nobody does."""
    return next((holder for field, holder in holders(dataset) if field == name), None)


def holders(dataset: fo.Dataset) -> list[tuple[str, Holder]]:
    """The fields of a dataset that are held, and by whom."""
    rows = _leases().aggregate(
        [
            {"$match": {"dataset": dataset._doc.id}},
            {"$set": {"now": "$$NOW"}},
        ]
    )
    return [(row["field"], _holder(row)) for row in rows]


def ask(dataset: fo.Dataset, name: str, token: str, request: Request | None) -> bool:
    """Leave a request for a run, or take it back; whether the run still holds the field."""
    changed = _leases().update_one(
        {"_id": _key(dataset, name), "token": token}, {"$set": {"request": request}}
    )
    return changed.matched_count == 1


def free(dataset: fo.Dataset, name: str, token: str) -> None:
    """Take a field from a run that is dead."""
    _leases().delete_one({"_id": _key(dataset, name), "token": token})


def _acquire(lease: Lease) -> None:
    holder = holder_of(lease.dataset, lease.name)
    if holder is not None and not holder.alive:
        free(lease.dataset, lease.name, holder.token)
    values = {
        "dataset": lease.dataset._doc.id,
        "field": {"$literal": lease.name},
        "run": {"$literal": lease.run},
        "token": lease.token,
        "host": {"$literal": socket.gethostname()},
        "pid": os.getpid(),
        "process_started": psutil.Process().create_time(),
        "request": None,
        "reached": None,
        "since": "$$NOW",
        "beat": "$$NOW",
    }
    silent = {"$subtract": ["$$NOW", int(1000 * LIFETIME)]}
    is_free = {"$lt": [{"$ifNull": ["$beat", datetime.min]}, silent]}
    # One atomic operation: takes a free or a dead one's field, and leaves a living one's as it is.
    taken = {name: {"$cond": [is_free, value, f"${name}"]} for name, value in values.items()}
    found = _upsert(lease.key, [{"$set": taken}])
    if found["token"] != lease.token:
        raise InputError(_refusal(lease, found["run"]))


def _upsert(key: str, update: list[dict[str, Any]]) -> dict[str, Any]:
    options: dict[str, Any] = {"upsert": True, "return_document": ReturnDocument.AFTER}
    try:
        return _leases().find_one_and_update({"_id": key}, update, **options)
    except DuplicateKeyError:  # another process inserted it in the same moment
        return _leases().find_one_and_update({"_id": key}, update, **options)


def _refusal(lease: Lease, run: str) -> str:
    """Why a field cannot be held; the run that holds it may have ended since."""
    holder = holder_of(lease.dataset, lease.name)
    return (
        f"field {lease.name!r} of {lease.dataset.name!r} is being written to by "
        f"{holder or f'run {run}'}. Wait for it, stop it with `cancel_run(dataset, "
        f"{holder.run if holder else run!r})`, or pass another field. A run that died holds its "
        f"field for {LIFETIME:.0f} s; `cancel_run` frees it at once."
    )


def _keep_alive(lease: Lease, ended: threading.Event) -> None:
    while not ended.wait(BEAT):
        try:
            lease.beat()
        except LeaseLost:
            return  # the work finds out at its next look
        except PyMongoError:
            continue  # the database may come back before the lease ends


def _holder(row: dict[str, Any]) -> Holder:
    silence = (row["now"] - row["beat"]).total_seconds()
    return Holder(
        run=row["run"],
        token=row["token"],
        process=f"process {row['pid']} on {row['host']}",
        age=(row["now"] - row["since"]).total_seconds(),
        silence=silence,
        alive=silence < LIFETIME and not _ended_here(row),
        request=row.get("request"),
        reached=Reached(**row["reached"]) if row.get("reached") else None,
    )


def _ended_here(row: dict[str, Any]) -> bool:
    """Whether a process of this machine is known to have ended, or this one that work of its: where
    the database broke down it could not give the field back."""
    if row["host"] != socket.gethostname():
        return False
    try:
        process = psutil.Process(row["pid"])
        if process.create_time() != row["process_started"]:
            return True  # another one of the same number
        if row["pid"] == os.getpid():
            return row["token"] not in _held_here
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _leases() -> Collection[dict[str, Any]]:
    collection: Collection[dict[str, Any]] = foo.get_db_conn()[_COLLECTION]
    return collection


def _key(dataset: fo.Dataset, name: str) -> str:
    # By the dataset's id: it may be renamed while a run goes on.
    return f"{dataset._doc.id}/{name}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
