"""Several banks as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fiftyone_ntt.core.bank import MemoryBank, PatchStatistics, ReferenceSet
from fiftyone_ntt.core.bank_merging import merge_banks
from fiftyone_ntt.errors import InputError


def make_bank(references: dict[str, list[str]], seed: int = 0) -> MemoryBank:
    """Classes and the ids of their references; an id always has the same features."""
    ids = [name for group in references.values() for name in group]
    classes = [index for index, group in enumerate(references.values()) for _ in group]
    rows = np.array([[len(name), ord(name[0]), ord(name[-1])] for name in ids], np.float32)
    count = len(references)
    return MemoryBank(
        classes=tuple(references),
        references=ReferenceSet(
            tuple(ids),
            np.array(classes),
            rows,
            np.ones(len(ids), np.float32),
            rows,
            np.ones(len(ids), np.int64),
        ),
        negatives=ReferenceSet.empty(3),
        statistics=PatchStatistics(
            np.full((count, 3), seed, np.float32),
            np.full((count, 3, 3), seed, np.float32),
            np.full((count, 4, 3), seed, np.float32),
        ),
        encoder="e",
        name=f"bank {seed}",
    )


def test_classes_and_references_are_joined():
    merged = merge_banks(
        [make_bank({"b": ["b1"], "a": ["a1"]}), make_bank({"a": ["a2", "a1"], "c": ["c1"]}, 1)]
    )
    assert merged.classes == ("b", "a", "c")
    assert merged.references.ids == ("b1", "a1", "a2", "c1")
    assert merged.references.classes.tolist() == [0, 1, 1, 2]
    assert merged.name == ""


def test_equals_the_bank_built_of_all_at_once():
    parts = [make_bank({"a": ["a1"]}), make_bank({"a": ["a2"], "b": ["b1"]}, 1)]
    whole = make_bank({"a": ["a1", "a2"], "b": ["b1"]})
    np.testing.assert_array_equal(merge_banks(parts).prototypes, whole.prototypes)


def test_pictures_of_a_shared_class_come_from_the_larger_bank_and_a_note_says_so():
    merged = merge_banks([make_bank({"a": ["a1"]}), make_bank({"a": ["a2", "a3"]}, 1)])
    assert merged.statistics.pca_mean[0, 0] == 1
    assert "pictures of a " in merged.notes[0]


def test_versions_that_all_agree_on_are_kept():
    first = replace(make_bank({"a": ["a1"]}), versions={"numpy": "2.1", "torch": "2.8"})
    second = replace(make_bank({"a": ["a2"]}, 1), versions={"numpy": "2.2", "torch": "2.8"})
    assert merge_banks([first, second]).versions == {"torch": "2.8"}
    assert merge_banks([first, make_bank({"a": ["a2"]}, 1)]).versions == {}


def test_negatives_follow_their_classes():
    second = make_bank({"b": ["b1"]})
    second = replace(second, negatives=second.references)
    merged = merge_banks([make_bank({"a": ["a1"]}), second])
    assert merged.negatives.classes.tolist() == [1]


def test_other_encoders_are_refused():
    with pytest.raises(InputError, match="encoder f, but 'bank 0' with e"):
        merge_banks([make_bank({"a": ["a1"]}), replace(make_bank({"a": ["a1"]}, 1), encoder="f")])


def test_nothing_to_merge():
    with pytest.raises(InputError, match="no memory banks to merge"):
        merge_banks([])
