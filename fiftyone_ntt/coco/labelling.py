"""Segment a folder of images from COCO references: the published custom-data flow in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.folder_listing import list_folder, listing_path, save_listing
from fiftyone_ntt.coco.folder_runs import Progress, end_journal, journal_beside, run_over_folder
from fiftyone_ntt.coco.folder_work import (
    FolderWork,
    Labelling,
    Reader,
    from_loaded,
    from_networks,
    from_store,
)
from fiftyone_ntt.coco.image_files import ImageFolder, file_reading
from fiftyone_ntt.coco.reading import CocoFile, read_coco
from fiftyone_ntt.coco.references import references_by_class
from fiftyone_ntt.coco.result_pictures import ResultPictures
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.nearest_names import nearest_names_hint
from fiftyone_ntt.core.pipeline import Matcher, Pipeline
from fiftyone_ntt.core.prototypes import build_bank
from fiftyone_ntt.core.settings import check_stored_mode
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.drawing.picture_folder import PictureSettings
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loadable import LoadablePipeline
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.atomic import require_writable, write_atomically
from fiftyone_ntt.store.own_files import COCO_FILE
from fiftyone_ntt.store.proposal_store import ProposalStore
from fiftyone_ntt.store.run_identity import ingredients_hash, run_ingredients
from fiftyone_ntt.workers.processes import check_workers


@dataclass(frozen=True)
class FolderReport:
    """What `segment_folder` did.

    Attributes:
        images: how many there are: what the targets file lists, or the folder holds.
        resumed: how many of them an earlier, interrupted run had finished.
        detections: results written.
        failures: reason by file name of the images that could not be segmented.
        not_run: how many images were not run through the networks, as their proposals were stored.
        seconds: wall-clock time of the loop over the images alone.
    """

    images: int
    resumed: int
    detections: int
    failures: dict[str, str]
    not_run: int = 0
    seconds: float = field(default=0.0, compare=False)


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
    workers: int = 1,
    models: Models | None = None,
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
        workers: processes that compute, on the CPU, each with models of its own; this one writes.
            An image of which two workers died is reported as failed.
        models: that `pipeline` is made of; needed by several workers, who load them anew.

    Raises:
        InputError: a malformed file, a class of the bank that `targets` has no category for, no
            image, no such bit depth, or models that several workers cannot have.
        StoreError: `output` cannot be written or is another's file, or the journal beside it is
            another run's.
    """
    check_workers(workers)
    anew = partial(from_loaded, _loadable(pipeline, models), store) if workers > 1 else None
    return _label_folder(
        images,
        targets,
        from_networks(pipeline, store),
        output,
        _Options(inclusive_boxes, progress, findings, bit_depth, pictures, workers, anew),
    )


def relabel_folder(
    images: str | Path,
    targets: str | Path | CocoFile | None,
    matcher: Matcher,
    output: str | Path,
    *,
    store: ProposalStore,
    inclusive_boxes: bool = False,
    progress: Progress | None = None,
    findings: Findings | None = None,
    bit_depth: int | None = None,
    pictures: PictureSettings | None = None,
    workers: int = 1,
) -> FolderReport:
    """Segment again with another bank, mode or threshold, from stored proposals: no network runs.

    The results are those of a fresh `segment_folder` with this bank and store, and the run is the
    same run: either goes on with what the other left. An image of which the store has no proposals
    is reported as failed.

    Args:
        images, targets, output, inclusive_boxes, progress, findings, bit_depth, pictures: see
            `segment_folder`.
        matcher: its setup is what the proposals were made with; see `stored_setup`.
        store: has the images' proposals.
        workers: processes that match; this one writes.

    Raises:
        InputError: see `segment_folder`; or a mode whose proposals are never stored.
        StoreError: see `segment_folder`.
    """
    check_stored_mode(matcher.mode)
    check_workers(workers)
    anew = partial(from_store, matcher, store)
    return _label_folder(
        images,
        targets,
        anew(),
        output,
        _Options(inclusive_boxes, progress, findings, bit_depth, pictures, workers, anew),
    )


def _loadable(pipeline: Pipeline, models: Models | None) -> LoadablePipeline:
    if models is None:
        raise InputError("several workers load the models anew. Pass `models`, or workers=1.")
    return LoadablePipeline.of(pipeline, models)


@dataclass(frozen=True)
class _Options:
    """What segmenting and relabelling a folder have in common."""

    inclusive_boxes: bool
    progress: Progress | None
    findings: Findings | None
    bit_depth: int | None
    pictures: PictureSettings | None
    workers: int
    anew: Callable[[], Labelling] | None
    """Makes the labelling again, in a worker."""


def _label_folder(
    images: str | Path,
    targets: str | Path | CocoFile | None,
    labelling: Labelling,
    output: str | Path,
    options: _Options,
) -> FolderReport:
    """`segment_folder`, wherever the proposals come from."""
    output, matcher = Path(output), labelling.matcher
    require_writable(output, COCO_FILE)
    if targets is None:
        file = list_folder(images, listing_path(output), matcher.bank.classes, options.findings)
    else:
        file = _file(targets, options.findings)
    category_ids = _category_ids(file, matcher.bank)
    lookup = ImageFolder(images, options.findings)
    paths = lookup.paths(file)
    reading = file_reading(list(paths.values()), options.findings, options.bit_depth)
    identity = _identity(labelling, reading, Path(images), category_ids, options)
    journal = journal_beside(output, identity)
    if targets is None:
        save_listing(file)  # not before the journal is known to be this run's
    classes = [file.categories[key] for key in category_ids]
    drawn = ResultPictures(options.pictures, file, ImageFolder(images), reading, classes)
    reader = Reader(labelling, reading, category_ids, options.inclusive_boxes)
    work = FolderWork(lookup, paths, reader)
    results = work.here
    if options.workers > 1 and options.anew is not None:
        results = partial(work.spread, anew=options.anew, workers=options.workers)
    found = run_over_folder(
        *(file, paths, journal, results, options.progress), begin=drawn.catch_up, add=drawn.add
    )
    ordered = [result for key in file.images for result in found.rows.get(key, [])]
    drawn.save_page()
    write_atomically(output, COCO_FILE.content(ordered), COCO_FILE)
    end_journal(journal, found.failures)
    return FolderReport(
        len(file.images), found.resumed, len(ordered), found.failures, work.not_run, found.seconds
    )


def _file(given: str | Path | CocoFile, findings: Findings | None) -> CocoFile:
    return given if isinstance(given, CocoFile) else read_coco(given, findings)


def _identity(
    labelling: Labelling,
    reading: ImageReading,
    images: Path,
    category_ids: list[int],
    options: _Options,
) -> str:
    """Of everything that decides the results, with where the images lie."""
    rounded = labelling.store is not None
    run = ingredients_hash(run_ingredients(labelling.matcher, reading, rounded=rounded))
    boxes = "inclusive" if options.inclusive_boxes else "COCO's"
    return f"{run} of {images.resolve()} as {category_ids} with {boxes} boxes"


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
