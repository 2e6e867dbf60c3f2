"""Colours that mean the same in pictures and in interactive figures."""

from __future__ import annotations

INK, MUTED, GRID, BASELINE = "#1f2933", "#66727f", "#e6e9ed", "#c5ccd4"
FRONT, FINALIST, WINNER, LIMIT = "#0b6fb8", "#e07b00", "#c2185b", "#b3261e"
