"""The loop over images that `segment` and `boxes_to_masks` share.

Reads the next image while the current one is computed, writes in chunks, goes on past images that
fail, and leaves everything finished written however it ends.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol, TypeVar

import fiftyone as fo
import fiftyone.core.labels as fol
from bson import ObjectId

from fiftyone_ntt.core.prefetch import prefetched
from fiftyone_ntt.dataset.labels.change_journal import Change, begin_change
from fiftyone_ntt.dataset.labels.detections import Document
from fiftyone_ntt.dataset.labels.fields import declare_detections
from fiftyone_ntt.dataset.labels.gone import NOT_ANSWERING, told_if_gone
from fiftyone_ntt.dataset.labels.names import check_new_predictions
from fiftyone_ntt.dataset.labels.prediction_writing import (
    Kept,
    WritePolicy,
    describe_kept,
    was_moved,
    was_reverted,
    write_predictions,
)
from fiftyone_ntt.dataset.labels.writing import Held, Rewrite, read_field, rewrite_field
from fiftyone_ntt.dataset.runs.run_control import RunControl
from fiftyone_ntt.dataset.runs.run_record import RunRecord
from fiftyone_ntt.dataset.work.leases import Lease, hold_field
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.errors import InputError, NttError, first_lines
from fiftyone_ntt.workers.spreading import Piece, Task, spread

logger = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")
Loaded_co = TypeVar("Loaded_co", covariant=True)

_MAX_SHOWN = 5
_UNKNOWN = "an unknown source"


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
        replaced: predictions of other runs that gave way.
        kept: labels of a person's that stayed where the run wrote, by whose they are: `by hand`,
            `tagged` or `edited`.
        covered: detections not written because a label that was kept shows the same object.
        unknown: of those replaced, predictions of earlier versions, of which it is unknown whether
            anybody edited them.
        reverted: samples whose detections were gone again at the end of the run: an editor that was
            open wrote back what it knew. They are not counted as done.
        cancelled: whether the run was ended on request.
    """

    run: str
    field: str
    images: int
    written: int
    skipped: int
    detections: int
    failures: dict[str, str]
    seconds: float
    replaced: int = 0
    kept: dict[str, int] = dataclasses.field(default_factory=dict)
    covered: int = 0
    unknown: int = 0
    reverted: int = 0
    cancelled: bool = False

    @property
    def remaining(self) -> int:
        """Samples that a cancelled run has not come to."""
        return self.images - self.written - self.skipped - len(self.failures)

    def __str__(self) -> str:
        parts = [f"{self.detections} detections in {self.written} of {self.images} images"]
        parts += [f"{self.skipped} already done"] if self.skipped else []
        parts += [f"{len(self.failures)} failed"] if self.failures else []
        parts += [f"cancelled with {self.remaining} to go"] if self.cancelled else []
        parts += describe_kept(self.replaced, self.kept, self.covered, self.unknown)
        head = f"{self.field}: {', '.join(parts)}; {self.seconds:.1f} s (run {self.run})"
        shown = first_lines([f"{key}: {reason}" for key, reason in self.failures.items()])
        if self.reverted:
            shown.append(
                f"  {self.reverted} images lost theirs again: an editor that was open wrote back "
                "what it knew. Close it, reload the App and run again"
            )
        return "\n".join([head, *shown])


@dataclass
class _Tally:
    """What has been written so far."""

    written: int = 0
    skipped: int = 0
    kept: Kept = dataclasses.field(default_factory=Kept)
    failures: dict[str, str] = dataclasses.field(default_factory=dict)
    samples: list[str] = dataclasses.field(default_factory=list)


class LoadFuture(Protocol[Loaded_co]):
    """What was loaded of an image, or the error instead: a future, for instance."""

    def result(self) -> Loaded_co:
        """What was loaded.

        Raises:
            Exception: what went wrong with it.
        """
        ...


Image = tuple[str, str]
"""A sample's id, and the path of its image."""

Loader = Callable[[Sequence[Image]], Generator[LoadFuture[Loaded], None, None]]
"""From images to what is loaded of each, in their order; closed when the run ends."""


def prefetch_loader(load: Callable[[str], Loaded]) -> Loader[Loaded]:
    """Calls `load` with one path after the other, in a thread, one ahead of what is computed."""

    def loader(images: Sequence[Image]) -> Generator[LoadFuture[Loaded], None, None]:
        """What `load` makes of each path."""
        for _, ready in prefetched([path for _, path in images], load):
            yield ready

    return loader


def spread_loader(
    task: Task[Piece, Loaded], pieces: Callable[[Sequence[Image]], Iterable[Piece]], workers: int
) -> Loader[Loaded]:
    """Has several processes do a task with what `pieces` makes of the images, in their order."""
    return lambda images: spread(task, pieces(images), workers)


