"""The annotations of a COCO file as references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.image_files import ImageFile, file_reading, image_files
from fiftyone_ntt.coco.instances import Instance, read_instance
from fiftyone_ntt.coco.reading import CocoFile, ImageId
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.errors import InputError


def references_by_class(
    file: CocoFile,
    folder: str | Path,
    findings: Findings | None = None,
    bit_depth: int | None = None,
) -> dict[str, Iterator[Reference]]:
    """The file's annotations as references, by category name, in the order of category ids.

    All are checked at once; the images' pixels are read as the references are asked for. Categories
    without annotations are left out.

    Args:
        file: its annotations are the references.
        folder: where the images are.
        findings: told of what cannot be used, and of what is read otherwise than it stands.
        bit_depth: of images of more than 8 bits a sample; see `file_reading`.

    Raises:
        InputError: no annotation at all, or none that can be used; no such bit depth.
        RecordError: an image or annotation that cannot be used, unless `findings` skips it.
    """
    findings = findings or Findings()
    if not file.annotations:
        raise InputError(
            f"{file.path} has no annotations, so there are no references. Pass a file whose "
            "annotations are the reference instances."
        )
    images = image_files(file, folder, findings, {row["image_id"] for row in file.annotations})
    groups: dict[int, list[tuple[str, ImageFile, Instance]]] = {key: [] for key in file.categories}
    for _, row, instance in checked_instances(file.path, file.annotations, images, findings):
        groups[row["category_id"]].append((str(row.get("id")), images[row["image_id"]], instance))
    if not any(groups.values()):
        raise InputError(
            f"{file.path}: none of its {len(file.annotations)} annotations can be used, so there "
            "are no references. Mend what was left out."
        )
    reading = file_reading([image.path for image in images.values()], findings, bit_depth)
    return {file.categories[key]: _read(group, reading) for key, group in groups.items() if group}


def checked_instances(
    path: Path,
    annotations: Iterable[Record],
    images: Mapping[ImageId, ImageFile],
    findings: Findings,
) -> Iterator[tuple[int, Record, Instance]]:
    """The annotations that can be used: their places among all, and what they show.

    Args:
        path: of the file, for messages.
        annotations: read with the same findings.
        images: those that can be used.
        findings: told of the others.
    """
    for position, row in enumerate(annotations):
        try:
            if row["image_id"] not in images:
                raise RecordError(
                    "unknown image",
                    f"{path}: annotation {row.get('id')} is of image {row['image_id']!r}, "
                    "which was left out. Mend the image first.",
                )
            instance = read_instance(row, images[row["image_id"]].size, findings)
        except RecordError as error:
            findings.leave_out(error)
        else:
            yield position, row, instance


def _read(
    group: Sequence[tuple[str, ImageFile, Instance]], reading: ImageReading
) -> Iterator[Reference]:
    for name, image, instance in group:
        pixels = replace(reading, oriented=image.oriented).read(image.path)
        mask = None if instance.rle is None else decode_mask(instance.rle)
        x, y, width, height = (float(value) for value in instance.box)
        yield Reference(name, pixels, (x, y, width, height), mask, image.path.name)
