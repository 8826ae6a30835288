"""The images of a COCO file in a folder: found, and held against what the file says of them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.instances import Size
from fiftyone_ntt.coco.reading import CocoFile, ImageId, StreamedCoco
from fiftyone_ntt.core.bit_depth import any_wide, check_bit_depth, survey_bit_depth
from fiftyone_ntt.core.images import ImageReading, image_orientation, image_size
from fiftyone_ntt.errors import InputError

UPRIGHT = 1
AS_SHOWN = "as_shown"
"""Key of an image's entry that says, if true, that its annotations lie on the pixels as shown: what
a stated size says of some. Lists that are made here have it (`folder_listing.py`)."""
_QUARTER_TURNS = (5, 6, 7, 8)


@dataclass(frozen=True)
class ImageFile:
    """An image that a COCO file lists.

    Attributes:
        path: of its file.
        size: height and width of the pixels that its annotations lie on.
        oriented: whether those are the pixels as shown, turned by the EXIF orientation; else, as
            stored.
        orientation: EXIF's, 1 to 8; 1 is upright.
    """

    path: Path
    size: Size
    oriented: bool
    orientation: int

    @property
    def turned(self) -> bool:
        """Whether it is shown otherwise than its annotations lie."""
        return not self.oriented and self.orientation != UPRIGHT


class ImageFolder:
    """Finds the images of COCO files in a folder, also where the files give other paths.

    Args:
        folder: that the files' names are relative to.
        findings: told of images that are not where the file says.
        below: folders that images have to lie in, wherever links lead; any when None.
    """

    def __init__(
        self,
        folder: str | Path,
        findings: Findings | None = None,
        below: Sequence[str | Path] | None = None,
    ) -> None:
        self._folder = Path(os.path.abspath(folder))
        self._below = None if below is None else [Path(os.path.realpath(one)) for one in below]
        self._findings = findings or Findings()
        self._names: dict[str, list[Path]] | None = None
        self._owners: dict[Path, ImageId] = {}

    def claim(self, path: Path, record: Record, source: Path) -> None:
        """Note whose file it is.

        Args:
            path: of the image.
            record: the entry that it is of.
            source: which lists it, for the message.

        Raises:
            RecordError: another entry's.
        """
        owner = self._owners.setdefault(path, record["id"])
        if owner != record["id"]:
            raise RecordError(
                "duplicate file",
                f"{source}: images {owner} and {record['id']} are both {record['file_name']}. Give "
                "each image one entry.",
            )

    def open(self, record: Record) -> ImageFile:
        """The file of an image's entry, and how its annotations lie on it; reads its header.

        Raises:
            RecordError: it is missing or no image, is of another size than stated, is turned by
                its EXIF orientation and nothing says whether its annotations are, or lies outside
                of the folders that it has to lie in.
        """
        path = self._locate(record, self._findings)
        self._require_below(record, path)
        if not os.path.lexists(path):
            raise RecordError(
                "missing image",
                f"image {record['id']}: there is no such file as {path}. Put it there, or pass the "
                "folder that it is in as images= (--images).",
            )
        try:
            shown_size = image_size(path)
            orientation = image_orientation(path)
        except InputError as error:
            raise RecordError("missing image", f"image {record['id']}: {error}") from error
        return self._image_file(record, path, shown_size, orientation)

    def _require_below(self, record: Record, path: Path) -> None:
        """Before anything tells whether the file is there."""
        if self._below is None:
            return
        real = Path(os.path.realpath(path))
        if not any(folder in real.parents for folder in self._below):
            raise RecordError(
                "missing image",
                f"image {record['id']}: its file name {record['file_name']!r} leads out of the "
                f"folders that images are read from here: {', '.join(map(str, self._below))}. Put "
                "the image there.",
            )

    def _image_file(
        self, record: Record, path: Path, shown_size: Size, orientation: int
    ) -> ImageFile:
        sideways = orientation in _QUARTER_TURNS
        stored_size = (shown_size[1], shown_size[0]) if sideways else shown_size
        name = f"image {record['id']}"
        if record.get(AS_SHOWN) is True:
            _require_size(record, path, shown_size)
            return ImageFile(path, shown_size, True, orientation)
        if orientation == UPRIGHT or self._findings.as_it_stands:
            _require_size(record, path, stored_size)
            if orientation != UPRIGHT:
                self._findings.note("images of unknown orientation, taken as they are stored", name)
            return ImageFile(path, stored_size, False, orientation)
        if _stated(record, shown_size) != shown_size and not (
            sideways and _stated(record, stored_size) == stored_size
        ):
            _require_size(record, path, shown_size)
        # COCO's masks lie on the pixels as stored, FiftyOne's on what browsers show. A stated size
        # that fits only one of them says which the annotations were drawn on.
        told = sideways and stored_size != shown_size and {"height", "width"} <= set(record)
        if not told:
            raise RecordError(
                "image size",
                f"{name}: {path} is turned by its EXIF orientation, so where its masks lie is "
                "ambiguous. Save the image upright, without that tag.",
            )
        oriented = _stated(record, shown_size) == shown_size
        if oriented:
            self._findings.note(
                "images annotated as they are shown, turned by their EXIF orientation", name
            )
        return ImageFile(path, shown_size if oriented else stored_size, oriented, orientation)

    def paths(self, file: CocoFile) -> dict[ImageId, Path]:
        """Where a file's images are, whether or not they can be used, by image id."""
        quiet, found = Findings("skip"), {}
        for key, record in file.images.items():
            with suppress(RecordError):
                found[key] = self._locate(record, quiet)
        return found

    def _locate(self, record: Record, findings: Findings) -> Path:
        """Where the image is; where the file says, if it is nowhere."""
        # Without "..", as FiftyOne keeps paths.
        given = Path(os.path.abspath(self._folder / record["file_name"]))
        if os.path.lexists(given):
            return given
        # Windows' separators, and addresses with their questions.
        name = record["file_name"].replace("\\", "/").split("?")[0]
        found = [p for p in (self._folder / name, self._folder / unquote(name)) if p.is_file()][:1]
        base = os.path.basename(name.rstrip("/"))
        for key in (base, unquote(base)):
            found = found or self._by_name().get(key, [])
        if len(found) > 1:
            raise RecordError(
                "missing image",
                f"image {record['id']}: there is no {given}, and {len(found)} files in "
                f"{self._folder} are named {base}, so which one it is is open. Correct the entry's "
                "'file_name'.",
            )
        if found:
            findings.note(
                "images not where the file says, found in the folder by their names",
                f"{record['file_name']} is {os.path.relpath(found[0], self._folder)}",
            )
        return found[0] if found else given

    def _by_name(self) -> dict[str, list[Path]]:
        """All files of the folder by their names; looked up once, if anything is missing."""
        if self._names is None:
            self._names = defaultdict(list)
            for parent, _, names in os.walk(self._folder):
                for name in names:
                    self._names[name].append(Path(parent) / name)
        return self._names


