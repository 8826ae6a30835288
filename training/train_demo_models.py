"""Train the demo's two tiny models from scratch on generated scenes, and measure them.

    python training/train_demo_models.py OUTPUT            # both models, then the figures
    python training/train_demo_models.py OUTPUT encoder    # one of them, in a process of its own

Everything lands in ``OUTPUT``: the scenes, checkpoints (a stopped run goes on from the last one)
and ``weights/``, the two folders that ``fiftyone_ntt/demo/weights`` holds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from encoder_training import EncoderPlan, train_encoder
from evaluate import (
    TARGET_SEEDS,
    box_figures,
    coverage_figures,
    few_shot_figures,
    novel_scenes,
)
from safetensors.torch import save_file
from scene_data import SceneData, prepare_scenes
from segmenter_training import SegmenterPlan, train_segmenter
from transformers import Dinov2Model, PreTrainedModel, Sam2Model

SCENES = 10_000
#: Scenes of unseen classes for the figures printed while training; the final ones use others.
WATCHED_SEEDS = range(30_000, 30_016)


def save_half(model: PreTrainedModel, folder: Path) -> None:
    """Write a transformers folder of float16 tensors that loads as float32."""
    folder.mkdir(parents=True, exist_ok=True)
    model.config.dtype = torch.float32
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    tensors = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in model.state_dict().items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)


def make_encoder(data: SceneData, output: Path) -> None:
    """Train the encoder and save it."""
    encoder = train_encoder(EncoderPlan(), data, output / "encoder")
    save_half(encoder, output / "weights" / "encoder")


def make_segmenter(data: SceneData, output: Path) -> None:
    """Train the segmenter, printing its coverage of unseen classes now and then, and save it."""
    scenes = novel_scenes(WATCHED_SEEDS)
    segmenter = train_segmenter(
        SegmenterPlan(), data, output / "segmenter", lambda model: coverage_figures(model, scenes)
    )
    save_half(segmenter, output / "weights" / "segmenter")


def measure(weights: Path) -> dict[str, float]:
    """The figures of a pair of saved models, on classes and scenes that no training saw."""
    segmenter = Sam2Model.from_pretrained(weights / "segmenter", dtype=torch.float32).eval()
    encoder = Dinov2Model.from_pretrained(weights / "encoder", dtype=torch.float32).eval()
    scenes = novel_scenes(TARGET_SEEDS)
    figures = {**coverage_figures(segmenter, scenes), **box_figures(segmenter, scenes)}
    return {**figures, **few_shot_figures(segmenter, encoder)}


def main() -> None:
    """Train what is asked for, then measure if both are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("part", nargs="?", choices=("both", "encoder", "segmenter", "measure"))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    part = options.part or "both"
    if part != "measure":
        data = prepare_scenes(options.output / "scenes", SCENES)
        if part != "segmenter":
            make_encoder(data, options.output)
        if part != "encoder":
            make_segmenter(data, options.output)
    if part in ("both", "measure"):
        print(json.dumps(measure(options.output / "weights"), indent=2))


if __name__ == "__main__":
    main()
