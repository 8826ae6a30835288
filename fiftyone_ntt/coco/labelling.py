"""Segment a folder of images from COCO references: the published custom-data flow in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fiftyone_ntt.coco.findings import Findings, Record
from fiftyone_ntt.coco.folder_listing import list_folder, listing_path, save_listing
from fiftyone_ntt.coco.image_files import ImageFolder, file_reading
from fiftyone_ntt.coco.reading import CocoFile, ImageId, read_coco
from fiftyone_ntt.coco.references import references_by_class
from fiftyone_ntt.coco.result_pictures import ResultPictures
from fiftyone_ntt.coco.results import coco_results
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.nearest_names import nearest_names_hint
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.prefetch import prefetched
from fiftyone_ntt.core.prototypes import build_bank
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.drawing.picture_folder import PictureSettings
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.atomic import require_writable, write_atomically
from fiftyone_ntt.store.journal import Journal
from fiftyone_ntt.store.own_files import COCO_FILE
from fiftyone_ntt.store.proposal_source import LoadedImage, ProposalSource
from fiftyone_ntt.store.proposal_store import ProposalStore
from fiftyone_ntt.store.run_identity import ingredients_hash, run_ingredients

Progress = Callable[[int, int], None]
"""Called with how many are done, and how many there are."""
FileState = list[int]
"""Of an image's file: bytes, and when it was last written, in ns."""


@dataclass(frozen=True)
class FolderReport:
    """What `segment_folder` did.

    Attributes:
        images: how many there are: what the targets file lists, or the folder holds.
        resumed: how many of them an earlier, interrupted run had finished.
        detections: results written.
        failures: reason by file name of the images that could not be segmented.
    """

    images: int
    resumed: int
    detections: int
    failures: dict[str, str]


def build_bank_from_coco(
    images: str | Path,
    references: str | Path | CocoFile,
    models: Models,
    negatives: str | Path | CocoFile | None = None,
    findings: Findings | None = None,
    bit_depth: int | None = None,
) -> MemoryBank:
    """A memory bank from COCO reference annotations.

    Args:
        images: folder of the images.
        references: COCO file, or what was read of labels of another format; each annotation is one
            reference of its category.
        models: encoder, and the segmenter for annotations that are boxes alone.
        negatives: likewise, of negative references of the same categories.
        findings: told of what cannot be used, and of what is read otherwise than it stands. When
            None, the first annotation or image that cannot be used is an error.
        bit_depth: of images of more than 8 bits a sample; what each file's widest needs when None.

    Raises:
        InputError: a malformed file, an unreadable image, no annotations, no such bit depth.
    """

    def read(labels: str | Path | CocoFile) -> dict[str, Iterator[Reference]]:
        return references_by_class(_file(labels, findings), images, findings, bit_depth)

    given = read(references)
    negative = read(negatives) if negatives else None
    return build_bank(given, models.encoder, models.segmenter, negative)


