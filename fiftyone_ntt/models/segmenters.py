"""Promptable segmenters from transformers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from transformers import PreTrainedModel

from fiftyone_ntt.models.image_encoding import ImageEncoder
from fiftyone_ntt.models.mask_decoding import (
    PreparedImage,
    decode_best,
    in_precision,
    prepare_image,
)
from fiftyone_ntt.models.precision import Precision, identity_in, precision_type
from fiftyone_ntt.models.preprocessing import normalise
from fiftyone_ntt.models.weights_identity import weights_identity


@dataclass(frozen=True)
class ImageFeatures:
    """One image's features, as the mask decoder reads them.

    Attributes:
        embedding: the coarsest level.
        details: the finer levels, finest first.
        prepared: what all point prompts of the image share.
    """

    embedding: Float32[Tensor, "1 C s s"]
    details: tuple[Float32[Tensor, "1 C//8 4*s 4*s"], Float32[Tensor, "1 C//4 2*s 2*s"]]
    prepared: PreparedImage


_NO_PROMPTS = dict.fromkeys(("input_points", "input_labels", "input_boxes", "input_masks"))


class TransformersSegmenter:
    """`Segmenter` over `Sam2Model`.

    Its parts are called one by one, so that an image is embedded once for all its prompts. Image
    encoder and mask decoder run in our own way on its weights: see `image_encoding` and
    `mask_decoding`.

    Attributes:
        identity, side, mask_side, device: see `fiftyone_ntt.core.interfaces.Segmenter`.
        add_no_memory_embedding: whether SAM 2's learned "no memory" embedding is added to the
            image embedding, as Meta's own image predictor does; the method leaves it out.
        model: the transformers model, in eval mode.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        device: torch.device | str = "cpu",
        add_no_memory_embedding: bool = False,
        precision: Precision = "float32",
    ) -> None:
        """
        Args:
            model: float32 weights, which are converted in place; its prompt encoder's image size
                becomes `side`.
            device: where it runs.
            add_no_memory_embedding: see the class; part of `identity`.
            precision: what the image and the points are computed in (prompts' positions, predicted
                IoUs and box prompts always are in float32); part of `identity`.
        """
        self.model: Any = model
        self.add_no_memory_embedding = add_no_memory_embedding
        self.side = int(self.model.prompt_encoder.input_image_size)
        self.mask_side = 4 * int(self.model.prompt_encoder.image_embedding_size[0])
        self.identity = identity_in(_identity(model, self.side, add_no_memory_embedding), precision)
        self.device = torch.device(device)
        self.model.eval().requires_grad_(False).to(self.device)
        self._type = precision_type(precision)
        self._decoder = in_precision(self.model.mask_decoder, self._type)
        decoder = self.model.mask_decoder
        for part in (self.model.vision_encoder, decoder.conv_s0, decoder.conv_s1):
            part.to(self._type)
        self._encoder = ImageEncoder(self.model)
        with torch.no_grad():
            self._positions: Float32[Tensor, "1 C s s"] = (
                self.model.get_image_wide_positional_embeddings()
            )

    @torch.no_grad()
    def embed(self, images: Float32[Tensor, "B 3 {self.side} {self.side}"]) -> list[ImageFeatures]:
        """One embedding per image of `images`, RGB in 0..1."""
        pixels = normalise(images, self.side, self.device).to(self._type)
        levels = [level.float() for level in self._encoder(pixels)]
        if self.add_no_memory_embedding:
            levels[-1] = levels[-1] + self.model.no_memory_embedding.view(1, -1, 1, 1)
        return [self._features([level[i : i + 1] for level in levels]) for i in range(len(images))]

    def _features(self, levels: list[Float32[Tensor, "1 _c _h _w"]]) -> ImageFeatures:
        fine, middle, embedding = levels
        no_mask = self.model.prompt_encoder.no_mask_embed.weight.view(1, -1, 1, 1)
        prepared = prepare_image(
            self._decoder, embedding + no_mask, (fine, middle), self._positions
        )
        return ImageFeatures(embedding, (fine, middle), prepared)

    @torch.no_grad()
    def decode_best(
        self, embedding: ImageFeatures, points: Float32[Tensor, "P 2"], iou_threshold: float
    ) -> tuple[
        Int64[Tensor, " N"],
        Float32[Tensor, " N"],
        Float32[Tensor, "N {self.mask_side} {self.mask_side}"],
    ]:
        """The best of the multimask outputs of one positive point each, where it is good enough.

        Equal to choosing from the model's own outputs up to rounding, and several times faster:
        see `mask_decoding`.

        Args:
            embedding: one image's, from `embed`.
            points: x and y in the segmenter's pixels; memory grows with their number, so the
                caller splits them.
            iou_threshold: points whose highest predicted IoU is not above it are left out.

        Returns:
            rows kept, their predicted IoUs and mask logits.
        """
        points = points.to(self.device, torch.float32)
        labels = torch.ones(1, len(points), 1, dtype=torch.int32, device=self.device)
        prompts = {"input_points": points[None, :, None], "input_labels": labels}
        sparse, _ = self.model.prompt_encoder(**{**_NO_PROMPTS, **prompts})
        return decode_best(self._decoder, embedding.prepared, sparse[0], iou_threshold)

    @torch.no_grad()
    def decode_boxes(
        self, embedding: ImageFeatures, boxes: Float32[Tensor, "P 4"]
    ) -> tuple[Float32[Tensor, "P {self.mask_side} {self.mask_side}"], Float32[Tensor, " P"]]:
        """The single-mask output of one box each; where the model's configuration says so, an
        unstable one is replaced by the best of the multimask outputs.

        Args:
            embedding: one image's, from `embed`.
            boxes: corners x1, y1, x2, y2 in the segmenter's pixels.

        Returns:
            mask logits and predicted IoUs.
        """
        if not len(boxes):  # the decoder cannot reshape an empty batch
            empty = torch.zeros(0, self.mask_side, self.mask_side, device=self.device)
            return empty, empty[:, 0, 0]
        boxes = boxes.to(self.device, torch.float32)
        sparse, dense = self.model.prompt_encoder(**{**_NO_PROMPTS, "input_boxes": boxes[None]})
        logits, ious, *_ = self.model.mask_decoder(
            image_embeddings=embedding.embedding,
            image_positional_embeddings=self._positions,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
            high_resolution_features=list(embedding.details),
        )
        return logits[0, :, 0].float(), ious[0, :, 0].float()


def _identity(model: PreTrainedModel, side: int, add_no_memory_embedding: bool) -> str:
    config = model.config
    vision = config.vision_config
    settings = {
        "class": type(model).__name__,
        "side": side,
        "add_no_memory_embedding": add_no_memory_embedding,
        "trunk": _fields(getattr(vision, "backbone_config", vision), _TRUNK_FIELDS),
        "neck": _fields(vision, ("fpn_top_down_levels",)),
        "decoder": _fields(config.mask_decoder_config, _DECODER_FIELDS),
    }
    family = str(config.model_type).replace("_", "-")
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    suffix = "-nomem" if add_no_memory_embedding else ""
    return weights_identity(model, f"{family}-{millions:.3g}M-{side}{suffix}", settings)


_TRUNK_FIELDS = (
    "blocks_per_stage",
    "num_attention_heads_per_stage",
    "window_size_per_stage",
    "global_attention_blocks",
    "hidden_act",
    "layer_norm_eps",
)
_DECODER_FIELDS = (
    "num_attention_heads",
    "hidden_act",
    "dynamic_multimask_via_stability",
    "dynamic_multimask_stability_delta",
    "dynamic_multimask_stability_thresh",
)


def _fields(config: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(config, name, None) for name in names}
