"""From a score to the chance that a prediction is right, class by class.

A score orders predictions; it is no probability. Of predictions that are known to be right or wrong
one learns how often a score like theirs is right:

1. Predictions are counted by class and by score, in steps of a hundredth.
2. All classes together give one rising curve: the mean of a beta calibration (a logistic curve in
   `log(s)` and `-log(1 - s)`, smooth, but always 1 where scores are) and of the isotonic fit (which
   assumes nothing, and is rough).
3. A class's own curve is the isotonic fit of its counts and of `PRIORS` further predictions that
   follow the common curve: a class with few predictions follows the others, one with many goes its
   own way. How many is chosen by cross-validation over images, up to *all classes as one*.

A higher score never has a lower chance. `docs/calibration.md` says what else was tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.optimize import isotonic_regression, minimize

from fiftyone_ntt.errors import InputError

STEPS = 100
"""Of the scores: each is a hundredth wide."""
BINS = 15
"""Of equal width, in the expected calibration error and its picture."""
PRIORS = (10.0, 30.0, 100.0, math.inf)
"""How many predictions of the common curve a class's own are mixed with; one is chosen."""
FEW = 20
"""Predictions below which a class's curve is mostly that of all classes, whatever was chosen."""
FOLDS = 5
"""Of the cross-validation."""

Source = Literal["labelled samples", "reference images", "references"]
"""What the predictions were judged by: all objects of other images, all other objects of the
references' images, or the references alone."""

_STEP_MIDDLES = (np.arange(STEPS) + 0.5) / STEPS
_RISING = np.stack([np.log(_STEP_MIDDLES), -np.log1p(-_STEP_MIDDLES)], axis=1)
_SMOOTHING = 5.0
"""Predictions, spread as those of all classes, that thresholds of a class count besides its own."""
_CAUTION: dict[Source, float] = {
    "labelled samples": 0.5,
    "reference images": 1.0,
    "references": 0.5,
}
"""Standard errors that a threshold's precision is to lie above the wished one: thresholds are the
lowest that seem enough, so chance favours those that are not. More for predictions on the
references' images, whose bank knows a little too much of them: see `core.left_out`."""
_LEAST_CHANCE = 0.002
"""Nothing is impossible, nor certain: of a chance where its logarithm is looked at."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Predictions that are known to be right or wrong.

    Attributes:
        labels: index of each one's class.
        scores: 0..1.
        right: of its class, and with a mask IoU of at least 0.5 with a true object that no
            prediction of a higher score has.
        images: which image each is on; cross-validation leaves out whole images.
    """

    labels: Int64[np.ndarray, " D"]
    scores: Float64[np.ndarray, " D"]
    right: Bool[np.ndarray, " D"]
    images: Int64[np.ndarray, " D"]

    def __len__(self) -> int:
        """How many predictions."""
        return len(self.labels)

    def where(self, chosen: Bool[np.ndarray, " D"]) -> Judged:
        """Some of them."""
        return Judged(
            self.labels[chosen], self.scores[chosen], self.right[chosen], self.images[chosen]
        )

    @staticmethod
    def joined(parts: Sequence[Judged]) -> Judged:
        """Those of one part after the other; none of no part."""
        none = np.zeros(0, dtype=np.int64)
        every = [Judged(none, np.zeros(0), np.zeros(0, dtype=bool), none), *parts]
        return Judged(
            np.concatenate([part.labels for part in every]),
            np.concatenate([part.scores for part in every]),
            np.concatenate([part.right for part in every]),
            np.concatenate([part.images for part in every]),
        )