def run_over_images(
    record: RunRecord,
    ids: Sequence[str],
    paths: Sequence[str],
    load: Loader[Loaded],
    compute: Callable[[str, Loaded], fol.Detections | Document],
    *,
    attributes: Mapping[str, type[fo.Field]],
    policy: WritePolicy,
    chunk_size: int,
    progress: Progress,
    again: Collection[str] = (),
) -> SegmentReport:
    """Compute and write the detections of every image that does not have this run's yet.

    The run holds its field while it goes on: another one, in whichever process, is refused.

    Args:
        record: the run; its field is written to.
        ids: sample ids.
        paths: their image files.
        load: called once, with the images that are still to do; see `prefetch_loader` and
            `spread_loader`.
        compute: called with a sample's id and what `load` returned, once per image that is still
            to do, in this thread.
        attributes: of the detections, declared on the dataset's schema before any is written.
        policy: what may be replaced.
        chunk_size: images per write; what a crash can lose.
        progress: see `progress_steps`.
        again: ids of samples that are to do even though they have this run's detections.

    Raises:
        InputError: another run holds the field; or a sample holds detections of another origin and
            the policy leaves them: raised before any work. Or the field or the dataset is deleted
            meanwhile; raised at the next write.
        DatabaseError: the database does not answer any more.
    """
    start = time.monotonic()
    if chunk_size < 1:
        raise InputError(
            f"chunk_size is {chunk_size}: at least 1 image must be written at a time. Pass a "
            "positive number; 16 suits most datasets."
        )
    tally, cancelled = _Tally(), False
    if ids:
        with (
            told_if_gone(record.dataset),
            hold_field(record.dataset, record.field, record.key) as lease,
        ):
            # Loading models takes long enough for somebody to have put something there.
            check_new_predictions(record.dataset, record.field, attributes)
            pending = _pending_images(record, ids, paths, policy, again)
            tally.skipped = len(ids) - len(pending)
            new = declare_detections(record.dataset, record.field, attributes)
            record = record.over(len(ids), new_field=new)
            change = _begin(record, new, pending)
            writing = _Writing(record, lease, policy, change, chunk_size, tally)
            control = RunControl(lease, writing.note_pause, lambda: writing.reached(len(ids)))
            with record.running(writing.counts, lambda: control.cancelled, writing.told):
                _compute_and_write(writing, control, pending, load, compute, progress)
            cancelled = control.cancelled
            reverted = _reverted(writing)
    else:
        reverted = 0
    return SegmentReport(
        run=record.key,
        field=record.field,
        images=len(ids),
        written=tally.written,
        skipped=tally.skipped,
        detections=tally.kept.written,
        failures=tally.failures,
        seconds=time.monotonic() - start,
        replaced=tally.kept.replaced,
        kept={str(owner): count for owner, count in tally.kept.kept.items()},
        covered=tally.kept.covered,
        unknown=tally.kept.unknown,
        reverted=reverted,
        cancelled=cancelled,
    )


def _begin(record: RunRecord, new: bool, pending: Sequence[object]) -> Change | None:
    """The change to undo; None where nothing is to do."""
    if not pending:
        return None
    return begin_change(
        record.dataset, record.field, "run", run=record.key, created=new, resume=True
    )


def _pending_images(
    record: RunRecord,
    ids: Sequence[str],
    paths: Sequence[str],
    policy: WritePolicy,
    again: Collection[str],
) -> list[Image]:
    """Sample ids and paths without this run's detections, as the database has it now.

    Raises:
        InputError: some hold labels of other origins that the policy does not let give way.
    """
    places = ("run", "detections._id", "detections.run")
    held = {
        str(row.sample_id): row
        for row in read_field(record.dataset, record.field, [ObjectId(i) for i in ids], places)
    }
    origins: dict[str, set[str]] = {}
    for key, row in held.items():
        done_by = row.value.get("run") if isinstance(row.value, dict) else None
        if done_by == record.key:
            continue
        found = {label.get("run") or done_by or _UNKNOWN for label in row.labels}
        if not found and done_by is not None:  # a run found nothing there, which is a result
            found = {done_by}
        elif not isinstance(row.value, (dict, type(None))):
            found = {_UNKNOWN}
        if found - {record.key}:
            origins[key] = found - {record.key}
    if origins and not policy.overwrite:
        names = sorted(set().union(*origins.values()))
        raise InputError(
            f"field {record.field!r} of {len(origins)} of these {len(ids)} samples already holds "
            f"detections from {', '.join(names[:_MAX_SHOWN])}. Pass overwrite=True to replace "
            "those of other runs (labels that no run wrote, and predictions that somebody tagged "
            "or edited, stay), or another field."
        )
    return [
        (key, path)
        for key, path in zip(ids, paths, strict=True)
        if key in again or not _has_run(held.get(key), record.key)
    ]


def _has_run(held: Held | None, run: str) -> bool:
    return held is not None and isinstance(held.value, dict) and held.value.get("run") == run


