"""The formats in which labels are written for annotation tools."""

from __future__ import annotations

from fiftyone_ntt.core.nearest_names import nearest_names_hint
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.prelabels.coco_prelabels import COCO_PRELABELS
from fiftyone_ntt.prelabels.cvat_prelabels import CVAT_PRELABELS
from fiftyone_ntt.prelabels.label_studio_prelabels import LABEL_STUDIO_PRELABELS
from fiftyone_ntt.prelabels.labelme_prelabels import LABELME_PRELABELS
from fiftyone_ntt.prelabels.prelabel import PrelabelFormat
from fiftyone_ntt.prelabels.voc_prelabels import VOC_PRELABELS
from fiftyone_ntt.prelabels.yolo_prelabels import YOLO_PRELABELS

PRELABEL_FORMATS: tuple[PrelabelFormat, ...] = (
    CVAT_PRELABELS,
    LABEL_STUDIO_PRELABELS,
    LABELME_PRELABELS,
    COCO_PRELABELS,
    YOLO_PRELABELS,
    VOC_PRELABELS,
)
"""All of them, in the order in which they are listed to users."""


def find_prelabel_format(name: str) -> PrelabelFormat:
    """The format of a name.

    Raises:
        InputError: there is none.

    Example:
        >>> find_prelabel_format("cvat").tool
        'CVAT'
    """
    known = {known.name: known for known in PRELABEL_FORMATS}
    if name not in known:
        hint = nearest_names_hint([name], known)
        raise InputError(
            f"to is {name!r}, and labels are written for none such. Pass one of: "
            f"{', '.join(known)}.{' ' if hint else ''}{hint}"
        )
    return known[name]
