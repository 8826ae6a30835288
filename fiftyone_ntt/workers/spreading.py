"""The one scheduler of work: pieces go to worker processes, outcomes come back in order.

The workers compute and the caller alone writes, so that what a run holds, notes and can undo is as
it is in one process. Each worker has one piece at a time: where one dies, it is known over what.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Generic, Protocol, TypeVar, cast, runtime_checkable

from fiftyone_ntt.errors import InputError
from fiftyone_ntt.workers.processes import kill_worker, start_worker

logger = logging.getLogger(__name__)

Piece = TypeVar("Piece")
Result = TypeVar("Result")
Piece_contra = TypeVar("Piece_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)

_AHEAD = 2
"""Outcomes per worker that may wait for the caller, who may be writing, or pausing."""

_TRIES = 2
"""Workers that may die over one piece."""

_MOST_DEATHS = 6
"""Of workers without a piece done between: it is not the pieces' fault."""


class WorkerDied(InputError):
    """A piece of work that worker processes died of."""


class WorkersFail(InputError):
    """Worker processes die whatever they are given to do."""


@runtime_checkable
class Task(Protocol[Piece_contra, Result_co]):
    """What all workers of a run do. It is pickled and sent to each once."""

    def begin(self) -> Callable[[Piece_contra], Result_co]:
        """Called once in each worker: loads what it needs, and returns what does a piece."""
        ...


@dataclass(frozen=True)
class Ready(Generic[Piece, Result]):
    """A task that needs nothing to be loaded."""

    work: Callable[[Piece], Result]

    def begin(self) -> Callable[[Piece], Result]:
        """The work itself."""
        return self.work


@dataclass(frozen=True)
class Outcome(Generic[Result_co]):
    """What became of a piece of work."""

    value: Result_co | None = None
    error: Exception | None = None

    def result(self) -> Result_co:
        """What was made of it.

        Raises:
            WorkerDied: workers died of it.
            Exception: what the work raised.
        """
        if self.error is not None:
            raise self.error
        return cast("Result_co", self.value)


def spread(
    task: Task[Piece, Result], pieces: Iterable[Piece], workers: int
) -> Generator[Outcome[Result], None, None]:
    """The outcome of each piece, in their order, from so many processes.

    A piece whose worker dies (killed, out of memory) is tried once more in another one, and then is
    a failure like those that the work raises. Closing the generator ends the workers at once.

    Args:
        task: can be pickled.
        pieces: taken a few ahead, in threads, one at a time; can be pickled.
        workers: processes.

    Raises:
        WorkersFail: workers die whatever they are given.
        Exception: what `task.begin` or the iteration over the pieces raises.
    """
    pool = _Pool(task, iter(pieces), workers)
    try:
        pool.start()
        yield from pool.outcomes()
    finally:
        pool.close()


def map_in_processes(
    work: Callable[[Piece], Result], pieces: Iterable[Piece], workers: int
) -> Iterator[Result]:
    """The result of each piece of work, in their order; the first failure ends it.

    Args:
        work: can be pickled; sent to each process once.
        pieces: taken a few ahead.
        workers: 1 to work in this process.
    """
    if workers == 1:
        yield from map(work, pieces)
        return
    for outcome in spread(Ready(work), pieces, workers):
        yield outcome.result()


