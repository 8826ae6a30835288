"""The pictures of a bank's references as fields of their samples, to be looked at in the App."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
import fiftyone.core.sample as fos
import numpy as np
from bson import ObjectId
from jaxtyping import UInt, UInt8

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.reference_pictures import spread
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.core.statistics import CLUSTERS
from fiftyone_ntt.dataset.banks.saved_banks import resolve_bank
from fiftyone_ntt.dataset.labels.fields import all_images, check_whole_images
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.names import (
    check_identifier,
    check_new_field,
    check_still_there,
)
from fiftyone_ntt.dataset.labels.ownership import is_run_key
from fiftyone_ntt.dataset.labels.writing import Held, Rewrite, rewrite_field, write_label
from fiftyone_ntt.dataset.pictures.memory_pictures import (
    DrawnReference,
    LocatedReferences,
    PicturesReport,
)
from fiftyone_ntt.dataset.runs.run_record import RunRecord
from fiftyone_ntt.dataset.work.progress import Progress
from fiftyone_ntt.errors import InputError, problem_of
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.bank_identity import bank_hash

METHOD = "ntt_memory_pictures"
"""What marks a custom run as pictures of a bank: `dataset.list_runs(method=METHOD)`."""

_KINDS = {"pca": fol.Heatmap, "clusters": fol.Segmentation}
"""What is drawn, each in a field of its own. The last is the one that says what is done.

