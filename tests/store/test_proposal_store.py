"""Proposals on disk: exact but for rounded features, whole or absent, shared, bounded."""

from __future__ import annotations

import dataclasses
import json
import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.matching import match
from fiftyone_ntt.core.overlaps import Overlaps
from fiftyone_ntt.core.proposals import Proposals, ProposalSetup
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.store import proposal_store
from fiftyone_ntt.store.bank_file import bank_bytes
from fiftyone_ntt.store.image_keys import image_hash, image_key
from fiftyone_ntt.store.proposal_store import (
    ProposalStore,
    default_store,
    describe,
    rounded,
)
from fiftyone_ntt.store.sealed import SealedFormat
from tests.core.toy_models import reference_rows, toy_bank, toy_proposals
from tests.store.test_bank_file import example as example_bank

SETUP = ProposalSetup("encoder:1", "segmenter:1", ProposalSettings())


def example(seed: int = 0, count: int = 5) -> Proposals:
    random = np.random.default_rng(seed)
    masks = random.random((count, 20, 30)) > 0.5
    masks[:1] = False  # one empty mask
    ious, features = random.random(count), random.normal(size=(count, 6))
    return dataclasses.replace(
        toy_proposals(masks, ious.tolist(), features.reshape(-1, 6).tolist()),
        crops=np.arange(count, dtype=np.int16),
        stability=random.random(count, np.float32),
    )


def assert_equal(found: Proposals | None, expected: Proposals) -> None:
    assert found is not None
    names = [field.name for field in dataclasses.fields(Proposals) if "overlaps" not in field.name]
    values = [(getattr(found, name), getattr(expected, name)) for name in names]
    for name in ("areas", "pairs", "pixels"):
        values.append((getattr(found.overlaps, name), getattr(expected.overlaps, name)))
    for one, other in values:
        if isinstance(other, np.ndarray):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        else:
            assert other is None if one is None else [*one] == [*other]


@pytest.mark.parametrize("count", [0, 1, 5, 300])
def test_what_was_put_is_got(tmp_path: Path, count: int) -> None:
    store, proposals = ProposalStore(tmp_path), example(count=count)
    kept = store.put(SETUP, "ab" * 16, proposals)
    assert_equal(kept, rounded(proposals))
    assert_equal(store.get(SETUP, "ab" * 16), kept)
    assert np.abs(kept.features - proposals.features).max(initial=0) < 5e-4


def test_more_proposals_than_two_bytes_can_number(tmp_path: Path) -> None:
    count = 2**15 + 2
    one = example(count=2)  # the second is not empty
    names = ("ious", "features", "boxes")
    arrays = {name: np.repeat(getattr(one, name)[1:], count, axis=0) for name in names}
    many = Proposals(
        image_size=one.image_size,
        prompts=np.arange(count),
        masks=[*one.masks[1:]] * count,
        crops=np.zeros(count, np.int16),
        known_overlaps=Overlaps(
            np.repeat(one.overlaps.areas[1:], count),
            np.array([[count - 2, count - 1]]),
            np.array([1]),
        ),
        **arrays,
    )
    store = ProposalStore(tmp_path)
    store.put(SETUP, "ab" * 16, many)
    assert_equal(store.get(SETUP, "ab" * 16), rounded(many))


EARLIER_FORMAT = dataclasses.replace(proposal_store._FORMAT, version=2, oldest=None)
NEW_ARRAYS = ("crops", "stability")


def stored_file(folder: Path) -> Path:
    (path,) = folder.glob("**/*.safetensors")
    return path


def rewrite(
    path: Path, form: SealedFormat, arrays: dict[str, Any], without: tuple[str, ...]
) -> None:
    """A stored file again, in another format's version, with other arrays."""
    content, found = proposal_store._FORMAT.unseal(path.read_bytes(), str(path))
    kept = {name: found[name] for name in found if name not in without}
    path.write_bytes(form.seal({"image_size": content["image_size"]}, {**kept, **arrays}))


