"""The command line starts fast: no verb's libraries are loaded for the help."""

from __future__ import annotations

import statistics
import subprocess
import sys

import pytest

from tests.cli.conftest import children_seconds

HEAVY = ("torch", "optuna", "pandas", "numpy", "matplotlib", "plotly", "onnxruntime", "timm")


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        f"import sys; from nas_kd.cli import main; main({arguments!r}); "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert _python(code).splitlines()[-1] == "[]"


def test_importing_the_package_costs_nothing() -> None:
    code = "import sys, nas_kd; print([m for m in sys.modules if m.startswith(('torch', 'typer'))])"
    assert _python(code).strip() == "[]"


def test_progress_bars_of_libraries_are_kept_out_of_files() -> None:
    code = (
        "from nas_kd.cli.console import quiet_libraries; quiet_libraries(); "
        "from transformers.utils.logging import is_progress_bar_enabled as shown; print(shown())"
    )
    assert _python(code).strip() == "False"


def test_help_is_quick() -> None:
    def once() -> float:
        before = children_seconds()
        subprocess.run(
            [sys.executable, "-m", "nas_kd", "--help"], capture_output=True, check=True, timeout=60
        )
        return children_seconds() - before

    # 0.3 s by the clock is the promise on an idle machine.
    assert statistics.median(once() for _ in range(5)) < 0.9
