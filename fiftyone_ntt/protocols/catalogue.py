"""The protocols: what each takes as references and targets, and what it measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.coco.reading import CocoFile
from fiftyone_ntt.core.sampling import TooFew
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.protocols import cd_fsod_data, coco_data, lvis_data, voc_data
from fiftyone_ntt.protocols.choosing import as_references, largest_references, sampled_references
from fiftyone_ntt.protocols.data import Source, restrict
from fiftyone_ntt.protocols.published import (
    CD_FSOD,
    COCO_20I_FOLDS,
    COCO_NOVEL,
    TOY_REFERENCES,
    TOY_TARGETS,
    VOC_NOVEL,
)
from fiftyone_ntt.protocols.scoring import Outcome, coco_outcome, lvis_outcome, semantic_outcome


@dataclass(frozen=True, eq=False)
class Part:
    """One fold, split or set of a protocol, or all of it.

    Attributes:
        name: of the part; "all" where a protocol has one alone.
        root: folder of the data; images' paths are relative to it.
        source: what to download when something is missing.
        files: annotation files and image folders it needs, relative to `root`.
        targets: reads the images to segment, with their annotations, of the part's classes.
        references: chooses the references, by shots and seed: a COCO file's content.
        has_published_references: whether those of so many shots are published, and no seed matters.
    """

    name: str
    root: Path
    source: Source
    files: tuple[str, ...]
    targets: Callable[[], CocoFile]
    references: Callable[[int, int], Record]
    has_published_references: Callable[[int], bool] = lambda shots: False


@dataclass(frozen=True, eq=False)
class Protocol:
    """A published way to measure few-shot segmentation or detection.

    Attributes:
        name: as on the command line.
        text: what it is, in a line.
        shots: as published.
        parts: names of its parts.
        part_word: what they are called, as on the command line.
        headline: the figures shown.
        part: makes a part, by the folder of the data and the part's name.
        score: by the files of results and targets, and the confidence threshold.
        notes: what to know when comparing with other work.
    """

    name: str
    text: str
    shots: tuple[int, ...]
    headline: tuple[str, ...]
    part: Callable[[Path, str], Part]
    score: Callable[[Path, Path, float], Outcome]
    parts: tuple[str, ...] = ("all",)
    part_word: str | None = None
    notes: tuple[str, ...] = ()


def _coco_part(root: Path, name: str, classes: Callable[[CocoFile], tuple[str, ...]]) -> Part:
    """References from train2017, all images of val2017 as targets."""

    def read(part: str) -> CocoFile:
        """Train2017 or val2017, of the classes wanted."""
        file = coco_data.read_part(root, part)
        return restrict(file, classes(file))

    parts = coco_data.TRAIN, coco_data.VAL
    return Part(
        name,
        root,
        coco_data.COCO,
        (*map(coco_data.annotations_of, parts), *parts),
        lambda: read(coco_data.VAL),
        lambda shots, seed: sampled_references(read(coco_data.TRAIN), shots, seed),
    )


def _coco_fewshot(root: Path, name: str) -> Part:
    return _coco_part(root, name, lambda file: COCO_NOVEL)


def _coco_20i(root: Path, name: str) -> Part:
    fold = int(name)
    return _coco_part(
        root, name, lambda file: tuple(file.categories.values())[fold::COCO_20I_FOLDS]
    )


def _toy(root: Path, name: str) -> Part:
    def file() -> CocoFile:
        """Train2017, of which the example's images are."""
        return coco_data.read_part(root, coco_data.TRAIN)

    def references(shots: int, seed: int) -> Record:
        """The published ones; there are none of other shots."""
        if shots != 1:
            raise InputError(f"toy has one reference per class, not {shots}. Leave out the shots.")
        return largest_references(restrict(file(), TOY_REFERENCES), TOY_REFERENCES)

    return Part(
        name,
        root,
        coco_data.COCO,
        (coco_data.annotations_of(coco_data.TRAIN), coco_data.TRAIN),
        lambda: restrict(file(), TOY_REFERENCES, TOY_TARGETS),
        references,
        has_published_references=lambda shots: True,
    )


