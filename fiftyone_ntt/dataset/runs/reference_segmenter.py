"""The method as a FiftyOne model, for `dataset.apply_model(...)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fiftyone.core.labels as fol
import fiftyone.core.models as fom
import numpy as np

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.settings import ProposalSettings, check_mode
from fiftyone_ntt.dataset.labels.detections import match_detections
from fiftyone_ntt.dataset.work.model_resolution import models_of_bank
from fiftyone_ntt.models.loading import Models


@dataclass
class ReferenceSegmenterConfig:
    """What `apply_model` may change for the time of a call.

    Attributes:
        confidence_thresh: leave out detections below this confidence; None for no limit.
        filter_classes: keep only detections of these classes; None for all.
    """

    confidence_thresh: float | None = None
    filter_classes: set[str] | None = None


def _model_bases() -> tuple[type, ...]:
    """FiftyOne's data loaders, which read images in worker processes, need torchvision. Where it
    is absent or does not fit torch, `apply_model` reads the images itself."""
    try:
        import fiftyone.utils.torch  # noqa: F401
    except Exception:  # a torchvision built for another torch raises errors of any kind
        return (fom.Model,)
    return (fom.SupportsGetItem, fom.TorchModelMixin, fom.Model)


class ReferenceSegmenter(*_model_bases()):  # type: ignore[misc]
    """A memory bank as a FiftyOne model.

    Gives the detections that `segment` gives. `segment` is the better choice for large runs: it
    can be resumed, and reports failures per image, where `apply_model` skips a failing batch.
    With torchvision installed, FiftyOne reads images in worker processes (`num_workers`); without,
    it reads them one by one.

    Args:
        bank: the classes and their references.
        models: a named set or loaded models; the bank's own when None.
        device: where models that are loaded here run.
        mode: `"paper"`, the published method, `"best"`, more accurate, or `"adaptive"`, faster and
            not exact; see `segment`.
        points_per_side: prompts per row and column of the grid.
        crops: parts of the picture that are looked at besides the whole, 0, 4 or 9; see `segment`.
        confidence_thresh: leave out detections below this confidence, 0..1; None for no limit.

    Raises:
        ModelError: the models cannot be loaded, or their encoder did not make the bank.

    Example:
        >>> model = ntt.ReferenceSegmenter(bank, points_per_side=8)
        >>> view.apply_model(model, label_field="applied")
        >>> view.distinct("applied.detections.label")
        ['fish', 'mushroom']
    """

    def __init__(
        self,
        bank: MemoryBank,
        models: str | Models | None = None,
        device: str = "cpu",
        *,
        mode: str = "paper",
        points_per_side: int = 32,
        crops: int = 0,
        confidence_thresh: float | None = None,
    ) -> None:
        self.config = ReferenceSegmenterConfig(confidence_thresh)
        self._preprocess = False
        chosen = models_of_bank(bank, models, device)
        self._pipeline = Pipeline(
            bank,
            chosen.encoder,
            chosen.segmenter,
            check_mode(mode),
            ProposalSettings(points_per_side=points_per_side, crops=crops),
        )

    @property
    def media_type(self) -> str:
        """What FiftyOne may pass: images."""
        return "image"

    @property
    def has_logits(self) -> bool:
        """False: detections have no logits."""
        return False

    @property
    def transforms(self) -> None:
        """None: images are taken at any size, as uint8 `[H, W, 3]`."""
        return None

    @property
    def preprocess(self) -> bool:
        """Whether FiftyOne wants images transformed here; there are no transforms."""
        return self._preprocess

    @preprocess.setter
    def preprocess(self, value: bool) -> None:
        """Set by `apply_model` around a call."""
        self._preprocess = value

    @property
    def ragged_batches(self) -> bool:
        """False: a batch may hold images of different sizes."""
        return False

    @property
    def has_collate_fn(self) -> bool:
        """True: FiftyOne is to make batches with `collate_fn`."""
        return True

    @staticmethod
    def collate_fn(batch: list[Any]) -> list[Any]:
        """Images of different sizes stay a list."""
        return batch

    def build_get_item(self, field_mapping: dict[str, str] | None = None) -> Any:
        """What reads a sample's image, here or in a worker process."""
        # FiftyOne's torch utilities need torchvision, which nothing else here does.
        from fiftyone_ntt.dataset.runs.get_item import RgbGetItem

        return RgbGetItem(field_mapping=field_mapping)

    def predict(self, image: Any) -> fol.Detections:
        """Detections of one RGB image, uint8 `[H, W, 3]` or a PIL image."""
        pixels = np.asarray(image)
        found = match_detections(
            self._pipeline(pixels), self._pipeline.bank, (pixels.shape[0], pixels.shape[1])
        )
        least, classes = self.config.confidence_thresh, self.config.filter_classes
        kept = [
            detection
            for detection in found.detections
            if (least is None or detection.confidence >= least)
            and (classes is None or detection.label in classes)
        ]
        return fol.Detections(detections=kept)

    def predict_all(self, images: Any) -> list[fol.Detections]:
        """Detections of each image."""
        return [self.predict(image) for image in images]
