"""That every public name has an example, and that the examples are run."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import fiftyone_ntt

PACKAGE = Path(__file__).resolve().parents[1] / "fiftyone_ntt"
NAMES = sorted(set(fiftyone_ntt.__all__) - {"__version__"})

SKIPPED: dict[str, str] = {}
"""The files with an example that may be skipped, and the GPU or the download each of them needs."""


def examples_of(name: str) -> list[doctest.Example]:
    """The examples of a public name that doctest finds in the module where it lives."""
    thing = getattr(fiftyone_ntt, name)
    module = importlib.import_module(thing.__module__)
    found = doctest.DocTestFinder().find(module)
    return [
        line
        for test in found
        if test.name == f"{module.__name__}.{thing.__qualname__}"
        for line in test.examples
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_has_an_example_that_shows_what_comes_out(name: str) -> None:
    examples = examples_of(name)

    used = [line for line in examples if name in line.source]
    assert used, f"no example calls {name}"
    assert any(line.want.strip() not in ("", "...") for line in examples)


def test_no_example_is_skipped_without_need() -> None:
    skipping = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "+SKIP" in path.read_text(encoding="utf-8")
    }

    assert skipping == SKIPPED.keys()


def test_examples_run_with_the_tests(pytestconfig: pytest.Config) -> None:
    assert PACKAGE.name in pytestconfig.getini("testpaths")
    assert pytestconfig.getoption("doctestmodules")
