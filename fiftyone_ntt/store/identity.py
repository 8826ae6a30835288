"""What makes two runs the same run: everything that decides their results."""

from __future__ import annotations

import dataclasses
import hashlib
import json

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.settings import MatchSettings, Mode, ProposalSettings
from fiftyone_ntt.store.bank_file import bank_bytes


def run_identity(
    bank: MemoryBank,
    segmenter: str,
    mode: Mode,
    proposal_settings: ProposalSettings,
    match_settings: MatchSettings,
) -> str:
    """Hash of what decides a run's predictions; equal runs may continue each other.

    Args:
        bank: its content counts, its name does not; it names its encoder.
        segmenter: identity of the segmenter.
        mode: of the run.
        proposal_settings: all but `prompts_per_batch`, which changes only speed.
        match_settings: all of them.

    Returns:
        16 hexadecimal digits.
    """
    content = dataclasses.replace(bank, name="", models={}, notes=())
    settings = {
        "segmenter": segmenter,
        "mode": mode,
        "propose": dataclasses.asdict(dataclasses.replace(proposal_settings, prompts_per_batch=1)),
        "match": dataclasses.asdict(match_settings),
    }
    digest = hashlib.sha256(bank_bytes(content))
    digest.update(json.dumps(settings, sort_keys=True).encode())
    return digest.hexdigest()[:16]
