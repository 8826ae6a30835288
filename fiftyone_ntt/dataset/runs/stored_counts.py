"""How many images of a view have proposals, by grid: what `relabel` will find."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import fiftyone.core.collections as foc

from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.store.image_keys import image_key, proposals_file
from fiftyone_ntt.store.stored_setups import (
    SETUP_FILE,
    StoredGrid,
    default_folder,
    read_setup,
    settings_of,
    setup_folders,
)


@dataclass(frozen=True)
class StoredCounts:
    """How many images have proposals.

    Attributes:
        images: in the view.
        looked: of them, those that were looked for.
        grids: of these, how many have proposals of each grid; grids of which none has are left
            out.

    Example:
        >>> ntt.StoredCounts(40, 40, {ntt.StoredGrid(16, 0): 38}).only
        StoredGrid(points_per_side=16, crops=0)
    """

    images: int
    looked: int
    grids: dict[StoredGrid, int]

    @property
    def only(self) -> StoredGrid | None:
        """The grid that is meant where none is named: the one there is, or the one that more
        images have than any other; None where there is no such."""
        most = max(self.grids.values(), default=0)
        found = [grid for grid, count in self.grids.items() if count == most]
        return found[0] if len(found) == 1 else None

    def described(self, grid: StoredGrid) -> str:
        """How many images have proposals of a grid, for people.

        Example:
            >>> ntt.StoredCounts(900, 100, {}).described(ntt.StoredGrid(16, 0))
            '0 of 100 images looked at (of 900)'
        """
        text = f"{self.grids.get(grid, 0)} of {self.looked} images"
        return text if self.looked == self.images else f"{text} looked at (of {self.images})"


@needs_database
def stored_counts(samples: foc.SampleCollection, encoder: str, *, most: int = 100) -> StoredCounts:
    """How many images of a view have proposals in the default store, by grid.

    An image is known by the content of its file, which is read. So of many, only some are looked
    for, spread over the view.

    Args:
        samples: a dataset or view of images.
        encoder: identity of the bank's, as in `BankSummary.encoder`.
        most: images that are looked for.

    Example:
        >>> counts = ntt.stored_counts(view, bank.encoder)
        >>> counts.described(counts.only)
        '3 of 3 images'
    """
    paths = samples.values("filepath")
    step = max(-(-len(paths) // most), 1)
    chosen, reading = paths[::step], image_reading(samples)
    folders = _folders(encoder)
    found: dict[StoredGrid, int] = defaultdict(int)
    for path in chosen:
        try:
            key = image_key(path, reading)
        except InputError:
            continue  # the run reports it
        for grid in _grids_with(key, folders):
            found[grid] += 1
    return StoredCounts(len(paths), len(chosen), dict(sorted(found.items())))


def _folders(encoder: str) -> list[tuple[StoredGrid, Path]]:
    """The folders of the default store with proposals of an encoder, and their grids."""
    try:
        folders = setup_folders(default_folder())
    except StoreError:
        return []  # `segment` tells of it
    described = ((read_setup(folder / SETUP_FILE), folder) for folder in folders)
    of_encoder = ((settings_of(s), folder) for s, folder in described if s["encoder"] == encoder)
    return [
        (StoredGrid(settings.points_per_side, settings.crops), folder)
        for settings, folder in of_encoder
        if settings is not None
    ]


def _grids_with(key: str, folders: Iterable[tuple[StoredGrid, Path]]) -> set[StoredGrid]:
    """The grids of which an image has proposals."""
    return {grid for grid, folder in folders if proposals_file(folder, key).is_file()}