@dataclass(frozen=True, eq=False)
class Reliability:
    """How chances and truth agree, by chance: what a reliability picture shows.

    Attributes:
        counts: predictions whose chance lies in each bin of equal width.
        chances: their mean chance; 0 where there are none.
        shares: what share of them is right; likewise.
    """

    counts: Int64[np.ndarray, " BINS"]
    chances: Float64[np.ndarray, " BINS"]
    shares: Float64[np.ndarray, " BINS"]

    @property
    def error(self) -> float:
        """The expected calibration error, 0..1: the mean distance of chance and share, each bin by
        its count."""
        total = max(int(self.counts.sum()), 1)
        return float((self.counts * np.abs(self.chances - self.shares)).sum() / total)


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a bank's scores mean: the chance that a prediction is right.

    It holds for the bank it was made with, and for the mode, the matching and the proposals that it
    names.

    Attributes:
        classes: the bank's `K` classes.
        chances: of a prediction being right, by class and by step of its score; rising.
        found: the predictions it was learned from, likewise.
        right: those of them that are right.
        prior: how many predictions of all classes each class was mixed with; inf: all are one.
        images: on which they were found.
        source: what they were judged by: `"labelled samples"`, `"reference images"`, or
            `"references"` alone, which know nothing of what lies beside the references: where
            objects of no class look like those of a class, chances are far too high.
        mode: of the method.
        matching: what the proposals were matched with, as `MatchSettings.ranking` has it.
        proposals: what the proposals were made with, as `ProposalSettings.identity` has it.
        segmenter: identity of the segmenter.
        bank: hash of the bank's content.
        held_out: chances and truth on images that were left out in turn.
        raw: the same of the scores themselves.
    """

    classes: tuple[str, ...]
    chances: Float64[np.ndarray, "K STEPS"]
    found: Int64[np.ndarray, "K STEPS"]
    right: Int64[np.ndarray, "K STEPS"]
    prior: float
    images: int
    source: Source
    mode: str
    matching: dict[str, Any]
    proposals: dict[str, Any]
    segmenter: str
    bank: str
    held_out: Reliability
    raw: Reliability

    def __repr__(self) -> str:
        """In one line: notebooks show a cell's value so."""
        return (
            f"<Calibration of mode {self.mode!r} from {self.source}: {int(self.found.sum())} "
            f"predictions on {self.images} images, expected calibration error "
            f"{self.error:.3f} (of the scores: {self.raw_error:.3f})>"
        )

    @property
    def key(self) -> tuple[str, str, dict[str, Any], dict[str, Any]]:
        """What it is for, besides the bank: mode, segmenter, matching and proposals."""
        return self.mode, self.segmenter, self.matching, self.proposals

    @property
    def error(self) -> float:
        """Expected calibration error of the chances on images left out in turn, 0..1."""
        return self.held_out.error

    @property
    def raw_error(self) -> float:
        """That of the scores, taken as chances."""
        return self.raw.error

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """Of each class: predictions it was learned from, and how many of them are right."""
        pairs = zip(self.found.sum(axis=1).tolist(), self.right.sum(axis=1).tolist(), strict=True)
        return dict(zip(self.classes, pairs, strict=True))

    @property
    def pooled(self) -> tuple[str, ...]:
        """Classes whose curve is mostly that of all classes, for they had few predictions."""
        if math.isinf(self.prior):
            return self.classes
        few = max(self.prior, FEW)
        return tuple(name for name, (found, _) in self.counts.items() if found < few)

    def chance(self, label: str, score: float) -> float:
        """The chance that a prediction of this class and score is right.

        Raises:
            InputError: there is no such class, or the score lies outside of 0..1.
        """
        if not 0 <= score <= 1:
            raise InputError(f"score is {score}, but scores lie in 0..1.")
        return float(self.chances[self._index(label), score_steps(np.array([score]))[0]])

    def threshold(self, label: str, precision: float = 0.9) -> float:
        """The lowest score from which on predictions of a class have a precision.

        Args:
            label: the class.
            precision: share of predictions that is to be right, 0..1.

        Returns:
            A score, in hundredths; 1 where no score is enough, which leaves next to nothing.

        Raises:
            InputError: there is no such class, or the precision lies outside of 0..1.
        """
        if not 0 <= precision <= 1:
            raise InputError(f"precision is {precision}, but it must lie in 0..1. Usual is 0.9.")
        row, everything = self._index(label), self.found.sum(axis=0).astype(np.float64)
        counts = self.found[row] + _SMOOTHING * everything / max(float(everything.sum()), 1)
        passing = _from_here_on(counts)
        estimate = _from_here_on(counts * self.chances[row]) / np.maximum(passing, 1e-9)
        spread = np.sqrt(precision * (1 - precision) / np.maximum(_from_here_on(everything), 1))
        enough = np.flatnonzero(
            (passing > 0) & (estimate >= precision + _CAUTION[self.source] * spread)
        )
        return int(enough[0]) / STEPS if len(enough) else 1.0

    def thresholds(self, precision: float = 0.9) -> dict[str, float]:
        """`threshold` of every class: what `segment` and `relabel` take as `confidence_thresh`."""
        return {name: self.threshold(name, precision) for name in self.classes}

    def _index(self, label: str) -> int:
        if label not in self.classes:
            raise InputError(
                f"the calibration has no class {label!r}. Its classes: {', '.join(self.classes)}."
            )
        return self.classes.index(label)


