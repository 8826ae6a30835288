"""What commands say: one summary for scripts, lines of progress where there is no terminal."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import pytest

from fiftyone_ntt import cli_options
from fiftyone_ntt.cli_options import progress_bar
from fiftyone_ntt.run_summary import Summary, peak_memory


def options(**values: object) -> argparse.Namespace:
    return argparse.Namespace(command="segment", output=Path("x.json"), run=print, **values)


def test_one_summary_on_stdout_and_all_else_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    summary = Summary(options(json=True, mode="paper"))
    summary.say("a line", "another")
    summary.note(counts={"images": 4}, path=Path("y"), pair=(1, 2))
    summary.time_images(2.0, 4)
    summary.finish(3)
    output = capsys.readouterr()
    assert output.err == "a line\nanother\n"
    found = json.loads(output.out)
    assert found["settings"] == {"output": "x.json", "mode": "paper"}
    assert (found["command"], found["status"], found["counts"]) == ("segment", 3, {"images": 4})
    assert (found["path"], found["pair"]) == ("y", [1, 2])
    assert found["seconds"]["images"] == 2.0 and found["seconds"]["per_image"] == 0.5
    assert {"numpy", "torch"} <= set(found["versions"])
    assert "error" not in found
    assert 10 < found["peak_memory_mb"] <= peak_memory()


def test_without_it_lines_are_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    summary = Summary(options())
    summary.say("a line")
    summary.finish(0)
    assert capsys.readouterr() == ("a line\n", "")


def test_a_line_per_minute_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(cli_options.time, "monotonic", lambda: now)
    update = progress_bar("segmenting")
    for done in range(21, 101):
        now += 5
        update(done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 7, "one a minute in 400 s, and one at the end"
    assert lines[0].startswith("fiftyone-ntt: segmenting: ")
    assert "32/100 [01:00<05:40,  5.00s/image]" in lines[0]
    assert "100/100" in lines[-1]


def test_a_bar_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    update = progress_bar("segmenting")
    update(1, 2)
    update(2, 2)
    assert "\rsegmenting" in terminal.getvalue() and "2/2" in terminal.getvalue()
