"""Help and errors of the command: groups, examples, the nearest word, completion."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator

import pytest

from fiftyone_ntt.cli import _parser, main
from fiftyone_ntt.command_parser import CommandParser
from tests import shapes
from tests.test_packaging import CHECKOUT


def sub_commands(
    parser: argparse.ArgumentParser, path: str = ""
) -> Iterator[tuple[str, CommandParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield f"{path}{name}", sub
                yield from sub_commands(sub, f"{path}{name} ")


SUB_COMMANDS = dict(sub_commands(_parser()))


@pytest.mark.parametrize("name", SUB_COMMANDS)
def test_every_command_shows_an_example_of_itself(name: str) -> None:
    text = SUB_COMMANDS[name].format_help()
    example = text.split("\nexample:\n")[1]
    assert f"fiftyone-ntt {name}" in example
    if "--output" in text and not name.startswith(("benchmark", "ablate", "demo", "export")):
        titles = [line for line in text.splitlines() if line in ("what:", "models:", "output:")]
        assert titles[0] == "what:" and titles[-1] == "output:"


def examples() -> Iterator[list[str]]:
    for name, parser in SUB_COMMANDS.items():
        text = parser.format_help().split("\nexample:\n")[1].replace("\\\n", " ")
        for line in text.splitlines():
            words = line.split()
            if words[:1] == ["fiftyone-ntt"] and name.split()[0] == words[1]:
                yield words[1:]


@pytest.mark.parametrize("words", examples(), ids=" ".join)
def test_examples_are_commands(words: list[str]) -> None:
    options, unknown = _parser().parse_known_args(words)
    assert not unknown
    assert callable(options.run)


def test_alone_it_says_what_one_does_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("usage: fiftyone-ntt")
    for words in ("fiftyone-ntt demo", "fiftyone-ntt build --ref", "fiftyone-ntt segment --images"):
        assert words in output.err


def test_the_help_lists_every_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = capsys.readouterr().out.split("exit status:\n")[1].splitlines()
    assert [line.split()[0] for line in listed if line[2] != " "] == ["0", "2", "3", "130"]


@pytest.mark.parametrize(
    "words, meant",
    [
        (["segmnet"], "segmnet looks like segment"),
        (["boxes_to_masks"], "boxes_to_masks looks like boxes-to-masks"),
        (["benchmark", "coco-20"], "coco-20 looks like coco-20i"),
        (["build", "--refrences", "a", "--output", "b"], "--refrences looks like --references"),
        (
            ["segment", "--output", "b", "--thresold=1", "--fil-holes"],
            "--fil-holes looks like --fill",
        ),
        (
            ["evaluate", "--results", "a", "--targets", "b", "--crowds", "object"],
            "object looks like",
        ),
        (["completion", "bsh"], "bsh looks like bash"),
    ],
)
def test_unknown_words_get_the_nearest(
    words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    output = capsys.readouterr().err
    assert meant in output
    assert f"usage: fiftyone-ntt {words[0] if words[0] in SUB_COMMANDS else '[-h]'}" in output


def test_words_like_no_other_get_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["models", "--xyzzy"])
    assert capsys.readouterr().err.endswith("unrecognized arguments: --xyzzy\n")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_script_for_the_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "fiftyone-ntt" in script and "_ARGCOMPLETE" in script
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=script.encode(), check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "line, words",
    [
        ("fiftyone-ntt re", {"relabel "}),
        ("fiftyone-ntt segment --ref", {"--references", "--reference-images"}),
        ("fiftyone-ntt relabel --mode b", {"best "}),
        ("fiftyone-ntt build --models s", {"small "}),
        ("fiftyone-ntt import --format lab", {"label-studio", "labelme"}),
    ],
)
def test_words_are_completed(line: str, words: set[str]) -> None:
    program = """
import sys, os
from fiftyone_ntt.cli import _parser
from fiftyone_ntt.completion_command import complete
complete(_parser())
"""
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "|",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
        "_ARGCOMPLETE_SHELL": "bash",
        "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout",
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT,
        env={**shapes.plain_environment(), **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert set(done.stdout.split("|")) == words, done.stderr
