"""Where the database does not answer any more, or a dataset was deleted meanwhile, that is said:
what FiftyOne and MongoDB then raise, at whatever they were at, tells nobody what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import fiftyone.core.collections as foc
from pymongo.errors import ConnectionFailure

from fiftyone_ntt.dataset.labels.fields import dataset_of
from fiftyone_ntt.dataset.work.refreshing import forget_refreshed, stored_document
from fiftyone_ntt.errors import DatabaseError, NttError

P = ParamSpec("P")
R = TypeVar("R")

NOT_ANSWERING = (ConnectionFailure, DatabaseError)
"""Errors after which nothing is tried again: whatever asks the database waits half a minute."""


@contextmanager
def told_if_gone(*things: object) -> Iterator[None]:
    """Tells why what is done inside failed, if it is because the database or a dataset is gone.

    Args:
        things: of which those that are datasets or views of some are looked at.

    Raises:
        DatabaseError: the database does not answer.
        InputError: one of the datasets was deleted.
    """
    try:
        yield
    except ConnectionFailure as error:
        raise _not_answering(error) from error
    except NttError:
        raise
    except Exception:
        _check_datasets(things)
        raise


def needs_database(function: Callable[P, R]) -> Callable[P, R]:
    """A function that uses the database, and tells if that or an argument's dataset is gone."""

    @wraps(function)
    def telling(*args: P.args, **kwargs: P.kwargs) -> R:
        with told_if_gone(*args, *kwargs.values()):
            return function(*args, **kwargs)

    return telling


def _check_datasets(things: tuple[object, ...]) -> None:
    for thing in things:
        if isinstance(thing, foc.SampleCollection):
            try:
                stored_document(dataset_of(thing))
            except ConnectionFailure as error:
                raise _not_answering(error) from error


def _not_answering(error: ConnectionFailure) -> DatabaseError:
    forget_refreshed()
    reason = str(error).partition(" (configured timeouts")[0].partition(", Timeout:")[0]
    return DatabaseError(
        f"FiftyOne's database does not answer any more: {reason}. What was finished by the last "
        "write is kept; start the database and make the same call again."
    )
