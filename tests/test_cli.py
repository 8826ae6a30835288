"""The command: help without torch, exit statuses, messages, and its flows with the toy models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fiftyone_ntt
import fiftyone_ntt.models.loading
from fiftyone_ntt.cli import main
from fiftyone_ntt.core.adaptive import propose_adaptively
from fiftyone_ntt.store.proposal_store import ProposalStore
from tests import shapes
from tests.coco.files import annotation, content, rectangle, write, write_images
from tests.core.toy_models import toy_models
from tests.store.test_proposal_store import SETUP
from tests.store.test_proposal_store import example as proposals_of_an_image

COMMANDS = [
    *("demo", "build", "segment", "evaluate", "import", "import-coco", "export-coco"),
    *("models", "install-plugin", "benchmark", "ablate"),
]
ROOT = Path(fiftyone_ntt.__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with images, refs.json and targets.json; the named models are toys."""

    def load(name: str = "paper", **_: Any) -> Any:
        return toy_models()

    monkeypatch.setattr("fiftyone_ntt.models.loading.load_models", load)
    named = fiftyone_ntt.models.loading.load_segmenter

    def load_segmenter(spec: str, *given: Any, **options: Any) -> Any:
        paper = spec == "sam2-hiera-large"
        return toy_models().segmenter if paper else named(spec, *given, **options)

    monkeypatch.setattr("fiftyone_ntt.models.loading.load_segmenter", load_segmenter)
    write_images(tmp_path / "images", [1, 2, 5])
    rows = [
        annotation(1, 1, 7, **rectangle(5, 5, 20, 15)),
        annotation(2, 2, 3, **rectangle(20, 10, 25, 20)),
    ]
    write(tmp_path / "refs.json", content([1, 2], rows))
    write(tmp_path / "targets.json", content([1, 2, 5]))
    return tmp_path


def build(folder: Path, *more: str) -> list[str]:
    common = ["build", "--images", str(folder / "images"), "--references"]
    return [*common, str(folder / "refs.json"), "--output", str(folder / "bank"), *more]


def segment(folder: Path, *more: str, source: str = "references") -> list[str]:
    file = {"references": "refs.json", "bank": "bank"}[source]
    return [
        *("segment", "--images", str(folder / "images"), f"--{source}", str(folder / file)),
        *("--targets", str(folder / "targets.json"), "--points-per-side", "5"),
        *("--output", str(folder / "results.json"), *more),
    ]


