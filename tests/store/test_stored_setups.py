"""What can be relabelled, without reading any proposals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fiftyone_ntt.store.stored_setups import SETUP_FILE, stored_grids
from tests import shapes


def store_setup(folder: Path, name: str, content: object) -> None:
    (folder / name).mkdir(parents=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name / SETUP_FILE).write_text(text)


def test_grids_of_an_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIFTYONE_NTT_PROPOSALS", str(tmp_path))
    assert stored_grids("e1") == []
    for name, encoder, points in (
        ("a", "e1", 32),
        ("b", "e1", 16),
        ("c", "e2", 8),
        ("d", "e1", 32),
        ("c1", "e1", 16),
        ("1", "e1", 129),  # of a version that refused none
        ("2", "e1", -1),
    ):
        settings = {"points_per_side": points} | ({"crops": 9} if name == "c1" else {})
        setup = {"segmenter": "s", "settings": settings}
        store_setup(tmp_path, (name * 16)[:16], {"encoder": encoder, **setup})
    store_setup(tmp_path, "my notes", {"encoder": "e1", **setup})
    store_setup(tmp_path, "e" * 16, "{")
    store_setup(tmp_path, "f" * 16, ["something else"])
    assert stored_grids("e1") == [(16, 0), (16, 9), (32, 0)]
    assert stored_grids("e3") == []


def test_telling_needs_no_torch() -> None:
    script = (
        "import sys, fiftyone_ntt.store.stored_setups as s; s.stored_grids('e');"
        "assert 'torch' not in sys.modules and 'fiftyone' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env=shapes.plain_environment())
