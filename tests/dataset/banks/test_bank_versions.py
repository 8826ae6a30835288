"""Versions of a bank: listed, compared and restored."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.work.stored_runs import run_configs
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes


@pytest.fixture
def changed(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    """A bank that was built, lost a reference, and had another one's class changed."""
    add_scenes(dataset, tmp_path, 3)
    ntt.build_memory_bank(dataset, "ground_truth", models=colour_models(), name="colours")
    first, second, *_ = ntt.load_memory_bank(dataset, "colours").references.ids
    ntt.remove_references(dataset, "colours", [first])
    ntt.change_reference_class(dataset, "colours", [second], "red")
    return dataset


def numbers(dataset: fo.Dataset) -> list[tuple[int, str | None, bool]]:
    found = ntt.list_bank_versions(dataset, "colours")
    return [(version.number, version.change, version.current) for version in found]


def test_versions_are_listed_and_compared(changed: fo.Dataset) -> None:
    assert numbers(changed) == [
        (3, "1 reference moved to red", True),
        (2, "1 reference removed", False),
        (1, None, False),
    ]
    newest, middle, oldest = ntt.list_bank_versions(changed, "colours")
    assert sum(oldest.classes.values()) == sum(newest.classes.values()) + 1
    assert newest.created >= middle.created >= oldest.created
    label = next(iter(oldest.classes))
    found = ntt.compare_bank_versions(changed, "colours", 1)
    assert [len(ids) for ids in found.removed.values()] == [1] and not found.added
    assert list(found.moved.values()) == [(label, "red")]
    back = ntt.compare_bank_versions(changed, "colours", 3, 2)
    assert list(back.moved.values()) == [("red", label)] and not back.removed
    assert str(back) == f"version 2 beside 3: 1 reference of red became {label}"
    assert str(ntt.compare_bank_versions(changed, "colours", 2, 2)).endswith("nothing")


def test_an_earlier_version_comes_back_and_can_go_again(changed: fo.Dataset) -> None:
    before = ntt.load_memory_bank(changed, "colours")
    oldest = ntt.list_bank_versions(changed, "colours")[-1]
    summary = ntt.restore_bank_version(changed, "colours", 1)
    assert (summary.classes, summary.version) == (oldest.classes, 4)
    assert numbers(changed)[0] == (4, "version 1 restored", True)
    assert not str(ntt.compare_bank_versions(changed, "colours", 1)).endswith("went")
    ntt.undo_bank_change(changed, "colours")
    again = ntt.load_memory_bank(changed, "colours")
    assert again.references.ids == before.references.ids
    assert np.array_equal(again.references.prototypes, before.references.prototypes)
    assert [number for number, _, _ in numbers(changed)] == [3, 2, 1]
    # The number of what was taken back is free again.
    ntt.restore_bank_version(changed, "colours", 2)
    assert [number for number, _, _ in numbers(changed)] == [4, 3, 2, 1]


def test_the_last_five_are_kept(changed: fo.Dataset) -> None:
    for number in (1, 2, 3, 4):
        ntt.restore_bank_version(changed, "colours", number)
    assert [number for number, _, _ in numbers(changed)] == [7, 6, 5, 4, 3, 2]
    with pytest.raises(InputError, match=r"no version 1 \(any more\). Pass one of: 7, 6, 5, 4, 3"):
        ntt.restore_bank_version(changed, "colours", 1)
    with pytest.raises(InputError, match="version 7 is what memory bank 'colours' is already"):
        ntt.restore_bank_version(changed, "colours", 7)
    with pytest.raises(InputError, match="no memory bank 'others'"):
        ntt.list_bank_versions(changed, "others")


def test_a_bank_of_an_earlier_package_has_numbers_too(changed: fo.Dataset) -> None:
    for key in run_configs(changed, ["ntt_memory_bank", "ntt_earlier_memory_bank"], ["name"]):
        info = changed.get_run_info(key)
        del info.config.version
        changed.update_run_config(key, info.config)
    assert [number for number, _, _ in numbers(changed)] == [3, 2, 1]
    ntt.restore_bank_version(changed, "colours", 1)
    assert [number for number, _, _ in numbers(changed)] == [4, 3, 2, 1]
