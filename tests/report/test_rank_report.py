"""The table and the picture of ``nas-kd rank``."""

from __future__ import annotations

import math
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from nas_kd.report.rank_plot import draw_ranking
from nas_kd.report.rank_table import explanation, rank_table

ORANGE = np.array([0xE0, 0x7B, 0x00])


def row(name: str, kind: str = "proxy", tau: float = 0.5, **changes: Any) -> dict[str, Any]:
    return {
        "proxy": name, "kind": kind, "tau": tau, "tau_ci": (tau - 0.1, tau + 0.1), "rho": 0.7,
        "rho_ci": (0.6, 0.8), "partial_tau": 0.25, "tau_within_params": 0.125, "ndcg": 0.9,
        "top_pick_target": 93.5, "n": 200, "nan": 0, "seconds_per_arch": 0.0,
        "seconds_per_pass": 0.0, **changes,
    }  # fmt: skip


@pytest.fixture
def document() -> dict[str, Any]:
    nothing = {"tau_ci": (math.nan, math.nan), "rho": math.nan, "partial_tau": math.nan}
    return {
        "schema": "nas-kd.rank/1",
        "space": {"name": "nasbench201", "options": {}},
        "table": "tables/mine.csv",
        "target": "acc_$1_$2",
        "sample": {
            "rows": 1200, "functions": 1100, "dropped": 0, "seed": 3, "data": "digits",
            "images": 64, "teacher": "digits-cnn", "interval": "bootstrap",
        },
        "rows": [
            row("acc_12", "column", 0.7),
            row("naswot+[jacov]", seconds_per_arch=0.0123, nan=7),
            row("params", "structure", 0.4, partial_tau=math.nan),
            row("constant", tau=math.nan, **nothing),
        ],
    }  # fmt: skip


def shown(*parts: Any, width: int = 110) -> str:
    console = Console(file=StringIO(), width=width)
    for part in parts:
        console.print(part, markup=False, highlight=False)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


class TestTable:
    def test_everything_is_there(self, document: dict[str, Any]) -> None:
        text = shown(rank_table(document), explanation(document))
        assert "(bootstrap)" in text
        for words in (
            "acc_$1_$2 of 1,200 nasbench201 networks (1,100 different)", "naswot+[jacov]",
            "0.400 to 0.600", "0.012", "size", "column", "64 images of digits", "seed 3",
        ):  # fmt: skip
            assert words in text
        assert "…" not in text
        assert "nan" not in text
        assert "left out" not in text
        assert "no value: networks" in text
        assert "canonical" not in text

    def test_columns_without_content_are_not_shown(self, document: dict[str, Any]) -> None:
        assert "no value" in shown(rank_table(document))
        document["rows"][1]["nan"] = 0
        assert "no value" not in shown(rank_table(document))

    def test_says_what_needs_saying(self, document: dict[str, Any]) -> None:
        document["sample"]["dropped"] = 1234
        document["rows"].append(row("canonical_params", "structure", 0.6))
        text = shown(explanation(document))
        assert "left out: 1,234" in text
        assert "a search would build" in text


class TestPicture:
    def test_every_score_with_a_tau_adds_a_line(
        self, document: dict[str, Any], tmp_path: Path
    ) -> None:
        picture = tmp_path / "rank.png"
        heights = []
        for rows in (document["rows"], document["rows"][:3], document["rows"][:1]):
            draw_ranking(document | {"rows": rows}, picture)
            with Image.open(picture) as image:
                assert image.format == "PNG"
                heights.append(image.height)
        assert heights[0] == heights[1] > heights[2]
        assert list(tmp_path.iterdir()) == [picture]

    def test_the_best_size_is_marked_from_top_to_bottom(
        self, document: dict[str, Any], tmp_path: Path
    ) -> None:
        pixels = np.asarray(Image.open(draw_ranking(document, tmp_path / "a.png")).convert("RGB"))
        orange = (np.abs(pixels.astype(int) - ORANGE).sum(axis=2) < 30).sum(axis=0)  # (column,)
        assert orange.max() > 0.1 * len(pixels)
        document["rows"] = [entry for entry in document["rows"] if entry["kind"] != "structure"]
        pixels = np.asarray(Image.open(draw_ranking(document, tmp_path / "b.png")).convert("RGB"))
        assert not (np.abs(pixels.astype(int) - ORANGE).sum(axis=2) < 30).any()

    def test_nothing_to_draw(self, document: dict[str, Any], tmp_path: Path) -> None:
        document["rows"] = document["rows"][3:]
        assert draw_ranking(document, tmp_path / "a.png").stat().st_size > 1000
