"""What a person sees of a study in Optuna's dashboard, read from the page itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.chromium import Browser

_PLOTS = """
return [...document.querySelectorAll('.js-plotly-plot')].map(plot => ({
    title: (plot.layout.title || {}).text || '',
    axes: ['xaxis', 'yaxis'].map(a => ((plot.layout[a] || {}).title || {}).text || ''),
    traces: plot.data.map(trace => ({
        name: trace.name || '',
        hover: typeof trace.hovertemplate == 'string' ? trace.hovertemplate : '',
        dots: (trace.x || []).length,
        bars: ((trace.error_x || {}).array || []).filter(v => v > 0).length,
    })),
    lines: (plot.layout.shapes || []).length,
}))
"""


@dataclass(frozen=True)
class DashboardPage:
    """The pages of one study.

    Attributes:
        browser: The browser that shows them.
        address: Where the dashboard is served.
        study: The study's number there.
    """

    browser: Browser
    address: str
    study: int = 0

    def studies(self) -> str:
        """The text of the list of studies."""
        self.browser.open(f"{self.address}/dashboard")
        return self.browser.wait(
            lambda: "".join(t for t in self.browser.texts("#dashboard") if "Direction" in t),
            "list of studies",
        )

    def open(self, page: str = "") -> None:
        """Goes to a page of the study."""
        self.browser.open(f"{self.address}/dashboard/studies/{self.study}{page}")
        self.browser.wait(lambda: self.browser.texts("#dashboard .MuiCard-root"), f"page {page!r}")

    def best_trials(self) -> list[int]:
        """The numbers in the card of the best trials, on the study's first page."""
        cards = self.browser.wait(
            lambda: [t for t in self.browser.texts(".MuiCard-root") if t.startswith("Best Trial")],
            "card of the best trials",
        )
        return [int(n) for n in re.findall(r"^(?:Best )?Trial (?:\(number=)?(\d+)", cards[0], re.M)]

    def objectives(self) -> list[str]:
        """The names that the Pareto front has on its axes."""
        cards = [t for t in self.browser.texts(".MuiCard-root") if t.startswith("Pareto Front")]
        return re.findall(r"Objective [XYZ]:\s+(\S+)", cards[0]) if cards else []

    def plots(self, least: int = 1) -> list[dict[str, Any]]:
        """All plots of the page: title, titles of the axes, traces with their numbers of dots."""

        def look() -> list[dict[str, Any]]:
            plots: list[dict[str, Any]] = self.browser.driver.execute_script(_PLOTS)
            return plots if len(plots) >= least else []

        return self.browser.wait(look, f"{least} plots")

    def buttons(self) -> list[str]:
        """What the buttons over the plots say that they do."""
        script = "return [...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title)"
        titles: list[str] = self.browser.driver.execute_script(script)
        return titles

    def note(self) -> tuple[str, int]:
        """The text of the study's note, and the number of rows of its tables."""
        self.open("/note")
        text = self.browser.wait(
            lambda: "\n".join(t for t in self.browser.texts(".MuiCard-root") if "Recipe" in t),
            "note",
        )
        return text, len(self.browser.texts(".MuiCard-root tbody tr"))

    def infeasible(self, plots: list[dict[str, Any]]) -> int:
        """Dots that a plot calls infeasible."""
        return max(
            sum(
                trace["dots"]
                for trace in plot["traces"]
                if "Infeasible" in trace["hover"] or "Infeasible" in trace["name"]
            )
            for plot in plots
        )

    def download(self, trial: int) -> dict[str, Path]:
        """Clicks on every download of a trial's artifacts; name to the file that arrived."""
        self.open(f"/trials?numbers={trial}")
        links = self.browser.wait(
            lambda: self.browser.driver.find_elements("css selector", "a[download][href]"),
            "artifacts",
        )
        found = {}
        for link in links:
            name = str(link.get_attribute("download"))
            self.browser.driver.execute_script("arguments[0].click()", link)
            path = self.browser.downloads / name
            self.browser.wait(path.is_file, f"download of {name}")
            found[name] = path
        return found
