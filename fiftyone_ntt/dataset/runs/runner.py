"""The loop over images that `segment` and `boxes_to_masks` share.

Reads the next image while the current one is computed, writes in chunks, goes on past images that
fail, and leaves everything finished written however it ends.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import fiftyone as fo
import fiftyone.core.labels as fol
from pymongo.errors import ConnectionFailure

from fiftyone_ntt.core.prefetch import prefetched
from fiftyone_ntt.dataset.labels.detections import Document
from fiftyone_ntt.dataset.labels.fields import declare_detections
from fiftyone_ntt.dataset.runs.run_record import RunRecord
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.errors import InputError, NttError

logger = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")
Loaded_co = TypeVar("Loaded_co", covariant=True)

_MAX_SHOWN = 5


@dataclass(frozen=True)
class SegmentReport:
    """What a run did.

    Attributes:
        run: key of the run, also on every detection it wrote.
        field: the field written to.
        images: samples in the view.
        written: samples that got their detections now.
        skipped: samples that had them from this very run before.
        detections: detections written now.
        failures: sample id to why it has no detections.
        seconds: wall-clock time.
    """

    run: str
    field: str
    images: int
    written: int
    skipped: int
    detections: int
    failures: dict[str, str]
    seconds: float

    def __str__(self) -> str:
        parts = [f"{self.detections} detections in {self.written} of {self.images} images"]
        parts += [f"{self.skipped} already done"] if self.skipped else []
        parts += [f"{len(self.failures)} failed"] if self.failures else []
        head = f"{self.field}: {', '.join(parts)}; {self.seconds:.1f} s (run {self.run})"
        shown = [f"  {key}: {reason}" for key, reason in list(self.failures.items())[:_MAX_SHOWN]]
        hidden = len(self.failures) - len(shown)
        return "\n".join([head, *shown, *([f"  and {hidden} more"] if hidden else [])])


@dataclass
class _Tally:
    """What has been written so far."""

    written: int = 0
    detections: int = 0
    failures: dict[str, str] = field(default_factory=dict)


class LoadFuture(Protocol[Loaded_co]):
    """What was loaded of an image, or the error instead: a future, for instance."""

    def result(self) -> Loaded_co:
        """What was loaded; raises the error if there was one."""


Loader = Callable[[Sequence[str]], Iterator[LoadFuture[Loaded]]]
"""From the paths of images to what is loaded of each, in their order."""


def prefetch_loader(load: Callable[[str], Loaded]) -> Loader[Loaded]:
    """Calls `load` with one path after the other, in a thread, one ahead of what is computed."""
    return lambda paths: (ready for _, ready in prefetched(paths, load))


def run_over_images(
    record: RunRecord,
    ids: Sequence[str],
    paths: Sequence[str],
    load: Loader[Loaded],
    compute: Callable[[str, Loaded], fol.Detections | Document],
    *,
    attributes: Mapping[str, type[fo.Field]],
    overwrite: bool,
    chunk_size: int,
    progress: Progress,
) -> SegmentReport:
    """Compute and write the detections of every image that does not have this run's yet.

    Args:
        record: the run; its field is written to.
        ids: sample ids.
        paths: their image files.
        load: called once, with the paths of the images that are still to do; see `prefetch_loader`.
        compute: called with a sample's id and what `load` returned, once per image that is still
            to do, in this thread.
        attributes: of the detections, declared on the dataset's schema before any is written.
        overwrite: replace detections of other origins.
        chunk_size: images per write; what a crash can lose.
        progress: see `progress_steps`.

    Raises:
        InputError: a sample holds detections of another origin and `overwrite` is False; raised
            before any work. Or the field is deleted meanwhile; raised at the next write.
    """
    start = time.monotonic()
    if chunk_size < 1:
        raise InputError(
            f"chunk_size is {chunk_size}: at least 1 image must be written at a time. Pass a "
            "positive number; 16 suits most datasets."
        )
    pending = _pending_images(record, ids, paths, overwrite)
    tally = _Tally()
    if ids:
        declare_detections(record.dataset, record.field, attributes)
        with record.running(lambda: (len(ids) - len(pending) + tally.written, tally.failures)):
            _compute_and_write(record, pending, load, compute, tally, chunk_size, progress)
    return SegmentReport(
        run=record.key,
        field=record.field,
        images=len(ids),
        written=tally.written,
        skipped=len(ids) - len(pending),
        detections=tally.detections,
        failures=tally.failures,
        seconds=time.monotonic() - start,
    )


def _pending_images(
    record: RunRecord, ids: Sequence[str], paths: Sequence[str], overwrite: bool
) -> list[tuple[str, str]]:
    """Sample ids and paths without this run's detections."""
    dataset, name = record.dataset, record.field
    if dataset.get_field(name) is None:
        return list(zip(ids, paths, strict=True))
    filled = set(dataset.exists(name).values("id"))
    runs: dict[str, str | None] = {}
    if dataset.get_field(f"{name}.run") is not None:
        runs = dict(zip(*dataset.values(["id", f"{name}.run"]), strict=True))
    foreign = [i for i in ids if i in filled and runs.get(i) != record.key]
    if foreign and not overwrite:
        origins = sorted({str(runs.get(i) or "an unknown source") for i in foreign})
        raise InputError(
            f"field {name!r} of {len(foreign)} of these {len(ids)} samples already holds "
            f"detections from {', '.join(origins[:_MAX_SHOWN])}. Pass overwrite=True to "
            "replace them, or another field."
        )
    return [
        (i, path)
        for i, path in zip(ids, paths, strict=True)
        if i not in filled or runs.get(i) != record.key
    ]


def _compute_and_write(
    record: RunRecord,
    pending: list[tuple[str, str]],
    load: Loader[Loaded],
    compute: Callable[[str, Loaded], fol.Detections | Document],
    tally: _Tally,
    chunk_size: int,
    progress: Progress,
) -> None:
    chunk: dict[str, fol.Detections | Document] = {}
    try:
        with progress_steps(len(pending), progress) as advance:
            ready = load([path for _, path in pending])
            for (sample_id, _), loaded in zip(pending, ready, strict=True):
                try:
                    detections = compute(sample_id, loaded.result())
                    detections["run"] = record.key
                    chunk[sample_id] = detections
                except Exception as error:
                    tally.failures[sample_id] = failure_reason(error)
                    logger.debug("sample %s failed", sample_id, exc_info=True)
                if len(chunk) >= chunk_size:
                    _write_chunk(record, chunk, tally)
                advance()
    finally:
        _write_chunk(record, chunk, tally)


def _write_chunk(
    record: RunRecord, chunk: dict[str, fol.Detections | Document], tally: _Tally
) -> None:
    """Write and empty `chunk`; a sample that cannot be written fails alone."""
    written = dict(chunk)
    if not written:
        return
    try:
        record.check_field()
    except InputError:
        chunk.clear()
        raise
    try:
        record.write(chunk)
    except ConnectionFailure:
        raise
    except Exception:
        for sample_id, detections in chunk.items():
            try:
                record.write({sample_id: detections})
            except ConnectionFailure:
                raise
            except Exception as error:
                reason = failure_reason(error)
                tally.failures[sample_id] = f"its detections cannot be stored: {reason}"
                del written[sample_id]
    chunk.clear()
    tally.written += len(written)
    tally.detections += sum(len(value["detections"]) for value in written.values())


def failure_reason(error: Exception) -> str:
    """An error in a report: our own say enough, others need their kind."""
    if isinstance(error, NttError):
        return str(error)
    return f"{type(error).__name__}: {error}"
