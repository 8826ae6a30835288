"""Choosing labels to read: where they are, and what a form says they are read as."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiftyone_ntt.errors import NttError
from fiftyone_ntt.plugin.shared.exports import read_folders, read_path
from fiftyone_ntt.plugin.shared.form import Form

if TYPE_CHECKING:
    from fiftyone_ntt.formats.label_files import LabelFormat

RECOGNISED = "recognised"
"""The choice of a format that leaves it to be recognised."""

_OPTIONS = {
    "class_name": ("Class of objects that have none", "Of which the labels name none"),
    "class_attribute": ("Attribute that is the class", "Where several may be it"),
}


def choose_labels(form: Form) -> None:
    """Fields for the labels, their format, the folder of their images and what they leave open.

    Says beside the path why nothing can be read there, else below it what it is read as.
    """
    below = f"Below {', '.join(map(str, read_folders()))} on the machine of FiftyOne's server"
    name = form.text("path", "File or folder of the labels", description=below)
    formats = {known.name: known.title for known in _formats()}
    options = {RECOGNISED: "As it is recognised", **formats}
    format = form.choice("format", "Format", options, RECOGNISED)
    known = _read_as(form, name, format) if name and format else None
    images = form.text(
        "images",
        "Folder of the images",
        required=False,
        description=f"Where the labels have them, if empty; {below[:1].lower()}{below[1:]}",
    )
    if images:
        check_path(form, "images", images)
    for option, (label, described) in _OPTIONS.items():
        if known is not None and option in known.options:
            form.text(option, label, required=False, description=described)


def chosen_labels(given: dict[str, Any], name: str) -> dict[str, Any]:
    """What was chosen, as `fiftyone_ntt.import_labels` takes it.

    An answer to a question that the format does not ask (any more) does not count.

    Args:
        given: the form's answers.
        name: of the labels, among them.

    Raises:
        NttError: a path leads out of the folders that the App may read, or nothing can be read
            there.
    """
    from fiftyone_ntt.formats.recognising import recognise

    path, images, format = read_path(name), given.get("images"), given.get("format")
    known, _ = recognise(path, None if format in (None, "", RECOGNISED) else format)
    return {
        "path": path,
        "images": read_path(images.strip()) if images else None,
        "format": known.name,
        "below": read_folders(),
        **{option: given.get(option) or None for option in _OPTIONS if option in known.options},
    }


def _read_as(form: Form, name: str, format: str) -> LabelFormat | None:
    """The format that a path is read as, which the form says; None where it cannot be."""
    from fiftyone_ntt.formats.recognising import recognise

    path = check_path(form, "path", name)
    if path is None:
        return None
    try:
        known, why = recognise(path, None if format == RECOGNISED else format)
    except NttError as error:
        form.reject("path", str(error))
        return None
    form.note("read_as", f"Read as {known.name}: {known.title}", f"{why[:1].upper()}{why[1:]}.")
    return known


def check_path(form: Form, field: str, name: str) -> Path | None:
    """A path that the App may read; None where it may not, which is said beside the field."""
    try:
        return read_path(name)
    except NttError as error:
        form.reject(field, str(error))
        return None


def _formats() -> tuple[LabelFormat, ...]:
    from fiftyone_ntt.formats.recognising import FORMATS

    return FORMATS
