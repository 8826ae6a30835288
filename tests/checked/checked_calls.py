"""Holds every call and dataclass of the package to its annotations, shapes of arrays included."""

from __future__ import annotations

import jaxtyping
from beartype import BeartypeConf, beartype

typechecker = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""As a type checker does, takes an int for a float."""


def install() -> None:
    """Check what is imported of the package from now on."""
    jaxtyping.install_import_hook("fiftyone_ntt", f"{__name__}.typechecker")
