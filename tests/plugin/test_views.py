"""Every form, and the panels, on the kinds of dataset and view that people have open."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import fiftyone as fo
import pytest
from fiftyone import ViewField as F
from fiftyone.operators.executor import ExecutionContext, Executor

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.parts import OPERATORS
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes
from tests.plugin.events import event, state_of
from tests.plugin.forms import open_form, problems

NAMES = [operator.NAME for operator in OPERATORS]
ANSWERS: dict[str, list[dict[str, Any]]] = {
    "sample_references": [{}, {"strategy": "diverse"}],
    "add_negatives": [{"action": action} for action in ("mine", "tagged", "background")],
    "build_memory_bank": [{"name": "x"}, *({"source": s} for s in ("view", "selected_samples"))],
    "calibrate_memory_bank": [{"learn_from": way} for way in ("references", "labels")],
    "visualize_memory_bank": [{}, {"draw": True}],
    "manage_memory_banks": [
        {"action": action}
        for action in ("rename", "merge", "export", "import", "remove_negatives", "delete")
    ],
}
"""Beside the empty form and the one with everything to be seen."""
OF_SELECTION = ("tag_references", "build_memory_bank", "segment_with_memory_bank")
"""Forms that ask what is selected."""
PYTHON = re.compile(
    r"\w+ ?= ?(True|False|None|\.\.\.|['\"\d])"  # an argument
    r"|\bNone holds\b|\bof None\b|\bNoneType\b|\bTraceback\b|Error\b"
    r"|[a-z_]\("  # a call
    r"|`(?!pip install)"  # code
    r"|\b(ntt|fo|foc|MemoryBank|dataset|view)\.\w"
)


KINDS: dict[str, Callable[[Any], Any]] = {
    "empty": lambda _: fo.Dataset(),
    "unlabelled": lambda base: _unlabelled(base.clone()),
    "flat": lambda base: base.clone(),
    "grouped": lambda base: _grouped(base),  # noqa: PLW0108 - defined below
    "video": lambda _: _video(),
    "frames view": lambda _: _video().to_frames(),
    "patches view": lambda base: base.clone().to_patches("predictions"),
    "patches of truth": lambda base: base.clone().to_patches("ground_truth"),
    "evaluation patches": lambda base: _evaluation_patches(base.clone()),
    "one field": lambda base: base.clone().select_fields("predictions"),
    "filtered": lambda base: base.clone().filter_labels("ground_truth", F("label") == "red"),
    "nothing shown": lambda base: base.clone().match(F("filepath") == "no"),
    "groups by a field": lambda base: base.clone().group_by("filepath"),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fo.Dataset]:
    """Three scenes with truth, references, a bank and predictions, for the kinds to be made of."""
    dataset = fo.Dataset()
    add_scenes(dataset, tmp_path_factory.mktemp("scenes"), 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "fiftyone_ntt.dataset.work.model_resolution.load_models",
            lambda *_, **__: replace(
                colour_models("demo"), encoder_spec="demo", segmenter_spec="demo"
            ),
        )
        patch.setenv("FIFTYONE_NTT_PROPOSALS", str(tmp_path_factory.mktemp("proposals")))
        _add_all(dataset)
        yield dataset
    dataset.delete()


def _add_all(dataset: fo.Dataset) -> None:
    images: Any = dataset
    if dataset.media_type == "group":
        images = dataset.select_group_slices(media_type="image")
    ntt.tag_references(images[:1], "ground_truth")
    ntt.build_memory_bank(
        images, "ground_truth", label_tags="reference", models="demo", name="colours"
    )
    ntt.segment(images, "colours", points_per_side=8)


def _unlabelled(dataset: fo.Dataset) -> fo.Dataset:
    dataset.delete_sample_fields(["ground_truth", "predictions"])
    for key in dataset.list_runs():
        dataset.delete_run(key)
    return dataset


def _grouped(base: fo.Dataset) -> fo.Dataset:
    dataset = fo.Dataset()
    dataset.add_group_field("group", default="left")
    group = fo.Group()
    for name, sample in zip(("left", "right"), base, strict=False):
        truth = sample.ground_truth.copy()
        there = {"filepath": sample.filepath, "ground_truth": truth, "group": group.element(name)}
        dataset.add_sample(fo.Sample(**there))
    _add_all(dataset)
    return dataset


def _video() -> fo.Dataset:
    dataset = fo.Dataset()
    dataset.media_type = "video"
    sample = fo.Sample(filepath="/no/video.mp4")
    box = fo.Detection(label="red", bounding_box=[0, 0, 1, 1])
    sample.frames[1] = fo.Frame(filepath="/no/1.jpg", truth=fo.Detections(detections=[box]))
    sample.metadata = fo.VideoMetadata(total_frame_count=1)
    dataset.add_sample(sample)
    return dataset


def _evaluation_patches(dataset: fo.Dataset) -> Any:
    ntt.evaluate(dataset, "predictions", "ground_truth", eval_key="e", iou="boxes")
    return dataset.to_evaluation_patches("e_boxes")


@pytest.fixture(scope="module")
def opened(base: fo.Dataset) -> Iterator[Callable[[str], Any]]:
    """A kind of view as the App sends it with every request, made once."""
    found: dict[str, Any] = {}

    def of(kind: str) -> Any:
        if kind not in found:
            found[kind] = _open(base, kind)
        return found[kind]

    yield of
    for entry in found.values():
        entry.dataset.delete()


@pytest.fixture
def fresh(base: fo.Dataset) -> Iterator[Callable[[str], Any]]:
    """Such a view, to be written to."""
    made = []

    def of(kind: str) -> Any:
        made.append(_open(base, kind))
        return made[-1]

    yield of
    for entry in made:
        entry.dataset.delete()


def _open(base: fo.Dataset, kind: str) -> Any:
    shown = KINDS[kind](base)
    dataset = shown if isinstance(shown, fo.Dataset) else shown._root_dataset
    view = None if shown is dataset else shown._serialize()
    first = shown.first() if len(shown) else None
    return SimpleNamespace(dataset=dataset, view=view, shown=shown, first=first)


SHOWN = ("label", "description", "error_message", "caption", "default")


def texts(node: Any) -> Iterator[str]:
    """What of a form or a panel people read."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in SHOWN and isinstance(value, str):
                yield value
            else:
                yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)


