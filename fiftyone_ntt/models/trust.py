"""Which models a bank may have loaded: it may come from a stranger, and names what it likes."""

from __future__ import annotations

from pathlib import Path

from fiftyone_ntt.errors import ModelError
from fiftyone_ntt.models.model_registry import Kind, in_hub_cache, list_models


def require_trusted(spec: str, kind: Kind, bank: str) -> None:
    """Refuse to fetch from the hub what nobody but a bank's file asked for.

    Trusted are the named models and their repositories, what is in the local cache already, since
    the user fetched it, and files and folders of this machine, which are checked when they are
    read (`models/file_checks.py`).

    Args:
        spec: what the bank names.
        kind: its role.
        bank: name of the bank, for messages.

    Raises:
        ModelError: says how to say that it is trusted.
    """
    known = {text for entry in list_models(kind) for text in (entry.name, entry.source)}
    if spec in known or Path(spec).expanduser().exists() or in_hub_cache(spec):
        return
    raise ModelError(
        f"memory bank {bank!r} names the {kind} {spec!r}, which is none of this package's models "
        "and not on this machine, so it is not fetched on the bank's word. If you trust it, fetch "
        f"it once with `load_models({kind}={spec!r})`, or pass `models`."
    )
