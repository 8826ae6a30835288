"""The segmenter's training loop: resumable, seeded, one process."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scene_data import SceneData, draw_batch
from segmenter_losses import (
    DenseHeads,
    Prompts,
    coverage,
    decoder_loss,
    object_boxes,
    sample_prompts,
)
from segmenter_model import box_tokens, build_segmenter, decode, encode, point_tokens
from torch import Tensor, nn
from transformers import Sam2Model


@dataclass(frozen=True)
class SegmenterPlan:
    """How long and on what to train; the defaults made the bundled weights.

    For the first ``dense_steps`` only the image encoder learns, from the dense targets, which costs
    half as much a step; then everything learns together.
    """

    steps: int = 3800
    dense_steps: int = 700
    batch: int = 8
    object_points: int = 12
    background_points: int = 4
    box_share: float = 0.1
    rate: float = 8e-4
    warm_up: int = 100
    seed: int = 1
    checkpoint_every: int = 125


def rate_at(plan: SegmenterPlan, step: int) -> float:
    """Linear warm-up, then cosine decay to a fiftieth."""
    if step < plan.warm_up:
        return plan.rate * (step + 1) / plan.warm_up
    done = (step - plan.warm_up) / max(plan.steps - plan.warm_up, 1)
    return plan.rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


class Trainee(nn.Module):
    """The segmenter with its throw-away heads."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.model: Sam2Model = build_segmenter(seed)
        self.model.set_attn_implementation("eager")
        self.model.config.mask_decoder_config._attn_implementation = "eager"
        self.heads = DenseHeads()

    def dense(self, pixels: Tensor, shares: Tensor, prompts: Prompts) -> tuple[Tensor, Tensor]:
        """Dense loss alone; the second value stands in for the IoU in the log."""
        return self.heads(encode(self.model, pixels), prompts, shares), torch.zeros(())

    def points(self, pixels: Tensor, shares: Tensor, prompts: Prompts) -> tuple[Tensor, Tensor]:
        """Loss with point prompts and the mean IoU of the best of three masks."""
        features = encode(self.model, pixels)
        decoded = decode(self.model, features, point_tokens(self.model, prompts.points))
        loss, iou = decoder_loss(decoded, prompts.targets, prompts.on_object)
        return loss + 0.5 * self.heads(features, prompts, shares), iou

    def boxes(self, pixels: Tensor, shares: Tensor, prompts: Prompts) -> tuple[Tensor, Tensor]:
        """The same with box prompts around the objects that hold the points."""
        features = encode(self.model, pixels)
        count = int(prompts.on_object[0].sum())
        targets = prompts.targets[:, :count]
        tokens = box_tokens(self.model, object_boxes(targets))
        loss, iou = decoder_loss(
            decode(self.model, features, tokens), targets, prompts.on_object[:, :count]
        )
        return loss + 0.5 * self.heads(features, prompts, shares), iou


def choose_task(
    plan: SegmenterPlan, trainee: Trainee, step: int, rng: np.random.Generator
) -> Callable[[Tensor, Tensor, Prompts], tuple[Tensor, Tensor]]:
    """What to learn in this step."""
    if step < plan.dense_steps:
        return trainee.dense
    return trainee.boxes if rng.random() < plan.box_share else trainee.points


def train_step(
    plan: SegmenterPlan,
    trainee: Trainee,
    optimizer: torch.optim.Optimizer,
    data: SceneData,
    step: int,
) -> tuple[float, float]:
    """One update; the batch depends on the plan's seed and the step alone."""
    rng = np.random.default_rng((plan.seed, step))
    torch.manual_seed(int(rng.integers(2**31)))
    pixels, owners, _ = draw_batch(data, plan.batch, rng)
    shares = coverage(owners)
    prompts = sample_prompts(shares, plan.object_points, plan.background_points)
    with torch.autocast("cpu", torch.bfloat16):
        loss, iou = choose_task(plan, trainee, step, rng)(pixels, shares, prompts)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(trainee.parameters(), 1.0)
    for group in optimizer.param_groups:
        group["lr"] = rate_at(plan, step)
    optimizer.step()
    return loss.item(), iou.item()


def make_optimizer(trainee: Trainee, rate: float) -> torch.optim.Optimizer:
    """AdamW with weight decay on matrices only."""
    learned = [p for p in trainee.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": 0.02},
        {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99))


def train_segmenter(
    plan: SegmenterPlan,
    data: SceneData,
    folder: Path,
    watch: Callable[[Sam2Model], dict[str, float]],
) -> Sam2Model:
    """Train, or go on from the checkpoint in ``folder``; ``watch`` measures every fourth one."""
    folder.mkdir(parents=True, exist_ok=True)
    trainee = Trainee(plan.seed)
    optimizer = make_optimizer(trainee, plan.rate)
    checkpoint, first = folder / "checkpoint.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        trainee.load_state_dict(state["trainee"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    started, losses = time.time(), []
    for step in range(first, plan.steps):
        losses.append(train_step(plan, trainee, optimizer, data, step))
        if (step + 1) % 50 == 0:
            loss, iou = np.mean(losses, axis=0)
            seconds = time.time() - started
            print(f"segmenter {step + 1} loss {loss:.4f} IoU {iou:.3f} {seconds:.0f} s", flush=True)
            losses = []
        if (step + 1) % plan.checkpoint_every == 0 or step + 1 == plan.steps:
            states = {"trainee": trainee.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**states, "step": step + 1}, folder / "checkpoint.tmp")
            (folder / "checkpoint.tmp").replace(checkpoint)
            if step >= plan.dense_steps and (step + 1) % (4 * plan.checkpoint_every) == 0:
                print("segmenter", step + 1, json.dumps(watch(trainee.model)), flush=True)
    return trainee.model
