"""The loop over the images of a label file: goes on after a kill, and past images that fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.coco.reading import CocoFile, ImageId
from fiftyone_ntt.core.prefetch import prefetched
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.journal import Journal
from fiftyone_ntt.workers.spreading import Outcome

Progress = Callable[[int, int], None]
"""Called with how many are done, and how many there are."""
FileState = list[int]
"""Of an image's file: bytes, and when it was last written, in ns."""
Rows = list[dict[str, Any]]
"""JSON objects: what an image comes to."""
Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class ImageRows:
    """What an image comes to.

    Attributes:
        file: as it was before it was read: it may be replaced meanwhile. None if it was gone.
        rows: of the image.
    """

    file: FileState | None
    rows: Rows


Results = Callable[[Sequence[Record]], Generator[Outcome[ImageRows], None, None]]
"""Makes of images' entries what becomes of each, in their order."""


@dataclass(frozen=True)
class FolderOutcome:
    """What a run over images came to.

    Attributes:
        rows: of the images that are done, by image id.
        resumed: how many of them an earlier, interrupted run had finished.
        failures: reason by file name of the images that could not be done.
        seconds: wall-clock time of the loop alone.
    """

    rows: dict[ImageId, Rows]
    resumed: int
    failures: dict[str, str]
    seconds: float


def journal_beside(output: Path, identity: str) -> Journal:
    """The journal of the run that writes a file.

    Args:
        output: that file.
        identity: of the run.

    Raises:
        StoreError: it is another run's, or no journal.
    """
    return Journal(output.with_name(output.name + ".journal"), identity)


def run_over_folder(
    file: CocoFile,
    paths: dict[ImageId, Path],
    journal: Journal,
    results: Results,
    progress: Progress | None = None,
    keeps: Callable[[Record, Rows], bool] = lambda record, rows: True,
    begin: Callable[[Mapping[ImageId, Rows]], None] | None = None,
    add: Callable[[Record, Rows], None] = lambda record, rows: None,
) -> FolderOutcome:
    """Do the images of a file that are not done yet, in its order.

    Args:
        file: lists the images.
        paths: of the images, whether or not they can be used.
        journal: remembers each that is done, with the state of its file.
        results: computes: `results_here` in this process, or others in several.
        progress: called with images done and images in all.
        keeps: whether rows of an earlier run still are those of an image's entry.
        begin: called with what an earlier run finished, before anything is done.
        add: called here with each image that is done now, in order, before it counts as done.
    """
    begun = time.monotonic()
    done = {
        key: rows
        for key, rows in _finished(journal, file, paths).items()
        if keeps(file.images[key], rows)
    }
    resumed, failures = len(done), {}
    if begin:
        begin(done)

    pending = [record for key, record in file.images.items() if key not in done]
    with closing(results(pending)) as found:
        for count, (record, outcome) in enumerate(zip(pending, found, strict=True), start=1):
            try:
                image = outcome.result()
                add(record, image.rows)
                journal.append({"image": _key(record), "file": image.file, "results": image.rows})
                done[record["id"]] = image.rows
            except InputError as error:
                failures[record["file_name"]] = str(error)
            if progress:
                progress(resumed + count, len(file.images))
    return FolderOutcome(done, resumed, failures, time.monotonic() - begun)


def results_here(
    records: Sequence[Record],
    paths: Mapping[ImageId, Path],
    load: Callable[[Record], Loaded],
    compute: Callable[[Record, Loaded], Rows],
) -> Generator[Outcome[ImageRows], None, None]:
    """What becomes of each image in this process, in their order.

    Args:
        records: their entries.
        paths: of the images.
        load: takes an image's entry; runs one image ahead, in a thread.
        compute: makes an image's rows of its entry and what `load` gave.
    """

    def load_noting(record: Record) -> tuple[Loaded, FileState | None]:
        state = file_state(paths[record["id"]]) if record["id"] in paths else None
        return load(record), state

    for record, ready in prefetched(records, load_noting):
        try:
            loaded, state = ready.result()
            rows = compute(record, loaded)
        except InputError as error:
            yield Outcome(error=error)
        else:
            yield Outcome(ImageRows(state, rows))


def end_journal(journal: Journal, failures: dict[str, str]) -> None:
    """Say that the output is written: the journal goes, or stays for the images that failed."""
    if failures:
        journal.deliver()
    else:
        journal.remove()


def _finished(journal: Journal, file: CocoFile, paths: dict[ImageId, Path]) -> dict[ImageId, Rows]:
    """Rows by image id of the images that an earlier run finished, that `file` lists, and whose
    files are as they were.

    Args:
        journal: of that run; what it holds of another form is passed over.
        file: lists the images.
        paths: of the images.
    """
    results: dict[tuple[Any, Any], tuple[FileState, Rows]] = {}
    for record in journal.records:
        match record:
            case {
                "image": [int() | str() as key, str() as name],
                "file": [int() as size, int() as time_],
                "results": [*rows],
            }:
                results[key, name] = [size, time_], rows
    found = {key: results.get((*_key(record),)) for key, record in file.images.items()}
    return {
        key: result[1]
        for key, result in found.items()
        if result and key in paths and file_state(paths[key]) == result[0]
    }


def _key(record: Record) -> list[Any]:
    """Which image a result is of: the id alone may name another one in an edited file."""
    return [record["id"], record["file_name"]]


def file_state(path: Path) -> FileState | None:
    """What tells whether an image's file was replaced; None where it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
