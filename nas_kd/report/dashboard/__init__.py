"""Optuna's own dashboard on a run: see `nas_kd.report.dashboard.application`."""