@dataclass
class _Writing:
    """The writes of a run, chunk by chunk."""

    record: RunRecord
    lease: Lease
    policy: WritePolicy
    change: Change | None
    chunk_size: int
    tally: _Tally
    chunk: dict[str, Document] = dataclasses.field(default_factory=dict)

    def counts(self) -> tuple[int, dict[str, str]]:
        """Samples that have the run's detections, and failures."""
        return self.tally.skipped + self.tally.written, self.tally.failures

    def told(self) -> str:
        """What became of labels, for people."""
        kept = self.tally.kept
        counts = {str(owner): count for owner, count in kept.kept.items()}
        others = describe_kept(kept.replaced, counts, kept.covered, kept.unknown)
        return ", ".join([f"{kept.written} detections", *others])

    def reached(self, total: int) -> tuple[int, int, int, int]:
        """Samples in all, done or about to be written, failed, and come to in this call."""
        done, failed = self.tally.written + len(self.chunk), len(self.tally.failures)
        return total, self.tally.skipped + done, failed, done + failed

    def note_pause(self, paused: bool) -> None:
        """Note that the run waits, with all written that it has finished, or goes on."""
        if paused:
            self.flush()
        self.record.note_pause(paused, self.counts)

    def add(self, sample_id: str, detections: fol.Detections | Document) -> None:
        """Take a sample's detections; write once there are enough."""
        document = detections if isinstance(detections, dict) else dict(detections.to_mongo())
        self.chunk[sample_id] = {**document, "run": self.record.key}
        if len(self.chunk) >= self.chunk_size:
            self.flush()

    def flush(self) -> None:
        """Write what was taken; a sample that cannot be written fails alone.

        Raises:
            LeaseLost: another run took the field over; what it wrote since is left alone.
        """
        chunk, self.chunk = self.chunk, {}
        if not chunk:
            return
        # A process that slept for long has not noticed yet.
        self.lease.beat()
        self.record.check_field()
        try:
            self._write(chunk)
        except NOT_ANSWERING:
            raise
        except Exception:
            for sample_id, document in chunk.items():
                try:
                    self._write({sample_id: document})
                except NOT_ANSWERING:
                    raise
                except Exception as error:
                    reason = f"its detections cannot be stored: {failure_reason(error)}"
                    self.tally.failures[sample_id] = reason

    def _write(self, chunk: Mapping[str, Document]) -> None:
        outcome = write_predictions(
            self.record.dataset, self.record.field, chunk, self.policy, self.change
        )
        self.tally.written += len(outcome.samples)
        self.tally.skipped += len(outcome.skipped)
        self.tally.failures.update(outcome.failures)
        self.tally.samples += outcome.samples
        for kept in outcome.samples.values():
            self.tally.kept.add(kept)


def _compute_and_write(
    writing: _Writing,
    control: RunControl,
    pending: list[Image],
    load: Loader[Loaded],
    compute: Callable[[str, Loaded], fol.Detections | Document],
    progress: Progress,
) -> None:
    answering = True
    try:
        with progress_steps(len(pending), progress) as advance, closing(load(pending)) as ready:
            for (sample_id, _), loaded in zip(pending, ready, strict=True):
                if not control.proceed():
                    break
                try:
                    detections = compute(sample_id, loaded.result())
                except NOT_ANSWERING:
                    raise
                except Exception as error:
                    writing.tally.failures[sample_id] = failure_reason(error)
                    logger.debug("sample %s failed", sample_id, exc_info=True)
                else:
                    writing.add(sample_id, detections)
                advance()
    except NOT_ANSWERING:
        answering = False
        raise
    finally:
        if answering:
            writing.flush()


def _reverted(writing: _Writing) -> int:
    """How many of the samples that were written lost what was written, which are to do again.

    The App writes a field back as an open editor knew it, without a word, if somebody else wrote it
    meanwhile. That is no person's edit: the run's mark is taken from such samples.
    """
    record, change = writing.record, writing.change
    ids = [ObjectId(key) for key in writing.tally.samples]
    places = ("run", "written_at", "detections._id", "detections.run")
    moved = [
        held for held in read_field(record.dataset, record.field, ids, places) if was_moved(held)
    ]
    if not moved or change is None:
        return 0
    entries = {row["sample"]: row for row in change.entries([held.sample_id for held in moved])}
    lost = [h.sample_id for h in moved if was_reverted(h, entries.get(h.sample_id), record.key)]
    rewrite_field(record.dataset, record.field, lost, _without_run, None)
    return len(lost)


def _without_run(held: Held) -> Rewrite | None:
    return Rewrite({**held.value, "run": None}) if isinstance(held.value, dict) else None


def failure_reason(error: Exception) -> str:
    """An error in a report: our own say enough, others need their kind."""
    if isinstance(error, NttError):
        return str(error)
    return f"{type(error).__name__}: {error}"
