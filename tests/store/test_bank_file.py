"""Banks on disk: exact, equal bytes for equal banks, and never loaded damaged."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save
from safetensors.torch import save as save_torch

from fiftyone_ntt.core.bank import MemoryBank, PatchStatistics, ReferenceSet
from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.store import bank_file
from fiftyone_ntt.store.bank_file import bank_bytes, bank_from_bytes
from fiftyone_ntt.store.bank_identity import bank_hash


def rows_of(count: int, seed: int) -> ReferenceSet:
    random = np.random.default_rng(seed)
    return ReferenceSet(
        ids=tuple(f"annotation {index}" for index in range(count)),
        classes=np.arange(count, dtype=np.int64) % 2,
        prototypes=random.normal(size=(count, 5)).astype(np.float32),
        weights=random.random(count, np.float32) * 100,
        patch_means=random.normal(size=(count, 5)).astype(np.float32),
        patch_counts=random.integers(1, 900, count),
        image_names=tuple(f"photo {index}.jpg" for index in range(count)),
    )


def example(negatives: int = 3) -> MemoryBank:
    random = np.random.default_rng(9)
    shapes = [(2, 5), (2, 3, 5), (2, 4, 5)]
    return MemoryBank(
        classes=("bird", "Möwe, große"),
        references=rows_of(4, 0),
        negatives=rows_of(negatives, 1) if negatives else ReferenceSet.empty(5),
        statistics=PatchStatistics(*(random.random(shape, np.float32) for shape in shapes)),
        encoder="dinov2:abc",
        models={"encoder": "small", "segmenter": "tiny"},
        name="the bank",
        notes=("reference 3 is small",),
        versions={"fiftyone-ntt": "0.1.0", "numpy": "2.1"},
    )


def assert_same(found: MemoryBank, expected: MemoryBank) -> None:
    for field in dataclasses.fields(MemoryBank):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if not dataclasses.is_dataclass(one):
            assert one == other
            continue
        for part in dataclasses.fields(one):
            values = getattr(one, part.name), getattr(other, part.name)
            if part.name in ("ids", "image_names"):
                assert values[0] == values[1]
            else:
                assert values[0].dtype == values[1].dtype
                np.testing.assert_array_equal(*values)


@pytest.mark.parametrize("negatives", [0, 3])
def test_round_trip_is_exact(tmp_path: Path, negatives: int) -> None:
    bank = example(negatives)
    path = bank.save(tmp_path / "bank.safetensors")
    assert_same(MemoryBank.load(path), bank)
    assert os.listdir(path.parent) == ["bank.safetensors"]


def test_equal_banks_give_equal_bytes(tmp_path: Path) -> None:
    assert bank_bytes(example()) == bank_bytes(example())
    loaded = MemoryBank.load(example().save(tmp_path / "bank"))
    assert bank_bytes(loaded) == bank_bytes(example())
    assert bank_bytes(example().renamed("other")) != bank_bytes(example())


def earlier_bytes(bank: MemoryBank, **changes: Any) -> bytes:
    """A bank's file as versions wrote it that knew neither image names nor versions."""
    content, arrays = bank_file._FORMAT.unseal(bank_bytes(bank), "here")
    fields = ("classes", "references", "negatives", "encoder", "models", "name", "notes")
    return bank_file._FORMAT.seal({key: content[key] for key in fields} | changes, arrays)


def test_banks_of_earlier_versions_are_read_and_keep_their_bytes() -> None:
    earlier = earlier_bytes(example())
    found = bank_from_bytes(earlier, "here")
    assert found.references.image_names == ("",) * 4 and found.versions == {}
    assert bank_bytes(found) == earlier
    assert bank_hash(found) == bank_hash(example())


@pytest.mark.parametrize(
    "wrong",
    [
        {"image_names": {"references": ["a.jpg"] * 3}},
        {"image_names": {"references": ["a.jpg"] * 3 + [4]}},
        {"image_names": {"references": "abcd"}},
        {"image_names": ["a.jpg"]},
        {"image_names": 4},
        {"versions": ["0.1.0"]},
        {"versions": {"numpy": 2}},
    ],
)
def test_names_and_versions_that_do_not_fit_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="memory bank here is corrupt: its content does not fit"):
        bank_from_bytes(earlier_bytes(example(), **wrong), "here")


def test_a_saved_bank_is_as_readable_as_any_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    path = example().save(tmp_path / "bank")
    modes = [stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "plain", path)]
    assert modes[0] == modes[1]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = example().save(tmp_path / "bank")
    before = path.read_bytes()

    def no_space(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, no_space)
            with pytest.raises(StoreError, match=r"bank cannot be written: No space left"):
                example(0).save(path)
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["bank"]


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = example().save(tmp_path / "bank")

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        example(0).save(path)
    assert_same(MemoryBank.load(path), example())
    assert os.listdir(tmp_path) == ["bank"]


