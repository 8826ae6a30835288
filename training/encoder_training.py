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
from transformers.models.dinov2.modeling_dinov2 import Dinov2Layer

SIDE = 252
PATCH = 14
GRID = SIDE // PATCH
WIDTH = 128
HEADS = 4
#: Channels that hold a patch's place at first; as many as a head has.
PLACE = WIDTH // HEADS
#: Where the four heads of each block look at first, in patches.
_CROSS = torch.tensor([[0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0]])
_DIAGONAL = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
STEPS = (_CROSS, _DIAGONAL, 2 * _CROSS, 2 * _DIAGONAL)


@dataclass(frozen=True)
class EncoderPlan:
    """How long to train; the defaults made the bundled weights. A batch is ``scenes`` scenes and as
    many windows, each zoomed onto one object as references are."""

    steps: int = 3000
    scenes: int = 8
    rate: float = 1e-3
    warm_up: int = 100
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


@torch.no_grad()
def start_from_patches(model: Dinov2Model, pixels: Tensor) -> None:
    """Start the patch embedding as the whitened principal components of real patches, and the first
    MLP as local energies of them.

    Random filters answer to little but a patch's mean colour, so texture is learned late; here
    every channel left free by the position code starts with unit variance and its own meaning.
    ``pixels`` are pictures ``[B, 3, 252, 252]``.
    """
    patches = F.unfold(pixels, PATCH, stride=PATCH).transpose(1, 2).flatten(0, 1)
    mean = patches.mean(0)
    variance, axes = torch.linalg.eigh(torch.cov((patches - mean).T))
    free = WIDTH - PLACE
    spread = variance[-free:].clamp(min=1e-3 * float(variance[-1])).sqrt()
    axes = axes[:, -free:]
    filters = (axes / spread).T
    projection = model.embeddings.patch_embeddings.projection
    projection.weight.zero_()
    projection.weight[:free] = filters.view(free, 3, PATCH, PATCH)
    projection.bias.zero_()
    projection.bias[:free] = -filters @ mean
    _start_energies(model.encoder.layer[0], _waves() @ axes * spread)


def _waves() -> Tensor:
    """Windowed waves over a patch, ``[96, 2, 588]``: 3 colour axes x 4 frequencies x 8 directions,
    each as a cosine and a sine."""
    axis = torch.arange(PATCH, dtype=torch.float32) - (PATCH - 1) / 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    window = torch.exp(-(x.square() + y.square()) / (2 * 4.5**2))
    waves = []
    for color in ((1.0, 1.0, 1.0), (1.0, -1.0, 0.0), (0.5, 0.5, -1.0)):
        for turns in (1.0, 1.6, 2.4, 3.4):
            for angle in torch.arange(8) * math.pi / 8:
                phase = 2 * math.pi * turns / PATCH * (x * angle.cos() + y * angle.sin())
                pair = torch.stack([phase.cos(), phase.sin()]) * window
                waves.append(torch.einsum("c,phw->pchw", torch.tensor(color), pair).flatten(1))
    return torch.stack(waves)


def _start_energies(layer: Dinov2Layer, waves: Tensor) -> None:
    """Make the MLP add each wave's energy, whatever its phase: the sum of GELU(x) and GELU(-x) over
    cosine and sine. ``waves`` are ``[96, 2, 96]``, in the free channels of the embedding."""
    rows = 1.5 * F.normalize(waves, dim=-1)
    rows = torch.stack([rows, -rows], dim=2).flatten(0, 2)
    layer.mlp.fc1.weight[: len(rows)] = 0.0
    layer.mlp.fc1.weight[: len(rows), : rows.shape[1]] = rows
    mix = torch.randn(WIDTH, len(waves)) / len(waves) ** 0.5
    mix[-PLACE:] = 0.0
    layer.mlp.fc2.weight[:, : len(rows)] = mix.repeat_interleave(4, dim=1)
    layer.mlp.fc2.bias.copy_(-1.06 * mix.sum(1))  # 1.06: what they are on average
    layer.attention.o_proj.weight.mul_(0.3)