def test_files_of_the_earlier_version_are_read(tmp_path: Path) -> None:
    store, key = ProposalStore(tmp_path), "ab" * 16
    kept = store.put(SETUP, key, example(count=40))
    rewrite(stored_file(tmp_path), EARLIER_FORMAT, {}, NEW_ARRAYS)
    earlier = store.get(SETUP, key)
    whole = np.zeros(40, np.int16)
    assert_equal(earlier, dataclasses.replace(kept, crops=whole, stability=None))
    assert store.verify() == []
    assert earlier is not None
    bank = toy_bank(("a", "b"), reference_rows(np.eye(2, 6).tolist(), [0, 1]))
    one, other = match(earlier, bank), match(kept, bank)
    assert len(one) == 2 and one.masks == other.masks
    for name in ("labels", "scores", "proposals"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    # Kept again, what is unknown stays unknown.
    store.put(SETUP, key, earlier)
    assert_equal(store.get(SETUP, key), earlier)


def test_files_older_than_that_count_as_absent(tmp_path: Path) -> None:
    store, key = ProposalStore(tmp_path), "ab" * 16
    store.put(SETUP, key, example())
    for version in (1, 4):
        other = dataclasses.replace(EARLIER_FORMAT, version=version)
        rewrite(stored_file(tmp_path), other, {}, NEW_ARRAYS)
        assert store.get(SETUP, key) is None
        store.put(SETUP, key, example())


@pytest.mark.parametrize(
    "wrong",
    [
        {"stability": np.zeros(4, np.float32)},
        {"stability": np.zeros(5, np.float64)},
        {"crops": np.zeros(6, np.int16)},
        {"crops": np.zeros((5, 1), np.int16)},
        {"crops": np.zeros(5, np.int32)},
    ],
)
def test_new_arrays_of_another_size_or_type_are_damage(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    store, key = ProposalStore(tmp_path), "ab" * 16
    store.put(SETUP, key, example())
    rewrite(stored_file(tmp_path), proposal_store._FORMAT, wrong, ())
    assert store.get(SETUP, key) is None


def test_absent_is_none(tmp_path: Path) -> None:
    store = ProposalStore(tmp_path / "none yet")
    assert store.get(SETUP, "ab" * 16) is None
    assert store.setups() == []
    assert describe(store).endswith("empty")


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(SETUP, encoder="encoder:2"),
        dataclasses.replace(SETUP, segmenter="segmenter:2"),
        dataclasses.replace(SETUP, settings=ProposalSettings(points_per_side=31)),
        dataclasses.replace(SETUP, settings=ProposalSettings(iou_threshold=0.5)),
    ],
)
def test_setups_are_kept_apart(tmp_path: Path, other: ProposalSetup) -> None:
    store = ProposalStore(tmp_path)
    store.put(SETUP, "ab" * 16, example(0))
    assert store.get(other, "ab" * 16) is None
    store.put(other, "ab" * 16, example(1))
    assert_equal(store.get(SETUP, "ab" * 16), rounded(example(0)))
    assert set(store.setups()) == {SETUP, other}
    assert [store.usage(setup).images for setup in store.setups()] == [1, 1]


def test_the_batch_is_not_part_of_the_setup(tmp_path: Path) -> None:
    store = ProposalStore(tmp_path)
    store.put(SETUP, "ab" * 16, example())
    other = dataclasses.replace(SETUP, settings=ProposalSettings(prompts_per_batch=1))
    assert store.get(other, "ab" * 16) is not None


def test_damage_anywhere_is_absence(tmp_path: Path) -> None:
    store = ProposalStore(tmp_path)
    store.put(SETUP, "ab" * 16, example())
    (path,) = tmp_path.glob("**/*.safetensors")
    data = path.read_bytes()
    for position in range(0, len(data), 37):
        flipped = bytearray(data)
        flipped[position] ^= 1
        for damaged in (bytes(flipped), data[:position]):
            path.write_bytes(damaged)
            assert store.get(SETUP, "ab" * 16) is None
    store.put(SETUP, "ab" * 16, example())
    assert store.get(SETUP, "ab" * 16) is not None


