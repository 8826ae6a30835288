"""What the App shows of errors names no Python: every error that operators can raise."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import fiftyone_ntt
from fiftyone_ntt.plugin.shared.app_words import PYTHON, in_app_words

PACKAGE = Path(fiftyone_ntt.__file__).parent
ROOMS = ("core", "dataset", "drawing", "formats", "models", "plugin", "store", "workers")
"""Those whose errors operators can raise."""
ELSEWHERE = {"install.py"}
"""Told on the command line alone."""
ERRORS = {"InputError", "NttError", "ModelError", "StoreError", "DatabaseError", "LeaseLost"}
# Another look than the module's own: what would be Python in anybody's eyes.
SEEN = re.compile(
    r"`|\b\w+=(?=['\w])|\bPass\b|\bpass (?:a|an|another|the)\b|\w+\(\)|(?<![\w-])--\w|\.\w+\("
    r"|\bNone holds|\boverwrite\b|\bMemoryBank\b"
)


def texts() -> Iterator[tuple[str, str]]:
    """Where each error is raised, and its text with a name in each gap."""
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                name = getattr(getattr(node, "func", None), "id", None)
                if name in ERRORS and node.args and path.name not in ELSEWHERE:
                    yield f"{path.relative_to(PACKAGE)}:{node.lineno}", filled(node.args[0])


def filled(node: ast.expr) -> str:
    match node:
        case ast.Constant():
            return str(node.value)
        case ast.JoinedStr():
            return "".join(filled(part) for part in node.values)
        case ast.FormattedValue(conversion=114):
            return "'boats'"
        case ast.BinOp():
            return filled(node.left) + filled(node.right)
        case ast.IfExp():
            return filled(node.body)
    return "seven"


def test_there_are_errors_to_look_at() -> None:
    assert len(list(texts())) > 200


@pytest.mark.parametrize(("where", "text"), texts())
def test_no_error_names_python_in_the_app(where: str, text: str) -> None:
    shown = in_app_words(text)
    assert not SEEN.search(shown) and not PYTHON.search(shown), shown
    assert shown.strip()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "field 'predictions' of 3 of these 9 samples already holds detections from x. Pass "
            "overwrite=True to replace those of other runs (labels that no run wrote stay), or "
            "another field.",
            "field 'predictions' of 3 of these 9 samples already holds detections from x. Choose "
            "to replace those of other runs (labels that no run wrote stay), or another field.",
        ),
        (
            "image a.png has no proposals in /store. Run `segment` on it once.",
            "image a.png has no proposals in /store. Run “Segment with memory bank” on it once.",
        ),
        ("relabelling needs a store. Pass `store`.", "relabelling needs a store."),
        ("field 'gt_field' is empty.", "field 'gt_field' is empty."),
        ("a_b.png: all is well; nothing to do.", "a_b.png: all is well; nothing to do."),
    ],
)
def test_advice_is_what_a_form_offers(text: str, shown: str) -> None:
    assert in_app_words(text) == shown
