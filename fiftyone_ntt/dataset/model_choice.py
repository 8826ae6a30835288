"""Which models: a named set, models already loaded, or those a bank was made with."""

from __future__ import annotations

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models.loading import Models, load_models
from fiftyone_ntt.models.registry import find_model_set


def resolve_models(models: str | Models, device: str = "cpu") -> Models:
    """A named set, loaded; models already loaded are returned as they are."""
    return load_models(models, device=device) if isinstance(models, str) else models


def models_of_bank(
    bank: MemoryBank, models: str | Models | None = None, device: str = "cpu"
) -> Models:
    """The models to use with a bank: `models`, or else those the bank names.

    Raises:
        ModelError: the bank names none, or the encoder is not the one that made the bank.
    """
    chosen = _reload(bank, device) if models is None else resolve_models(models, device)
    if chosen.encoder.identity != bank.encoder:
        made_with = bank.models.get("name")
        hint = f"Pass models={made_with!r}" if made_with else "Pass the models it was built with"
        raise ModelError(
            f"memory bank {bank.name!r} was built with encoder {bank.encoder}, but the models "
            f"passed have {chosen.encoder.identity}: their features cannot be compared. {hint}, "
            "or rebuild the bank with these models."
        )
    return chosen


def model_specs(models: Models) -> dict[str, str]:
    """What a bank keeps of the models that made it, so that `models_of_bank` can load them again.

    Returns:
        `name`, `encoder` and `segmenter`; the latter two only where `load_models` knows them.
    """
    try:
        named = find_model_set(models.name)
        return {"name": named.name, "encoder": named.encoder, "segmenter": named.segmenter}
    except ModelError:
        # Models given one by one are named "encoder + segmenter" by `load_models`.
        encoder, joint, segmenter = models.name.partition(" + ")
        specs = {"encoder": encoder, "segmenter": segmenter} if joint else {}
        return {"name": models.name, **specs}


def _reload(bank: MemoryBank, device: str) -> Models:
    encoder, segmenter = bank.models.get("encoder"), bank.models.get("segmenter")
    if not encoder or not segmenter:
        raise ModelError(
            f"memory bank {bank.name!r} does not say where its models come from (they were handed "
            f"over already loaded). Pass `models` with encoder {bank.encoder}."
        )
    return load_models(encoder=encoder, segmenter=segmenter, device=device)
