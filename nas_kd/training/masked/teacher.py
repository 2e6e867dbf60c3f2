"""A trained masked autoencoder of transformers as a teacher of features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nas_kd.data import DataSplits
from nas_kd.errors import UsageError
from nas_kd.network import is_network_failure, unreachable
from nas_kd.source_spec import SourceSpec
from nas_kd.teachers.image_processor import image_processor
from nas_kd.teachers.pretrained import place_of


class MaeTeacher(nn.Module):
    """transformers' `ViTMAEForPreTraining`, frozen; only what is read of it runs.

    Attributes:
        patch_side: Pixels along the side of a patch.
        width: Channels of the encoder.
        depth: Blocks of the encoder.
        decoder_width: Channels of the decoder.
        decoder_depth: Blocks of the decoder.
        mean: By which its images are normalised; None where its folder does not say.
        std: Likewise.
    """

    def __init__(self, model: Any, processor: Any = None) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.patch_side = int(model.config.patch_size)
        self.width = int(model.config.hidden_size)
        self.depth = int(model.config.num_hidden_layers)
        self.decoder_width = int(model.config.decoder_hidden_size)
        self.decoder_depth = int(model.config.decoder_num_hidden_layers)
        self.mean: list[float] | None = getattr(processor, "image_mean", None)
        self.std: list[float] | None = getattr(processor, "image_std", None)

    def end_encoder(self, blocks: int) -> None:
        """Keeps the first blocks of the encoder, whose output `encoded` gives from now on."""
        vit = self.model.vit
        vit.layers, vit.layernorm = vit.layers[:blocks], nn.Identity()
        self.model.decoder = nn.Identity()

    def end_decoder(self, blocks: int) -> None:
        """Keeps the first blocks of the decoder, whose output `decoded` gives from now on."""
        decoder = self.model.decoder
        decoder.decoder_layers = decoder.decoder_layers[:blocks]
        decoder.decoder_norm, decoder.decoder_pred = nn.Identity(), nn.Identity()

    @torch.no_grad()
    def encoded(self, images: Tensor, noise: Tensor, ratio: float) -> Tensor:
        """Class token and visible patches after the last block that is kept,
        ``(image, 1 + visible, width)``."""
        tokens: Tensor = self._encode(images, noise, ratio).last_hidden_state
        return tokens

    @torch.no_grad()
    def decoded(self, images: Tensor, noise: Tensor, ratio: float) -> Tensor:
        """All patches after the last block of the decoder that is kept,
        ``(image, patch, decoder_width)``."""
        seen = self._encode(images, noise, ratio)
        patches: Tensor = self.model.decoder(seen.last_hidden_state, seen.ids_restore).logits
        return patches

    def _encode(self, images: Tensor, noise: Tensor, ratio: float) -> Any:
        self.model.config.mask_ratio = ratio
        return self.model.vit(pixel_values=images, noise=noise)


def load_mae(source: str, data: DataSplits, patch_side: int) -> MaeTeacher:
    """Loads ``hf:NAME_OR_FOLDER``, a masked autoencoder with its decoder.

    Args:
        source: Such as ``hf:facebook/vit-mae-large``, or a folder of ``save_pretrained``. No code
            that comes with a model is run.
        data: Whose images it has to fit.
        patch_side: The students', which has to be its own.

    Raises:
        UsageError: It is no masked autoencoder, does not fit the images or the students, or its
            image processor cannot be read.
        NasKdError: It, or the image processor that lies beside it, cannot be downloaded.
    """
    spec = SourceSpec.parse(source)
    if spec.kind != "hf" or not spec.target:
        raise UsageError(
            f"teacher: {source} is not a masked autoencoder. Give hf:NAME_OR_FOLDER, such as "
            "hf:facebook/vit-mae-base."
        )
    spec.require_options(())
    teacher = MaeTeacher(*_from_pretrained(spec))
    config = teacher.model.config
    channels, side, _ = data.input_shape
    wanted = {"image_size": side, "num_channels": channels, "patch_size": patch_side}
    if misfits := [name for name, value in wanted.items() if getattr(config, name) != value]:
        told = ", ".join(f"{name} {getattr(config, name)}" for name in misfits)
        needed = ", ".join(f"{name} {wanted[name]}" for name in misfits)
        raise UsageError(
            f"teacher: {source} has {told}, and images and students have {needed}. Set "
            "--image-size, ?channels= of the data or --space-option patch_size accordingly."
        )
    return teacher


def _from_pretrained(spec: SourceSpec) -> tuple[Any, Any]:
    from transformers import ViTMAEForPreTraining

    place = place_of(spec)
    try:
        model, report = ViTMAEForPreTraining.from_pretrained(
            place, dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:
        if is_network_failure(error):
            raise unreachable(
                f"teacher {spec.text}", instead="give a folder written by save_pretrained"
            ) from error
        raise UsageError(
            f"teacher: {spec.text} cannot be loaded as a masked autoencoder "
            f"({type(error).__name__}: {error}). Check the name or folder."
        ) from error
    if missing := sorted(report["missing_keys"]):
        raise UsageError(
            f"teacher: the weights of {spec.text} lack {', '.join(missing[:3])}: it is no trained "
            "masked autoencoder with its decoder."
        )
    return model, image_processor(spec, instead="save the autoencoder into a folder without one")
