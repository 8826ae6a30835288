"""Which versions are installed of what results depend on."""

from __future__ import annotations

import contextlib
from importlib import metadata

_NOTED_PACKAGES = ("fiftyone-ntt", "numpy", "torch", "transformers")


def installed_versions() -> dict[str, str]:
    """Of what numbers may depend on, by name, as far as it is installed."""
    versions = {}
    for name in _NOTED_PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
