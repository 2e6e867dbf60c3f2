"""Masked autoencoders as teachers, from end to end on the digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import ViTImageProcessor

from nas_kd.data import load_data
from nas_kd.errors import UsageError
from nas_kd.training.elastic.restoring import restore_supernet
from nas_kd.training.masked.hiding import hide_patches
from nas_kd.training.masked.lessons import DmaeLesson, G2sdLesson
from nas_kd.training.masked.session import MaskedSession
from nas_kd.training.masked.settings import DmaeSettings, G2sdSettings
from nas_kd.training.masked.teacher import load_mae
from tests.training.elastic.jobs import SPACES, make_job, same_bits, stored
from tests.training.masked.autoencoder import saved_autoencoder, tiny_autoencoder

TINY: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 32,
    "epoch_images": 64,
    "decoder_width": 16,
    "decoder_depth": 1,
    "decoder_heads": 2,
}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved_autoencoder(tmp_path_factory.mktemp("mae"))


def _dmae(teacher: str | None, **changes: Any) -> MaskedSession:
    settings = DmaeSettings(**{**TINY, **changes})
    return MaskedSession(make_job(settings, teacher=teacher), DmaeLesson)


def _g2sd(teacher: str | None, **changes: Any) -> MaskedSession:
    settings = G2sdSettings(**{**TINY, "teacher_block": 2, **changes})
    return MaskedSession(make_job(settings, teacher=teacher), G2sdLesson)


@pytest.mark.parametrize("make", [_dmae, _g2sd])
def test_a_resumed_training_ends_with_the_same_bits(make: Any, teacher: str) -> None:
    whole = make(teacher)
    first = whole.run_unit()
    kept = stored(whole.state())
    second = whole.run_unit()

    resumed = make(teacher)
    resumed.load(kept)

    assert resumed.run_unit() == second != first
    assert "features" in second
    assert set(second) - set(first) == {"knn_largest", "knn_smallest"}
    assert same_bits(resumed.state(), whole.state())


def test_features_come_closer_to_the_teachers(teacher: str) -> None:
    for make in (_dmae, _g2sd):
        training = make(teacher, epochs=6, epoch_images=512, learning_rate=0.01)
        losses = [training.run_unit()["features"] for _ in range(6)]
        assert losses[-1] < 0.9 * losses[0]


def test_a_teacher_saved_in_half_precision_is_used_in_float32(tmp_path: Path) -> None:
    tiny_autoencoder().bfloat16().save_pretrained(tmp_path)
    teacher = load_mae(f"hf:{tmp_path}", load_data("digits"), 2)
    assert {value.dtype for value in teacher.model.parameters()} == {torch.float32}


def test_without_a_teacher_dmae_is_a_masked_autoencoder_and_g2sd_is_refused() -> None:
    assert set(_dmae(None, epochs=2).run_unit()) == {"loss", "pixels"}
    with pytest.raises(UsageError, match="masked autoencoder"):
        _g2sd(None)


def test_the_teacher_sees_what_the_students_see(teacher: str) -> None:
    """Its tokens after a block, for the same noise, are those that transformers reports."""
    loaded = load_mae(teacher, load_data("digits"), 2)
    images, noise = torch.rand(3, 1, 8, 8), torch.rand(3, 16)
    model = tiny_autoencoder()
    model.config.mask_ratio = 0.5
    told = model.vit(images, noise=noise, output_hidden_states=True)

    loaded.end_encoder(3)
    seen = loaded.encoded(images, noise, 0.5)

    assert len(loaded.model.vit.layers) == 3
    assert seen.shape == (3, 1 + hide_patches(noise, 0.5).visible.shape[1], 24)
    torch.testing.assert_close(seen, told.hidden_states[3])


@pytest.mark.parametrize("blocks", [1, 2])
def test_the_teachers_decoder_ends_where_it_is_read(teacher: str, blocks: int) -> None:
    loaded = load_mae(teacher, load_data("digits"), 2)
    images, noise = torch.rand(3, 1, 8, 8), torch.rand(3, 16)
    model = tiny_autoencoder()
    model.config.mask_ratio = 0.5
    seen: list[torch.Tensor] = []
    layer = model.decoder.decoder_layers[blocks - 1]
    layer.register_forward_hook(lambda module, given, output: seen.append(output))
    with torch.no_grad():
        model(images, noise=noise)

    loaded.end_decoder(blocks)

    torch.testing.assert_close(loaded.decoded(images, noise, 0.5), seen[0][:, 1:])
    assert len(loaded.model.decoder.decoder_layers) == blocks


def test_the_supernet_comes_back_from_its_file(teacher: str, tmp_path: Path) -> None:
    training = _dmae(teacher, epochs=1)
    training.run_unit()
    facts = training.save(tmp_path)
    named = {"space": "elastic-vit", "space_options": SPACES["elastic-vit"]}
    restored = restore_supernet(tmp_path, {**named, **facts})

    images, arch = torch.rand(3, 1, 8, 8), training.job.space.anchors()[1]
    supernet = training._supernet.eval()
    assert torch.equal(restored.embed(images, arch).pooled, supernet.embed(images, arch).pooled)


def test_a_teacher_that_does_not_fit_is_told(teacher: str, tmp_path: Path) -> None:
    digits = load_data("digits")
    with pytest.raises(UsageError, match=r"patch_size 2.*patch_size 4"):
        load_mae(teacher, digits, 4)
    with pytest.raises(UsageError, match="num_channels 1"):
        load_mae(teacher, load_data("digits?channels=3"), 2)
    with pytest.raises(UsageError, match="not a masked autoencoder"):
        load_mae("timm:resnet18", digits, 2)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_mae(f"hf:{tmp_path}", digits, 2)


def test_an_image_processor_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    autoencoder = saved_autoencoder(tmp_path)
    assert load_mae(autoencoder, load_data("digits"), 2).mean is None
    processor = tmp_path / "preprocessor_config.json"
    ViTImageProcessor(image_mean=[0.25], image_std=[0.5]).save_pretrained(tmp_path)
    assert load_mae(autoencoder, load_data("digits"), 2).mean == pytest.approx([0.25])
    processor.write_text("{")
    with pytest.raises(UsageError, match=r"preprocessor_config\.json cannot be read"):
        load_mae(autoencoder, load_data("digits"), 2)


def test_what_teaches_nothing_is_told(teacher: str) -> None:
    with pytest.raises(UsageError, match="nothing is learned"):
        _dmae(None, pixel_weight=0.0)
    with pytest.raises(UsageError, match="nothing is learned from the teacher"):
        _dmae(teacher, feature_weight=0.0)
    with pytest.raises(UsageError, match=r"depth_share=0\.5 would have no effect"):
        _dmae(None, depth_share=0.5)
    with pytest.raises(UsageError, match="hides all of 16 patches"):
        _dmae(None, mask_ratio=0.95)


def test_the_rate_follows_the_images_that_are_in_a_batch() -> None:
    small, large = _dmae(None), _dmae(None, batch_size=100_000)
    rates = [training._raw_optimizer.defaults["lr"] for training in (small, large)]
    assert rates[1] / rates[0] == pytest.approx(len(large.data.train) / 32)


def test_wrong_settings_are_told() -> None:
    with pytest.raises(UsageError, match="multiple of 4"):
        DmaeSettings(decoder_width=18, decoder_heads=2)
    with pytest.raises(UsageError, match="mask_ratio"):
        G2sdSettings(mask_ratio=1.0)
    with pytest.raises(UsageError, match=r"size_scale=2\.0 would have no effect"):
        DmaeSettings(elastic_students=0, size_scale=2.0)
