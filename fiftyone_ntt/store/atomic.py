"""Writing a file whole or not at all, and never over a file that is not ours; or a folder."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import uuid4

from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.store.own_files import FileKind


def write_atomically(path: Path, content: bytes, kind: FileKind, *, overwrite: bool = True) -> None:
    """Write `content` to `path`; a failure leaves what was there before.

    Args:
        path: of a new file, or of one of the same kind that this package wrote. A link is followed.
        content: of the file.
        kind: of the file.
        overwrite: replace the file that is there, if it is ours.

    Raises:
        StoreError: another file is there, or the file cannot be written, with the system's reason.
    """
    require_writable(path, kind, overwrite=overwrite)
    target = Path(os.path.realpath(path))
    # A draft of its own for every writer, made with the permissions any other file would get.
    draft = target.with_name(f".{target.name}.{uuid4().hex}.part")
    try:
        with _told(path):
            with draft.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if not _linked(draft, target):
                require_writable(path, kind, overwrite=overwrite)
                os.replace(draft, target)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def write_folder(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write a new folder with all that is in it; a failure leaves nothing of it.

    Args:
        folder: that is not there yet, or is empty; those above it are not made.
        files: paths below it, with `/`, and contents; taken one by one while it is written.

    Raises:
        StoreError: there is something already, or it cannot be written, with the system's reason.
    """
    require_new_folder(folder)
    target = Path(os.path.realpath(folder))
    draft = target.with_name(f".{target.name}.{uuid4().hex}.part")
    try:
        with _told(folder):
            draft.mkdir()
        for name, content in files:
            with _told(folder):
                path = draft / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    file.write(content)
        with _told(folder):
            _require_nothing(folder)
            # Takes the place of an empty folder, and of nothing else.
            os.rename(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def require_new_folder(folder: Path) -> None:
    """Check that `write_folder` may write, before work is spent on the contents.

    Raises:
        StoreError: there is something already, or no folder for it.
    """
    with _told(folder):
        _require_nothing(folder)
        _require_folder(folder)


def _require_nothing(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if os.path.lexists(folder):
        raise StoreError(
            f"{folder} is there already, and may hold somebody's work. Pass the path of a new "
            "folder, or move it."
        )


def _linked(draft: Path, target: Path) -> bool:
    """Let `target` be the draft's name too; unlike renaming, this fails where a file came meanwhile
    (and on a file system without links)."""
    try:
        os.link(draft, target)
    except OSError:
        return False
    return True


def require_writable(path: Path, kind: FileKind, *, overwrite: bool = True) -> None:
    """Check that `write_atomically` may write, before work is spent on the content.

    Raises:
        StoreError: there is no folder for it, or something is there that must stay.
    """
    with _told(path):
        if not path.exists():
            _require_folder(path)
            return
        require_ordinary(path)
        try:
            ours = kind.wrote(path)
        except FileNotFoundError:  # another process deleted it at this moment
            return
    if not ours:
        raise StoreError(
            f"{path} is no {kind.name} that fiftyone-ntt wrote, so it is not replaced. Move it, or "
            "choose another path."
        )
    if not overwrite:
        raise StoreError(f"{path} exists. Pass overwrite=True to replace it, or another path.")


def require_ordinary(path: Path) -> None:
    """Check that what is at `path`, if anything, is a file with a content of its own.

    Raises:
        StoreError: it is a folder, a device, a pipe or a socket.
    """
    if path.is_dir():
        raise StoreError(f"{path} is a folder. Pass the path of a file to write.")
    if path.exists() and not path.is_file():
        raise StoreError(
            f"{path} is a device, a pipe or a socket. Pass the path of a file to write."
        )


def make_folder(folder: Path) -> None:
    """Make an output folder that a user named; one that is there is fine.

    Those above it are not made: a missing one is more likely a slip.

    Raises:
        StoreError: it cannot be made, or is something else.
    """
    with _told(folder):
        if folder.is_dir():
            return
        if folder.exists():
            raise StoreError(f"{folder} is a file. Pass the path of a folder.")
        _require_folder(folder)
        folder.mkdir(exist_ok=True)


def _require_folder(path: Path) -> None:
    parent = Path(os.path.realpath(path)).parent
    if not parent.is_dir():
        raise StoreError(
            f"{path} cannot be written: there is no folder {parent}. Make it, or choose another "
            "path."
        )


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system refuses about `path` becomes a message for the user."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        raise cannot_write(path, error) from error
    except ValueError as error:  # a name that no file has, such as one with a zero byte
        raise StoreError(
            f"{str(path)!r} is no path of a file: {error}. Choose another path."
        ) from error


def cannot_write(path: Path, error: OSError) -> StoreError:
    """What to tell the user when the system refuses a write."""
    return StoreError(
        f"{path} cannot be written: {error.strerror or error}. Free space, change the folder's "
        "permissions, or choose another path."
    )
