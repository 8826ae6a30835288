"""Proposals on disk: computed once per image, kept for every bank that comes.

One folder per setup (models and settings), in it one sealed file per image, named by the hash of
the image file's content. Files are written whole, so several processes may share a store; one that
is damaged or foreign counts as absent and is computed again. What else lies in the folder stays: a
file is the store's if its place, its name and what it holds say so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import math
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int16, Int32, UInt8

from fiftyone_ntt.core.overlaps import Overlaps
from fiftyone_ntt.core.proposals import Proposals, ProposalSetup
from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.core.rle import RLE
from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.store.atomic import cannot_write, write_atomically
from fiftyone_ntt.store.image_keys import proposals_file
from fiftyone_ntt.store.own_files import FileKind
from fiftyone_ntt.store.proposal_checks import (
    require_sound_arrays,
    require_sound_masks,
    sound_size,
)
from fiftyone_ntt.store.sealed import Arrays, SealedFormat
from fiftyone_ntt.store.stored_setups import (
    MARKER,
    MARKER_FILE,
    SETUP_FILE,
    default_folder,
    entries,
    is_marker,
    is_own_folder,
    is_store,
    named_like_setup,
    read_bounded,
    read_setup,
    settings_of,
    setup_folders,
)

logger = logging.getLogger(__name__)

_FORMAT = SealedFormat(
    "proposal file",
    version=3,
    oldest=2,
    source="a proposal store",
    remedy="Delete it (`fiftyone-ntt store verify` does); it is computed again when needed.",
)
_SIZE_FILE = "size"
_OWN_NAMES = (_SIZE_FILE, MARKER_FILE)

_DESCRIPTION = b'{\n "encoder": "'
"""How the description of a setup begins."""

_PART_NAME = re.compile("[0-9a-f]{2}")
_FILE_NAME = re.compile(r"[0-9a-f]{32}[-a-z0-9]*\.safetensors")
"""An image's key (see `image_key`) and the ending."""


def _or_blank(wrote: Callable[[Path], bool]) -> Callable[[Path], bool]:
    """For files at places of the store's own: what a failing machine left empty, or full of zeros,
    has no content that anybody would miss."""

    def wrote_or_blank(path: Path) -> bool:
        with path.open("rb") as file:
            beginning = file.read(4096)
        return not beginning.strip(b"\0") or wrote(path)

    return wrote_or_blank


def _begins_a_description(path: Path) -> bool:
    """Whether a file in a setup's folder was written here, though it may be damaged further on."""
    return read_bounded(path).startswith(_DESCRIPTION) or bool(read_setup(path))


_MARKER = FileKind("marker of a proposal store", _or_blank(is_marker))
_PROPOSALS = FileKind(_FORMAT.name, _or_blank(_FORMAT.wrote))
_SETUP = FileKind("description of a setup", _or_blank(_begins_a_description))
_SIZE = FileKind("size of a proposal store", _or_blank(lambda path: read_bounded(path).isdigit()))

_MOST_BYTES = 4 * 2**30
"""Of a proposal file: 10,000 proposals that all overlap each other have 1 GB."""

_FILLED_SHARE = 0.95
"""Of the limit, what eviction leaves: one that freed no more than needed would be due at once."""

_CHECKED_SHARE = 0.01
"""Of the limit, what may be written before a look at the store's size."""

DEFAULT_LIMIT = 100 * 10**9
"""Bytes: over a hundred thousand images with the paper's models."""


def default_store() -> ProposalStore:
    """The store in `~/.fiftyone-ntt/proposals`, or where `FIFTYONE_NTT_PROPOSALS` says."""
    return ProposalStore(default_folder())


@dataclass(frozen=True)
class Usage:
    """What a store holds of one setup.

    Attributes:
        images: how many images it holds proposals of.
        bytes: what they take on disk.
    """

    images: int
    bytes: int


