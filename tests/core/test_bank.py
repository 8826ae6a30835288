"""The bank's own arithmetic and checks."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fiftyone_ntt.core.bank import ReferenceSet, join_reference_sets, normalise
from fiftyone_ntt.errors import InputError
from tests.core.toy_models import reference_rows, toy_bank


def test_both_kinds_of_class_prototype_by_hand() -> None:
    rows = reference_rows([[4, 0], [0, 1], [3, 4]], [0, 0, 1], weights=[1, 3, 2])
    bank = toy_bank(("a", "b"), rows)
    np.testing.assert_allclose(rows.class_means(2), [[2, 0.5], [3, 4]])
    np.testing.assert_allclose(rows.foreground_means(2), [[1, 0.75], [3, 4]])
    np.testing.assert_allclose(bank.prototypes[1], [0.6, 0.8], atol=1e-7)
    np.testing.assert_allclose(bank.foreground_prototypes[0], [0.8, 0.6], atol=1e-7)


def test_normalise_keeps_zeros() -> None:
    found = normalise(np.array([[0, 0], [3, 4]], np.float32))
    np.testing.assert_allclose(found, [[0, 0], [0.6, 0.8]])


def test_every_class_needs_a_reference() -> None:
    with pytest.raises(InputError, match="no reference shows: b, d"):
        toy_bank(("a", "b", "c", "d"), reference_rows([[1, 0], [0, 1]], [0, 2]))


def test_joined_rows_keep_their_order() -> None:
    named = replace(reference_rows([[0, 1]], [0]), image_names=("boat.jpg",))
    parts = [reference_rows([[1, 0]], [1]), ReferenceSet.empty(2), named]
    joined = join_reference_sets(parts)
    assert joined.ids == ("r0", "r0")
    assert joined.classes.tolist() == [1, 0]
    assert joined.prototypes.tolist() == [[1, 0], [0, 1]]
    assert joined.image_names == ("", "boat.jpg")
    assert joined.rows([1, 1]).image_names == ("boat.jpg", "boat.jpg")


def test_there_is_one_image_name_for_each_reference_or_none() -> None:
    with pytest.raises(InputError, match="1 references have 2 image names"):
        replace(reference_rows([[1, 0]], [0]), image_names=("a.jpg", "b.jpg"))


def test_renamed_changes_the_name_alone() -> None:
    bank = toy_bank(("a",), reference_rows([[1, 0]], [0]))
    assert bank.renamed("boats").name == "boats"
    assert bank.renamed("boats").references is bank.references
    assert bank.width == 2


def test_some_negatives_are_taken_out_with_their_notes() -> None:
    bank = toy_bank(("a",), reference_rows([[1, 0]], [0]))
    rows = replace(reference_rows([[1, 0], [0, 1], [1, 1]], [0, 0, 0]), ids=("n1", "n2", "n3"))
    notes = ("reference r0 is odd", "reference n1 is odd", "reference n2 is odd")
    bank = replace(bank, negatives=rows, notes=notes)
    found = bank.without_negatives(ids=["n2"])
    assert found.negatives.ids == ("n1", "n3")
    assert found.negatives.prototypes.tolist() == [[1, 0], [1, 1]]
    assert found.notes == notes[:2]
    assert bank.without_negatives().negatives.ids == ()
    assert bank.without_negatives().notes == notes[:1]
    with pytest.raises(InputError, match="no negative 'n4'"):
        bank.without_negatives(ids=["n1", "n4"])


BANK = """
import sys
import numpy as np
{imports}
from fiftyone_ntt.core.bank import PatchStatistics, ReferenceSet
from fiftyone_ntt.errors import StoreError

row, one = np.array([[1, 2]], np.float32), np.ones(1, np.int64)
bank = MemoryBank(
    ("boat",),
    ReferenceSet(("r0",), one - 1, row, row[:, 0], row, one),
    ReferenceSet.empty(2),
    PatchStatistics(row, np.tile(row, (1, 3, 1)), np.tile(row, (1, 4, 1))),
    "encoder:1",
)
"""
CORE = "from fiftyone_ntt.core.bank import MemoryBank"


def printed_in_a_new_process(imports: str, script: str) -> list[str]:
    """What a script prints that has a bank, and of the package only what it imports."""
    run = subprocess.run(
        [sys.executable, "-c", BANK.format(imports=imports) + script],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


REFUSED = """
try:
    {call}
except StoreError as error:
    print(error)
print("fiftyone_ntt.store.bank_file" in sys.modules)
"""


@pytest.mark.parametrize("call", ["bank.save({path!r})", "MemoryBank.load({path!r})"])
def test_core_alone_knows_no_file_format_and_says_who_does(tmp_path: Path, call: str) -> None:
    path = tmp_path / "bank.safetensors"

    printed = printed_in_a_new_process(CORE, REFUSED.format(call=call.format(path=str(path))))

    assert printed == [
        "a memory bank's file format is not loaded. Import MemoryBank from fiftyone_ntt, or "
        "fiftyone_ntt.store.bank_file, before you save or load one.",
        "False",
    ]
    assert not path.exists()


ROUND_TRIP = """
found = MemoryBank.load(bank.renamed("boats").save({path!r}))
print(type(found) is type(bank), found.name, found.classes, found.references.prototypes.tolist())
"""


@pytest.mark.parametrize(
    "imports",
    ["from fiftyone_ntt import MemoryBank", f"import fiftyone_ntt.store.bank_file\n{CORE}"],
)
def test_the_ways_out_that_the_error_names(tmp_path: Path, imports: str) -> None:
    path = tmp_path / "bank.safetensors"

    printed = printed_in_a_new_process(imports, ROUND_TRIP.format(path=str(path)))

    assert printed == ["True boats ('boat',) [[1.0, 2.0]]"]
    assert path.exists()


def test_a_bank_is_shown_in_one_line() -> None:
    rows = reference_rows([[4, 0], [0, 1], [3, 4]], [0, 0, 1])
    bank = toy_bank(("a", "b"), rows).renamed("boats")
    assert repr(bank) == f"<MemoryBank 'boats': 2 classes, 3 references, of {bank.encoder}>"
    negative = replace(bank, negatives=reference_rows([[1, 0]], [1]))
    assert "3 references, 1 negatives, of" in repr(negative)


def test_references_of_another_class() -> None:
    rows = reference_rows([[4, 0], [0, 1], [3, 4]], [0, 0, 1])
    bank = toy_bank(("a", "b"), rows)
    moved = bank.with_class([0], "b")
    assert moved.class_counts() == {"a": 1, "b": 2}
    assert moved.references.classes.tolist() == [1, 0, 1]
    assert moved.references.prototypes.tolist() == rows.prototypes.tolist()
    assert bank.with_class([2], "a").class_counts() == {"a": 3}
    new = bank.with_class([0, 1], "c")
    assert new.class_counts() == {"b": 1, "c": 2}
    assert new.statistics.pca_mean.shape == (2, 2)
    assert not new.statistics.pca_components[1].any()
    assert bank.class_counts() == {"a": 2, "b": 1}
    with pytest.raises(InputError, match="a class needs a name"):
        bank.with_class([0], " ")
