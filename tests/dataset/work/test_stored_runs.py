"""Runs on a dataset are the old ones or the new ones, whoever is killed and whoever else writes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import fiftyone as fo
import fiftyone.core.odm as foo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.evaluation.shots_curve import _StoredTrials
from fiftyone_ntt.dataset.runs.run_record import RunRecord
from fiftyone_ntt.dataset.work import stored_runs
from fiftyone_ntt.errors import InputError
from tests.dataset.killing import ROOT, ROUNDS, states_after_kills
from tests.dataset.scenes import add_scenes
from tests.store.test_bank_file import example

OUTCOMES: dict[str, tuple[Any, Any]] = {
    "overwrite": ({"bank": 3}, {"bank": 5}),
    "rename": ({"bank": 3}, {"other": 3}),
    "duplicate": ({"bank": 3}, {"bank": 3, "copy": 3}),
    "remove negatives": ({"bank": 3}, {"bank": 0}),
    "delete": ({"bank": 3}, {}),
    "next trial": ([1, 2], [1, 2, 3]),
    "another curve": ([1, 2], [9]),
    "visualize": (3, 5),
}
"""What is there before each scenario, and after."""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Any]]]:
    dataset = fo.Dataset("test-killed")
    add_scenes(dataset, tmp_path_factory.mktemp("scenes"), 2)
    yield states_after_kills(dataset, *OUTCOMES)
    dataset.delete()


@pytest.mark.parametrize("scenario", OUTCOMES)
def test_killed_at_any_write_it_leaves_the_old_or_the_new(
    killed: dict[str, list[Any]], scenario: str
) -> None:
    states, (old, new) = killed[scenario], OUTCOMES[scenario]
    changed = states.index(new)
    assert changed >= 1
    assert states == [old] * changed + [new] * (len(states) - changed)


@pytest.mark.slow
def test_killed_at_random_moments_it_leaves_a_whole_bank(dataset: fo.Dataset) -> None:
    (states,) = states_after_kills(dataset, "overwrite at random").values()
    assert len(states) == ROUNDS
    assert all(state in ({"bank": 3}, {"bank": 5}) for state in states)


def elsewhere(dataset: fo.Dataset, code: str) -> None:
    """Have another process do something to the dataset."""
    start = (
        "import sys, fiftyone as fo, fiftyone_ntt as ntt;"
        "from tests.store.test_bank_file import example;"
        "dataset = fo.load_dataset(sys.argv[1]);"
    )
    command = [sys.executable, "-c", start + code, dataset.name]
    subprocess.run(command, cwd=ROOT, check=True, env=os.environ)


def negatives(dataset: fo.Dataset) -> dict[str, int]:
    return {bank.name: bank.negatives for bank in ntt.list_memory_banks(dataset)}


def test_what_another_process_did_since_counts(dataset: fo.Dataset) -> None:
    for name in ("gone", "changed", "kept"):
        ntt.save_memory_bank(dataset, example(3), name)
    elsewhere(
        dataset,
        "ntt.save_memory_bank(dataset, example(5), 'new');"
        "ntt.delete_memory_bank(dataset, 'gone');"
        "ntt.save_memory_bank(dataset, example(5), 'changed', overwrite=True)",
    )
    with pytest.raises(InputError, match="already has a memory bank 'new'"):
        ntt.save_memory_bank(dataset, example(2), "new")
    with pytest.raises(InputError, match="already has a memory bank 'changed'"):
        ntt.duplicate_memory_bank(dataset, "kept", "changed")
    with pytest.raises(InputError, match="already has a memory bank 'new'"):
        ntt.rename_memory_bank(dataset, "kept", "new")
    with pytest.raises(InputError, match="no memory bank 'gone'"):
        ntt.load_memory_bank(dataset, "gone")
    ntt.save_memory_bank(dataset, example(2), "gone")  # the name is free again
    assert len(ntt.load_memory_bank(dataset, "changed").negatives) == 5
    assert negatives(dataset) == {"gone": 2, "changed": 5, "kept": 3, "new": 5}


def at_the_moment_of_writing(monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    """Have `act` done once, after all checks and right before the dataset's document is written."""
    swap, pending = stored_runs._swap, [act]

    def interrupted(*arguments: Any) -> bool:
        if pending:
            pending.pop()()
        return swap(*arguments)

    monkeypatch.setattr(stored_runs, "_swap", interrupted)