Not the components as colours, which `save_memory_pictures` draws: the App of FiftyOne 1.22 was seen
to fail ("An ArrayBuffer is detached") on images where fields like these are switched on one after
the other, the more of them the sooner.
"""

_AnySample: TypeAlias = fo.Sample | fos.SampleView
_SAMPLE_GONE = "its sample was deleted meanwhile, or others wrote to it"


@needs_database
def draw_memory_bank(
    samples: foc.SampleCollection,
    bank: MemoryBank | str,
    field: str = "memory",
    *,
    models: str | Models | None = None,
    device: str = "cpu",
    overwrite: bool = False,
    progress: Progress = None,
) -> PicturesReport:
    """Draw what a bank sees of its references into fields of their samples (method 3).

    Two fields are written, at the references' masks, patch by patch, and empty elsewhere:
    `<field>_pca`, a Heatmap of the first principal component of the reference's class, and
    `<field>_clusters`, a Segmentation of the class's k-means clusters, named `<class> 1` to 4. A
    colour means the same in all references of a class.

    The run can be interrupted and started again: classes that are done are left as they are.

    Args:
        samples: a dataset or a view; the references are drawn wherever on the dataset they lie.
        bank: a bank, or the name of one saved on the dataset.
        field: how the two fields' names begin.
        models: a named set or loaded models; the bank's own when None.
        device: where models that are loaded here run: `cpu`, `cuda`, `auto`, ...
        overwrite: replace the pictures of other banks, never what no run drew; each stays until
            the new one of its image is drawn, the rest until all are.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)` of
            references.

    Returns:
        Counts, and the reason for each reference that could not be drawn.

    Raises:
        InputError: no reference is on the dataset; or the fields hold something else, or what no
            run drew, are read-only, or hold pictures of another bank and `overwrite` is False; or
            they, or the dataset, are deleted meanwhile.
        ModelError: the models cannot be loaded, or their encoder did not make the bank.

    Example:
        >>> print(ntt.draw_memory_bank(dataset, "shapes"))
        memory: 4 of 4 references drawn; ... s
    """
    check_whole_images(samples, "drawing a memory bank")
    dataset = samples._root_dataset
    _check_fields(dataset, field)
    bank = resolve_bank(dataset, bank)
    located = LocatedReferences.of(samples, bank)
    ingredients = {"bank_hash": bank_hash(bank), "encoder": bank.encoder}
    record = RunRecord(dataset, field, METHOD, ingredients, notes={"bank": bank.name})
    _check_replaceable(dataset, field, record.key, overwrite)
    _declare_fields(dataset, field, bank)
    finished = all_images(dataset).match({f"{field}_clusters.run": record.key})
    done = set(finished.values(f"{field}_clusters.references", unwind=True))
    fields = _PictureFields(dataset, field, record.key, len(bank.classes) * CLUSTERS, done)
    failures: dict[str, str] = {}
    with record.running(lambda: (len(fields.done), failures)):
        report = located.draw(field, models, device, set(done), fields.write, failures, progress)
        if fields.done:  # with nothing to take their place, the others stay
            _clear_other_pictures(dataset, field, record.key)
    return report


@needs_database
def picture_fields_problem(samples: foc.SampleCollection, field: str) -> str | None:
    """Why `draw_memory_bank` cannot draw into fields that begin so, or None where it can.

    Example:
        >>> ntt.picture_fields_problem(dataset, "memory") is None
        True
        >>> ntt.picture_fields_problem(dataset, "my memory")
        "'my memory' cannot name a field. ..."
    """
    return problem_of(_check_fields, samples._root_dataset, field)


def _check_fields(dataset: fo.Dataset, field: str) -> None:
    check_identifier(field, "name a field", "memory")
    for name, kind in _fields(field).items():
        try:
            check_new_field(dataset, name, kind, {"run": fof.StringField})
        except InputError as error:
            raise InputError(f"{error} Pass another `field` than {field!r} for it.") from error


def _check_still_there(dataset: fo.Dataset, field: str, run: str) -> None:
    for name, kind in _fields(field).items():
        check_still_there(dataset, name, f"run {run}", kind)


def _fields(field: str) -> dict[str, type[fol.Label]]:
    """The fields drawn into, and what they hold."""
    return {f"{field}_{ending}": kind for ending, kind in _KINDS.items()}


def _drawn_by(dataset: fo.Dataset, name: str) -> dict[str, object]:
    """By sample id, the run that drew a field's picture; whatever others wrote there instead."""
    rows = dataset._sample_collection.find({name: {"$ne": None}}, {f"{name}.run": 1})
    return {str(row["_id"]): row[name].get("run") for row in rows}


def _check_replaceable(dataset: fo.Dataset, field: str, key: str, overwrite: bool) -> None:
    for name in _fields(field):
        runs = _drawn_by(dataset, name).values()
        if theirs := sum(not is_run_key(run) for run in runs):
            raise InputError(
                f"field {name!r} of {theirs} samples holds pictures that no run of this package "
                f"drew, and which it never replaces. Pass another `field` than {field!r}."
            )
        if not overwrite and (foreign := sum(run != key for run in runs)):
            raise InputError(
                f"field {name!r} of {foreign} samples already holds pictures of another bank. Pass "
                f"overwrite=True to replace them, or another `field` than {field!r}."
            )


def _clear_other_pictures(dataset: fo.Dataset, field: str, key: str) -> None:
    """Take away what the run has not drawn over: pictures of samples without its references."""

    def emptied(held: Held) -> Rewrite | None:
        run = (held.value or {}).get("run")
        return Rewrite(None) if is_run_key(run) and run != key else None

    for name in _fields(field):
        ids = map(ObjectId, _drawn_by(dataset, name))
        rewrite_field(dataset, name, ids, emptied, None)


def _declare_fields(dataset: fo.Dataset, field: str, bank: MemoryBank) -> None:
    for name, kind in _fields(field).items():
        dataset.add_sample_field(name, fof.EmbeddedDocumentField, embedded_doc_type=kind)
        dataset.add_sample_field(f"{name}.run", fof.StringField)
    name = f"{field}_clusters"
    dataset.add_sample_field(f"{name}.references", fof.ListField, subfield=fof.StringField)
    dataset.mask_targets[name] = {
        CLUSTERS * label + cluster: f"{title} {cluster}"
        for label, title in enumerate(bank.classes)
        for cluster in range(1, CLUSTERS + 1)
    }
    dataset.save()


@dataclass
class _PictureFields:
    """The fields of a dataset, drawn to class by class.

    Attributes:
        dataset: drawn to.
        field: how the fields' names begin.
        run: key of the run that draws.
        values: the highest value in a clusters' mask.
        done: references drawn by this run, now or before.
    """

    dataset: fo.Dataset
    field: str
    run: str
    values: int
    done: set[str]

    def write(self, pictures: Sequence[DrawnReference]) -> dict[str, str]:
        """Draw the references of one class over what is there; returns why some are not."""
        _check_still_there(self.dataset, self.field, self.run)
        by_sample: dict[str, list[DrawnReference]] = defaultdict(list)
        for drawn in pictures:
            by_sample[drawn.sample_id].append(drawn)
        failures: dict[str, str] = {}
        for sample_id, group in by_sample.items():
            names = {drawn.picture.id for drawn in group}
            sample = next(iter(all_images(self.dataset).select(sample_id)), None)
            if sample is not None and self._draw(sample, group):
                self.done |= names
            else:
                failures |= dict.fromkeys(names, _SAMPLE_GONE)
        return failures

    def _draw(self, sample: _AnySample, group: Sequence[DrawnReference]) -> bool:
        """Draw references over what is there; whether it could be written."""
        labels = self._labels(sample, group)
        return all(
            write_label(self.dataset, f"{self.field}_{ending}", sample.id, dict(label.to_mongo()))
            for ending, label in labels.items()
        )

    def _labels(self, sample: _AnySample, group: Sequence[DrawnReference]) -> dict[str, fol.Label]:
        height, width = group[0].picture.mask["size"]
        kept = sample[f"{self.field}_clusters"]
        if getattr(kept, "run", None) != self.run:
            kept = None  # of another bank: gives way; somebody's own is not written over
        references = list(kept.references) if kept is not None else []
        if kept is None:
            dtype = np.uint8 if self.values < 256 else np.uint16
            pca = np.zeros((height, width), dtype=np.uint8)
            clusters = np.zeros((height, width), dtype=dtype)
        else:
            pca, clusters = sample[f"{self.field}_pca"].map, kept.mask
        for drawn in group:
            _draw_reference(drawn, pca, clusters)
        references += [d.picture.id for d in group if d.picture.id not in references]
        return {
            "pca": fol.Heatmap(map=pca, range=[0, 255], run=self.run),
            "clusters": fol.Segmentation(mask=clusters, run=self.run, references=references),
        }


def _draw_reference(
    drawn: DrawnReference, pca: UInt8[np.ndarray, "H W"], clusters: UInt[np.ndarray, "H W"]
) -> None:
    """Draw a reference inside its mask, onto whole images."""
    picture = drawn.picture
    left, top, right, bottom = picture.window
    size = (bottom - top, right - left)
    here = slice(top, bottom), slice(left, right)
    inside = decode_mask(picture.mask)[here] & spread(picture.foreground, size)
    colours = spread(drawn.colours, size)
    numbers = spread(picture.clusters, size) + CLUSTERS * picture.label
    pca[here][inside] = colours[inside][:, 0]
    clusters[here][inside] = numbers[inside]
