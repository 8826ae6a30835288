"""The same faulty COCO files in Python, on the command line and in the App: one verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.cli import main
from fiftyone_ntt.coco.findings import RecordError
from fiftyone_ntt.plugin.shared.app_words import in_app_words
from tests.coco.faulty_files import FAULTY_FILES, FaultyFile, make
from tests.coco.files import write
from tests.core.toy_models import toy_models
from tests.plugin.test_operators import messages


def told_by_import(fault: FaultyFile, path: Path, dataset: fo.Dataset) -> tuple[str, ...]:
    """The notes of the report, or the error."""
    images = path.parent / "images"
    if fault.read:
        report = ntt.import_coco(images, path, dataset, "sdk", progress=False)
        assert report.annotations == 2 and report.skipped == ()
        return report.notes
    with pytest.raises(RecordError) as caught:
        ntt.import_coco(images, path, dataset, "sdk", progress=False)
    assert dataset.get_field("sdk") is None and not len(dataset)
    return (str(caught.value),)


def told_by_command(arguments: list[str], capsys: pytest.CaptureFixture[str], status: int) -> str:
    capsys.readouterr()
    assert main(arguments) == status
    output = capsys.readouterr()
    return output.out + output.err


@pytest.mark.parametrize("fault", FAULTY_FILES, ids=lambda fault: fault.name)
def test_the_same_verdict_everywhere(
    fault: FaultyFile,
    tmp_path: Path,
    dataset: fo.Dataset,
    uri: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fiftyone_ntt.models.loading.load_models", lambda *_, **__: toy_models())
    path, images = make(fault, tmp_path), str(tmp_path / "images")
    lines = told_by_import(fault, path, dataset)
    assert any(fault.verdict in line for line in lines)

    status = 0 if fault.read else 2
    bank = ["--output", str(tmp_path / "bank")]
    commands = [["build", "--images", images, "--references", str(path), *bank]]
    results = write(tmp_path / "results.json", [])
    if fault.scored:
        commands.append(["evaluate", "--results", str(results), "--targets", str(path)])
    for command in commands:
        told = told_by_command(command, capsys, status)
        assert all(line in told for line in lines), told
        if not fault.read:
            told = told_by_command([*command, "--skip-errors"], capsys, 0)
            assert all(line in told for line in lines), told
            assert "left out " in told

    monkeypatch.setenv("FIFTYONE_NTT_IMPORTS", str(tmp_path))
    params = {"images": images, "path": str(path), "field": "app"}
    shown = [
        sent["message"]
        for name, sent in messages("import_labels", dataset, params)
        if name == "notify"
    ]
    assert all(in_app_words(line) in shown[-1] for line in lines), shown
