"""Checks shapes and types of the package's calls in a Python process that a test starts.

`tests/shapes.py` puts this folder on `PYTHONPATH`; Python imports a module of this name when it
starts. Nothing is loaded until the package is first imported.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


class _AwaitPackage:
    """A finder in front of all others that turns into jaxtyping's when the package is wanted."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "fiftyone_ntt":
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        import checked_calls

        checked_calls.install()
        return sys.meta_path[0].find_spec(name, path, target)


# `python -m` would keep the checked code of its module as the plain one, for all to load.
sys.dont_write_bytecode = True
sys.meta_path.insert(0, _AwaitPackage())  # type: ignore[arg-type]