@dataclass
class _Pool(Generic[Piece, Result]):
    """Threads of the parent, each with a worker process that it gives one piece after the other."""

    task: Task[Piece, Result]
    pieces: Iterator[Piece]
    workers: int
    changed: threading.Condition = field(default_factory=threading.Condition)
    done: dict[int, Outcome[Result]] = field(default_factory=dict)
    taken: int = 0  # pieces, so far
    wanted: int = 0  # the outcome that the caller gets next
    ended: bool = False  # whether all pieces are taken
    closed: bool = False
    deaths: int = 0  # since a piece was done
    broken: BaseException | None = None  # what ended the pieces, raised after their outcomes
    error: BaseException | None = None  # what ends the work at once
    executors: set[Executor] = field(default_factory=set)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for _ in range(self.workers):
            thread = threading.Thread(target=self._serve, daemon=True)
            thread.start()
            self.threads.append(thread)

    def outcomes(self) -> Iterator[Outcome[Result]]:
        while True:
            with self.changed:
                self.changed.wait_for(self._has_news)
                if self.wanted not in self.done:
                    if found := self.error or self.broken:
                        raise found
                    return
                outcome = self.done.pop(self.wanted)
                self.wanted += 1
                self.changed.notify_all()
            yield outcome

    def _has_news(self) -> bool:
        finished = self.ended and self.wanted == self.taken
        return self.error is not None or self.wanted in self.done or finished

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()
            executors = list(self.executors)
        for executor in executors:
            kill_worker(executor)
        for thread in self.threads:
            thread.join()

    def _serve(self) -> None:
        """What a thread does: its worker's pieces, until there are no more."""
        worker = _Worker(self)
        try:
            while (piece := self._take()) is not None:
                self._deliver(piece[0], worker.outcome(piece[1]))
        except _Closed:
            pass
        except BaseException as error:
            with self.changed:
                self.error = self.error or error
                self.changed.notify_all()
        finally:
            worker.drop()

    def _take(self) -> tuple[int, Piece] | None:
        with self.changed:
            self.changed.wait_for(self._may_take)
            if self.closed or self.ended or self.error is not None:
                return None
            try:
                piece = next(self.pieces)
            except BaseException as error:
                self.ended = True
                self.broken = None if isinstance(error, StopIteration) else error
                self.changed.notify_all()
                return None
            self.taken += 1
            return self.taken - 1, piece

    def _may_take(self) -> bool:
        room = self.taken < self.wanted + _AHEAD * self.workers
        return room or self.closed or self.ended or self.error is not None

    def _deliver(self, index: int, outcome: Outcome[Result]) -> None:
        with self.changed:
            self.done[index] = outcome
            self.changed.notify_all()

    def own(self, executor: Executor) -> None:
        """Take charge of ending a worker."""
        with self.changed:
            self.executors.add(executor)
            closed = self.closed
        if closed:
            kill_worker(executor)
            raise _Closed

    def disown(self, executor: Executor) -> bool:
        """Give the charge back; False if it is too late, and the worker is being ended."""
        with self.changed:
            self.executors.discard(executor)
            return not self.closed

    def note_life(self) -> None:
        """A piece was done."""
        self.deaths = 0

    def note_death(self, reason: str) -> None:
        """A worker died."""
        with self.changed:
            if self.closed:
                raise _Closed
            self.deaths += 1
            deaths = self.deaths
        if deaths >= max(_MOST_DEATHS, _TRIES * self.workers):
            raise WorkersFail(
                f"{deaths} worker processes ended one after the other, without anything done "
                f"({reason}). Pass fewer workers, each of which needs memory for models of its own."
            )


class _Worker(Generic[Piece, Result]):
    """A thread's worker process, and another one where that dies."""

    def __init__(self, pool: _Pool[Piece, Result]) -> None:
        self._pool = pool
        self._executor: Executor | None = None

    def outcome(self, piece: Piece) -> Outcome[Result]:
        """What became of a piece, tried again where a worker dies of it."""
        reason = ""
        for _ in range(_TRIES):
            try:
                outcome = self._submit(piece)
            except BrokenExecutor as error:
                self.drop()
                reason = _why(error)
                logger.info("a worker process ended: %s", reason)
                self._pool.note_death(reason)
            except Exception:
                if self._pool.closed:
                    raise _Closed from None
                raise
            else:
                self._pool.note_life()
                return outcome
        return Outcome(
            error=WorkerDied(
                f"{_TRIES} worker processes ended over it ({reason}): killed from outside, or out "
                "of memory. Run again to try it once more, with fewer workers if memory is short."
            )
        )

    def _submit(self, piece: Piece) -> Outcome[Result]:
        if self._executor is None:
            task, workers = self._pool.task, self._pool.workers
            self._executor, ready = start_worker(workers, _begin, task)
            self._pool.own(self._executor)
            _raise_unless_done(ready.result())
        found = self._executor.submit(_do, piece).result()
        if found is None:  # loky has put a new process in the place of one that had grown
            _raise_unless_done(self._executor.submit(_begin, self._pool.task).result())
            found = self._executor.submit(_do, piece).result()
        return cast("Outcome[Result]", found)

    def drop(self) -> None:
        """End the process."""
        executor, self._executor = self._executor, None
        if executor is not None and self._pool.disown(executor):
            kill_worker(executor)


class _Closed(BaseException):
    """The caller wants no more."""


def _why(error: BrokenExecutor) -> str:
    """The exit status in loky's message, which goes on with advice on loky."""
    text = " ".join(str(error).split())
    _, found, codes = text.partition("exit codes of the workers are ")
    return f"exit status {codes.strip('{}')}" if found else text.partition(". ")[0]


def _raise_unless_done(outcome: Outcome[None]) -> None:
    outcome.result()


_work: Callable[[Any], Any] | None = None
"""In a worker: what it does."""


def _begin(task: Task[Any, Any]) -> Outcome[None]:
    global _work
    try:
        _work = task.begin()
    except Exception as error:
        return Outcome(error=_portable(error))
    return Outcome()


def _do(piece: Any) -> Outcome[Any] | None:
    """In a worker: the outcome of a piece; None if it has not begun."""
    if _work is None:
        return None
    try:
        return Outcome(_work(piece))
    except Exception as error:
        logger.debug("a piece of work failed", exc_info=True)
        return Outcome(error=_portable(error))


def _portable(error: Exception) -> Exception:
    """An error that another process can make again, which it does from the error's arguments."""
    plain = all(isinstance(part, (str, int, type(None))) for part in error.args)
    if plain and not isinstance(type(error).__init__, FunctionType):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")