@dataclass(frozen=True)
class Setting:
    """What predictions were made with: a calibration holds for that alone; see `Calibration`."""

    source: Source
    mode: str
    segmenter: str
    bank: str
    matching: dict[str, Any] = field(default_factory=dict)
    proposals: dict[str, Any] = field(default_factory=dict)


def calibrated(judged: Judged, classes: tuple[str, ...], setting: Setting) -> Calibration:
    """Learn what scores mean.

    Args:
        judged: at least one prediction; more of either kind make it better.
        classes: of the bank.
        setting: noted with it.

    Raises:
        InputError: there are no predictions.
    """
    if not len(judged):
        raise InputError(
            "there is no prediction to learn from. Pass images that show objects of the bank's "
            "classes, or look for them in other settings."
        )
    held_out = _held_out_chances(judged, len(classes))
    prior = min(PRIORS, key=lambda value: _surprise(held_out[value], judged.right))
    found, right = _counts(judged, len(classes))
    return Calibration(
        classes=classes,
        chances=_curves(found, right, prior),
        found=found,
        right=right,
        prior=prior,
        images=len(np.unique(judged.images)),
        source=setting.source,
        mode=setting.mode,
        matching=setting.matching,
        proposals=setting.proposals,
        segmenter=setting.segmenter,
        bank=setting.bank,
        held_out=reliability(held_out[prior], judged.right),
        raw=reliability(judged.scores, judged.right),
    )


