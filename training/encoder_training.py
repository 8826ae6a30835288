"""The tiny encoder: configuration, targets and training loop; resumable and seeded."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scene_data import ATTRIBUTES, MAX_OBJECTS, SceneData, draw_batch
from torch import Tensor, nn
from transformers import Dinov2Config, Dinov2Model

SIDE = 252
PATCH = 14
GRID = SIDE // PATCH
WIDTH = 128
HEADS = 4
#: Where the four heads of each block look at first, in patches, and how sharply.
_CROSS = torch.tensor([[0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0]])
_DIAGONAL = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
STEPS = (_CROSS, _DIAGONAL, 2 * _CROSS, 2 * _DIAGONAL)
LOCALITY = (2.2, 2.0, 1.8, 1.5)


@dataclass(frozen=True)
class EncoderPlan:
    """How long to train; the defaults made the bundled weights. A batch is ``scenes`` scenes and as
    many windows, each zoomed onto one object as references are."""

    steps: int = 5000
    scenes: int = 8
    rate: float = 1e-3
    warm_up: int = 200
    seed: int = 2
    checkpoint_every: int = 500


def build_encoder(seed: int) -> Dinov2Model:
    """A fresh Dinov2 of about 0.9 M parameters for 252 px pictures."""
    torch.manual_seed(seed)
    config = Dinov2Config(
        hidden_size=WIDTH,
        num_hidden_layers=4,
        num_attention_heads=HEADS,
        image_size=SIDE,
        patch_size=PATCH,
        layerscale_value=1.0,
        use_mask_token=False,
    )
    model = Dinov2Model(config)
    model.set_attn_implementation("eager")  # faster on a CPU at this size
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
        _look_around(model)
    return model


def _look_around(model: Dinov2Model) -> None:
    """Start as a convolution would: each head of a block looks at one neighbour of every patch.

    The position embeddings become sines and cosines of random frequencies, a pair per two channels,
    and queries and keys near copies of them, the queries turned by the step to the neighbour. Their
    product peaks at that neighbour. Learning to find neighbours first took most of the training.
    """
    pairs = WIDTH // 2
    frequency = torch.randn(pairs, 2)
    axis = torch.arange(GRID, dtype=torch.float32)
    place = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(-1, 2)
    phase = place @ frequency.T
    code = torch.stack([phase.sin(), phase.cos()], dim=-1).flatten(1)
    model.embeddings.position_embeddings.zero_()
    model.embeddings.position_embeddings[0, 1:] = code
    for index, layer in enumerate(model.encoder.layer):
        attention = layer.attention
        turn = (frequency.view(HEADS, -1, 2) * STEPS[index].unsqueeze(1)).sum(-1).flatten()
        query = torch.block_diag(*[_rotation(float(angle)) for angle in turn])
        for projection, weight in ((attention.q_proj, query), (attention.k_proj, torch.eye(WIDTH))):
            noise = 0.03 * torch.randn(WIDTH, WIDTH)
            projection.weight.copy_(LOCALITY[index] * weight + noise)


def _rotation(angle: float) -> Tensor:
    """Takes the sine and cosine of x to those of x + ``angle``."""
    c, s = math.cos(angle), math.sin(angle)
    return torch.tensor([[c, s], [-s, c]])


def patch_tokens(model: Dinov2Model, pixels: Tensor) -> Tensor:
    """Final layer-normed patch tokens ``[B, 324, 128]`` of ``[B, 3, 252, 252]``."""
    tokens: Tensor = model(pixel_values=pixels).last_hidden_state[:, 1:]
    return tokens


# ---------------------------------------------------------------------------- pictures


def _window(owner: NDArray[np.uint8], index: int, spread: float) -> tuple[slice, slice]:
    """A square window ``spread`` times the object's box, clipped to the picture."""
    rows, columns = np.nonzero(owner == index)
    low = np.array([rows.min(), columns.min()])
    high = np.array([rows.max() + 1, columns.max() + 1])
    half = (high - low).max() * spread / 2
    start = np.maximum((low + high) / 2 - half, 0).astype(int)
    stop = np.minimum((low + high) / 2 + half, owner.shape[0]).astype(int)
    return slice(start[0], stop[0]), slice(start[1], stop[1])


