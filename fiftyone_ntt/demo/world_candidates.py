"""Drawing references from a world's candidates, as `sample_references` does from a dataset's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from fiftyone_ntt.core.rle import RLE, decode_mask, encode_masks, rle_boxes
from fiftyone_ntt.core.sampling import Candidate, choose, fits
from fiftyone_ntt.core.windows import Box, Reference
from fiftyone_ntt.demo.worlds import WorldScene
from fiftyone_ntt.errors import InputError


@dataclass(frozen=True, eq=False)
class _Labelled:
    """One labelled object; its mask stays packed until it is drawn."""

    id: str
    image: UInt8[np.ndarray, "H W 3"]
    box: Box
    mask: RLE


class WorldCandidates:
    """The labelled objects of some scenes that may become references: of 32 x 32 px or more, 10 px
    or more from the border.

    Args:
        scenes: read once; their pictures stay in memory.
        classes: in the order that draws shall have.

    Example:
        >>> from fiftyone_ntt.demo.worlds import WORLDS
        >>> world = WORLDS["demo"]
        >>> candidates = WorldCandidates(world.scenes("develop", "candidates", 12), world.classes)
        >>> drawn = candidates.draw(shots=1, seed=0)
        >>> len(drawn), drawn["ringed disc"][0].id.startswith("demo/develop/candidates/")
        (8, True)
    """

    def __init__(self, scenes: Iterable[WorldScene], classes: Sequence[str]) -> None:
        self._groups: dict[str, list[Candidate[_Labelled]]] = {name: [] for name in classes}
        for scene in scenes:
            self._add(scene)

    def _add(self, scene: WorldScene) -> None:
        masks = encode_masks(scene.masks)
        for index, (label, mask, (x1, y1, x2, y2)) in enumerate(
            zip(scene.labels, masks, rle_boxes(masks).tolist(), strict=True)
        ):
            box = (x1, y1, x2 + 1 - x1, y2 + 1 - y1)
            if label in self._groups and fits(box, scene.masks.shape[1:]):
                item = _Labelled(f"{scene.name}/{index}", scene.image, box, mask)
                self._groups[label].append(Candidate(item, scene.name, box))

    def draw(self, shots: int, seed: int) -> dict[str, list[Reference]]:
        """`shots` references per class, of different images; more shots extend a draw.

        Raises:
            InputError: a class has fewer, or `shots` is below 1.
        """
        drawn = self.pool(shots, seed)
        for name, group in drawn.items():
            if len(group) < shots:
                raise InputError(
                    f"class {name!r} is on {len(group)} of the scenes, but {shots} references "
                    "are wanted, each of another scene. Pass more candidates."
                )
        return drawn

    def pool(self, most: int, seed: int) -> dict[str, list[Reference]]:
        """As `draw`, but of a class that has fewer than `most` those it has."""
        chosen = {
            name: choose(group, most, seed, name, lambda _: True)
            for name, group in self._groups.items()
        }
        return {
            name: [
                Reference(item.id, item.image, item.box, decode_mask(item.mask))
                for item in (candidate.key for candidate in group)
            ]
            for name, group in chosen.items()
        }
