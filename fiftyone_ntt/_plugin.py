"""The plugin's way in, as `fiftyone.yml` names it.

FiftyOne runs this file again at every operator look-up, under a module name of its own: it stays
tiny, and all that costs or keeps anything lives in `fiftyone_ntt.plugin`. Relative imports fail
here, and the package need not be installed: a checkout linked or downloaded into FiftyOne's
plugins folder brings it along.
"""

import importlib
import sys
from pathlib import Path


def _ensure_package() -> None:
    """Make `fiftyone_ntt` importable: the installed one, else the folder this file lies in."""
    try:
        importlib.import_module("fiftyone_ntt").__version__  # noqa: B018
    except (ImportError, AttributeError):
        # A folder left over from an uninstall imports as a namespace package, without anything
        # in it. At the path's end the checkout's other folders hide no one's modules, and a
        # real package there still wins over such a folder.
        sys.modules.pop("fiftyone_ntt", None)
        sys.path.append(str(Path(__file__).resolve().parent.parent))


_ensure_package()

from fiftyone_ntt.plugin import register  # noqa: E402

__all__ = ["register"]