def reliability(chances: Float64[np.ndarray, " D"], right: Bool[np.ndarray, " D"]) -> Reliability:
    """How chances and truth agree, in `BINS` bins of equal width.

    Args:
        chances: of each prediction, 0..1.
        right: whether it is.
    """
    bins = np.minimum((chances * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    sums = [np.bincount(bins, weights=values, minlength=BINS) for values in (chances, right)]
    means = [values / np.maximum(counts, 1) for values in sums]
    return Reliability(counts, means[0], means[1])


def score_steps(scores: Float64[np.ndarray, " D"]) -> Int64[np.ndarray, " D"]:
    """The step in which each score lies; a score of 0.29 lies in that of 0.29, rounded or not."""
    return np.minimum((np.round(scores, 6) * STEPS + 1e-9).astype(np.int64), STEPS - 1)


def _from_here_on(values: Float64[np.ndarray, " STEPS"]) -> Float64[np.ndarray, " STEPS"]:
    """Of each step the sum of it and those above."""
    return values[::-1].cumsum()[::-1]


def _counts(
    judged: Judged, classes: int
) -> tuple[Int64[np.ndarray, "{classes} STEPS"], Int64[np.ndarray, "{classes} STEPS"]]:
    """By class and step of the score: how many predictions, and how many of them are right."""
    cells = judged.labels * STEPS + score_steps(judged.scores)
    shape, size = (classes, STEPS), classes * STEPS
    found = np.bincount(cells, minlength=size).reshape(shape)
    return found, np.bincount(cells[judged.right], minlength=size).reshape(shape)


def _held_out_chances(judged: Judged, classes: int) -> dict[float, Float64[np.ndarray, " D"]]:
    """By prior, the chance of every prediction by what the images of other folds say."""
    images, places = np.unique(judged.images, return_inverse=True)
    folds = np.random.default_rng(0).permutation(len(images))[places] % FOLDS
    chances = {prior: np.zeros(len(judged)) for prior in PRIORS}
    for fold in range(FOLDS):
        left_out = folds == fold
        counts = _counts(judged.where(~left_out), classes)
        steps = score_steps(judged.scores[left_out])
        for prior in PRIORS:
            curves = _curves(*counts, prior)
            chances[prior][left_out] = curves[judged.labels[left_out], steps]
    return chances


def _surprise(chances: Float64[np.ndarray, " D"], right: Bool[np.ndarray, " D"]) -> float:
    """Mean negative logarithm of the chance of what is the case."""
    likely = np.where(right, chances, 1 - chances)
    return float(-np.log(np.maximum(likely, _LEAST_CHANCE)).mean())


def _curves(
    found: Int64[np.ndarray, "K STEPS"], right: Int64[np.ndarray, "K STEPS"], prior: float
) -> Float64[np.ndarray, "K STEPS"]:
    """The chance of being right, by class and step of the score."""
    totals = found.sum(axis=0).astype(np.float64)
    common = _common_curve(totals, right.sum(axis=0).astype(np.float64))
    if math.isinf(prior):
        return np.tile(common, (len(found), 1))
    # A little everywhere, so that no step is without a say.
    spread = (totals + 0.5) / (totals + 0.5).sum() * prior
    return np.stack(
        [
            isotonic_regression(
                (hits + spread * common) / (count + spread), weights=count + spread
            ).x
            for count, hits in zip(found, right, strict=True)
        ]
    )


def _common_curve(
    found: Float64[np.ndarray, " STEPS"], right: Float64[np.ndarray, " STEPS"]
) -> Float64[np.ndarray, " STEPS"]:
    """That of all classes together."""
    return (_beta_curve(found, right) + _isotonic_curve(found, right)) / 2


def _isotonic_curve(
    found: Float64[np.ndarray, " STEPS"], right: Float64[np.ndarray, " STEPS"]
) -> Float64[np.ndarray, " STEPS"]:
    """The rising curve that fits best; straight between the steps that have predictions."""
    seen = np.flatnonzero(found)
    if not len(seen):
        return np.full(STEPS, 0.5)
    fitted = isotonic_regression(right[seen] / found[seen], weights=found[seen]).x
    return np.interp(np.arange(STEPS), seen, fitted)


def _beta_curve(
    found: Float64[np.ndarray, " STEPS"], right: Float64[np.ndarray, " STEPS"]
) -> Float64[np.ndarray, " STEPS"]:
    """The most likely `sigmoid(a * log(s) - b * log(1 - s) + c)` with `a` and `b` at least 0.

    Both are drawn to 1, lightly, which is what decides where nothing is known.
    """

    def loss(weights: Float64[np.ndarray, " 3"]) -> tuple[float, Float64[np.ndarray, " 3"]]:
        logits = _RISING @ weights[:2] + weights[2]
        off = weights - [1.0, 1.0, 0.0]
        value = (found * np.logaddexp(0, logits) - right * logits).sum()
        excess = found * _sigmoid(logits) - right
        slope = np.append(_RISING.T @ excess, excess.sum())
        return float(value + (_PULL * off**2).sum() / 2), slope + _PULL * off

    bounds = [(0, None), (0, None), (None, None)]
    start = np.array([1.0, 1.0, 0.0])
    weights = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return _sigmoid(_RISING @ weights[:2] + weights[2])


_PULL = np.array([0.05, 0.05, 0.01])


def _sigmoid(logits: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    """From -inf..inf to 0..1, without overflow."""
    return (1 + np.tanh(logits / 2)) / 2
