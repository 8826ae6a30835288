"""Models to time: the bundled ones, and true architectures with random weights.

Speed does not depend on the weights' values, except for how many prompts pass the IoU threshold
and what their masks look like. So the random decoders are adjusted: a set share of the prompts
passes, and a mask is a smooth blob that depends on its prompt.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from transformers import Dinov2Config, Dinov2Model, PreTrainedModel

from benchmarks.inputs import TIMED, photo
from benchmarks.naive import decode_points, embed
from fiftyone_ntt.core.geometry import point_grid, squash
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.models import meta_sam2
from fiftyone_ntt.models.encoders import TransformersEncoder
from fiftyone_ntt.models.loading import Models, load_models, resolve_device
from fiftyone_ntt.models.precision import resolve_precision
from fiftyone_ntt.models.preprocessing import normalise
from fiftyone_ntt.models.segmenters import TransformersSegmenter

NAMES = ("demo", "small", "paper")

_TRUNKS = {"small": (96, 16), "paper": (144, 48)}
_ENCODERS = {"small": (384, 12, 6), "paper": (1024, 24, 16)}
_THRESHOLD = ProposalSettings().iou_threshold
_SAMPLED = 12  # prompts per side that the share is set on
_SHAPED, _INSIDE = 4, 0.15  # likewise for the masks' areas, and their share of the image


def models_to_time(
    name: str, device: str, precisions: tuple[str, ...] = ("float32",), kept: float = 0.3
) -> list[Models]:
    """The models of a named set, once per precision, with random weights unless they are bundled.

    Args:
        name: one of `NAMES`.
        device: where they run.
        precisions: "float32" or "bfloat16".
        kept: share of the prompts whose predicted IoU passes the paper's threshold, with random
            weights.
    """
    if name == "demo":
        return [load_models("demo", device=device, precision=kind) for kind in precisions]
    target = resolve_device(device)
    torch.manual_seed(0)
    sam, dino = _random_segmenter(name, kept), _random_encoder(name)
    return [_in_precision(name, dino, sam, target, kind) for kind in precisions]


def _in_precision(
    name: str, dino: PreTrainedModel, sam: PreTrainedModel, device: torch.device, precision: str
) -> Models:
    kind = resolve_precision(precision, device)
    return Models(
        name,
        TransformersEncoder(copy.deepcopy(dino), device, kind),
        TransformersSegmenter(copy.deepcopy(sam), device, precision=kind),
        precision=kind,
    )


def _random_encoder(name: str) -> PreTrainedModel:
    width, layers, heads = _ENCODERS[name]
    config = Dinov2Config(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        patch_size=14,
        image_size=518,
    )
    return _spread(Dinov2Model(config))


def _random_segmenter(name: str, kept: float) -> PreTrainedModel:
    model: Any = meta_sam2.build(meta_sam2.released_size(*_TRUNKS[name], (7, 7)))
    _spread(model)
    decoder = model.mask_decoder
    with torch.no_grad():
        # All four pixels of a transposed convolution alike: blobs, not checkerboards.
        for convolution in (decoder.upscale_conv1, decoder.upscale_conv2):
            convolution.weight.copy_(convolution.weight[:, :, :1, :1].expand_as(convolution.weight))
        for convolution in (decoder.conv_s0, decoder.conv_s1):
            convolution.weight.mul_(0.01)
    segmenter = TransformersSegmenter(model)
    _let_pass(segmenter, kept)
    _shape_masks(segmenter)
    return model


def _spread(model: PreTrainedModel) -> PreTrainedModel:
    """Weights that keep a signal's variance, so that outputs differ between inputs."""
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=float(parameter[0].numel()) ** -0.5)
    return model


def _timed(segmenter: TransformersSegmenter) -> Tensor:
    """The image that is timed, `[1, 3, S, S]`."""
    return squash(photo((480, 640), TIMED), segmenter.side)[None]


@torch.no_grad()
def _let_pass(segmenter: TransformersSegmenter, kept: float) -> None:
    """Shift the predicted IoUs so that a share `kept` of a grid of prompts passes on the image that
    is timed: they differ more between images than between points."""
    head = segmenter.model.mask_decoder.iou_prediction_head.proj_out
    embedding = segmenter.embed(_timed(segmenter))[0]
    points = point_grid(_SAMPLED, segmenter.side)
    ious = segmenter.decode_best(embedding, points, -1.0)[1]
    shift = torch.logit(torch.tensor(_THRESHOLD)) - torch.logit(ious).quantile(1 - kept)
    head.bias.add_(shift)


@torch.no_grad()
def _shape_masks(segmenter: TransformersSegmenter) -> None:
    """Take the pixels' mean feature out of the masks, and then so much that a share `_INSIDE` lies
    above 0: at random, all logits of a mask have one sign."""
    decoder = segmenter.model.mask_decoder
    features: list[Tensor] = []
    # The last activation's output is what the masks are products with.
    hook = decoder.activation.register_forward_hook(lambda *call: features.append(call[2]))
    levels = embed(segmenter.model, normalise(_timed(segmenter), segmenter.side, segmenter.device))
    points = point_grid(_SHAPED, segmenter.side)
    decode_points(segmenter.model, levels, points)
    hook.remove()
    mean = features[-1].mean(dim=(0, 2, 3))
    along = torch.outer(mean, mean) / mean.square().sum()
    heads = [head.proj_out for head in decoder.output_hypernetworks_mlps]
    for head in heads:
        head.weight.sub_(along @ head.weight)
        head.bias.sub_(along @ head.bias)
    logits = decode_points(segmenter.model, levels, points)[0]
    excess = logits[:, :, ::8, ::8].quantile(1 - _INSIDE)
    for head in heads:
        head.bias.sub_(excess * mean / mean.square().sum())
