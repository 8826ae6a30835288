"""What a proposal store can relabel, told from its small description files alone.

Apart from the store itself, whose arrays need torch: a form asks this at every keystroke.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.errors import InputError, StoreError

FOLDER_VARIABLE = "FIFTYONE_NTT_PROPOSALS"
"""Environment variable that moves the default store."""
SETUP_FILE = "setup.json"
"""In the folder of each setup, the models and settings of its proposals."""
MARKER_FILE = "proposal-store.json"
"""In a store's folder, says that it is one; stores of earlier versions have none."""
MARKER = b'{"fiftyone-ntt proposal store": 1}\n'
_MOST_BYTES = 2**20
"""Of a description or a marker, which take a thousandth of that."""
_SETUP_NAME = re.compile("[0-9a-f]{16}")


def default_folder() -> Path:
    """`~/.fiftyone-ntt/proposals`, or where `FIFTYONE_NTT_PROPOSALS` says."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path.home() / ".fiftyone-ntt" / "proposals"


class StoredGrid(NamedTuple):
    """How finely pictures were looked at whose proposals are stored.

    Attributes:
        points_per_side: prompts per row and column of the grid.
        crops: parts of the pictures that were looked at besides the whole.

    Example:
        >>> ntt.StoredGrid(32, 0) < ntt.StoredGrid(32, 4)
        True
    """

    points_per_side: int
    crops: int


def stored_grids(encoder: str) -> list[StoredGrid]:
    """Grids with which the default store holds proposals of an encoder, rising.

    Args:
        encoder: its identity, as in `BankSummary.encoder`.

    Example:
        >>> ntt.stored_grids(bank.encoder)
        [StoredGrid(points_per_side=32, crops=0)]
    """
    try:
        setups = [read_setup(folder / SETUP_FILE) for folder in setup_folders(default_folder())]
    except StoreError:
        return []  # `segment` tells of it; here it only cannot be chosen
    settings = [settings_of(setup) for setup in setups if setup["encoder"] == encoder]
    return sorted({StoredGrid(s.points_per_side, s.crops) for s in settings if s is not None})


def is_store(folder: Path) -> bool:
    """Whether a folder is known to be a store: by its marker or, of an earlier version's, by what
    it holds."""
    return is_marker(folder / MARKER_FILE) or bool(setup_folders(folder))


def is_marker(path: Path) -> bool:
    """Whether a file marks a store."""
    return read_bounded(path) == MARKER


def setup_folders(store: Path) -> list[Path]:
    """The folders of a store that are known to be its own: by name, and by what describes them."""
    return [
        folder
        for folder in entries(store)
        if named_like_setup(folder) and is_own_folder(folder) and read_setup(folder / SETUP_FILE)
    ]


def named_like_setup(folder: Path) -> bool:
    """Whether a folder has the name of a setup's."""
    return _SETUP_NAME.fullmatch(folder.name) is not None


def is_own_folder(path: Path) -> bool:
    """Whether a path is a folder, and no link to one elsewhere."""
    return path.is_dir() and not path.is_symlink()


def read_setup(path: Path) -> dict[str, Any]:
    """The description of a setup; empty where the file is absent, damaged or something else."""
    try:
        content = json.loads(read_bounded(path))
    except (ValueError, RecursionError):
        return {}
    match content:
        case {"encoder": str(), "segmenter": str(), "settings": {"points_per_side": int()}}:
            return dict(content)
    return {}


def settings_of(setup: dict[str, Any]) -> ProposalSettings | None:
    """What `read_setup` gave as settings; None where they are none that this version knows."""
    values = setup["settings"]
    known = {field.name: field.default for field in dataclasses.fields(ProposalSettings)}
    for name, value in values.items():
        kinds = (int, float) if isinstance(known.get(name), float) else (int,)
        if name not in known or type(value) not in kinds:
            return None
    try:
        return ProposalSettings(**values)
    except InputError:
        return None


def read_bounded(path: Path) -> bytes:
    """What a small file holds; nothing where it is absent, large, or no file that ends."""
    try:
        require_regular_file(path, _MOST_BYTES)
        return path.read_bytes()
    except OSError:
        return b""


def entries(folder: Path) -> Iterator[Path]:
    """What a folder holds, in order; nothing where it is absent or goes meanwhile.

    Raises:
        StoreError: it cannot be listed.
    """
    try:
        yield from sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be listed: {error.strerror or error}. Check its permissions."
        ) from error
