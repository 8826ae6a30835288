"""What a proposal store can relabel, told from its small description files alone.

Apart from the store itself, whose arrays need torch: a form asks this at every keystroke.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

FOLDER_VARIABLE = "FIFTYONE_NTT_PROPOSALS"
"""Environment variable that moves the default store."""
SETUP_FILE = "setup.json"
"""In the folder of each setup, the models and settings of its proposals."""


def default_folder() -> Path:
    """`~/.fiftyone-ntt/proposals`, or where `FIFTYONE_NTT_PROPOSALS` says."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path.home() / ".fiftyone-ntt" / "proposals"


def stored_grids(encoder: str) -> list[int]:
    """Points per side with which the default store holds proposals of an encoder, rising.

    Args:
        encoder: its identity, as in `BankSummary.encoder`.

    Example:
        >>> ntt.stored_grids(bank.encoder)
        [32]
    """
    found = set()
    for path in default_folder().glob(f"*/{SETUP_FILE}"):
        try:
            setup = json.loads(path.read_text())
            if setup["encoder"] == encoder:
                found.add(int(setup["settings"]["points_per_side"]))
        except (OSError, ValueError, TypeError, KeyError):
            continue  # `store verify` tells of it; here it only cannot be chosen
    return sorted(found)
