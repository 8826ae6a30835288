"""Segment a folder of images from COCO references: the published custom-data flow in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fiftyone_ntt.coco.reading import (
    CocoFile,
    ImageId,
    file_reading,
    read_coco,
    references_by_class,
)
from fiftyone_ntt.coco.results import coco_results
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.prefetch import prefetched
from fiftyone_ntt.core.prototypes import build_bank
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.atomic import require_writable, write_atomically
from fiftyone_ntt.store.journal import Journal
from fiftyone_ntt.store.own_files import COCO_FILE
from fiftyone_ntt.store.proposal_source import ProposalSource
from fiftyone_ntt.store.proposal_store import ProposalStore
from fiftyone_ntt.store.run_identity import ingredients_hash, run_ingredients

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
    references: str | Path,
    models: Models,
    negatives: str | Path | None = None,
) -> MemoryBank:
    """A memory bank from COCO reference annotations.

    Args:
        images: folder of the images.
        references: COCO file; each annotation is one reference of its category.
        models: encoder, and the segmenter for annotations that are boxes alone.
        negatives: COCO file of negative references of the same categories.

    Raises:
        InputError: a malformed file, an unreadable image, no annotations.
    """
    negative_file = read_coco(negatives) if negatives else None
    return build_bank(
        references_by_class(read_coco(references), images),
        models.encoder,
        models.segmenter,
        references_by_class(negative_file, images) if negative_file else None,
    )


def segment_folder(
    images: str | Path,
    targets: str | Path,
    pipeline: Pipeline,
    output: str | Path,
    *,
    inclusive_boxes: bool = False,
    store: ProposalStore | None = None,
    progress: Progress | None = None,
) -> FolderReport:
    """Segment the images a COCO file lists and write COCO results.

    Finished images are kept in a journal beside `output`; the same call after an interruption does
    the rest. An image that cannot be read is reported and does not stop the run.

    Args:
        images: folder of the images.
        targets: COCO file whose `images` are segmented; its annotations are not looked at.
        pipeline: its bank's class names are category names of `targets`.
        output: COCO results, JSON; replaced only once complete, and only if written here.
        inclusive_boxes: boxes as the paper scores them; see `coco_results`.
        store: where the images' proposals are taken from and kept, so that another bank needs no
            network; None to compute all and keep none.
        progress: called with images done and images in all.

    Raises:
        InputError: a malformed file, or a class of the bank that `targets` has no category for.
        StoreError: `output` cannot be written or is another's file, or the journal beside it is
            another run's.
    """
    output = Path(output)
    require_writable(output, COCO_FILE)
    file = read_coco(targets)
    category_ids = _category_ids(file, pipeline.bank)
    reading = file_reading(file, Path(images))
    journal = Journal(
        output.with_name(output.name + ".journal"),
        _identity(pipeline, reading, Path(images), category_ids, rounded=store is not None)
        + (" with inclusive boxes" if inclusive_boxes else " with COCO's boxes"),
    )
    source = ProposalSource(pipeline, store, reading)
    done = _finished(journal, file)
    resumed, failures = len(done), {}
    pending = [record for key, record in file.images.items() if key not in done]
    loaded = prefetched(pending, lambda record: source.load(Path(images) / record["file_name"]))
    for count, (record, found) in enumerate(loaded, start=1):
        try:
            match = pipeline.matcher(source.proposals(found.result()))
            done[record["id"]] = coco_results(
                match, record["id"], category_ids, inclusive=inclusive_boxes
            )
            journal.append({"image": _key(record), "results": done[record["id"]]})
        except InputError as error:
            failures[record["file_name"]] = str(error)
        if progress:
            progress(resumed + count, len(file.images))
    ordered = [result for key in file.images for result in done.get(key, [])]
    write_atomically(output, COCO_FILE.content(ordered), COCO_FILE)
    journal.remove()
    return FolderReport(len(file.images), resumed, len(ordered), failures)


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
        raise InputError(
            f"{file.path} has no category for the bank's classes {', '.join(unknown)}. Add them "
            "to its 'categories', or build a bank without them."
        )
    return [ids[name] for name in bank.classes]


def _finished(journal: Journal, file: CocoFile) -> dict[ImageId, list[dict[str, Any]]]:
    """Results by image id of the images that an interrupted run finished and `file` lists."""
    results = {tuple(record["image"]): record["results"] for record in journal.records}
    return {
        image_id: results[tuple(_key(record))]
        for image_id, record in file.images.items()
        if tuple(_key(record)) in results
    }


def _key(record: dict[str, Any]) -> list[Any]:
    """Which image a result is of: the id alone may name another one in an edited file."""
    return [record["id"], record["file_name"]]