class ProposalStore:
    """Proposals by image content and setup.

    Features are kept in half precision, which halves a file and moves a cosine by about 1e-5; the
    rest is exact. A proposal takes two bytes per feature and 200 to 500 for its mask, box and IoU,
    and eight for every other it overlaps: with 1,024-wide features and 300 proposals, 0.8 MB an
    image.

    Args:
        folder: made on the first write, with those above it. It is the store's alone: one that
            holds other things is refused.
        limit: bytes it may take on disk.
    """

    def __init__(self, folder: str | Path, limit: int = DEFAULT_LIMIT) -> None:
        self.folder = Path(folder).expanduser()
        self.limit = limit
        self._unaccounted = 0

    def get(
        self,
        setup: ProposalSetup,
        image: str,
        *,
        size: tuple[int, int] | None = None,
        width: int | None = None,
        stability: bool = False,
    ) -> Proposals | None:
        """The proposals of an image; None if absent, damaged, foreign, or not such an image's.

        Args:
            setup: what they were made with.
            image: its key.
            size: of the image, either way round; any when None.
            width: of the encoder's tokens; any when None.
            stability: whether it has to be known: proposals of earlier versions lack it.
        """
        path = self._path(setup, image)
        try:
            found = _read_file(path)
            _require_fitting(found, size, width, path)
        except FileNotFoundError:
            return None
        except (StoreError, OSError) as error:
            logger.warning("%s", error)
            return None
        if stability and found.stability is None:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # `evict` removes what was not used for longest
            self._describe(setup)
        return found

    def put(self, setup: ProposalSetup, image: str, proposals: Proposals) -> Proposals:
        """Keep an image's proposals.

        Returns:
            What `get` will give: the features are rounded.

        Raises:
            StoreError: the file cannot be written.
        """
        path = self._path(setup, image)
        self._describe(setup)
        kept = dataclasses.replace(rounded(proposals), known_overlaps=proposals.overlaps)
        data = _bytes_of(kept)
        _make(path.parent)
        write_atomically(path, data, _PROPOSALS)
        self.account(len(data))
        return kept

    def account(self, size: int) -> None:
        """Count what was written, here or, told by `take_unaccounted`, in another process."""
        self._unaccounted += size
        if self._unaccounted > self.limit * _CHECKED_SHARE:
            self.keep_within_limit()

    def take_unaccounted(self) -> int:
        """Bytes written that the store's size does not count yet, for the caller to account for."""
        size, self._unaccounted = self._unaccounted, 0
        return size

    def _describe(self, setup: ProposalSetup) -> None:
        """See to it that the folder of a setup says what it is."""
        folder = self._setup_folder(setup)
        if self._described(folder) is None:
            self._mark_folder()
            _make(folder)
            description = json.dumps(dataclasses.asdict(setup), indent=1)
            write_atomically(folder / SETUP_FILE, description.encode(), _SETUP)

    def _described(self, folder: Path) -> ProposalSetup | None:
        """The setup that a folder says it is of; None unless its name agrees."""
        content = read_setup(folder / SETUP_FILE)
        settings = settings_of(content) if content else None
        if settings is None:
            return None
        setup = ProposalSetup(content["encoder"], content["segmenter"], settings)
        return setup if self._setup_folder(setup).name == folder.name else None

    def check_folder(self) -> None:
        """Check that the folder is a store, or can become one.

        Raises:
            StoreError: it holds other things and no proposals, or is a file.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise StoreError(f"proposal store {self.folder} is a file. Pass a folder.")
        if is_store(self.folder):
            return
        others = [
            path.name
            for path in entries(self.folder)
            if not (path.name.startswith(".") or path.name in _OWN_NAMES or named_like_setup(path))
        ]
        if others:
            raise StoreError(
                f"{self.folder} is no proposal store: it holds {', '.join(others[:3])} and no "
                "proposals, so nothing in it is touched. Pass the folder of a store, or a new one."
            )

    def _mark_folder(self) -> None:
        self.check_folder()
        _make(self.folder)
        if not is_marker(self.folder / MARKER_FILE):
            write_atomically(self.folder / MARKER_FILE, MARKER, _MARKER)

    def setups(self) -> list[ProposalSetup]:
        """The setups of which it holds proposals; without those that this version does not know."""
        found = (self._described(folder) for folder in setup_folders(self.folder))
        return [setup for setup in found if setup is not None]

    def usage(self, setup: ProposalSetup) -> Usage:
        """What it holds of a setup; lists all its files."""
        sizes = [status.st_size for _, status in _files([self._setup_folder(setup)])]
        return Usage(len(sizes), sum(sizes))

    def size(self, setup: ProposalSetup, image: str) -> int:
        """Bytes that an image's proposals take on disk; 0 where it holds none."""
        try:
            return self._path(setup, image).stat().st_size
        except OSError:
            return 0

    def verify(self) -> list[Path]:
        """Read every file, and delete those that are damaged or of another version.

        Proposals whose setup's description is deleted stay: it is written again when they are used.

        Returns:
            the files deleted; what is not the store's own stays.

        Raises:
            StoreError: the folder is no store, or a file cannot be deleted.
        """
        self.check_folder()
        deleted = []
        for path in self._damaged_descriptions():
            with contextlib.suppress(FileNotFoundError):  # another process was faster
                path.unlink()
                deleted.append(path)
        for path, _ in _files(setup_folders(self.folder)):
            try:
                _read_file(path)
            except FileNotFoundError:  # another process was faster
                continue
            except StoreError:
                deleted += [path] if _delete(path) else []
            except OSError as error:
                logger.warning("%s cannot be read: %s", path, error.strerror or error)
        return deleted

    def keep_within_limit(self) -> list[Path]:
        """Evict if what was written since the last look may have filled the store.

        Only then are its files listed, which takes long for millions; between, the store's size is
        what was found last and what its writers added.

        Returns:
            the files deleted.
        """
        size = self._size_found() + self._unaccounted
        if size > self.limit:
            return self.evict()
        self._note_size(size)
        return []

    def evict(self) -> list[Path]:
        """List the whole store and, if it is above its limit, delete what was not used for longest
        until a twentieth of the limit is free.

        Returns:
            the files deleted; what is not the store's own stays.

        Raises:
            StoreError: the folder is no store, or a file cannot be deleted.
        """
        self.check_folder()
        files = [
            (status.st_mtime, status.st_size, path)
            for path, status in _files(setup_folders(self.folder))
        ]
        total = sum(size for _, size, _ in files)
        deleted = []
        if total > self.limit:
            for _, size, path in sorted(files):
                if total <= self.limit * _FILLED_SHARE:
                    break
                deleted += [path] if _delete(path) else []
                total -= size
        self._note_size(total)
        return deleted

    def _size_found(self) -> float:
        try:
            return int(read_bounded(self.folder / _SIZE_FILE))
        except ValueError:  # never looked at, or damaged
            return math.inf

    def _note_size(self, size: float) -> None:
        self._unaccounted = 0
        if not is_store(self.folder):
            return
        try:
            # Writers at the same moment lose each other's addition: the next listing finds it.
            write_atomically(self.folder / _SIZE_FILE, str(round(size)).encode(), _SIZE)
        except StoreError as error:  # then it is listed more often
            logger.warning("%s", error)

    def _damaged_descriptions(self) -> Iterator[Path]:
        """Descriptions that are none, or another setup's, beside the store's own files."""
        if not is_marker(self.folder / MARKER_FILE):
            return
        for folder in entries(self.folder):
            if not (named_like_setup(folder) and is_own_folder(folder)):
                continue
            path = folder / SETUP_FILE
            ordinary = path.is_file() and not path.is_symlink()
            if ordinary and any(_files([folder])) and self._described(folder) is None:
                yield path

    def _setup_folder(self, setup: ProposalSetup) -> Path:
        text = json.dumps(_identifying_fields(setup), sort_keys=True)
        return self.folder / hashlib.sha256(text.encode()).hexdigest()[:16]

    def _path(self, setup: ProposalSetup, image: str) -> Path:
        return proposals_file(self._setup_folder(setup), image)