def test_verify_deletes_damaged_files_only(tmp_path: Path) -> None:
    store = ProposalStore(tmp_path)
    for key in ("aa" * 16, "bb" * 16, "cc" * 16):
        store.put(SETUP, key, example())
    damaged = next(tmp_path.glob("*/bb/*.safetensors"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert store.verify() == [damaged]
    assert store.verify() == []
    assert store.usage(SETUP).images == 2


def bystanders(folder: Path) -> dict[Path, bytes]:
    """Files of others in a store: some only their place tells apart, some only their name, and some
    only their content."""
    (setup,) = (path for path in folder.iterdir() if path.is_dir())
    weights = save({"layer": np.ones(5000)})
    bank, key = bank_bytes(example_bank()), "ab" * 16
    proposals = next(folder.glob("**/*.safetensors")).read_bytes()
    content = {
        folder / "model.safetensors": weights,
        folder / f"{key}.safetensors": proposals[:-1],
        folder / "ab" / f"{key}.safetensors": proposals[:-1],
        folder / "0123456789abcdef" / "ab" / f"{key}.safetensors": proposals[:-1],
        setup / "bank.safetensors": bank,
        setup / "ab" / "weights.safetensors": proposals[:-1],
        setup / "ab" / f"{key}.safetensors.bak": proposals[:-1],
        setup / "ab" / f"{'cd' * 16}.safetensors": proposals[:-1],
        setup / "ab" / f"{key}.safetensors": bank,
        setup / "ac" / f"{'ac' * 16}.safetensors": weights,
        setup / "ad" / f"{'ad' * 16}.safetensors": b"notes",
        setup / "notes" / f"{key}.safetensors": proposals[:-1],
    }
    for path, data in content.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (1, 1))
    (setup / "ae").symlink_to(folder / "ab")
    (setup / "af").mkdir()
    (setup / "af" / f"{'af' * 16}.safetensors").symlink_to(folder / "model.safetensors")
    return content


def test_files_of_others_are_never_deleted(tmp_path: Path) -> None:
    store = ProposalStore(tmp_path, limit=0)
    store.put(SETUP, "00" * 16, example(count=300))
    store.limit = 10**9
    store.put(SETUP, "00" * 16, example(count=300))
    others = bystanders(tmp_path)
    assert store.verify() == []
    store.limit = 0
    (ours,) = store.evict()
    assert ours.name == f"{'00' * 16}.safetensors"
    assert {path: path.read_bytes() for path in others} == others
    with pytest.raises(StoreError, match=r"is no proposal file that fiftyone-ntt wrote"):
        store.put(SETUP, "ac" * 16, example())
    store.put(SETUP, "00" * 16, example())
    assert {path: path.read_bytes() for path in others} == others


@pytest.mark.parametrize("bit_depth", [None, 12])
@pytest.mark.parametrize("oriented", [True, False])
def test_files_of_every_reading_are_the_stores(
    tmp_path: Path, oriented: bool, bit_depth: int | None
) -> None:
    keys = set()
    for wide, orientation in ((False, 1), (False, 6), (True, 1), (True, 6)):
        path, exif = tmp_path / f"{wide}-{orientation}.png", Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(np.zeros((4, 5), np.uint16 if wide else np.uint8)).save(path, exif=exif)
        keys.add(image_key(path, ImageReading(oriented, bit_depth)))
    assert {len(key) > 32 for key in keys} == {True, False}
    store = ProposalStore(tmp_path / "store")
    for key in keys:
        store.put(SETUP, key, example())
    assert store.usage(SETUP).images == 4
    store.limit = 0
    assert {path.stem for path in store.evict()} == keys


@pytest.mark.parametrize("left", [b"", b"\0" * 10_000])
def test_what_a_crash_left_blank_is_the_stores(tmp_path: Path, left: bytes) -> None:
    store = ProposalStore(tmp_path)
    for key in ("aa" * 16, "bb" * 16):
        store.put(SETUP, key, example())
        next(tmp_path.glob(f"**/{key}.safetensors")).write_bytes(left)
    store.put(SETUP, "aa" * 16, example())
    assert [path.stem for path in store.verify()] == ["bb" * 16]
    assert store.get(SETUP, "aa" * 16) is not None


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    weights = save({"layer": np.ones(5000)})
    for name in ("model.safetensors", "size", "notes.txt"):
        (tmp_path / name).write_bytes(weights)
    (tmp_path / "0123456789abcdef").mkdir()
    store = ProposalStore(tmp_path, limit=0)
    for act in (
        store.verify,
        store.evict,
        store.keep_within_limit,
        lambda: store.put(SETUP, "ab" * 16, example()),
    ):
        with pytest.raises(StoreError, match=r"is no proposal store: it holds model.*Pass the fo"):
            act()
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "0123456789abcdef",
        "model.safetensors",
        "notes.txt",
        "size",
    ]
    assert (tmp_path / "size").read_bytes() == weights
    with pytest.raises(StoreError, match=r"size is a file. Pass a folder"):
        ProposalStore(tmp_path / "size").check_folder()


