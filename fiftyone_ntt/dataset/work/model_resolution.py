"""Which models: a named set, models already loaded, or those a bank was made with."""

from __future__ import annotations

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.matching import require_encoder
from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models.loading import Models, load_models
from fiftyone_ntt.models.trust import require_trusted


def resolve_models(models: str | Models, device: str = "cpu", precision: str = "float32") -> Models:
    """A named set, loaded; models already loaded are returned as they are."""
    if isinstance(models, str):
        return load_models(models, device=device, precision=precision)
    return models


def models_of_bank(
    bank: MemoryBank, models: str | Models | None = None, device: str = "cpu"
) -> Models:
    """The models to use with a bank: `models`, or else those the bank names.

    Raises:
        ModelError: the bank names none, or the encoder is not the one that made the bank.
    """
    chosen = _reload(bank, device) if models is None else resolve_models(models, device)
    require_encoder(bank, chosen.encoder.identity)
    return chosen


def model_specs(models: Models) -> dict[str, str]:
    """What a bank keeps of the models that made it, so that `models_of_bank` can load them again.

    Returns:
        `name`, and `encoder` and `segmenter` where `load_models` made them; `precision` if it is
        not float32.
    """
    specs = {"encoder": models.encoder_spec, "segmenter": models.segmenter_spec}
    if models.precision != "float32":
        specs["precision"] = models.precision
    return {"name": models.name, **{role: spec for role, spec in specs.items() if spec}}


def _reload(bank: MemoryBank, device: str) -> Models:
    encoder, segmenter = bank.models.get("encoder"), bank.models.get("segmenter")
    if not encoder or not segmenter:
        raise ModelError(
            f"memory bank {bank.name!r} does not say where its models come from (they were handed "
            f"over already loaded). Pass `models` with encoder {bank.encoder}."
        )
    require_trusted(encoder, "encoder", bank.name)
    require_trusted(segmenter, "segmenter", bank.name)
    precision = bank.models.get("precision", "float32")
    return load_models(encoder=encoder, segmenter=segmenter, device=device, precision=precision)
