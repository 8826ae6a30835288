"""The one file that holds all labels, and the images that lie beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fiftyone_ntt.errors import InputError

_SHOWN = 5


def only_file(
    path: Path, found: Sequence[Path], what: str, way: str = "Pass the file itself."
) -> Path:
    """The file that a path means.

    Args:
        path: a file or a folder.
        found: files of the format, the file itself or those in the folder.
        what: they are, as in "COCO files".
        way: what to do where there is none.

    Raises:
        InputError: there is none, or several.
    """
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(f"{path} holds no {what}. {way}")
    names = ", ".join(file.name for file in found[:_SHOWN])
    raise InputError(
        f"{path} holds {len(found)} {what}: {names}{', ...' if len(found) > _SHOWN else ''}. Pass "
        "one of them, and the folder of its images as images= (--images)."
    )


def images_beside(file: Path) -> Path:
    """Where the images of a file of labels are: in a folder `images` beside it, or beside it."""
    own = file.parent / "images"
    return own if own.is_dir() else file.parent
