"""Proposals are computed once; relabelling gives what a fresh run gives, without a network."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest

from fiftyone_ntt import build_memory_bank, relabel, segment
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.proposals import Proposals
from fiftyone_ntt.dataset.runs import stored_matching
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store import proposal_store
from fiftyone_ntt.store.proposal_store import ProposalStore
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 5)
    return dataset


def bank_of(scenes: fo.Dataset, **options: Any) -> MemoryBank:
    return build_memory_bank(scenes[:2], "ground_truth", models=colour_models(), **options)


def rows(dataset: fo.Dataset, field: str) -> list[Any]:
    return [
        [(d.label, d.confidence, d.margin, d.mask.tobytes()) for d in sample[field].detections]
        for sample in dataset
    ]


class Counting:
    """Counts the images that a pair of models embeds and encodes."""

    def __init__(self, models: Models) -> None:
        self.models, self.embedded, self.encoded = models, 0, 0
        embed, encode = models.segmenter.embed, models.encoder.encode

        def counting_embed(images: Any) -> Any:
            self.embedded += len(images)
            return embed(images)

        def counting_encode(images: Any) -> Any:
            self.encoded += len(images)
            return encode(images)

        models.segmenter.embed = counting_embed  # type: ignore[method-assign]
        models.encoder.encode = counting_encode  # type: ignore[method-assign]


def test_networks_see_each_image_once(scenes: fo.Dataset, store: ProposalStore) -> None:
    counting = Counting(colour_models())
    bank = bank_of(scenes)
    segment(scenes, bank, "first", models=counting.models, store=store)
    assert (counting.embedded, counting.encoded) == (5, 5)
    segment(scenes, bank, "second", models=counting.models, store=store)
    assert (counting.embedded, counting.encoded) == (5, 5)
    assert rows(scenes, "first") == rows(scenes, "second")
    segment(scenes, bank, "third", models=counting.models, store=False)
    assert (counting.embedded, counting.encoded) == (10, 10)
    assert [store.usage(setup).images for setup in store.setups()] == [5]


@pytest.mark.parametrize(
    "options",
    [{}, {"confidence_thresh": 0.99}, {"mode": "best"}, {"mode": "best", "crops": 4}],
)
def test_relabel_equals_a_fresh_run(
    scenes: fo.Dataset, store: ProposalStore, tmp_path: Path, options: dict[str, Any]
) -> None:
    # Whatever the mode was that stored the proposals.
    crops = {"crops": options["crops"]} if "crops" in options else {}
    segment(scenes, bank_of(scenes), "first", models=colour_models(), store=store, **crops)
    bank = bank_of(scenes, classes=["blue", "red"])
    fresh = segment(
        scenes, bank, "fresh", models=colour_models(), store=tmp_path / "other", **options
    )
    report = relabel(scenes, bank, "relabelled", store=store, **options)
    assert (report.written, report.failures) == (5, {})
    assert report.run.split("_")[-1] == fresh.run.split("_")[-1]
    assert rows(scenes, "relabelled") == rows(scenes, "fresh")
    assert rows(scenes, "relabelled") != rows(scenes, "first")
    assert any(rows(scenes, "relabelled"))


def test_a_store_of_an_earlier_version_serves_the_published_method_alone(
    scenes: fo.Dataset, store: ProposalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, counting = bank_of(scenes), Counting(colour_models())

    def without_stability(proposals: Proposals) -> bytes:
        return written(dataclasses.replace(proposals, stability=None))

    written = proposal_store._bytes_of
    with monkeypatch.context() as earlier:
        earlier.setattr(proposal_store, "_bytes_of", without_stability)
        segment(scenes, bank, "first", models=counting.models, store=store)
    assert relabel(scenes, bank, "paper", store=store).written == 5
    report = relabel(scenes, bank, "best", store=store, mode="best")
    assert report.written == 0 and len(report.failures) == 5
    assert all("did not keep what this mode needs" in text for text in report.failures.values())
    # `segment` proposes anew, and what it keeps serves both.
    segment(scenes, bank, "best", models=counting.models, store=store, mode="best")
    assert counting.embedded == 10
    assert relabel(scenes, bank, "again", store=store, mode="best").written == 5
    assert rows(scenes, "again") == rows(scenes, "best") != [[]] * 5


def test_relabel_reads_no_pixels(
    scenes: fo.Dataset, store: ProposalStore, monkeypatch: Any
) -> None:
    bank = bank_of(scenes)
    segment(scenes, bank, "first", models=colour_models(), store=store)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)  # a PNG's header may be read
    assert relabel(scenes, bank, "relabelled", store=store).written == 5


def test_images_never_segmented_are_reported(scenes: fo.Dataset, store: ProposalStore) -> None:
    bank = bank_of(scenes)
    segment(scenes[:3], bank, "first", models=colour_models(), store=store)
    report = relabel(scenes, bank, "relabelled", store=store)
    assert report.written == 3
    assert set(report.failures) == set(scenes[3:].values("id"))
    assert all("Run `segment` on it once" in reason for reason in report.failures.values())


def test_several_processes_find_what_one_does(
    scenes: fo.Dataset, store: ProposalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = bank_of(scenes)
    segment(scenes[:4], bank, "first", models=colour_models(), store=store)
    one = relabel(scenes, bank, "one", store=store)
    monkeypatch.setattr(stored_matching, "MIN_IMAGES_PER_PROCESS", 1)
    monkeypatch.setattr(stored_matching, "BATCH", 2)
    used = []
    spread = stored_matching.spread

    def noting(task: Any, pieces: Any, workers: int) -> Any:
        used.append(workers)
        return spread(task, pieces, workers)

    monkeypatch.setattr(stored_matching, "spread", noting)
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    several = relabel(scenes, bank, "several", store=store)
    assert used == [2]
    assert rows(scenes[:4], "several") == rows(scenes[:4], "one")
    assert several.failures == one.failures
    assert "Run `segment` on it once" in one.failures[scenes.last().id]


def test_an_edited_image_is_not_mistaken(scenes: fo.Dataset, store: ProposalStore) -> None:
    bank = bank_of(scenes)
    segment(scenes, bank, "first", models=colour_models(), store=store)
    first, second = scenes.values("filepath")[:2]
    Path(first).write_bytes(Path(second).read_bytes())
    relabel(scenes, bank, "relabelled", store=store)
    found = rows(scenes, "relabelled")
    assert found[0] == found[1] == rows(scenes, "first")[1]


def test_segment_finishes_what_relabel_began(scenes: fo.Dataset, store: ProposalStore) -> None:
    bank = bank_of(scenes)
    segment(scenes[:2], bank, "first", models=colour_models(), store=store)
    assert relabel(scenes, bank, "both", store=store).written == 2
    report = segment(scenes, bank, "both", models=colour_models(), store=store)
    assert (report.written, report.skipped) == (3, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"store": False}, "relabelling needs a store of proposals"),
        ({"points_per_side": 7}, "7 points per side. Run `segment`"),
        ({"mode": "swift"}, "mode 'swift' is unknown"),
        ({"label_field": "ground_truth"}, "already holds"),
    ],
)
def test_what_does_not_fit(
    scenes: fo.Dataset, store: ProposalStore, arguments: dict[str, Any], message: str
) -> None:
    bank = bank_of(scenes)
    segment(scenes, bank, "first", models=colour_models(), store=store)
    with pytest.raises(InputError, match=message):
        relabel(scenes, bank, **{"store": store, **arguments})
    with pytest.raises(InputError, match="holds no proposals with the encoder"):
        relabel(scenes, bank, store=store.folder / "elsewhere")


def test_a_full_disk_costs_no_work(
    scenes: fo.Dataset, store: ProposalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: Any) -> None:
        raise StoreError("No space left on device")

    monkeypatch.setattr(ProposalStore, "put", no_space)
    bank = bank_of(scenes)
    report = segment(scenes, bank, "first", models=colour_models(), store=store)
    assert report.written == 5