def segment_folder(
    images: str | Path,
    targets: str | Path | CocoFile | None,
    pipeline: Pipeline,
    output: str | Path,
    *,
    inclusive_boxes: bool = False,
    store: ProposalStore | None = None,
    progress: Progress | None = None,
    findings: Findings | None = None,
    bit_depth: int | None = None,
    pictures: PictureSettings | None = None,
) -> FolderReport:
    """Segment the images a COCO file lists, or all of a folder, and write COCO results.

    Finished images are kept in a journal beside `output`; the same call after an interruption does
    the rest, and those of which the files were replaced meanwhile. An image that cannot be read is
    reported and does not stop the run; the journal stays then, so that the same call does those
    images alone.

    Args:
        images: folder of the images.
        targets: COCO file, or what was read of labels of another format, whose `images` are
            segmented; its annotations are drawn in pictures, and nothing else. None for every
            image below the folder: the list of them, with their ids, is kept beside `output`
            (`folder_listing.py`).
        pipeline: its bank's class names are category names of `targets`.
        output: COCO results, JSON; replaced only once complete, and only if written here.
        inclusive_boxes: boxes as the paper scores them; see `coco_results`.
        store: where the images' proposals are taken from and kept, so that another bank needs no
            network; None to compute all and keep none.
        progress: called with images done and images in all.
        findings: told of entries of `targets` that cannot be used, and of images that are read
            otherwise than they stand. When None, the first bad entry is an error.
        bit_depth: of images of more than 8 bits a sample; what the widest needs when None.
        pictures: where to draw what is found, image by image; None to draw nothing.

    Raises:
        InputError: a malformed file, a class of the bank that `targets` has no category for, no
            image, or no such bit depth.
        StoreError: `output` cannot be written or is another's file, or the journal beside it is
            another run's.
    """
    output = Path(output)
    require_writable(output, COCO_FILE)
    if targets is None:
        file = list_folder(images, listing_path(output), pipeline.bank.classes, findings)
    else:
        file = _file(targets, findings)
    category_ids = _category_ids(file, pipeline.bank)
    lookup = ImageFolder(images, findings)
    paths = lookup.paths(file)
    reading = file_reading(list(paths.values()), findings, bit_depth)
    journal = Journal(
        output.with_name(output.name + ".journal"),
        _identity(pipeline, reading, Path(images), category_ids, rounded=store is not None)
        + (" with inclusive boxes" if inclusive_boxes else " with COCO's boxes"),
    )
    if targets is None:
        save_listing(file)  # not before the journal is known to be this run's
    stored, shown = (
        ProposalSource(pipeline, store, replace(reading, oriented=turned))
        for turned in (False, True)
    )

    def load(record: Record) -> tuple[LoadedImage, FileState | None]:
        """What can be had of an image without the models, on the pixels it was annotated on."""
        image = lookup.open(record)
        state = _file_state(image.path)  # before it is read: it may be replaced meanwhile
        return (shown if image.oriented else stored).load(image.path), state

    done = _finished(journal, file, paths)
    resumed, failures = len(done), {}
    classes = [file.categories[key] for key in category_ids]
    drawn = ResultPictures(pictures, file, ImageFolder(images), reading, classes)
    drawn.catch_up(done)
    pending = [record for key, record in file.images.items() if key not in done]
    loaded = prefetched(pending, load)
    for count, (record, found) in enumerate(loaded, start=1):
        try:
            image, state = found.result()
            match = pipeline.matcher(stored.proposals(image))
            rows = coco_results(match, record["id"], category_ids, inclusive=inclusive_boxes)
            drawn.add(record, rows)  # first: what is in the journal is not looked at again
            journal.append({"image": _key(record), "file": state, "results": rows})
            done[record["id"]] = rows
        except InputError as error:
            failures[record["file_name"]] = str(error)
        if progress:
            progress(resumed + count, len(file.images))
    ordered = [result for key in file.images for result in done.get(key, [])]
    drawn.save_page()
    write_atomically(output, COCO_FILE.content(ordered), COCO_FILE)
    if failures:
        journal.deliver()
    else:
        journal.remove()
    return FolderReport(len(file.images), resumed, len(ordered), failures)


def _file(given: str | Path | CocoFile, findings: Findings | None) -> CocoFile:
    return given if isinstance(given, CocoFile) else read_coco(given, findings)


def _identity(
    pipeline: Pipeline,
    reading: ImageReading,
    images: Path,
    category_ids: list[int],
    *,
    rounded: bool,
) -> str:
    """Of everything that decides the results, with where the images lie."""
    run = ingredients_hash(run_ingredients(pipeline.matcher, reading, rounded=rounded))
    return f"{run} of {images.resolve()} as {category_ids}"


def _category_ids(file: CocoFile, bank: MemoryBank) -> list[int]:
    ids = {name: key for key, name in file.categories.items()}
    unknown = [name for name in bank.classes if name not in ids]
    if unknown:
        hint = nearest_names_hint(unknown, ids)
        raise InputError(
            f"{file.path} has no category for the bank's classes {', '.join(unknown)}. Add them "
            f"to its 'categories', or build a bank without them.{' ' if hint else ''}{hint}"
        )
    return [ids[name] for name in bank.classes]


def _finished(
    journal: Journal, file: CocoFile, paths: dict[ImageId, Path]
) -> dict[ImageId, list[dict[str, Any]]]:
    """Results by image id of the images that an earlier run finished, that `file` lists, and whose
    files are as they were.

    Args:
        journal: of that run; what it holds of another form is passed over.
        file: lists the images.
        paths: of the images.
    """
    results: dict[tuple[Any, Any], tuple[FileState, list[dict[str, Any]]]] = {}
    for record in journal.records:
        match record:
            case {
                "image": [int() | str() as key, str() as name],
                "file": [int() as size, int() as time],
                "results": [*rows],
            }:
                results[key, name] = [size, time], rows
    found = {key: results.get((*_key(record),)) for key, record in file.images.items()}
    return {
        key: result[1]
        for key, result in found.items()
        if result and key in paths and _file_state(paths[key]) == result[0]
    }


def _key(record: dict[str, Any]) -> list[Any]:
    """Which image a result is of: the id alone may name another one in an edited file."""
    return [record["id"], record["file_name"]]


def _file_state(path: Path) -> FileState | None:
    """What tells whether an image's file was replaced; None where it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
