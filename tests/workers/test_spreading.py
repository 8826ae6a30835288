"""Outcomes in order, whatever fails or dies; and nobody is left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from fiftyone_ntt.errors import InputError
from fiftyone_ntt.workers.processes import check_workers, default_workers
from fiftyone_ntt.workers.spreading import (
    Outcome,
    Ready,
    WorkerDied,
    WorkersFail,
    map_in_processes,
    spread,
)
from tests.workers.pieces import Doubling, Failing

ROOT = Path(__file__).parents[2]


def told(outcome: Outcome[tuple[int, str]]) -> object:
    try:
        return outcome.result()[0]
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def begun(folder: Path) -> list[int]:
    """Process ids of the workers that began."""
    return [int(path.name.split("-")[1]) for path in folder.glob("begun-*")]


def wait_until(happened: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def assert_gone(processes: list[int]) -> None:
    def gone(process: int) -> bool:
        try:
            return psutil.Process(process).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    wait_until(lambda: all(map(gone, processes)))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_outcomes_are_in_order_and_failures_are_pieces_own(tmp_path: Path, workers: int) -> None:
    pieces = [0, 1, -1, 2, 3, 4, -2, 5, 6, 7, 8]
    found = list(spread(Doubling(tmp_path, 0.02), pieces, workers))
    expected = [0, 2, "ValueError: minus one", 4, 6, 8, "RuntimeError: OddError: minus two"]
    assert [told(outcome) for outcome in found] == [*expected, 10, 12, 14, 16]
    assert 1 <= len(begun(tmp_path)) <= workers
    assert_gone(begun(tmp_path))


def test_a_piece_that_workers_die_of_is_tried_again_and_then_fails_alone(tmp_path: Path) -> None:
    found = list(spread(Doubling(tmp_path), [1, -3, 2, -4, 3], 2))
    assert [told(found[i]) for i in (0, 2, 3, 4)] == [2, 4, -8, 6]
    with pytest.raises(WorkerDied, match=r"2 worker processes ended over it \(.*SIGKILL\(-9\)"):
        found[1].result()
    assert (tmp_path / "piece--3").read_text() == "xx"
    assert_gone(begun(tmp_path))


def test_workers_that_cannot_begin_end_the_run(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no model"):
        list(spread(Failing(), [1, 2, 3], 2))
    with pytest.raises(WorkersFail, match=r"6 worker processes ended one after the other.*7"):
        list(spread(Failing(dies=True), range(10), 2))

    def broken() -> Iterator[int]:
        yield 1
        raise OSError("the list cannot be read")

    outcomes = spread(Doubling(tmp_path), broken(), 2)
    assert told(next(outcomes)) == 2
    with pytest.raises(OSError, match="the list"):
        next(outcomes)


def test_pieces_are_taken_a_few_ahead_and_closing_ends_the_workers(tmp_path: Path) -> None:
    taken: list[int] = []

    def pieces() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with closing(spread(Doubling(tmp_path), pieces(), 2)) as outcomes:
        assert told(next(outcomes)) == 0
        wait_until(lambda: len(taken) == 5)
        time.sleep(0.2)
        assert len(taken) == 5
        workers = begun(tmp_path)
    assert_gone(workers)


def test_the_cores_are_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    [found] = spread(Doubling(tmp_path), [1], 2)
    assert found.result() == (2, "3")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    [found] = spread(Doubling(tmp_path), [1], 2)
    assert found.result() == (2, "1")
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert default_workers(1000, 500) == 2


def test_one_worker_is_this_process() -> None:
    assert list(map_in_processes(lambda number: (number, os.getpid()), [1, 2], 1)) == [
        (1, os.getpid()),
        (2, os.getpid()),
    ]
    assert list(spread(Ready(str), [], 2)) == []


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_a_parent_that_is_killed_or_interrupted_leaves_no_worker(
    tmp_path: Path, kind: signal.Signals
) -> None:
    program = (
        # What a shell starts in the background ignores Ctrl-C, and so would its children.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from pathlib import Path; from tests.workers.pieces import Doubling; "
        "from fiftyone_ntt.workers.spreading import spread; "
        f"list(spread(Doubling(Path({str(tmp_path)!r}), 0.05), range(100_000), 2))"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: len(begun(tmp_path)) == 2)
    workers = begun(tmp_path)
    if kind == signal.SIGKILL:
        parent.kill()
    else:
        os.killpg(parent.pid, kind)  # as a terminal's Ctrl-C: to all its processes
    _, messages = parent.communicate(timeout=60)
    assert parent.returncode == -kind
    # A thread of Python's own may stumble over the pool as it ends; the workers say nothing.
    stumbled = messages.count("Exception in thread ExecutorManagerThread")
    assert messages.count("Traceback") - stumbled == (1 if kind == signal.SIGINT else 0)
    assert_gone(workers)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), r"workers is 0: .* Pass 1 or more"),
        ((2, "threads"), r"engine 'threads' is unknown. Use one of: 'processes'"),
    ],
)
def test_what_cannot_be_had_is_refused(arguments: tuple[object, ...], message: str) -> None:
    check_workers(2, "processes")
    with pytest.raises(InputError, match=message):
        check_workers(*arguments)  # type: ignore[arg-type]
