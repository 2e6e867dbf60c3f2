"""Debian's Chromium, driven by Selenium, for checks of what a browser really shows."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
_BINARIES, _DRIVERS = ("chromium", "chromium-browser", "google-chrome"), ("chromedriver",)
_INLINE = ("data:", "blob:", "about:")

T = TypeVar("T")


def why_not() -> str:
    """What is missing here for a browser; empty when nothing is."""
    missing = [
        name
        for name, found in (
            ("chromium", _first(_BINARIES)),
            ("chromium-driver", _first(_DRIVERS)),
            ("selenium", find_spec("selenium")),
        )
        if not found
    ]
    if not missing:
        return ""
    return (
        f"{', '.join(missing)} missing (apt-get install chromium chromium-driver; "
        "pip install -e '.[browser]')"
    )


@dataclass(frozen=True)
class Browser:
    """One window.

    Attributes:
        driver: Selenium's driver.
        downloads: Where downloads land.
    """

    driver: Any
    downloads: Path

    def open(self, address: str) -> None:
        """Goes to a page; what was logged before is forgotten."""
        self.driver.get("about:blank")
        self.errors()
        self.requests()
        self.driver.get(address)

    def texts(self, css: str) -> list[str]:
        """Visible text of all elements that match."""
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)"
        texts: list[str] = self.driver.execute_script(script, css)
        return texts

    def wait(self, look: Callable[[], T], what: str, seconds: float = 20.0) -> T:
        """Looks until there is something to see.

        Raises:
            TimeoutError: There never was.
        """
        end = time.monotonic() + seconds
        while not (seen := look()):
            if time.monotonic() > end:
                raise TimeoutError(f"{what} not seen within {seconds:g} s")
            time.sleep(0.1)
        return seen

    def errors(self) -> list[str]:
        """Errors on the console since the last call."""
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def requests(self) -> list[str]:
        """Addresses that were asked for since the last call, without what lies in the page."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        asked = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return [address for address in asked if not address.startswith(_INLINE)]

    def screenshot(self, path: Path, *, whole: bool = False) -> Path:
        """Writes the window, or the whole page, as a PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if whole:
            width, height = self.driver.execute_script(
                "const e = document.documentElement; return [e.scrollWidth, e.scrollHeight]"
            )
            before = self.driver.get_window_size()
            self.driver.set_window_size(width, height + 200)
            time.sleep(1.0)
            self.driver.save_screenshot(str(path))
            self.driver.set_window_size(before["width"], before["height"])
        else:
            self.driver.save_screenshot(str(path))
        return path


@contextmanager
def browser(width: int = 1400, height: int = 1000) -> Iterator[Browser]:
    """A fresh Chromium with an empty profile; it is gone afterwards."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory() as folder:
        downloads = Path(folder) / "downloads"
        downloads.mkdir()
        options = webdriver.ChromeOptions()
        options.binary_location = _first(_BINARIES)
        for flag in (
            *_FLAGS,
            f"--user-data-dir={folder}/profile",
            f"--window-size={width},{height}",
        ):
            options.add_argument(flag)
        options.add_experimental_option(
            "prefs",
            {
                "download.default_directory": str(downloads),
                "profile.default_content_setting_values.automatic_downloads": 1,
            },
        )
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(_first(_DRIVERS)))
        try:
            yield Browser(driver, downloads)
        finally:
            driver.quit()


def _first(names: tuple[str, ...]) -> str:
    return next((found for name in names if (found := shutil.which(name))), "")
