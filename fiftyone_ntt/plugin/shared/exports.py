"""The folders of the server's machine that the App writes to and reads from.

In open source the App has no roles: who reaches it may run every operator. So what it exports and
imports lies below a folder that the server's owner names; labels and images may also lie below
others that the owner lists, which the App never writes to. No answer tells what lies elsewhere.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path, PurePath

from fiftyone_ntt import NttError

FOLDER_VARIABLE = "FIFTYONE_NTT_EXPORTS"
"""Environment variable of the server that moves the folder."""

READ_VARIABLE = "FIFTYONE_NTT_IMPORTS"
"""Environment variable of the server: further folders to read labels and images from, between
colons, as in PATH."""


def exports_folder() -> Path:
    """`~/.fiftyone-ntt/exports`, or where `FIFTYONE_NTT_EXPORTS` says."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else Path.home() / ".fiftyone-ntt" / "exports"


def export_path(name: str, overwrite: bool) -> Path:
    """Where the App may write the memory bank's file of this name.

    Raises:
        NttError: the name leads elsewhere, there is no folder for it, or something is there that
            must stay.
    """
    from fiftyone_ntt.store.atomic import require_writable
    from fiftyone_ntt.store.bank_file import BANK_FILE

    path = _place(name)
    require_writable(path, BANK_FILE, overwrite=overwrite)
    return path


def export_folder(name: str) -> Path:
    """Where the App may make a new folder of this name.

    Raises:
        NttError: the name leads elsewhere, there is no folder for it, or something is there.
    """
    path = _place(name)
    if os.path.lexists(path):
        raise NttError(
            f"the exports folder holds {name!r} already, which may be somebody's work. Choose "
            "another name."
        )
    return path


def import_path(name: str) -> Path:
    """Where the memory bank's file of this name is.

    Raises:
        NttError: the name leads elsewhere, or there is no such bank.
    """
    from fiftyone_ntt.store.bank_file import BANK_FILE

    path = _inside(name)
    try:
        found = path.is_file() and BANK_FILE.wrote(path)
    except OSError:
        found = False
    if not found:
        raise NttError(
            f"the exports folder holds no memory bank {name!r}. Have its file put into "
            f"{exports_folder()} on FiftyOne's server."
        )
    return path


def read_folders() -> list[Path]:
    """The exports folder, and those that `FIFTYONE_NTT_IMPORTS` lists."""
    listed = os.environ.get(READ_VARIABLE, "").split(os.pathsep)
    return [exports_folder(), *(Path(name).expanduser() for name in listed if name)]


def read_path(name: str) -> Path:
    """Where labels or images of this name are, which the App may read.

    Args:
        name: a whole path, or one relative to one of the `read_folders`.

    Raises:
        NttError: it leads out of them, whether there is anything or not.
    """
    found = []
    with contextlib.suppress(ValueError):  # a name that no file has
        for folder in map(os.path.abspath, map(os.fspath, read_folders())):
            # As it is named, not where links lead: samples are recognised by their paths.
            path = Path(os.path.abspath(os.path.join(folder, name)))
            real, below = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
            if real == below or below in real.parents:
                found.append(path)
    if found:
        return next((path for path in found if os.path.exists(path)), found[0])
    folders = ", ".join(map(str, read_folders()))
    raise NttError(
        f"{name!r} leads out of the folders that the App may read: {folders}. Have it put into one "
        f"of them, or its folder listed in {READ_VARIABLE}, in the environment of FiftyOne's "
        "server."
    )


def _place(name: str) -> Path:
    """The path of a name below the folder, in a folder that is there."""
    path = _inside(name)
    _prepare_folder()
    if not os.path.isdir(path.parent):  # which takes a name that is too long for absent
        raise NttError(
            f"the exports folder has no folder {PurePath(name).parent}. Have it made on FiftyOne's "
            "server, or leave it out."
        )
    return path


def _inside(name: str) -> Path:
    """The path of a name below the folder, whether there is anything or not."""
    folder = Path(os.path.realpath(exports_folder()))
    given = PurePath(name)
    if given.parts and not given.is_absolute() and ".." not in given.parts:
        with contextlib.suppress(ValueError):  # a name that no file has
            path = Path(os.path.realpath(folder / given))
            if folder in path.parents:
                return path
    raise NttError(
        f"{name!r} leads out of the exports folder. Pass the name of a file below it, without "
        "'..', as in 'bank.safetensors'."
    )


def _prepare_folder() -> None:
    folder = exports_folder()
    try:
        if not os.environ.get(FOLDER_VARIABLE):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NttError(
            f"the exports folder {folder} cannot be made: {error.strerror or error}. Name another "
            f"in {FOLDER_VARIABLE}, in the environment of FiftyOne's server."
        ) from error
    if not folder.is_dir():
        raise NttError(
            f"there is no exports folder {folder}, which {FOLDER_VARIABLE} names. Have it made on "
            "FiftyOne's server."
        )