def _look_around(model: Dinov2Model) -> None:
    """Start as a convolution would: each head of a block looks at one neighbour of every patch.

    The last channels of the position embeddings become sines and cosines of random frequencies, and
    queries and keys read just those, the queries turned by the step to the neighbour. Their product
    peaks at that neighbour.
    """
    frequency = torch.randn(PLACE // 2, 2)
    axis = torch.arange(GRID, dtype=torch.float32)
    place = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(-1, 2)
    phase = place @ frequency.T
    code = 2 * torch.stack([phase.sin(), phase.cos()], dim=-1).flatten(1)
    model.embeddings.position_embeddings.normal_(std=0.02)
    model.embeddings.position_embeddings[0, 1:, -PLACE:] = code
    for layer, steps in zip(model.encoder.layer, STEPS, strict=True):
        turns = [torch.block_diag(*map(_rotation, (frequency @ step).tolist())) for step in steps]
        still = [torch.eye(PLACE)] * HEADS
        for projection, weights in (
            (layer.attention.q_proj, turns),
            (layer.attention.k_proj, still),
        ):
            projection.weight.normal_(std=0.03)
            projection.weight[:, -PLACE:] += torch.cat(weights)


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


def edge_statistics(pixels: Tensor) -> Tensor:
    """How strong edges are around each patch and how far they agree, ``[B, 324, 14]``.

    With g the gradient as a complex number of length m, the means of m, g^2 / m and g^4 / m^3 over
    1, 3 and 5 patches: the lengths of the last two tell stripes (large, large) from checks (small,
    large) and dots (small, small), whatever their direction. Stated outright because a network
    takes long to find features that ignore phase and direction. The first five columns are the
    plain means of one patch; everything is in units of 0.1.
    """
    along = pixels[:, :, 1:-1, 2:] - pixels[:, :, 1:-1, :-2]
    across = pixels[:, :, 2:, 1:-1] - pixels[:, :, :-2, 1:-1]
    square = torch.complex(along, across).square()
    length = square.abs().sum(1, keepdim=True).sqrt().clamp(min=1e-4)
    twice = square.sum(1, keepdim=True) / length
    fourfold = twice.square() / length
    parts = (length, twice.real, twice.imag, fourfold.real, fourfold.imag)
    maps = F.avg_pool2d(F.pad(torch.cat(parts, dim=1), (1, 1, 1, 1)), PATCH)
    columns = [maps]
    for reach in (1, 3, 5):
        near = F.avg_pool2d(maps, reach, 1, reach // 2, count_include_pad=False)
        columns += [near[:, :1], near[:, 1:3].norm(dim=1, keepdim=True)]
        columns += [near[:, 3:].norm(dim=1, keepdim=True)]
    return 10 * torch.cat(columns, dim=1).flatten(2).transpose(1, 2)


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
        self.edge_head = nn.Linear(WIDTH, 14)

    def forward(self, pixels: Tensor, shares: Tensor, attributes: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, and the accuracy on whole objects per attribute ``[3]``."""
        output = self.model(pixel_values=pixels, output_hidden_states=True)
        tokens = output.last_hidden_state[:, 1:]
        edges = F.layer_norm(output.hidden_states[2][:, 1:].float(), (WIDTH,))
        edge_loss = F.smooth_l1_loss(self.edge_head(edges).float(), edge_statistics(pixels))
        labels = patch_labels(shares, attributes)
        loss, _ = self.patch_heads(tokens.flatten(0, 1), labels.flatten(0, 1))
        features, kinds = pooled(tokens, shares, attributes)
        object_loss, right = self.object_heads(features, kinds)
        return loss + 0.5 * object_loss + 5 * similarity_loss(features, kinds) + edge_loss, right


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
    rng = np.random.default_rng(plan.seed)
    start_from_patches(trainee.model, two_scales(*draw_batch(data, 64, rng)[:2], rng)[0])
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
