"""An image to labelled instances: the method's two halves, with all that decides the result."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import UInt8

from fiftyone_ntt.core.adaptive import propose_adaptively
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.interfaces import Encoder, Segmenter
from fiftyone_ntt.core.matching import Match, match, require_encoder
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.proposals import Proposals, ProposalSetup
from fiftyone_ntt.core.settings import (
    AdaptiveSettings,
    MatchSettings,
    Mode,
    ProposalSettings,
    Scoring,
    check_mode,
    scoring_of,
)
from fiftyone_ntt.errors import InputError


@dataclass(frozen=True, eq=False)
class Matcher:
    """The cheap half: proposals, fresh or stored, to labelled instances. Holds no network.

    Attributes:
        bank: made with the setup's encoder.
        setup: what the proposals are made with.
        mode: of the method.
        match_settings: the paper's by default.
        adaptive_settings: of the proposals, in mode `"adaptive"` alone.

    Raises:
        InputError: there is no such mode, it takes no crops, or a threshold is for a class that the
            bank does not have.
        ModelError: the bank was made with another encoder.
    """

    bank: MemoryBank
    setup: ProposalSetup
    mode: Mode = "paper"
    match_settings: MatchSettings = field(default_factory=MatchSettings)
    adaptive_settings: AdaptiveSettings = field(default_factory=AdaptiveSettings)

    def __post_init__(self) -> None:
        check_mode(self.mode)
        if self.mode == "adaptive" and self.setup.settings.crops:
            raise InputError(
                "mode 'adaptive' looks at the whole picture alone. Pass crops=0, or another mode."
            )
        require_encoder(self.bank, self.setup.encoder)
        self.match_settings.thresholds(self.bank.classes)

    def __call__(self, proposals: Proposals) -> Match:
        """The labelled instances of one image's proposals."""
        return match(proposals, self.bank, self.match_settings, self.scoring)

    def with_bank(self, bank: MemoryBank) -> Matcher:
        """The same with another bank."""
        return replace(self, bank=bank)

    @property
    def scoring(self) -> Scoring:
        """How proposals are scored."""
        return scoring_of(self.mode)


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A bank, the models and the settings of a run.

    Attributes:
        bank: made with `encoder`.
        encoder: of the proposals' features.
        segmenter: of the proposals' masks.
        mode: of the method.
        proposal_settings: the paper's by default.
        match_settings: the paper's by default.
        adaptive_settings: of mode `"adaptive"` alone.
        matcher: its cheap half.

    Raises:
        InputError: there is no such mode, it takes no crops, or a threshold is for a class that the
            bank does not have.
        ModelError: the bank was made with another encoder.
    """

    bank: MemoryBank
    encoder: Encoder
    segmenter: Segmenter
    mode: Mode = "paper"
    proposal_settings: ProposalSettings = field(default_factory=ProposalSettings)
    match_settings: MatchSettings = field(default_factory=MatchSettings)
    adaptive_settings: AdaptiveSettings = field(default_factory=AdaptiveSettings)
    matcher: Matcher = field(init=False)

    def __post_init__(self) -> None:
        setup = ProposalSetup(
            self.encoder.identity, self.segmenter.identity, self.proposal_settings
        )
        matcher = Matcher(self.bank, setup, self.mode, self.match_settings, self.adaptive_settings)
        object.__setattr__(self, "matcher", matcher)

    def propose(self, image: UInt8[np.ndarray, "H W 3"]) -> Proposals:
        """The proposals of one RGB image."""
        if self.mode == "adaptive":
            return propose_adaptively(
                image,
                self.segmenter,
                self.encoder,
                self.bank,
                settings=self.proposal_settings,
                adaptive=self.adaptive_settings,
                matching=self.match_settings,
            )
        return propose(image, self.segmenter, self.encoder, self.proposal_settings)

    def __call__(self, image: UInt8[np.ndarray, "H W 3"]) -> Match:
        """The labelled instances of one RGB image."""
        return self.matcher(self.propose(image))
