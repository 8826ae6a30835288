"""What a reader of COCO files found: records it cannot use, and what it read otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from fiftyone_ntt.errors import InputError, first_lines

Record = dict[str, Any]
"""An entry of a COCO file, or the whole."""
RecordKind = Literal[
    "malformed entry",
    "duplicate id",
    "duplicate file",
    "missing image",
    "image size",
    "unknown image",
    "unknown category",
    "unreadable segmentation",
    "empty segmentation",
    "mask size",
    "box outside the image",
    "score",
]
"""What can be wrong with an entry."""
OnError = Literal["raise", "skip"]
Note = Literal[
    "boxes more than 2 px off their masks, whose own boxes are used",
    "parts of segmentations without area, left out",
    "segmentations that are one flat list, read as one polygon",
    "numbers written as text, read",
    "values that are no numbers, taken as not given",
    "ids written as text beside numbers or the other way round, matched",
    "images not where the file says, found in the folder by their names",
    "images annotated as they are stored, turned with their labels as they are shown",
    "images annotated as they are shown, turned by their EXIF orientation",
    "images of unknown orientation, taken as they are stored",
    "images listed twice, taken once",
    "annotation ids that other annotations have, numbered anew",
    "annotations listed twice, kept twice",
    "unused categories named like others, left out",
    "categories of one name, taken as one",
    "categories without an entry, named by their ids",
    "objects without a pixel, kept as such",
    "boxes that reach over the border of their images, kept as they are",
    "crowds taken as objects",
    "attributes whose names cannot be fields, renamed",
    "attributes of too many names, left out",
    "flags of images, left out",
    "points and lines, which have no area, left out",
    "sets of images of more than 8 bits a sample, each read as of one bit depth",
    "files that are no images, left aside",
]
"""What can be read otherwise than it stands."""


class RecordError(InputError):
    """One image, category, annotation or result of a COCO file that cannot be used.

    Attributes:
        kind: what is wrong with it.
    """

    def __init__(self, kind: RecordKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass
class _Counted:
    """How often something was noted, and where first."""

    count: int
    first: str


class Findings:
    """What is done about records that do not fit, and what is said of them.

    Args:
        on_error: `"raise"` at the first record that cannot be used, or `"skip"`: keep its error
            and go on without it.
        as_it_stands: for files that are scored, and published ones: objects without a pixel and
            boxes over the border stay, and images lie as stored, as pycocotools takes them. Where
            somebody's labels become references or a dataset, those are errors.
        published: of a benchmark whose figures are compared: annotated boxes stay where masks
            disagree.

    Attributes:
        skipped: errors of the records left out.

    Raises:
        InputError: no such `on_error`.
    """

    def __init__(
        self,
        on_error: OnError = "raise",
        *,
        as_it_stands: bool = False,
        published: bool = False,
    ) -> None:
        if on_error not in get_args(OnError):
            raise InputError(f"on_error is {on_error!r}. Pass 'raise' or 'skip'.")
        self.as_it_stands = as_it_stands or published
        self.published = published
        self.skipped: list[RecordError] = []
        self._strict = on_error == "raise"
        self._noted: dict[Note, _Counted] = {}

    def leave_out(self, error: RecordError) -> None:
        """Raise the error of a record that cannot be used, or keep it."""
        if self._strict:
            raise error
        self.skipped.append(error)

    def note(self, note: Note, where: str, count: int = 1) -> None:
        """Count something that was read otherwise than it stands.

        Args:
            note: what was done.
            where: what it was done to, as in "annotation 7".
            count: how often there.
        """
        counted = self._noted.setdefault(note, _Counted(0, where))
        counted.count += count

    def take_notes(self, later: Findings) -> None:
        """Count what others noted meanwhile, as if it were noted only now; it is gone there."""
        for note, counted in later._noted.items():
            self.note(note, counted.first, counted.count)
        later._noted.clear()

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each kind of thing that was noted: how often, and where first."""
        return tuple(
            f"{note}: {counted.count} ({counted.first}{', ...' if counted.count > 1 else ''})"
            for note, counted in self._noted.items()
        )

    @property
    def counts(self) -> dict[str, int]:
        """Records left out, by kind."""
        return skipped_counts(self.skipped)

    def lines(self) -> list[str]:
        """What to tell the user: counts of what was left out, the first errors, and the notes."""
        return [*skipped_lines(self.skipped), *self.notes]


def skipped_counts(skipped: Sequence[RecordError]) -> dict[str, int]:
    """How many records were left out, by kind."""
    return dict(Counter(error.kind for error in skipped))


def skipped_lines(skipped: Sequence[RecordError]) -> list[str]:
    """`skipped_counts` in a line, and the first of the errors."""
    if not skipped:
        return []
    counted = ", ".join(f"{kind} {count}" for kind, count in skipped_counts(skipped).items())
    errors = first_lines([str(error) for error in skipped], ", in `skipped`")
    return [f"left out {len(skipped)}: {counted}", *errors]
