"""From the App, banks are exported to and imported from one folder of the server, and no other;
labels are read from that and from those that its owner lists."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fiftyone.operators as foo
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.exports import read_path
from tests.plugin.forms import open_form, problems
from tests.plugin.test_operators import messages
from tests.store.test_bank_file import example

Act = Callable[..., dict[str, Any]]


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    monkeypatch.setenv("FIFTYONE_NTT_EXPORTS", str(folder))
    return folder


@pytest.fixture
def act(uri: Any, dataset: Any, exports: Path) -> Act:
    """The operator, on a dataset with a bank."""
    ntt.save_memory_bank(dataset, example(3), "bank")
    operator = foo.get_operator(uri("manage_memory_banks"))
    return lambda action, **params: operator(dataset, action, bank="bank", **params)


def refusal(act: Act, action: str, path: str, **params: Any) -> str:
    """What is said instead of doing it, without the path."""
    with pytest.raises(ntt.NttError) as caught:
        act(action, path=path, new_name="back", **params)
    return str(caught.value).replace(repr(path), "PATH", 1)


def test_there_and_back(act: Act, exports: Path, dataset: Any) -> None:
    (exports / "sub").mkdir()
    for path in ("bank.safetensors", "sub/bank.safetensors"):
        assert act("export", path=path) == {"path": str(exports / path)}
        assert act("import", path=path, new_name="back")["name"] == "back"
        ntt.delete_memory_bank(dataset, "back")


def test_only_a_bank_is_replaced_and_only_on_request(act: Act, exports: Path, dataset: Any) -> None:
    act("export", path="bank")
    ntt.save_memory_bank(dataset, example(5), "bank", overwrite=True)
    assert "exists. Pass overwrite=True" in refusal(act, "export", "bank")
    assert len(ntt.MemoryBank.load(exports / "bank").negatives) == 3
    act("export", path="bank", overwrite=True)
    assert len(ntt.MemoryBank.load(exports / "bank").negatives) == 5
    weights = save({"layer": np.ones(3)})
    (exports / "weights").write_bytes(weights)
    assert "is no memory bank" in refusal(act, "export", "weights", overwrite=True)
    assert (exports / "weights").read_bytes() == weights


@pytest.fixture
def outside(tmp_path: Path, exports: Path) -> Path:
    """A folder with a bank in it, to which links in the exports folder lead."""
    folder = tmp_path / "outside"
    folder.mkdir()
    example(3).save(folder / "there")
    (exports / "link").symlink_to(folder)
    for name in ("there", "absent"):
        (exports / f"link to {name}").symlink_to(folder / name)
    return folder


@pytest.mark.parametrize("action", ["export", "import"])
@pytest.mark.parametrize(
    "path",
    [
        "{outside}/{name}",
        "../outside/{name}",
        "sub/../../outside/{name}",
        "link/{name}",
        "link to {name}",
        "{device}",
        "..",
        ".",
        "/",
        "bank\0",
        "bank\ud800",
    ],
)
def test_what_leads_elsewhere_is_refused_whether_it_is_there_or_not(
    act: Act, exports: Path, outside: Path, dataset: Any, device: Path, action: str, path: str
) -> None:
    (exports / "sub").mkdir()
    before = {path: path.read_bytes() for path in outside.iterdir()}
    answers = {
        refusal(act, action, path.format(outside=outside, name=name, device=device), overwrite=True)
        for name in ("there", "absent")
    }
    assert answers == {
        "PATH leads out of the exports folder. Pass the name of a file below it, without '..', as "
        "in 'bank.safetensors'."
    }
    assert {path: path.read_bytes() for path in outside.iterdir()} == before
    assert [bank.name for bank in ntt.list_memory_banks(dataset)] == ["bank"]


def test_what_is_no_bank_is_as_good_as_absent(act: Act, exports: Path) -> None:
    (exports / "secret.txt").write_text("secret")
    (exports / "weights").write_bytes(save({"layer": np.ones(3)}))
    (exports / "folder").mkdir()
    os.mkfifo(exports / "pipe")
    names = ("absent", "secret.txt", "weights", "folder", "pipe", "folder/absent", "none/absent")
    assert {refusal(act, "import", name) for name in names} == {
        f"the exports folder holds no memory bank PATH. Have its file put into {exports} on "
        "FiftyOne's server."
    }


def test_a_damaged_bank_is_told(act: Act, exports: Path) -> None:
    path = example(3).save(exports / "bank")
    path.write_bytes(path.read_bytes()[:-1])
    assert "is corrupt" in refusal(act, "import", "bank")


def test_folders_are_not_made_silently(act: Act, exports: Path) -> None:
    assert "has no folder typo" in refusal(act, "export", "typo/bank")
    assert os.listdir(exports) == []
    exports.rmdir()
    answer = refusal(act, "export", "bank")
    assert f"no exports folder {exports}, which FIFTYONE_NTT_EXPORTS names" in answer
    assert not exports.exists()


def test_the_default_folder(act: Act, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIFTYONE_NTT_EXPORTS")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert "no memory bank PATH" in refusal(act, "import", "bank")
    path = tmp_path / "home" / ".fiftyone-ntt" / "exports" / "bank"
    assert act("export", path="bank") == {"path": str(path)}
    assert len(ntt.MemoryBank.load(path).negatives) == 3


def test_what_the_form_says(act: Act, exports: Path, dataset: Any) -> None:
    def reason(action: str, path: str, **params: Any) -> str | None:
        given = {"action": action, "path": path, "bank": "bank", "new_name": "back", **params}
        return problems(open_form("manage_memory_banks", dataset, given)).get("path")

    shown = open_form("manage_memory_banks", dataset, {"action": "export"})["path"].view
    assert str(exports) in shown.description
    assert reason("export", "bank") is None
    assert reason("import", "bank").startswith("The exports folder holds no memory bank 'bank'")
    act("export", path="bank")
    assert reason("import", "bank") is None
    assert "exists" in reason("export", "bank")
    assert reason("export", "bank", overwrite=True) is None
    assert "has no folder typo" in reason("export", "typo/bank")
    for path in ("/etc/passwd", "/no/such/file"):
        for action in ("export", "import"):
            assert "leads out of the exports folder" in reason(action, path)


def test_labels_are_read_from_the_folders_that_the_owner_lists(
    exports: Path, outside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "listed"
    (listed / "set").mkdir(parents=True)
    (exports / "own.json").write_text("{}")
    with pytest.raises(ntt.NttError, match=f"may read: {exports}. .*FIFTYONE_NTT_IMPORTS"):
        read_path(str(listed / "set"))
    monkeypatch.setenv("FIFTYONE_NTT_IMPORTS", f"{listed}:{tmp_path / 'more'}")
    assert read_path("own.json") == exports / "own.json"
    assert read_path(str(exports / "own.json")) == exports / "own.json"
    assert read_path("set") == read_path(f"{listed}/set/") == listed / "set"
    assert read_path(str(listed)) == listed
    for name in (
        "{outside}/{name}",
        "../outside/{name}",
        "{exports}/link/{name}",
        "set/../../outside/{name}",
    ):
        answers = set()
        for last in ("there", "absent"):
            path = name.format(outside=outside, exports=exports, name=last)
            with pytest.raises(ntt.NttError) as caught:
                read_path(path)
            answers.add(str(caught.value).replace(repr(path), "PATH", 1))
        assert len(answers) == 1, answers


def test_a_listed_folder_behind_a_link_keeps_the_name_that_samples_know(
    exports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "named").symlink_to(tmp_path / "real")
    monkeypatch.setenv("FIFTYONE_NTT_IMPORTS", str(tmp_path / "named"))
    assert read_path(str(tmp_path / "named" / "a")) == tmp_path / "named" / "a"


def test_what_labels_are_read_as_is_said_before_they_are(
    uri: Any, exports: Path, dataset: Any
) -> None:
    for name in ("1.png", "1_mask.png"):
        Image.new("L", (3, 2), 1).save(exports / name)
    fields = open_form("import_labels", dataset, {"path": str(exports)})
    assert problems(fields) == {}
    assert fields["read_as"].view.label.startswith("Read as masks: masks as PNG or TIFF")
    assert "1_mask.png is of 1.png" in fields["read_as"].view.description
    assert "class_name" in fields and "class_attribute" not in fields
    (exports / "few.json").write_text('{"images": [{"id": 1, "file_name": "1.png"}]}')
    told = problems(open_form("import_labels", dataset, {"path": str(exports)}))["path"]
    assert "could be of 2 formats: 'coco'" in told
    chosen = {"path": str(exports), "format": "masks", "class_name": "cell"}
    assert problems(open_form("import_labels", dataset, chosen)) == {}
    sent = dict(messages("import_labels", dataset, {**chosen, "class_attribute": "gone"}))
    assert "ground_truth: 1 annotations of 1 images" in sent["notify"]["message"]
    dataset.reload()
    assert dataset.distinct("ground_truth.detections.label") == ["cell"]


@pytest.mark.parametrize("way", ["{outside}/photo.png", "../outside/photo.png", "link/photo.png"])
def test_labels_lead_to_no_image_outside_of_what_the_app_may_read(
    uri: Any, exports: Path, outside: Path, dataset: Any, way: str
) -> None:
    Image.new("L", (3, 2), 1).save(outside / "photo.png")
    row = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2]}
    content = {
        "images": [{"id": 1, "file_name": way.format(outside=outside), "width": 3, "height": 2}],
        "categories": [{"id": 1, "name": "boat"}],
        "annotations": [row],
    }
    (exports / "few.json").write_text(json.dumps(content))
    sent = dict(messages("import_labels", dataset, {"path": "few.json"}))
    assert "leads out of the folders that images are read from here" in str(sent)
    dataset.reload()
    assert len(dataset) == 0
    # Of the SDK any image may be named.
    assert ntt.import_labels(exports / "few.json", dataset, progress=False).images == 1