def _voc(root: Path, name: str) -> Part:
    # The folder that holds VOCdevkit, or VOCdevkit itself.
    root = root.parent if root.name == voc_data.KIT else root
    classes = VOC_NOVEL[int(name)]
    lists = [voc_data.image_list(*part) for part in (*voc_data.TRAIN, *voc_data.TEST)]
    return Part(
        name,
        root,
        voc_data.VOC,
        tuple(lists),
        lambda: restrict(voc_data.read_parts(root, voc_data.TEST), classes),
        lambda shots, seed: sampled_references(
            restrict(voc_data.read_parts(root, voc_data.TRAIN), classes), shots, seed
        ),
    )


def _lvis(root: Path, name: str) -> Part:
    repeat: TooFew = "repeat"
    return Part(
        name,
        root,
        lvis_data.LVIS,
        (lvis_data.TRAIN, lvis_data.VAL, coco_data.TRAIN, coco_data.VAL),
        lambda: lvis_data.read_part(root, lvis_data.VAL),
        lambda shots, seed: sampled_references(
            lvis_data.read_part(root, lvis_data.TRAIN), shots, seed, repeat
        ),
    )


def _cd_fsod(root: Path, name: str) -> Part:
    folder = cd_fsod_data.folder_of(root, name)
    train, test = (
        partial(cd_fsod_data.read_part, root, folder, part)
        for part in (cd_fsod_data.TRAIN, cd_fsod_data.TEST)
    )

    def has_published_references(shots: int) -> bool:
        """Whether the set has a file of so many shots."""
        return (root / cd_fsod_data.shots_file(folder, shots)).exists()

    def references(shots: int, seed: int) -> Record:
        """The published ones, or a draw from the training set."""
        if has_published_references(shots):
            file = train(cd_fsod_data.shots_file(folder, shots))
            return as_references(file, file.annotations)
        annotations = cd_fsod_data.annotations_of(folder, cd_fsod_data.TRAIN)
        cd_fsod_data.SETS.require(root, [annotations])
        return sampled_references(train(annotations), shots, seed)

    annotations = cd_fsod_data.annotations_of(folder, cd_fsod_data.TEST)
    images = (f"{folder}/{part}" for part in (cd_fsod_data.TRAIN, cd_fsod_data.TEST))
    return Part(
        name,
        root,
        cd_fsod_data.SETS,
        (annotations, *images),
        lambda: test(annotations),
        references,
        has_published_references,
    )


def _coco_score(results: Path, targets: Path, _: float) -> Outcome:
    return coco_outcome(results, targets)


_BOTH = ("boxes AP", "masks AP")

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "coco-fewshot",
            "COCO few-shot: the 20 classes of PASCAL VOC, on all of val2017",
            (1, 2, 3, 5, 10, 30),
            _BOTH,
            _coco_fewshot,
            _coco_score,
        ),
        Protocol(
            "coco-20i",
            "COCO-20i: mean IoU of each fold's 20 classes, on all of val2017",
            (1, 5),
            ("mIoU", "masks AP"),
            _coco_20i,
            semantic_outcome,
            tuple(map(str, range(COCO_20I_FOLDS))),
            "fold",
            (
                "All 20 classes of a fold are told apart at once, on every image of val2017. "
                "Published COCO-20i figures are mostly of episodes of one class on images that "
                "show it, which is easier.",
            ),
        ),
        Protocol(
            "voc",
            "PASCAL VOC few-shot: nAP50 of each split's 5 novel classes, on the test set of 2007",
            (1, 2, 3, 5, 10),
            ("boxes AP50",),
            _voc,
            _coco_score,
            tuple(map(str, VOC_NOVEL)),
            "split",
            (
                "AP50 is COCO's, the precision at 101 recalls; VOC's own of 2007 takes 11, that of "
                "2010 all, so figures made with them differ a little. Difficult objects are "
                "neither found nor missed.",
            ),
        ),
        Protocol(
            "lvis",
            "LVIS v1: all 1,203 classes, rare, common and frequent",
            (10,),
            ("boxes AP", "boxes APr", "masks AP", "masks APr"),
            _lvis,
            lambda results, targets, _: lvis_outcome(results, targets),
        ),
        Protocol(
            "cd-fsod",
            "CD-FSOD: box AP on six sets from other domains",
            (1, 5, 10),
            ("boxes AP",),
            _cd_fsod,
            _coco_score,
            tuple(CD_FSOD),
            "set",
        ),
        Protocol(
            "toy",
            "the paper's example: one bird and one boat, on ten images of COCO",
            (1,),
            _BOTH,
            _toy,
            _coco_score,
            notes=("The largest bird and boat of the two images are the references.",),
        ),
    )
}
