"""One run holds a field, whichever process asks."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import fiftyone as fo
import fiftyone.core.odm as foo
import pytest

from fiftyone_ntt.dataset.work import leases
from fiftyone_ntt.dataset.work.leases import LeaseLost, hold_field, holder_of
from fiftyone_ntt.errors import InputError

CHECKOUT = Path(__file__).parents[3]


def age(dataset: fo.Dataset, seconds: float) -> None:
    """Let time pass since the last heartbeat, for the database."""
    collection = foo.get_db_conn()["fiftyone_ntt.leases"]
    row = collection.find_one({"dataset": dataset._doc.id})
    beat = row["beat"] - timedelta(seconds=seconds)
    collection.update_one({"_id": row["_id"]}, {"$set": {"beat": beat}})


def test_a_second_run_is_refused_with_the_first_one_s_name(dataset: fo.Dataset) -> None:
    with (
        hold_field(dataset, "predictions", "ntt_one"),
        pytest.raises(InputError, match=r"being written to by run ntt_one \(process .* for \d s"),
        hold_field(dataset, "predictions", "ntt_two"),
    ):
        pass
    with hold_field(dataset, "predictions", "ntt_two"):
        assert holder_of(dataset, "predictions").run == "ntt_two"
    assert holder_of(dataset, "predictions") is None


def test_the_same_run_twice_is_refused_too_and_other_fields_are_free(dataset: fo.Dataset) -> None:
    with (
        hold_field(dataset, "predictions", "ntt_one"),
        hold_field(dataset, "others", "ntt_one"),
        pytest.raises(InputError, match="cancel_run"),
    ):
        hold_field(dataset, "predictions", "ntt_one").__enter__()


def test_of_many_at_once_one_gets_it(dataset: fo.Dataset) -> None:
    def attempt(number: int) -> str | None:
        try:
            with hold_field(dataset, "predictions", f"ntt_{number}") as lease:
                time.sleep(0.5)
                return lease.run
        except InputError:
            return None

    with ThreadPoolExecutor(8) as pool:
        got = [run for run in pool.map(attempt, range(8)) if run is not None]
    assert len(got) == 1


def test_a_silent_one_is_taken_over_and_finds_out(dataset: fo.Dataset) -> None:
    with hold_field(dataset, "predictions", "ntt_one") as first:
        age(dataset, leases.LIFETIME - 5)
        with pytest.raises(InputError, match="ntt_one"):
            hold_field(dataset, "predictions", "ntt_two").__enter__()
        age(dataset, 10)
        with (
            hold_field(dataset, "predictions", "ntt_two"),
            pytest.raises(LeaseLost, match="ntt_one no longer holds field 'predictions'"),
        ):
            first.beat()
    assert holder_of(dataset, "predictions") is None


def test_a_heartbeat_keeps_it(dataset: fo.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT", 0.05)
    with hold_field(dataset, "predictions", "ntt_one"):
        age(dataset, leases.LIFETIME - 1)
        time.sleep(0.5)
        assert holder_of(dataset, "predictions").silence < 1


HOLD_AND_DIE = """
import os, signal, sys
import fiftyone as fo
from fiftyone_ntt.dataset.work.leases import hold_field
with hold_field(fo.load_dataset(sys.argv[1]), "predictions", "ntt_dead"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_was_killed_here_holds_nothing(dataset: fo.Dataset) -> None:
    subprocess.run([sys.executable, "-c", HOLD_AND_DIE, dataset.name], cwd=CHECKOUT, check=False)
    dead = holder_of(dataset, "predictions")
    assert (dead.run, dead.alive) == ("ntt_dead", False)
    with hold_field(dataset, "predictions", "ntt_next"):
        assert holder_of(dataset, "predictions").run == "ntt_next"


def test_a_renamed_dataset_is_the_same_one(dataset: fo.Dataset) -> None:
    with hold_field(dataset, "predictions", "ntt_one"):
        dataset.name = f"{dataset.name}-renamed"
        assert holder_of(dataset, "predictions").run == "ntt_one"
    assert holder_of(dataset, "predictions") is None
    dataset.delete()