def selections(opened: Any) -> Iterator[dict[str, Any]]:
    """Nothing, the first sample, and its first label."""
    yield {}
    if opened.first is None:
        return
    yield {"selected": [opened.first.id]}
    for field, value in opened.first.iter_fields():
        label = value.detections[:1] if isinstance(value, fo.Detections) else [value]
        if label and isinstance(label[0], fo.Detection):
            row = {"label_id": label[0].id, "sample_id": opened.first.id, "field": field}
            yield {"selected_labels": [row]}
            return


@pytest.mark.parametrize("kind", KINDS)
def test_forms_and_panels_open_and_speak_no_python(uri: Any, opened: Any, kind: str) -> None:
    there, faults = opened(kind), []
    for selection in selections(there):
        request = {"view": there.view, "prompt_id": uuid4().hex, **selection}
        for name in OF_SELECTION if selection else NAMES:
            for params in [{}, *ANSWERS.get(name, [])]:
                try:
                    fields = open_form(name, there.dataset, params, **request)
                except Exception as error:
                    faults.append(f"{name} {params} {list(selection)}: {error!r}")
                    continue
                told = [text for field in fields.values() for text in texts(field.to_json())]
                faults += [f"{name} {params}: {text}" for text in told if PYTHON.search(text)]
    assert not faults, "\n".join(sorted(set(faults)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_panels_events_on_the_server(uri: Any, opened: Any, kind: str) -> None:
    there, faults = opened(kind), []
    state = state_of(event(uri, there.dataset, "on_load", view=there.view))
    events: list[tuple[str, dict[str, Any]]] = [("on_load", {}), ("render", {})]
    if state.get("fields"):
        events += [("choose_predictions", {"value": "predictions"}), ("slide", {"value": 0.4})]
    found = places(there.dataset)
    events += [("click", {"id": place}) for place in found]
    events += [("lasso", {"data": [{"id": place} for place in found]})] if found else []
    for method, params in events:
        try:
            messages = event(uri, there.dataset, method, state, there.view, **params)
        except Exception as error:
            faults.append(f"{method} {params}: {error!r}")
            continue
        state |= state_of(messages)
        faults += [f"{method}: {text}" for text in said(messages) if PYTHON.search(text)]
    assert not faults, "\n".join(faults)


def said(messages: list[tuple[str, dict]]) -> Iterator[str]:
    """What of a panel's messages people read."""
    for _, given in messages:
        shown = {**given, **(given.get("data") or {}), **(given.get("state") or {})}
        yield from (value for value in shown.values() if isinstance(value, str))
        yield from texts(given.get("schema"))


def places(dataset: fo.Dataset) -> list[str]:
    """Where the references are, as the panel's plots send them."""
    if not ntt.list_memory_banks(dataset):
        return []
    bank = ntt.load_memory_bank(dataset, "colours")
    samples = dataset.select_group_slices(media_type="image") if dataset.group_field else dataset
    labels = samples.values("ground_truth.detections.id")
    found = dict(zip(samples.values("id"), labels, strict=True))
    return [
        f"{sample}/ground_truth/{label}"
        for sample, ids in found.items()
        for label in ids or []
        if label in " ".join(bank.references.ids)
    ]


def outcome(name: str, there: Any, params: dict[str, Any], **request: Any) -> Any:
    operator = next(operator for operator in OPERATORS if name == operator.NAME)()
    given = {"dataset_name": there.dataset.name, "params": params, "view": there.view, **request}
    found = operator.run(ExecutionContext(given, Executor()), lambda done, total: None)
    there.dataset.reload()
    return found


@pytest.mark.parametrize("kind", ["patches of truth", "evaluation patches"])
def test_selected_patches_are_tagged_and_built_from(fresh: Any, kind: str) -> None:
    there = fresh(kind)
    patch = there.shown.last()
    label = patch.ground_truth
    if isinstance(label, fo.Detections):
        (label,) = label.detections
    form = open_form("tag_references", there.dataset, view=there.view, selected=[patch.id])
    assert problems(form) == {} and form["label_field"].default == "ground_truth"
    assert form["counts"].view.label == "1 reference"

    request = {"selected": [patch.id]}
    done = outcome("tag_references", there, {"tag": "mine"}, **request)
    assert done.result["counts"] == {label.label: 1}
    tagged = there.dataset.select_labels(tags="mine", fields="ground_truth")
    assert tagged.values("ground_truth.detections.id", unwind=True) == [label.id]
    assert tagged.values("id") == [patch.sample_id]

    params = {"name": "one", "models": "demo", "source": "selected_samples"}
    outcome("build_memory_bank", there, params, **request)
    assert ntt.load_memory_bank(there.dataset, "one").class_counts() == {label.label: 1}

    row = {"label_id": label.id, "sample_id": patch.id, "field": "ground_truth"}
    params = {"name": "picked", "models": "demo", "source": "selected_labels"}
    outcome("build_memory_bank", there, params, selected_labels=[row])
    assert ntt.load_memory_bank(there.dataset, "picked").class_counts() == {label.label: 1}


def test_images_behind_patches_are_segmented_relabelled_and_evaluated(fresh: Any) -> None:
    there = fresh("patches view")
    one = there.shown.first().sample_id
    there.view = there.shown.select_by("sample_id", [one])._serialize()
    params = {"bank": "colours", "label_field": "again", "points_per_side": 8}
    done = outcome("segment_with_memory_bank", there, params)
    assert (done.result["images"], there.dataset.exists("again").values("id")) == (1, [one])
    params = {"bank": "colours", "label_field": "third", "grid": "8"}
    assert outcome("relabel_with_memory_bank", there, params).result["images"] == 1
    params = {"pred_field": "again", "iou": "boxes", "eval_key": "k"}
    assert outcome("evaluate_predictions", there, params).message.startswith("Evaluated 1 image")
    params = {"box_field": "ground_truth", "models": "demo"}
    assert outcome("boxes_to_masks", there, params).result["images"] == 1


@pytest.mark.parametrize("kind", ["one field", "groups by a field"])
def test_a_view_without_the_fields_is_worked_on_all_the_same(fresh: Any, kind: str) -> None:
    there = fresh(kind)
    params = {"bank": "colours", "label_field": "again", "points_per_side": 8}
    assert outcome("segment_with_memory_bank", there, params).result["images"] == 3
    params = {"pred_field": "again", "iou": "boxes", "eval_key": "k"}
    assert outcome("evaluate_predictions", there, params).message.startswith("Evaluated 3 images")
    params = {"name": "all", "models": "demo", "source": "view"}
    outcome("build_memory_bank", there, params)
    assert len(ntt.load_memory_bank(there.dataset, "all").references) == 9


def test_a_click_in_the_panel_shows_patches_where_the_grid_has_patches(
    uri: Any, fresh: Any
) -> None:
    there = fresh("patches of truth")
    place = places(there.dataset)[0]
    sample, _, label = place.split("/")
    shown = dict(event(uri, there.dataset, "click", view=there.view, id=place))
    assert shown["show_samples"]["samples"] == [label]
    predicted = there.dataset.to_patches("predictions")
    shown = dict(event(uri, there.dataset, "click", view=predicted._serialize(), id=place))
    expected = predicted.select_by("sample_id", [sample]).values("id")
    assert shown["show_samples"]["samples"] == expected != []
    elsewhere = there.dataset.exclude(sample)._serialize()
    shown = dict(event(uri, there.dataset, "click", view=elsewhere, id=place))
    assert "Reset it" in shown["notify"]["message"] and "show_samples" not in shown
