"""By what a store knows an image, and where its proposals lie.

Apart from the store itself, whose arrays need torch: a form asks which images have proposals.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.errors import InputError


def image_hash(path: str | Path) -> str:
    """Hash of an image file's content: 32 hexadecimal digits.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        require_regular_file(path)
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:32]
    except OSError as error:
        raise InputError(
            f"image {path} cannot be read: {error.strerror or error}. Restore the file, or leave "
            "the image out."
        ) from error


def image_key(path: str | Path, reading: ImageReading) -> str:
    """An image's key in a store: the hash of its file, and how it is read where that matters.

    Raises:
        InputError: the file cannot be read.
    """
    return image_hash(path) + reading.mark(path)


def proposals_file(setup_folder: Path, image: str) -> Path:
    """Where the proposals of an image lie, if a store has them.

    Args:
        setup_folder: of the models and settings.
        image: its key.
    """
    # Two levels: a folder of a million files is slow to list.
    return setup_folder / image[:2] / f"{image}.safetensors"
