"""Which format a file or folder of labels is of: every format is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fiftyone_ntt.core.image_names import IMAGE_ENDS
from fiftyone_ntt.core.nearest_names import nearest_names_hint
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.class_folders import CLASS_FOLDERS
from fiftyone_ntt.formats.coco_files import COCO
from fiftyone_ntt.formats.coco_results import COCO_RESULTS
from fiftyone_ntt.formats.cvat_xml import CVAT
from fiftyone_ntt.formats.foreign_files import foreign_file, foreign_in
from fiftyone_ntt.formats.glance import head, json_keys, names_in
from fiftyone_ntt.formats.label_files import LabelFormat
from fiftyone_ntt.formats.label_studio import LABEL_STUDIO
from fiftyone_ntt.formats.labelme import LABELME
from fiftyone_ntt.formats.lvis import LVIS
from fiftyone_ntt.formats.mask_images import MASKS
from fiftyone_ntt.formats.panoptic import PANOPTIC
from fiftyone_ntt.formats.via import VIA
from fiftyone_ntt.formats.voc import VOC
from fiftyone_ntt.formats.yolo import YOLO

FORMATS: tuple[LabelFormat, ...] = (
    COCO,
    YOLO,
    LABELME,
    CVAT,
    LABEL_STUDIO,
    VIA,
    VOC,
    MASKS,
    PANOPTIC,
    LVIS,
    COCO_RESULTS,
    CLASS_FOLDERS,
)
"""All formats, in the order in which they are listed to users."""

_NO_LABELS = " and no labels"
_MOST_KEYS = 6


def recognise(path: Path, format: str | None = None) -> tuple[LabelFormat, str]:
    """The format of a file or folder, and a sentence, without its end, that says why.

    Args:
        path: of the labels.
        format: name of the format, where it is known already.

    Raises:
        InputError: there is nothing, nothing known, or what could be of several formats.

    Example:
        >>> _ = Path("truth.json").write_text('{"images": [], "annotations": []}')
        >>> found, why = recognise(Path("truth.json"))
        >>> found.name, why
        ('coco', 'truth.json lists images and annotations as a COCO file does')
    """
    if format is not None:
        found = find_format(format)
        if not path.exists():
            raise InputError(f"{path}: no such file or folder. Check the path.")
        return found, found.recognise(path) or f"it was said to be {found.title}"
    if not path.exists():
        raise InputError(f"{path}: no such file or folder. Check the path.")
    asked = [(known, known.recognise(path)) for known in FORMATS]
    fitting = [(known, why) for known, why in asked if why is not None]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise InputError(
            f"{path} could be of {len(fitting)} formats: "
            + "; ".join(f"{known.name!r}, as {why}" for known, why in fitting)
            + f". Choose format {fitting[0][0].name!r} or the other, or pass the one file that is "
            "meant."
        )
    raise InputError(f"{path} {_looks_like(path)}")


def find_format(name: str) -> LabelFormat:
    """The format of a name.

    Raises:
        InputError: there is none.
    """
    known = {known.name: known for known in FORMATS}
    if name not in known:
        hint = nearest_names_hint([name], known)
        raise InputError(
            f"there is no format {name!r}. Pass one of: {', '.join(known)}."
            f"{' ' if hint else ''}{hint}"
        )
    return known[name]


def _looks_like(path: Path) -> str:
    """What it seems to be, and the way on."""
    if path.is_dir():
        return _folder_seems(path)
    foreign = foreign_file(path)
    if foreign is not None:
        return f"seems to be {foreign.what}, which is not read here. {foreign.way}."
    return f"{_file_looks(path)}, and is of no format that is read here. {_way()}"


def _way() -> str:
    return (
        f"Choose one of the formats {', '.join(known.name for known in FORMATS)}, if it is; else "
        "export the labels as one of those."
    )


def _folder_seems(folder: Path) -> str:
    looks = _folder_looks(folder)
    found = foreign_in(folder)
    if found is not None:
        file, foreign = found
        name = file.relative_to(folder)
        return f"{looks}, of which {name} seems to be {foreign.what}: not read here. {foreign.way}."
    if looks.endswith(_NO_LABELS):
        return (
            f"{looks}. Pass the file or folder of the labels, and this folder as images= "
            "(--images)."
        )
    return f"{looks}, and is of no format that is read here. {_way()}"


def _folder_looks(folder: Path) -> str:
    names = names_in(folder)
    if not names:
        return "is an empty folder"
    ends = Counter(Path(name).suffix.lower() for name in names)
    pictures = sum(count for end, count in ends.items() if end in IMAGE_ENDS)
    told = [f"{pictures} images"] if pictures else []
    told += [
        f"{count} {end} files"
        for end, count in ends.most_common()
        if end and end not in IMAGE_ENDS and not (folder / end).is_dir()
    ][:3]
    folders = [name for name in names if not Path(name).suffix and (folder / name).is_dir()]
    if folders:
        told.append(f"{len(folders)} folders ({', '.join(folders[:3])})")
    return f"is a folder that holds {_listed(told or [f'{len(names)} files'])}" + (
        _NO_LABELS if pictures == len(names) else ""
    )


def _file_looks(path: Path) -> str:
    try:
        if not path.stat().st_size:
            return "is an empty file"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if path.suffix.lower() in IMAGE_ENDS:
        return "seems to be an image"
    keys, text = sorted(json_keys(path)), head(path).lstrip()
    if keys or text[:1] in ("{", "["):
        what = "list" if text[:1] == "[" else "object"
        told = f" with {_listed(list(map(repr, keys[:_MOST_KEYS])))}" if keys else ""
        return f"seems to be a JSON {what}{told}"
    if text.startswith("<"):
        return "seems to be XML"
    return f"seems to be a {path.suffix} file" if path.suffix else "seems to be a file of text"


def _listed(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)