def test_a_store_is_known_by_its_marker_or_as_one_of_an_earlier_version(tmp_path: Path) -> None:
    store = ProposalStore(tmp_path)
    store.put(SETUP, "ab" * 16, example())
    (setup,) = tmp_path.glob("*/setup.json")
    marker, description = tmp_path / "proposal-store.json", setup.read_bytes()
    assert json.loads(marker.read_text()) == {"fiftyone-ntt proposal store": 1}
    (tmp_path / "notes.txt").write_text("mine")

    setup.write_text("{")  # damaged: nothing but the marker tells
    ProposalStore(tmp_path).check_folder()
    setup.write_bytes(description)
    marker.unlink()  # as earlier versions left a store
    old = ProposalStore(tmp_path)
    old.put(SETUP, "cd" * 16, example())
    assert old.usage(SETUP).images == 2
    old.limit = 0
    assert len(old.evict()) == 2

    marker.write_text('{"fiftyone-ntt proposal store": "of somebody else"}')
    setup.write_text("{")
    with pytest.raises(StoreError, match=r"is no proposal store: it holds notes.txt"):
        store.check_folder()


def test_a_marker_of_others_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "proposal-store.json").write_text("mine")
    with pytest.raises(StoreError, match=r"is no marker of a proposal store that fiftyone-ntt"):
        ProposalStore(tmp_path).put(SETUP, "ab" * 16, example())
    assert [path.name for path in tmp_path.iterdir()] == ["proposal-store.json"]


def test_an_empty_or_missing_folder_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").touch()
    for folder in (tmp_path, tmp_path / "a" / "b"):
        store = ProposalStore(folder)
        assert store.verify() == store.evict() == store.keep_within_limit() == []
        store.put(SETUP, "ab" * 16, example())
        assert store.get(SETUP, "ab" * 16) is not None


def test_a_file_called_size_is_not_overwritten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = ProposalStore(tmp_path)
    store.put(SETUP, "ab" * 16, example())
    (tmp_path / "size").write_text("XL")
    assert store.evict() == []
    assert (tmp_path / "size").read_text() == "XL"
    assert "is no size of a proposal store" in caplog.text


@pytest.mark.parametrize("act", ["verify", "evict", "usage"])
@pytest.mark.parametrize("moment", ["while they are listed", "once they are listed"])
def test_files_that_another_process_deletes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, moment: str
) -> None:
    store = ProposalStore(tmp_path)
    for key in ("aa" * 16, "bb" * 16):
        store.put(SETUP, key, example())
    for path in tmp_path.glob("**/*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    store.limit = 0
    files, entries = proposal_store._files, proposal_store.entries

    def gone(found: list[Any]) -> list[Any]:
        for path in tmp_path.glob("**/*.safetensors"):
            path.unlink()
        return found

    if moment == "once they are listed":
        monkeypatch.setattr(proposal_store, "_files", lambda setups: gone(list(files(setups))))
    else:
        monkeypatch.setattr(
            proposal_store,
            "entries",
            lambda folder: (
                gone(list(entries(folder))) if len(folder.name) == 2 else entries(folder)
            ),
        )
    if act == "usage":
        assert store.usage(SETUP).images == (2 if moment == "once they are listed" else 0)
    else:
        assert getattr(store, act)() == []


def hammer(folder: Path, act: str) -> None:
    """What one process does to a full store that others work on."""
    store = ProposalStore(folder, limit=12 * 1300)
    for index in range(100):
        store.put(SETUP, f"{index % 20:02}" * 16, example())
        getattr(store, act)()
        store.usage(SETUP)


def test_processes_fill_verify_and_prune_one_full_store(tmp_path: Path) -> None:
    # Forked, as three that import everything anew would take far longer than what they do.
    with ProcessPoolExecutor(3, mp_context=get_context("fork")) as pool:
        acts = pool.map(hammer, [tmp_path] * 3, ["evict", "verify", "evict"], timeout=120)
        assert list(acts) == [None] * 3
    store = ProposalStore(tmp_path)
    assert store.verify() == []
    assert 0 < store.usage(SETUP).images < 20
    assert not list(tmp_path.glob("**/.*.part"))


def test_evict_deletes_what_was_not_used_for_longest(tmp_path: Path) -> None:
    store = ProposalStore(tmp_path)
    keys = [f"{index}{index}" * 16 for index in range(4)]
    for age, key in enumerate(keys):
        store.put(SETUP, key, example())
        path = next(tmp_path.glob(f"**/{key}.safetensors"))
        os.utime(path, (1000 + age, 1000 + age))
    size = path.stat().st_size
    assert store.get(SETUP, keys[0]) is not None  # which is a use
    assert store.evict() == []
    store.limit = 3 * size
    assert [path.stem for path in store.evict()] == [keys[1], keys[2]]
    assert store.get(SETUP, keys[0]) is not None and store.get(SETUP, keys[3]) is not None


def test_the_store_is_listed_only_when_it_may_be_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listings = []
    files = proposal_store._files
    monkeypatch.setattr(
        proposal_store, "_files", lambda setups: listings.append(setups) or files(setups)
    )
    size = len(proposal_store._bytes_of(example()))
    store = ProposalStore(tmp_path, limit=6 * size)
    for index in range(12):
        store.put(SETUP, f"{index:032}", example())
    assert len(listings) == 4  # the first time, then at 7, 9 and 11: a sixth is freed each time
    assert store.usage(SETUP).images <= 6
    (tmp_path / "size").write_text("")
    assert ProposalStore(tmp_path, limit=6 * size).keep_within_limit() == []
    assert int((tmp_path / "size").read_text()) == store.usage(SETUP).bytes


def test_writers_do_not_disturb_each_other(tmp_path: Path) -> None:
    def work(seed: int) -> bool:
        store = ProposalStore(tmp_path)
        kept = [store.put(SETUP, "ab" * 16, example(seed)) for _ in range(5)]
        found = store.get(SETUP, "ab" * 16)
        return found is not None and len(found) == len(kept[0])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(16)))
    assert not list(tmp_path.glob("**/*.part"))