def image_files(
    file: CocoFile | StreamedCoco,
    folder: str | Path | ImageFolder,
    findings: Findings | None = None,
    only: Collection[ImageId] | None = None,
) -> dict[ImageId, ImageFile]:
    """The images of a file that can be used, by id, in file order.

    Args:
        file: lists them.
        folder: where they are; one that was looked through already where a source has several
            parts, between which no file may be shared.
        findings: told of the others.
        only: ids of those wanted; all when None.

    Raises:
        RecordError: see `ImageFolder.open`, and two entries of one file; unless `findings` skips.
    """
    findings = findings or Findings()
    lookup = folder if isinstance(folder, ImageFolder) else ImageFolder(folder, findings)
    found: dict[ImageId, ImageFile] = {}
    for key, record in file.images.items():
        if only is not None and key not in only:
            continue
        try:
            image = lookup.open(record)
            lookup.claim(image.path, record, file.path)
            found[key] = image
        except RecordError as error:
            findings.leave_out(error)
    return found


def file_reading(
    paths: Sequence[Path], findings: Findings | None = None, bit_depth: int | None = None
) -> ImageReading:
    """How a file's images are read: as stored, and all of one bit depth.

    Args:
        paths: of the images.
        findings: told of the bit depth where there are images of more than 8 bits a sample.
        bit_depth: of those; what the widest of them needs when None.

    Raises:
        InputError: there is no such bit depth.
    """
    given = check_bit_depth(bit_depth)
    depth = survey_bit_depth(paths) if given is None else given
    if findings is not None and depth is not None and (given is None or any_wide(paths)):
        findings.note(
            "sets of images of more than 8 bits a sample, each read as of one bit depth",
            f"{depth} bits" if given is not None else f"{depth} bits, which the widest needs",
        )
    return ImageReading(oriented=False, bit_depth=depth)


def _stated(record: Record, default: Size) -> Size:
    return record.get("height", default[0]), record.get("width", default[1])


def _require_size(record: Record, path: Path, size: Size) -> None:
    stated = _stated(record, size)
    if stated != size:
        raise RecordError(
            "image size",
            f"image {record['id']}: the file states {stated[1]} x {stated[0]} px, but {path} shows "
            f"{size[1]} x {size[0]} px. Use the images that were annotated.",
        )
