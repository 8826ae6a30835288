"""What the readers of all formats share: what they give, and what a format is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fiftyone_ntt.coco.findings import Findings, Record

Content = Record
"""What a COCO file holds: `images`, whose `file_name` is absolute or relative to the folder of the
images, with the `split` of those that are of one; `categories`; and `annotations`, with what else
the tool kept of each in `attributes`, and its `score` if it has one. Segmentations are run lengths
of the pixels that the tool draws, or polygons where it draws as pycocotools does. Ids may be texts
that say where in the files something is, as errors name it by them."""

UNREVIEWED = "unreviewed"
"""Key of an image's entry that says, if true, that nobody has labelled it: what objects it has are
predictions that a tool was given, or none."""

PART_SIZE = 200
"""Images of a part: few enough to be held in memory with their masks."""


UNNAMED = "object"
"""The class of objects of which the files name none, where nobody says one."""


@dataclass(frozen=True)
class LabelFiles:
    """Files of one format, recognised and looked over, whose labels are still to be read.

    Attributes:
        format: name of the format, as users pass it.
        why: what it was recognised by, as a sentence without its end.
        folder: where the images are.
        classes: in the tool's own order; category ids count them from 1, unless the format has ids
            of its own.
        parts: reads the content, anew at each call, in parts of at most `PART_SIZE` images; or as
            one, whose annotations are `JsonRows` and so not held. All parts list all categories;
            ids are unique over all of them. What cannot be used is left out through the findings
            that it is given (`RecordError`).
        lost: what the files hold and cannot be kept, a line each.
        own_ids: whether ids of images and annotations are the files' own, as COCO's are, and kept
            as such; else the reader counts them, and they tell nobody anything.
    """

    format: str
    why: str
    folder: Path
    classes: tuple[str, ...]
    parts: Callable[[Findings], Iterable[Content]]
    lost: tuple[str, ...] = ()
    own_ids: bool = False


@dataclass(frozen=True)
class ReadOptions:
    """What somebody says of labels that the files leave open.

    All formats know `images`; of the others, each knows those in its `LabelFormat.options`.

    Attributes:
        images: the folder of the images; where the format has them when None.
        class_name: the class of objects of which the files name none.
        class_attribute: the attribute that is the class.
    """

    images: Path | None = None
    class_name: str | None = None
    class_attribute: str | None = None


@dataclass(frozen=True)
class LabelFormat:
    """A format of label files.

    Attributes:
        name: as users pass it, such as `"yolo"`.
        title: what it is, as in "YOLO segmentation (data.yaml)".
        tool: who writes it.
        recognise: says what a file or folder is recognised by, as a sentence without its end, or
            None if it is none of this format. Looks at names and first bytes (`glance.py`), so
            that it is quick on large folders; never raises.
        reader: takes the file or folder, and what is said of it; raises `InputError` where the
            whole cannot be read.
        options: names of those in `ReadOptions`, besides `images`, that it knows.
    """

    name: str
    title: str
    tool: str
    recognise: Callable[[Path], str | None]
    reader: Callable[[Path, ReadOptions], LabelFiles]
    options: frozenset[str] = frozenset()

    def read(self, path: Path, images: Path | None = None, **options: str | None) -> LabelFiles:
        """The files looked over, see `reader`.

        Args:
            path: the file or folder.
            images: see `ReadOptions`.
            options: likewise; those that it does not know change nothing.
        """
        return self.reader(path, ReadOptions(images, **options))