def test_a_name_that_is_taken_at_the_last_moment(
    dataset: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = lambda: ntt.save_memory_bank(dataset, example(5), "bank")  # noqa: E731
    at_the_moment_of_writing(monkeypatch, act)
    with pytest.raises(InputError, match="already has a memory bank 'bank'"):
        ntt.save_memory_bank(dataset, example(2), "bank")
    assert negatives(dataset) == {"bank": 5}
    assert len(ntt.load_memory_bank(dataset, "bank").negatives) == 5


def test_two_changes_of_one_bank_both_count(
    dataset: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (
        ntt.save_memory_bank(dataset, example(3), "b") and example(3).negatives.ids
    )
    at_the_moment_of_writing(monkeypatch, lambda: ntt.remove_negatives(dataset, "b", [first]))
    ntt.remove_negatives(dataset, "b", [third])
    assert ntt.load_memory_bank(dataset, "b").negatives.ids == (second,)


def test_a_bank_that_is_overwritten_while_it_is_renamed(
    dataset: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    ntt.save_memory_bank(dataset, example(3), "old")
    other = lambda: ntt.save_memory_bank(dataset, example(5), "old", overwrite=True)  # noqa: E731
    at_the_moment_of_writing(monkeypatch, other)
    assert ntt.rename_memory_bank(dataset, "old", "new").negatives == 5
    assert negatives(dataset) == {"new": 5}
    assert len(ntt.load_memory_bank(dataset, "new").negatives) == 5


def test_a_bank_that_is_replaced_while_it_is_read(
    dataset: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    ntt.save_memory_bank(dataset, example(3), "bank")
    files, pending = stored_runs._files, [True]

    def late() -> Any:
        if pending:
            pending.pop()
            # So often that the one that is being read is no longer kept to come back.
            for _ in range(7):
                ntt.save_memory_bank(dataset, example(5), "bank", overwrite=True)
        return files()

    monkeypatch.setattr(stored_runs, "_files", late)
    assert len(ntt.load_memory_bank(dataset, "bank").negatives) == 5


def test_a_moved_run_keeps_its_time_and_results(dataset: fo.Dataset) -> None:
    saved = ntt.save_memory_bank(dataset, example(3), "bank")
    renamed = ntt.rename_memory_bank(dataset, "bank", "other")
    assert (renamed.run_key, renamed.created) == ("other", saved.created)
    assert [bank.created for bank in ntt.list_memory_banks(dataset)] == [saved.created]
    # FiftyOne's own functions find it likewise, here and in a dataset object of another process.
    assert isinstance(dataset.load_run_results("other", cache=False).file, str)
    dataset.reload()
    assert dataset.get_run_info("other").config.name == "other"


def leftovers(dataset: fo.Dataset) -> tuple[int, int]:
    database = foo.get_db_conn()
    runs = list(database["runs"].find({"_dataset_id": dataset._doc.id}))
    files = {run["results"] for run in runs if "results" in run}
    return len(runs), database["fs.files"].count_documents({"_id": {"$in": list(files)}})


class Killed(BaseException):
    """Stands for the death of the process."""


def test_what_killed_writers_left_is_cleared_later(
    dataset: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise Killed

    ntt.save_memory_bank(dataset, example(3), "bank")
    for part, act in (
        ("_swap", lambda: ntt.save_memory_bank(dataset, example(5), "bank", overwrite=True)),
        ("_swap", lambda: ntt.rename_memory_bank(dataset, "bank", "other")),
        ("_discard", lambda: ntt.save_memory_bank(dataset, example(2), "bank", overwrite=True)),
        ("_discard", lambda: ntt.rename_memory_bank(dataset, "bank", "new")),
    ):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(stored_runs, part, die)
            act()
    left = leftovers(dataset)[0]
    assert left > len(stored_runs.run_ids(dataset))
    ntt.save_memory_bank(dataset, example(4), "fresh")
    assert leftovers(dataset)[0] == left + 1  # their writers might still be at work
    monkeypatch.setattr(stored_runs, "_ABANDONED_AFTER", timedelta(seconds=-5))
    ntt.save_memory_bank(dataset, example(6), "fresh", overwrite=True)
    known = len(stored_runs.run_ids(dataset))  # with banks that can come back
    assert known > 2 and leftovers(dataset) == (known, known)
    assert len(ntt.load_memory_bank(dataset, "new").negatives) == 2
    assert len(ntt.load_memory_bank(dataset, "fresh").negatives) == 6


def test_a_name_whose_run_is_gone_is_free(dataset: fo.Dataset) -> None:
    ntt.save_memory_bank(dataset, example(3), "bank")
    foo.get_db_conn()["runs"].delete_many({"_dataset_id": dataset._doc.id})
    ntt.save_memory_bank(dataset, example(5), "bank")
    assert len(ntt.load_memory_bank(dataset, "bank").negatives) == 5


def test_a_deleted_dataset_is_named(dataset: fo.Dataset) -> None:
    elsewhere(dataset, "dataset.delete()")
    for act in (ntt.list_memory_banks, lambda d: ntt.save_memory_bank(d, example(3), "bank")):
        with pytest.raises(InputError, match=r"dataset 'test-.*' was deleted meanwhile"):
            act(dataset)


def test_two_measurements_of_one_curve_add_up(dataset: fo.Dataset) -> None:
    from tests.dataset.killing import curve_scenarios

    one = _StoredTrials(dataset, "curve", "old", overwrite=False)
    curve_scenarios()["next trial"].act(dataset)  # another measurement, of 3 shots
    curve_scenarios()["next trial"].act(dataset)
    assert one.trials == {}
    trial = ntt.load_shots_curve(dataset, "curve").trials[0]
    one.add(type(trial)(1, 0, trial.scores))
    assert [found.shots for found in ntt.load_shots_curve(dataset, "curve").trials] == [1, 3]
    _StoredTrials(dataset, "curve", "new", overwrite=True).add(trial)
    with pytest.raises(InputError, match="'curve' is the name of a curve of other labels"):
        one.add(trial)


def test_a_runs_record_is_told_whoever_else_writes_it(dataset: fo.Dataset) -> None:
    record = RunRecord(dataset, "found", "ntt_segment", {"a": 1}, {})
    with record.running(lambda: (1, {"x": "broken"})):
        assert ntt.list_prediction_runs(dataset)[record.key]["status"] == "RUNNING"
        stored_runs.remove_run(
            dataset, record.key, replacing=stored_runs.run_ids(dataset)[record.key]
        )
    assert ntt.list_prediction_runs(dataset)[record.key]["status"] == "COMPLETED"
    assert stored_runs.run_values(dataset, record.key)["failures"] == {"x": "broken"}
    with record.running(lambda: (2, {})):
        pass
    # The last failures stay, as before.
    assert stored_runs.run_values(dataset, record.key)["failures"] == {"x": "broken"}
    assert leftovers(dataset) == (1, 1)
