"""What tests of datasets share."""

from __future__ import annotations

from pathlib import Path

import pytest

from fiftyone_ntt.store.proposal_store import ProposalStore


@pytest.fixture
def store(tmp_path: Path) -> ProposalStore:
    """An empty proposal store of the test's own."""
    return ProposalStore(tmp_path / "store")