def assert_refused(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    """Status 2, and one line on stderr that says `message`."""
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("fiftyone-ntt: ")
    assert message in output.err
    assert "Traceback" not in output.err


@pytest.mark.slow
def test_help_needs_neither_torch_nor_fiftyone() -> None:
    program = f"""
import sys
from fiftyone_ntt.cli import main
for command in {COMMANDS!r} + [None]:
    try:
        main([command, "--help"] if command else ["--help"])
    except SystemExit as end:
        assert end.code == 0
heavy = {{"torch", "fiftyone", "transformers", "numpy", "PIL", "pycocotools"}} & set(sys.modules)
sys.exit(f"imported {{heavy}}" if heavy else 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=shapes.plain_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for command in COMMANDS:
        assert f"usage: fiftyone-ntt {command}" in done.stdout


@pytest.mark.slow
def test_a_users_error_in_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fiftyone_ntt.cli", "evaluate"]
    command += ["--results", str(tmp_path / "none.json"), "--targets", str(tmp_path / "none.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("fiftyone-ntt: ")
    assert len(done.stderr.splitlines()) == 1


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.strip() == fiftyone_ntt.__version__


@pytest.mark.parametrize("arguments", [["nonsense"], ["segment"], ["build", "--output", "x"]])
def test_incomplete_commands_show_their_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: fiftyone-ntt" in capsys.readouterr().err


def test_build_then_segment_equals_segment(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(segment(folder)) == 0
    direct = (folder / "results.json").read_bytes()
    assert f"{folder / 'results.json'}: {len(json.loads(direct))} instances in 3 of 3 images" in (
        capsys.readouterr().out
    )
    assert main(build(folder)) == 0
    assert "boat x 1, bird x 1" in capsys.readouterr().out
    assert main(segment(folder, source="bank")) == 0
    assert (folder / "results.json").read_bytes() == direct
    assert len(json.loads(direct)) > 0


def test_workers_that_cannot_be_had_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(capsys, segment(folder, "--workers", "0"), "workers is 0")
    assert main(build(folder)) == 0
    capsys.readouterr()
    arguments = segment(folder, "--workers", "2", source="bank")
    assert_refused(capsys, arguments, "were not loaded by name, folder or file")


def without_targets(folder: Path, *more: str) -> list[str]:
    return [part for part in segment(folder, *more) if "targets" not in part]


def test_a_folder_is_enough(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "images" / "notes.txt").touch()
    assert main(without_targets(folder)) == 0
    output = capsys.readouterr()
    assert "instances in 3 of 3 images" in output.out
    assert f"{folder / 'results.images.json'}: the images and their ids" in output.out
    assert "files that are no images, left aside: 1 (1 .txt)" in output.err
    found = json.loads((folder / "results.json").read_text())
    assert {row["image_id"] for row in found} == {1, 3}  # on image 2 nothing is found
    (folder / "images" / "image-5.png").write_bytes(b"no image")
    assert main(without_targets(folder)) == 3
    assert "image-5.png cannot be read" in capsys.readouterr().err
    nothing = [part for part in without_targets(folder) if not part.endswith("images")]
    assert_refused(capsys, nothing, "nothing says which images to segment. Pass --images FOLDER")


def test_references_may_lie_elsewhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(segment(folder)) == 0
    expected = (folder / "results.json").read_bytes()
    (folder / "results.json").unlink()
    references = json.loads((folder / "refs.json").read_text())
    (folder / "shown").mkdir()
    for entry in references["images"]:
        image = (folder / "images" / entry["file_name"]).read_bytes()
        entry["file_name"] = f"reference-{entry['id']}.png"
        (folder / "shown" / entry["file_name"]).write_bytes(image)
    write(folder / "refs.json", references)
    assert main(segment(folder, "--reference-images", str(folder / "shown"))) == 0
    assert (folder / "results.json").read_bytes() == expected
    assert main(build(folder, "--images", str(folder / "shown"))) == 0
    capsys.readouterr()
    arguments = segment(folder, "--reference-images", str(folder / "shown"), source="bank")
    assert_refused(capsys, arguments, "--negatives and --reference-images go with --references")


def test_pictures_while_it_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = folder / "pictures"
    options = ("--pictures", str(pictures), "--picture-threshold", "0.1", "--every", "2")
    assert main(segment(folder, *options)) == 0
    assert f"{pictures / 'index.html'}: the pictures" in capsys.readouterr().out
    found = {path.name for path in pictures.glob("*.png")}
    assert found == {"image-1.png.png", "image-5.png.png"}
    assert "of at least 0.1 on 2 images" in (pictures / "index.html").read_text()
    for mode, threshold in (("paper", "0.4"), ("best", "0.25")):
        assert main(segment(folder, "--mode", mode, "--pictures", str(pictures))) == 0
        assert f"of at least {threshold} on 3" in (pictures / "index.html").read_text()
    assert main(without_targets(folder, "--pictures", str(folder / "images" / "out"))) == 0
    assert main(without_targets(folder)) == 0  # pictures among the images are none
    assert capsys.readouterr().out.count("in 3 of 3 images") == 4


def test_the_mode_reaches_the_pipeline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []

    def counting(*arguments: Any, **options: Any) -> Any:
        searched.append(arguments)
        return propose_adaptively(*arguments, **options)

    monkeypatch.setattr("fiftyone_ntt.core.pipeline.propose_adaptively", counting)
    assert main(segment(folder)) == 0
    assert not searched
    assert main(segment(folder, "--mode", "adaptive")) == 0
    assert len(searched) == 3


def test_the_bit_depth_reaches_references_and_targets(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in (1, 2, 5):
        gray = np.full((40, 60), 900, np.uint16)
        Image.fromarray(gray).save(folder / "images" / f"image-{key}.png")
    told = "read as of one bit depth: 1 ({})"
    sheet = ("--sheet", str(folder / "sheet.png"))
    assert main(build(folder, "--bit-depth", "12", *sheet)) == 0
    assert told.format("12 bits") in capsys.readouterr().err
    assert main(segment(folder, "--bit-depth", "14")) == 0
    assert capsys.readouterr().err.count(told.format("14 bits")) == 2
    assert main(segment(folder)) == 0
    assert capsys.readouterr().err.count(told.format("10 bits, which the widest needs")) == 2
    assert main(build(folder, "--bit-depth", "8")) == 2
    assert "set the bit depth to 10" in capsys.readouterr().err


def test_the_references_of_a_bank_are_drawn(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(build(folder, "--sheet", str(folder / "sheet.png"))) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(folder / "sheet.png")
    assert (folder / "sheet.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("what", ["another's file", "a folder", "a device", "a missing folder"])
def test_outputs_are_looked_at_before_models_are_loaded(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    device: Path,
) -> None:
    def load(*_: Any, **__: Any) -> Any:
        raise AssertionError("models were loaded")

    monkeypatch.setattr("fiftyone_ntt.models.loading.load_models", load)
    mine = folder / "mine"
    mine.write_text("mine")
    path, message = {
        "another's file": (mine, "that fiftyone-ntt wrote, so it is not replaced. Move it"),
        "a folder": (folder / "images", "is a folder. Pass the path of a file"),
        "a device": (device, "is a device, a pipe or a socket"),
        "a missing folder": (folder / "typo" / "file", f"no folder {folder / 'typo'}. Make it"),
    }[what]
    for command in (build(folder), segment(folder)):
        assert_refused(capsys, [*command, "--output", str(path)], message)
    assert_refused(capsys, build(folder, "--sheet", str(path)), message)
    assert mine.read_text() == "mine"
    assert not (folder / "typo").exists()


def test_the_store_command_deletes_proposals_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ProposalStore(folder / "store")
    store.put(SETUP, "ab" * 16, proposals_of_an_image())
    (proposals,) = store.folder.glob("*/*/*.safetensors")
    assert main(build(folder)) == 0
    others = [store.folder / "bank", proposals.parents[1] / "bank.safetensors"]
    others += [proposals.with_name(f"{'abcd' * 8}.safetensors")]
    for path in others:
        path.write_bytes((folder / "bank").read_bytes())
        os.utime(path, (1, 1))
    capsys.readouterr()

    for action in ("verify", "prune"):
        assert main(["store", action, "--folder", str(store.folder), "--limit-gb", "0"]) == 0
    ended = f"{store.folder}: 0 files deleted\n{store.folder}: 1 files deleted\n"
    assert capsys.readouterr().out == ended
    assert not proposals.exists() and all(path.exists() for path in others)
    for action in ("info", "verify", "prune"):
        refused = ["store", action, "--folder", str(folder)]
        assert_refused(capsys, refused, f"there is no proposal store in {folder}")
    assert (folder / "bank").exists()


def test_negatives_change_the_results_and_belong_to_the_bank(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    negatives = ("--negatives", str(folder / "negs.json"))
    assert main(segment(folder)) == 0
    plain = (folder / "results.json").read_bytes()
    write(folder / "negs.json", content([1, 2, 5], json.loads(plain)))
    assert main(segment(folder, *negatives)) == 0
    lowered = (folder / "results.json").read_bytes()
    assert lowered != plain
    assert main(build(folder, *negatives)) == 0
    assert main(segment(folder, source="bank")) == 0
    assert (folder / "results.json").read_bytes() == lowered
    capsys.readouterr()
    assert_refused(capsys, segment(folder, *negatives, source="bank"), "--reference-images go with")


def test_evaluating_the_results(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(segment(folder)) == 0
    write(folder / "truth.json", content([1, 2, 5], json.loads(refs(folder))["annotations"]))
    capsys.readouterr()
    command = ["evaluate", "--results", str(folder / "results.json")]
    assert main([*command, "--targets", str(folder / "truth.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["AP", "masks", "boxes"]
    found = summary_of(capsys, [*command, "--targets", str(folder / "truth.json")])
    assert f"{found['masks']['AP']:.3f}" == lines[1].split()[1]
    assert set(found["class_boxes"]) == {"bird", "boat"}
    assert_refused(capsys, [*command, "--targets", str(folder / "targets.json")], "no annotations")


def test_evaluating_against_labels_of_other_formats(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same truth as polygons of VIA, whose files state no sizes: equal figures, by pixels."""
    corners = {1: (5, 5, 20, 15), 2: (20, 10, 25, 20)}
    regions = {
        f"image-{key}.png": {
            "filename": f"image-{key}.png",
            "size": 9,
            "file_attributes": {},
            "regions": [
                {
                    "shape_attributes": {
                        "name": "polygon",
                        "all_points_x": [x, x + width, x + width, x],
                        "all_points_y": [y, y, y + height, y + height],
                    },
                    "region_attributes": {"kind": "boat", "hull": "wood"},
                }
            ],
        }
        for key, (x, y, width, height) in corners.items()
    }
    write(folder / "via.json", regions)
    rows = [
        {"image_id": key, "category_id": 1, "score": 0.5, **rectangle(*corners[key])}
        for key in corners
    ]
    write(folder / "found.json", rows)
    command = ["evaluate", "--results", str(folder / "found.json"), "--targets"]
    command += [str(folder / "via.json"), "--images", str(folder / "images")]
    assert_refused(capsys, command, "Pass the one that is as class_attribute= (--class-attribute)")
    assert main([*command, "--class-attribute", "kind"]) == 0
    _, masks, boxes = capsys.readouterr().out.splitlines()
    assert masks.split()[:2] == ["masks", "1.000"] and boxes.split()[:2] == ["boxes", "1.000"]
    assert_refused(capsys, [*command, "--format", "cvat"], "holds no XML files of CVAT's")


def test_building_from_what_could_be_of_two_formats(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refs = folder / "images" / "refs.json"
    write(refs, content([1, 2], [annotation(1, 1, 7, **rectangle(5, 5, 20, 15))]))
    Image.new("L", (60, 40), 1).save(folder / "images" / "image-2_mask.png")
    command = ["build", "--references", str(folder / "images"), "--output", str(folder / "bank")]
    assert_refused(capsys, command, "could be of 2 formats: 'coco'")
    assert main([*command, "--format", "masks", "--class-name", "boat"]) == 0
    assert capsys.readouterr().out.endswith("bank: boat x 1\n")


def refs(folder: Path) -> str:
    return (folder / "refs.json").read_text()


def test_images_that_fail_give_status_3(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "images" / "image-5.png").write_bytes(b"no image")
    assert main(segment(folder)) == 3
    output = capsys.readouterr()
    assert "in 2 of 3 images" in output.out
    assert "fiftyone-ntt: skipped image" in output.err
    assert "image-5.png cannot be read" in output.err
    assert "run the same command to try these images alone" in output.err


def dot(x: float, y: float) -> list[float]:
    """A polygon of one pixel."""
    return [x, y, x + 1, y, x + 1, y + 1, x, y + 1]


def summary_of(capsys: pytest.CaptureFixture[str], arguments: list[str], status: int = 0) -> Any:
    """What a command with `--json` prints on stdout, which is JSON alone."""
    capsys.readouterr()
    assert main([*arguments, "--json"]) == status
    found = json.loads(capsys.readouterr().out)
    assert (found["command"], found["status"]) == (arguments[0], status)
    assert {"settings", "versions", "seconds", "peak_memory_mb"} <= set(found)
    return found


def relabel(folder: Path, output: str, *more: str) -> list[str]:
    return [
        *("relabel", "--images", str(folder / "images"), "--bank", str(folder / "bank")),
        *("--targets", str(folder / "targets.json"), "--points-per-side", "5"),
        *("--store", str(folder / "store"), "--output", str(folder / output), *more),
    ]


def test_segment_keeps_proposals_that_relabel_matches(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(build(folder)) == 0
    found = summary_of(capsys, build(folder))
    assert found["counts"]["references"] == {"boat": 1, "bird": 1}
    kept = ("--store", str(folder / "store"))
    found = summary_of(capsys, segment(folder, *kept, source="bank"))
    counts = found["counts"]
    assert (counts["images"], counts["done"], counts["not_run"]) == (3, 3, 0)
    assert found["seconds"]["all"] >= found["seconds"]["images"] > 0
    again = ("--mode", "best", "--confidence-threshold", "0.2")
    assert main(segment(folder, *kept, *again, source="bank")) == 0
    assert "3 of them did not have to be run: their proposals" in capsys.readouterr().out
    found = summary_of(capsys, relabel(folder, "relabelled.json", *again))
    assert (found["counts"]["not_run"], found["failures"]) == (3, {})
    fresh = ("--store", str(folder / "fresh"), *again)
    assert main(segment(folder, *fresh, source="bank")) == 0
    assert (folder / "relabelled.json").read_bytes() == (folder / "results.json").read_bytes()
    capsys.readouterr()
    refused = relabel(folder, "relabelled.json", "--points-per-side", "7")
    assert_refused(capsys, refused, "and 7 points per side. Run `segment`")
    assert_refused(capsys, relabel(folder, "o.json", "--mode", "adaptive"), "adaptive")
    assert_refused(capsys, segment(folder, *kept, "--mode", "adaptive"), "adaptive")


def test_relabel_goes_past_three_unreadable_images(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(build(folder)) == 0
    assert main(segment(folder, "--store", str(folder / "store"), source="bank")) == 0
    assert main(relabel(folder, "relabelled.json")) == 0
    whole = (folder / "relabelled.json").read_bytes()
    images = {path: path.read_bytes() for path in sorted((folder / "images").iterdir())[1:]}
    for path in images:
        path.write_bytes(b"no image")
    found = summary_of(capsys, relabel(folder, "relabelled.json"), 3)
    assert list(found["failures"]) == [path.name for path in images]
    for path, pixels in images.items():
        path.write_bytes(pixels)
    found = summary_of(capsys, relabel(folder, "relabelled.json"))
    assert (found["counts"]["resumed"], found["counts"]["not_run"]) == (1, 2)
    assert (folder / "relabelled.json").read_bytes() == whole


def test_a_summary_says_what_went_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = summary_of(capsys, segment(folder, "--mode", "fast"), 2)
    assert found["error"].startswith("mode 'fast' is unknown")


def test_boxes_to_masks_to_bank_to_pictures(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = json.loads(refs(folder))
    for row in boxes["annotations"]:
        del row["segmentation"]
    write(folder / "boxes.json", boxes)
    command = ["boxes-to-masks", str(folder / "boxes.json"), "--images", str(folder / "images")]
    command += ["--output", str(folder / "refs.json"), "--pictures", str(folder / "drawn")]
    assert_refused(capsys, command, "refs.json is no COCO file that fiftyone-ntt wrote")
    (folder / "refs.json").unlink()
    found = summary_of(capsys, command)
    assert found["counts"] == {"images": 2, "resumed": 0, "annotations": 2, "masks_made": 2}
    assert set(found["agreement"]) == {"bird", "boat"}
    made = json.loads(refs(folder))
    plain = [{k: v for k, v in row.items() if k != "segmentation"} for row in made["annotations"]]
    assert plain == boxes["annotations"]
    names = ["image-1.png.png", "image-2.png.png"]
    assert sorted(path.name for path in (folder / "drawn").iterdir()) == names

    assert main(build(folder)) == 0
    pictures = ["pictures", "--bank", str(folder / "bank"), "--images", str(folder / "images")]
    pictures += ["--references", str(folder / "refs.json"), "--output", str(folder / "seen")]
    found = summary_of(capsys, pictures)
    assert (found["counts"], found["failures"]) == ({"references": 2, "drawn": 2}, {})
    names = ["bird_1.png", "boat_2.png", "references.png"]
    assert sorted(path.name for path in (folder / "seen").iterdir()) == names
    made["annotations"].pop()
    write(folder / "fewer.json", made)
    found = summary_of(capsys, [*pictures, "--references", str(folder / "fewer.json")], 3)
    assert found["failures"] == {"2": "it is not among the labels (any more)"}
    (folder / "seen" / "bird_1.png").write_bytes(b"mine")
    assert_refused(capsys, pictures, "bird_1.png is no picture of a reference that fiftyone-ntt")


def test_the_segmenter_alone_is_loaded_for_boxes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["boxes-to-masks", str(folder / "refs.json"), "--images", str(folder / "images")]
    command += ["--output", str(folder / "masks.json")]
    assert_refused(capsys, [*command, "--models", "smal"], "did you mean 'small'?")
    assert_refused(capsys, [*command, "--segmenter", "dinov2-base"], "is an encoder, not a")


def test_notes_of_references_are_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        annotation(4, 1, 7, bbox=[0, 0, 60, 40], segmentation=[dot(2, 2), dot(58, 38)]),
        annotation(5, 2, 3, **rectangle(20, 10, 25, 20)),
    ]
    write(folder / "refs.json", content([1, 2], rows))
    assert main(build(folder)) == 0
    assert "fiftyone-ntt: reference 4 is smaller than a patch" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more, message",
    [
        (["--mode", "fast"], "mode 'fast' is unknown. Use one of: 'paper'"),
        (["--points-per-side", "0"], "points_per_side is 0"),
        (["--points-per-side", "-4"], "points_per_side is -4"),
        (["--confidence-threshold", "50"], "confidence_threshold is 50.0"),
        (["--confidence-threshold", "nan"], "confidence_threshold is nan"),
        (["--targets", "none.json"], "none.json: no such file"),
        (["--every", "2"], "--every says which pictures are drawn. Pass --pictures FOLDER too"),
        (["--picture-threshold", "0.2"], "--picture-threshold says which pictures are drawn"),
        (["--pictures", "x/y"], "there is no folder"),
        (["--bit-depth", "9"], "the bit depth is 9: use one of 8, 10, 12, 14, 16, 32"),
        (["--bank", "bank"], "either --references FILE or --bank FILE, and not both"),
        (["--output", "."], "is a folder"),
    ],
)
def test_wrong_options_of_segment(
    folder: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(capsys, segment(folder, *more), message)
    assert not (folder / "results.json").exists()


def test_neither_references_nor_bank(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["segment", "--images", str(folder), "--targets", "t.json", "--output", "o.json"]
    assert_refused(capsys, command, "either --references FILE or --bank FILE, and not both")


def test_options_are_checked_before_models_are_loaded(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: Any, **__: Any) -> Any:
        raise AssertionError("models were loaded")

    monkeypatch.setattr("fiftyone_ntt.models.loading.load_models", load)
    for more in (["--bank", "x"], ["--mode", "x"], ["--points-per-side", "0"]):
        assert main(segment(folder, *more)) == 2
    assert main(segment(folder, source="bank")) == 2  # there is no such bank
    assert "bank: no such file" in capsys.readouterr().err


def test_points_per_side_is_a_whole_number(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(segment(folder, "--points-per-side", "many"))
    assert end.value.code == 2
    assert "invalid int value: 'many'" in capsys.readouterr().err


def test_a_damaged_bank(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(build(folder)) == 0
    capsys.readouterr()
    content_of_bank = bytearray((folder / "bank").read_bytes())
    content_of_bank[-3] ^= 4
    (folder / "bank").write_bytes(content_of_bank)
    assert_refused(capsys, segment(folder, source="bank"), "is corrupt: its checksum")


def test_a_bank_that_cannot_be_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(capsys, build(folder, "--output", str(folder)), "is a folder")
    below_a_file = str(folder / "refs.json" / "bank")
    assert_refused(capsys, build(folder, "--output", below_a_file), "cannot be written")


def test_an_interrupted_run_says_how_to_go_on(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("fiftyone_ntt.coco.labelling.segment_folder", interrupt)
    assert main(segment(folder)) == 130
    assert "run the same command to go on" in capsys.readouterr().err


def test_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    assert "paper" in capsys.readouterr().out


def test_an_unknown_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from fiftyone_ntt.models.loading import load_encoder

    with pytest.raises(fiftyone_ntt.NttError):
        load_encoder("nothing-of-that-name")


def test_labels_of_another_format(
    folder: Path, dataset: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """YOLO's are references, list the targets, and become a dataset; images lie beside them."""
    from PIL import Image

    names = sorted(path.name for path in (folder / "images").iterdir())
    lines = []
    for name in names:
        with Image.open(folder / "images" / name) as image:
            corners = [(5, 5), (25, 5), (25, 20), (5, 20)]
            shares = [f"{x / image.width:.6g} {y / image.height:.6g}" for x, y in corners]
        lines.append(f"{len(lines) % 2} {' '.join(shares)}")
    (folder / "labels").mkdir()
    for name, line in zip(names, lines, strict=True):
        (folder / "labels" / f"{Path(name).stem}.txt").write_text(line)
    data = folder / "data.yaml"
    data.write_text("names: [boat, buoy]\ntrain: images\n")
    bank, results = str(folder / "yolo.safetensors"), folder / "yolo.json"
    assert main(["build", "--references", str(data), "--output", bank]) == 0
    assert "boat x 2, buoy x 1" in capsys.readouterr().out
    options = ["--targets", str(data), "--output", str(results), "--points-per-side", "4"]
    assert main(["segment", "--bank", bank, *options]) == 0
    found = json.loads(results.read_text())
    assert {row["image_id"] for row in found} <= {f"images/{name}" for name in names}
    capsys.readouterr()
    chosen = f"{dataset.name}-yolo"
    assert_refused(
        capsys, ["import", str(folder / "images"), "--dataset", chosen], "3 images and no labels"
    )
    try:
        assert main(["import", str(data), "--dataset", chosen]) == 0
    finally:
        import fiftyone as fo

        if fo.dataset_exists(chosen):
            fo.delete_dataset(chosen)
    out = capsys.readouterr().out
    assert "read as yolo: data.yaml names classes" in out
    assert f"ground_truth: 3 annotations of 3 images in '{chosen}'" in out


def test_coco_in_and_out(folder: Path, dataset: Any, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"{dataset.name}-coco"
    data = json.loads((folder / "refs.json").read_text())
    data["annotations"].append({**data["annotations"][0], "id": 9, "category_id": 8})
    write(folder / "refs.json", data)
    images, annotations = str(folder / "images"), str(folder / "refs.json")
    options = ["import-coco", "--images", images, "--annotations", annotations, "--dataset", name]
    assert_refused(capsys, options, "annotation 9 is of category 8")
    assert_refused(
        capsys,
        ["export-coco", "--dataset", name, "--output", str(folder / "out.json")],
        f"there is no dataset '{name}'",
    )
    assert main([*options, "--skip-errors"]) == 0
    assert "left out 1: unknown category 1" in capsys.readouterr().out
    out = folder / "out.json"
    try:
        assert main(["export-coco", "--dataset", name, "--output", str(out)]) == 0
    finally:
        import fiftyone as fo

        fo.delete_dataset(name)
    assert capsys.readouterr().out.endswith(f"{out}: 2 instances of 2 images\n")
    rows = json.loads(out.read_text())["annotations"]
    assert [row["id"] for row in rows] == [1, 2]
    assert [row["bbox"] for row in rows] == [[5, 5, 20, 15], [20, 10, 25, 20]]


@pytest.mark.parametrize("limit", ["nan", "inf", "-1"])
def test_a_limit_that_is_no_size_is_refused(limit, tmp_path, capsys):
    assert main(["store", "prune", "--folder", str(tmp_path), f"--limit-gb={limit}"]) == 2
    assert "--limit-gb is" in capsys.readouterr().err
