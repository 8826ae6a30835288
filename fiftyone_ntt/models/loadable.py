"""How another process comes to the same models: by their names, not by their weights."""

from __future__ import annotations

from dataclasses import dataclass

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.proposals import ProposalSetup
from fiftyone_ntt.core.settings import AdaptiveSettings, MatchSettings, Mode
from fiftyone_ntt.errors import InputError, ModelError
from fiftyone_ntt.models.loading import Models, load_models


@dataclass(frozen=True)
class LoadableModels:
    """What `load_models` makes the same models of again.

    Attributes:
        encoder: its spec.
        segmenter: its spec.
        device: where both run.
        precision: what both compute in.
        add_no_memory_embedding: see `TransformersSegmenter`.
        identities: of the encoder and the segmenter.
    """

    encoder: str
    segmenter: str
    device: str
    precision: str
    add_no_memory_embedding: bool
    identities: tuple[str, str]

    @staticmethod
    def of(models: Models) -> LoadableModels:
        """What names loaded models.

        Raises:
            InputError: `load_models` did not make them, or they are on a GPU.
        """
        device = str(models.segmenter.device)
        if device != "cpu":
            raise InputError(
                f"several workers would share the device {device!r}, each with models of its own, "
                "and be no faster. Pass workers=1, or device='cpu'."
            )
        if not models.encoder_spec or not models.segmenter_spec:
            raise InputError(
                f"models {models.name!r} were not loaded by name, folder or file, so other "
                "processes cannot load them. Pass workers=1, or models that `load_models` made."
            )
        return LoadableModels(
            models.encoder_spec,
            models.segmenter_spec,
            device,
            models.precision,
            bool(getattr(models.segmenter, "add_no_memory_embedding", False)),
            (models.encoder.identity, models.segmenter.identity),
        )

    def load(self) -> Models:
        """The models.

        Raises:
            ModelError: they cannot be loaded, or are others by now.
        """
        models = load_models(
            encoder=self.encoder,
            segmenter=self.segmenter,
            device=self.device,
            precision=self.precision,
            add_no_memory_embedding=self.add_no_memory_embedding,
        )
        found = (models.encoder.identity, models.segmenter.identity)
        if found != self.identities:
            raise ModelError(
                f"{self.encoder} and {self.segmenter} give other models than when the run began: "
                f"{' and '.join(found)} instead of {' and '.join(self.identities)}. Run again."
            )
        return models


@dataclass(frozen=True, eq=False)
class LoadablePipeline:
    """What a pipeline is made of again.

    Attributes:
        models: its encoder and segmenter.
        bank: its bank.
        mode: of the method.
        setup: of its proposals.
        match_settings: its own.
        adaptive_settings: its own.
    """

    models: LoadableModels
    bank: MemoryBank
    mode: Mode
    setup: ProposalSetup
    match_settings: MatchSettings
    adaptive_settings: AdaptiveSettings

    @staticmethod
    def of(pipeline: Pipeline, models: Models) -> LoadablePipeline:
        """What a pipeline is made of.

        Args:
            pipeline: made of these models.
            models: loaded.

        Raises:
            InputError: see `LoadableModels.of`; or the pipeline has other models.
        """
        parts, setup = LoadableModels.of(models), pipeline.matcher.setup
        if parts.identities != (setup.encoder, setup.segmenter):
            raise InputError(
                f"models {models.name!r} are not the pipeline's. Pass those that it is made of."
            )
        return LoadablePipeline(
            parts,
            pipeline.bank,
            pipeline.mode,
            setup,
            pipeline.match_settings,
            pipeline.adaptive_settings,
        )

    def build(self) -> Pipeline:
        """The pipeline, with models loaded anew.

        Raises:
            ModelError: see `LoadableModels.load`.
        """
        models = self.models.load()
        return Pipeline(
            self.bank,
            models.encoder,
            models.segmenter,
            self.mode,
            self.setup.settings,
            self.match_settings,
            self.adaptive_settings,
        )