def describe(store: ProposalStore) -> str:
    """What a store holds, as text for people."""
    lines = [f"{store.folder}"]
    for setup in store.setups():
        found = store.usage(setup)
        average = found.bytes / max(found.images, 1) / 1000
        lines += [
            f"  {found.images} images, {found.bytes / 10**6:.1f} MB ({average:.0f} kB an image): "
            f"{setup.segmenter}, {setup.encoder}, {setup.settings.points_per_side} points per side"
        ]
    return "\n".join(lines) if len(lines) > 1 else f"{store.folder}: empty"


def rounded(proposals: Proposals) -> Proposals:
    """Proposals with their features as a store keeps them."""
    features = proposals.features.astype(np.float16).astype(np.float32)
    return dataclasses.replace(proposals, features=features)


def _identifying_fields(setup: ProposalSetup) -> dict[str, Any]:
    # The batch had a part in it once, as 1: folders keep their names.
    settings = setup.settings.identity() | {"prompts_per_batch": 1}
    return dataclasses.asdict(setup) | {"settings": settings}


def _files(setups: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    """What lies in folders of setups where proposals do, under such a name; links are not followed.

    A file that another process deletes meanwhile is left out.
    """
    for part in (part for folder in setups for part in entries(folder)):
        if not (_PART_NAME.fullmatch(part.name) and is_own_folder(part)):
            continue
        for path in entries(part):
            if not (_FILE_NAME.fullmatch(path.name) and path.name.startswith(part.name)):
                continue
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield path, status


def _delete(path: Path) -> bool:
    """Delete a file under a proposal file's name, if it is one; whether it was deleted here."""
    try:
        if _PROPOSALS.wrote(path):
            path.unlink()
            return True
        logger.warning("%s is no proposal file, so it stays. Move it out of the store.", path)
    except FileNotFoundError:  # another process was faster
        pass
    except OSError as error:
        raise StoreError(
            f"{path} cannot be deleted: {error.strerror or error}. Change the permissions of its "
            "folder."
        ) from error
    return False


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def _bytes_of(proposals: Proposals) -> bytes:
    counts = [np.frombuffer(mask["counts"], dtype=np.uint8) for mask in proposals.masks]
    arrays: Arrays = {
        "prompts": proposals.prompts.astype(np.int32),
        "ious": proposals.ious,
        "boxes": proposals.boxes.astype(np.int16),
        "crops": proposals.crops,
        "features": proposals.features.astype(np.float16),
        "areas": proposals.overlaps.areas.astype(np.int32),
        "pairs": proposals.overlaps.pairs.astype(np.int16 if len(proposals) <= 2**15 else np.int32),
        "pixels": proposals.overlaps.pixels.astype(np.int32),
        "mask_bytes": np.concatenate([np.zeros(0, np.uint8), *counts]),
        "mask_lengths": np.array([len(part) for part in counts], dtype=np.int32),
    }
    if proposals.stability is not None:
        arrays["stability"] = proposals.stability
    return _FORMAT.seal({"image_size": proposals.image_size}, arrays)


def _read_file(path: Path) -> Proposals:
    """The proposals in a file.

    Raises:
        OSError: it cannot be read, or is none that ends.
        StoreError: it is damaged, or of another version.
    """
    require_regular_file(path, _MOST_BYTES)
    return _read(path.read_bytes(), str(path))


def _require_fitting(
    found: Proposals, size: tuple[int, int] | None, width: int | None, path: Path
) -> None:
    if size is not None and sorted(found.image_size) != sorted(size):
        raise _FORMAT.corrupt(str(path), "its masks are of another image's size")
    if width is not None and found.features.shape[1] != width:
        raise _FORMAT.corrupt(str(path), "its features are of another width than the encoder's")


def _read(data: bytes, origin: str) -> Proposals:
    content, arrays = _FORMAT.unseal(data, origin)
    try:
        size = sound_size(content["image_size"])
        require_sound_arrays(arrays)
        masks = _masks(arrays["mask_bytes"], arrays["mask_lengths"], size)
        require_sound_masks(masks, arrays)
        areas, pairs, pixels = (
            arrays[name].astype(np.int64) for name in ("areas", "pairs", "pixels")
        )
        return Proposals(
            image_size=size,
            prompts=arrays["prompts"].astype(np.int64),
            ious=arrays["ious"],
            boxes=arrays["boxes"].astype(np.int64),
            features=arrays["features"].astype(np.float32),
            masks=masks,
            crops=_crops(arrays, content["version"]),
            # None of proposals stored before version 3, or made without it.
            stability=arrays.get("stability"),
            known_overlaps=Overlaps(areas, pairs, pixels),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise _FORMAT.corrupt(origin, repr(error)) from error


def _crops(arrays: Arrays, version: int) -> Int16[np.ndarray, " N"]:
    """Where each proposal was found: before version 3, in the whole picture."""
    if version < 3:
        return np.zeros(len(arrays["ious"]), dtype=np.int16)
    return arrays["crops"]


def _masks(
    content: UInt8[np.ndarray, " B"], lengths: Int32[np.ndarray, " N"], size: tuple[int, int]
) -> list[RLE]:
    ends = np.cumsum(lengths)
    text = content.tobytes()
    return [
        {"size": list(size), "counts": text[end - length : end]}
        for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)
    ]
