"""The names of fusions: how several proxies become one score, and which belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Fusion = Literal["reference", "log-rank", "mean-rank"]
"""On the fixed scale of a reference sample, or by ranks in the whole history of the search."""


@dataclass(frozen=True)
class Preset:
    """Proxies that their authors fuse into one score.

    Attributes:
        proxies: Their names.
        fusion: How they are fused.
        source: Paper.
    """

    proxies: tuple[str, ...]
    fusion: Fusion
    source: str


PRESETS = {
    "az_nas": Preset(
        ("az_expressivity", "az_progressivity", "az_trainability", "macs"),
        "log-rank",
        "AZ-NAS, Lee & Ham, CVPR 2024, arXiv 2403.19232",
    ),
    "te_nas": Preset(
        ("te_nas_ntk", "te_nas_regions"),
        "mean-rank",
        "TE-NAS, Chen, Gong & Wang, ICLR 2021, arXiv 2102.11535",
    ),
    "vkdnw_agg": Preset(
        ("vkdnw_single", "jacov", "az_expressivity", "az_trainability", "macs"),
        "log-rank",
        "VKDNW, CVPR 2025, arXiv 2502.04975, aggregated",
    ),
}
"""By the name that stands for all of them among the proxies of a search."""


def with_presets(search: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of ``[search]`` with the proxies of presets in place of their names.

    Their fusion is the preset's, unless the settings name one.

    Raises:
        ValueError: Presets of unlike fusions stand together, and the settings name none.
    """
    settings = dict(search)
    names = settings.get("proxies")
    if not isinstance(names, Sequence) or isinstance(names, str):
        return settings
    presets = [name for name in names if isinstance(name, str) and name in PRESETS]
    if not presets:
        return settings
    members: list[Any] = []
    for name in names:
        part = PRESETS[name].proxies if name in presets else (name,)
        members += [member for member in part if name not in presets or member not in members]
    fusions = {PRESETS[name].fusion for name in presets}
    if settings.get("fusion") is None and len(fusions) > 1:
        raise ValueError(
            f"{' and '.join(presets)} are fused in different ways; name one as search.fusion"
        )
    return {"fusion": min(fusions), **settings, "proxies": tuple(members)}
