"""Segment a folder of images from COCO references: the published custom-data flow in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.folder_work import FileState, FolderJob, Reader, file_state
from fiftyone_ntt.coco.image_files import ImageFolder, file_reading
from fiftyone_ntt.coco.reading import CocoFile, ImageId, read_coco
from fiftyone_ntt.coco.references import references_by_class
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.nearest_names import nearest_names_hint
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.prototypes import build_bank
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.atomic import require_writable, write_atomically
from fiftyone_ntt.store.journal import Journal
from fiftyone_ntt.store.own_files import COCO_FILE
from fiftyone_ntt.store.proposal_store import ProposalStore
from fiftyone_ntt.store.run_identity import ingredients_hash, run_ingredients
from fiftyone_ntt.workers.processes import check_workers

Progress = Callable[[int, int], None]
"""Called with how many are done, and how many there are."""


@dataclass(frozen=True)
class FolderReport:
    """What `segment_folder` did.

    Attributes:
        images: how many the targets file lists.
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
    targets: str | Path | CocoFile,
    pipeline: Pipeline,
    output: str | Path,
    *,
    inclusive_boxes: bool = False,
    store: ProposalStore | None = None,
    progress: Progress | None = None,
    findings: Findings | None = None,
    bit_depth: int | None = None,
    workers: int = 1,
    models: Models | None = None,
) -> FolderReport:
    """Segment the images a COCO file lists and write COCO results.

    Finished images are kept in a journal beside `output`; the same call after an interruption does
    the rest, and those of which the files were replaced meanwhile. An image that cannot be read is
    reported and does not stop the run; the journal stays then, so that the same call does those
    images alone.

    Args:
        images: folder of the images.
        targets: COCO file, or what was read of labels of another format, whose `images` are
            segmented; its annotations are not looked at.
        pipeline: its bank's class names are category names of `targets`.
        output: COCO results, JSON; replaced only once complete, and only if written here.
        inclusive_boxes: boxes as the paper scores them; see `coco_results`.
        store: where the images' proposals are taken from and kept, so that another bank needs no
            network; None to compute all and keep none.
        progress: called with images done and images in all.
        findings: told of entries of `targets` that cannot be used, and of images that are read
            otherwise than they stand. When None, the first bad entry is an error.
        bit_depth: of images of more than 8 bits a sample; what the widest needs when None.
        workers: processes that compute, on the CPU, each with models of its own; this one writes.
            An image of which two workers died is reported as failed.
        models: that `pipeline` is made of; needed by several workers, who load them anew.

    Raises:
        InputError: a malformed file, a class of the bank that `targets` has no category for, no
            such bit depth, or models that several workers cannot have.
        StoreError: `output` cannot be written or is another's file, or the journal beside it is
            another run's.
    """
    output = Path(output)
    require_writable(output, COCO_FILE)
    check_workers(workers)
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
    reader = Reader(pipeline, store, reading, category_ids, inclusive_boxes)
    job = FolderJob(lookup, reader)
    done = _finished(journal, file, paths)
    resumed, failures = len(done), {}
    pending = [record for key, record in file.images.items() if key not in done]
    with closing(job.results(pending, workers, models)) as found:
        for count, (record, outcome) in enumerate(zip(pending, found, strict=True), start=1):
            try:
                image = outcome.result()
                done[record["id"]] = image.rows
                journal.append({"image": _key(record), "file": image.file, "results": image.rows})
            except InputError as error:
                failures[record["file_name"]] = str(error)
            if progress:
                progress(resumed + count, len(file.images))
    ordered = [result for key in file.images for result in done.get(key, [])]
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
        if result and key in paths and file_state(paths[key]) == result[0]
    }


def _key(record: dict[str, Any]) -> list[Any]:
    """Which image a result is of: the id alone may name another one in an edited file."""
    return [record["id"], record["file_name"]]