def zoom(pixels: Tensor, owners: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """One window per scene around a random object, at the encoder's size, with its owners."""
    pictures, parts = [], []
    for picture, owner in zip(pixels, owners.numpy(), strict=True):
        found = np.unique(owner)
        index = int(rng.choice(found[found > 0])) if found.max() else 0
        rows, columns = _window(owner, index, float(rng.uniform(1.1, 1.5)))
        inside = picture[None, :, rows, columns]
        pictures.append(F.interpolate(inside, (SIDE, SIDE), mode="bicubic"))
        part = torch.from_numpy(owner[rows, columns].astype(np.float32))[None, None]
        parts.append(F.interpolate(part, (SIDE, SIDE), mode="nearest")[:, 0].byte())
    return torch.cat(pictures), torch.cat(parts)


def two_scales(pixels: Tensor, owners: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """The scenes at the encoder's size, then one zoomed window of each: ``[2 B, ...]``."""
    near, near_owners = zoom(pixels, owners, rng)
    far = F.interpolate(pixels, (SIDE, SIDE), mode="bicubic")
    far_owners = F.interpolate(owners[:, None].float(), (SIDE, SIDE), mode="nearest")[:, 0].byte()
    return torch.cat([far, near]), torch.cat([far_owners, near_owners])


# ---------------------------------------------------------------------------- targets


def patch_shares(owners: Tensor) -> Tensor:
    """Share of each patch that background and objects take, ``[B, 324, 7]``."""
    one_hot = (owners.unsqueeze(1) == torch.arange(MAX_OBJECTS + 1).view(1, -1, 1, 1)).float()
    return F.avg_pool2d(one_hot, PATCH).flatten(2).transpose(1, 2)


def patch_labels(shares: Tensor, attributes: Tensor) -> Tensor:
    """Shape, texture and colour of each patch, ``[B, 324, 3]``: 0 for the background, -100 where
    nothing has the majority. ``attributes`` are ``[B, 7, 3]``, row 0 the background's zeros."""
    share, owner = shares.max(-1)
    labels = attributes.gather(1, owner.unsqueeze(-1).expand(-1, -1, 3))
    return torch.where((share > 0.6).unsqueeze(-1), labels, -100)


class AttributeHeads(nn.Module):
    """Throw-away cosine classifiers for shape, texture and colour, each with a background class.

    Being cosines, they make directions carry the meaning, as matching by cosine needs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(len(names) + 1, WIDTH)) for names in ATTRIBUTES
        )

    def forward(self, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy and, per attribute, accuracy; ``[N, 128]`` and ``[N, 3]``."""
        features = F.normalize(features.float(), dim=-1)
        loss, right = torch.zeros(()), []
        for weight, label in zip(self.weights, labels.T, strict=True):
            logits = 14 * features @ F.normalize(weight, dim=-1).T
            loss = loss + F.cross_entropy(logits, label)
            known = label > 0
            right.append((logits.argmax(-1) == label)[known].float().mean())
        return loss, torch.stack(right)


def similarity_loss(features: Tensor, labels: Tensor) -> Tensor:
    """Cosines of pooled features ``[N, 128]`` should be the share of attributes in common.

    The background, label 0, has nothing in common with any object.
    """
    features = F.normalize(features.float(), dim=-1)
    wanted = (labels.unsqueeze(0) == labels.unsqueeze(1)).float().mean(-1)
    error = (features @ features.T - wanted).square()
    return (error * (1 + 4 * (wanted == 1).float() + wanted)).mean()


def pooled(tokens: Tensor, shares: Tensor, attributes: Tensor) -> tuple[Tensor, Tensor]:
    """Mean token of each object (and background) that covers two patches, and its attributes."""
    weight = shares.sum(1)
    means = torch.einsum("bpo,bpc->boc", shares, tokens.float()) / weight.clamp(min=1).unsqueeze(-1)
    present = weight > 2
    return means[present], attributes[present]


# ---------------------------------------------------------------------------- training


class Trainee(nn.Module):
    """The encoder with its throw-away heads."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.model = build_encoder(seed)
        self.patch_heads = AttributeHeads()
        self.object_heads = AttributeHeads()

    def forward(self, pixels: Tensor, shares: Tensor, attributes: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, and the accuracy on whole objects per attribute ``[3]``."""
        tokens = patch_tokens(self.model, pixels)
        labels = patch_labels(shares, attributes)
        loss, _ = self.patch_heads(tokens.flatten(0, 1), labels.flatten(0, 1))
        features, kinds = pooled(tokens, shares, attributes)
        object_loss, right = self.object_heads(features, kinds)
        return loss + 0.5 * object_loss + 5 * similarity_loss(features, kinds), right


def rate_at(plan: EncoderPlan, step: int) -> float:
    """Linear warm-up, and cosine decay to a hundredth."""
    warm = min((step + 1) / plan.warm_up, 1.0)
    return plan.rate * warm * (0.01 + 0.495 * (1 + math.cos(math.pi * step / plan.steps)))


def train_step(
    plan: EncoderPlan,
    trainee: Trainee,
    optimizer: torch.optim.Optimizer,
    data: SceneData,
    step: int,
) -> NDArray[np.float64]:
    """One update; returns the loss and three accuracies."""
    rng = np.random.default_rng((plan.seed, step))
    pixels, owners, rows = draw_batch(data, plan.scenes, rng)
    pixels, owners = two_scales(pixels, owners, rng)
    known = torch.from_numpy(data.attributes[rows].astype(np.int64) + 1)
    attributes = torch.cat([torch.zeros(plan.scenes, 1, 3, dtype=torch.long), known], 1)
    with torch.autocast("cpu", torch.bfloat16):
        loss, right = trainee(pixels, patch_shares(owners), attributes.repeat(2, 1, 1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(trainee.parameters(), 1.0)
    for group in optimizer.param_groups:
        group["lr"] = rate_at(plan, step)
    optimizer.step()
    return np.array([loss.item(), *right.tolist()])


def train_encoder(plan: EncoderPlan, data: SceneData, folder: Path) -> Dinov2Model:
    """Train, or go on from the checkpoint in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    trainee = Trainee(plan.seed)
    optimizer = torch.optim.AdamW(
        trainee.parameters(), lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.02
    )
    checkpoint, first = folder / "checkpoint.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        trainee.load_state_dict(state["trainee"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    started, log = time.time(), []
    for step in range(first, plan.steps):
        log.append(train_step(plan, trainee, optimizer, data, step))
        if (step + 1) % 100 == 0:
            loss, *right = np.nanmean(log, axis=0)
            shown = " ".join(f"{value:.3f}" for value in right)
            seconds = time.time() - started
            print(f"encoder {step + 1} loss {loss:.3f} right {shown} {seconds:.0f} s", flush=True)
            log = []
        if (step + 1) % plan.checkpoint_every == 0 or step + 1 == plan.steps:
            states = {"trainee": trainee.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**states, "step": step + 1}, folder / "checkpoint.tmp")
            (folder / "checkpoint.tmp").replace(checkpoint)
    return trainee.model