def test_a_folder_is_no_bank(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is a folder"):
        example().save(tmp_path)
    with pytest.raises(StoreError, match=r"cannot be read: Is a directory"):
        MemoryBank.load(tmp_path)
    with pytest.raises(StoreError, match=r"no such file. Check the path"):
        MemoryBank.load(tmp_path / "none")


def test_every_truncation_is_noticed() -> None:
    content = bank_bytes(example())
    for length in range(0, len(content), 7):
        with pytest.raises(StoreError, match=r"^here|bank here"):
            bank_from_bytes(content[:length], "here")


def test_every_flipped_bit_is_noticed_or_means_the_same() -> None:
    content = bank_bytes(example())
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << (position % 8)
        try:
            found = bank_from_bytes(bytes(damaged), "here")
        except StoreError:
            continue
        assert_same(found, example())  # \u00f6 may become \u00F6: the same bank


def test_bytes_after_the_end_are_noticed() -> None:
    with pytest.raises(StoreError):
        bank_from_bytes(bank_bytes(example()) + b"\0", "here")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\xff" * 40,
        save({"a": np.zeros(3)}),
        save({"a": np.zeros(3)}, {"fiftyone_ntt": "[1, 2]"}),
        save({"a": np.zeros(3)}, {"fiftyone_ntt": "no json"}),
        save({"a": np.zeros(3)}, {"fiftyone_ntt": "7"}),
    ],
    ids=["empty", "text", "ones", "no header", "list", "no json", "number"],
)
def test_foreign_files_are_no_banks(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(StoreError, match=r"is not a memory bank.*Pass a file written by"):
        MemoryBank.load(tmp_path / "file")


def header_of(content: bytes) -> dict[str, Any]:
    size = int.from_bytes(content[:8], "little")
    header: dict[str, Any] = json.loads(
        json.loads(content[8 : 8 + size])["__metadata__"]["fiftyone_ntt"]
    )
    return header


@pytest.mark.parametrize("change", [{"version": 2}, {"format": "proposals"}])
def test_another_version_or_format_is_named(change: dict[str, Any]) -> None:
    content = bank_bytes(example())
    header = header_of(content) | change
    other = save(load(content), {"fiftyone_ntt": json.dumps(header)})
    with pytest.raises(StoreError, match=r"reads 'fiftyone-ntt memory bank' version 1. Rebuild"):
        bank_from_bytes(other, "here")


@pytest.mark.parametrize(
    "change", [{"classes": ["bird", "cat"]}, {"encoder": "other"}, {"references": []}]
)
def test_an_edited_header_is_noticed(change: dict[str, Any]) -> None:
    content = bank_bytes(example())
    edited = save(load(content), {"fiftyone_ntt": json.dumps(header_of(content) | change)})
    with pytest.raises(StoreError, match=r"corrupt: its checksum"):
        bank_from_bytes(edited, "here")


NAN = np.float32("nan")


def resealed(change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> bytes:
    """A bank's file whose content was changed before it got its checksum."""
    content = bank_bytes(example())
    arrays = {name: array.copy() for name, array in load(content).items()}
    header = {key: value for key, value in header_of(content).items() if key != "checksum"}
    change(header, arrays)
    return bank_file._FORMAT.seal(header, arrays)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h, a: a["references.prototypes"].__setitem__((1, 2), NAN), "not finite"),
        (lambda h, a: a["statistics.centres"].__setitem__((0, 0, 0), np.inf), "not finite"),
        (lambda h, a: a["references.prototypes"].fill(1e38), "beyond any encoder's"),
        (lambda h, a: a["negatives.patch_counts"].fill(2**62), "beyond any encoder's"),
        (lambda h, a: h.update(classes=["bird", "\ud800"]), "no terminal or database can hold"),
        (lambda h, a: h.update(versions={"numpy": "\udfff"}), "no terminal or database can hold"),
        (lambda h, a: a["references.classes"].__setitem__(0, 2), "class number 2 of 2"),
        (lambda h, a: a["negatives.classes"].__setitem__(0, -1), "a negative reference is of cl"),
        (lambda h, a: a["references.classes"].fill(1), "no reference"),
        (lambda h, a: h["references"].pop(), "3 references have 4 image names"),
        (lambda h, a: h.update(negatives=["1", "2", 3]), "id of a negative reference is 3"),
        (lambda h, a: h.update(classes=["bird", "bird"]), "one occurs twice"),
        (lambda h, a: h.update(classes=["bird", 7]), "a class is 7, which is no text"),
        (lambda h, a: h.update(classes=[]), "its classes are none"),
        (lambda h, a: h.update(models=["small"]), "models are not given by role"),
        (lambda h, a: h.update(models={"encoder": 3}), "a model is 3"),
        (lambda h, a: h.update(encoder=None), "the encoder is None"),
        (lambda h, a: h.pop("name"), "'name' is missing"),
        (lambda h, a: a.pop("references.weights"), "'references.weights' is missing"),
        (lambda h, a: a["references.weights"].__setitem__(0, 0), "a reference has no patches"),
        (lambda h, a: a.update({"references.patch_counts": np.ones(4)}), "float64 .4. instead"),
        (
            lambda h, a: a.update({"negatives.prototypes": np.ones((3, 4), np.float32)}),
            "negative references' prototypes are float32 .3, 4. instead of float32 .3, 5.",
        ),
        (lambda h, a: a.update({"statistics.pca_mean": np.ones(5, np.float32)}), "pca_mean are"),
    ],
)  # fmt: skip
def test_a_sound_checksum_does_not_make_a_sound_bank(
    change: Any, message: str, unchecked: None
) -> None:
    with pytest.raises(StoreError, match=rf"corrupt: .*does not fit together \(.*{message}"):
        bank_from_bytes(resealed(change), "here")


def test_a_type_that_numpy_lacks(unchecked: None) -> None:
    tensors = {"references.weights": torch.ones(4, dtype=torch.bfloat16)}
    header = json.dumps(header_of(bank_bytes(example())))
    with pytest.raises(StoreError, match="corrupt"):
        bank_from_bytes(save_torch(tensors, {"fiftyone_ntt": header}), "here")


def test_a_pipe_is_no_bank(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bank")
    with pytest.raises(StoreError, match="cannot be read: It is a pipe or a device"):
        MemoryBank.load(tmp_path / "bank")
