"""Damaged files of our own: an error of ours or a result, soon, and in little memory."""

from __future__ import annotations

import dataclasses
import json
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fiftyone_ntt.core.matching import match
from fiftyone_ntt.core.proposals import Proposals
from fiftyone_ntt.core.rle import decode_crops, decode_mask, rle_boxes
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.store import bank_file, proposal_store
from fiftyone_ntt.store.bank_file import bank_bytes, load_bank
from fiftyone_ntt.store.journal import Journal
from fiftyone_ntt.store.proposal_store import ProposalStore, describe
from fiftyone_ntt.store.stored_setups import MARKER_FILE, SETUP_FILE, stored_grids
from tests import shapes
from tests.core.toy_models import reference_rows, toy_bank
from tests.mutations import each_mutation, mutated_bytes, mutated_json, mutated_sealed, mutations
from tests.store.test_bank_file import example as example_bank
from tests.store.test_journal import RECORDS, journal_of
from tests.store.test_proposal_store import SETUP, example, stored_file

KEY = "ab" * 16
SIZE = example().image_size


@pytest.fixture(autouse=True)
def as_users_run_it() -> Iterator[None]:
    """Shapes and types go unchecked, so that nothing but our own checks can refuse; and quietly."""
    logging.getLogger("fiftyone_ntt").setLevel(logging.ERROR)
    with shapes.unchecked():
        yield
    logging.getLogger("fiftyone_ntt").setLevel(logging.NOTSET)


def test_damaged_banks(tmp_path: Path) -> None:
    path, whole, loaded = tmp_path / "bank", bank_bytes(example_bank()), 0
    proposals = example(count=6)
    proposals = dataclasses.replace(proposals, features=proposals.features[:, :5])

    def read(seed: int) -> None:
        nonlocal loaded
        path.write_bytes(mutated_sealed(whole, bank_file._FORMAT, seed))
        bank = load_bank(path)
        loaded += 1
        for rows in (bank.prototypes, bank.foreground_prototypes, bank.unit_negatives):
            assert np.isfinite(rows).all()
        assert len(bank.leave_one_out) == len(bank.references)
        assert bank.class_counts() and str(bank) and bank.negative_origins is not None
        bank_bytes(bank)
        for text in (*bank.classes, *bank.references.ids, bank.name, *bank.notes):
            text.encode()  # as whatever shows or keeps it does
        if bank.width == 5:
            assert np.isfinite(match(proposals, bank).scores).all()

    each_mutation(read, "bank")
    assert loaded > mutations() / 100


def use(found: Proposals) -> None:
    """Everything that is done with proposals."""
    bank = toy_bank(("a", "b"), reference_rows(np.eye(2, 6).tolist(), [0, 1]))
    assert np.isfinite(match(found, bank).scores).all()
    areas = [int(decode_mask(mask).sum()) for mask in found.masks]
    assert areas == found.overlaps.areas.tolist()
    shown = [mask for mask, area in zip(found.masks, areas, strict=True) if area]
    assert all(crop.any() for crop in decode_crops(shown, rle_boxes(shown)))


def test_damaged_proposals(tmp_path: Path) -> None:
    store, found = ProposalStore(tmp_path), 0
    store.put(SETUP, KEY, example(count=6))
    path = stored_file(tmp_path)
    whole = path.read_bytes()

    def read(seed: int) -> None:
        nonlocal found
        path.write_bytes(mutated_sealed(whole, proposal_store._FORMAT, seed))
        proposals = store.get(SETUP, KEY, size=SIZE, width=6)
        if proposals is not None:
            found += 1
            use(proposals)
        deleted = store.verify() if seed % 8 == 1 else []
        # Nothing of another image's size or width is damage, or else both agree.
        assert not (deleted and proposals is not None)
        use(store.put(SETUP, KEY, example(count=6)))
        assert store.get(SETUP, KEY, size=SIZE, width=6) is not None

    each_mutation(read, "proposals")
    assert found > mutations() / 100


def test_damaged_descriptions_of_setups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIFTYONE_NTT_PROPOSALS", str(tmp_path))
    store = ProposalStore(tmp_path)
    store.put(SETUP, KEY, example())
    (path,) = tmp_path.glob(f"*/{SETUP_FILE}")
    whole = path.read_bytes()

    def read(seed: int) -> None:
        content = json.dumps(mutated_json(json.loads(whole), seed), indent=1).encode()
        path.write_bytes(mutated_bytes(whole, seed) if seed % 4 == 0 else content)
        for found in store.setups():
            batch = found.settings.prompts_per_batch  # which decides no proposals
            assert found == dataclasses.replace(
                SETUP, settings=ProposalSettings(prompts_per_batch=batch)
            )
        assert all(0 < grid.points_per_side < 129 for grid in stored_grids(SETUP.encoder))
        describe(store)
        store.verify()
        kept = store.get(SETUP, KEY)
        assert kept is not None
        store.put(SETUP, KEY, kept)
        assert len(store.setups()) == 1

    each_mutation(read, "description")


def test_damaged_markers(tmp_path: Path) -> None:
    store = ProposalStore(tmp_path)
    store.put(SETUP, KEY, example())
    for name in (MARKER_FILE, "size"):
        path = tmp_path / name
        whole = path.read_bytes() if path.exists() else b"123456"

        def read(seed: int, path: Path = path, whole: bytes = whole) -> None:
            path.write_bytes(mutated_bytes(whole, seed))
            other = ProposalStore(tmp_path)
            assert other.setups() == [SETUP]
            assert other.get(SETUP, KEY) is not None
            other.keep_within_limit()

        each_mutation(read, name)


def test_damaged_journals(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal_of(path)
    head, *lines = path.read_bytes().splitlines(keepends=True)

    def read(seed: int) -> None:
        if seed % 2:
            path.write_bytes(mutated_bytes(head + b"".join(lines), seed))
            assert RECORDS[: len(Journal(path, "run-1").records)] == Journal(path, "run-1").records
        else:
            text = json.dumps(mutated_json(RECORDS, seed)).encode()
            path.write_bytes(head + b"%08x %b\n" % (zlib.crc32(text), text))
            assert len(Journal(path, "run-1").records) == 1

    each_mutation(read, "journal")