def test_images_are_known_by_content(tmp_path: Path) -> None:
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    one.write_bytes(b"pixels")
    same.write_bytes(b"pixels")
    other.write_bytes(b"pixels.")
    assert image_hash(one) == image_hash(same) != image_hash(other)
    with pytest.raises(InputError, match=r"none cannot be read: No such file.*Restore the file"):
        image_hash(tmp_path / "none")


def test_the_default_store_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIFTYONE_NTT_PROPOSALS", str(tmp_path))
    assert default_store().folder == tmp_path
    monkeypatch.delenv("FIFTYONE_NTT_PROPOSALS")
    assert default_store().folder == Path.home() / ".fiftyone-ntt" / "proposals"


def test_description(tmp_path: Path) -> None:
    store = ProposalStore(tmp_path)
    store.put(SETUP, "ab" * 16, example())
    text = describe(store)
    assert "1 images" in text and "encoder:1" in text and "32 points per side" in text


@pytest.mark.parametrize("content", ["", "7", "[]", "null", "{}", "[" * 100_000, "\xff"])
def test_verify_mends_a_damaged_description(tmp_path: Path, content: str) -> None:
    store = ProposalStore(tmp_path)
    store.put(SETUP, "aa" * 16, example())
    [description] = tmp_path.glob("*/setup.json")
    description.write_text(content, encoding="latin-1")
    assert store.verify() == [description]
    assert store.setups() == [] and store.verify() == []
    assert store.get(SETUP, "aa" * 16) is not None
    assert store.setups() == [SETUP]


def test_verify_deletes_the_description_of_another_setup(tmp_path: Path) -> None:
    store = ProposalStore(tmp_path)
    store.put(SETUP, "aa" * 16, example())
    [description] = tmp_path.glob("*/setup.json")
    description.write_text(description.read_text().replace(SETUP.encoder, "another"))
    assert store.verify() == [description]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-9],
        lambda text: text.replace("encoder:1", "encoder:7"),
        lambda text: text.replace("32", "31"),
        lambda text: text.replace("32", "320"),
        lambda text: text.replace("0.4", "NaN"),
        lambda text: text.replace("iou_threshold", "iou_treshold"),
        lambda text: text[:25] + "[" * 100_000,
    ],
)
def test_a_damaged_description_of_a_setup_is_mended(tmp_path: Path, damage: Any) -> None:
    store, key = ProposalStore(tmp_path), "ab" * 16
    store.put(SETUP, key, example())
    (path,) = tmp_path.glob("*/setup.json")
    whole = path.read_text()
    path.write_text(damage(whole))
    assert store.setups() == []
    assert describe(store).endswith("empty")
    assert store.verify() == [path]
    assert store.verify() == []
    for use in (lambda: store.get(SETUP, key), lambda: store.put(SETUP, key, example())):
        path.write_text(damage(whole))
        assert use() is not None
        assert path.read_text() == whole
    assert store.setups() == [SETUP]


def test_pipes_in_a_store_are_absent(tmp_path: Path) -> None:
    store, key = ProposalStore(tmp_path), "ab" * 16
    store.put(SETUP, key, example())
    for path in (stored_file(tmp_path), *tmp_path.glob("*/setup.json"), *tmp_path.glob("*.json")):
        path.unlink()
        os.mkfifo(path)
    assert store.get(SETUP, key) is None
    assert store.setups() == [] and store.verify() == []
