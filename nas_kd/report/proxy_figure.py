"""How far the proxies of a run agree with one another, and with size alone, as a heat map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas_kd.report.figure_style import FONT, TEMPLATE
from studies.ranking.correlation import kendall_tau

_FEWEST = 3
"""Candidates below which a rank correlation says nothing."""
_MOST = 4_000
"""Candidates that are looked at, spread evenly over the trials: enough for two digits."""
_COUNTED = ("macs", "params")
"""Columns of costs, which candidates that were not scored have, too; also names of proxies."""
SCALE = [(0.0, "#c2410c"), (0.5, "#ffffff"), (1.0, "#0b6fb8")]


def agreement_table(candidates: pd.DataFrame, proxies: Sequence[str]) -> pd.DataFrame | None:
    """Kendall's tau-b between every two of the proxies, the fused score, MACs and parameters.

    Over the distinct candidates that were scored; those without a finite value rank last, and what
    is constant has no tau (NaN). A single proxy is the score itself. None without a proxy, with a
    size as the only one, and with fewer than three candidates.

    Args:
        candidates: The run's candidates, one row a trial (`RunDirectory.read_candidates`).
        proxies: Names of the proxies' columns.
    """
    shown = [name for name in proxies if name in candidates]
    if not shown or (len(shown) == 1 and shown[0] in _COUNTED):
        return None
    judged = [*shown, "score"] if len(shown) > 1 else shown
    told = [name for name in judged if name not in _COUNTED]
    scored = candidates.drop_duplicates("key").dropna(subset=told, how="all")
    if len(scored) < _FEWEST:
        return None
    chosen = scored.iloc[:: -(-len(scored) // _MOST)]
    names = list(dict.fromkeys([*judged, *_COUNTED]))
    columns = [pd.to_numeric(chosen[name], errors="coerce").to_numpy(float) for name in names]
    taus = np.eye(len(names))
    for first, second in zip(*np.triu_indices(len(names)), strict=True):
        tau = kendall_tau(columns[first], columns[second])
        taus[first, second] = taus[second, first] = tau
    table = pd.DataFrame(taus, index=names, columns=names)
    table.attrs["candidates"] = len(chosen)
    return table


def agreement_figure(candidates: pd.DataFrame, proxies: Sequence[str]) -> go.Figure | None:
    """The heat map of `agreement_table`; None where that is None."""
    table = agreement_table(candidates, proxies) if len(candidates) else None
    if table is None:
        return None
    names = list(table.columns)
    cells = table.to_numpy()
    figure = go.Figure(
        go.Heatmap(
            x=names,
            y=names,
            z=[[None if np.isnan(tau) else float(tau) for tau in row] for row in cells],
            text=[["-" if np.isnan(tau) else f"{tau:.2f}" for tau in row] for row in cells],
            texttemplate="%{text}",
            hovertemplate="%{y} and %{x}: tau %{text}<extra></extra>",
            zmin=-1,
            zmax=1,
            colorscale=SCALE,
            colorbar={"title": {"text": "tau"}, "thickness": 14},
            xgap=2,
            ygap=2,
        )
    )
    figure.update_layout(
        template=TEMPLATE,
        height=max(320, 120 + 36 * len(names)),
        margin={"l": 110, "r": 20, "t": 30, "b": 80},
        font=FONT,
        xaxis={"title": {"text": f"Kendall's tau over {table.attrs['candidates']:,} candidates"}},
        yaxis={"autorange": "reversed"},
    )
    return figure
