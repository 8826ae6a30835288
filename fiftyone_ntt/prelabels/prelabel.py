"""What is written for annotation tools: images and their labels, and what a format cannot hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
from jaxtyping import Bool

from fiftyone_ntt.core.rle import RLE, decode_crops, rle_boxes
from fiftyone_ntt.errors import InputError

Size = tuple[int, int]
File = tuple[str, bytes]
"""A file's path below the folder that is written, with `/`, and its content."""

ID_NAME, SCORE_NAME = "ntt_id", "score"
"""What the attributes are called in the files that say which label an object is, and its score."""
_ID_MARK = "ntt-"
SCORE_DIGITS = 4


@dataclass(frozen=True, eq=False)
class Prelabel:
    """A label that somebody shall correct.

    Attributes:
        id: of the label, in hexadecimal digits.
        label: its class.
        rle: its mask at image size, of at least one pixel; None for a box alone.
        box: x, y, width, height in pixels; of a mask, those of its pixels.
        score: 0..1, if it has one.
        proposal: what it was made of, where a run noted that.
    """

    id: str
    label: str
    rle: RLE | None
    box: tuple[float, float, float, float]
    score: float | None = None
    proposal: str | None = None

    @property
    def name(self) -> str:
        """The id as files have it: with letters first, so that no reader takes it for a number."""
        return f"{_ID_MARK}{self.id}"


def label_id(name: object) -> str | None:
    """The id of the label that an object in a file is named after; None if it is none of ours.

    Example:
        >>> label_id("ntt-65f0c0ffee65f0c0ffee65f0"), label_id("shape 7")
        ('65f0c0ffee65f0c0ffee65f0', None)
    """
    text = name if isinstance(name, str) else ""
    return text.removeprefix(_ID_MARK) if text.startswith(_ID_MARK) else None


@dataclass(frozen=True, eq=False)
class PrelabelledImage:
    """An image with its labels.

    Attributes:
        name: of its file, relative to the folder of the images, with `/`.
        path: of its file, as this machine has it.
        size: height and width.
        labels: best first, as far as they have scores.
        sample: id of the sample.
    """

    name: str
    path: str
    size: Size
    labels: Sequence[Prelabel]
    sample: str = ""


@dataclass
class Writing:
    """What is said of a set of files while it is written.

    Attributes:
        classes: of all labels, in order.
        images: folder that names of images are relative to.
        folder: that is written.
        address: what stands before the names of images in Label Studio's tasks.
        lost: how many labels lose something, by what it is.
        left: ids of labels that the files do not have.
        shown: what the files show in place of a label's mask and box, by its id; of other labels
            they show just those.
    """

    classes: Sequence[str]
    images: str = ""
    folder: str = ""
    address: str = ""
    lost: Counter[str] = field(default_factory=Counter)
    left: set[str] = field(default_factory=set)
    shown: dict[str, Prelabel] = field(default_factory=dict)


Write = Callable[[Iterable[PrelabelledImage], Writing], Iterator[File]]


@dataclass(frozen=True)
class PrelabelFormat:
    """A format that labels are written in.

    Attributes:
        name: as users pass it; that of the reader of what comes back.
        tool: who reads it.
        write: makes the files; of images taken one by one.
        holds: what it does with ids and scores, as a sentence without its end.
    """

    name: str
    tool: str
    write: Write
    holds: str


def window_of(rle: RLE) -> tuple[Bool[np.ndarray, "h w"], int, int]:
    """The pixels of a mask inside its box, and the box's left and top."""
    boxes = rle_boxes([rle])
    left, top = boxes[0, :2].tolist()
    return decode_crops([rle], boxes)[0], left, top


class Stems:
    """Names without suffix, for formats that know images by those.

    Args:
        what: the format, for messages.
        with_folders: whether images of one name in several folders are told apart.
    """

    def __init__(self, what: str, *, with_folders: bool) -> None:
        self._what = what
        self._with_folders = with_folders
        self._owners: dict[str, str] = {}

    def take(self, name: str) -> PurePosixPath:
        """An image's name without suffix, with its folders.

        Raises:
            InputError: another image has it.
        """
        path = PurePosixPath(name).with_suffix("")
        owner = self._owners.setdefault(f"{path}" if self._with_folders else path.name, name)
        if owner != name:
            raise InputError(
                f"{self._what} knows images by their names without suffix, and both {owner} and "
                f"{name} are called {path.name!r}. Export a view of one of them at a time, or "
                "to='coco', 'cvat' or 'label-studio'."
            )
        return path
